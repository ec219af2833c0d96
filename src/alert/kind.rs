//! What can be wrong, how bad it is, and what makes two sightings of it the same.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::FindingCode;

/// The longest object, in characters.
const LONGEST: usize = 200;
/// The object of an incident that stands for all of its kind that have none of their own.
pub(super) const THE_REST: &str = "*";

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Somebody changed the host.
    Drift,
    /// A change that the release asks for is not made, for long.
    Pending,
    /// A daemon runs with older files, for long, until a person restarts it.
    RestartWaits,
    /// A change is held until a person does something.
    Held,
    /// A step failed, or a daemon's program refused a file.
    FailedApply,
    /// The newest release failed on this host, and is not tried again.
    FailedRelease,
    /// The newest release is refused.
    RefusedRelease,
    /// Nobody has signed the release again for a long time.
    StaleRelease,
    /// The remote has no release for this host.
    NoRelease,
    /// The remote cannot be asked, for long.
    UnreachableRemote,
    /// A run could not do something else that it needs.
    FailedRun,
    /// Something in `alerts` of agent.yaml is wrong and left out.
    BrokenAlerts,
    /// Something that matters could not be looked at, for long.
    Unknown,
    /// A person has paused the host.
    Paused,
    /// The pause cannot be read, or the clock was set back behind it.
    BrokenPause,
    /// Nobody holds a virtual address.
    NoHolder,
    /// More than one host holds a virtual address.
    TwoHolders,
    /// A virtual address is up on a host whose Keepalived does not run.
    ForeignAddress,
    /// A member of the cluster does not run.
    MemberDown,
    /// Nothing on the host of a member answers.
    PeerSilent,
    /// No peer of this host answers: it is cut off from them.
    CutOff,
    /// RabbitMQ has raised an alarm.
    Alarm,
    /// The node has been cut off from others.
    Partition,
    /// The node is in maintenance.
    InMaintenance,
    /// A program has another version than the release is written for.
    OtherVersion,
    /// A daemon runs a program that was replaced since it started.
    ReplacedProgram,
    /// RabbitMQ runs by another limit than it started with.
    ChangedWhileRunning,
    /// The broker holds what the release does not name.
    UnmanagedObjects,
    /// A policy of somebody else's keeps one of the release from being in force.
    ShadowedPolicy,
    /// A daemon may still run whose configuration was removed.
    OrphanedUnit,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    #[default]
    Info,
    /// Somebody should look in the next days.
    Warning,
    /// Somebody should look now.
    Critical,
}

/// What an incident is about: two sightings with the same identity are the same incident.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// What is wrong.
    pub kind: Kind,
    /// With what: a path, a unit, an address, a node; empty for the host as a whole, `*` for all others of the kind.
    pub object: String,
}

impl Kind {
    /// Every kind, with how bad it is unless somebody says otherwise.
    pub const ALL: [(Self, Severity); 30] = [
        (Self::Drift, Severity::Warning),
        (Self::Pending, Severity::Warning),
        (Self::RestartWaits, Severity::Info),
        (Self::Held, Severity::Warning),
        (Self::FailedApply, Severity::Critical),
        (Self::FailedRelease, Severity::Critical),
        (Self::RefusedRelease, Severity::Critical),
        (Self::StaleRelease, Severity::Warning),
        (Self::NoRelease, Severity::Warning),
        (Self::UnreachableRemote, Severity::Warning),
        (Self::FailedRun, Severity::Warning),
        (Self::BrokenAlerts, Severity::Warning),
        (Self::Unknown, Severity::Warning),
        (Self::Paused, Severity::Info),
        (Self::BrokenPause, Severity::Warning),
        (Self::NoHolder, Severity::Critical),
        (Self::TwoHolders, Severity::Critical),
        (Self::ForeignAddress, Severity::Warning),
        (Self::MemberDown, Severity::Critical),
        (Self::PeerSilent, Severity::Critical),
        (Self::CutOff, Severity::Critical),
        (Self::Alarm, Severity::Critical),
        (Self::Partition, Severity::Critical),
        (Self::InMaintenance, Severity::Info),
        (Self::OtherVersion, Severity::Warning),
        (Self::ReplacedProgram, Severity::Warning),
        (Self::ChangedWhileRunning, Severity::Warning),
        (Self::UnmanagedObjects, Severity::Info),
        (Self::ShadowedPolicy, Severity::Warning),
        (Self::OrphanedUnit, Severity::Warning),
    ];

    /// Returns how bad it is unless somebody says otherwise.
    pub fn severity(self) -> Severity {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or(Severity::Warning, |(_, severity)| *severity)
    }

