//! The document: what merging does, for people and programs. Every rendering is made from it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::diff::{Attribute, Kind};
use super::picture::Topology;
use super::{Diverged, LiveHost, Transition};
use crate::name::{ClusterName, HostName, SecretRef};
use crate::release::{Bundle, OnChange};

/// The version of the document.
pub const FORMAT: u32 = 1;

/// A host of a release.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct HostId {
    /// Its cluster.
    pub cluster: ClusterName,
    /// Its name.
    pub host: HostName,
}

impl std::fmt::Display for HostId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.cluster, self.host)
    }
}

/// The bundles of a release by host. Hosts that are the same on both sides may be left out on both.
pub type ReleaseTree = BTreeMap<HostId, Bundle>;

/// What merging does: the consequences first, then what changes, down to the lines of files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(title = "rmqgit review")]
pub struct Review {
    /// The version of this document, 1.
    pub format: u32,
    /// The old side.
    pub base: Side,
    /// The new side.
    pub head: Side,
    /// What the base has that the head does not come from, if there is something: then not all that changes comes from merging.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diverged: Option<Diverged>,
    /// The worst class of all clusters.
    pub class: Class,
    /// Whether messages or queues can be lost, whatever the class.
    pub loses_data: bool,
    /// One sentence for a person who reads no further.
    pub headline: String,
    /// How much changes.
    pub counts: Counts,
    /// What changes, the worst first. Clusters in which the same happens for the same reasons are one entry.
    pub clusters: Vec<ClusterReview>,
    /// What the hosts last said, the worst first; empty where no reports were given.
    pub live: Vec<LiveHost>,
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Side {
    /// The revision as it was asked for.
    pub rev: String,
    /// The commit that it is; none where nothing was published yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The first line of the commit's message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Whether it is a release of the output branch, and not a spec.
    pub release: bool,
}

/// How much changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Counts {
    /// The clusters in which something changes.
    pub clusters: usize,
    /// The hosts that stay and change.
    pub changed: usize,
    /// The hosts that are new.
    pub added: usize,
    /// The hosts that are gone.
    pub removed: usize,
}

/// What a change does to those who use the cluster, from harmless to dangerous.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Nothing that a program reads changes.
    Nothing,
    /// It takes effect while everything runs.
    Live,
    /// A daemon reloads, or a virtual address moves.
    Reload,
    /// Brokers restart, one at a time, when a person asks for it.
    Rolling,
    /// More than one host is disturbed at once, or something is given up for good: held back until the spec grants it.
    Transition,
}

/// What changes in one cluster, or in several in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ClusterReview {
    /// The clusters; the parts below show the first one where they differ in names and addresses only.
    pub clusters: Vec<ClusterName>,
    /// What happens to them: they are new, leave the release, or change.
    pub kind: Kind,
    /// Every host in which something changes, the new and the removed ones among them.
    pub hosts: Vec<HostId>,
    /// The hosts that are new.
    pub added: Vec<HostId>,
    /// The hosts that are gone.
    pub removed: Vec<HostId>,
    /// The worst class of the consequences.
    pub class: Class,
    /// Whether messages or queues can be lost, whatever the class.
    pub loses_data: bool,
    /// What happens, the worst first.
    pub consequences: Vec<Consequence>,
    /// What is held back until the spec grants it, and what is left to a person.
    pub transitions: Vec<Transition>,
    /// The broker's policies by who wins.
    pub policies: Vec<PolicyChange>,
    /// Users, permissions, vhosts, limits, parameters and policies as objects of the broker.
    pub objects: Vec<ObjectChange>,
    /// What changes for RabbitMQ, HAProxy, Keepalived and the kernel, setting by setting.
    pub services: Vec<ServiceChange>,
    /// The secrets by fingerprint.
    pub secrets: Vec<SecretChange>,
    /// The files, the worst first.
    pub files: Vec<FileChange>,
    /// The picture of the first cluster, with marks on what changes; none if nothing in it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topology: Option<Topology>,
}

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Consequence {
    /// How bad it is.
    pub class: Class,
    /// Whether messages or queues can be lost by it.
    pub loses_data: bool,
    /// The sentence.
    pub text: String,
    /// The hosts on which it happens; empty if it happens to the cluster as a whole.
    pub hosts: Vec<HostId>,
}

