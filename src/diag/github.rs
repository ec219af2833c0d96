//! Diagnostics as workflow commands, which GitHub shows beside the changed lines
//! (docs.github.com/actions/reference/workflow-commands-for-github-actions#setting-an-error-message).

use std::fmt::Write as _;

use super::render::{clip, severity};
use super::words::is_hidden;
use super::{Diagnostic, Sources};

pub(super) fn render(diags: &[Diagnostic], sources: &Sources) -> String {
    let mut out = String::new();
    for diag in diags {
        let _ = write!(out, "::{} ", severity(diag.severity));
        if let Some(label) = diag.labels.first() {
            let (first, last) = sources.positions(clip(label.span, sources));
            let file = property(sources.name(label.span.file));
            let _ = write!(
                out,
                "file={file},line={},col={},endLine={},endColumn={},",
                first.line, first.column, last.line, last.column
            );
        }
        let _ = write!(out, "title={}::{}", property(&diag.code), data(&diag.message));
        for label in diag.labels.iter().skip(1) {
            let position = sources.position(label.span.file, label.span.start);
            let place = format!("{}:{}:{}", sources.name(label.span.file), position.line, position.column);
            let _ = write!(out, "%0A{}: {}", data(&place), data(&label.text));
        }
        if let Some(help) = &diag.help {
            let _ = write!(out, "%0Ahelp: {}", data(help));
        }
        out.push('\n');
    }
    out
}

/// Escapes the text of a command.
fn data(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '%' => out.push_str("%25"),
            '\r' => out.push_str("%0D"),
            '\n' => out.push_str("%0A"),
            c if is_hidden(c) => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

/// Escapes the value of a command's property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
