//! Unified diffs in which no secret shows.
//!
//! Our own secrets stand as their placeholders. In the live text, a line that is not ours is cut where a secret may stand:
//! after the text that precedes a secret in our file (now, or in the last release), after a word such as `password`,
//! and wherever the line took the place of a line of ours that holds a secret.

use std::ops::Range;

use similar::{Algorithm, DiffOp, capture_diff_slices, group_diff_ops};

use crate::release::placeholder;

use super::desired::{Joined, JoinedSecret};

/// What stands for text that may be a secret.
const MASK: &str = "********";
/// The unchanged lines around each change.
const CONTEXT: usize = 3;
/// The longest diff of one file, in lines.
const LONGEST: usize = 200;
/// The most lines of a live file that is compared line by line.
const MOST_LINES: usize = 20_000;
/// A line of the live text is cut after one of these words.
const SENSITIVE: [&str; 6] = ["stats auth", "pass", "secret", "token", "authorization", "erlang_cookie"];

/// The new text of a file, line by line.
struct Line<'a> {
    bytes: &'a [u8],
    shown: String,
    secret: bool,
}

/// Returns the unified diff from the live bytes to the wanted ones, or `None` where none can be shown.
///
/// `before` is the text that precedes each secret on its line in the file as it was last applied.
pub(super) fn unified(live: &[u8], new: &Joined, before: &[String]) -> Option<String> {
    if new.is_one_secret() || before.iter().any(String::is_empty) {
        return None;
    }
    std::str::from_utf8(live).ok().filter(|text| !text.contains('\0'))?;
    let new_lines = lines_of(new);
    let old: Vec<&[u8]> = live.split_inclusive(|b| *b == b'\n').collect();
    let mut prefixes = secret_prefixes(new);
    if old.len() > MOST_LINES || prefixes.iter().any(String::is_empty) {
        // A secret that begins its line leaves nothing to recognise a foreign one by.
        return None;
    }
    prefixes.extend(before.iter().map(|text| text.trim_start().to_owned()));
    let new_bytes: Vec<&[u8]> = new_lines.iter().map(|line| line.bytes).collect();
    let ops = capture_diff_slices(Algorithm::Myers, &old, &new_bytes);
    let mut out = Vec::new();
    for group in group_diff_ops(ops, CONTEXT) {
        out.push(header(&group));
        for op in &group {
            hunk(&mut out, op, &old, &new_lines, &Foreign { prefixes: &prefixes, secrets: &new.secrets });
        }
    }
    let surplus = out.len().saturating_sub(LONGEST);
    out.truncate(LONGEST);
    if surplus > 0 {
        out.push(format!("({surplus} more lines)"));
    }
    out.push(String::new());
    Some(out.join("\n"))
}

/// Returns the text that precedes each secret on its line.
pub(super) fn secret_prefixes(file: &Joined) -> Vec<String> {
    let bytes = file.bytes.as_slice();
    let prefix = |secret: &JoinedSecret| {
        let head = &bytes[..secret.range.start];
        let start = head.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        let start =
            file.secrets.iter().map(|s| s.range.end).filter(|end| *end <= secret.range.start).fold(start, usize::max);
        String::from_utf8_lossy(&head[start..]).trim_start().to_owned()
    };
    file.secrets.iter().map(prefix).collect()
}

/// Returns text with each secret of a file replaced by its placeholder: whole, and word by word, as programs quote them.
pub(super) fn mask(text: &str, secrets: &[JoinedSecret], file: &[u8]) -> String {
    let mut needles: Vec<(String, String)> = Vec::new();
    for secret in secrets {
        let shown = placeholder(&secret.name);
        for value in [secret.value.as_slice(), file.get(secret.range.clone()).unwrap_or_default()] {
            let value = String::from_utf8_lossy(value).into_owned();
            needles
                .extend(value.split_whitespace().filter(|word| word.len() > 2).map(|w| (w.to_owned(), shown.clone())));
            needles.push((value, shown.clone()));
        }
    }
    needles.retain(|(needle, _)| !needle.is_empty());
    needles.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.cmp(b)));
    needles.iter().fold(text.to_owned(), |text, (needle, shown)| text.replace(needle.as_str(), shown))
}