/// Names for which another policy is in force than before, or the same one with other settings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct PolicyChange {
    /// The virtual host.
    pub vhost: String,
    /// Whether it is about operator policies.
    pub operator: bool,
    /// What the names are names of.
    pub kind: PolicyTarget,
    /// The policy that was in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// The policy that will be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Names for which it is so, the shortest first.
    pub names: Vec<String>,
    /// The settings that change for them.
    pub settings: Vec<SettingChange>,
    /// Whether messages or queues can be lost by it.
    pub loses_data: bool,
    /// The sentence.
    pub text: String,
}

/// What a policy is in force on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyTarget {
    /// Queues of every type: the same policy wins for all of them.
    Queues,
    /// Classic queues.
    ClassicQueues,
    /// Quorum queues.
    QuorumQueues,
    /// Streams.
    Streams,
    /// Exchanges.
    Exchanges,
}

/// A setting and its values on both sides.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct SettingChange {
    /// Its name.
    pub key: String,
    /// What it was; none if it was not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What it becomes; none if it is no longer set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// An object of the broker that changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct ObjectChange {
    /// What kind of object, as RabbitMQ calls it: `vhost`, `user`, `permission`, `topic permission`, `limits of vhost`, `limits of
    /// user`, `parameter`, `global parameter`, `policy`, `operator policy`.
    pub object: &'static str,
    /// Which one.
    pub name: String,
    /// What happens to it.
    pub kind: Kind,
    /// What changes in it.
    pub settings: Vec<SettingChange>,
    /// The sentence.
    pub text: String,
}

/// A setting of a daemon or of the kernel that changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct ServiceChange {
    /// Whose: `rabbitmq`, `haproxy`, `keepalived`, `kernel`, `systemd`.
    pub service: &'static str,
    /// How bad it is.
    pub class: Class,
    /// Where: a section, such as `backend amqp_nodes`, or empty.
    pub place: String,
    /// What changes there: a server, an option, a key; its value on both sides.
    pub setting: SettingChange,
    /// The sentence.
    pub text: String,
    /// The hosts.
    pub hosts: Vec<HostId>,
}

/// A secret that changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct SecretChange {
    /// Its name.
    pub name: SecretRef,
    /// The fingerprint of the sealed file as it was, as `rmqgit secret list` shows it; none if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// The fingerprint as it becomes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// What it is used for.
    pub used_for: Vec<String>,
    /// The sentence.
    pub text: String,
    /// The hosts that it is sealed for.
    pub hosts: Vec<HostId>,
}

/// A change of a file, on one host or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FileChange {
    /// The hosts; the diff is that of the first one, and on the others the same lines come and go.
    pub hosts: Vec<HostId>,
    /// The path on the host, or the name of a document of the release: `definitions.json`, `manifest.json`.
    pub path: String,
    /// What happens to the file.
    pub kind: Kind,
    /// How bad it is.
    pub class: Class,
    /// What kind of change it is, where it is less than it looks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
    /// What the host does when the file changes; none for a document of the release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_change: Option<OnChange>,
    /// What changes beside the bytes.
    pub attributes: Vec<Attribute>,
    /// Whether the other hosts' lines differ from the first one's in names and addresses of hosts.
    pub similar: bool,
    /// The unified diff of the bytes, without a header; empty if they are the same. Secrets are placeholders.
    pub diff: String,
}

/// What kind of change of a file it is, where it is less than it looks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Note {
    /// Only white space differs.
    Whitespace,
    /// Only comments and white space differ.
    Comments,
    /// The same lines stand in another order.
    Reordered,
    /// The same bytes stood at this path before.
    MovedFrom(String),
    /// The same bytes stand at this path now.
    MovedTo(String),
}
