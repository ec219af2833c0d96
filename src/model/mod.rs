//! The resolved meaning of a spec: typed, defaults in, references checked.
//!
//! Input: a [`crate::spec`] value. Output: a [`Model`] in which every reference holds, with the places of what a later check
//! may point at. Must not: read files, or know how an artifact looks.

use std::net::IpAddr;

use indexmap::IndexMap;
use ipnet::IpNet;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::definitions::Definitions;
use crate::diag::{At, Place};
use crate::facts::platform::Platform;
use crate::facts::version::Version;
use crate::name::{ClusterName, HostName, SecretRef};
use crate::secret::PublicKey;

mod check;
pub mod fleet;
mod lower;
mod maintenance;
#[cfg(test)]
mod tests;

pub use check::{Checked, Read, check, read, root};
pub use lower::lower;
pub use maintenance::{Maintenance, Window};

/// All clusters of a spec.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The clusters, in the order of their names.
    pub clusters: Vec<Cluster>,
}

/// One cluster: its hosts, and what runs on them.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// Its name.
    pub name: At<ClusterName>,
    /// Paths, users and unit names.
    pub platform: Platform,
    /// The hosts, in the order of the spec.
    pub hosts: IndexMap<HostName, Host>,
    /// The keys of those who keep the secrets of the repository, by their names.
    pub operators: Vec<(String, At<PublicKey>)>,
    /// The brokers.
    pub broker: Broker,
    /// HAProxy, if the spec has it.
    pub balancer: Option<Balancer>,
    /// Keepalived, if the spec has it.
    pub vip: Option<Keepalived>,
    /// Kernel settings that the spec adds, by name, for every host.
    pub sysctl: IndexMap<String, String>,
    /// When a broker may be restarted; `None` is at any time.
    pub maintenance: Option<Maintenance>,
    /// Transitions that the spec grants by name.
    pub grants: Vec<String>,
    /// What the spec says about rules, by their codes.
    pub rules: Vec<(At<String>, RuleSetting)>,
}

impl Cluster {
    /// Tells whether secrets can be sealed for some of its hosts: those of the others must be, too.
    pub fn has_keys(&self) -> bool {
        self.hosts.values().any(|host| host.ssh_host_key.is_some())
    }
}

/// What a spec says about a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSetting {
    /// What a finding of it is.
    pub level: At<RuleLevel>,
    /// Why, where a person said so.
    pub reason: Option<String>,
    /// The last day on which this holds.
    pub until: Option<Date>,
}

/// What a finding of a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RuleLevel {
    /// Nothing.
    Allow,
    /// A warning.
    Warn,
    /// An error: nothing is published.
    Deny,
}

impl RuleLevel {
    /// Returns the word that specs and rules use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Warn => "warn",
            Self::Deny => "deny",
        }
    }
}

/// A host.
#[derive(Debug, Clone, PartialEq)]
pub struct Host {
    /// Its name.
    pub name: At<HostName>,
    /// The address that its peers reach it by.
    pub address: At<IpAddr>,
    /// The network interface that carries the address.
    pub interface: Option<String>,
    /// Further names for it in /etc/hosts.
    pub aliases: Vec<HostName>,
    /// The key that its secrets are sealed for.
    pub ssh_host_key: Option<At<PublicKey>>,
}

/// A value of the spec that is either text or a secret's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text, quoted by the place it is written to.
    Text(String),
    /// A secret.
    Secret(SecretRef),
}

/// A scalar of `rabbitmq.conf`.
#[derive(Debug, Clone, PartialEq)]
pub enum ConfigValue {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction, as it is written.
    Float(String),
    /// Text.
    Text(String),
    /// A secret.
    Secret(SecretRef),
}

