//! The `keepalived` section.

use schemars::JsonSchema;
use serde::Deserialize;

use super::cluster::optional;
use super::value::{Lines, Named, Secret};
use crate::diag::At;
use crate::name::HostName;

/// Keepalived, which holds the virtual addresses on one of the HAProxy hosts.
///
/// One VRRP instance is written here directly; several are written under `instances`, and then what is written here
/// holds for each of them that does not say otherwise.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Keepalived {
    /// The version of Keepalived that is installed, such as `2.2.7`. Default: what the platform ships.
    pub version: Option<At<String>>,
    /// The hosts, the one that shall hold the address first. Default: the HAProxy hosts.
    pub hosts: Option<Vec<At<HostName>>>,
    /// The interface of every host that does not name its own.
    pub interface: Option<At<String>>,
    /// The virtual address of the one instance, with a prefix (`192.168.1.222/24`) or as `/32`.
    pub vip: Option<At<String>>,
    /// The virtual addresses of the one instance, where it has several.
    pub vips: Option<Vec<At<String>>>,
    /// The identifier of the one instance, 1 to 255, used by nobody else on the network segment.
    pub virtual_router_id: Option<At<u16>>,
    /// Several instances by name, instead of `vip` and `virtual_router_id`.
    pub instances: Option<Named<String, Instance>>,
    /// The password that the members share, of at most eight bytes. VRRP version 2 and IPv4 only.
    pub auth: Option<At<Secret>>,
    /// The version of VRRP, 2 or 3. Default: 2 for IPv4, 3 for IPv6.
    pub vrrp_version: Option<At<u8>>,
    /// Seconds between advertisements. Default: 1.
    pub advert_int: Option<At<u16>>,
    /// Whether advertisements go to each peer's address, which clouds and filtered networks need. Default: no, to the
    /// multicast group.
    pub unicast: Option<bool>,
    /// Whether a recovered host leaves the address where it is. Default: no.
    pub nopreempt: Option<At<bool>>,
    /// Seconds that a recovered host waits before it takes the address back, up to 1000.
    pub preempt_delay: Option<At<u16>>,
    /// Priorities of hosts, 1 to 254, instead of those that the order of the hosts gives.
    #[serde(default)]
    pub priorities: Named<HostName, At<u16>>,
    /// How Keepalived watches HAProxy.
    #[serde(default)]
    pub check: TrackScript,
    /// Notification by mail.
    pub mail: Option<Mail>,
    /// `router_id` of every host. Default: the host's name.
    pub router_id: Option<At<String>>,
    /// Lines added as they are; the real Keepalived still checks them.
    #[serde(default)]
    pub extra: KeepalivedExtra,
}

/// Lines added to keepalived.conf as they are.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeepalivedExtra {
    /// Lines added to `global_defs`.
    #[serde(default)]
    pub global: Lines,
    /// Lines added to each `vrrp_instance` that has no `extra` of its own.
    #[serde(default)]
    pub instance: Lines,
    /// Whole blocks added at the end.
    #[serde(default)]
    pub end: Lines,
}

/// One VRRP instance of several.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = optional)]
pub struct Instance {
    /// The virtual address, with a prefix (`192.168.1.222/24`) or as `/32`.
    pub vip: Option<At<String>>,
    /// The virtual addresses, where it has several.
    pub vips: Option<Vec<At<String>>>,
    /// The identifier, 1 to 255, used by nobody else on the network segment.
    pub virtual_router_id: At<u16>,
    /// The hosts, the one that shall hold the address first.
    pub hosts: Option<Vec<At<HostName>>>,
    /// The password that the members share, of at most eight bytes.
    pub auth: Option<At<Secret>>,
    /// The version of VRRP, 2 or 3.
    pub vrrp_version: Option<At<u8>>,
    /// Seconds between advertisements.
    pub advert_int: Option<At<u16>>,
    /// Whether advertisements go to each peer's address.
    pub unicast: Option<bool>,
    /// Whether a recovered host leaves the address where it is.
    pub nopreempt: Option<At<bool>>,
    /// Seconds that a recovered host waits before it takes the address back.
    pub preempt_delay: Option<At<u16>>,
    /// Priorities of hosts, 1 to 254.
    #[serde(default)]
    pub priorities: Named<HostName, At<u16>>,
    /// Lines added to the block.
    pub extra: Option<Lines>,
}

/// How Keepalived watches HAProxy.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrackScript {
    /// Seconds between runs. Default: 2.
    pub interval: Option<At<u16>>,
    /// Seconds after which a run counts as failed. Default: 3.
    pub timeout: Option<At<u16>>,
    /// How many failures count as down. Default: 2.
    pub fall: Option<At<u16>>,
    /// How many successes count as up. Default: 2.
    pub rise: Option<At<u16>>,
    /// What a failure takes from the priority, -253 to -1, or 0: the instance gives up its address. Default: -20.
    pub weight: Option<At<i16>>,
}

/// Notification by mail.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = optional)]
pub struct Mail {
    /// The recipients.
    pub to: Vec<At<String>>,
    /// The sender.
    pub from: At<String>,
    /// The mail server: a name or an address, with `:PORT` where it is not 25.
    pub server: At<String>,
    /// Seconds to wait for the server. Default: 30.
    pub timeout: Option<At<u16>>,
}