/// Returns text that a terminal shows as it is: control characters are spelled out.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push('\t'),
            c if c.is_control() => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

fn lines_of(file: &Joined) -> Vec<Line<'_>> {
    let bytes = file.bytes.as_slice();
    let mut lines = Vec::new();
    let mut start = 0;
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        let range = start..start + line.len();
        start = range.end;
        let inside: Vec<&JoinedSecret> =
            file.secrets.iter().filter(|s| s.range.start < range.end && s.range.end > range.start).collect();
        let shown = shown_line(bytes, &range, &inside);
        lines.push(Line { bytes: line, shown, secret: !inside.is_empty() });
    }
    lines
}

fn shown_line(bytes: &[u8], line: &Range<usize>, secrets: &[&JoinedSecret]) -> String {
    let mut shown = String::new();
    let mut done = line.start;
    for secret in secrets {
        let start = secret.range.start.max(done);
        shown.push_str(&text_of(&bytes[done..start]));
        shown.push_str(&placeholder(&secret.name));
        done = secret.range.end.min(line.end);
    }
    shown.push_str(&text_of(&bytes[done..line.end]));
    shown
}

fn text_of(bytes: &[u8]) -> String {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    printable(&String::from_utf8_lossy(bytes))
}

fn header(group: &[DiffOp]) -> String {
    let (Some(first), Some(last)) = (group.first(), group.last()) else { return String::new() };
    let side = |start: usize, end: usize| {
        let length = end - start;
        let first = if length == 0 { start } else { start + 1 };
        if length == 1 { first.to_string() } else { format!("{first},{length}") }
    };
    let old = side(first.old_range().start, last.old_range().end);
    let new = side(first.new_range().start, last.new_range().end);
    format!("@@ -{old} +{new} @@")
}

/// What a foreign line is judged by.
struct Foreign<'a> {
    prefixes: &'a [String],
    secrets: &'a [JoinedSecret],
}

fn hunk(out: &mut Vec<String>, op: &DiffOp, old: &[&[u8]], new: &[Line<'_>], foreign: &Foreign<'_>) {
    let added = &new[op.new_range()];
    if let DiffOp::Equal { .. } = op {
        out.extend(added.iter().map(|line| format!(" {}", line.shown)));
        return;
    }
    for line in &old[op.old_range()] {
        let text = text_of(line);
        out.push(format!("-{}", foreign.shown(&text, added)));
        no_newline(out, line);
    }
    for line in added {
        out.push(format!("+{}", line.shown));
        no_newline(out, line.bytes);
    }
}

fn no_newline(out: &mut Vec<String>, line: &[u8]) {
    if !line.ends_with(b"\n") {
        out.push("\\ No newline at end of file".to_owned());
    }
}

impl Foreign<'_> {
    /// Returns a live line that is not ours, cut where a secret may stand. `added` is what takes its place.
    fn shown(&self, text: &str, added: &[Line<'_>]) -> String {
        let trimmed = text.trim_start();
        let indent = &text[..text.len() - trimmed.len()];
        let word = |text: &str| text.split_whitespace().next().unwrap_or_default().to_owned();
        let prefix = self.prefixes.iter().filter(|prefix| trimmed.starts_with(prefix.as_str())).max_by_key(|p| p.len());
        if let Some(prefix) = prefix {
            return format!("{indent}{prefix}{MASK}");
        }
        let lower = trimmed.to_ascii_lowercase();
        let sensitive = SENSITIVE.iter().filter_map(|word| lower.find(word).map(|at| at + word.len())).min();
        if let Some(end) = sensitive {
            return format!("{indent}{}{MASK}", &trimmed[..end]);
        }
        let first = word(trimmed);
        if !first.is_empty() && added.iter().any(|line| line.secret && word(&line.shown) == first) {
            return format!("{indent}{first} {MASK}");
        }
        let known = added.iter().any(|line| !line.secret && word(&line.shown) == first);
        if added.iter().any(|line| line.secret) && !known && !first.is_empty() {
            return format!("{indent}{MASK}");
        }
        self.secrets.iter().fold(text.to_owned(), |text, secret| match std::str::from_utf8(secret.value.as_slice()) {
            Ok(value) if !value.is_empty() => text.replace(value, &placeholder(&secret.name)),
            _ => text,
        })
    }
}
