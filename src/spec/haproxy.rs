//! The `haproxy` section.

use schemars::JsonSchema;
use serde::Deserialize;

use super::cluster::optional;
use super::value::{Lines, Named, Secret};
use crate::diag::At;
use crate::name::HostName;

/// HAProxy in front of the nodes.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Haproxy {
    /// The version of HAProxy that is installed, such as `2.6.12`. Default: what the platform ships.
    pub version: Option<At<String>>,
    /// The hosts that run it. Default: every host.
    pub hosts: Option<Vec<At<HostName>>>,
    /// The AMQP front, which is what clients connect to.
    #[serde(default)]
    pub amqp: Front,
    /// The front of the management page.
    pub management: Option<Front>,
    /// The statistics page.
    pub stats: Option<Stats>,
    /// The port of the health page on loopback that Keepalived's check asks. Default: 8404.
    pub health_port: Option<At<u16>>,
    /// The most connections of the whole process.
    pub maxconn: Option<At<u32>>,
    /// How long the old process may live after a reload, such as `12h`; AMQP connections are long.
    pub hard_stop_after: Option<At<String>>,
    /// Lines added as they are; the real HAProxy still checks them.
    #[serde(default)]
    pub extra: HaproxyExtra,
}

/// Lines added to haproxy.cfg as they are.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HaproxyExtra {
    /// Lines added to `global`.
    #[serde(default)]
    pub global: Lines,
    /// Lines added to `defaults`.
    #[serde(default)]
    pub defaults: Lines,
    /// Whole sections added at the end.
    #[serde(default)]
    pub end: Lines,
}

/// A port of HAProxy with the nodes behind it.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Front {
    /// The port on every address. Default for AMQP: 5672, or 5673 where HAProxy shares a host with a node; for the
    /// management page: 15673.
    pub port: Option<At<u16>>,
    /// Where it listens instead, such as `192.168.1.222:5672`; `*:5673` is every address.
    pub bind: Option<At<String>>,
    /// The algorithm, such as `leastconn` or `roundrobin`. Default: `leastconn`, for the management page `source`.
    pub balance: Option<At<String>>,
    /// The health check of the nodes.
    #[serde(default)]
    pub check: Check,
    /// The timeouts.
    #[serde(default)]
    pub timeout: Timeouts,
    /// The most connections of this front.
    pub maxconn: Option<At<u32>>,
    /// Whether TCP keep-alive is on. Default: yes.
    pub tcpka: Option<bool>,
    /// The nodes' hosts behind it. Default: every node.
    pub servers: Option<Vec<At<HostName>>>,
    /// The weights of hosts, 0 to 256.
    #[serde(default)]
    pub weights: Named<HostName, At<u16>>,
    /// The hosts that only serve when no other does.
    #[serde(default)]
    pub backup: Vec<At<HostName>>,
    /// Lines added to the section.
    #[serde(default)]
    pub extra: Lines,
}

/// The timeouts of a front.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Timeouts {
    /// How long a client may be silent. Default: `3h`; keep it above three heartbeats.
    pub client: Option<At<String>>,
    /// How long a node may be silent. Default: `3h`.
    pub server: Option<At<String>>,
    /// How long a connection to a node may take. Default: `5s`.
    pub connect: Option<At<String>>,
}

/// How HAProxy finds out whether a node serves.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What it asks. Default for AMQP: `http` where the version has a check for it (RabbitMQ 4.1.1 and later, with the
    /// management plugin), otherwise `tcp`; for the management page: `http`.
    #[serde(rename = "type")]
    pub kind: Option<At<CheckType>>,
    /// The port of an `http` check. Default: the management port.
    pub port: Option<At<u16>>,
    /// The path of an `http` check. Default for AMQP: `/api/health/checks/ready-to-serve-clients`.
    pub uri: Option<At<String>>,
    /// The status that an `http` check expects. Default: 200.
    pub status: Option<At<u16>>,
    /// The time between two checks. Default: `3s`.
    pub inter: Option<At<String>>,
    /// How many good checks bring a node back. Default: 2.
    pub rise: Option<At<u16>>,
    /// How many bad checks take a node out. Default: 3.
    pub fall: Option<At<u16>>,
    /// Whether the connections to a node that was taken out are closed at once. Default: yes.
    pub shutdown_sessions: Option<bool>,
}

/// What a health check asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CheckType {
    /// A TCP connection.
    Tcp,
    /// The first bytes of AMQP 0-9-1, and an answer. RabbitMQ logs each such check.
    Amqp,
    /// An HTTP page.
    Http,
}

/// The statistics page.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = optional)]
pub struct Stats {
    /// Where it listens. Default: `127.0.0.1:1080`.
    pub bind: Option<At<String>>,
    /// The path. Default: `/haproxy?stats`.
    pub uri: Option<At<String>>,
    /// The text of the browser's password box.
    pub realm: Option<At<String>>,
    /// How often the page loads itself, such as `30s`.
    pub refresh: Option<At<String>>,
    /// The user's name; needs `password`.
    pub user: Option<At<String>>,
    /// The secret that holds the password; needs `user`.
    pub password: Option<At<Secret>>,
    /// Whether the page hides HAProxy's version. Default: yes.
    pub hide_version: Option<bool>,
    /// Lines added to the section.
    #[serde(default)]
    pub extra: Lines,
}
