//! Keepalived's VRRP instances: their addresses, members and priorities.

use ipnet::IpNet;

use super::balancer::not_a_member;
use super::hosts::{Hosts, known};
use super::vip::members;
use super::{check_word, text};
use crate::diag::{At, Diagnostic, Diagnostics, Place};
use crate::model::{Balancer, Host, Instance, Member, TrackScript};
use crate::name::HostName;
use crate::spec::{self, Named};

/// The priority of the first host of an instance.
const FIRST_PRIORITY: u16 = 150;
/// The most that the priorities of neighbours differ.
const PRIORITY_STEP: u16 = 10;

/// What all instances of a cluster share.
pub(super) struct Shared<'a> {
    pub(super) section: &'a spec::Keepalived,
    pub(super) hosts: &'a Hosts,
    pub(super) balancer: Option<&'a Balancer>,
    /// The hosts of an instance that names none.
    pub(super) named: &'a [HostName],
    pub(super) check: TrackScript,
}

/// Resolves the instance that stands in the section itself; `vip` is where its address stands.
pub(super) fn lower_single(diags: &mut Diagnostics, shared: &Shared<'_>, vip: Option<Place>) -> Option<Instance> {
    let section = shared.section;
    let Some(virtual_router_id) = section.virtual_router_id else {
        let fault = Diagnostic::error("missing-field", "`keepalived` has no `virtual_router_id`");
        let fault = match vip {
            Some(place) => fault.at(place, "this address needs one"),
            None => fault,
        };
        diags.push(fault.help("add a number from 1 to 255 that nobody else uses on the network segment"));
        return None;
    };
    let instance = spec::Instance {
        vip: section.vip.clone(),
        vips: section.vips.clone(),
        virtual_router_id,
        hosts: None,
        auth: None,
        vrrp_version: None,
        advert_int: None,
        unicast: None,
        nopreempt: None,
        preempt_delay: None,
        priorities: Named::default(),
        extra: None,
    };
    let name = At { value: "haproxy".to_owned(), place: virtual_router_id.place };
    Some(lower_instance(diags, shared, &name, &instance))
}

/// Resolves one instance.
pub(super) fn lower_instance(
    diags: &mut Diagnostics,
    shared: &Shared<'_>,
    name: &At<String>,
    instance: &spec::Instance,
) -> Instance {
    let section = shared.section;
    check_word(diags, name, name.place, "a VRRP instance");
    let id = instance.virtual_router_id;
    text::range(diags, id, &(1..=255), "`virtual_router_id`");
    let addresses = lower_vips(diags, instance, id.place);
    let version = lower_version(diags, instance.vrrp_version.or(section.vrrp_version), &addresses);
    let auth = instance.auth.as_ref().or(section.auth.as_ref());
    if let Some(auth) = auth.filter(|_| version != 2) {
        let fault = Diagnostic::error("vrrp-auth", format!("VRRP version {version} has no authentication"));
        diags.push(
            fault
                .at(auth.place, "Keepalived would ignore this")
                .help("remove `auth`, or use version 2 with IPv4 addresses"),
        );
    }
    let named = match &instance.hosts {
        Some(listed) => members(diags, shared.hosts, listed, "the hosts of the instance", shared.balancer),
        None => shared.named.to_vec(),
    };
    let nopreempt = instance.nopreempt.or(section.nopreempt);
    let preempt_delay = instance.preempt_delay.or(section.preempt_delay);
    if let (Some(no), Some(delay)) = (nopreempt.filter(|no| no.value), preempt_delay) {
        text::conflict(
            diags,
            ("nopreempt", no.place),
            ("preempt_delay", delay.place),
            "a host that never takes the address back does not wait",
        );
    }
    let own = if instance.priorities.0.is_empty() { &section.priorities } else { &instance.priorities };
    let most_seconds = if version == 2 { 255 } else { 40 };
    let advert_int = instance.advert_int.or(section.advert_int);
    let extra = instance.extra.as_ref().unwrap_or(&section.extra.instance);
    Instance {
        name: name.value.clone(),
        virtual_router_id: id.map(|id| u8::try_from(id).unwrap_or(u8::MAX)),
        members: lower_members(diags, shared, name, own, &named),
        advert_int: text::number(diags, advert_int.as_ref(), 1, ("`advert_int`", 1..=most_seconds)),
        auth: text::secret_value(diags, auth, "the password of VRRP"),
        vrrp_version: version,
        unicast: instance.unicast.or(section.unicast).unwrap_or(false),
        nopreempt: nopreempt.is_some_and(|no| no.value),
        preempt_delay: preempt_delay.map(|delay| text::number(diags, Some(&delay), 0, ("`preempt_delay`", 0..=1000))),
        extra: text::lines(diags, extra, id.place),
        addresses,
    }
}

