//! Keepalived: priorities, addresses, check scripts, and who holds the virtual addresses.

use std::collections::{BTreeMap, BTreeSet};

use super::haproxy::add;
use super::pair::{Pair, list, text};
use super::secrets::changed_value;
use super::settings::{change, differing};
use super::words::{bare, quoted};
use super::{Class, Consequence, ServiceChange, SettingChange};
use crate::facts::platform;
use crate::name::HostName;
use crate::policy::text::Setting;
use crate::policy::text::keepalived::outline;
use crate::release::{Bundle, Piece};

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

/// Returns the settings of a text. To Keepalived the braces of a placeholder would be those of a block.
fn settings(text: &str) -> Vec<Setting> {
    let mut parts = text.split("%{secret:");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str("secret:");
        plain.push_str(&part.replacen('}', "", 1));
    }
    outline(&plain)
}

fn between(old: &str, new: &str) -> Vec<ServiceChange> {
    let differs = differing(&settings(old), &settings(new), |_| 1);
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
    /// The virtual addresses, without prefixes.
    addresses: Vec<String>,
    interface: String,
    nopreempt: bool,
    /// What peers must agree in: the router, the password, the interval.
    agreed: BTreeMap<String, String>,
}

/// Returns the instances of one host's keepalived.conf by name.
fn instances(bundle: &Bundle) -> BTreeMap<String, Instance> {
    let mut found: BTreeMap<String, Instance> = BTreeMap::new();
    let Some(artifact) = bundle.artifacts.get(platform::KEEPALIVED_CONF) else { return found };
    let mut version = "2".to_owned();
    for setting in settings(&text(artifact)) {
        let word = |index: usize| setting.words.get(index).map_or("", String::as_str);
        if setting.place == "global_defs" && word(0) == "vrrp_version" {
            word(1).clone_into(&mut version);
        }
        let Some(rest) = setting.place.strip_prefix("vrrp_instance ") else { continue };
        let (name, block) = rest.split_once(' ').unwrap_or((rest, ""));
        let instance =
            found.entry(name.to_owned()).or_insert_with(|| Instance { priority: 100, ..Instance::default() });
        match (block, word(0)) {
            ("", "priority") => instance.priority = word(1).parse().unwrap_or(100),
            ("", "nopreempt") => instance.nopreempt = true,
            ("", "interface") => word(1).clone_into(&mut instance.interface),
            ("virtual_ipaddress", address) if !address.is_empty() => {
                instance.addresses.push(address.split('/').next().unwrap_or(address).to_owned());
            }
            ("unicast_peer", peer) if !peer.is_empty() => {
                instance.agreed.insert("unicast_peer".to_owned(), String::new());
            }
            ("", "virtual_router_id" | "advert_int" | "version") | ("authentication", "auth_type" | "auth_pass") => {
                instance.agreed.insert(word(0).to_owned(), word(1).to_owned());
            }
            _ => {}
        }
    }
    for instance in found.values_mut() {
        instance.agreed.entry("version".to_owned()).or_insert_with(|| version.clone());
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

/// Returns who holds an instance's addresses while everything works: the only one of the highest priority. Of several, a backup
/// does not take an address from its equal, so that it stays where it came up first.
fn holder(members: &BTreeMap<HostName, Instance>) -> Option<(&HostName, &Instance)> {
    let highest = members.values().map(|one| one.priority).max()?;
    let mut first = members.iter().filter(|(_, one)| one.priority == highest);
    first.next().filter(|_| first.next().is_none())
}

/// The hosts that may hold one address, each with its instance's name.
type Members<'a> = BTreeMap<&'a HostName, (&'a str, &'a Instance)>;

/// Returns who may hold each address.
fn by_address(side: &Side) -> BTreeMap<&str, Members<'_>> {
    let mut found: BTreeMap<&str, Members<'_>> = BTreeMap::new();
    for (name, members) in side {
        for (host, instance) in members {
            for address in &instance.addresses {
                found.entry(address).or_default().insert(host, (name, instance));
            }
        }
    }
    found
}

/// Returns the hosts of the highest priority.
fn first<'a>(members: &Members<'a>) -> Vec<&'a HostName> {
    let highest = members.values().map(|(_, one)| one.priority).max();
    members.iter().filter(|(_, (_, one))| Some(one.priority) == highest).map(|(host, _)| *host).collect()
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
        let (addresses, one) = (list(&is.addresses), is.addresses.len() == 1);
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

