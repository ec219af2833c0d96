//! The bytes and the names of Git objects.

use std::fmt::Write as _;

use sha1::{Digest, Sha1};

use super::{Commit, Oid};

/// The kinds of objects that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A commit.
    Commit,
    /// A directory.
    Tree,
    /// The bytes of a file.
    Blob,
}

impl Kind {
    /// Returns the word in the header that is hashed.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Tree => "tree",
            Self::Blob => "blob",
        }
    }

    /// Returns the number in the header of a packed object.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Commit => 1,
            Self::Tree => 2,
            Self::Blob => 3,
        }
    }
}

/// Returns the name of an object.
pub fn id(kind: Kind, bytes: &[u8]) -> Oid {
    let mut hash = Sha1::new();
    hash.update(format!("{} {}\0", kind.word(), bytes.len()));
    hash.update(bytes);
    oid(hash.finalize().into())
}

pub(super) fn oid(bytes: [u8; 20]) -> Oid {
    Oid::from_bytes(&bytes).expect("a SHA-1 has 20 bytes")
}

/// Returns the bytes of a commit whose author and committer are the program, at the commit's times in UTC.
pub fn commit_bytes(commit: &Commit) -> Vec<u8> {
    let mut text = format!("tree {}\n", commit.tree);
    for parent in &commit.parents {
        writeln!(text, "parent {parent}").expect("a string takes any text");
    }
    for (role, time) in [("author", commit.authored), ("committer", commit.time)] {
        writeln!(text, "{role} rmqgit <rmqgit@localhost> {time} +0000").expect("a string takes any text");
    }
    text.push('\n');
    text.push_str(&commit.message);
    text.into_bytes()
}

/// Reads the bytes of a commit; `None` if they are not one.
pub(super) fn parse_commit(bytes: &[u8]) -> Option<Commit> {
    let text = String::from_utf8_lossy(bytes);
    let (head, message) = text.split_once("\n\n").unwrap_or((text.trim_end_matches('\n'), ""));
    let mut lines = head.lines();
    let tree = lines.next()?.strip_prefix("tree ")?.parse().ok()?;
    let mut commit = Commit { tree, parents: Vec::new(), authored: 0, time: 0, message: message.to_owned() };
    let mut committed = false;
    for line in lines {
        if let Some(parent) = line.strip_prefix("parent ") {
            commit.parents.push(parent.parse().ok()?);
        } else if let Some(who) = line.strip_prefix("author ") {
            commit.authored = time(who)?;
        } else if let Some(who) = line.strip_prefix("committer ") {
            commit.time = time(who)?;
            committed = true;
        }
    }
    committed.then_some(commit)
}

/// Reads the time at the end of `NAME <ADDRESS> SECONDS ZONE`.
fn time(who: &str) -> Option<i64> {
    who.rsplit(' ').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_git() {
        assert_eq!(id(Kind::Blob, b"").to_string(), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
        assert_eq!(id(Kind::Tree, b"").to_string(), "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
        assert_eq!(id(Kind::Blob, b"hello\n").to_string(), "ce013625030ba8dba906f756967f9e9ca394464a");
    }

    #[test]
    fn a_commit_reads_back() {
        let id = |n: u8| oid([n; 20]);
        let commit = Commit {
            tree: id(1),
            parents: vec![id(2), id(3)],
            authored: 1_600_000_000,
            time: 1_700_000_000,
            message: "One line\n\nSpec-Commit: abc\n".to_owned(),
        };
        assert_eq!(parse_commit(&commit_bytes(&commit)), Some(commit.clone()));
        assert_eq!(commit.trailer("spec-commit"), Some("abc".to_owned()));
        assert_eq!(commit.trailer("Other"), None);
        assert_eq!(commit.subject(), "One line");
        for junk in [&b""[..], b"tree x\n", b"tree 0101010101010101010101010101010101010101\n\nno committer\n"] {
            assert_eq!(parse_commit(junk), None, "{}", junk.escape_ascii());
        }
    }
}
