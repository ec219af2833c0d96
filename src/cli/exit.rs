//! The exit statuses, and the one way in which a verb says that it could not do its work.

use std::fmt;
use std::io;
use std::process::ExitCode;

/// The exit statuses; the only place that knows their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Nothing to report.
    Clean,
    /// Findings: an invalid spec, drift, pending changes in a dry run.
    Findings,
    /// A wrong command line.
    Usage,
    /// It could not be done.
    Failed,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Clean => 0,
            Exit::Findings => 1,
            Exit::Usage => 2,
            Exit::Failed => 3,
        })
    }
}

/// Why a verb could not do its work: one line, and what to do about it.
#[derive(Debug)]
pub(super) struct Failure {
    /// What could not be done, and why.
    pub(super) message: String,
    /// What to do.
    pub(super) help: Option<String>,
    /// The exit status.
    pub(super) exit: Exit,
}

impl Failure {
    /// Makes a failure of something outside: exit status 3.
    pub(super) fn new(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), help: None, exit: Exit::Failed }
    }

    /// Makes a failure of the command line: exit status 2.
    pub(super) fn usage(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Usage, ..Self::new(message) }
    }

    /// Makes a failure of an error and its causes, joined by colons.
    pub(super) fn from_error(error: &dyn std::error::Error) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            message = format!("{message}: {error}");
            cause = error.source();
        }
        Self::new(message)
    }

    /// Says what to do.
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::from_error(&error)
    }
}
