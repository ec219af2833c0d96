//! Reads the files of a commit, and refuses everything that a release never holds.

use git2::{ObjectType, Odb, Oid};

use super::{Store, StoreError, git, is_missing, oid};
use crate::name::ReleaseId;
use crate::release::StoredFiles;

/// The most files and directories in one host's tree.
const MAX_ENTRIES: usize = 10_000;
/// The most bytes in one host's files together.
const MAX_TREE_BYTES: usize = 64 << 20;
/// The largest commit that is read whole, with its message and its signature.
const MAX_COMMIT_BYTES: usize = 1 << 20;
/// The deepest directory.
const MAX_DEPTH: usize = 40;

/// Says why a tree is not one that a release holds.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// An entry is a link, a commit of another repository, or has a mode that no release has.
    #[error("`{path}` is {what}; a release holds regular files only")]
    Kind {
        /// Its path in the tree.
        path: String,
        /// What it is.
        what: String,
    },
    /// An entry's name is none that Git itself would write.
    #[error("a file in `/{parent}` has the name `{name}`, which no release holds")]
    Name {
        /// The directory.
        parent: String,
        /// The name, escaped.
        name: String,
    },
    /// The tree is larger than a host's can be.
    #[error("the tree has more than {limit} {what}")]
    Size {
        /// What there is too much of.
        what: &'static str,
        /// How much would be allowed.
        limit: usize,
    },
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A commit as `load` needs it.
pub(crate) struct StoredCommit {
    /// The files of its tree.
    pub(crate) files: StoredFiles,
    /// Its message.
    pub(crate) message: String,
    /// The committer's time, in seconds since 1970.
    pub(crate) time: i64,
}

impl Store {
    /// Reads a commit and all files of its tree.
    pub(crate) fn read(&self, id: &ReleaseId) -> Result<StoredCommit, TreeError> {
        let commit = self.repo.find_commit(oid(id)).map_err(git("read a commit"))?;
        let mut reader = Reader { store: self, odb: self.odb()?, files: StoredFiles::new(), entries: 0, bytes: 0 };
        reader.tree(commit.tree_id(), "", 0)?;
        let message = String::from_utf8_lossy(commit.message_bytes()).into_owned();
        Ok(StoredCommit { files: reader.files, message, time: commit.time().seconds() })
    }
}

impl Store {
    /// Whether a commit is here.
    pub(crate) fn has(&self, id: &ReleaseId) -> bool {
        self.repo.find_commit(oid(id)).is_ok()
    }

    /// Returns the bytes of a commit.
    pub(crate) fn commit_bytes(&self, id: &ReleaseId) -> Result<Vec<u8>, StoreError> {
        let odb = self.odb()?;
        let (size, kind) = odb.read_header(oid(id)).map_err(git("read a commit"))?;
        if kind != ObjectType::Commit || size > MAX_COMMIT_BYTES {
            return Err(StoreError::Missing { object: oid(id), kind: "commit" });
        }
        Ok(odb.read(oid(id)).map_err(git("read a commit"))?.data().to_vec())
    }

    /// Returns the message of a commit.
    pub(crate) fn message(&self, id: &ReleaseId) -> Result<String, StoreError> {
        let commit = self.repo.find_commit(oid(id)).map_err(git("read a commit"))?;
        Ok(String::from_utf8_lossy(commit.message_bytes()).into_owned())
    }

    /// Returns the first parent of a commit, if it has one and that is here.
    pub(crate) fn parent(&self, id: &ReleaseId) -> Result<Option<ReleaseId>, StoreError> {
        let commit = self.repo.find_commit(oid(id)).map_err(git("read a commit"))?;
        let parent = commit.parent_ids().next();
        Ok(parent.map(super::release_id).filter(|parent| self.has(parent)))
    }

