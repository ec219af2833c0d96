//! Keepalived: priorities, addresses, check scripts, and who holds the virtual addresses.

use std::collections::BTreeMap;

use super::haproxy::add;
use super::pair::{Pair, list, text};
use super::settings::{change, differing};
use super::words::{bare, quoted};
use super::{Class, Consequence, ServiceChange, SettingChange};
use crate::facts::platform;
use crate::name::HostName;
use crate::policy::text::keepalived::outline;
use crate::release::Bundle;

/// The name of the service in the document.
const SERVICE: &str = "keepalived";

/// Returns what changes for Keepalived.
pub(super) fn changes(pair: &Pair<'_>) -> Vec<ServiceChange> {
    let mut found: Vec<ServiceChange> = Vec::new();
    for (host, old, new) in pair.rewritten(platform::KEEPALIVED_CONF) {
        add(&mut found, &between(&old, &new), pair, host);
    }
    found
}

fn between(old: &str, new: &str) -> Vec<ServiceChange> {
    let differs = differing(&outline(old), &outline(new), |_| 1);
    differs
        .into_iter()
        .map(|one| {
            let place = one.place.trim().to_owned();
            let what = bare(&change(one.from.as_deref(), one.to.as_deref()));
            let text = match (one.key.as_str(), place.ends_with("virtual_ipaddress")) {
                ("", _) => format!("{} is {}", quoted(&place), if one.to.is_some() { "new" } else { "gone" }),
                (key, true) => {
                    let holder = quoted(place.trim_end_matches(" virtual_ipaddress"));
                    format!("virtual address {} of {holder} is {what}", bare(key))
                }
                (key, false) if place.is_empty() => format!("{}: {what}", bare(key)),
                (key, false) => format!("{}: {} {what}", quoted(&place), bare(key)),
            };
            let key = if one.key.is_empty() { String::new() } else { one.key };
            let setting = SettingChange { key, from: one.from, to: one.to };
            ServiceChange { service: SERVICE, class: Class::Reload, place, setting, text, hosts: Vec::new() }
        })
        .collect()
}

/// A VRRP instance of one host.
#[derive(Debug, Clone, Default)]
struct Instance {
    priority: u64,
    addresses: Vec<String>,
    nopreempt: bool,
    /// What peers must agree in: the router, the password, the interval.
    agreed: BTreeMap<String, String>,
}

/// Returns the instances of one host's keepalived.conf by name.
fn instances(bundle: &Bundle) -> BTreeMap<String, Instance> {
    let mut found: BTreeMap<String, Instance> = BTreeMap::new();
    let Some(artifact) = bundle.artifacts.get(platform::KEEPALIVED_CONF) else { return found };
    for setting in outline(&text(artifact)) {
        let Some(rest) = setting.place.strip_prefix("vrrp_instance ") else { continue };
        let (name, block) = rest.split_once(' ').unwrap_or((rest, ""));
        let instance =
            found.entry(name.to_owned()).or_insert_with(|| Instance { priority: 100, ..Instance::default() });
        let word = |index: usize| setting.words.get(index).map_or("", String::as_str);
        match (block, word(0)) {
            ("", "priority") => instance.priority = word(1).parse().unwrap_or(100),
            ("", "nopreempt") => instance.nopreempt = true,
            ("virtual_ipaddress", address) if !address.is_empty() => instance.addresses.push(address.to_owned()),
            ("", "virtual_router_id" | "advert_int" | "version") | ("authentication", "auth_type" | "auth_pass") => {
                instance.agreed.insert(word(0).to_owned(), word(1).to_owned());
            }
            _ => {}
        }
    }
    found
}

/// One side: the instances by name, each with its hosts.
type Side = BTreeMap<String, BTreeMap<HostName, Instance>>;

fn side(bundles: &BTreeMap<&HostName, &Bundle>) -> Side {
    let mut side = Side::new();
    for (host, bundle) in bundles {
        for (name, instance) in instances(bundle) {
            side.entry(name).or_default().insert((*host).clone(), instance);
        }
    }
    side
}

