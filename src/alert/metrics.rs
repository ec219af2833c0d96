//! The metrics of a run, in the text format of Prometheus: <https://prometheus.io/docs/instrumenting/exposition_formats/>.
//!
//! Counts and the last success go on from the file that is there: it is all the memory that they need.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;

use crate::name::{ClusterName, HostName};
use crate::plan::Cause;
use crate::report::{Report, Verdict};

use super::book::Book;
use super::kind::{Identity, Kind, Severity, name};
use super::sighting::Sighting;

const VERDICTS: [Verdict; 7] = [
    Verdict::InSync,
    Verdict::Converged,
    Verdict::Pending,
    Verdict::Drifted,
    Verdict::DriftedAndPending,
    Verdict::Unknown,
    Verdict::Failed,
];
const SEVERITIES: [Severity; 3] = [Severity::Info, Severity::Warning, Severity::Critical];
const LAST_SUCCESS: &str = "rmqgit_last_success_timestamp_seconds";
const FINDINGS: &str = "What is wrong, by kind.";
const APPLIED: &str = "rmqgit_changes_applied_total";

/// How long a run took, and how old what it followed is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measured {
    /// The seconds of each stage, by its name.
    pub stages: BTreeMap<&'static str, f64>,
    /// When the newest release was made, in seconds since 1970.
    pub released: Option<i64>,
}

/// What is known beside the report of a run.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// What the run saw.
    pub seen: &'a Sighting,
    /// The book of incidents, where there is one.
    pub book: Option<&'a Book>,
    /// Whether the incidents could not be kept or told; nothing where nobody asks for that.
    pub broken: Option<bool>,
    /// The file of the last run.
    pub before: &'a str,
    /// The time.
    pub now: Timestamp,
}

/// Writes the metrics of a run that could not even begin: what it did not look at is not there.
pub fn metrics_of_failed_run(cluster: &ClusterName, host: &HostName, known: &Known<'_>) -> String {
    let mut file = File::new(cluster, host);
    file.run(Verdict::Failed, known.before, known.now);
    findings(&mut file, known.seen);
    file.applied(0, known.before);
    alerts(&mut file, known);
    file.out
}

/// Writes the metrics of a run.
pub fn metrics(report: &Report, measured: &Measured, known: &Known<'_>) -> String {
    let mut file = File::new(&report.cluster, &report.host);
    file.run(report.verdict, known.before, known.now);
    file.family("rmqgit_run_duration_seconds", "gauge", "How long each stage of the last run took.");
    for (stage, seconds) in &measured.stages {
        file.sample("rmqgit_run_duration_seconds", &[("stage", stage)], format!("{seconds:.3}"));
    }
    if let Some(released) = measured.released {
        file.family(
            "rmqgit_release_timestamp_seconds",
            "gauge",
            "When the newest release that the host follows was made.",
        );
        file.sample("rmqgit_release_timestamp_seconds", &[], released);
    }
    findings(&mut file, known.seen);
    file.family("rmqgit_changes", "gauge", "What differs after the last run, by who moved.");
    for cause in [Cause::Release, Cause::Drift, Cause::Both] {
        let count = report.changes.iter().filter(|change| change.cause == cause).count();
        file.sample("rmqgit_changes", &[("cause", &name(&cause))], count);
    }
    file.applied(report.applied.len(), known.before);
    file.family("rmqgit_paused", "gauge", "Whether a person has paused the host.");
    file.sample("rmqgit_paused", &[], i64::from(report.paused.is_some()));
    alerts(&mut file, known);
    file.out
}

/// Writes what is wrong. What the run could not look at is not there: nobody can say that it is nothing.
fn findings(file: &mut File, seen: &Sighting) {
    file.family("rmqgit_findings", "gauge", FINDINGS);
    for (kind, _) in Kind::ALL {
        let count = seen.problems.keys().filter(|identity| identity.kind == kind).count();
        if count > 0 || !seen.blind.covers(&Identity::new(kind, "")) {
            file.sample("rmqgit_findings", &[("kind", &kind.to_string())], count);
        }
    }
}

