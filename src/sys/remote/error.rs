//! What can go wrong with a remote.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use super::Remote;
use super::known_hosts::HostKeyError;
use crate::sys::store::StoreError;

/// Says why a remote gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// Nothing answers, or the connection broke.
    #[error("cannot reach {remote}")]
    Away {
        /// The remote.
        remote: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The deadline passed.
    #[error("{remote} did not finish within {seconds} s; raise `timeout` if the line is that slow")]
    Timeout {
        /// The remote.
        remote: String,
        /// The time it had.
        seconds: u32,
    },
    /// There is no repository, or it may not be read.
    #[error("{remote} is not a Git repository that can be read: {why}")]
    NoRepository {
        /// The remote.
        remote: String,
        /// What the other side says.
        why: String,
    },
    /// An object could not be read from a repository on this machine.
    #[error("{remote} is damaged")]
    Damaged {
        /// The remote.
        remote: String,
        /// Why.
        source: git2::Error,
    },
    /// The remote does not accept who we are.
    #[error("{remote} does not let this host in: {why}")]
    Auth {
        /// The remote.
        remote: String,
        /// What was tried, and what to do.
        why: String,
    },
    /// A file that the options name cannot be used.
    #[error("cannot use `{}` as `{option}`: {why}", path.display())]
    OptionFile {
        /// The option.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The SSH server is not the one that `known_hosts` names.
    #[error("the host key of {remote} is not trusted")]
    HostKey {
        /// The remote.
        remote: String,
        /// Why.
        source: Box<HostKeyError>,
    },
    /// The HTTPS server's certificate is refused, or there is no TLS.
    #[error("no trusted TLS connection to {remote}")]
    Tls {
        /// The remote.
        remote: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The answer is not Git's protocol.
    #[error("{remote} does not speak Git as expected: {why}")]
    Protocol {
        /// The remote.
        remote: String,
        /// What was wrong.
        why: String,
    },
    /// Git on the other side says that it failed.
    #[error("{remote} refuses: {message}")]
    Refused {
        /// The remote.
        remote: String,
        /// What it says, printable.
        message: String,
    },
    /// The pack is larger than allowed.
    #[error("{remote} sends more than {limit} MiB; raise `max-pack` if a release is that large")]
    TooLarge {
        /// The remote.
        remote: String,
        /// The most that is taken, in MiB.
        limit: u32,
    },
    /// The bytes are not a pack.
    #[error("{remote} sent a pack that cannot be used")]
    Pack {
        /// The remote.
        remote: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RemoteError {
    /// Explains a failed write of pack bytes.
    pub(super) fn write(remote: &Remote, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::QuotaExceeded {
            Self::too_large(remote)
        } else {
            Self::Pack { remote: remote.to_string(), source: source.into() }
        }
    }

    /// Explains why a pack was not taken in: what it lacks is the remote's fault, what the disk lacks is not.
    pub(crate) fn pack(remote: &Remote, error: StoreError) -> Self {
        match error {
            StoreError::Git { source, .. } => Self::Pack { remote: remote.to_string(), source: source.into() },
            StoreError::Missing { .. } | StoreError::Endless { .. } | StoreError::Pack(_) => {
                Self::Pack { remote: remote.to_string(), source: error.into() }
            }
            StoreError::Io { .. } | StoreError::Tip { .. } => Self::Store(error),
        }
    }

    /// Explains a failed read from a connection that was made.
    pub(super) fn read(remote: &Remote, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::TimedOut => Self::timeout(remote),
            io::ErrorKind::UnexpectedEof => Self::protocol(remote, "its answer ends in the middle"),
            io::ErrorKind::InvalidData => Self::protocol(remote, source.to_string()),
            _ => Self::away(remote, source),
        }
    }

    pub(super) fn away(remote: &Remote, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Away { remote: remote.to_string(), source: source.into() }
    }

    pub(super) fn timeout(remote: &Remote) -> Self {
        Self::Timeout { remote: remote.to_string(), seconds: remote.options().timeout }
    }

    pub(super) fn too_large(remote: &Remote) -> Self {
        Self::TooLarge { remote: remote.to_string(), limit: remote.options().max_pack }
    }

    pub(super) fn protocol(remote: &Remote, why: impl Into<String>) -> Self {
        Self::Protocol { remote: remote.to_string(), why: why.into() }
    }

    pub(super) fn no_repository(remote: &Remote, why: impl Into<String>) -> Self {
        Self::NoRepository { remote: remote.to_string(), why: why.into() }
    }

    pub(super) fn host_key(remote: &Remote, source: HostKeyError) -> Self {
        Self::HostKey { remote: remote.to_string(), source: Box::new(source) }
    }

    pub(super) fn auth(remote: &Remote, why: impl Into<String>) -> Self {
        Self::Auth { remote: remote.to_string(), why: why.into() }
    }

    pub(super) fn refused(remote: &Remote, message: &[u8]) -> Self {
        Self::Refused { remote: remote.to_string(), message: printable(message) }
    }
}

/// Returns the beginning of what another program said as one line without control characters.
pub(super) fn printable(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ").chars().take(300).collect()
}
