//! Reads YAML into a tree that knows where everything stands, and decodes the tree into ordinary serde types.
//!
//! Input: bytes of a file, and its id in [`Sources`]. Output: a [`Node`], then any `DeserializeOwned` value; and every
//! fault on the way as a diagnostic with its place. Must not: read files, resolve references between values, or change
//! a value (nothing is converted silently, nothing is dropped silently).
//!
//! What a value may be written as is stricter than YAML: one document a file, keys are text, no tags but YAML's own.
//! - A `String` takes text: a plain `25`, `3.10`, `true` or nothing at all is refused with the advice to quote it.
//!   A field whose type is text in any case opts in to plain numbers with `#[serde(deserialize_with =
//!   "yaml::as_written")]` and gets them exactly as they are written. Mapping keys are always text.
//! - An enum is written `name` or, with a value, `{name: value}`.
//! - [`crate::diag::At`] around any type, also around a key, gives the value with its place.
//! - [`Scalar`] keeps the spelling of a number; `serde_json::Value` takes any value whose numbers it can hold exactly.
//! - Types avoid `flatten` and `untagged` (serde forgets places there) and `alias` (a present field looks missing).

use crate::diag::{Diagnostic, Diagnostics, Place, Sources, Span};

mod access;
mod decode;
mod fault;
mod key;
mod parse;
mod resolve;
mod scalar;
mod stand_in;
mod syntax;
mod tree;
mod walk;

pub use decode::decode;
pub use parse::parse;
pub use scalar::{Scalar, as_written};
pub use tree::{Entry, Node, View, Way};

/// The bounds that keep time and memory small when a wrong or hostile file is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The bytes of one file.
    pub bytes: usize,
    /// The values that are written in one file, keys included. A fleet of 30,000 hosts in one file has 1.2 million.
    pub nodes: usize,
    /// The levels of values inside values, aliases expanded.
    pub depth: usize,
    /// The values that aliases add when they are expanded.
    pub visits: usize,
    /// The errors of one file after which reading stops.
    pub errors: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 64 << 20, nodes: 2_000_000, depth: 64, visits: 2_000_000, errors: 50 }
    }
}

/// Registers a file's bytes as a source and parses them: [`text`], then [`parse`].
///
/// A file that is refused for its size or encoding is registered up to the place of the fault, as far as it is shown.
pub fn read(
    sources: &mut Sources,
    name: impl Into<Box<str>>,
    bytes: &[u8],
    limits: &Limits,
    diags: &mut Diagnostics,
) -> Option<Node> {
    let file = u32::try_from(sources.len()).expect("fewer than 4 billion files fit in memory");
    if bytes.len() > limits.bytes {
        sources.add(name, "");
        diags.push(too_large(bytes.len(), limits.bytes, file));
        return None;
    }
    let Some(text) = text(bytes, file, diags) else {
        let shown = bytes.utf8_chunks().next().map_or(0, |chunk| chunk.valid().len()) + 80;
        sources.add(name, String::from_utf8_lossy(&bytes[..shown.min(bytes.len())]));
        return None;
    };
    sources.add(name, text);
    parse(text, file, limits, diags)
}

/// Returns a file's bytes as text without a byte order mark, or says at which byte they are not UTF-8.
pub fn text<'a>(bytes: &'a [u8], file: u32, diags: &mut Diagnostics) -> Option<&'a str> {
    let error = match std::str::from_utf8(bytes) {
        Ok(text) => return Some(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => error,
    };
    let at = error.valid_up_to();
    let help = match bytes {
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => "this is UTF-16; save the file as UTF-8",
        _ if bytes[..bytes.len().min(4096)].contains(&0) => {
            "this looks like a binary file; check that it is the right one"
        }
        _ => "save the file as UTF-8",
    };
    let start = u32::try_from(at).unwrap_or(u32::MAX);
    // The lossy text that stands in for the file in `Sources` has a replacement character here, of three bytes.
    let place = Place { used: Span { file, start, end: start.saturating_add(3) }, defined: None };
    let message = format!("the file is not UTF-8 text: byte {} is {:#04x}", at + 1, bytes[at]);
    diags.push(Diagnostic::error("not-utf8", message).at(place, "not UTF-8 from here on").help(help));
    None
}

fn too_large(size: usize, limit: usize, file: u32) -> Diagnostic {
    let place = Place { used: Span { file, start: 0, end: 0 }, defined: None };
    Diagnostic::error("too-large", format!("the file has {size} bytes; the limit is {limit}"))
        .at(place, "this file")
        .help("check that it is the right file; a fleet goes into `clusters/*.yaml`, one cluster a file")
}

/// The name by which the deserializer knows that text is wanted as it is written.
const WRITTEN: &str = "$rmqgit::Written";
/// The name by which the deserializer knows that a [`Scalar`] is wanted.
const SCALAR: &str = "$rmqgit::Scalar";

#[cfg(test)]
mod tests;
