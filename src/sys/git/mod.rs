//! Git repositories: reading objects, writing packs and refs, and the author's own `git` for the network.
//!
//! Input: object ids, bytes, ref names. Output: objects and refs that real Git accepts (`git fsck --strict`).
//! Must not: know what a spec, a bundle or a release is.
//!
//! Many small objects go into one pack (a loose file each is four times slower), and many refs into one `packed-refs`.
//! Everything is written beside its place and renamed, and a lock that a killed run left behind is recognised and removed
//! by the next one ([`lock`]).

use std::io;
use std::path::{Path, PathBuf};

pub mod dir;
pub mod lock;
pub mod make;
pub mod merge;
pub mod object;
pub mod pack;
pub mod program;
pub mod refs;
pub mod tree;

mod index;

pub use git2::Oid;

use super::signer::SignerError;

use self::tree::Entry;

/// Says what Git could not do.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The directory is not inside a repository.
    #[error("`{path}` is not in a Git repository that can be opened")]
    Open {
        /// The directory.
        path: PathBuf,
        /// What libgit2 said.
        source: git2::Error,
    },
    /// A repository could not be made.
    #[error("cannot make a Git repository in `{path}`")]
    Make {
        /// The directory.
        path: PathBuf,
        /// What libgit2 said.
        source: git2::Error,
    },
    /// A revision names nothing.
    #[error("`{rev}` names no commit")]
    Revision {
        /// The revision as it was given.
        rev: String,
        /// Whether the repository has a part of its history only.
        shallow: bool,
        /// What libgit2 said, unless that is the same.
        source: Option<git2::Error>,
    },
    /// An object is missing or broken.
    #[error("cannot read object {id}")]
    Object {
        /// The object.
        id: Oid,
        /// What libgit2 said.
        source: git2::Error,
    },
    /// An object is not what its place asks for.
    #[error("object {id} is not a valid {expected}")]
    Malformed {
        /// The object.
        id: Oid,
        /// What it should be, such as `tree`.
        expected: &'static str,
    },
    /// The state of the working tree could not be read.
    #[error("cannot compare the working tree with HEAD")]
    Status(#[source] git2::Error),
    /// A file inside the repository could not be read or written.
    #[error("cannot {doing} `{path}`")]
    File {
        /// What was tried, such as `write`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Another process holds a lock.
    #[error("`{0}` is locked by another process")]
    Locked(PathBuf),
    /// A ref is not where it was when the work began.
    #[error("`{name}` was moved by someone else meanwhile")]
    Moved {
        /// The ref.
        name: String,
    },
    /// The `git` program could not be started.
    #[error("cannot run `git`, which reaches the remote")]
    Program(#[source] io::Error),
    /// The `git` program failed; what it said went to standard error.
    #[error("`{command}` failed")]
    Remote {
        /// The command as one could type it.
        command: String,
    },
    /// A commit could not be signed.
    #[error("cannot sign a commit")]
    Sign(#[source] SignerError),
    /// The remote refused a push as a whole.
    #[error("the remote refused `{name}`: {reason}")]
    Refused {
        /// The first ref that it refused.
        name: String,
        /// Its reason.
        reason: String,
    },
    /// Somebody else pushed first.
    #[error("somebody else pushed to `{name}` meanwhile")]
    Raced {
        /// The ref that had moved.
        name: String,
    },
}

/// What a commit says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The tree.
    pub tree: Oid,
    /// The parents.
    pub parents: Vec<Oid>,
    /// When it was written, in seconds since 1970.
    pub authored: i64,
    /// When it was committed, in seconds since 1970.
    pub time: i64,
    /// The message.
    pub message: String,
}

impl Commit {
    /// Returns the value of a trailer, the last one of that key.
    pub fn trailer(&self, key: &str) -> Option<String> {
        let trailers = git2::message_trailers_strs(&self.message).ok()?;
        trailers.iter().rev().find(|(k, _)| k.eq_ignore_ascii_case(key)).map(|(_, value)| value.to_owned())
    }

    /// Returns the first line of the message.
    pub fn subject(&self) -> &str {
        self.message.lines().next().unwrap_or_default()
    }
}

/// An opened repository.
pub struct Store {
    repo: git2::Repository,
}

impl Store {
    /// Opens the repository that a directory is in.
    pub fn discover(path: &Path) -> Result<Self, GitError> {
        match git2::Repository::discover(path) {
            Ok(repo) => Ok(Self { repo }),
            Err(source) => Err(GitError::Open { path: path.to_owned(), source }),
        }
    }

    /// Returns the directory that all working trees share, which holds objects and refs.
    pub fn dir(&self) -> &Path {
        self.repo.commondir()
    }

    /// Returns the directory to run `git` in: the working tree, or the repository if it is bare.
    pub fn workdir(&self) -> &Path {
        self.repo.workdir().unwrap_or(self.repo.path())
    }

    /// Tells whether a directory is the root of the working tree.
    pub fn is_root(&self, dir: &Path) -> bool {
        let real = |path: &Path| path.canonicalize().ok();
        real(self.workdir()) == real(dir)
    }

    /// Returns the names of the remotes, `origin` first.
    pub fn remotes(&self) -> Result<Vec<String>, GitError> {
        let refuse = |source| GitError::Open { path: self.dir().to_owned(), source };
        let names = self.repo.remotes().map_err(refuse)?;
        let mut names: Vec<String> = names.iter().flatten().flatten().map(str::to_owned).collect();
        names.sort_by_key(|name| (name != "origin", name.clone()));
        Ok(names)
    }

    /// Returns a reader of objects that threads may share.
    pub fn objects(&self) -> Result<Objects<'_>, GitError> {
        let wrong = |source| GitError::Open { path: self.dir().to_owned(), source };
        Ok(Objects { odb: self.repo.odb().map_err(wrong)? })
    }

    /// Returns the commit that a revision such as `HEAD` or `main~1` names.
    pub fn resolve(&self, rev: &str) -> Result<Oid, GitError> {
        let commit = self.repo.revparse_single(rev).and_then(|object| object.peel_to_commit());
        commit.map(|commit| commit.id()).map_err(|source| self.no_revision(rev, source))
    }

    /// Returns the commit that a ref points to, or `None` if there is no such ref.
    pub fn tip(&self, name: &str) -> Result<Option<Oid>, GitError> {
        match self.repo.refname_to_id(name) {
            Ok(id) => Ok(Some(id)),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(source) => Err(self.no_revision(name, source)),
        }
    }

    fn no_revision(&self, rev: &str, source: git2::Error) -> GitError {
        let source = Some(source).filter(|error| error.code() != git2::ErrorCode::NotFound);
        GitError::Revision { rev: rev.to_owned(), shallow: self.repo.is_shallow(), source }
    }

    /// Returns the full name of the branch that the working tree shows, if there is one.
    pub fn checked_out(&self) -> Option<String> {
        let head = self.repo.find_reference("HEAD").ok().filter(|_| !self.repo.is_bare())?;
        head.symbolic_target().ok().flatten().map(str::to_owned)
    }

    /// Says whether a branch may have this name.
    pub fn is_branch_name(name: &str) -> bool {
        git2::Branch::name_is_valid(name).unwrap_or(false)
    }

    /// Says whether `old` is reachable from `new`, or equal to it.
    pub fn contains(&self, new: Oid, old: Oid) -> bool {
        // An unknown commit is no ancestor: the caller then fetches it.
        new == old || self.repo.graph_descendant_of(new, old).unwrap_or(false)
    }

    /// Returns the changed, staged or untracked paths of the working tree below some directories or files.
    pub fn dirty(&self, below: &[&str]) -> Result<Vec<String>, GitError> {
        if self.repo.is_bare() {
            return Ok(Vec::new());
        }
        let mut options = git2::StatusOptions::new();
        options.include_untracked(true).recurse_untracked_dirs(true).include_ignored(false);
        for path in below {
            options.pathspec(path);
        }
        let statuses = self.repo.statuses(Some(&mut options)).map_err(GitError::Status)?;
        Ok(statuses.iter().map(|entry| String::from_utf8_lossy(entry.path_bytes()).into_owned()).collect())
    }
}

/// Reads objects; threads may share it.
pub struct Objects<'repo> {
    odb: git2::Odb<'repo>,
}

