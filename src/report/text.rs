//! A report for people: one line for the verdict, one a change, then diffs. Colour is written as escape codes; whoever
//! prints them to something that is no terminal strips them.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

use crate::plan::{Action, Cause, Change, Class, Difference, Outcome, Step, StepResult};

use super::{Mode, Next, Report, Verdict};

const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const CYAN: &str = "\x1b[36m";
const DIM: &str = "\x1b[2m";
const OFF: &str = "\x1b[0m";

/// How much of a report is shown, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// The time to which ages are counted; `None` shows no age.
    pub now: Option<Timestamp>,
    /// Whether diffs are shown.
    pub diffs: bool,
}

/// Renders a report.
pub fn text(report: &Report, look: Look) -> String {
    let mut out = String::new();
    headline(&mut out, report, look);
    if let Some(paused) = &report.paused {
        line(&mut out, YELLOW, "paused", &paused.to_string());
        note(&mut out, "until it ends, runs change nothing; help: `rmqgit resume` lifts it");
    }
    for failure in &report.failures {
        let next = match failure.next {
            Next::Retry => "the next run tries again",
            Next::WaitForPerson => "it waits until a person asks again",
            Next::WaitForRelease => "the next run does the same until the release or the host is repaired",
        };
        line(&mut out, RED, "failed", &format!("{}; {next}", failure.message));
    }
    for change in &report.applied {
        line(&mut out, GREEN, "applied", &summary(change, report.at));
    }
    for change in &report.changes {
        let (colour, word) = cause(change.cause);
        line(&mut out, colour, word, &summary(change, report.at));
        if let Some(held) = &change.held {
            note(&mut out, &format!("left as it is: {}", held.why));
            note(&mut out, &format!("help: {}", held.help));
        }
    }
    for outcome in &report.steps {
        step(&mut out, outcome);
    }
    for waiting in &report.waiting {
        let files: Vec<&str> = waiting.files.iter().map(AsRef::as_ref).collect();
        let since = age(report.at, waiting.since);
        line(&mut out, YELLOW, "waiting", &format!("{} has not read {} ({since})", waiting.unit, files.join(", ")));
        for shut in &waiting.shut {
            note(&mut out, &format!("not now: {}; {}", shut.why, shut.help));
        }
        note(&mut out, "help: when the cluster can spare it, run `rmqgit sync --now` on this host");
    }
    for finding in &report.findings {
        line(&mut out, YELLOW, "finding", &finding.message);
        note(&mut out, &format!("help: {}", finding.help));
    }
    for unknown in &report.unknown {
        line(
            &mut out,
            if unknown.blocks { RED } else { DIM },
            "unknown",
            &format!("{}: {}", unknown.subject, unknown.why),
        );
        if let Some(help) = &unknown.help {
            note(&mut out, &format!("help: {help}"));
        }
    }
    if look.diffs {
        for change in report.applied.iter().chain(&report.changes) {
            diff(&mut out, change);
        }
    }
    out
}

fn headline(out: &mut String, report: &Report, look: Look) {
    let (colour, word) = verdict(report.verdict);
    let _ = write!(out, "{BOLD}{}/{}{OFF}: {colour}{word}{OFF}", report.cluster, report.host);
    let count = |n: usize, what: &str| if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") };
    if !report.changes.is_empty() {
        let _ = write!(out, ", {}", count(report.changes.len(), "difference"));
    }
    if !report.applied.is_empty() {
        let _ = write!(out, ", {} applied", count(report.applied.len(), "change"));
    }
    if let Some(release) = &report.release {
        let _ = write!(out, ", release {}", &release.commit.as_str()[..10]);
        if !release.newest {
            out.push_str(" (the last one applied)");
        }
    }
    if let Some(signer) = report.release.as_ref().and_then(|release| release.signer.as_deref()) {
        let _ = write!(out, ", signed by {}", signer.split(' ').next().unwrap_or_default());
    }
    match report.mode {
        Mode::Report => out.push_str(", mode report"),
        Mode::DryRun => out.push_str(", dry run"),
        Mode::Converge => {}
    }
    if let Some(now) = look.now {
        let _ = write!(out, ", {}", age(now, report.at));
    }
    out.push('\n');
}

