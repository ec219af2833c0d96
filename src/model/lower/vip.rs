//! Keepalived: its instances, their members and addresses.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::balancer::not_a_member;
use super::hosts::{Hosts, check_interface, lower_references};
use super::{check_word, text};
use crate::diag::{At, Diagnostic, Diagnostics, Place};
use crate::model::{Balancer, Instance, Keepalived, Mail, Member, TrackScript};
use crate::name::HostName;
use crate::spec::{self, Named};

/// The priority of the first host of an instance.
const FIRST_PRIORITY: u16 = 150;
/// The most that the priorities of neighbours differ.
const PRIORITY_STEP: u16 = 10;

/// Resolves the `keepalived` section.
pub(super) fn lower_keepalived(
    diags: &mut Diagnostics,
    section: &spec::Keepalived,
    hosts: &Hosts,
    balancer: Option<&Balancer>,
) -> Keepalived {
    let check = lower_track(diags, &section.check);
    if let Some(interface) = &section.interface {
        check_interface(diags, interface);
    }
    let named = match (&section.hosts, balancer) {
        (Some(listed), _) => members(diags, hosts, listed, "`keepalived.hosts`", balancer),
        (None, Some(balancer)) => balancer.hosts.clone(),
        (None, None) => hosts.keys().cloned().collect(),
    };
    let instances = match &section.instances {
        Some(given) => {
            refuse_both(diags, section, given);
            let each = |(name, instance)| lower_instance(diags, &Parts { section, instance, name }, &named, hosts, balancer, check);
            given.iter().map(|(name, instance)| (name, instance)).map(each).collect()
        }
        None => lower_single(diags, section, &named, hosts, balancer, check).into_iter().collect(),
    };
    if let (None, Some(first)) = (balancer, first_place(section)) {
        let fault = Diagnostic::error("vip-without-balancer", "the virtual address leads to hosts without HAProxy");
        diags.push(fault.at(first, "nothing listens behind it").help("add a `haproxy` section"));
    }
    check_addresses(diags, &instances, hosts);
    let place = first_place(section).unwrap_or_default();
    let mut used: Vec<HostName> = named;
    for member in instances.iter().flat_map(|instance: &Instance| &instance.members) {
        if !used.contains(&member.host) {
            used.push(member.host.clone());
        }
    }
    if let Some(id) = &section.router_id {
        text::line(diags, &id.value, id.place, "`router_id`");
    }
    Keepalived {
        version: section.version.as_ref().and_then(|version| text::version(diags, version)),
        hosts: used,
        instances,
        check,
        mail: section.mail.as_ref().map(|mail| lower_mail(diags, mail)),
        router_id: section.router_id.as_ref().map(|id| id.value.clone()),
        global_extra: text::lines(diags, &section.extra.global, place),
        extra: text::lines(diags, &section.extra.end, place),
    }
}

fn first_place(section: &spec::Keepalived) -> Option<Place> {
    let vip = section.vip.iter().chain(section.vips.iter().flatten()).next().map(|vip| vip.place);
    vip.or_else(|| section.instances.iter().flat_map(Named::iter).next().map(|(name, _)| name.place))
}

/// Looks the hosts up, and refuses those that run no HAProxy.
fn members(
    diags: &mut Diagnostics,
    hosts: &Hosts,
    listed: &[At<HostName>],
    what: &str,
    balancer: Option<&Balancer>,
) -> Vec<HostName> {
    let found = lower_references(diags, hosts, listed, what);
    if let Some(balancer) = balancer {
        for name in listed.iter().filter(|name| found.contains(&name.value) && !balancer.hosts.contains(&name.value)) {
            let help = "add it to `haproxy.hosts`, or remove it here: the virtual address would lead to nothing";
            not_a_member(diags, name, "runs no HAProxy", help);
        }
    }
    found
}

/// Refuses what belongs to the one instance beside a list of several.
fn refuse_both(diags: &mut Diagnostics, section: &spec::Keepalived, instances: &Named<String, spec::Instance>) {
    let Some((first, _)) = instances.iter().next() else {
        diags.push(Diagnostic::error("empty-list", "`keepalived.instances` is empty").help("give an instance, or `vip` and `virtual_router_id`"));
        return;
    };
    let single = [
        ("vip", section.vip.as_ref().map(|vip| vip.place)),
        ("vips", section.vips.as_ref().and_then(|vips| vips.first()).map(|vip| vip.place)),
        ("virtual_router_id", section.virtual_router_id.map(|id| id.place)),
    ];
    for (field, place) in single {
        if let Some(place) = place {
            let help = "write it in one of the instances";
            text::conflict(diags, ("instances", first.place), (field, place), help);
        }
    }
}

