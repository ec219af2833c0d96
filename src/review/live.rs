//! What the hosts last said, beside what is about to change.

use schemars::JsonSchema;
use serde::Serialize;

use super::HostId;

/// What a host last said, as far as it matters for the change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct LiveHost {
    /// The host.
    pub host: HostId,
    /// When it said so, in RFC 3339; none if there is no report of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The verdict of its report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// What a person should know of it, the worst first.
    pub notes: Vec<LiveNote>,
}

/// One thing that a person should know of a host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct LiveNote {
    /// What it is.
    pub kind: LiveKind,
    /// The file or object that it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The sentence.
    pub text: String,
}

/// The kinds of things that a person should know of a host, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LiveKind {
    /// Somebody changed by hand what this change writes: their work is overwritten.
    Overwrites,
    /// The last run failed.
    Failed,
    /// The host is paused: the change waits there.
    Paused,
    /// There is no report of it.
    Silent,
    /// The report is old.
    Old,
    /// A restart or another change already waits there.
    Waiting,
    /// Somebody changed something by hand that this change does not touch.
    Drift,
    /// The report has a finding.
    Finding,
}