fn verdict(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::InSync => (GREEN, "in sync"),
        Verdict::Converged => (GREEN, "converged"),
        Verdict::Pending => (YELLOW, "pending"),
        Verdict::Drifted => (YELLOW, "drifted"),
        Verdict::DriftedAndPending => (YELLOW, "drifted and pending"),
        Verdict::Unknown => (RED, "unknown"),
        Verdict::Failed => (RED, "failed"),
    }
}

fn cause(cause: Cause) -> (&'static str, &'static str) {
    match cause {
        Cause::Release => (CYAN, "pending"),
        Cause::Drift => (YELLOW, "drift"),
        Cause::Both => (YELLOW, "both"),
    }
}

fn line(out: &mut String, colour: &str, word: &str, text: &str) {
    let _ = writeln!(out, "  {colour}{word:<9}{OFF} {text}");
}

fn note(out: &mut String, text: &str) {
    for part in text.lines() {
        let _ = writeln!(out, "            {part}");
    }
}

/// Says in one line what differs, and what is to be done about it.
pub(crate) fn summary(change: &Change, at: Timestamp) -> String {
    let action = match change.action {
        Action::Create => "create",
        Action::Replace => "replace",
        Action::EditBlock => "edit block",
        Action::Mode => "mode",
        Action::Owner => "owner",
        Action::Remove => "remove",
        Action::Enable => "enable",
        Action::Start => "start",
        Action::Reload => "reload",
        Action::ReadUnit => "read unit",
        Action::Restart => "restart",
        Action::Join => "join",
        Action::Forget => "forget",
    };
    let mut text = format!("{action:<10} {}", change.subject);
    let created = change.action == Action::Create && change.cause == Cause::Release;
    let differs = change.differs.iter().filter(|one| !(created && **one == Difference::Absent));
    let mut notes: Vec<String> = differs.filter_map(difference).collect();
    match change.class {
        Class::Live => {}
        Class::Reload => notes.push("needs a reload".to_owned()),
        Class::Rolling => notes.push("needs a restart".to_owned()),
    }
    if let (Some(modified), Cause::Drift | Cause::Both) = (change.modified, change.cause) {
        notes.push(format!("written {}", age(at, modified)));
    }
    if !notes.is_empty() {
        let _ = write!(text, " ({})", notes.join(", "));
    }
    text
}

/// Says in one line what is wrong, for somebody who does not know what a run would do about it.
pub(crate) fn fault(change: &Change) -> String {
    let what = match change.action {
        Action::Create => "is missing",
        Action::Replace | Action::EditBlock | Action::Mode | Action::Owner => "is not as the release says",
        Action::Remove => "is not part of the release",
        Action::Enable => "does not start with the host",
        Action::Start => "does not run",
        Action::Reload | Action::ReadUnit | Action::Restart => "runs with something older than the release",
        Action::Join => "is not a member of its cluster",
        Action::Forget => "is still known as a member of the cluster",
    };
    let differs = change.differs.iter().filter(|one| !matches!(one, Difference::Absent | Difference::Surplus));
    let mut notes: Vec<String> = differs.filter_map(difference).collect();
    match change.class {
        Class::Live => {}
        Class::Reload => notes.push("needs a reload".to_owned()),
        Class::Rolling => notes.push("needs a restart".to_owned()),
    }
    let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) };
    format!("{} {what}{notes}", change.subject)
}

fn difference(difference: &Difference) -> Option<String> {
    match difference {
        Difference::Absent => Some("it is not there".to_owned()),
        Difference::Surplus => Some("no longer in the release".to_owned()),
        Difference::Kind { live } => Some(format!("it is {live}")),
        Difference::Content { secret: true } => Some("content differs, secret".to_owned()),
        Difference::Content { secret: false } => None,
        Difference::Password => Some("password differs".to_owned()),
        Difference::State { live, wanted } => Some(format!("{live} instead of {wanted}")),
        Difference::Mode { live, wanted } => Some(format!("mode {live} instead of {wanted}")),
        Difference::Owner { live, wanted } => Some(format!("owner {live} instead of {wanted}")),
    }
}

