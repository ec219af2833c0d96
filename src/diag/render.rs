//! Renders diagnostics: for people, for programs, for GitHub's annotations.

use std::collections::HashMap;

use super::{Diagnostic, Severity, Sources, Span, github, json, sources, text};

/// How diagnostics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people: the source lines with labels, then a line that counts.
    Text,
    /// For programs: a [`json::Report`].
    Json,
    /// For GitHub Actions: one annotation a line.
    Github,
}

/// Renders diagnostics in the order of files and places; those without a place come first.
///
/// `color` and `width` (in columns) are for [`Format::Text`]. The text ends in a newline; it is empty when there is
/// nothing to say, except that [`Format::Json`] always gives a document.
pub fn render(diags: &[Diagnostic], sources: &Sources, format: Format, color: bool, width: usize) -> String {
    let sorted = sorted(diags);
    match format {
        Format::Json => json::render(&sorted, sources),
        Format::Text => {
            let hidden = hidden(diags);
            let masked = (!hidden.is_empty()).then(|| sources.without(&hidden));
            text::render(&fold(sorted), masked.as_ref().unwrap_or(sources), color, width)
        }
        Format::Github => github::render(&fold(sorted), sources),
    }
}

/// The code of faults whose places hold what nobody shall read in a log.
const SECRET: &str = "plain-text-secret";

/// Returns the spans that are not shown, in no diagnostic.
fn hidden(diags: &[Diagnostic]) -> Vec<Span> {
    let about = diags.iter().filter(|diag| diag.code == SECRET);
    about.flat_map(|diag| &diag.labels).map(|label| label.span).collect()
}

/// Returns diagnostics in the order of files and places; those without a place come first.
pub fn sorted(diags: &[Diagnostic]) -> Vec<&Diagnostic> {
    let mut sorted: Vec<&Diagnostic> = diags.iter().collect();
    sorted.sort_by_key(|diag| diag.labels.first().map(|label| label.span));
    sorted
}

/// Keeps one of many diagnostics that say the same of one definition, and says in it how many there are: a wrong
/// default of a fleet is one fault, not one for each cluster.
fn fold(diags: Vec<&Diagnostic>) -> Vec<Diagnostic> {
    let mut kept: Vec<(Diagnostic, usize)> = Vec::with_capacity(diags.len());
    let mut seen: HashMap<(&str, &str, Span), usize> = HashMap::new();
    for diag in diags {
        let defined = match &*diag.labels {
            [_, defined, ..] if defined.text == super::DEFINED => Some(defined.span),
            [defined, used] if used.text == super::USED => Some(defined.span),
            _ => None,
        };
        if let Some(defined) = defined {
            let first = *seen.entry((&*diag.code, &diag.message, defined)).or_insert(kept.len());
            if let Some((_, more)) = kept.get_mut(first) {
                *more += 1;
                continue;
            }
        }
        kept.push((diag.clone(), 0));
    }
    for (diag, more) in kept.iter_mut().filter(|(_, more)| *more > 0) {
        let used = diag.labels.iter().position(|label| label.text == super::USED).unwrap_or(0);
        if let Some(label) = diag.labels.get_mut(used) {
            label.text = format!("{} (and in {more} more {})", label.text, plural(*more, "place"));
        }
    }
    kept.into_iter().map(|(diag, _)| diag).collect()
}

/// Returns a noun in its number.
pub(super) fn plural(count: usize, noun: &str) -> String {
    if count == 1 { noun.to_owned() } else { format!("{noun}s") }
}

/// Returns the word for a severity.
pub(super) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// Cuts a span to what one line shows: its first line, at most 120 bytes. The end of a text counts as the end of its
/// last line.
pub(super) fn clip(span: Span, sources: &Sources) -> Span {
    let text = sources.str(span.file);
    let mut start = sources::floor(text, span.start as usize);
    if start == text.len() {
        start = text.trim_end().len();
    }
    let line = text[start..].find(['\n', '\r']).map_or(text.len(), |at| start + at);
    let end = sources::floor(text, (span.end as usize).min(line).min(start + 120)).max(start);
    let byte = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Span { file: span.file, start: byte(start), end: byte(end) }
}