fn alerts(file: &mut File, known: &Known<'_>) {
    if let Some(broken) = known.broken {
        let help = "Whether the incidents of the last run could not be kept, or nobody could be told.";
        file.family("rmqgit_alerts_broken", "gauge", help);
        file.sample("rmqgit_alerts_broken", &[], i64::from(broken));
    }
    if let Some(book) = known.book {
        incidents(file, book);
    }
}

fn incidents(file: &mut File, book: &Book) {
    file.family("rmqgit_incidents_open", "gauge", "The open incidents, by severity.");
    for severity in SEVERITIES {
        let open = book.ledger.incidents.iter().filter(|one| one.is_open() && one.case.severity == severity);
        file.sample("rmqgit_incidents_open", &[("severity", &severity.to_string())], open.count());
    }
    if book.outbox.is_empty() {
        return;
    }
    file.family("rmqgit_alert_queue_entries", "gauge", "What waits to be told, by target.");
    for (target, queue) in &book.outbox {
        file.sample("rmqgit_alert_queue_entries", &[("target", target)], queue.entries.len());
    }
    file.family("rmqgit_alert_target_failures", "gauge", "The failures of a target since it last took something.");
    for (target, queue) in &book.outbox {
        file.sample("rmqgit_alert_target_failures", &[("target", target)], queue.failures);
    }
}

/// A file that grows.
struct File {
    out: String,
    labels: String,
}

impl File {
    fn new(cluster: &ClusterName, host: &HostName) -> Self {
        let labels = format!("cluster=\"{}\",host=\"{}\"", value(cluster.as_str()), value(host.as_str()));
        let mut file = Self { out: String::new(), labels };
        file.family("rmqgit_build_info", "gauge", "The agent's version.");
        file.sample("rmqgit_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
        file
    }

    /// Writes how the run ended, and when one last ended well.
    fn run(&mut self, ended: Verdict, before: &str, now: Timestamp) {
        self.family("rmqgit_verdict", "gauge", "The verdict of the last run: 1 for the one that holds.");
        for verdict in VERDICTS {
            self.sample("rmqgit_verdict", &[("verdict", &name(&verdict))], i64::from(ended == verdict));
        }
        self.family("rmqgit_last_run_timestamp_seconds", "gauge", "When the last run ended.");
        self.sample("rmqgit_last_run_timestamp_seconds", &[], now.as_second());
        let good = matches!(ended, Verdict::InSync | Verdict::Converged);
        if let Some(time) = Some(now.as_second()).filter(|_| good).or_else(|| known(before, LAST_SUCCESS)) {
            self.family(LAST_SUCCESS, "gauge", "When a run last found the host, or made it, as the release says.");
            self.sample(LAST_SUCCESS, &[], time);
        }
    }

    /// Writes how many changes all runs have made.
    fn applied(&mut self, changes: usize, before: &str) {
        let changes = i64::try_from(changes).unwrap_or(i64::MAX);
        let total = known(before, APPLIED).unwrap_or(0).saturating_add(changes);
        self.family(APPLIED, "counter", "How many changes runs have made.");
        self.sample(APPLIED, &[], total);
    }

    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = write!(self.out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], number: impl std::fmt::Display) {
        let more: String =
            labels.iter().map(|(name, text)| format!(",{name}=\"{}\"", value(text))).collect::<Vec<_>>().concat();
        let _ = writeln!(self.out, "{name}{{{}{more}}} {number}", self.labels);
    }
}

/// Returns what a file says of a metric that has no labels but the host's.
fn known(file: &str, metric: &str) -> Option<i64> {
    let line = file.lines().find(|line| line.strip_prefix(metric).is_some_and(|rest| rest.starts_with('{')))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

/// Writes a text so that it can be the value of a label.
fn value(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