/// Something that happens to virtual addresses: how bad it is, what goes before and after their names, which have one form for
/// one address and another for several, and on which hosts.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// They move to another host.
    Moves { from: String, to: String, why: Move, hosts: Vec<HostName> },
    /// Nobody is preferred any more.
    Stays { equals: Vec<HostName> },
    /// They come up on another interface.
    Interface { host: HostName, from: String, to: String, holds: bool },
    /// They belong to another instance.
    Instance { from: String, to: String, hosts: Vec<HostName> },
    /// Peers do not understand each other until all of them have read the new file.
    Differs { instance: String, keys: Vec<String>, hosts: Vec<HostName> },
    /// No host of the release has them.
    Gone { hosts: Vec<HostName> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Move {
    AtOnce,
    /// Of hosts with the same priority, nobody knows which one holds them.
    Perhaps,
    AfterStop,
    NoPreempt,
}

/// Says where virtual addresses move, and when two hosts may hold one.
pub(super) fn moves(pair: &Pair<'_>) -> Vec<Consequence> {
    let (old, new) = (side(&pair.old), side(&pair.new));
    let (before, after) = (by_address(&old), by_address(&new));
    let rotated = rotated(pair);
    let mut events: BTreeMap<Event, Vec<&str>> = BTreeMap::new();
    for (address, was) in &before {
        let found = match after.get(address) {
            Some(is) => happens(was, is, &rotated),
            // What a host that stays loses is a transition.
            None if was.keys().any(|host| pair.new.contains_key(*host)) => Vec::new(),
            None => vec![Event::Gone { hosts: was.keys().map(|host| (*host).clone()).collect() }],
        };
        for event in found {
            events.entry(event).or_default().push(address);
        }
    }
    let said = events.iter().map(|(event, addresses)| {
        let (text, hosts) = event.say(addresses);
        let hosts = hosts.iter().map(|host| pair.id(host)).collect();
        Consequence { class: Class::Reload, loses_data: false, text, hosts }
    });
    said.collect()
}

/// Returns the hosts whose keepalived.conf has a secret with another value: that is a password of its instances.
fn rotated(pair: &Pair<'_>) -> BTreeSet<HostName> {
    let has = |(_, old, new): &(&HostName, &Bundle, &Bundle)| {
        let config = new.artifacts.get(platform::KEEPALIVED_CONF);
        config.is_some_and(|artifact| {
            artifact.content.iter().any(|piece| match piece {
                Piece::Secret { name, .. } => changed_value(old, new, name),
                Piece::Text(_) => false,
            })
        })
    };
    pair.staying().filter(has).map(|(host, ..)| host.clone()).collect()
}

/// Returns what happens to one address that both sides have.
fn happens(was: &Members<'_>, is: &Members<'_>, rotated: &BTreeSet<HostName>) -> Vec<Event> {
    let mut found = Vec::new();
    let (from, to) = (first(was), first(is));
    let names = |hosts: &[&HostName]| list(&hosts.iter().map(|host| host.as_str()).collect::<Vec<_>>());
    let owned = |hosts: &[&HostName]| hosts.iter().map(|host| (*host).clone()).collect::<Vec<_>>();
    if let ([to], false) = (to.as_slice(), from == to) {
        let others: Vec<&HostName> = from.iter().copied().filter(|host| host != to).collect();
        let why = if !others.iter().any(|host| is.contains_key(host)) {
            Move::AfterStop
        } else if is[to].1.nopreempt {
            Move::NoPreempt
        } else if from.contains(to) {
            Move::Perhaps
        } else {
            Move::AtOnce
        };
        let hosts = owned(&[others.as_slice(), &[*to]].concat());
        found.push(Event::Moves { from: names(&others), to: to.to_string(), why, hosts });
    } else if to.len() > 1 && from != to {
        found.push(Event::Stays { equals: owned(&to) });
    }
    let both = was.keys().copied().filter(|host| is.contains_key(host));
    let mut differing: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut others: BTreeMap<(&str, &str), Vec<HostName>> = BTreeMap::new();
    for host in both {
        let ((old_name, old), (name, new)) = (was[host], is[host]);
        if old.interface != new.interface {
            let holds = from.contains(&host) && to.contains(&host);
            let (from, to) = (old.interface.clone(), new.interface.clone());
            found.push(Event::Interface { host: host.clone(), from, to, holds });
        }
        if old_name != name && old.agreed.get("virtual_router_id") != new.agreed.get("virtual_router_id") {
            others.entry((old_name, name)).or_default().push(host.clone());
            continue;
        }
        let keys = old.agreed.keys().chain(new.agreed.keys());
        let differs = keys.filter(|key| {
            let (before, after) = (old.agreed.get(*key), new.agreed.get(*key));
            before != after || (*key == "auth_pass" && rotated.contains(host))
        });
        differing.entry(name).or_default().extend(differs.cloned());
    }
    if is.len() > 1 {
        let events = others.into_iter().map(|((from, to), hosts)| {
            let (from, to) = (from.to_owned(), to.to_owned());
            Event::Instance { from, to, hosts }
        });
        found.extend(events);
        let hosts: Vec<HostName> = is.keys().map(|host| (*host).clone()).collect();
        let differing = differing.into_iter().filter(|(_, keys)| !keys.is_empty()).map(|(name, keys)| Event::Differs {
            instance: name.to_owned(),
            keys: keys.into_iter().collect(),
            hosts: hosts.clone(),
        });
        found.extend(differing);
    }
    found
}

impl Event {
    /// Returns the sentence and the hosts.
    fn say(&self, addresses: &[&str]) -> (String, Vec<HostName>) {
        let one = addresses.len() == 1;
        let many = |one_word: &'static str, more: &'static str| if one { one_word } else { more };
        let what = format!("the virtual {} {}", many("address", "addresses"), list(addresses));
        let them = many("it", "them");
        match self {
            Self::Moves { from, to, why, hosts } => {
                let verb = many("moves", "move");
                let text = match why {
                    Move::AfterStop => format!(
                        "{what} {verb} once, from {from} to {to}, when Keepalived is stopped on {from}: connections through {them} break"
                    ),
                    Move::NoPreempt => format!(
                        "{what} {} to {to} instead of {from}, and {} where {} until the holder fails (`nopreempt`)",
                        many("belongs", "belong"),
                        many("stays", "stay"),
                        many("it is", "they are")
                    ),
                    Move::Perhaps => {
                        format!("{what} {verb} to {to}, if {from} holds {them}: connections through {them} break")
                    }
                    Move::AtOnce => {
                        format!("{what} {verb} once, from {from} to {to}: connections through {them} break")
                    }
                };
                (text, hosts.clone())
            }
            Self::Stays { equals } => {
                let hosts = list(&equals.iter().map(HostName::as_str).collect::<Vec<_>>());
                let text = format!(
                    "{what} {} where {} while the host works: {hosts} have the same priority now, and none takes {them} from its equal",
                    many("stays", "stay"),
                    many("it is", "they are")
                );
                (text, equals.clone())
            }
            Self::Interface { host, from, to, holds: true } => {
                let text = format!(
                    "on {host}, {what} {} {from} and {} up on {to}: clients reach {them} by that network alone",
                    many("leaves", "leave"),
                    many("comes", "come")
                );
                (text, vec![host.clone()])
            }
            Self::Interface { host, from, to, holds: false } => {
                let text = format!(
                    "{host} listens on {to} instead of {from} for the holder of {what}: if it does not hear it there, both hold {them}"
                );
                (text, vec![host.clone()])
            }
            Self::Instance { from, to, hosts } => {
                let text = format!(
                    "{what} {} from instance {} to {}: until every host has reloaded, two may hold {them}",
                    many("goes", "go"),
                    quoted(from),
                    quoted(to)
                );
                (text, hosts.clone())
            }
            Self::Differs { instance, keys, hosts } => {
                let keys: Vec<&str> =
                    keys.iter().map(|key| if key == "auth_pass" { "password" } else { key.as_str() }).collect();
                let text = format!(
                    "until every host of {} has the new {}, the hosts do not understand each other, and two may hold {what}",
                    quoted(instance),
                    list(&keys)
                );
                (text, hosts.clone())
            }
            Self::Gone { hosts } => {
                let text = format!(
                    "no host of the release has {what} any more: {} up where Keepalived still runs, and clients reach nobody once it \
                     stops there",
                    many("it stays", "they stay")
                );
                (text, hosts.clone())
            }
        }
    }
}
