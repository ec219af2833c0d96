//! Rendered text with places for secrets, and its split into pieces.
//!
//! A template prints a secret as a mark that holds its name and its syntax. The mark begins with a control character that
//! `quote` refuses in every syntax and that `clean` refuses in raw text and in templates, so no text of a person can look
//! like one.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr};

use crate::name::SecretRef;
use crate::quote::{QuoteError, Syntax};
use crate::release::Piece;

const BEGIN: char = '\u{1}';
const END: char = '\u{2}';
const MIDDLE: char = '\u{3}';

/// The syntaxes that a secret can stand in, by the character that stands for them in a mark.
const SYNTAXES: [(char, Syntax); 8] = [
    ('r', Syntax::Raw),
    ('h', Syntax::Haproxy),
    ('H', Syntax::HaproxyOld),
    ('k', Syntax::Keepalived),
    ('c', Syntax::RabbitmqConf),
    ('C', Syntax::RabbitmqConfPlain),
    ('s', Syntax::Shell),
    ('e', Syntax::ErlangString),
];

/// A secret as a value of a template.
#[derive(Debug)]
pub(super) struct Secret(pub(super) SecretRef);

impl Object for Secret {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    /// A secret that is made part of a text leaves half a mark, so that printing that text is refused.
    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{BEGIN}")
    }
}

/// Text that is in its target's syntax already.
#[derive(Debug)]
pub(super) struct Prepared(pub(super) String);

impl Object for Prepared {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{BEGIN}")
    }
}

/// Returns the mark of a secret in one syntax.
pub(super) fn mark(name: &SecretRef, syntax: Syntax) -> Result<String, QuoteError> {
    let (letter, _) =
        SYNTAXES.iter().find(|(_, known)| *known == syntax).ok_or(QuoteError("a secret cannot stand in this file"))?;
    Ok(format!("{BEGIN}{letter}{name}{END}"))
}

/// Returns the mark of a value that cannot be written, so that rendering goes on and finds the next one too.
pub(super) fn refusal_mark(text: &str, why: &QuoteError) -> String {
    format!("{BEGIN}!{}{MIDDLE}{}{END}", printable(text), why.0)
}

/// Returns the values that could not be written, and why.
pub(super) fn refusals(rendered: &str) -> Vec<(String, String)> {
    let marks = rendered.split(BEGIN).filter_map(|part| part.strip_prefix('!'));
    let ends = marks.filter_map(|part| part.split_once(END)).filter_map(|(mark, _)| mark.split_once(MIDDLE));
    ends.map(|(text, why)| (text.to_owned(), why.to_owned())).collect()
}

/// Returns the first characters of a text as they can stand in a one-line message.
pub(super) fn printable(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars().take(64) {
        if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

/// Returns whether a text has a secret in it: secrets are printed alone.
pub(super) fn has_secret(text: &str) -> bool {
    text.contains(BEGIN)
}

/// Splits rendered text without refusals at the marks of secrets.
pub(super) fn split(rendered: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = rendered;
    while let Some((text, after)) = rest.split_once(BEGIN) {
        let (mark, tail) = after.split_once(END).expect("`mark` writes both ends, and nothing else writes either");
        let letter = mark.chars().next().expect("`mark` writes a letter first");
        let (_, syntax) =
            SYNTAXES.iter().find(|(known, _)| *known == letter).expect("`mark` writes letters of the table");
        let name = SecretRef::parse(&mark[1..]).expect("`mark` writes a parsed name");
        if !text.is_empty() {
            pieces.push(Piece::Text(text.to_owned()));
        }
        pieces.push(Piece::Secret { name, syntax: *syntax });
        rest = tail;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    pieces
}

/// The most bytes of a raw line of keepalived.conf; the parser's buffer has 1024, and there is an indent.
const KEEPALIVED_LINE: usize = 1000;

/// Checks a raw line: what it says is its author's business, that it stays one line is ours.
pub(super) fn clean_line(syntax: Syntax, line: &str) -> Result<(), QuoteError> {
    if syntax == Syntax::Keepalived && line.len() > KEEPALIVED_LINE {
        return Err(QuoteError("Keepalived takes what follows the first 1023 bytes of a line for another line"));
    }
    if line.chars().any(|c| c.is_control() && c != '\t') {
        return Err(QuoteError("an extra line must be a single line without control characters"));
    }
    if line.ends_with('\\') {
        return Err(QuoteError("an extra line that ends in a backslash would swallow the next line"));
    }
    Ok(())
}

/// Checks raw text of several lines.
pub(super) fn clean_text(text: &str) -> Result<(), QuoteError> {
    if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        return Err(QuoteError("the text holds a control character other than a newline or a tab"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_split_into_pieces() {
        let name = SecretRef::parse("vrrp-auth").expect("a valid name");
        let mark = mark(&name, Syntax::Keepalived).expect("a syntax with secrets");
        let secret = Piece::Secret { name, syntax: Syntax::Keepalived };
        let text = |text: &str| Piece::Text(text.to_owned());
        assert_eq!(split(&format!("a {mark}\n")), [text("a "), secret.clone(), text("\n")]);
        assert_eq!(split(&format!("{mark}{mark}")), [secret.clone(), secret]);
        assert_eq!(split("a\n"), [text("a\n")]);
        assert_eq!(split(""), []);
    }
}
