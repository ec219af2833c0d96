//! What one run saw that is worth an incident, and what it could not see.
//!
//! What was not looked at has not gone away: a sighting names that too, and no incident of it is resolved.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use jiff::Timestamp;

use crate::plan::unknown::{HOLDER, LIMITS, PEER, PROGRAM, VERSION};
use crate::plan::{Action, Cause, Change, FindingCode, HeldCode, Outcome, StepResult, Subject, Unknown};
use crate::report::{self, FailureCode, Mode, Report};

use super::kind::{Identity, Kind, Severity, THE_REST};

/// The longest text of a problem but its diff, in characters.
const LONGEST_TEXT: usize = 600;
/// The longest diff that is kept, in characters.
const LONGEST_DIFF: usize = 3_000;
/// What the version of the broker is called.
const RABBITMQ: &str = "RabbitMQ";
/// The unit whose state decides whether the broker can be asked.
const BROKER: &str = "rabbitmq-server.service";

/// Something that is wrong now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What it is.
    pub identity: Identity,
    /// How bad it is, where that is not as with all of its kind.
    pub severity: Option<Severity>,
    /// Who or what caused it.
    pub cause: String,
    /// What is wrong, in a line.
    pub summary: String,
    /// What to do.
    pub help: String,
    /// The diff from the live file to the release, secrets masked.
    pub diff: Option<String>,
    /// What of it is worth a message when it changes.
    pub print: String,
    /// Since when, where the report knows it.
    pub since: Option<Timestamp>,
}

/// What one run saw.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sighting {
    /// What is wrong, one for each identity, in their order.
    pub problems: BTreeMap<Identity, Problem>,
    /// What was wrong and is not any more, because the run repaired it.
    pub repaired: BTreeMap<Identity, Problem>,
    /// What it could not see.
    pub blind: Blind,
}

/// What a run could not see.
#[expect(clippy::struct_excessive_bools, reason = "each is a part of the host that was or was not looked at")]
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Blind {
    /// Everything but whether a run can work at all.
    pub all: bool,
    /// The host was compared with no release.
    pub uncompared: bool,
    /// The host was not compared with the newest release.
    pub outdated: bool,
    /// Which release is the newest, and what is to be thought of it.
    pub newest: bool,
    /// Whether the remote can be asked.
    pub remote: bool,
    /// No step was taken, though something differs.
    pub untried: bool,
    /// The broker was not asked, or did not answer.
    pub broker: bool,
    /// Which broker policies are in force.
    pub policies: bool,
    /// By which limits RabbitMQ runs.
    pub limits: bool,
    /// Whether the peers of this host are well: it is cut off from all of them.
    pub peers: bool,
    /// Whether anything answers on the host of a peer.
    pub reach: bool,
    /// Which program a unit runs.
    pub programs: BTreeSet<String>,
    /// What somebody changed before the release's own change was made: that one still waits.
    pub both: BTreeSet<String>,
    /// What still differs, so that a step for it may still have to be taken.
    pub differs: BTreeSet<String>,
    /// Paths, units, addresses and objects that were not looked at.
    pub objects: BTreeSet<String>,
}

impl Blind {
    /// Whether nobody can say that something is over.
    pub fn covers(&self, identity: &Identity) -> bool {
        let Identity { kind, object } = identity;
        // Where many share one incident, the one that was not looked at may be any of them.
        let hides = |name: &String| Identity::new(*kind, name).object == *object || object == THE_REST;
        let hides_file = |name: &String| name.starts_with('/');
        (self.all && !matches!(kind, Kind::FailedRun | Kind::BrokenAlerts))
            || (self.uncompared && !kind.is_of_run())
            || (self.outdated && matches!(kind, Kind::Pending | Kind::Held | Kind::StaleRelease))
            || (self.policies && *kind == Kind::ShadowedPolicy)
            || (self.limits && *kind == Kind::ChangedWhileRunning)
            || (self.peers && matches!(kind, Kind::PeerSilent | Kind::MemberDown))
            || (self.reach && *kind == Kind::CutOff)
            || (self.newest && kind.is_of_newest())
            || (self.remote && *kind == Kind::UnreachableRemote)
            || (*kind == Kind::FailedApply && (self.untried || self.differs.iter().any(|name| object.contains(name))))
            || (self.broker && (kind.is_of_broker() || is_in_broker(identity)))
            // A daemon waits for its restart because of files.
            || (matches!(kind, Kind::Pending | Kind::Held) && self.both.iter().any(hides))
            || (*kind == Kind::RestartWaits && self.objects.iter().any(hides_file))
            || (*kind == Kind::ReplacedProgram && self.programs.iter().any(hides))
            || (*kind != Kind::Unknown && self.objects.iter().any(hides))
    }
}

