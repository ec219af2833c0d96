//! What a run remembers for the next one.

use serde::{Deserialize, Serialize};

use crate::name::ReleaseId;
use crate::plan::Base;
use crate::sys::statedir::{StateDir, StateError};

/// The document's name in the state directory.
const NAME: &str = "state.json";
/// The version of the document.
const FORMAT: u32 = 1;

/// What a run remembers for the next one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    /// The version of this document.
    format: u32,
    /// The release that was last applied, whole or in part.
    pub(super) release: Option<ReleaseId>,
    /// The base of the three-way comparison.
    pub(super) base: Base,
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
            return Ok(Self { format: FORMAT, release: None, base: Base::default() });
        };
        let wrong = |why: String| MemoryError::Document { path: dir.path().join(NAME).display().to_string(), why };
        let state: Self = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        if state.format != FORMAT {
            return Err(wrong(format!("it has format {}, and this rmqgit reads format {FORMAT}", state.format)));
        }
        Ok(state)
    }

    /// Brings the state to the disk.
    pub(super) fn save(&self, dir: &StateDir) -> Result<(), MemoryError> {
        let mut text = serde_json::to_string(self).expect("the state has string keys and finite numbers");
        text.push('\n');
        Ok(dir.replace(NAME, text.as_bytes(), true)?)
    }
}