/// Says what a step does, as a command where it is one.
pub(crate) fn deed(step: &Step) -> String {
    match step {
        Step::Clean { path } => format!("remove the leftover beside {path}"),
        Step::Check { path, .. } => format!("check {path}"),
        Step::SetCookie { .. } => "let the running node take the new cookie".to_owned(),
        Step::Write { path } => format!("write {path}"),
        Step::SetMode { path } => format!("set the mode of {path}"),
        Step::SetOwner { path } => format!("set the owner of {path}"),
        Step::Remove { path } => format!("remove {path}"),
        Step::Sysctl { path } => format!("sysctl -p {path}"),
        Step::DaemonReload { .. } => "systemctl daemon-reload".to_owned(),
        Step::Reload { unit, .. } => format!("systemctl reload {unit}"),
        Step::SwitchPlugins { .. } => "switch the plugins".to_owned(),
        Step::Enable { unit } => format!("systemctl enable {unit}"),
        Step::Stop { unit, .. } => format!("systemctl stop {unit}"),
        Step::Start { unit } => format!("systemctl start {unit}"),
        Step::StartApp { node } => format!("start RabbitMQ on {node}"),
        Step::Join { node, with, .. } => format!("let {node} join {with}"),
        Step::ForgetNode { node, .. } => format!("let the cluster forget {node}"),
        Step::ChangeNodeType { node, member } => format!("make {node} a {} node", member.as_str()),
        Step::Probe { unit } => format!("wait for {unit} to work"),
        Step::PutObject { object } => format!("set {object}"),
        Step::RemoveObject { object } => format!("remove {object}"),
        Step::Restart { unit, .. } => format!("restart {unit}"),
    }
}

/// Shows what became of a step, where that says more than the change it belongs to.
fn step(out: &mut String, outcome: &Outcome) {
    let what = deed(&outcome.step);
    let daemon = !matches!(
        outcome.step,
        Step::Clean { .. }
            | Step::Check { .. }
            | Step::Write { .. }
            | Step::SetMode { .. }
            | Step::SetOwner { .. }
            | Step::Remove { .. }
            | Step::Probe { .. }
            | Step::PutObject { .. }
            | Step::RemoveObject { .. }
    );
    match &outcome.result {
        StepResult::Done if daemon => line(out, GREEN, "done", &what),
        StepResult::Proposed if daemon => line(out, DIM, "would", &what),
        StepResult::Done | StepResult::Proposed => {}
        StepResult::Skipped { why } => line(out, DIM, "skipped", &format!("{what}: {why}")),
        StepResult::Unchecked { why } => line(out, DIM, "unchecked", &format!("{what}: {why}")),
        StepResult::Failed { why } => line(out, RED, "failed", &format!("{what}: {why}")),
        StepResult::Refused { output } => {
            line(out, RED, "refused", &format!("{what}: the live file stays"));
            note(out, output);
        }
    }
}

fn diff(out: &mut String, change: &Change) {
    let Some(diff) = &change.diff else { return };
    let _ = writeln!(out, "\n{BOLD}--- {} (live){OFF}\n{BOLD}+++ {} (release){OFF}", change.subject, change.subject);
    for text in diff.lines() {
        let colour = match text.as_bytes().first() {
            Some(b'-') => RED,
            Some(b'+') => GREEN,
            Some(b'@') => CYAN,
            _ => "",
        };
        let off = if colour.is_empty() { "" } else { OFF };
        let _ = writeln!(out, "{colour}{text}{off}");
    }
}

/// Says how long ago something was, in its biggest unit.
pub(crate) fn age(now: Timestamp, then: Timestamp) -> String {
    let past = now.duration_since(then).max(SignedDuration::ZERO);
    let seconds = past.as_secs();
    let (n, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    if seconds == 0 {
        return "just now".to_owned();
    }
    format!("{n} {unit}{} ago", if n == 1 { "" } else { "s" })
}