fn lower_vips(diags: &mut Diagnostics, instance: &spec::Instance, place: Place) -> Vec<At<IpNet>> {
    if let (Some(vip), Some(first)) = (&instance.vip, instance.vips.iter().flatten().next()) {
        text::conflict(diags, ("vip", vip.place), ("vips", first.place), "write all of them under `vips`");
    }
    let given: Vec<_> = instance.vip.iter().chain(instance.vips.iter().flatten()).collect();
    if given.is_empty() {
        let fault = Diagnostic::error("missing-field", "the VRRP instance has no virtual address");
        diags.push(fault.at(place, "this instance").help("add `vip: ADDRESS`, or several under `vips`"));
    }
    given.into_iter().filter_map(|vip| text::virtual_address(diags, vip)).collect()
}

fn lower_version(diags: &mut Diagnostics, given: Option<At<u8>>, addresses: &[At<IpNet>]) -> u8 {
    let six = addresses.iter().find(|net| net.addr().is_ipv6());
    if let (Some(six), Some(four)) = (six, addresses.iter().find(|net| net.addr().is_ipv4())) {
        diags.push(
            Diagnostic::error("address-family", "one VRRP instance has IPv4 and IPv6 addresses")
                .at(six.place, "IPv6")
                .at(four.place, "IPv4")
                .help("write an instance for each under `instances`"),
        );
    }
    if let Some(given) = given {
        text::range(diags, given, &(2..=3), "`vrrp_version`");
        if let Some(six) = six.filter(|_| given.value == 2) {
            let fault = Diagnostic::error("address-family", "VRRP version 2 knows IPv4 only");
            diags.push(fault.at(six.place, "IPv6").at(given.place, "version 2").help("use `vrrp_version: 3`"));
        }
    }
    given.map_or(if six.is_some() { 3 } else { 2 }, |given| given.value)
}

fn lower_members(
    diags: &mut Diagnostics,
    shared: &Shared<'_>,
    name: &At<String>,
    own: &Named<HostName, At<u16>>,
    named: &[HostName],
) -> Vec<Member> {
    let Shared { section, hosts, check, .. } = shared;
    for (host, priority) in own.iter() {
        text::range(diags, *priority, &(1..=254), "the priority");
        if known(diags, hosts, host.as_str(), host.place) && !named.contains(&host.value) {
            not_a_member(diags, host, "is not in this instance", "add it to `hosts`, or remove its priority");
        }
    }
    let step = priority_step(named.len(), check.weight);
    if own.0.is_empty() && named.len() > 1 && step == 0 {
        let message = format!("{} hosts do not fit between two weights of `{}`", named.len(), check.weight);
        let help = "the priorities of all hosts must differ by less than the weight: give `check.weight` a larger one, such as -100";
        text::refuse(diags, "out-of-range", name.place, message, help);
    }
    let member = |(host, rank): (&HostName, u16)| {
        let given = own.iter().find(|(name, _)| name.value == *host).map(|(_, priority)| *priority);
        let default = At { value: FIRST_PRIORITY.saturating_sub(rank.saturating_mul(step)).max(1), place: name.place };
        Member {
            host: host.clone(),
            address: hosts[host].address.value,
            interface: interface(diags, &hosts[host], section.interface.as_ref()),
            priority: given.unwrap_or(default).map(|priority| u8::try_from(priority).unwrap_or(u8::MAX)),
        }
    };
    named.iter().zip(0..).map(member).collect()
}

/// Returns the interface of a host, or the one that holds for all, and reports a host that has none.
fn interface(diags: &mut Diagnostics, host: &Host, shared: Option<&At<String>>) -> String {
    if let Some(interface) = host.interface.as_ref().or(shared.map(|shared| &shared.value)) {
        return interface.clone();
    }
    let message = format!("Keepalived runs on `{}`, whose interface is not known", host.name.value);
    diags.push(
        Diagnostic::error("missing-interface", message)
            .at(host.name.place, "this host")
            .help("add `interface: NAME` to the host, or to `keepalived` for all of them"),
    );
    String::new()
}

/// Returns the step between two priorities, such that the first and the last host differ by less than what a failed
/// check takes away: otherwise the address stays with a host whose HAProxy is dead (`docs/decisions.md`, VRRP).
fn priority_step(members: usize, weight: i16) -> u16 {
    let gaps = u16::try_from(members.saturating_sub(1)).unwrap_or(u16::MAX).max(1);
    match weight.unsigned_abs() {
        0 => PRIORITY_STEP.min((FIRST_PRIORITY - 1) / gaps),
        weight => PRIORITY_STEP.min((weight - 1) / gaps),
    }
}
