//! The registry of source files, and where a byte stands in one.

use std::sync::{Arc, OnceLock};

use super::Span;
use super::words::is_hidden;

/// The files that spans point into; a file's id is its index.
#[derive(Debug, Default)]
pub struct Sources {
    files: Vec<File>,
}

#[derive(Debug)]
struct File {
    name: Box<str>,
    text: Arc<str>,
    /// The first byte of each line, made when a diagnostic first asks for it.
    lines: OnceLock<Vec<u32>>,
    /// The text as a terminal may show it, made when a diagnostic first asks for it, if it differs.
    shown: OnceLock<Option<Box<str>>>,
}

/// A place as people count: lines and columns from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl Sources {
    /// Makes an empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file under the name that people know it by, and returns its id.
    pub fn add(&mut self, name: impl Into<Box<str>>, text: impl Into<Arc<str>>) -> u32 {
        let id = u32::try_from(self.files.len()).expect("fewer than 4 billion files fit in memory");
        self.files.push(File { name: name.into(), text: text.into(), lines: OnceLock::new(), shown: OnceLock::new() });
        id
    }

    /// Returns the name of a file, or `-` for an id that was never given out.
    pub fn name(&self, file: u32) -> &str {
        self.file(file).map_or("-", |file| &file.name)
    }

    /// Returns the text of a file, or nothing for an id that was never given out.
    pub fn text(&self, file: u32) -> Arc<str> {
        self.file(file).map_or_else(|| Arc::from(""), |file| Arc::clone(&file.text))
    }

    /// Returns the number of files.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Tells whether there is no file.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Returns the same files with stars in the place of some spans.
    pub(super) fn without(&self, spans: &[Span]) -> Self {
        let mut files = Vec::with_capacity(self.files.len());
        for (file, id) in self.files.iter().zip(0_u32..) {
            let mut text = Arc::clone(&file.text);
            for span in spans.iter().filter(|span| span.file == id) {
                let (start, end) = (floor(&text, span.start as usize), floor(&text, span.end as usize));
                let star = |c: char| if c == '\n' || c == '\r' { c.to_string() } else { "*".repeat(c.len_utf8()) };
                let masked: String = text[start..end.max(start)].chars().map(star).collect();
                text = [&text[..start], &masked, &text[end.max(start)..]].concat().into();
            }
            files.push(File { name: file.name.clone(), text, lines: OnceLock::new(), shown: OnceLock::new() });
        }
        Self { files }
    }

    /// Returns the position of a byte; one inside a character counts as that character, one past the end as the end.
    pub fn position(&self, file: u32, byte: u32) -> Position {
        let text = self.str(file);
        let byte = floor(text, byte as usize);
        let line = self.line_of(file, byte);
        let start = self.line_start(file, line);
        Position { line: line + 1, column: text[start..byte].chars().count() + 1 }
    }

    /// Returns the first and the last position of a span.
    pub fn positions(&self, span: Span) -> (Position, Position) {
        (self.position(span.file, span.start), self.position(span.file, span.end.max(span.start)))
    }

    pub(super) fn str(&self, file: u32) -> &str {
        self.file(file).map_or("", |file| &file.text)
    }

    /// Returns the line of a byte, from 0.
    pub(super) fn line_of(&self, file: u32, byte: usize) -> usize {
        self.lines(file).partition_point(|start| *start as usize <= byte).saturating_sub(1)
    }

    /// Returns the first byte of a line, or the end of the text for a line behind it.
    pub(super) fn line_start(&self, file: u32, line: usize) -> usize {
        self.lines(file).get(line).map_or(self.str(file).len(), |start| *start as usize)
    }

    /// Returns the text of a file with a character of the same length in place of each that a terminal would obey.
    pub(super) fn shown(&self, file: u32) -> &str {
        let Some(file) = self.file(file) else { return "" };
        file.shown.get_or_init(|| shown(&file.text)).as_deref().unwrap_or(&file.text)
    }

    fn file(&self, file: u32) -> Option<&File> {
        self.files.get(file as usize)
    }

    fn lines(&self, file: u32) -> &[u32] {
        let Some(file) = self.file(file) else { return &[] };
        file.lines.get_or_init(|| {
            let breaks = file.text.bytes().zip(1_u32..).filter(|(byte, _)| *byte == b'\n').map(|(_, next)| next);
            std::iter::once(0).chain(breaks).collect()
        })
    }
}

fn shown(text: &str) -> Option<Box<str>> {
    let mut chars = text.chars().peekable();
    let mut hidden = false;
    let mut out = String::new();
    // Most texts have nothing to hide; those are not copied.
    for (at, c) in text.char_indices() {
        chars.next();
        let line_end = c == '\n' || c == '\r' && chars.peek() == Some(&'\n');
        if line_end || c == '\t' || !is_hidden(c) {
            if hidden {
                out.push(c);
            }
            continue;
        }
        if !hidden {
            hidden = true;
            out.push_str(&text[..at]);
        }
        out.push(match c.len_utf8() {
            1 => '?',
            2 => '¿',
            _ => char::REPLACEMENT_CHARACTER,
        });
    }
    hidden.then(|| out.into())
}

/// Returns the start of the character that a byte belongs to, or the end of the text.
pub(super) fn floor(text: &str, byte: usize) -> usize {
    let mut byte = byte.min(text.len());
    while !text.is_char_boundary(byte) {
        byte -= 1;
    }
    byte
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, byte: u32, expect: (usize, usize)) {
        let mut sources = Sources::new();
        let file = sources.add("a.yaml", text);
        let Position { line, column } = sources.position(file, byte);
        assert_eq!((line, column), expect, "byte {byte} of {text:?}");
    }

    #[test]
    fn positions_count_characters() {
        check("", 0, (1, 1));
        check("", 9, (1, 1));
        check("ab\ncd", 1, (1, 2));
        check("ab\ncd", 2, (1, 3));
        check("ab\ncd", 3, (2, 1));
        check("ab\r\ncd\n", 5, (2, 2));
        check("ab\n", 3, (2, 1));
        check("北京x", 6, (1, 3));
        check("北京x", 4, (1, 2));
    }

    #[test]
    fn what_a_terminal_would_obey_is_replaced_in_place() {
        let check = |text: &str, expect: &str| {
            let mut sources = Sources::new();
            let file = sources.add("a.yaml", text);
            assert_eq!((sources.shown(file), sources.shown(file).len()), (expect, text.len()));
        };
        check("plain: 北京\r\n\ttab\n", "plain: 北京\r\n\ttab\n");
        check("a\u{1b}[31m\rb\u{9b}c\u{202e}d\0", "a?[31m?b¿c\u{fffd}d?");
    }

    #[test]
    fn an_unknown_file_is_empty() {
        let sources = Sources::new();
        assert_eq!((sources.name(7), &*sources.text(7), sources.is_empty()), ("-", "", true));
        assert_eq!(sources.position(7, 7), Position { line: 1, column: 1 });
    }
}