/// Whether what an incident is about is something that the broker is asked for: it is neither a file, nor a unit, nor
/// another program.
fn is_in_broker(identity: &Identity) -> bool {
    let Identity { kind, object } = identity;
    match kind {
        Kind::OtherVersion => object == RABBITMQ || object == THE_REST,
        Kind::Drift | Kind::Pending | Kind::Held | Kind::Unknown => {
            let about = object.strip_prefix("owner of ").unwrap_or(object);
            !about.starts_with('/') && !about.contains(".service")
        }
        _ => false,
    }
}

impl Sighting {
    /// Reads a report.
    pub fn of(report: &Report) -> Self {
        let mut seen = Self { blind: blind(report), ..Self::default() };
        for change in report.changes.iter().filter(|change| !is_of_other_member(change)) {
            add(&mut seen.problems, difference(change));
        }
        for change in report.applied.iter().filter(|change| change.cause != Cause::Release) {
            let repaired = difference(change);
            if !seen.problems.contains_key(&repaired.identity) {
                add(&mut seen.repaired, repaired);
            }
        }
        for outcome in report.steps.iter().filter(|outcome| outcome.is_bad()) {
            add(&mut seen.problems, failed_step(outcome));
        }
        for waiting in &report.waiting {
            let files: Vec<&str> = waiting.files.iter().map(AsRef::as_ref).collect();
            let summary = format!("{} has not read {}", waiting.unit, files.join(", "));
            let help = "when the cluster can spare it, run `rmqgit sync --now` on this host";
            let problem = plain(Kind::RestartWaits, waiting.unit.as_str(), "the release", &summary, help);
            add(&mut seen.problems, Problem { since: Some(waiting.since), print: files.join(" "), ..problem });
        }
        for finding in &report.findings {
            let Some(kind) = Kind::of(finding.code) else { continue };
            let refused = kind == Kind::RefusedRelease;
            let cause = if refused { "what the remote offers" } else { "the host" };
            let problem = plain(kind, &finding.about, cause, &finding.message, &finding.help);
            // The words of other findings hold ages and counts, which change without being news.
            let print = if refused { print(&finding.message) } else { String::new() };
            add(&mut seen.problems, Problem { print, ..problem });
        }
        for unknown in report.unknown.iter().filter(|unknown| unknown.blocks) {
            let help = unknown.help.as_deref().unwrap_or("see `rmqgit status` on the host");
            let summary = format!("{}: {}", unknown.subject, unknown.why);
            add(&mut seen.problems, plain(Kind::Unknown, &unknown.subject, "the host", &summary, help));
        }
        failures(&mut seen.problems, report);
        if let Some(paused) = &report.paused {
            let help = "until it ends, runs change nothing; `rmqgit resume` lifts it";
            let summary = format!("paused {paused}");
            let problem = plain(Kind::Paused, "", "a person", &summary, help);
            add(&mut seen.problems, Problem { print: print(&summary), since: paused.since, ..problem });
        }
        seen
    }

    /// Is what a run saw that could not even begin.
    pub fn of_failed_run(message: &str) -> Self {
        let mut seen = Self { blind: Blind { all: true, ..Blind::default() }, ..Self::default() };
        add(&mut seen.problems, failed_run(message));
        seen
    }
}

impl Sighting {
    /// Adds what was wrong with the settings of alerts, where anything was.
    pub fn leave_out(&mut self, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        let summary = format!("agent.yaml: left out of `alerts`: {}", lines.join(", "));
        let help = "`rmqgit alert check` on the host says what is wrong";
        let problem = plain(Kind::BrokenAlerts, "", "agent.yaml", &summary, help);
        add(&mut self.problems, Problem { print: print(&summary), ..problem });
    }
}

