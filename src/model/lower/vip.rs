//! Keepalived: what holds for all of its instances.

use std::net::IpAddr;

use super::balancer::not_a_member;
use super::hosts::{Hosts, check_interface, lower_references};
use super::instance::{Shared, lower_instance, lower_single};
use super::text;
use super::vip_address::check_addresses;
use crate::diag::{At, Diagnostic, Diagnostics, Place, excerpt};
use crate::model::{Balancer, Instance, Keepalived, Mail, TrackScript};
use crate::name::HostName;
use crate::spec::{self, Named};

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
    let shared = Shared { section, hosts, balancer, named: &named, check };
    let instances: Vec<Instance> = match &section.instances {
        Some(given) => {
            refuse_both(diags, section, given);
            given.iter().map(|(name, instance)| lower_instance(diags, &shared, name, instance)).collect()
        }
        None => lower_single(diags, &shared, first_place(section)).into_iter().collect(),
    };
    if let (None, Some(first)) = (balancer, first_place(section)) {
        let fault = Diagnostic::error("vip-without-balancer", "the virtual address leads to hosts without HAProxy");
        diags.push(fault.at(first, "nothing listens behind it").help("add a `haproxy` section"));
    }
    check_addresses(diags, &instances, hosts);
    let place = first_place(section).unwrap_or_default();
    let mut used = named.clone();
    for member in instances.iter().flat_map(|instance| &instance.members) {
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
pub(super) fn members(
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
        diags.push(
            Diagnostic::error("empty-list", "`keepalived.instances` is empty")
                .help("give an instance, or `vip` and `virtual_router_id`"),
        );
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
            let message = format!("`{}` is not a mail address", excerpt(&address.value));
            text::refuse(
                diags,
                "invalid-value",
                address.place,
                message,
                "write an address such as `oncall@example.org`",
            );
        }
    }
    let server = mail.server.rsplit_once(':').map_or(mail.server.as_str(), |(host, _)| host);
    let whole: Option<IpAddr> = mail.server.parse().ok();
    let port = mail.server.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
    let named = HostName::parse(server).is_ok() && port.is_none_or(|port| port.is_ok());
    if whole.is_none() && !named {
        let message = format!("`{}` is not a mail server", excerpt(&mail.server.value));
        text::refuse(
            diags,
            "invalid-value",
            mail.server.place,
            message,
            "write a name or an address, with `:PORT` where it is not 25",
        );
    }
    Mail {
        to: mail.to.iter().map(|address| address.value.clone()).collect(),
        from: mail.from.value.clone(),
        server: mail.server.value.clone(),
        timeout: text::number(diags, mail.timeout.as_ref(), 30, ("the time-out of mail", 1..=3600)),
    }
}
