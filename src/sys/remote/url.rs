//! Reads a remote's URL.

use std::fmt;
use std::path::{Path, PathBuf};

use super::RemoteOptions;

/// A place that releases come from, and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// As the user wrote it; it never holds a password, because those are refused.
    text: String,
    pub(super) place: Place,
    pub(super) options: RemoteOptions,
}

/// Where a remote is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// A repository on this machine.
    Local(PathBuf),
}

/// Says why a text is not a remote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteUrlError {
    /// The scheme is none that a host can fetch from.
    #[error("`{0}` is not a remote that a host can fetch from; use a path or `file://`, `https://` or `ssh://`")]
    Scheme(String),
    /// A path is not absolute.
    #[error("`{0}` is not an absolute path; a timer and a shell have different directories")]
    Relative(String),
}

impl Remote {
    /// Parses a URL or a path.
    pub fn parse(text: &str, options: RemoteOptions) -> Result<Self, RemoteUrlError> {
        Ok(Self { text: text.to_owned(), place: parse(text)?, options })
    }

    /// Returns the options.
    pub fn options(&self) -> &RemoteOptions {
        &self.options
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn parse(text: &str) -> Result<Place, RemoteUrlError> {
    match text.split_once("://") {
        None | Some(("file", _)) => local(text),
        Some(_) => Err(RemoteUrlError::Scheme(text.to_owned())),
    }
}

fn local(text: &str) -> Result<Place, RemoteUrlError> {
    let path = Path::new(text.strip_prefix("file://").unwrap_or(text));
    if path.is_absolute() { Ok(Place::Local(path.to_owned())) } else { Err(RemoteUrlError::Relative(text.to_owned())) }
}
