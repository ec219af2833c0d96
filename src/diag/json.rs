//! Diagnostics for programs.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Diagnostic, Severity, Sources, Span};

/// All diagnostics of a run.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Diagnostics", deny_unknown_fields)]
pub struct Report {
    /// The version of this document: 1.
    pub format: u32,
    /// The diagnostics in the order of files and places.
    pub diagnostics: Vec<Item>,
    /// What the spec holds back, in the order of clusters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waived: Vec<Waived>,
}

/// A finding that the spec holds back.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Waived {
    /// The finding.
    pub finding: Item,
    /// Why it is held back.
    pub reason: String,
    /// The last day on which it is, such as `2027-03-31`.
    pub until: Option<String>,
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
    let diagnostics = diags.into_iter().map(|diag| item(diag, sources)).collect();
    Report { format: 1, diagnostics, waived: Vec::new() }
}

/// Makes the part of the document that is one diagnostic.
pub fn item(diag: &Diagnostic, sources: &Sources) -> Item {
    Item {
        code: diag.code.to_string(),
        severity: diag.severity,
        message: diag.message.clone(),
        help: diag.help.clone(),
        labels: diag.labels.iter().map(|label| place(label.span, &label.text, sources)).collect(),
    }
}

/// Makes the part of the document that is one place.
pub fn place(span: Span, text: &str, sources: &Sources) -> Place {
    let (first, last) = sources.positions(span);
    Place {
        file: sources.name(span.file).to_owned(),
        line: first.line,
        column: first.column,
        end_line: last.line,
        end_column: last.column,
        text: text.to_owned(),
    }
}

pub(super) fn render(diags: &[&Diagnostic], sources: &Sources) -> String {
    let report = report(diags.iter().copied(), sources);
    let mut text = serde_json::to_string_pretty(&report).expect("a report has string keys and whole numbers");
    text.push('\n');
    text
}
