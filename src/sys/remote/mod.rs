//! Where a host's release comes from: a directory, an HTTPS server or an SSH server.
//!
//! Input: a URL and options. Output: the commit that one ref names, and a pack with what the store lacks.
//! Must not: decide whether the commit is acceptable, move a ref of the store, or need a program on the host.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use git2::Oid;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::store::{Incoming, Store, StoreError, Want};

mod local;
mod url;

pub use url::{Remote, RemoteUrlError};

use url::Place;

/// How a remote is reached. Every field has a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct RemoteOptions {
    /// The private key for `ssh`, Ed25519 or ECDSA, without a passphrase; by default `/etc/rmqgit/ssh_key`.
    pub ssh_key: PathBuf,
    /// The server's host keys for `ssh`, in the format of sshd(8); by default `/etc/rmqgit/known_hosts`.
    pub known_hosts: PathBuf,
    /// The certificates, in PEM, that an `https` server's must lead to; by default the system's.
    pub ca_file: Option<PathBuf>,
    /// A file with a token, or with `user:password`, for `https`.
    pub token_file: Option<PathBuf>,
    /// Whether a token may be sent over `http`, and `http` be used beyond this machine.
    pub insecure_http: bool,
    /// The time that a fetch may take in all, in seconds.
    pub timeout: u32,
    /// The largest pack that is taken, in MiB.
    pub max_pack: u32,
}

impl Default for RemoteOptions {
    fn default() -> Self {
        Self {
            ssh_key: "/etc/rmqgit/ssh_key".into(),
            known_hosts: "/etc/rmqgit/known_hosts".into(),
            ca_file: None,
            token_file: None,
            insecure_http: false,
            timeout: 60,
            max_pack: 64,
        }
    }
}

/// Says why a remote gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// There is no repository, or it may not be read.
    #[error("{remote} is not a Git repository that can be read")]
    NoRepository {
        /// The remote.
        remote: String,
        /// Why, as far as it is known.
        source: git2::Error,
    },
    /// An object could not be read from a repository on this machine.
    #[error("{remote} is damaged")]
    Damaged {
        /// The remote.
        remote: String,
        /// Why.
        source: git2::Error,
    },
    /// The pack is larger than allowed.
    #[error("{remote} sends more than {limit} MiB; raise `max-pack` if a release is that large")]
    TooLarge {
        /// The remote.
        remote: String,
        /// The most that is taken, in MiB.
        limit: u32,
    },
    /// The pack could not be written.
    #[error("the store cannot take the pack")]
    Write {
        /// Why.
        source: io::Error,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RemoteError {
    /// Explains a failed write of pack bytes.
    fn write(remote: &Remote, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::QuotaExceeded {
            Self::TooLarge { remote: remote.to_string(), limit: remote.options().max_pack }
        } else {
            Self::Write { source }
        }
    }
}

/// A remote that answers.
pub(crate) enum Session<'r> {
    /// A repository on this machine.
    Local(local::Local<'r>),
}

impl Remote {
    /// Reaches the remote.
    pub(crate) fn connect(&self) -> Result<Session<'_>, RemoteError> {
        match &self.place {
            Place::Local(path) => local::Local::open(self, path).map(Session::Local),
        }
    }
}

impl Session<'_> {
    /// Returns the commit that a ref names.
    pub(crate) fn look_up(&mut self, reference: &str) -> Result<Option<Oid>, RemoteError> {
        match self {
            Self::Local(local) => local.look_up(reference),
        }
    }

    /// Ends the talk politely; what the remote makes of it no longer matters.
    pub(crate) fn close(self) {
        match self {
            Self::Local(_) => {}
        }
    }

    /// Brings what the store lacks, and returns the commits that came without their parents.
    pub(crate) fn receive(
        &mut self,
        want: &Want,
        store: &Store,
        incoming: &mut Incoming<'_>,
    ) -> Result<BTreeSet<Oid>, RemoteError> {
        match self {
            Self::Local(local) => local.receive(want, store, incoming),
        }
    }
}
