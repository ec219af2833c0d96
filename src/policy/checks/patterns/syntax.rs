//! What a pattern of RabbitMQ says, as far as it can be decided.
//!
//! RabbitMQ gives patterns to Erlang's `re`, which is PCRE without UTF. The parser here is Rust's. Where the two read a
//! construct differently, or where it is not regular (look-around, back-references), the pattern is [`Reading::Foreign`]:
//! it is neither called invalid nor compared. `erlang.tsv` holds what Erlang says to each construct.

use std::iter::Peekable;
use std::str::Chars;

use regex_syntax::ast::{self, Ast, ErrorKind};

/// What is known about a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reading {
    /// Both read it alike.
    Regular,
    /// Erlang may read it otherwise, for this reason.
    Foreign(&'static str),
    /// Erlang refuses it.
    Invalid {
        /// Why.
        why: &'static str,
        /// The character at which it is wrong, from 1.
        at: usize,
    },
}

/// Reads a pattern.
pub(super) fn read(pattern: &str) -> Reading {
    if is_plain(pattern) {
        return Reading::Regular;
    }
    if let Some(why) = foreign(pattern) {
        return Reading::Foreign(why);
    }
    match ast::parse::Parser::new().parse(pattern) {
        Ok(tree) => repeated(&tree).unwrap_or(Reading::Regular),
        Err(error) => match refused(error.kind()) {
            Some(why) => Reading::Invalid { why, at: error.span().start.column },
            None => Reading::Foreign("it uses syntax that rmqgit does not know"),
        },
    }
}

/// Tells at a glance that a pattern holds names, escaped dots, `.*` and anchors only, as most do.
pub(super) fn is_plain(pattern: &str) -> bool {
    let body = pattern.strip_prefix('^').unwrap_or(pattern);
    let mut bytes = body.strip_suffix('$').unwrap_or(body).bytes();
    while let Some(byte) = bytes.next() {
        let sound = match byte {
            b'\\' => bytes.next() == Some(b'.'),
            b'.' => {
                if let Some(b'*' | b'+') = bytes.clone().next() {
                    bytes.next();
                    !matches!(bytes.clone().next(), Some(b'*' | b'+' | b'?' | b'{'))
                } else {
                    true
                }
            }
            _ => byte.is_ascii_alphanumeric() || b"_-:/@,=% ".contains(&byte),
        };
        if !sound {
            return false;
        }
    }
    true
}