/// The RabbitMQ nodes.
#[derive(Debug, Clone, PartialEq)]
pub struct Broker {
    /// The version of RabbitMQ.
    pub version: At<Version>,
    /// The version of Erlang/OTP as the spec spells it, such as `25.2.3`.
    pub erlang: Option<At<String>>,
    /// The nodes in the order in which they may be disturbed; the first one forms the cluster.
    pub nodes: Vec<Node>,
    /// Whether node names carry full host names.
    pub long_names: bool,
    /// The Erlang cookie.
    pub cookie: SecretRef,
    /// The enabled plugins, sorted.
    pub plugins: Vec<At<String>>,
    /// The keys of `rabbitmq.conf` in the order of the spec.
    pub config: IndexMap<String, At<ConfigValue>>,
    /// Lines added to `rabbitmq.conf` (or terms to 3.6's `rabbitmq.config`) as they are.
    pub extra: Vec<String>,
    /// The Erlang terms of `advanced.config`, as they are.
    pub advanced: Option<String>,
    /// Variables of `rabbitmq-env.conf` beside those that rmqgit writes, without the `RABBITMQ_` prefix.
    pub env: IndexMap<String, String>,
    /// The AMQP port.
    pub port: At<u16>,
    /// The port of the management plugin.
    pub management_port: At<u16>,
    /// The port of Erlang distribution.
    pub dist_port: At<u16>,
    /// The limit of open files for the unit.
    pub open_files: u64,
    /// What the brokers hold.
    pub definitions: Definitions,
}

impl Broker {
    /// Tells whether a plugin is enabled.
    pub fn has_plugin(&self, name: &str) -> bool {
        self.plugins.iter().any(|plugin| plugin.value == name)
    }
}

/// One RabbitMQ node.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The host that it runs on.
    pub host: HostName,
    /// Its full name, such as `rabbit@rabbit1`.
    pub name: String,
    /// Whether it keeps the schema on disc.
    pub kind: NodeKind,
    /// Where the spec says so.
    pub place: Place,
}

/// The type of a node; RAM nodes exist up to RabbitMQ 4.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeKind {
    /// The schema is on disc.
    Disc,
    /// The schema is in memory only.
    Ram,
}

/// HAProxy on the balancer hosts.
#[derive(Debug, Clone, PartialEq)]
pub struct Balancer {
    /// The version of HAProxy, if the spec names it.
    pub version: Option<At<Version>>,
    /// The hosts that run it.
    pub hosts: Vec<HostName>,
    /// The statistics page.
    pub stats: Option<Stats>,
    /// The AMQP front.
    pub amqp: Front,
    /// The front of the management page.
    pub management: Option<Front>,
    /// The port of the health page that the check script and people ask; bound to loopback.
    pub health_port: At<u16>,
    /// The connections of the whole process.
    pub maxconn: Option<u32>,
    /// How long old workers may live after a reload, such as `12h`.
    pub hard_stop_after: Option<String>,
    /// Lines added to `global`.
    pub global_extra: Vec<String>,
    /// Lines added to `defaults`.
    pub defaults_extra: Vec<String>,
    /// Whole sections added at the end.
    pub extra: Vec<String>,
}

/// A bound address: `*`, an IP address, and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// The address; `None` is every address.
    pub address: Option<IpAddr>,
    /// The port.
    pub port: u16,
}

/// HAProxy's statistics page.
#[derive(Debug, Clone, PartialEq)]
pub struct Stats {
    /// Where it listens.
    pub bind: At<Bind>,
    /// The path, such as `/haproxy?stats`.
    pub uri: String,
    /// The text of the browser's password box.
    pub realm: Option<String>,
    /// How often the page loads itself, such as `30s`.
    pub refresh: Option<String>,
    /// The user's name and password.
    pub auth: Option<(String, Value)>,
    /// Whether the page hides HAProxy's version.
    pub hide_version: bool,
    /// Lines added to the section.
    pub extra: Vec<String>,
}

/// A port of HAProxy with the brokers behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct Front {
    /// The name of the `listen` section.
    pub name: String,
    /// Where it listens.
    pub bind: At<Bind>,
    /// The port on the brokers.
    pub server_port: u16,
    /// The nodes behind it, in the order of the spec, with weights where the spec has them.
    pub servers: Vec<Server>,
    /// `tcp` or `http`.
    pub mode: Mode,
    /// The algorithm, such as `leastconn`.
    pub balance: String,
    /// The health check.
    pub check: HealthCheck,
    /// `timeout client`, such as `3h`.
    pub timeout_client: String,
    /// `timeout server`.
    pub timeout_server: String,
    /// `timeout connect`.
    pub timeout_connect: String,
    /// The connections of this front.
    pub maxconn: Option<u32>,
    /// Whether TCP keep-alive is on.
    pub tcpka: bool,
    /// Lines added to the section.
    pub extra: Vec<String>,
}

