//! What a run remembers for the next one.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::name::ReleaseId;
use crate::plan::Base;
use crate::sys::statedir::{StateDir, StateError};

/// The document's name in the state directory.
const NAME: &str = "state.json";
/// The version of the document.
const FORMAT: u32 = 1;
/// How many releases that failed are remembered.
const MOST_BAD: usize = 16;

/// What a run remembers for the next one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    /// The version of this document.
    format: u32,
    /// The release that was last applied, whole or in part.
    pub(super) release: Option<ReleaseId>,
    /// The release that the host was last seen to follow whole, with every daemon at work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) good: Option<ReleaseId>,
    /// The release that was last accepted as the newest, and when: its key had to be valid then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) accepted: Option<Accepted>,
    /// The releases that failed here, the newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) bad: Vec<BadRelease>,
    /// The base of the three-way comparison.
    pub(super) base: Base,
}

/// A release whose signature was good when it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Accepted {
    /// The release.
    pub(super) release: ReleaseId,
    /// When it came.
    pub(super) at: Timestamp,
}

/// A release that a daemon could not work with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BadRelease {
    /// The release.
    pub(super) release: ReleaseId,
    /// When it was tried.
    pub(super) at: Timestamp,
    /// What failed.
    pub(super) why: String,
}

impl fmt::Display for BadRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { release, at, why } = self;
        let short = &release.as_str()[..10];
        write!(f, "release {short} failed here at {at} and is not tried again (`rmqgit sync --retry` does): {why}")
    }
}

/// Says why the state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// The state directory failed.
    #[error(transparent)]
    Dir(#[from] StateError),
    /// The document is not what this program writes.
    #[error(
        "`{path}` is not readable: {why}; move it away to start anew (the host's files stay; what differs then counts as pending)"
    )]
    Document {
        /// The document.
        path: String,
        /// What is wrong.
        why: String,
    },
}

impl State {
    pub(super) fn load(dir: &StateDir) -> Result<Self, MemoryError> {
        let Some(bytes) = dir.read(NAME)? else {
            return Ok(Self {
                format: FORMAT,
                release: None,
                good: None,
                accepted: None,
                bad: Vec::new(),
                base: Base::default(),
            });
        };
        let wrong = |why: String| MemoryError::Document { path: dir.path().join(NAME).display().to_string(), why };
        let state: Self = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        if state.format != FORMAT {
            return Err(wrong(format!("it has format {}, and this rmqgit reads format {FORMAT}", state.format)));
        }
        Ok(state)
    }

    /// Returns the release that the host is held to while the newest one cannot be had, or failed here.
    pub(super) fn fallback(&self) -> Option<&ReleaseId> {
        let failed = |release: &&ReleaseId| self.bad.iter().any(|bad| bad.release == **release);
        self.release.as_ref().filter(|release| !failed(release)).or(self.good.as_ref())
    }

    /// Remembers that a release failed here.
    pub(super) fn remember_bad(&mut self, bad: BadRelease) {
        self.bad.retain(|known| known.release != bad.release);
        self.bad.push(bad);
        let surplus = self.bad.len().saturating_sub(MOST_BAD);
        self.bad.drain(..surplus);
    }

    /// Brings the state to the disk.
    pub(super) fn save(&self, dir: &StateDir) -> Result<(), MemoryError> {
        let mut text = serde_json::to_string(self).expect("the state has string keys and finite numbers");
        text.push('\n');
        Ok(dir.replace(NAME, text.as_bytes(), true)?)
    }
}