/// One instance with what the section says for all of them.
struct Parts<'a> {
    section: &'a spec::Keepalived,
    instance: &'a spec::Instance,
    name: &'a At<String>,
}

fn lower_single(
    diags: &mut Diagnostics,
    section: &spec::Keepalived,
    named: &[HostName],
    hosts: &Hosts,
    balancer: Option<&Balancer>,
    check: TrackScript,
) -> Option<Instance> {
    let Some(virtual_router_id) = section.virtual_router_id else {
        let fault = Diagnostic::error("missing-field", "`keepalived` has no `virtual_router_id`");
        let fault = match first_place(section) {
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
    Some(lower_instance(diags, &Parts { section, instance: &instance, name: &name }, named, hosts, balancer, check))
}

fn lower_instance(
    diags: &mut Diagnostics,
    parts: &Parts<'_>,
    named: &[HostName],
    hosts: &Hosts,
    balancer: Option<&Balancer>,
    check: TrackScript,
) -> Instance {
    let Parts { section, instance, name } = parts;
    check_word(diags, name, name.place, "a VRRP instance");
    let id = instance.virtual_router_id;
    text::range(diags, id, &(1..=255), "`virtual_router_id`");
    let addresses = lower_vips(diags, instance, id.place);
    let version = lower_version(diags, instance.vrrp_version.or(section.vrrp_version), &addresses);
    let auth = instance.auth.as_ref().or(section.auth.as_ref());
    if let Some(auth) = auth.filter(|_| version != 2) {
        let fault = Diagnostic::error("vrrp-auth", format!("VRRP version {version} has no authentication"));
        diags.push(fault.at(auth.place, "Keepalived would ignore this").help("remove `auth`, or use version 2 with IPv4 addresses"));
    }
    let named = match &instance.hosts {
        Some(listed) => members(diags, hosts, listed, "the hosts of the instance", balancer),
        None => named.to_vec(),
    };
    let nopreempt = instance.nopreempt.or(section.nopreempt);
    let preempt_delay = instance.preempt_delay.or(section.preempt_delay);
    if let (Some(no), Some(delay)) = (nopreempt.filter(|no| no.value), preempt_delay) {
        text::conflict(diags, ("nopreempt", no.place), ("preempt_delay", delay.place), "a host that never takes the address back does not wait");
    }
    let extra = instance.extra.as_ref().unwrap_or(&section.extra.instance);
    Instance {
        name: name.value.clone(),
        virtual_router_id: id.map(|id| u8::try_from(id).unwrap_or(u8::MAX)),
        members: lower_members(diags, parts, &named, hosts, check),
        advert_int: text::number(diags, instance.advert_int.or(section.advert_int).as_ref(), 1, ("`advert_int`", 1..=if version == 2 { 255 } else { 40 })),
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
    parts: &Parts<'_>,
    named: &[HostName],
    hosts: &Hosts,
    check: TrackScript,
) -> Vec<Member> {
    let Parts { section, instance, name } = parts;
    let own = if instance.priorities.0.is_empty() { &section.priorities } else { &instance.priorities };
    for (host, priority) in own.iter() {
        text::range(diags, *priority, &(1..=254), "the priority");
        if super::hosts::known(diags, hosts, host.as_str(), host.place) && !named.contains(&host.value) {
            not_a_member(diags, host, "is not in this instance", "add it to `hosts`, or remove its priority");
        }
    }
    let step = priority_step(named.len(), check.weight);
    if own.0.is_empty() && named.len() > 1 && step == 0 {
        let message = format!("{} hosts do not fit between two weights of `{}`", named.len(), check.weight);
        let help = "the priorities of all hosts must differ by less than the weight: give `check.weight` a larger one, such as -100";
        text::refuse(diags, "out-of-range", name.place, message, help);
    }
    let mut rank = 0;
    let mut lowered = Vec::with_capacity(named.len());
    for host in named {
        let declared = &hosts[host];
        let interface = declared.interface.clone().or_else(|| section.interface.as_ref().map(|given| given.value.clone()));
        if interface.is_none() {
            let fault = Diagnostic::error("missing-interface", format!("Keepalived runs on `{host}`, whose interface is not known"));
            diags.push(fault.at(declared.name.place, "this host").help("add `interface: NAME` to the host, or to `keepalived` for all of them"));
        }
        let given = own.iter().find(|(name, _)| name.value == *host).map(|(_, priority)| *priority);
        let default = At { value: FIRST_PRIORITY.saturating_sub(rank * step).max(1), place: name.place };
        rank += 1;
        lowered.push(Member {
            host: host.clone(),
            address: declared.address.value,
            interface: interface.unwrap_or_default(),
            priority: given.unwrap_or(default).map(|priority| u8::try_from(priority).unwrap_or(u8::MAX)),
        });
    }
    lowered
}

/// Returns the step between two priorities, such that the first and the last host differ by less than what a failed
/// check takes away: otherwise the address stays with a host whose HAProxy is dead (FACTS 4.3).
fn priority_step(members: usize, weight: i16) -> u16 {
    let gaps = u16::try_from(members.saturating_sub(1)).unwrap_or(u16::MAX).max(1);
    match weight.unsigned_abs() {
        0 => PRIORITY_STEP.min((FIRST_PRIORITY - 1) / gaps),
        weight => PRIORITY_STEP.min((weight - 1) / gaps),
    }
}

fn check_addresses(diags: &mut Diagnostics, instances: &[Instance], hosts: &Hosts) {
    let mut seen: BTreeMap<IpAddr, (Place, String)> = BTreeMap::new();
    for host in hosts.values() {
        seen.insert(host.address.value, (host.address.place, format!("the address of `{}`", host.name.value)));
    }
    for instance in instances {
        for net in &instance.addresses {
            let what = "a virtual address".to_owned();
            if let Some((first, owner)) = seen.insert(net.addr(), (net.place, what)) {
                let message = format!("the virtual address `{}` is taken", net.addr());
                diags.push(
                    Diagnostic::error("duplicate-address", message)
                        .at(net.place, "given again here")
                        .at(first, owner)
                        .help("a virtual address belongs to no host and to one instance"),
                );
            }
            if let Some(member) = instance.members.iter().find(|member| is_other_family(member.address, net.addr())) {
                let place = hosts[&member.host].address.place;
                let fault = Diagnostic::error("address-family", format!("`{}` cannot announce `{}`", member.host, net.addr()));
                diags.push(fault.at(net.place, "the virtual address").at(place, "the host's address").help("both must be IPv4, or both IPv6"));
            }
        }
    }
    let mut routers: BTreeMap<(u8, &str), Place> = BTreeMap::new();
    for instance in instances {
        let id = instance.virtual_router_id;
        let interface = instance.members.first().map_or("", |member| member.interface.as_str());
        if let Some(first) = routers.insert((id.value, interface), id.place) {
            diags.push(
                Diagnostic::error("duplicate-virtual-router-id", format!("two instances have the `virtual_router_id` {}", id.value))
                    .at(id.place, "given again here")
                    .at(first, "first given here")
                    .help("give each instance on a network segment a number of its own"),
            );
        }
    }
}

fn is_other_family(host: IpAddr, vip: IpAddr) -> bool {
    host != text::NO_ADDRESS && host.is_ipv4() != vip.is_ipv4()
}

fn lower_track(diags: &mut Diagnostics, check: &spec::TrackScript) -> TrackScript {
    let weight = check.weight.map_or(-20, |weight| {
        text::range(diags, weight, &(-253..=0), "`weight`");
        weight.value
    });
    TrackScript {
        interval: text::number(diags, check.interval.as_ref(), 2, ("`interval`", 1..=3600)),
        timeout: text::number(diags, check.timeout.as_ref(), 3, ("`timeout`", 1..=3600)),
        fall: text::number(diags, check.fall.as_ref(), 2, ("`fall`", 1..=1000)),
        rise: text::number(diags, check.rise.as_ref(), 2, ("`rise`", 1..=1000)),
        weight,
    }
}

fn lower_mail(diags: &mut Diagnostics, mail: &spec::Mail) -> Mail {
    for address in mail.to.iter().chain([&mail.from]) {
        let parts = address.split_once('@');
        let plain = address.bytes().all(|b| b.is_ascii_graphic() && !b"\"'#!{}<>,;".contains(&b));
        if !plain || !parts.is_some_and(|(user, domain)| !user.is_empty() && !domain.is_empty()) {
            let message = format!("`{}` is not a mail address", address.value);
            text::refuse(diags, "invalid-value", address.place, message, "write an address such as `oncall@example.org`");
        }
    }
    let server = mail.server.rsplit_once(':').map_or(mail.server.as_str(), |(host, _)| host);
    let whole: Option<IpAddr> = mail.server.parse().ok();
    let port = mail.server.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
    let named = HostName::parse(server).is_ok() && port.is_none_or(|port| port.is_ok());
    if whole.is_none() && !named {
        let message = format!("`{}` is not a mail server", mail.server.value);
        text::refuse(diags, "invalid-value", mail.server.place, message, "write a name or an address, with `:PORT` where it is not 25");
    }
    Mail {
        to: mail.to.iter().map(|address| address.value.clone()).collect(),
        from: mail.from.value.clone(),
        server: mail.server.value.clone(),
        timeout: text::number(diags, mail.timeout.as_ref(), 30, ("the time-out of mail", 1..=3600)),
    }
}
