//! The host's own Git repository: what was fetched and what was applied, in the agent's state directory.
//!
//! Input: packs that a remote sent, and the tips to remember. Output: commits and the files of their trees.
//! Must not: talk to a remote, run a program, or read the configuration of the system or of a user.
//!
//! The store is an ordinary bare repository (`git --git-dir <state>/repo.git log --all` works), kept small on purpose:
//!
//! - `refs/rmqgit/fetched/CLUSTER/HOST` is the newest commit that the remote offered, `refs/rmqgit/applied/CLUSTER/HOST`
//!   the one that the host was last brought to. Both files are replaced atomically and fsynced.
//! - Objects come in packs only. A pack is indexed in `incoming/`, checked to hold everything that its tip needs, fsynced,
//!   and only then renamed into `objects/pack`, so that a kill at any instruction leaves either the old store or the new.
//! - `shallow` lists the commits whose parents are not kept. A first fetch brings one commit, not its history.
//! - With more than [`MAX_PACKS`] packs, or [`MAX_BYTES`] in them, everything is rewritten into one pack that holds the
//!   tips and nothing else.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use git2::{ErrorCode, Odb, Oid, Repository};

use crate::name::{ClusterName, HostName, ReleaseId};

pub mod bounds;
mod closure;
mod copy;
mod incoming;
mod rewrite;
mod tree;

pub use rewrite::{MAX_BYTES, MAX_PACKS};
pub use tree::TreeError;

pub(crate) use tree::trailer;

pub(crate) use closure::{Closure, Want};
pub(crate) use copy::Copy;
pub(crate) use incoming::Incoming;

/// Where the tips of the chain of signers are: the only ones whose history is kept.
const SIGNERS: &str = "refs/rmqgit/signers";

/// What a remembered tip stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// The newest commit that the remote offered and that descends from the one before.
    Fetched,
    /// The commit that the host was last brought to.
    Applied,
    /// The commit that the host last followed whole, with every daemon at work.
    Good,
    /// The last commit of the chain of signers that a release of this host belonged to.
    Signers,
}

impl Slot {
    fn directory(self) -> &'static str {
        match self {
            Self::Fetched => "refs/rmqgit/fetched",
            Self::Applied => "refs/rmqgit/applied",
            Self::Good => "refs/rmqgit/good",
            Self::Signers => SIGNERS,
        }
    }
}

/// Says why the store could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file of the store could not be read or written.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Git refused an object or a pack.
    #[error("the store cannot {action}")]
    Git {
        /// What was attempted.
        action: &'static str,
        /// Why it failed.
        source: git2::Error,
    },
    /// A remembered tip is not a commit id.
    #[error("`{}` does not hold a commit id", path.display())]
    Tip {
        /// The file.
        path: PathBuf,
    },
    /// A pack lacks an object that its tip needs.
    #[error("object {object} is missing or is not a {kind}")]
    Missing {
        /// The object.
        object: Oid,
        /// What it should be.
        kind: &'static str,
    },
    /// A pack is none that a host takes.
    #[error(transparent)]
    Pack(#[from] bounds::PackFault),
    /// A history or a tree is larger than a host's can be.
    #[error("the history of {tip} holds more than {limit} objects")]
    Endless {
        /// Where the walk began.
        tip: Oid,
        /// The most objects that are looked at.
        limit: usize,
    },
}

/// The host's own Git repository.
pub struct Store {
    path: PathBuf,
    repo: Repository,
}

impl Store {
    /// Opens `<state>/repo.git`, and creates it with mode 0700 where it does not exist.
    pub fn open(state: &Path) -> Result<Self, StoreError> {
        let path = state.join("repo.git");
        if !path.join("HEAD").exists() {
            create(&path)?;
        }
        // An object database is opened rather than a repository: libgit2 reads the configuration of the system and of
        // the user for a repository, and a typing error in ~/.gitconfig must not stop the agent.
        let repo = open_objects(&[&path.join("objects")])?;
        Ok(Self { path, repo })
    }

    /// Returns a remembered tip.
    pub fn tip(&self, slot: Slot, cluster: &ClusterName, host: &HostName) -> Result<Option<ReleaseId>, StoreError> {
        let path = self.tip_path(slot, cluster, host);
        match fs::read_to_string(&path) {
            Ok(text) => match ReleaseId::parse(text.trim_end()) {
                Ok(id) => Ok(Some(id)),
                Err(_) => Err(StoreError::Tip { path }),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StoreError::Io { action: "read", path, source }),
        }
    }

    /// Remembers a tip, durably.
    pub fn set_tip(
        &self,
        slot: Slot,
        cluster: &ClusterName,
        host: &HostName,
        tip: &ReleaseId,
    ) -> Result<(), StoreError> {
        replace(&self.tip_path(slot, cluster, host), format!("{tip}\n").as_bytes())
    }

    /// Returns the file that remembers a tip.
    pub fn tip_path(&self, slot: Slot, cluster: &ClusterName, host: &HostName) -> PathBuf {
        self.path.join(slot.directory()).join(cluster.as_str()).join(host.as_str())
    }

    pub(crate) fn repo(&self) -> &Repository {
        &self.repo
    }

    fn odb(&self) -> Result<Odb<'_>, StoreError> {
        self.repo.odb().map_err(git("open its objects"))
    }
}

/// Converts a name that was checked once into libgit2's form.
pub(crate) fn oid(id: &ReleaseId) -> Oid {
    Oid::from_str(id.as_str()).expect("a ReleaseId is 40 hexadecimal digits")
}

/// Converts libgit2's form into the name that the other modules use.
pub(crate) fn release_id(oid: Oid) -> ReleaseId {
    ReleaseId::parse(&oid.to_string()).expect("an object id prints as 40 hexadecimal digits")
}

fn git(action: &'static str) -> impl FnOnce(git2::Error) -> StoreError {
    move |source| StoreError::Git { action, source }
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { action, path, source }
}

/// Opens object directories, read-only, with nothing read beside them.
pub(crate) fn open_objects(directories: &[&Path]) -> Result<Repository, StoreError> {
    let open = || {
        let odb = Odb::new()?;
        for directory in directories {
            let text = directory.to_str().ok_or_else(|| git2::Error::from_str("the path is not UTF-8"))?;
            odb.add_disk_alternate(text)?;
        }
        Repository::from_odb(odb)
    };
    open().map_err(git("open its objects"))
}

/// Makes the parts that `git` looks for; `HEAD` last, because its presence means that the rest is there.
fn create(path: &Path) -> Result<(), StoreError> {
    for part in ["objects/pack", "objects/info", "refs/rmqgit"] {
        let path = path.join(part);
        DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(io_error("create", &path))?;
    }
    replace(&path.join("config"), b"[core]\n\trepositoryformatversion = 0\n\tbare = true\n\tautocrlf = false\n")?;
    replace(&path.join("HEAD"), b"ref: refs/heads/none\n")
}

/// Replaces a file: written beside it, fsynced, renamed, and the rename fsynced too.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let parent = path.parent().expect("every file of the store is inside its directory");
    let write = || {
        DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
        let mut file = tempfile::NamedTempFile::new_in(parent)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        File::open(parent)?.sync_all()
    };
    write().map_err(io_error("write", path))
}

fn is_missing(error: &git2::Error) -> bool {
    error.code() == ErrorCode::NotFound
}
