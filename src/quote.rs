//! Quotes values for each target syntax, so that no value can break out of its place.
//!
//! Input: any text. Output: the text as it must stand in the file, or a refusal. Must not: know which file is written.
//!
//! Sources: HAProxy configuration manual 2.2 (quoting and escaping); keepalived `lib/parser.c` (`alloc_strvec_r`,
//! `decomment`) and keepalived.conf(5); cuttlefish `conf_parse.peg` at 3.0 and 3.4; POSIX shell 2.2; Erlang reference
//! manual 2.3 and 3.14.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Syntax {
    /// The whole content of a file, or text that is its own syntax: unchanged.
    Raw,
    /// A part of one word of haproxy.cfg, HAProxy 1.6 and newer.
    Haproxy,
    /// A part of one word of haproxy.cfg of HAProxy 1.5, where quotes are ordinary characters.
    HaproxyOld,
    /// One word of keepalived.conf.
    Keepalived,
    /// A value of rabbitmq.conf, RabbitMQ 3.13.7 and newer.
    RabbitmqConf,
    /// A value of rabbitmq.conf of an older RabbitMQ, where nothing can be escaped.
    RabbitmqConfPlain,
    /// A word of a POSIX shell script.
    Shell,
    /// An Erlang string, with its quotes.
    ErlangString,
    /// An Erlang atom, with quotes where it needs them.
    ErlangAtom,
    /// One word of a file that cannot quote: /etc/hosts, a systemd unit, a sysctl key.
    Word,
    /// The rest of a line of a file that cannot quote: a sysctl value.
    Line,
    /// A comment that runs to the end of its line.
    Comment,
}

/// Says why a value cannot stand in its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct QuoteError(pub &'static str);

type Quoted = Result<String, QuoteError>;

/// Returns the text as it must stand in a file of that syntax to mean exactly `text`, or why it cannot be said there.
pub fn quote(syntax: Syntax, text: &str) -> Quoted {
    match syntax {
        Syntax::Raw => Ok(text.to_owned()),
        Syntax::ErlangString => Ok(erlang_string(text)),
        _ if text.chars().any(char::is_control) => {
            Err(QuoteError("a newline, tab or other control character cannot stand here"))
        }
        Syntax::Haproxy | Syntax::HaproxyOld if text.is_empty() => {
            Err(QuoteError("HAProxy takes an empty word for a missing one"))
        }
        Syntax::Haproxy => Ok(haproxy(text)),
        Syntax::HaproxyOld => Ok(haproxy_old(text)),
        Syntax::Keepalived => keepalived(text),
        Syntax::RabbitmqConf => rabbitmq_conf(text),
        Syntax::RabbitmqConfPlain => rabbitmq_conf_plain(text),
        Syntax::Shell => Ok(shell(text)),
        Syntax::ErlangAtom => erlang_atom(text),
        Syntax::Word if safe(text, "_./:@+,=*-") => Ok(text.to_owned()),
        Syntax::Word => {
            Err(QuoteError("only letters, digits and `_./:@+,=*-` can stand here, and at least one of them"))
        }
        Syntax::Line => line(text),
        Syntax::Comment => Ok(text.to_owned()),
    }
}

/// Returns whether a text is not empty and holds nothing but ASCII letters, digits and the given marks.
fn safe(text: &str, marks: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || marks.as_bytes().contains(&b))
}