    /// Returns the kind of a finding; none for what ends by itself.
    pub(super) fn of(code: FindingCode) -> Option<Self> {
        Some(match code {
            FindingCode::Leftover | FindingCode::OldWorkers => return None,
            FindingCode::NoHolder => Self::NoHolder,
            FindingCode::TwoHolders => Self::TwoHolders,
            FindingCode::ForeignAddress => Self::ForeignAddress,
            FindingCode::OtherVersion => Self::OtherVersion,
            FindingCode::ReplacedProgram => Self::ReplacedProgram,
            FindingCode::ChangedWhileRunning => Self::ChangedWhileRunning,
            FindingCode::MemberDown => Self::MemberDown,
            FindingCode::PeerSilent => Self::PeerSilent,
            FindingCode::CutOff => Self::CutOff,
            FindingCode::InMaintenance => Self::InMaintenance,
            FindingCode::Alarm => Self::Alarm,
            FindingCode::Partition => Self::Partition,
            FindingCode::UnmanagedObjects => Self::UnmanagedObjects,
            FindingCode::ShadowedPolicy => Self::ShadowedPolicy,
            FindingCode::OrphanedUnit => Self::OrphanedUnit,
            FindingCode::UnreadablePause | FindingCode::PauseInFuture => Self::BrokenPause,
            FindingCode::StaleRelease => Self::StaleRelease,
            FindingCode::EmptyRelease
            | FindingCode::ShrunkenRelease
            | FindingCode::UnsignedRelease
            | FindingCode::BadSignature
            | FindingCode::WrongNamespace
            | FindingCode::UnsupportedKey
            | FindingCode::UnknownSigner
            | FindingCode::RevokedSigner
            | FindingCode::DroppedSigner
            | FindingCode::EarlySigner
            | FindingCode::ExpiredSigner
            | FindingCode::NoSigners
            | FindingCode::UnreadableSigners
            | FindingCode::BrokenSigners
            | FindingCode::OtherHost
            | FindingCode::OtherCluster
            | FindingCode::MalformedRelease
            | FindingCode::RewoundRelease
            | FindingCode::ForkedRelease => Self::RefusedRelease,
        })
    }

    /// Whether the answer comes from the broker.
    pub(super) fn is_of_broker(self) -> bool {
        matches!(
            self,
            Self::MemberDown
                | Self::PeerSilent
                | Self::CutOff
                | Self::Alarm
                | Self::Partition
                | Self::InMaintenance
                | Self::ChangedWhileRunning
                | Self::UnmanagedObjects
                | Self::ShadowedPolicy
        )
    }

    /// Whether it is known only where the newest release is.
    pub(super) fn is_of_newest(self) -> bool {
        matches!(
            self,
            Self::Pending
                | Self::Held
                | Self::StaleRelease
                | Self::FailedRelease
                | Self::RefusedRelease
                | Self::NoRelease
        )
    }

    /// Whether it is known without comparing the host with a release.
    pub(super) fn is_of_run(self) -> bool {
        matches!(
            self,
            Self::FailedRelease
                | Self::RefusedRelease
                | Self::StaleRelease
                | Self::NoRelease
                | Self::UnreachableRemote
                | Self::FailedRun
                | Self::BrokenAlerts
                | Self::Paused
                | Self::BrokenPause
        )
    }
}

impl Identity {
    /// Makes an identity; what is too long for one line is cut.
    pub fn new(kind: Kind, object: &str) -> Self {
        let object = if object.chars().count() > LONGEST {
            object.chars().take(LONGEST - 1).chain(['…']).collect()
        } else {
            object.to_owned()
        };
        Self { kind, object }
    }
}

/// Returns the kebab-case name that a value has in every document.
pub(super) fn name<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        _ => String::new(),
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&name(self))
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&name(self))
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.object.as_str() {
            "" => write!(f, "{}", self.kind),
            object => write!(f, "{} {object}", self.kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_listed_once_under_its_name() {
        let mut names: Vec<String> = Kind::ALL.iter().map(|(kind, _)| kind.to_string()).collect();
        assert_eq!(names.len(), Kind::ALL.len());
        names.sort();
        names.dedup();
        assert_eq!(names.len(), Kind::ALL.len());
        let schema = serde_json::to_value(schemars::schema_for!(Kind)).expect("a schema is JSON");
        assert_eq!(schema["oneOf"].as_array().map(Vec::len), Some(Kind::ALL.len()), "a kind is missing in ALL");
        assert_eq!(Kind::MemberDown.to_string(), "member-down");
    }

    #[test]
    fn an_object_is_cut_between_characters() {
        let long = Identity::new(Kind::Drift, &"ü".repeat(300));
        assert_eq!(long.object.chars().count(), LONGEST);
        assert!(long.object.ends_with("ü…"));
    }
}
