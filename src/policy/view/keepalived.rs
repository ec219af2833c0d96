//! Keepalived, as expressions see it.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Secret, secret};
use crate::model::{self, Keepalived};
use crate::name::HostName;

/// Keepalived on the hosts that may hold a virtual address.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Vip<'a> {
    /// The version, or none where the spec does not name it.
    pub version: Option<String>,
    /// Every host that runs it.
    pub hosts: &'a [HostName],
    /// The VRRP instances.
    pub instances: Vec<Instance<'a>>,
    /// How it watches HAProxy.
    pub check: Track,
    /// The mail addresses and the server of notification, or none.
    pub mail: Option<Mail<'a>>,
    /// The one `router_id` of all hosts, or none where it is the host's name.
    pub router_id: Option<&'a str>,
    /// Lines added to `global_defs`.
    pub global_extra: &'a [String],
    /// Whole blocks added at the end.
    pub extra: &'a [String],
}

/// Keepalived's check of HAProxy.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Track {
    /// Seconds between runs.
    pub interval: u16,
    /// Seconds after which a run counts as failed.
    pub timeout: u16,
    /// Failures that count as down.
    pub fall: u16,
    /// Successes that count as up.
    pub rise: u16,
    /// What a failure takes from the priority, or 0 for FAULT.
    pub weight: i16,
}

/// Keepalived's notification mail.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Mail<'a> {
    /// The recipients.
    pub to: &'a [String],
    /// The sender.
    pub from: &'a str,
    /// The server.
    pub server: &'a str,
    /// Seconds to wait for the server.
    pub timeout: u16,
}

/// A VRRP instance.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Instance<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its identifier.
    pub virtual_router_id: u8,
    /// Its virtual addresses with their prefixes, such as `192.168.1.222/32`.
    pub addresses: Vec<String>,
    /// The hosts, in the order of the spec.
    pub members: Vec<Member<'a>>,
    /// Seconds between advertisements.
    pub advert_int: u16,
    /// The secret that the members share, or none.
    pub auth: Option<Secret<'a>>,
    /// 2 or 3.
    pub vrrp_version: u8,
    /// Whether advertisements go to each peer's address.
    pub unicast: bool,
    /// Whether a recovered host leaves the address where it is.
    pub nopreempt: bool,
    /// Seconds that a recovered host waits, or none.
    pub preempt_delay: Option<u16>,
    /// Lines added to the block.
    pub extra: &'a [String],
}

/// A host of a VRRP instance.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Member<'a> {
    /// The host.
    pub host: &'a HostName,
    /// Its address.
    pub address: String,
    /// The interface.
    pub interface: &'a str,
    /// The priority.
    pub priority: u8,
}

pub(super) fn keepalived(vip: &Keepalived) -> Vip<'_> {
    let model::TrackScript { interval, timeout, fall, rise, weight } = vip.check;
    Vip {
        version: vip.version.map(|version| version.value.to_string()),
        hosts: &vip.hosts,
        instances: vip.instances.iter().map(instance).collect(),
        check: Track { interval, timeout, fall, rise, weight },
        mail: vip.mail.as_ref().map(|mail| Mail {
            to: &mail.to,
            from: &mail.from,
            server: &mail.server,
            timeout: mail.timeout,
        }),
        router_id: vip.router_id.as_deref(),
        global_extra: &vip.global_extra,
        extra: &vip.extra,
    }
}

fn instance(instance: &model::Instance) -> Instance<'_> {
    Instance {
        name: &instance.name,
        virtual_router_id: instance.virtual_router_id.value,
        addresses: instance.addresses.iter().map(|net| net.value.to_string()).collect(),
        members: instance.members.iter().map(member).collect(),
        advert_int: instance.advert_int,
        auth: instance.auth.as_ref().and_then(secret),
        vrrp_version: instance.vrrp_version,
        unicast: instance.unicast,
        nopreempt: instance.nopreempt,
        preempt_delay: instance.preempt_delay,
        extra: &instance.extra,
    }
}

fn member(member: &model::Member) -> Member<'_> {
    Member {
        host: &member.host,
        address: member.address.to_string(),
        interface: &member.interface,
        priority: member.priority.value,
    }
}
