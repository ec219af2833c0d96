//! Decides everything: (base, desired, observed) to a plan of changes and ordered steps.
//!
//! Input: what was last applied, what the release asks for with its secrets joined, what the host is. Output: a [`Plan`].
//! Must not: look at the host, or change it. `apply` makes no choice that is not in the plan.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::live::{Account, Bytes, Edit, Observed, Stamp};
use crate::name::{HostPath, UnitName};

mod base;
mod block;
mod change;
mod cluster;
mod compare;
mod data;
mod definitions;
mod desired;
mod diff;
mod file;
mod gate;
mod health;
mod outcome;
mod plugins;
mod service;
mod step;
mod steps;
mod subject;
mod transition;
pub mod unknown;
mod version;
mod vip;
mod window;

pub use base::{Base, BaseFile, Intent, Owed};
pub use change::{Action, Cause, Change, Class, Difference, Held, HeldCode};
pub use data::{data_directories, moved_data};
pub use definitions::{BaseObject, Holding, WantedBody, WantedObject, WantedPassword, Way};
pub use desired::{Desired, Joined, JoinedSecret, MissingSecret, Wanted};
pub(crate) use diff::printable;
pub use gate::{Asked, Neighbours, Shut, ShutCode, broker_waits, gate, open, say_why_shut};
pub use outcome::{Outcome, StepResult};
pub use step::{Planned, Step};
pub use steps::{is_owed, owed_after};
pub use subject::Subject;
pub use unknown::Unknown;
pub use window::{Window, window};

/// The grant that lets a release take away more than half of a host's files.
pub const GRANT_SHRINK: &str = "shrink";

/// What differs, and what will be done about it, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// What differs between the host and the release.
    pub changes: Vec<Change>,
    /// What will be done, in order.
    pub steps: Vec<Planned>,
    /// What a person has to know beside the changes.
    pub findings: Vec<Finding>,
    /// What is not known.
    pub unknown: Vec<Unknown>,
    /// Units that run with older files until a person restarts them.
    pub waiting: Vec<Waiting>,
    /// The bytes behind the steps. They may hold secrets and are never written into a report.
    pub candidates: BTreeMap<HostPath, Candidate>,
    /// This host's RabbitMQ node.
    pub own_node: Option<String>,
    /// What the broker is told, behind the steps. They may hold secrets and are never written into a report.
    pub edits: Vec<Edit>,
    /// How it is told.
    pub way: Option<Way>,
}

/// A unit that runs with older files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Waiting {
    /// The unit.
    pub unit: UnitName,
    /// The files that it has not read.
    pub files: BTreeSet<HostPath>,
    /// Since when, in RFC 3339.
    #[schemars(with = "String")]
    pub since: Timestamp,
    /// What is against a restart now, as far as it was asked. What queues need is asked by a run that would restart it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shut: Vec<Shut>,
}