/// Returns why Erlang may read a pattern otherwise than the parser does.
fn foreign(pattern: &str) -> Option<&'static str> {
    let mut rest = pattern.chars().peekable();
    while let Some(char) = rest.next() {
        let found = match char {
            '\\' => escape(&mut rest),
            '[' => class(&mut rest),
            '(' => group(&mut rest),
            '{' => counted(rest.clone()),
            _ if !char.is_ascii() && matches!(rest.peek(), Some('*' | '+' | '?' | '{')) => {
                Some("Erlang repeats the last byte of a letter beyond ASCII")
            }
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// The named classes that both know.
const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];

const ESCAPE: &str = "it has an escape that rmqgit does not decide";

fn escape(rest: &mut Peekable<Chars<'_>>) -> Option<&'static str> {
    match rest.next() {
        None | Some('d' | 'D' | 'w' | 'W' | 's' | 'S' | 'b' | 'B' | 'A' | 'z' | 'n' | 'r' | 't' | 'f' | 'a') => None,
        Some('x') => {
            let digits = rest.clone().take(2).filter(char::is_ascii_hexdigit).count();
            (digits < 2).then_some(ESCAPE)
        }
        Some('1'..='9' | 'g' | 'k') => Some("it has a back-reference"),
        Some(other) if other.is_ascii() && !other.is_ascii_alphanumeric() && !matches!(other, '<' | '>') => None,
        Some(_) => Some(ESCAPE),
    }
}

fn class(rest: &mut Peekable<Chars<'_>>) -> Option<&'static str> {
    const CLASS: &str = "it has a character class that rmqgit does not decide";
    let mut last = None;
    if rest.peek() == Some(&'^') {
        rest.next();
    }
    // A bracket right at the beginning is an ordinary character.
    if rest.peek() == Some(&']') {
        last = rest.next();
    }
    while let Some(char) = rest.next() {
        match char {
            ']' => return None,
            '[' if rest.peek() == Some(&':') => {
                let name: String = rest.by_ref().skip(1).take_while(|char| *char != ':').collect();
                if rest.next() != Some(']') || !POSIX.contains(&name.trim_start_matches('^')) {
                    return Some(CLASS);
                }
            }
            '[' => return Some(CLASS),
            '&' | '-' | '~' if last == Some(char) => return Some(CLASS),
            '\\' if rest.peek() == Some(&'b') => return Some(CLASS),
            '\\' => {
                if let Some(why) = escape(rest) {
                    return Some(why);
                }
            }
            _ if !char.is_ascii() => return Some("Erlang takes a letter beyond ASCII in a class for its bytes"),
            _ => {}
        }
        last = Some(char);
    }
    None
}

fn group(rest: &mut Peekable<Chars<'_>>) -> Option<&'static str> {
    match rest.peek() {
        Some('*') => return Some("it gives orders to the regular expression engine"),
        Some('?') => rest.next(),
        _ => return None,
    };
    let after: String = rest.clone().take(3).collect();
    let flags = rest.clone().take_while(|char| !matches!(char, ':' | ')')).all(|flag| "ims-".contains(flag));
    if after.starts_with(['=', '!']) || after.starts_with("<=") || after.starts_with("<!") {
        Some("it looks ahead or behind")
    } else if after.starts_with('<') || after.starts_with("P<") || (flags && rest.clone().any(|c| c == ':' || c == ')'))
    {
        None
    } else {
        Some("it has a group that rmqgit does not decide")
    }
}

/// Erlang takes a brace that begins no count for itself.
fn counted(rest: Peekable<Chars<'_>>) -> Option<&'static str> {
    let text: String = rest.take(16).collect();
    let count = text.split_once('}').map(|(count, _)| count.split_once(',').unwrap_or((count, "")));
    // Erlang counts to 65535.
    let number = |text: &str| text.parse::<u16>().is_ok() && !text.starts_with('+');
    let sound = count.is_some_and(|(least, most)| number(least) && (most.is_empty() || number(most)));
    (!sound).then_some("it has a brace that begins no count")
}

/// Returns what Erlang says too, where it refuses the same.
fn refused(kind: &ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::ClassUnclosed => "the `[` is not closed",
        ErrorKind::ClassRangeInvalid => "the range goes backwards",
        ErrorKind::EscapeUnexpectedEof => "nothing follows the backslash",
        ErrorKind::GroupUnclosed => "the `(` is not closed",
        ErrorKind::GroupUnopened => "the `)` closes nothing",
        ErrorKind::GroupNameDuplicate { .. } => "two groups have one name",
        ErrorKind::RepetitionMissing => "there is nothing to repeat",
        ErrorKind::RepetitionCountInvalid => "the count goes backwards",
        _ => return None,
    })
}

/// Finds a repetition of a repetition or of an anchor, which only Rust accepts.
fn repeated(tree: &Ast) -> Option<Reading> {
    match tree {
        Ast::Repetition(repetition) => match &*repetition.ast {
            // PCRE: possessive.
            Ast::Repetition(_) if matches!(repetition.op.kind, ast::RepetitionKind::OneOrMore) => {
                Some(Reading::Foreign("it has a quantifier that gives nothing back"))
            }
            Ast::Repetition(_) | Ast::Assertion(_) => {
                let at = repetition.op.span.start.column;
                Some(Reading::Invalid { why: "there is nothing to repeat", at })
            }
            inner => repeated(inner),
        },
        Ast::Group(group) => repeated(&group.ast),
        Ast::Alternation(list) => list.asts.iter().find_map(repeated),
        Ast::Concat(list) => list.asts.iter().find_map(repeated),
        _ => None,
    }
}