/// A broker behind a front.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    /// The host.
    pub host: HostName,
    /// Its address.
    pub address: IpAddr,
    /// Its weight.
    pub weight: Option<u16>,
    /// Whether it only serves when no other does.
    pub backup: bool,
}

/// The mode of a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Bytes.
    Tcp,
    /// HTTP.
    Http,
}

/// How HAProxy finds out whether a server serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// What it asks.
    pub kind: CheckKind,
    /// The time between two checks, such as `5s`.
    pub inter: String,
    /// How many good checks bring a server back.
    pub rise: u16,
    /// How many bad checks take a server out.
    pub fall: u16,
    /// Whether the sessions of a dead server are closed at once.
    pub shutdown_sessions: bool,
}

/// What a health check asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckKind {
    /// A TCP connection.
    Tcp,
    /// The first bytes of AMQP 0-9-1, and an answer.
    Amqp,
    /// An HTTP page on a port.
    Http {
        /// The port, if it is not the server's.
        port: Option<u16>,
        /// The path.
        uri: String,
        /// The expected status.
        status: u16,
    },
}

/// Keepalived on the hosts that may hold a virtual address.
#[derive(Debug, Clone, PartialEq)]
pub struct Keepalived {
    /// The version of Keepalived, if the spec names it.
    pub version: Option<At<Version>>,
    /// Every host that runs it, in the order of the spec.
    pub hosts: Vec<HostName>,
    /// The VRRP instances.
    pub instances: Vec<Instance>,
    /// The script that watches HAProxy.
    pub check: TrackScript,
    /// Notification by mail.
    pub mail: Option<Mail>,
    /// `router_id` per host where it is not the host's name.
    pub router_id: Option<String>,
    /// Lines added to `global_defs`.
    pub global_extra: Vec<String>,
    /// Whole blocks added at the end.
    pub extra: Vec<String>,
}

/// One VRRP instance.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// The identifier, 1 to 255, unique on its network segment.
    pub virtual_router_id: At<u8>,
    /// The hosts, highest priority first.
    pub members: Vec<Member>,
    /// The virtual addresses with their prefix; all of one family.
    pub addresses: Vec<At<IpNet>>,
    /// Seconds between advertisements.
    pub advert_int: u16,
    /// The password of at most eight bytes that the members share; VRRP version 2 only.
    pub auth: Option<Value>,
    /// VRRP version 2 or 3.
    pub vrrp_version: u8,
    /// Whether advertisements go to each peer's address instead of multicast.
    pub unicast: bool,
    /// Whether a recovered host leaves the address where it is.
    pub nopreempt: bool,
    /// Seconds that a recovered host waits before it takes the address back.
    pub preempt_delay: Option<u16>,
    /// Lines added to the block.
    pub extra: Vec<String>,
}

/// A host in a VRRP instance.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// The host.
    pub host: HostName,
    /// Its own address on the segment.
    pub address: IpAddr,
    /// The interface.
    pub interface: String,
    /// The priority, 1 to 254.
    pub priority: At<u8>,
}

/// How Keepalived watches HAProxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrackScript {
    /// Seconds between runs.
    pub interval: u16,
    /// Seconds after which a run counts as failed.
    pub timeout: u16,
    /// Failures that count as down.
    pub fall: u16,
    /// Successes that count as up.
    pub rise: u16,
    /// What a failure takes from the priority (negative), or 0: the instance goes to FAULT.
    pub weight: i16,
}

/// Keepalived's notification mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The recipients.
    pub to: Vec<String>,
    /// The sender.
    pub from: String,
    /// The address of the server, with a port where it is not 25.
    pub server: String,
    /// Seconds to wait for the server.
    pub timeout: u16,
}
