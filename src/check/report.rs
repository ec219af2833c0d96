//! Writes what came of a check: for people, for programs, for a forge.

use super::{Checked, sarif};
use crate::diag::{self, json};

/// How the result of a check is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people: the source lines with labels, then a line that counts.
    Text,
    /// For programs: a [`json::Report`].
    Json,
    /// For GitHub Actions: one annotation a line.
    Github,
    /// For code scanning: SARIF 2.1.0.
    Sarif,
}

/// Writes what came of a check; `color` and `width` are for [`Format::Text`].
pub fn render(checked: &Checked, format: Format, color: bool, width: usize) -> String {
    let plain = |format| diag::render(&checked.diags, &checked.sources, format, color, width);
    match format {
        Format::Text => plain(diag::Format::Text),
        Format::Github => plain(diag::Format::Github),
        Format::Json => document(checked),
        Format::Sarif => sarif::render(checked),
    }
}

fn document(checked: &Checked) -> String {
    let waived = checked.waived.iter().map(|waived| json::Waived {
        finding: json::item(&waived.diag, &checked.sources),
        reason: waived.reason.clone(),
        until: waived.until.map(|until| until.to_string()),
    });
    let report =
        json::Report { waived: waived.collect(), ..json::report(diag::sorted(&checked.diags), &checked.sources) };
    let mut text = serde_json::to_string_pretty(&report).expect("a report has string keys and whole numbers");
    text.push('\n');
    text
}
