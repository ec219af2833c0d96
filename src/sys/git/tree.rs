//! Tree objects as entries and as bytes.

use std::cmp::Ordering;

use super::Oid;

/// What an entry of a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A directory.
    Tree,
    /// A file.
    File,
    /// A file that can be executed.
    Executable,
    /// A symbolic link.
    Link,
    /// A submodule.
    Commit,
}

impl Mode {
    fn as_str(self) -> &'static str {
        match self {
            Self::Tree => "40000",
            Self::File => "100644",
            Self::Executable => "100755",
            Self::Link => "120000",
            Self::Commit => "160000",
        }
    }

    fn parse(text: &[u8]) -> Option<Self> {
        Some(match text {
            b"40000" | b"040000" => Self::Tree,
            b"100644" | b"100664" => Self::File,
            b"100755" => Self::Executable,
            b"120000" => Self::Link,
            b"160000" => Self::Commit,
            _ => return None,
        })
    }
}

/// One entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub mode: Mode,
    /// Its name. A name that is not UTF-8 is read with replacement characters: no such name is ours.
    pub name: String,
    /// The object.
    pub id: Oid,
}

impl Entry {
    /// Makes an entry for a file.
    pub fn file(name: impl Into<String>, id: Oid) -> Self {
        Self { mode: Mode::File, name: name.into(), id }
    }

    /// Makes an entry for a directory.
    pub fn tree(name: impl Into<String>, id: Oid) -> Self {
        Self { mode: Mode::Tree, name: name.into(), id }
    }
}

/// Reads the bytes of a tree object; `None` if they are not one.
pub(super) fn parse(mut bytes: &[u8]) -> Option<Vec<Entry>> {
    let mut entries = Vec::with_capacity(bytes.len() / 32);
    while !bytes.is_empty() {
        let space = bytes.iter().position(|b| *b == b' ')?;
        let nul = space + bytes[space..].iter().position(|b| *b == 0)?;
        let end = nul + 21;
        entries.push(Entry {
            mode: Mode::parse(&bytes[..space])?,
            name: String::from_utf8_lossy(&bytes[space + 1..nul]).into_owned(),
            id: Oid::from_bytes(bytes.get(nul + 1..end)?).ok()?,
        });
        bytes = &bytes[end..];
    }
    Some(entries)
}

/// Writes the bytes of a tree object; sorts the entries as Git does.
pub fn bytes(entries: &mut [Entry]) -> Vec<u8> {
    entries.sort_unstable_by(order);
    let mut bytes = Vec::with_capacity(entries.iter().map(|e| e.name.len() + 28).sum());
    for entry in &*entries {
        bytes.extend_from_slice(entry.mode.as_str().as_bytes());
        bytes.push(b' ');
        bytes.extend_from_slice(entry.name.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(entry.id.as_bytes());
    }
    bytes
}

/// Git compares names as if a directory's name ended in `/`.
fn order(a: &Entry, b: &Entry) -> Ordering {
    fn key(entry: &Entry) -> impl Iterator<Item = u8> {
        entry.name.bytes().chain((entry.mode == Mode::Tree).then_some(b'/'))
    }
    key(a).cmp(key(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_directories_as_if_they_ended_in_a_slash() {
        let id = Oid::from_bytes(&[7; 20]).expect("20 bytes");
        let mut entries =
            vec![Entry::tree("a", id), Entry::file("a.b", id), Entry::file("a0", id), Entry::file("A", id)];
        let text = bytes(&mut entries);
        let names: Vec<_> = entries.iter().map(|e| e.name.as_str()).collect();
        assert_eq!(names, ["A", "a.b", "a", "a0"]);
        assert_eq!(parse(&text), Some(entries));
    }

    #[test]
    fn refuses_what_is_not_a_tree() {
        for text in [&b"100644 a"[..], b"100644 a\0short", b"999 a\0aaaaaaaaaaaaaaaaaaaa", b"junk"] {
            assert_eq!(parse(text), None, "{}", text.escape_ascii());
        }
    }
}
