//! What `rmqgit status` adds to the last report: the incidents of the host, and how their targets are.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The incidents of a host, and how their targets are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Incidents {
    /// When this was asked, in RFC 3339.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Why nothing is known of them, where their book cannot be read; the next run begins a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
    /// What is open, by kind and object.
    pub open: Vec<Incident>,
    /// What is over, the newest first.
    pub over: Vec<Incident>,
    /// The targets that were told something, or wait for it.
    pub targets: Vec<TargetLog>,
}

/// One incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// Its number on this host; one that comes back has a new one.
    pub number: u64,
    /// What is wrong: a kind of docs/alerts.md, such as `drift`.
    pub kind: String,
    /// With what; empty for the host as a whole.
    pub object: String,
    /// How bad it is: `info`, `warning` or `critical`.
    pub severity: String,
    /// Whether it comes and goes, so that nothing is said of it until that ends.
    pub flapping: bool,
    /// Who or what caused it.
    pub cause: String,
    /// What is wrong, in a line.
    pub summary: String,
    /// What to do.
    pub help: String,
    /// The diff from the live file to the release, secrets masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// When a run first saw it, in RFC 3339.
    #[schemars(with = "String")]
    pub first_seen: Timestamp,
    /// How long it is open, or how long ago it ended, in seconds.
    pub age: i64,
    /// What happened to it, the newest last; between the first and the others, some may be forgotten.
    pub history: Vec<Event>,
}

/// Something that happened to an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// When, in RFC 3339.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// What: `opened`, `changed`, `reminded`, `flapping`, `resolved` or `passed`.
    pub stage: String,
}

/// What a target was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetLog {
    /// Its name in agent.yaml.
    pub target: String,
    /// How many incidents there are of which it is to be told something.
    pub waiting: usize,
    /// The failures since it last took something.
    pub failures: u32,
    /// Before this time nothing is sent, in RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub not_before: Option<Timestamp>,
    /// The last attempts, the newest last.
    pub attempts: Vec<Attempt>,
}

/// One attempt to tell a target something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// When, in RFC 3339.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// How many incidents it was about.
    pub incidents: usize,
    /// Why it failed; nothing where the target took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}