/// Something that a person has to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// What kind: a kebab-case noun.
    pub code: FindingCode,
    /// What it is about, where a host can have several of the kind: an address, a node, a program.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// The kinds of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FindingCode {
    /// The release has no files for this host.
    EmptyRelease,
    /// The release has lost more than half of this host's files.
    ShrunkenRelease,
    /// A killed run left a candidate.
    Leftover,
    /// A daemon still runs whose configuration was removed.
    OrphanedUnit,
    /// Nobody holds a virtual address.
    NoHolder,
    /// More than one host holds a virtual address.
    TwoHolders,
    /// A virtual address is up on a host whose Keepalived does not run.
    ForeignAddress,
    /// A program has another version than the release is written for.
    OtherVersion,
    /// HAProxy's old processes still serve connections by an older configuration.
    OldWorkers,
    /// A daemon runs a program that has been replaced on the disk since it started.
    ReplacedProgram,
    /// RabbitMQ runs by another limit than it started with: somebody changed it with `rabbitmqctl`.
    ChangedWhileRunning,
    /// A member of the cluster does not run.
    MemberDown,
    /// Nothing on the host of a member answers.
    PeerSilent,
    /// No other member's host answers: this one is cut off.
    CutOff,
    /// This host's node is in maintenance.
    InMaintenance,
    /// RabbitMQ has raised an alarm on this host's node.
    Alarm,
    /// This host's node has been cut off from others.
    Partition,
    /// The broker holds objects that the release does not name.
    UnmanagedObjects,
    /// A policy that the release does not name keeps one of its own from being in force.
    ShadowedPolicy,
    /// The pause cannot be read; the host counts as paused.
    UnreadablePause,
    /// The pause begins later than the clock says: the clock was set back.
    PauseInFuture,
    /// The release is not signed.
    UnsignedRelease,
    /// Its signature is damaged, or not over this release.
    BadSignature,
    /// Its signature is for something else than Git, or its key may not sign for Git.
    WrongNamespace,
    /// It is signed by a kind of key that is not verified.
    UnsupportedKey,
    /// It is signed by somebody whom nobody here trusts.
    UnknownSigner,
    /// It is signed by a key that is revoked on this host.
    RevokedSigner,
    /// It is signed by a key that an earlier release has dropped.
    DroppedSigner,
    /// It is signed by a key whose time has not come.
    EarlySigner,
    /// It is signed by a key whose time is over.
    ExpiredSigner,
    /// The host has no file of those who may sign.
    NoSigners,
    /// The host's file of those who may sign, or of revoked keys, cannot be used.
    UnreadableSigners,
    /// The chain of signers that the release belongs to does not follow from what this host knows.
    BrokenSigners,
    /// The release is that of another host.
    OtherHost,
    /// The release is that of another cluster.
    OtherCluster,
    /// The release is not one that rmqgit writes.
    MalformedRelease,
    /// The remote went back to an earlier release.
    RewoundRelease,
    /// The remote has another history than this host.
    ForkedRelease,
    /// Nobody has signed the release again for a long time.
    StaleRelease,
}

impl FindingCode {
    /// Whether it tells of what a run met, and not of how the host is afterwards.
    pub fn is_of_run(self) -> bool {
        matches!(self, Self::Leftover | Self::OrphanedUnit)
    }

    /// Whether a person should do something about it; the others end by themselves.
    pub fn is_for_a_person(self) -> bool {
        !matches!(self, Self::Leftover | Self::OldWorkers)
    }

    /// Whether the release is refused as a whole.
    pub fn refuses_release(self) -> bool {
        matches!(self, Self::EmptyRelease | Self::ShrunkenRelease)
    }
}

/// What a step writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The bytes.
    pub bytes: Bytes,
    /// The permission bits.
    pub mode: u32,
    /// The owner; `None` leaves it to the user that writes.
    pub account: Option<Account>,
    /// The file that it replaces; `None` where there was none. Another one is not replaced.
    pub replaces: Option<Stamp>,
    /// What will be remembered of it; `None` where the release no longer has the file.
    pub becomes: Option<BaseFile>,
    /// The secrets in it, to be masked in what programs say.
    pub secrets: Vec<JoinedSecret>,
}

impl Candidate {
    /// Returns what a program said about this candidate, without its secrets.
    pub fn mask(&self, text: &str) -> String {
        diff::mask(text, &self.secrets, self.bytes.as_slice())
    }
}

impl Plan {
    /// Whether the host is as the release asks, as far as a run can make it so.
    pub fn is_settled(&self) -> bool {
        self.changes.iter().all(|change| change.held.is_some())
    }

    /// Whether there is a step that can be taken.
    pub fn has_work(&self) -> bool {
        self.steps.iter().any(|planned| planned.skip.is_none())
    }