    /// Returns a file at the root of a commit's tree; `None` where there is none of at most `limit` bytes.
    pub(crate) fn file(&self, id: &ReleaseId, name: &str, limit: usize) -> Result<Option<Vec<u8>>, StoreError> {
        let commit = self.repo.find_commit(oid(id)).map_err(git("read a commit"))?;
        let tree = self.repo.find_tree(commit.tree_id()).map_err(git("read a tree"))?;
        let Some(entry) = tree.get_name(name) else { return Ok(None) };
        let odb = self.odb()?;
        match odb.read_header(entry.id()) {
            Ok((size, ObjectType::Blob)) if size <= limit => {}
            _ => return Ok(None),
        }
        Ok(Some(odb.read(entry.id()).map_err(git("read an object"))?.data().to_vec()))
    }
}

struct Reader<'s> {
    store: &'s Store,
    odb: Odb<'s>,
    files: StoredFiles,
    entries: usize,
    bytes: usize,
}

impl Reader<'_> {
    fn tree(&mut self, id: Oid, parent: &str, depth: usize) -> Result<(), TreeError> {
        if depth > MAX_DEPTH {
            return Err(TreeError::Size { what: "levels of directories", limit: MAX_DEPTH });
        }
        let tree = self.store.repo.find_tree(id).map_err(git("read a tree"))?;
        for entry in &tree {
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(TreeError::Size { what: "entries", limit: MAX_ENTRIES });
            }
            let path = join(parent, entry.name_bytes())?;
            match entry.filemode_raw() {
                0o040_000 => self.tree(entry.id(), &path, depth + 1)?,
                0o100_644 | 0o100_755 => self.file(entry.id(), path)?,
                mode => return Err(TreeError::Kind { path, what: describe(mode) }),
            }
        }
        Ok(())
    }

    fn file(&mut self, id: Oid, path: String) -> Result<(), TreeError> {
        let missing = || StoreError::Missing { object: id, kind: "blob" };
        let (size, kind) = self
            .odb
            .read_header(id)
            .map_err(|error| if is_missing(&error) { missing() } else { git("read an object")(error) })?;
        if kind != ObjectType::Blob {
            return Err(missing().into());
        }
        // The header is read first: an object of a few kilobytes can unpack to gigabytes.
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > MAX_TREE_BYTES {
            return Err(TreeError::Size { what: "bytes", limit: MAX_TREE_BYTES });
        }
        let object = self.odb.read(id).map_err(git("read an object"))?;
        match self.files.insert(path.clone(), object.data().to_vec()) {
            None => Ok(()),
            Some(_) => Err(TreeError::Kind { path, what: "there twice".to_owned() }),
        }
    }
}

fn join(parent: &str, name: &[u8]) -> Result<String, TreeError> {
    match std::str::from_utf8(name) {
        Ok(name) if is_plain(name) && parent.is_empty() => Ok(name.to_owned()),
        Ok(name) if is_plain(name) => Ok(format!("{parent}/{name}")),
        _ => Err(TreeError::Name { parent: parent.to_owned(), name: name.escape_ascii().to_string() }),
    }
}

fn is_plain(name: &str) -> bool {
    !matches!(name, "" | "." | "..")
        && !name.eq_ignore_ascii_case(".git")
        && !name.contains(|c: char| c == '/' || c.is_control())
}

fn describe(mode: i32) -> String {
    match mode {
        0o120_000 => "a symbolic link".to_owned(),
        0o160_000 => "a commit of another repository".to_owned(),
        mode => format!("of mode {mode:06o}"),
    }
}

/// Returns the value of a trailer of a commit's message.
pub(crate) fn trailer(message: &str, key: &str) -> Option<String> {
    let trailers = git2::message_trailers_strs(message).ok()?;
    trailers.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_are_refused() {
        for name in ["rootfs", "a b", "é", "...", ".gitignore"] {
            assert_eq!(join("x", name.as_bytes()).ok(), Some(format!("x/{name}")));
        }
        for name in [&b""[..], b".", b"..", b".git", b".GIT", b"a/b", b"a\nb", b"\xff", b"a\0b"] {
            assert!(join("x", name).is_err(), "{name:?} was accepted");
        }
    }
}