fn failed_run(message: &str) -> Problem {
    let help = "see `rmqgit status` and the log of the run on the host";
    Problem { print: print(message), ..plain(Kind::FailedRun, "", "the host", message, help) }
}

fn failures(problems: &mut BTreeMap<Identity, Problem>, report: &Report) {
    for failure in &report.failures {
        let of = |kind, cause, help| plain(kind, "", cause, &failure.message, help);
        let problem = match failure.code {
            FailureCode::UnreachableRemote => {
                let help = "the host is held to the last good release meanwhile; see `access` in agent.yaml";
                of(Kind::UnreachableRemote, "the network or the remote", help)
            }
            FailureCode::NoRelease => {
                let help = "if the host has left the cluster, run `rmqgit agent uninstall` on it";
                of(Kind::NoRelease, "the remote", help)
            }
            FailureCode::FailedRelease => {
                let help = "publish a release that works, or try it again with `rmqgit sync --retry` on the host";
                Problem { print: print(&failure.message), ..of(Kind::FailedRelease, "the release", help) }
            }
            // Some finding says why, and a person who asks for a restart sees the answer.
            FailureCode::RefusedRelease | FailureCode::RefusedRestart => continue,
            FailureCode::StillDiffers => {
                let help = "see `rmqgit status` on the host: something undoes what the run does";
                of(Kind::FailedApply, "the host", help)
            }
            FailureCode::Other => failed_run(&failure.message),
        };
        add(problems, problem);
    }
}

/// Adds a problem; one of the same identity becomes part of it.
fn add(problems: &mut BTreeMap<Identity, Problem>, problem: Problem) {
    let Some(known) = problems.get_mut(&problem.identity) else {
        problems.insert(problem.identity.clone(), problem);
        return;
    };
    if !known.summary.contains(&problem.summary) {
        known.summary = cut(&format!("{}; {}", known.summary, problem.summary), LONGEST_TEXT);
    }
    known.print = print(&format!("{}{}", known.print, problem.print));
    known.severity = known.severity.max(problem.severity);
    known.since = known.since.min(problem.since);
}

fn plain(kind: Kind, object: &str, cause: &str, summary: &str, help: &str) -> Problem {
    Problem {
        identity: Identity::new(kind, object),
        severity: None,
        cause: cause.to_owned(),
        summary: cut(summary, LONGEST_TEXT),
        help: cut(help, LONGEST_TEXT),
        diff: None,
        print: String::new(),
        since: None,
    }
}

/// A change that another member's host makes is told there.
fn is_of_other_member(change: &Change) -> bool {
    change.held.as_ref().is_some_and(|held| held.code == HeldCode::OtherMember)
}

fn difference(change: &Change) -> Problem {
    let stuck = change.held.as_ref().is_some_and(|held| held.code.fails());
    let (kind, cause) = match change.cause {
        Cause::Drift => (Kind::Drift, "somebody changed the host"),
        Cause::Both => (Kind::Drift, "somebody changed the host, and the release asks for something else"),
        Cause::Release if stuck => (Kind::Held, "the release"),
        Cause::Release => (Kind::Pending, "the release"),
    };
    let down =
        change.action == Action::Start && matches!(change.subject, Subject::Unit { .. } | Subject::Member { .. });
    let help = match &change.held {
        Some(held) => format!("it is left as it is: {}; {}", held.why, held.help),
        None if kind == Kind::Drift => {
            "if the change is meant, bring it into the spec; otherwise a run that converges undoes it".to_owned()
        }
        None => "a run that converges makes it: see `mode` in agent.yaml, and `rmqgit status` on the host".to_owned(),
    };
    let told =
        serde_json::to_string(&(&change.action, &change.differs, &change.diff, &change.held.as_ref().map(|h| h.code)));
    Problem {
        severity: (kind == Kind::Drift && down).then_some(Severity::Critical),
        diff: change.diff.as_deref().map(|diff| cut(diff, LONGEST_DIFF)),
        print: print(&format!("{cause}{}", told.expect("a change has string keys"))),
        since: change.since,
        ..plain(kind, &change.subject.to_string(), cause, &report::fault(change), &help)
    }
}

