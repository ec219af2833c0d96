//! The book for people: what is wrong, since when, what was said of it, and how the targets are.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::report::age;

use super::book::Book;
use super::kind::Severity;
use super::ledger::{Incident, Moment, Past, Stage, State};
use super::outbox::Queue;

const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const CYAN: &str = "\x1b[36m";
const OFF: &str = "\x1b[0m";

/// How many incidents that are over are shown.
const PAST: usize = 5;
/// How many attempts of a target are shown.
const ATTEMPTS: usize = 5;

/// Renders the book; nothing where there is nothing to say.
pub fn text(book: &Book, now: Timestamp) -> String {
    let mut out = String::new();
    let open: Vec<&Incident> = book.ledger.incidents.iter().filter(|incident| incident.is_open()).collect();
    if !open.is_empty() {
        let _ = writeln!(out, "\n{BOLD}open incidents{OFF}");
    }
    for incident in open {
        let case = &incident.case;
        let flapping = if incident.state == State::Flapping { ", comes and goes" } else { "" };
        let (colour, severity) = (colour(case.severity), case.severity.to_string());
        let since = age(now, incident.opened());
        let _ =
            writeln!(out, "  {colour}{severity:<9}{OFF} #{} {}, opened {since}{flapping}", case.number, case.identity);
        let _ = writeln!(out, "            {}", case.summary.lines().next().unwrap_or_default());
        history(&mut out, &incident.moments, now);
    }
    if !book.ledger.past.is_empty() {
        let _ = writeln!(out, "\n{BOLD}incidents that are over{OFF}");
    }
    for Past { case, moments, .. } in book.ledger.past.iter().rev().take(PAST) {
        let _ = writeln!(out, "  {GREEN}{:<9}{OFF} #{} {}", "over", case.number, case.identity);
        history(&mut out, moments, now);
    }
    if !book.outbox.is_empty() {
        let _ = writeln!(out, "\n{BOLD}alert targets{OFF}");
    }
    for (name, queue) in &book.outbox {
        target(&mut out, name, queue, now);
    }
    out
}

fn target(out: &mut String, name: &str, queue: &Queue, now: Timestamp) {
    let (colour, state) = match queue.attempts.last() {
        _ if queue.failures > 0 => (RED, "failing"),
        Some(_) => (GREEN, "works"),
        None => (CYAN, "untried"),
    };
    let _ = write!(out, "  {colour}{state:<9}{OFF} {name}");
    if !queue.entries.is_empty() {
        let _ = write!(out, ", {} to be told", queue.entries.len());
    }
    if let Some(time) = queue.not_before.filter(|time| *time > now) {
        let _ = write!(out, ", not before {time}");
    }
    out.push('\n');
    for attempt in queue.attempts.iter().rev().take(ATTEMPTS) {
        let said = attempt.failure.as_deref().unwrap_or("delivered");
        let s = if attempt.entries == 1 { "" } else { "s" };
        let _ = writeln!(out, "            {}: {} incident{s}, {said}", age(now, attempt.at), attempt.entries);
    }
}

fn history(out: &mut String, moments: &[Moment], now: Timestamp) {
    let told = |moment: &Moment| {
        let what = match moment.stage {
            Stage::Opened => "opened",
            Stage::Changed => "changed",
            Stage::Reminded => "reminded",
            Stage::Flapping => "comes and goes",
            Stage::Resolved => "resolved",
            Stage::Passed => "came and was repaired",
        };
        format!("{what} {}", age(now, moment.at))
    };
    let told: Vec<String> = moments.iter().map(told).collect();
    let _ = writeln!(out, "            {}", told.join(", "));
}

fn colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => CYAN,
        Severity::Warning => YELLOW,
        Severity::Critical => RED,
    }
}
