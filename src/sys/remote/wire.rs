//! One connection that carries Git's protocol: HTTP keeps no state between questions, SSH is one stream.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use super::http::Http;
use super::ssh::Ssh;
use super::{Remote, RemoteError};

/// A connection to a server.
pub(super) enum Wire<'r> {
    /// Each question is a request.
    Http(Box<Http<'r>>),
    /// All questions go to one `git-upload-pack`.
    Ssh(Box<Ssh<'r>>),
}

impl Wire<'_> {
    /// Sends a question; what is read from now on is its answer.
    pub(super) fn send(&mut self, message: &[u8]) -> Result<(), RemoteError> {
        match self {
            Self::Http(http) => http.send(message),
            Self::Ssh(ssh) => ssh.send(message),
        }
    }

    /// Says that the server speaks version 2.
    pub(super) fn speak_v2(&mut self) {
        match self {
            Self::Http(http) => http.speak_v2(),
            Self::Ssh(_) => {}
        }
    }

    /// Says whether an answer must be read to its end before the next question.
    pub(super) fn is_stream(&self) -> bool {
        matches!(self, Self::Ssh(_))
    }

    /// Explains why there is no first packet.
    pub(super) fn explain_greeting(&mut self, error: io::Error) -> RemoteError {
        match self {
            Self::Http(http) => RemoteError::read(http.remote(), error),
            Self::Ssh(ssh) => ssh.explain_greeting(error),
        }
    }

    /// Ends the connection, with a last message where the other side waits for one.
    pub(super) fn close(self, farewell: &[u8]) {
        match self {
            Self::Http(_) => {}
            Self::Ssh(ssh) => ssh.close(farewell),
        }
    }
}

impl Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Http(http) => http.read(buffer),
            Self::Ssh(ssh) => ssh.read(buffer),
        }
    }
}

/// When a fetch must have ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(Instant);

impl Deadline {
    /// Begins the time that a remote has.
    pub(super) fn of(remote: &Remote) -> Self {
        Self(Instant::now() + Duration::from_secs(u64::from(remote.options().timeout)))
    }

    /// Returns when it passes.
    pub(super) fn instant(self) -> Instant {
        self.0
    }

    /// Returns what is left; never zero, which some libraries take for "no limit".
    pub(super) fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
    }
}
