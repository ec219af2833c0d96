//! The hosts, and references to them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use indexmap::IndexMap;

use super::{keys, text};
use crate::diag::{At, Diagnostic, Diagnostics, Place, excerpt, nearest};
use crate::model::Host;
use crate::name::HostName;
use crate::spec;

/// The hosts of a cluster by name, in the order of the spec.
pub(super) type Hosts = IndexMap<HostName, Host>;

/// Resolves the hosts, and refuses an address or a name that two of them have.
pub(super) fn lower_hosts(diags: &mut Diagnostics, spec: &spec::Cluster) -> Hosts {
    let mut hosts = Hosts::new();
    for (name, host) in spec.hosts.iter() {
        let address = At { value: text::host_address(diags, &host.address), place: host.address.place };
        if let Some(interface) = &host.interface {
            check_interface(diags, interface);
        }
        let lowered = Host {
            name: name.clone(),
            address,
            interface: host.interface.as_ref().map(|interface| interface.value.clone()),
            aliases: host.aliases.iter().map(|alias| alias.value.clone()).collect(),
            ssh_host_key: host.ssh_host_key.as_ref().and_then(|key| keys::lower_host_key(diags, key, &host.address)),
        };
        hosts.insert(name.value.clone(), lowered);
    }
    for name in spec.lost.iter().flat_map(|lost| &lost.hosts) {
        hosts.entry(name.clone()).or_insert_with(|| stand_in(name));
    }
    duplicate_addresses(diags, &hosts);
    duplicate_names(diags, spec);
    hosts
}

/// Stands for a host whose faults are reported already, so that it can be named; nothing of it counts as missing.
fn stand_in(name: &HostName) -> Host {
    let address = At { value: text::NO_ADDRESS, place: Place::default() };
    let name = At { value: name.clone(), place: Place::default() };
    Host { name, address, interface: Some(String::new()), aliases: Vec::new(), ssh_host_key: None }
}

fn duplicate_addresses(diags: &mut Diagnostics, hosts: &Hosts) {
    let mut seen: BTreeMap<IpAddr, &Host> = BTreeMap::new();
    for host in hosts.values().filter(|host| host.address.value != text::NO_ADDRESS) {
        if let Some(first) = seen.get(&host.address.value) {
            let message = format!(
                "`{}` and `{}` have the same address `{}`",
                first.name.value, host.name.value, host.address.value
            );
            diags.push(
                Diagnostic::error("duplicate-address", message)
                    .at(host.address.place, "given again here")
                    .at(first.address.place, "first given here")
                    .help("each host has an address of its own"),
            );
        } else {
            seen.insert(host.address.value, host);
        }
    }
}

/// Refuses a name that means two hosts, as names are compared by resolvers: without regard to case.
fn duplicate_names(diags: &mut Diagnostics, spec: &spec::Cluster) {
    let mut seen: BTreeMap<String, Place> = BTreeMap::new();
    let names = spec.hosts.iter().map(|(name, _)| name);
    let aliases = spec.hosts.iter().flat_map(|(_, host)| &host.aliases);
    for name in names.chain(aliases) {
        if let Some(first) = seen.insert(name.as_str().to_ascii_lowercase(), name.place) {
            diags.push(
                Diagnostic::error("duplicate-host", format!("`{}` names two hosts, or one host twice", name.value))
                    .at(name.place, "given again here")
                    .at(first, "first given here")
                    .help("each name stands for one host, whatever its case"),
            );
        }
    }
}

/// Checks the name of a network interface, as Linux limits it.
pub(super) fn check_interface(diags: &mut Diagnostics, name: &At<String>) {
    let plain = |b: u8| b.is_ascii_graphic() && !b"/:\"'#!{}".contains(&b);
    if name.is_empty() || name.len() > 15 || !name.bytes().all(plain) || matches!(name.as_str(), "." | "..") {
        let message = format!("`{}` is not the name of a network interface", excerpt(&name.value));
        let help = "`ip -brief address` on the host lists them, such as `enp4s0f0`; a name has at most 15 characters";
        text::refuse(diags, "invalid-value", name.place, message, help);
    }
}

/// Looks up each named host, and refuses unknown and repeated ones. `what` is what the list holds.
pub(super) fn lower_references(
    diags: &mut Diagnostics,
    hosts: &Hosts,
    names: &[At<HostName>],
    what: &str,
) -> Vec<HostName> {
    let mut seen: BTreeMap<&HostName, Place> = BTreeMap::new();
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        if let Some(first) = seen.insert(&name.value, name.place) {
            diags.push(
                Diagnostic::error("duplicate-host", format!("`{}` stands twice in {what}", name.value))
                    .at(name.place, "given again here")
                    .at(first, "first given here")
                    .help("remove one of the two"),
            );
        } else if known(diags, hosts, name.value.as_str(), name.place) {
            found.push(name.value.clone());
        }
    }
    found
}

/// Tells whether a host is declared, and reports it if not.
pub(super) fn known(diags: &mut Diagnostics, hosts: &Hosts, name: &str, place: Place) -> bool {
    let known = hosts.contains_key(name);
    if !known {
        let help = match nearest(name, hosts.keys().map(HostName::as_str)) {
            Some(nearest) => format!("did you mean `{nearest}`? Otherwise declare `{name}` under `hosts`"),
            None => format!("declare `{name}` under `hosts`"),
        };
        diags.push(
            Diagnostic::error("unknown-host", format!("there is no host `{name}`")).at(place, "named here").help(help),
        );
    }
    known
}