impl Objects<'_> {
    /// Returns the bytes of a blob.
    pub fn blob(&self, id: Oid) -> Result<Vec<u8>, GitError> {
        Ok(self.read(id, git2::ObjectType::Blob, "blob")?.data().to_vec())
    }

    /// Returns the entries of a tree.
    pub fn tree(&self, id: Oid) -> Result<Vec<Entry>, GitError> {
        let object = self.read(id, git2::ObjectType::Tree, "tree")?;
        tree::parse(object.data()).ok_or(GitError::Malformed { id, expected: "tree" })
    }

    /// Returns what a commit says.
    pub fn commit(&self, id: Oid) -> Result<Commit, GitError> {
        let object = self.read(id, git2::ObjectType::Commit, "commit")?;
        object::parse_commit(object.data()).ok_or(GitError::Malformed { id, expected: "commit" })
    }

    /// Returns the bytes of a commit.
    pub fn commit_bytes(&self, id: Oid) -> Result<Vec<u8>, GitError> {
        Ok(self.read(id, git2::ObjectType::Commit, "commit")?.data().to_vec())
    }

    /// Returns every file below a tree with its path, sorted by path.
    pub fn files(&self, id: Oid) -> Result<std::collections::BTreeMap<String, Vec<u8>>, GitError> {
        let mut files = std::collections::BTreeMap::new();
        let mut open = vec![(String::new(), id)];
        while let Some((prefix, id)) = open.pop() {
            for entry in self.tree(id)? {
                let path = format!("{prefix}{}", entry.name);
                match entry.mode {
                    tree::Mode::Tree => open.push((path + "/", entry.id)),
                    tree::Mode::Commit => return Err(GitError::Malformed { id, expected: "tree of files" }),
                    tree::Mode::File | tree::Mode::Executable | tree::Mode::Link => {
                        files.insert(path, self.blob(entry.id)?);
                    }
                }
            }
        }
        Ok(files)
    }

    fn read(&self, id: Oid, kind: git2::ObjectType, expected: &'static str) -> Result<git2::OdbObject<'_>, GitError> {
        let object = self.odb.read(id).map_err(|source| GitError::Object { id, source })?;
        if object.kind() == kind { Ok(object) } else { Err(GitError::Malformed { id, expected }) }
    }
}
