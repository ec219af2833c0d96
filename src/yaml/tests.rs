//! Whole outcomes: every fault of a text, with code, place, message, labels and help.

use std::fmt::Write as _;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::*;

mod limits;
mod many;
mod merge;
mod property;
mod syntax;
mod types;

/// Reads and decodes a text as one file `a.yaml`.
fn load<T: DeserializeOwned>(text: &str) -> (Sources, Diagnostics, Option<T>) {
    let mut sources = Sources::new();
    let mut diags = Diagnostics::new();
    let node = read(&mut sources, "a.yaml", text.as_bytes(), &Limits::default(), &mut diags);
    let value = node.and_then(|node| decode::<T>(&node, &mut diags));
    (sources, diags, value)
}

/// Writes each text, then each of its faults as `code 1:2-1:4 [label]; ... message -> help`.
fn faults<T: DeserializeOwned>(texts: &[&str]) -> String {
    let mut out = String::new();
    for text in texts {
        let (sources, diags, value) = load::<T>(text);
        assert!(value.is_some() || !diags.is_empty(), "nothing came of {text:?}, and nobody said why");
        let _ =
            writeln!(out, "{}\n---\n{}", text.escape_debug().to_string().replace("\\n", "\n"), list(&sources, &diags));
    }
    out
}

/// Writes one line for each number.
fn lines(numbers: std::ops::Range<usize>, line: impl Fn(usize) -> String) -> String {
    numbers.fold(String::new(), |text, i| text + &line(i) + "\n")
}

/// Writes diagnostics, one a line.
fn list(sources: &Sources, diags: &Diagnostics) -> String {
    let mut out = String::new();
    for diag in diags {
        out.push_str(&diag.code);
        for label in &diag.labels {
            let (first, last) = sources.positions(label.span);
            let file = sources.name(label.span.file);
            let _ =
                write!(out, " {file}:{}:{}-{}:{} [{}]", first.line, first.column, last.line, last.column, label.text);
        }
        let help = diag.help.as_ref().map(|help| format!(" -> {help}")).unwrap_or_default();
        let _ = writeln!(out, " {}{help}", diag.message);
    }
    out
}
