//! What virtual addresses and identifiers must not share within a cluster.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::hosts::Hosts;
use super::text;
use crate::diag::{Diagnostic, Diagnostics, Place};
use crate::model::Instance;

/// Refuses an address that a host or another instance has, one of another family, and a repeated identifier.
pub(super) fn check_addresses(diags: &mut Diagnostics, instances: &[Instance], hosts: &Hosts) {
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
                let fault =
                    Diagnostic::error("address-family", format!("`{}` cannot announce `{}`", member.host, net.addr()));
                diags.push(
                    fault
                        .at(net.place, "the virtual address")
                        .at(place, "the host's address")
                        .help("both must be IPv4, or both IPv6"),
                );
            }
        }
    }
    let mut routers: BTreeMap<(u8, &str), Place> = BTreeMap::new();
    for instance in instances {
        let id = instance.virtual_router_id;
        let interface = instance.members.first().map_or("", |member| member.interface.as_str());
        if let Some(first) = routers.insert((id.value, interface), id.place) {
            diags.push(
                Diagnostic::error(
                    "duplicate-virtual-router-id",
                    format!("two instances have the `virtual_router_id` {}", id.value),
                )
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
