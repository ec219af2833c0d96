//! Diagnostics: what is wrong with what a person wrote, where, and what to do.
//!
//! Input: findings of the parser, of `lower`, of the rules. Output: text, JSON or GitHub annotations.
//! Must not: read files, or decide whether something is wrong.
//!
//! Every code has an entry in [`codes`], which `rmqgit explain` prints: whoever uses a new code adds it there.

use std::borrow::Cow;

mod at;
pub mod codes;
mod github;
pub mod json;
mod render;
mod sources;
mod text;
mod words;

pub(crate) use at::AT;
pub use render::{Format, render, sorted};
pub use sources::{Position, Sources};
pub use words::{excerpt, nearest, nearest_few};

/// What the label of a definition says.
pub(crate) const DEFINED: &str = "defined here";
/// What the label of a use of a faulty definition says.
const USED: &str = "used here";

/// One place in one source file, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// The index of the file in [`Sources`].
    pub file: u32,
    /// The first byte.
    pub start: u32,
    /// The byte after the last one.
    pub end: u32,
}

/// Where a value stands: where it is used, and where it is defined when an alias or a merge brought it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Place {
    /// Where the value is used.
    pub used: Span,
    /// Where the value is written, if an alias, a merge or shared defaults brought it to `used`.
    pub defined: Option<Span>,
}

/// A value with the place it was written at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub place: Place,
}

/// One labelled place of a diagnostic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// What is here.
    pub text: String,
}

/// How bad a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The spec is refused.
    Error,
    /// The spec is accepted; a person should look.
    Warning,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The code: a kebab-case noun of the fault, never reused, listed in [`codes`].
    pub code: Cow<'static, str>,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one line, with backticks around the user's text.
    pub message: String,
    /// The places, the main one first.
    pub labels: Vec<Label>,
    /// What to do.
    pub help: Option<String>,
}

impl Diagnostic {
    /// Makes an error without a place.
    pub fn error(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { code: code.into(), severity: Severity::Error, message: message.into(), labels: Vec::new(), help: None }
    }

    /// Makes a warning without a place.
    pub fn warning(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// Adds a labelled place; a value that an alias brought gets a second label where it is defined.
    #[must_use]
    pub fn at(mut self, place: Place, text: impl Into<String>) -> Self {
        self.labels.push(Label { span: place.used, text: text.into() });
        if let Some(span) = place.defined {
            self.labels.push(Label { span, text: DEFINED.to_owned() });
        }
        self
    }

    /// Adds the place where a faulty definition is used.
    #[must_use]
    pub fn used_at(mut self, span: Span) -> Self {
        self.labels.push(Label { span, text: USED.to_owned() });
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }
}

/// The diagnostics of one run, in the order they were found.
pub type Diagnostics = Vec<Diagnostic>;

#[cfg(test)]
mod tests;
