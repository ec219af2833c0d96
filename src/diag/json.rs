//! Diagnostics for programs.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Diagnostic, Severity, Sources};

/// All diagnostics of a run.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Diagnostics", deny_unknown_fields)]
pub struct Report {
    /// The version of this document: 1.
    pub format: u32,
    /// The diagnostics in the order of files and places.
    pub diagnostics: Vec<Item>,
}

/// One diagnostic.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Diagnostic", deny_unknown_fields)]
pub struct Item {
    /// The code, such as `unknown-field`; `rmqgit explain CODE` says more.
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// The places, the main one first.
    pub labels: Vec<Place>,
}

/// A labelled place. Lines and columns count from 1, columns in characters.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Label", deny_unknown_fields)]
pub struct Place {
    /// The file.
    pub file: String,
    /// The first line.
    pub line: usize,
    /// The first column.
    pub column: usize,
    /// The last line.
    pub end_line: usize,
    /// The column after the last character.
    pub end_column: usize,
    /// What is here.
    pub text: String,
}

/// Makes the document of some diagnostics.
pub fn report<'a>(diags: impl IntoIterator<Item = &'a Diagnostic>, sources: &Sources) -> Report {
    let item = |diag: &Diagnostic| Item {
        code: diag.code.to_string(),
        severity: diag.severity,
        message: diag.message.clone(),
        help: diag.help.clone(),
        labels: diag.labels.iter().map(|label| place(label, sources)).collect(),
    };
    Report { format: 1, diagnostics: diags.into_iter().map(item).collect() }
}

fn place(label: &super::Label, sources: &Sources) -> Place {
    let (first, last) = sources.positions(label.span);
    Place {
        file: sources.name(label.span.file).to_owned(),
        line: first.line,
        column: first.column,
        end_line: last.line,
        end_column: last.column,
        text: label.text.clone(),
    }
}

pub(super) fn render(diags: &[&Diagnostic], sources: &Sources) -> String {
    let report = report(diags.iter().copied(), sources);
    let mut text = serde_json::to_string_pretty(&report).expect("a report has string keys and whole numbers");
    text.push('\n');
    text
}