/// Between single quotes every character but `'` is itself; outside, `\'` is that quote.
fn haproxy(text: &str) -> String {
    if safe(text, "_./:@+,=?&*!%~^()-") { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// HAProxy 1.5 knows the escapes `\ `, `\#`, `\"` and `\\` alone; a quote is an ordinary character there.
fn haproxy_old(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, ' ' | '#' | '\\' | '"') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted
}

/// Between double quotes every character is itself, and there is no escape. Keepalived looks for `$NAME` and `${NAME}`
/// before it looks for quotes, and for `\` while it looks for comments.
fn keepalived(text: &str) -> Quoted {
    if text.is_empty() {
        return Err(QuoteError("Keepalived cannot spell an empty word"));
    }
    if text.len() > 256 {
        return Err(QuoteError("Keepalived reads lines of at most 1023 bytes, so a word has at most 256 here"));
    }
    if text.contains('"') {
        return Err(QuoteError("Keepalived cannot spell a double quote"));
    }
    if text.contains('\\') {
        return Err(QuoteError("a backslash means different things in different versions of Keepalived"));
    }
    if matches!(text, "{" | "}") {
        return Err(QuoteError("Keepalived takes a lone brace for the border of a block, quoted or not"));
    }
    let variable = |c: char| c == '{' || c == '_' || c.is_ascii_alphabetic();
    if text.split('$').skip(1).any(|rest| rest.starts_with(variable)) {
        return Err(QuoteError("Keepalived takes `$` and a name for a variable, quoted or not"));
    }
    let bare = safe(text, "_./:@+,=*%^~-") && !text.starts_with(['@', '~']);
    Ok(if bare { text.to_owned() } else { format!("\"{text}\"") })
}

/// cuttlefish 3.4 reads `'...'`, with no way to say `'` inside; without quotes, all but ` #` and the blanks around is literal.
fn rabbitmq_conf(text: &str) -> Quoted {
    if text.contains("$(") {
        return Err(QuoteError("rabbitmq.conf takes `$(` for a reference to another key, quoted or not"));
    }
    let bare = !text.is_empty() && !text.contains('#') && text.trim() == text && !text.starts_with('\'');
    match (bare, text.contains('\'')) {
        (true, _) => Ok(text.to_owned()),
        (false, false) => Ok(format!("'{text}'")),
        (false, true) => Err(QuoteError(
            "rabbitmq.conf cannot spell a single quote beside `#`, at the start, or beside outer blanks",
        )),
    }
}

/// Older cuttlefish has no quotes at all: a quote is part of the value, and `#` always begins a comment.
fn rabbitmq_conf_plain(text: &str) -> Quoted {
    if text.is_empty() {
        return Err(QuoteError("rabbitmq.conf before RabbitMQ 3.13.7 cannot spell an empty value"));
    }
    if text.contains('#') {
        return Err(QuoteError("rabbitmq.conf before RabbitMQ 3.13.7 takes `#` for a comment, quoted or not"));
    }
    if text.contains("$(") {
        return Err(QuoteError("rabbitmq.conf takes `$(` for a reference to another key, quoted or not"));
    }
    if text.trim() != text {
        return Err(QuoteError("rabbitmq.conf before RabbitMQ 3.13.7 drops blanks around a value"));
    }
    if !text.is_ascii() {
        return Err(QuoteError("rabbitmq.conf before RabbitMQ 3.13.7 reads nothing but ASCII the same way everywhere"));
    }
    Ok(text.to_owned())
}

/// One style of quotes for every value, so that a change of one character does not change the style.
fn shell(text: &str) -> String {
    if safe(text, "_./:@%+,=-") { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// Anything beyond printable ASCII is escaped, so that the encoding of the file does not matter.
fn erlang_string(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            ' '..='~' => quoted.push(c),
            _ => write!(quoted, "\\x{{{:X}}}", u32::from(c)).expect("a String takes every write"),
        }
    }
    quoted.push('"');
    quoted
}

/// The words that Erlang keeps for itself.
const ERLANG_WORDS: [&str; 29] = [
    "after", "and", "andalso", "band", "begin", "bnot", "bor", "bsl", "bsr", "bxor", "case", "catch", "cond", "div",
    "else", "end", "fun", "if", "let", "maybe", "not", "of", "or", "orelse", "receive", "rem", "try", "when", "xor",
];

fn erlang_atom(text: &str) -> Quoted {
    if !text.is_ascii() || text.len() > 255 {
        return Err(QuoteError(
            "an Erlang atom has at most 255 characters, ASCII ones where every version shall read it",
        ));
    }
    let bare = safe(text, "_@") && text.starts_with(|c: char| c.is_ascii_lowercase()) && !ERLANG_WORDS.contains(&text);
    if bare {
        return Ok(text.to_owned());
    }
    Ok(format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")))
}

fn line(text: &str) -> Quoted {
    if text.is_empty() || text.trim() != text || text.len() > 1024 {
        return Err(QuoteError("the value must not be empty, begin or end with a blank, or be longer than 1024 bytes"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(syntax: Syntax, text: &str, expect: &str) {
        assert_eq!(quote(syntax, text), Ok(expect.to_owned()), "{syntax:?} {text:?}");
    }

    fn refuse(syntax: Syntax, texts: &[&str]) {
        for text in texts {
            assert!(quote(syntax, text).is_err(), "{syntax:?} {text:?} was accepted as {:?}", quote(syntax, text));
        }
    }

    #[test]
    fn haproxy_words() {
        check(Syntax::Haproxy, "Guo*0820", "Guo*0820");
        check(Syntax::Haproxy, "/haproxy?stats", "/haproxy?stats");
        check(Syntax::Haproxy, "Haproxy Manager", "'Haproxy Manager'");
        check(Syntax::Haproxy, "a#b", "'a#b'");
        check(Syntax::Haproxy, "${HOME}", "'${HOME}'");
        check(Syntax::Haproxy, "it's \"x\"\\", "'it'\\''s \"x\"\\'");
        check(Syntax::Haproxy, "兎", "'兎'");
        refuse(Syntax::Haproxy, &["", "a\nb", "a\0", "a\tb", "\u{85}"]);
        check(Syntax::HaproxyOld, "a b#c\\d'e\"f", "a\\ b\\#c\\\\d'e\\\"f");
        refuse(Syntax::HaproxyOld, &["", "a\nb"]);
    }

    #[test]
    fn keepalived_words() {
        check(Syntax::Keepalived, "1111", "1111");
        check(Syntax::Keepalived, "ab#cd!", "\"ab#cd!\"");
        check(Syntax::Keepalived, "a b{c}'d", "\"a b{c}'d\"");
        check(Syntax::Keepalived, "ops@example.org", "ops@example.org");
        check(Syntax::Keepalived, "@up", "\"@up\"");
        check(Syntax::Keepalived, "5$", "\"5$\"");
        check(Syntax::Keepalived, "$5", "\"$5\"");
        refuse(Syntax::Keepalived, &["", "a\"b", "a\\b", "{", "}", "$x", "a${_PWD}", "a$_HASH", "a\nb"]);
        check(Syntax::Keepalived, &"x".repeat(256), &"x".repeat(256));
        refuse(Syntax::Keepalived, &[&"x".repeat(257)]);
    }

    #[test]
    fn rabbitmq_conf_values() {
        check(Syntax::RabbitmqConf, "pause_minority", "pause_minority");
        check(Syntax::RabbitmqConf, "a b = 'c'", "a b = 'c'");
        check(Syntax::RabbitmqConf, "ab#c", "'ab#c'");
        check(Syntax::RabbitmqConf, " x ", "' x '");
        check(Syntax::RabbitmqConf, "", "''");
        refuse(Syntax::RabbitmqConf, &["'x", "a'#b", " 'x", "$(x)", "a\nb"]);
        check(Syntax::RabbitmqConfPlain, "a b = 'c'", "a b = 'c'");
        check(Syntax::RabbitmqConfPlain, "'x'", "'x'");
        refuse(Syntax::RabbitmqConfPlain, &["", "a#b", " x", "x ", "$(x)", "é", "a\nb"]);
    }

    #[test]
    fn shell_words() {
        check(Syntax::Shell, "rabbit@rabbit1", "rabbit@rabbit1");
        check(Syntax::Shell, "", "''");
        check(Syntax::Shell, "$(reboot) `x` \"y\" it's", "'$(reboot) `x` \"y\" it'\\''s'");
        check(Syntax::Shell, "~root", "'~root'");
        refuse(Syntax::Shell, &["a\nb", "a\0b"]);
    }

    #[test]
    fn erlang_terms() {
        check(Syntax::ErlangString, "a\"b\\c\n兎", "\"a\\\"b\\\\c\\x{A}\\x{514E}\"");
        check(Syntax::ErlangString, "", "\"\"");
        check(Syntax::ErlangAtom, "rabbitmq_management", "rabbitmq_management");
        check(Syntax::ErlangAtom, "rabbit@rabbit-1", "'rabbit@rabbit-1'");
        check(Syntax::ErlangAtom, "Rabbit", "'Rabbit'");
        check(Syntax::ErlangAtom, "end", "'end'");
        check(Syntax::ErlangAtom, "it's\\", "'it\\'s\\\\'");
        check(Syntax::ErlangAtom, "", "''");
        refuse(Syntax::ErlangAtom, &["é", &"x".repeat(256)]);
    }

    #[test]
    fn unquotable_places() {
        check(Syntax::Word, "fd00::1", "fd00::1");
        refuse(Syntax::Word, &["", "a b", "a#b", "a;b", "%h", "é"]);
        check(Syntax::Line, "4096 87380 16777216", "4096 87380 16777216");
        refuse(Syntax::Line, &["", " a", "a\nb"]);
        check(Syntax::Comment, "a # b", "a # b");
        refuse(Syntax::Comment, &["a\nb"]);
        check(Syntax::Raw, "a\nb", "a\nb");
    }
}
