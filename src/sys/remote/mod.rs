//! Where a host's release comes from: a directory, an HTTPS server or an SSH server.
//!
//! Input: a URL and options. Output: the commit that one ref names, and a pack with what the store lacks.
//! Must not: decide whether the commit is acceptable, move a ref of the store, or need a program on the host.

use std::collections::BTreeSet;
use std::path::PathBuf;

use git2::Oid;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::store::{Incoming, Store, Want};

mod error;
mod http;
mod known_hosts;
mod local;
mod packet;
mod protocol;
mod ssh;
mod url;
mod wire;

pub use error::RemoteError;
pub use known_hosts::HostKeyError;
pub use url::{Remote, RemoteUrlError};

use url::Place;
use wire::Wire;

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

/// A remote that answered.
pub(crate) enum Session<'r> {
    /// A repository on this machine.
    Local(local::Local<'r>),
    /// A server.
    Server(protocol::Client<'r>),
}

impl Remote {
    /// Reaches the remote and looks one ref up.
    pub(crate) fn connect(&self, reference: &str) -> Result<Session<'_>, RemoteError> {
        let wire = match &self.place {
            Place::Local(path) => return local::Local::open(self, path, reference).map(Session::Local),
            Place::Http(target) => Wire::Http(Box::new(http::Http::open(self, target)?)),
            Place::Ssh(target) => Wire::Ssh(Box::new(ssh::Ssh::open(self, target)?)),
        };
        protocol::Client::open(self, wire, reference).map(Session::Server)
    }
}

impl Session<'_> {
    /// Returns the commit that the ref names.
    pub(crate) fn tip(&self) -> Option<Oid> {
        match self {
            Self::Local(local) => local.tip(),
            Self::Server(client) => client.tip(),
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
            Self::Server(client) => client.receive(want, store, incoming),
        }
    }

    /// Ends the talk politely; what the remote makes of it no longer matters.
    pub(crate) fn close(self) {
        match self {
            Self::Local(_) => {}
            Self::Server(client) => client.close(),
        }
    }
}
