//! Diagnostics for people: one report each, with the source lines of every file that it speaks of.

use std::fmt::{self, Write as _};

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan,
    SpanContents, ThemeCharacters, ThemeStyles,
};

use super::render::{clip, plural, severity};
use super::words::escape;
use super::{Diagnostic, Label, Severity, Sources, sources};

/// Labels of one file that are farther apart than this many bytes get snippets of their own.
const NEAR: u32 = 400;
/// A source line is shown up to this many bytes around a label.
const AROUND: usize = 200;

/// Renders diagnostics, then a line that counts them.
pub(super) fn render(diags: &[Diagnostic], sources: &Sources, color: bool, width: usize) -> String {
    let mut out = String::new();
    if diags.is_empty() {
        return out;
    }
    let styles = if color { ThemeStyles::ansi() } else { ThemeStyles::none() };
    let theme = GraphicalTheme { characters: ThemeCharacters::unicode(), styles };
    for diag in diags {
        let style = match diag.severity {
            Severity::Error => theme.styles.error,
            Severity::Warning => theme.styles.warning,
        };
        let head = format!("{}[{}]", severity(diag.severity), diag.code);
        let _ = writeln!(out, "{}: {}", style.style(head), safe(&diag.message));
        snippets(diag, sources, &theme, width, &mut out);
        out.push('\n');
    }
    let counts =
        [Severity::Error, Severity::Warning].map(|kind| (kind, diags.iter().filter(|d| d.severity == kind).count()));
    let counts = counts.into_iter().filter(|(_, count)| *count > 0);
    let counts: Vec<String> =
        counts.map(|(kind, count)| format!("{count} {}", plural(count, severity(kind)))).collect();
    out.push_str(&counts.join(", "));
    out.push('\n');
    out
}

/// Writes the source lines, one snippet for labels that stand near each other, and the help.
fn snippets(diag: &Diagnostic, sources: &Sources, theme: &GraphicalTheme, width: usize, out: &mut String) {
    let groups = group(&diag.labels, sources);
    let last = groups.len().saturating_sub(1);
    let handler =
        GraphicalReportHandler::new_themed(theme.clone()).with_links(false).with_width(width).with_context_lines(1);
    for (i, labels) in groups.into_iter().enumerate() {
        let help = diag.help.as_deref().filter(|_| i == last).map(safe_lines);
        let source = File { sources, id: labels.first().map_or(u32::MAX, |label| label.span.file) };
        let report = Report { labels, help, source };
        let mut rendered = String::new();
        if handler.render_report(&mut rendered, &report).is_ok() {
            // The first line is the message, which stands above the first snippet already.
            out.push_str(rendered.split_once('\n').map_or("", |(_, rest)| rest));
        }
    }
}

/// Puts labels that stand near each other together, the main label's group first.
fn group(labels: &[Label], sources: &Sources) -> Vec<Vec<Label>> {
    let mut groups: Vec<Vec<Label>> = Vec::new();
    for label in labels {
        let label = Label { span: clip(label.span, sources), text: safe(&label.text) };
        let near =
            |other: &Label| other.span.file == label.span.file && other.span.start.abs_diff(label.span.start) <= NEAR;
        match groups.iter_mut().find(|group| group.iter().any(near)) {
            Some(group) => group.push(label),
            None => groups.push(vec![label]),
        }
    }
    if groups.is_empty() { vec![Vec::new()] } else { groups }
}

/// Returns text that a terminal only shows, on one line.
fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|c| escape(c, &mut out));
    out
}

fn safe_lines(text: &str) -> String {
    text.lines().map(safe).collect::<Vec<_>>().join("\n")
}

/// One snippet, as miette takes it.
#[derive(Debug)]
struct Report<'a> {
    labels: Vec<Label>,
    help: Option<String>,
    source: File<'a>,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl std::error::Error for Report<'_> {}

impl miette::Diagnostic for Report<'_> {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        (!self.labels.is_empty()).then_some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let mut primary = true;
        Some(Box::new(self.labels.iter().map(move |label| {
            let span = (label.span.start as usize, (label.span.end - label.span.start) as usize);
            let text = Some(label.text.clone());
            if std::mem::replace(&mut primary, false) {
                LabeledSpan::new_primary_with_span(text, span)
            } else {
                LabeledSpan::new_with_span(text, span)
            }
        })))
    }
}

/// A file as miette reads it. miette's own `str` counts columns in bytes and lines from the start of the text each time.
#[derive(Debug, Clone, Copy)]
struct File<'a> {
    sources: &'a Sources,
    id: u32,
}

impl SourceCode for File<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let (sources, id) = (self.sources, self.id);
        let shown = sources.shown(id);
        let start = span.offset();
        let end = start + span.len();
        if end > shown.len() {
            return Err(MietteError::OutOfBounds);
        }
        let line = sources.line_of(id, start);
        let first = line.saturating_sub(before);
        let from = sources.line_start(id, first);
        let to = sources.line_start(id, sources.line_of(id, end) + after + 1);
        // A line of megabytes is shown only around the labels.
        let (from, first) =
            if start - from > 2 * AROUND { (sources::floor(shown, start - AROUND), line) } else { (from, first) };
        let to = if to - end > 2 * AROUND { sources::floor(shown, end + AROUND) } else { to };
        let column = shown[sources.line_start(id, line)..start].chars().count();
        let count = shown[from..to].bytes().filter(|byte| *byte == b'\n').count();
        let name = safe(sources.name(id));
        let data = &shown.as_bytes()[from..to];
        Ok(Box::new(MietteSpanContents::new_named(name, data, (from, to - from).into(), first, column, count)))
    }
}
