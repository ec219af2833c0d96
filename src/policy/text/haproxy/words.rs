//! Splits a line of haproxy.cfg into words, by the rules of each version.
//!
//! Sources: `readcfgfile` of src/cfgparse.c at v1.5.0 and v1.6.0, `parse_line` of src/tools.c at v2.2.0 and later; the
//! configuration manual, 2.2.

use std::borrow::Cow;

/// The most words that a line may have, in every version.
pub(super) const MOST: usize = 64;

/// Why a line cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// `\x` without two hexadecimal digits.
    Escape,
    /// A quote without its partner.
    Quote,
    /// `${` without `}`.
    Brace,
    /// `$` before something that cannot be a name.
    Variable,
    /// More than [`MOST`] words.
    TooMany,
}

/// A line, split.
#[derive(Debug, Default)]
pub(super) struct Line<'t> {
    pub words: Vec<Cow<'t, str>>,
    /// The comment begins inside the last word.
    pub glued: bool,
    /// The last word had quotes that an old version takes for letters.
    pub literal_quotes: bool,
    /// The environment variables that are put in, without those that have a default.
    pub variables: Vec<&'t str>,
    pub fault: Option<Fault>,
}

impl<'t> Line<'t> {
    /// Returns a word, or the empty one that HAProxy sees there.
    pub(super) fn word(&self, index: usize) -> &str {
        self.words.get(index).map_or("", |word| word)
    }

    /// Splits another line in the place of the last one.
    pub(super) fn split(&mut self, line: &'t str, quotes: bool) {
        self.words.clear();
        self.variables.clear();
        (self.glued, self.literal_quotes, self.fault) = (false, false, None);
        let mut rest = line;
        loop {
            let blanks = rest.bytes().take_while(|b| matches!(b, b' ' | b'\t' | b'\x0b' | b'\x0c')).count();
            rest = &rest[blanks..];
            if rest.is_empty() || rest.starts_with(['#', '\r']) {
                break;
            }
            rest = self.take(rest, quotes);
        }
        if self.words.len() > MOST && self.fault.is_none() {
            self.fault = Some(Fault::TooMany);
        }
    }

