//! The managed block of a file that is shared with the host.

use std::ops::Range;

use crate::release::{BLOCK_BEGIN, BLOCK_END};

/// Where the managed block of a file stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Block {
    /// The file has no block.
    None,
    /// The file has one block.
    One {
        /// The block with its markers.
        whole: Range<usize>,
        /// The lines between the markers.
        inner: Range<usize>,
    },
    /// The markers do not fit together.
    Damaged(&'static str),
}

/// Finds the managed block.
pub(crate) fn find(bytes: &[u8]) -> Block {
    let mut begin: Option<Range<usize>> = None;
    let mut found = Block::None;
    let mut start = 0;
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        let range = start..start + line.len();
        start = range.end;
        let text = line.trim_ascii();
        if text == BLOCK_BEGIN.as_bytes() {
            if begin.is_some() {
                return Block::Damaged("a second block begins before the first one ends");
            }
            if found != Block::None {
                return Block::Damaged("there are two blocks");
            }
            begin = Some(range);
        } else if text == BLOCK_END.as_bytes() {
            let Some(first) = begin.take() else {
                return Block::Damaged("a block ends that does not begin");
            };
            found = Block::One { whole: first.start..range.end, inner: first.end..range.start };
        }
    }
    if begin.is_some() { Block::Damaged("the block does not end") } else { found }
}

/// Returns the bytes with `inner` as the block, or without a block; everything else stays as it is. `None` when the
/// markers are damaged. The range is where `inner` stands.
pub(crate) fn splice(bytes: &[u8], inner: Option<&[u8]>) -> Option<(Vec<u8>, Range<usize>)> {
    let whole = match find(bytes) {
        Block::None => bytes.len()..bytes.len(),
        Block::One { whole, .. } => whole,
        Block::Damaged(_) => return None,
    };
    let mut out = bytes[..whole.start].to_vec();
    let mut place = out.len()..out.len();
    if let Some(inner) = inner {
        if !out.is_empty() && !out.ends_with(b"\n") {
            out.push(b'\n');
        }
        out.extend_from_slice(BLOCK_BEGIN.as_bytes());
        out.push(b'\n');
        let start = out.len();
        out.extend_from_slice(inner);
        place = start..out.len();
        if !inner.is_empty() && !inner.ends_with(b"\n") {
            out.push(b'\n');
        }
        out.extend_from_slice(BLOCK_END.as_bytes());
        out.push(b'\n');
    }
    out.extend_from_slice(&bytes[whole.end..]);
    Some((out, place))
}

/// Whether the live block says the same as `inner`: a last newline does not matter.
pub(crate) fn same(live: &[u8], inner: &[u8]) -> bool {
    live.strip_suffix(b"\n").unwrap_or(live) == inner.strip_suffix(b"\n").unwrap_or(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: &str, inner: Option<&str>, expect: Option<&str>) {
        let before = before.replace("BEGIN", BLOCK_BEGIN).replace("END", BLOCK_END);
        let expect = expect.map(|text| text.replace("BEGIN", BLOCK_BEGIN).replace("END", BLOCK_END));
        let after = splice(before.as_bytes(), inner.map(str::as_bytes))
            .map(|(bytes, _)| String::from_utf8(bytes).expect("the cases are text"));
        assert_eq!(after, expect, "{before:?} with {inner:?}");
    }

    #[test]
    fn the_rest_of_the_file_stays_byte_for_byte() {
        check("", Some("x\n"), Some("BEGIN\nx\nEND\n"));
        check("a\n", Some("x\n"), Some("a\nBEGIN\nx\nEND\n"));
        check("a", Some("x"), Some("a\nBEGIN\nx\nEND\n"));
        check("a\r\nb\r\n", Some("x\n"), Some("a\r\nb\r\nBEGIN\nx\nEND\n"));
        check("a\nBEGIN\nold\nEND\n\tb ÿ", Some("x\n"), Some("a\nBEGIN\nx\nEND\n\tb ÿ"));
        check("BEGIN\r\nold\r\nEND\r\nb", Some("x\n"), Some("BEGIN\nx\nEND\nb"));
        check("a\nBEGIN\nEND", Some("x\n"), Some("a\nBEGIN\nx\nEND\n"));
        check("a\nBEGIN\nold\nEND\nb\n", None, Some("a\nb\n"));
        check("a\n", None, Some("a\n"));
        check("a\n", Some(""), Some("a\nBEGIN\nEND\n"));
    }

    #[test]
    fn damaged_markers_change_nothing() {
        check("a\nBEGIN\nold\n", Some("x\n"), None);
        check("END\n", Some("x\n"), None);
        check("END\nBEGIN\n", Some("x\n"), None);
        check("BEGIN\nBEGIN\nEND\n", Some("x\n"), None);
        check("BEGIN\nEND\nBEGIN\nEND\n", Some("x\n"), None);
    }
}
