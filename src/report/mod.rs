//! Plan and outcomes to a report, and its renderings.
//!
//! Input: what a run saw, decided and did. Output: a versioned [`Report`] and its verdict; text for people. Must not: hold a
//! secret, look at anything, or decide what is done.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::{ClusterName, HostName, ReleaseId, SecretRef};
use crate::plan::{Cause, Change, Finding, HeldCode, Outcome, Plan, StepResult, Unknown, Waiting};

pub mod incidents;
mod log;
mod paused;
mod text;

pub use log::log;
pub use paused::{Paused, Person};
pub use text::{Look, text};
pub(crate) use text::{age, deed, fault};

/// The version of the report that this program writes and the only one it reads.
pub const FORMAT: u32 = 1;

/// What one run saw, did and found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The version of this document, 1.
    pub format: u32,
    /// The cluster.
    pub cluster: ClusterName,
    /// The host.
    pub host: HostName,
    /// The root of the file system that was compared; `/` is the machine itself.
    pub root: String,
    /// Whether the run could change the host.
    pub mode: Mode,
    /// Why no run changes the host now: a person has paused it. A run that converges then only reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Paused>,
    /// When the run began, in RFC 3339.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// The verdict.
    pub verdict: Verdict,
    /// Where releases come from.
    pub remote: String,
    /// The release that the host was compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Release>,
    /// What differs: after a run that converged, what still does.
    pub changes: Vec<Change>,
    /// What the run changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub applied: Vec<Change>,
    /// The steps and what became of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Outcome>,
    /// What a person has to know beside the changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// What is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<Unknown>,
    /// Units that run with older files until a person restarts them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<Waiting>,
    /// What failed as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
    /// The incidents of the host: `rmqgit status` adds them; a run has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incidents: Option<incidents::Incidents>,
}

/// The release that a host was compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The commit of the host's own ref.
    pub commit: ReleaseId,
    /// The commit of the spec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec_commit: Option<String>,
    /// The first line of its message.
    pub subject: String,
    /// Who signed it, as the host's file or the signers of the spec name them, with the key's fingerprint; nothing where
    /// nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// Whether it is the newest one; otherwise the newest could not be had, and this is the last one applied.
    pub newest: bool,
    /// The fingerprints of the sealed secrets that it carries, by name: those of `rmqgit secret list`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<SecretRef, String>,
}

/// Whether a run may change the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// It compares and reports.
    #[default]
    Report,
    /// It brings the host to what the release says.
    Converge,
    /// It shows what it would do, and leaves no trace but what it fetched.
    DryRun,
}

/// The one word for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The host is as the release says.
    InSync,
    /// The run made it so.
    Converged,
    /// The release asks for something that is not applied.
    Pending,
    /// The host was changed since the release was applied.
    Drifted,
    /// Both.
    DriftedAndPending,
    /// Something that matters could not be looked at.
    Unknown,
    /// Something that was to be done could not be done.
    Failed,
}

/// What failed as a whole, and what happens next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// What kind: a kebab-case noun.
    #[serde(default)]
    pub code: FailureCode,
    /// What failed and why.
    pub message: String,
    /// What happens next.
    pub next: Next,
}

/// The kinds of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FailureCode {
    /// The remote could not be asked.
    UnreachableRemote,
    /// The remote has no release for this host.
    NoRelease,
    /// The newest release is refused; a finding says why.
    RefusedRelease,
    /// The newest release failed on this host, and is not tried again.
    FailedRelease,
    /// After a run the host still differs.
    StillDiffers,
    /// The broker was not restarted, though a person asked for it.
    RefusedRestart,
    /// Anything else that the run needed.
    #[default]
    Other,
}

/// What happens after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Next {
    /// The next run tries again.
    Retry,
    /// The next run does the same until the release or the host is repaired.
    WaitForRelease,
    /// Nothing, until a person asks again.
    WaitForPerson,
}

impl Report {
    /// Whether a person should look, though the host's files are as the release says: for a finding, or for a daemon that
    /// waits to be restarted.
    pub fn asks_for_a_person(&self) -> bool {
        !self.waiting.is_empty() || self.findings.iter().any(|finding| finding.code.is_for_a_person())
    }

    /// Puts a plan that was not applied into the report.
    pub fn propose(&mut self, plan: Plan) {
        let proposed = |planned: crate::plan::Planned| {
            let result = planned.skip.map_or(StepResult::Proposed, |why| StepResult::Skipped { why });
            Outcome { step: planned.step, result }
        };
        self.steps.extend(plan.steps.into_iter().map(proposed));
        self.take_rest(plan.changes, plan.findings, plan.unknown, plan.waiting);
    }

    /// Puts what differed, what became of the steps, and what still differs afterwards into the report.
    pub fn conclude(&mut self, changes: Vec<Change>, outcomes: Vec<Outcome>, after: Plan) {
        let still = |change: &Change| after.changes.iter().any(|left| left.subject == change.subject);
        self.applied.extend(changes.into_iter().filter(|change| !still(change)));
        if outcomes.iter().all(|outcome| !outcome.is_bad()) && !after.is_settled() {
            let message = "after the run the host still differs from the release".to_owned();
            self.failures.push(Failure { code: FailureCode::StillDiffers, message, next: Next::Retry });
        }
        self.steps.extend(outcomes);
        self.take_rest(after.changes, after.findings, after.unknown, after.waiting);
    }

    fn take_rest(
        &mut self,
        changes: Vec<Change>,
        findings: Vec<Finding>,
        unknown: Vec<Unknown>,
        waiting: Vec<Waiting>,
    ) {
        self.changes = changes;
        self.findings.extend(findings);
        self.unknown.extend(unknown);
        self.waiting = waiting;
    }

    /// Gives each change the time at which the last report first saw it.
    pub fn keep_since(&mut self, before: Option<&Self>) {
        for change in &mut self.changes {
            let known = before.and_then(|report| {
                report.changes.iter().find(|known| known.subject == change.subject && known.action == change.action)
            });
            change.since = Some(known.and_then(|known| known.since).unwrap_or(self.at));
        }
    }

    /// Finds the verdict. What another member's host does counts there, and not here.
    pub fn judge(&mut self) {
        let may_change = self.mode == Mode::Converge;
        let stuck = |change: &Change| change.held.as_ref().is_some_and(|held| held.code.fails());
        let failed = !self.failures.is_empty()
            || self.steps.iter().any(Outcome::is_bad)
            || (may_change && self.changes.iter().any(stuck));
        let own = |change: &&Change| change.held.as_ref().is_none_or(|held| held.code != HeldCode::OtherMember);
        let has = |cause: Cause| {
            self.changes.iter().filter(own).any(|change| change.cause == cause || change.cause == Cause::Both)
        };
        self.verdict = match (has(Cause::Drift), has(Cause::Release)) {
            _ if failed => Verdict::Failed,
            (true, true) => Verdict::DriftedAndPending,
            (true, false) => Verdict::Drifted,
            (false, true) => Verdict::Pending,
            _ if self.unknown.iter().any(|unknown| unknown.blocks) => Verdict::Unknown,
            _ if self.applied.is_empty() => Verdict::InSync,
            _ => Verdict::Converged,
        };
    }
}