    /// Whether this host's new node waits for its peers.
    pub fn is_forming(&self) -> bool {
        let waits = |held: &Held| held.code == HeldCode::Waits;
        self.changes.iter().any(|change| {
            change.action == Action::Join
                && change.held.as_ref().is_some_and(waits)
                && matches!(&change.subject, Subject::Member { node } if self.own_node.as_ref() == Some(node))
        })
    }

    /// Whether the release is refused as a whole.
    pub fn refuses_release(&self) -> bool {
        self.findings.iter().any(|finding| finding.code.refuses_release())
    }

    /// Returns the units that the plan asks something of.
    pub fn units(&self) -> BTreeSet<UnitName> {
        let of_steps = self.steps.iter().filter_map(|planned| match &planned.step {
            Step::Reload { unit, .. } | Step::Restart { unit, .. } => Some(unit.clone()),
            _ => None,
        });
        of_steps.chain(self.waiting.iter().map(|waiting| waiting.unit.clone())).collect()
    }

    /// Returns the write-ahead record of the plan.
    pub fn intent(&self, at: Timestamp) -> Option<Intent> {
        let files: BTreeMap<HostPath, Option<BaseFile>> =
            self.candidates.iter().map(|(path, candidate)| (path.clone(), candidate.becomes.clone())).collect();
        let joins = |planned: &Planned| matches!(planned.step, Step::Join { .. }) && planned.skip.is_none();
        let joins = self.steps.iter().any(joins);
        (joins || !files.is_empty()).then_some(Intent { at, files, joins })
    }
}

/// Compares and decides.
pub fn plan(base: &Base, desired: &Desired, observed: &Observed) -> Plan {
    let base = base.recovered(observed);
    let own_node = desired.role.broker.as_ref().map(|broker| broker.node.clone());
    let mut plan = Plan { own_node, ..Plan::default() };
    if let Some(finding) = refused(&base, desired) {
        plan.findings.push(finding);
        return plan;
    }
    for (path, wanted) in &desired.files {
        file::compare(&mut plan, path, wanted, base.files.get(path), observed);
    }
    for (path, gone) in base.files.iter().filter(|(path, _)| !desired.files.contains_key(*path)) {
        file::compare_removed(&mut plan, path, gone, observed);
    }
    service::compare(&mut plan, &base, desired, observed);
    plugins::compare(&mut plan, desired, observed);
    plan.changes.sort_by(|a, b| a.subject.cmp(&b.subject));
    transition::hold(&mut plan, &base, desired, observed);
    steps::orphans(&mut plan, &base, desired, observed);
    let actions = steps::asked(&mut plan, &base, desired, observed);
    steps::order(&mut plan, &actions, desired, observed);
    cluster::compare(&mut plan, &base, desired, observed);
    definitions::compare(&mut plan, &base, desired, observed);
    vip::compare(&mut plan, desired, observed);
    version::compare(&mut plan, &base, desired, observed);
    health::compare(&mut plan, desired, observed);
    plan.changes.sort_by(|a, b| a.subject.cmp(&b.subject));
    plan
}

/// Refuses a release that is empty or has lost most of the host's files.
fn refused(base: &Base, desired: &Desired) -> Option<Finding> {
    if desired.files.is_empty() {
        let message = "the release has no files for this host".to_owned();
        let help = "nothing was changed; if the host leaves the cluster, stop its timer first".to_owned();
        return Some(Finding { code: FindingCode::EmptyRelease, about: String::new(), message, help });
    }
    let lost = base.files.keys().filter(|path| !desired.files.contains_key(*path)).count();
    if lost * 2 > base.files.len() && !desired.grants.iter().any(|grant| grant == GRANT_SHRINK) {
        let message = format!("the release takes away {lost} of this host's {} files", base.files.len());
        let help = format!("nothing was changed; if this is meant, grant `{GRANT_SHRINK}` in the spec");
        return Some(Finding { code: FindingCode::ShrunkenRelease, about: String::new(), message, help });
    }
    None
}

#[cfg(test)]
mod tests;