fn failed_step(outcome: &Outcome) -> Problem {
    let deed = report::deed(&outcome.step);
    let (summary, help) = match &outcome.result {
        StepResult::Refused { output } => {
            (format!("{deed}: refused, and the live file stays: {output}"), "publish a release that its program takes")
        }
        StepResult::Failed { why } => {
            (format!("{deed}: {why}"), "see `rmqgit status` and the daemon's log on the host")
        }
        _ => (deed.clone(), ""),
    };
    plain(Kind::FailedApply, &deed, "the release or the host", &summary, help)
}

fn blind(report: &Report) -> Blind {
    let failed = |code| report.failures.iter().any(|failure| failure.code == code);
    let outdated = report.release.as_ref().is_none_or(|release| !release.newest);
    let judged = [FailureCode::RefusedRelease, FailureCode::FailedRelease, FailureCode::NoRelease];
    let newest = outdated && !judged.into_iter().any(failed);
    let both = report.changes.iter().filter(|change| change.cause == Cause::Both);
    let mut blind = Blind {
        uncompared: report.release.is_none(),
        outdated,
        newest,
        // Whatever failed before the newest release was there may have failed before the remote was asked.
        remote: newest && !failed(FailureCode::UnreachableRemote),
        untried: newest
            || (report.mode != Mode::Converge && !report.changes.is_empty())
            || report.unknown.iter().any(|unknown| unknown.blocks),
        broker: report.changes.iter().any(stops_the_broker),
        differs: report.changes.iter().map(|change| differing(&change.subject)).collect(),
        both: both.map(|change| change.subject.to_string()).collect(),
        peers: report.findings.iter().any(|finding| finding.code == FindingCode::CutOff),
        ..Blind::default()
    };
    // Whoever does not answer at all does not say whether RabbitMQ runs there.
    let silent = report.findings.iter().filter(|finding| finding.code == FindingCode::PeerSilent);
    blind.objects.extend(silent.map(|finding| finding.about.clone()));
    let untaken = |outcome: &&Outcome| matches!(outcome.result, StepResult::Proposed | StepResult::Skipped { .. });
    blind.objects.extend(report.steps.iter().filter(untaken).map(|outcome| report::deed(&outcome.step)));
    for Unknown { subject, .. } in &report.unknown {
        unseen(&mut blind, subject);
    }
    blind
}

/// Returns the words for a subject that the deed of a step for it holds.
fn differing(subject: &Subject) -> String {
    match subject {
        Subject::Member { node } => node.clone(),
        Subject::Plugin { .. } => "the plugins".to_owned(),
        subject => subject.to_string(),
    }
}

/// Notes what a run could not look at, from the words in which it says so.
fn unseen(blind: &mut Blind, subject: &str) {
    let name = subject.strip_prefix("owner of ").unwrap_or(subject);
    match name.split_once(": ") {
        Some((name, PROGRAM)) => {
            blind.programs.insert(name.to_owned());
        }
        Some((name, what)) if name.ends_with(".service") || [HOLDER, VERSION].contains(&what) => {
            blind.broker |= name == BROKER;
            blind.objects.insert(name.to_owned());
        }
        Some((name, PEER)) => {
            blind.reach = true;
            blind.objects.insert(name.strip_prefix("node ").unwrap_or(name).to_owned());
        }
        Some((_, LIMITS)) => blind.limits = true,
        // An object of the broker shows its name in backticks.
        _ if name.starts_with('/') || name.contains('`') => {
            // Where it is not known what a policy shall be, nobody can say what shadows it.
            blind.policies |= name.contains("policy `");
            blind.objects.insert(name.to_owned());
        }
        _ if name == "the policies in force" => blind.policies = true,
        // It was asked in another way.
        _ if name == "the management API" => {}
        _ => blind.broker = true,
    }
}

/// Whether a difference means that nobody answers for the broker.
fn stops_the_broker(change: &Change) -> bool {
    change.action == Action::Start
        && match &change.subject {
            Subject::Unit { unit } => unit.as_str() == BROKER,
            Subject::Member { .. } => true,
            _ => false,
        }
}

/// Returns a short digest.
pub(super) fn print(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// Cuts a text to a number of characters.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most - 1).chain(['…']).collect(),
    }
}