/// Returns who holds an instance's addresses while everything works: the highest priority.
fn holder(members: &BTreeMap<HostName, Instance>) -> Option<(&HostName, &Instance)> {
    members.iter().max_by(|(a_host, a), (b_host, b)| a.priority.cmp(&b.priority).then_with(|| b_host.cmp(a_host)))
}

/// Says of instances whether their addresses go back to the first host from now on, or no longer do.
pub(super) fn preemption(pair: &Pair<'_>) -> Vec<Consequence> {
    let (old, new) = (side(&pair.old), side(&pair.new));
    let mut found = Vec::new();
    for (name, before) in &old {
        let Some(after) = new.get(name) else { continue };
        let (Some((_, was)), Some((first, is))) = (holder(before), holder(after)) else { continue };
        if was.nopreempt == is.nopreempt || is.addresses.is_empty() {
            continue;
        }
        let addresses: Vec<&str> =
            is.addresses.iter().map(|address| address.split('/').next().unwrap_or(address)).collect();
        let (addresses, one) = (list(&addresses), addresses.len() == 1);
        let text = if is.nopreempt {
            let verb = if one { "stays" } else { "stay" };
            format!(
                "{addresses} {verb} where {first} finds it when it comes back, until the holder fails (`nopreempt`)"
            )
        } else {
            let verb = if one { "goes" } else { "go" };
            format!(
                "{addresses} {verb} back to {first} whenever it works: from another holder at once, and connections through it break"
            )
        };
        let hosts = after.keys().map(|host| pair.id(host)).collect();
        found.push(Consequence { class: Class::Reload, loses_data: false, text, hosts });
    }
    found
}

/// Says where virtual addresses move, and when two hosts may hold one.
pub(super) fn moves(pair: &Pair<'_>) -> Vec<Consequence> {
    let (old, new) = (side(&pair.old), side(&pair.new));
    let mut found = Vec::new();
    for (name, before) in &old {
        let Some(after) = new.get(name) else { continue };
        let (Some((from, was)), Some((to, is))) = (holder(before), holder(after)) else { continue };
        if was.addresses != is.addresses {
            continue;
        }
        let addresses: Vec<&str> =
            is.addresses.iter().map(|address| address.split('/').next().unwrap_or(address)).collect();
        let what = if addresses.len() == 1 { "address" } else { "addresses" };
        let (addresses, verb) = (list(&addresses), if addresses.len() == 1 { "moves" } else { "move" });
        if from != to {
            let text = if !after.contains_key(from) {
                format!(
                    "the virtual {what} {addresses} {verb} once, from {from} to {to}, when Keepalived is stopped on {from}: connections through it break"
                )
            } else if is.nopreempt {
                format!(
                    "the virtual {what} {addresses} belongs to {to} instead of {from}, and stays where it is until its holder fails (`nopreempt`)"
                )
            } else {
                format!("the virtual {what} {addresses} {verb} once, from {from} to {to}: connections through it break")
            };
            let hosts = vec![pair.id(from), pair.id(to)];
            found.push(Consequence { class: Class::Reload, loses_data: false, text, hosts });
        }
        let differs: Vec<&str> = was
            .agreed
            .keys()
            .chain(is.agreed.keys().filter(|key| !was.agreed.contains_key(*key)))
            .filter(|key| was.agreed.get(*key) != is.agreed.get(*key))
            .map(String::as_str)
            .collect();
        if !differs.is_empty() && after.len() > 1 {
            let text = format!(
                "until every host of {} has the new {}, the hosts do not understand each other, and two may hold the virtual {what} {addresses}",
                quoted(name),
                list(&differs)
            );
            let hosts = after.keys().map(|host| pair.id(host)).collect();
            found.push(Consequence { class: Class::Reload, loses_data: false, text, hosts });
        }
    }
    found
}