    /// Takes one word from the start of a text and returns what is behind it.
    fn take(&mut self, text: &'t str, quotes: bool) -> &'t str {
        // Whatever ends a plain word is ASCII, so that bytes will do.
        let special = |b: &u8| match b {
            b' ' | b'\t' | b'\x0b' | b'\x0c' | b'\r' | b'#' | b'\\' => true,
            b'"' | b'\'' => quotes,
            _ => false,
        };
        let end = text.as_bytes().iter().position(special).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        if rest.starts_with(['\\', '"', '\'']) {
            return self.take_quoted(text, end, quotes);
        }
        self.literal_quotes |= !quotes && word.bytes().any(|b| matches!(b, b'"' | b'\''));
        self.words.push(Cow::Borrowed(word));
        self.stop_at_comment(rest)
    }

    fn stop_at_comment(&mut self, rest: &'t str) -> &'t str {
        if rest.starts_with('#') {
            self.glued = true;
            return "";
        }
        rest
    }

    /// Takes a word with quotes or escapes, of which the first `plain` bytes have none.
    fn take_quoted(&mut self, text: &'t str, plain: usize, quotes: bool) -> &'t str {
        let mut word = text[..plain].to_owned();
        let mut rest = &text[plain..];
        let mut quote = None;
        while let Some(c) = rest.chars().next() {
            let after = &rest[c.len_utf8()..];
            rest = match (c, quote) {
                ('\r', _) | ('#', None) => break,
                (c, None) if is_blank(c) => break,
                ('"' | '\'', None) if quotes => {
                    quote = Some(c);
                    after
                }
                (c, Some(open)) if c == open => {
                    quote = None;
                    after
                }
                ('\\', None | Some('"')) => self.escape(after, quote.is_some(), quotes, &mut word),
                ('$', Some('"')) => self.variable(after, &mut word),
                (c, _) => {
                    word.push(c);
                    after
                }
            };
        }
        if quote.is_some() {
            self.fault.get_or_insert(Fault::Quote);
        }
        self.literal_quotes |= !quotes && word.contains(['"', '\'']);
        self.words.push(Cow::Owned(word));
        self.stop_at_comment(rest)
    }

    /// Reads what is behind a backslash.
    fn escape(&mut self, after: &'t str, in_quotes: bool, quotes: bool, word: &mut String) -> &'t str {
        let Some(c) = after.chars().next() else {
            word.push('\\');
            return after;
        };
        let rest = &after[c.len_utf8()..];
        match c {
            ' ' | '\\' | '#' => word.push(c),
            '"' | '\'' if quotes => word.push(c),
            '$' if in_quotes => word.push(c),
            't' => word.push('\t'),
            'n' => word.push('\n'),
            'r' => word.push('\r'),
            'x' => {
                let byte = rest.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
                let Some(byte) = byte else {
                    self.fault.get_or_insert(Fault::Escape);
                    return rest;
                };
                word.push(char::from(byte));
                return &rest[2..];
            }
            _ => {
                word.push('\\');
                return after;
            }
        }
        rest
    }

    /// Reads a variable; nothing is put in, which is what a variable without a value is.
    fn variable(&mut self, after: &'t str, word: &mut String) -> &'t str {
        let (braced, name_on) = match after.strip_prefix('{') {
            Some(inside) => (true, inside),
            None => (false, after),
        };
        let end = name_on.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.').unwrap_or(name_on.len());
        let (name, rest) = name_on.split_at(end);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            self.fault.get_or_insert(Fault::Variable);
            return rest;
        }
        if !braced {
            self.variables.push(name);
            return rest;
        }
        let rest = rest.strip_prefix("[*]").unwrap_or(rest);
        match (rest.strip_prefix('-'), rest.find('}')) {
            (Some(default), Some(end)) => {
                word.push_str(&default[..end - 1]);
                &rest[end + 1..]
            }
            (None, Some(0)) => {
                self.variables.push(name);
                &rest[1..]
            }
            _ => {
                self.fault.get_or_insert(Fault::Brace);
                rest
            }
        }
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\x0b' | '\x0c')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, quotes: bool, words: &[&str], note: &str) {
        let mut line = Line::default();
        line.split(text, quotes);
        assert_eq!(line.words, words, "{text}");
        let mut notes = String::new();
        for (is, name) in [(line.glued, "glued "), (line.literal_quotes, "quotes ")] {
            notes.push_str(if is { name } else { "" });
        }
        notes.push_str(&line.variables.join(" "));
        notes.push_str(&line.fault.map_or_else(String::new, |fault| format!("{fault:?}")));
        assert_eq!(notes, note, "{text}");
    }

    #[test]
    fn words_quotes_escapes_and_comments() {
        let new = |text, words: &[&str], note| check(text, true, words, note);
        new("  server s1  127.0.0.1:5672\tcheck # x", &["server", "s1", "127.0.0.1:5672", "check"], "");
        new("stats auth admin:Guo#0820", &["stats", "auth", "admin:Guo"], "glued ");
        new("stats auth admin:Guo\\#0820", &["stats", "auth", "admin:Guo#0820"], "");
        new("stats realm \"A B\"'#c'", &["stats", "realm", "A B#c"], "");
        new("x 'a'\\''b'", &["x", "a'b"], "");
        new("x \"admin:${NOPE}\"", &["x", "admin:"], "NOPE");
        new("x \"${NOPE-some}:$B.\" $C", &["x", "some:", "$C"], "B.");
        new("x \"\\$A\" '$A' a\\x41\\1", &["x", "$A", "$A", "aA\\1"], "");
        new("x a\"0820", &["x", "a0820"], "Quote");
        new("x \"${NOPE\"", &["x", ""], "Brace");
        new("x \\xzz", &["x", "zz"], "Escape");
        new("mode tcp\r", &["mode", "tcp"], "");
        new("", &[], "");
        check("stats realm \"A B\"", false, &["stats", "realm", "\"A", "B\""], "quotes ");
        check("stats auth a:\\#\\ x", false, &["stats", "auth", "a:# x"], "");
    }
}
