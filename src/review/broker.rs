//! What RabbitMQ's own files do to those who connect: ports, plugins that carry clients, keys that shut them out, and the
//! kernel's settings.

use std::collections::{BTreeMap, BTreeSet};

use super::pair::{Pair, list, text};
use super::settings::change;
use super::transition::held;
use super::words::{bare, quoted};
use super::{Class, Consequence, HostId, ServiceChange};
use crate::facts::version::Version;
use crate::facts::{config_effects, config_keys, platform, plugins};
use crate::name::HostName;
use crate::policy::text::haproxy::outline;
use crate::release::Bundle;

/// Plugins by which clients connect, and what these speak.
const CARRIERS: [(&str, &str); 6] = [
    ("rabbitmq_amqp1_0", "AMQP 1.0"),
    ("rabbitmq_mqtt", "MQTT"),
    ("rabbitmq_stomp", "STOMP"),
    ("rabbitmq_stream", "the stream protocol"),
    ("rabbitmq_web_mqtt", "MQTT over WebSocket"),
    ("rabbitmq_web_stomp", "STOMP over WebSocket"),
];

/// What stops with other plugins.
const STOPS: [(&str, &str); 5] = [
    ("rabbitmq_federation", "federation takes no more messages from other clusters"),
    ("rabbitmq_management", "the management interface and its API close"),
    ("rabbitmq_prometheus", "the metrics are no longer served"),
    ("rabbitmq_shovel", "shovels move no more messages"),
    ("rabbitmq_tracing", "traces end"),
];

/// Keys of rabbitmq.conf by which clients are let in or not.
const DOORS: [&str; 5] = ["listeners.", "ssl_options.", "auth_backends.", "auth_mechanisms.", "loopback_users"];

fn say(class: Class, text: String, hosts: Vec<HostId>) -> Consequence {
    Consequence { class, loses_data: false, text, hosts }
}

/// Returns what happens to those who connect to RabbitMQ.
pub(super) fn consequences(pair: &Pair<'_>, services: &[ServiceChange]) -> Vec<Consequence> {
    let mut found = Vec::new();
    let moved = ports(pair, &mut found);
    doors(pair, services, moved, &mut found);
    switched(pair, services, &mut found);
    found
}

/// Says what a change of the nodes' ports does, for them and for HAProxy, which follows at once. Returns whether AMQP's changes.
fn ports(pair: &Pair<'_>, found: &mut Vec<Consequence>) -> bool {
    let (Some(old), Some(new)) = pair.brokers() else { return false };
    let files = pair.rewritten(platform::HAPROXY_CFG);
    let follows = |from: u16, to: u16, reads: fn(&str) -> BTreeSet<u16>| -> Vec<HostId> {
        let hosts = files.iter().filter(|(_, old, new)| reads(old).contains(&from) && reads(new).contains(&to));
        hosts.map(|(host, ..)| pair.id(host)).collect()
    };
    let (from, to) = (old.amqp_port, new.amqp_port);
    if from != to {
        let hosts = follows(from, to, |text| server_ports(text).0);
        let text = if hosts.is_empty() {
            format!(
                "RabbitMQ listens on {to} instead of {from} after its restart: who connects to the old port is refused"
            )
        } else {
            format!(
                "HAProxy looks for the nodes on {to} as soon as it reloads, and each listens there only after its restart: until the \
                 first one has restarted, no new connection works"
            )
        };
        found.push(say(Class::Rolling, text, hosts));
    }
    match (old.management_port, new.management_port) {
        (Some(from), Some(to)) if from != to => {
            let hosts = follows(from, to, |text| server_ports(text).1);
            if !hosts.is_empty() {
                let text = format!(
                    "HAProxy's checks ask the nodes on {to} as soon as it reloads, and each answers there only after its restart: until \
                     the first one has restarted, no new connection works"
                );
                found.push(say(Class::Rolling, text, hosts));
            }
        }
        (Some(from), None) => {
            let asked = pair.old.iter().filter_map(|(host, bundle)| Some((*host, config(bundle)?)));
            let asked: Vec<(&HostName, String)> =
                asked.filter(|(_, text)| server_ports(text).1.contains(&from)).collect();
            if !asked.is_empty() {
                let cuts = asked.iter().any(|(_, text)| text.contains("on-marked-down shutdown-sessions"));
                let cuts = if cuts { " and cuts its connections" } else { "" };
                let text = format!(
                    "HAProxy checks the nodes by their management API, which closes on each as soon as its host converges: a HAProxy \
                     that has not reloaded by then takes the node for dead{cuts}"
                );
                found.push(say(Class::Reload, text, asked.iter().map(|(host, _)| pair.id(host)).collect()));
            }
        }
        _ => {}
    }
    from != to
}

fn config(bundle: &Bundle) -> Option<String> {
    bundle.artifacts.get(platform::HAPROXY_CFG).map(text)
}

/// Returns the ports to which a haproxy.cfg sends connections, and those that it checks instead.
fn server_ports(text: &str) -> (BTreeSet<u16>, BTreeSet<u16>) {
    let (mut serves, mut checks) = (BTreeSet::new(), BTreeSet::new());
    for setting in outline(text).iter().filter(|setting| setting.words.first().is_some_and(|word| word == "server")) {
        let port: Option<u16> = setting.words.get(2).and_then(|address| address.rsplit_once(':')?.1.parse().ok());
        serves.extend(port);
        let check = setting.words.iter().position(|word| word == "port").and_then(|at| setting.words.get(at + 1));
        checks.extend(check.and_then(|port| port.parse::<u16>().ok()));
    }
    (serves, checks)
}

/// Says which keys of rabbitmq.conf shut clients out once the nodes have restarted.
fn doors(pair: &Pair<'_>, services: &[ServiceChange], moved: bool, found: &mut Vec<Consequence>) {
    let version: Option<Version> = pair.brokers().1.and_then(|broker| broker.version.parse().ok());
    for one in services.iter().filter(|one| one.place == "rabbitmq.conf") {
        let key = &one.setting.key;
        let idle = version.and_then(|version| config_keys::note(key, version));
        let idle = idle.is_some_and(|note| note.effect == config_keys::Effect::Nothing);
        if idle || !DOORS.iter().any(|door| key.starts_with(door)) || (moved && key.starts_with("listeners.tcp")) {
            continue;
        }
        let what = change(one.setting.from.as_deref(), one.setting.to.as_deref());
        let meaning = config_effects::find(key).map(|effect| format!(" ({})", effect.meaning)).unwrap_or_default();
        let text = format!(
            "{} {}{meaning}: after its restart a node may refuse clients that it takes now",
            quoted(key),
            bare(&what)
        );
        found.push(say(Class::Rolling, text, one.hosts.clone()));
    }
}

/// Says what plugins that are switched take away.
fn switched(pair: &Pair<'_>, services: &[ServiceChange], found: &mut Vec<Consequence>) {
    let (Some(_), Some(new)) = pair.brokers() else { return };
    let is_four = new.version.parse::<Version>().is_ok_and(|version| version.major >= 4);
    let stays = |plugin: &str| plugins::is_on(plugin, new.plugins.iter().map(String::as_str));
    let (mut on, mut off): (Named<'_>, Named<'_>) = (Named::default(), Named::default());
    for one in services.iter().filter(|one| one.place == "enabled_plugins") {
        let which = if one.setting.to.is_some() { &mut on } else { &mut off };
        which.add(one);
    }
    let went = |plugin: &str| off.names.iter().any(|name| plugins::is_on(plugin, [*name])) && !stays(plugin);
    let cut: Vec<&str> = CARRIERS.iter().filter(|(plugin, _)| went(plugin)).map(|(_, what)| *what).collect();
    let cut: Vec<&str> = cut.into_iter().filter(|what| !(is_four && *what == "AMQP 1.0")).collect();
    if !cut.is_empty() {
        let text = format!(
            "clients of {} are cut off, and refused from then on: {}",
            list(&cut),
            named(&off.names, "is switched off", "are switched off")
        );
        found.push(say(Class::Reload, text, off.hosts.clone()));
    }
    if went("rabbitmq_delayed_message_exchange") {
        let text = "messages that wait in `x-delayed-message` exchanges are not delivered, and may be lost: \
                    rabbitmq_delayed_message_exchange is switched off"
            .to_owned();
        found.push(Consequence { loses_data: true, ..say(Class::Live, text, off.hosts.clone()) });
    }
    let mut ends: Vec<String> =
        STOPS.iter().filter(|(plugin, _)| went(plugin)).map(|(_, what)| (*what).to_owned()).collect();
    let backends = off.names.iter().filter(|name| name.starts_with("rabbitmq_auth_") && !stays(name));
    ends.extend(backends.map(|name| format!("nobody logs in through {name}")));
    let exchanges = off.names.iter().filter(|name| name.ends_with("_exchange") && !stays(name));
    let exchanges = exchanges.filter(|name| **name != "rabbitmq_delayed_message_exchange");
    ends.extend(exchanges.map(|name| format!("exchanges of {name}'s type route nothing")));
    if !off.names.is_empty() {
        let what = if ends.is_empty() { String::new() } else { format!(": {}", list(&ends)) };
        let text = format!("{} while RabbitMQ runs{what}", named(&off.names, "is switched off", "are switched off"));
        found.push(say(Class::Live, text, off.hosts));
    }
    if !on.names.is_empty() {
        let text = format!("{} while RabbitMQ runs", named(&on.names, "is switched on", "are switched on"));
        found.push(say(Class::Live, text, on.hosts));
    }
}

/// Plugins, and the hosts on which they are switched.
#[derive(Default)]
struct Named<'a> {
    names: Vec<&'a str>,
    hosts: Vec<HostId>,
}

impl<'a> Named<'a> {
    fn add(&mut self, one: &'a ServiceChange) {
        self.names.push(&one.setting.key);
        self.hosts.extend(one.hosts.iter().cloned());
        self.hosts.sort();
        self.hosts.dedup();
    }
}

fn named(names: &[&str], one: &str, many: &str) -> String {
    format!("{} {}", bare(&list(names)), if names.len() == 1 { one } else { many })
}

/// Returns what becomes of the kernel's settings: those that go stay as they are until the next boot.
pub(super) fn kernel(pair: &Pair<'_>) -> Vec<Consequence> {
    let mut loaded = Vec::new();
    let mut gone: BTreeMap<Vec<(String, String)>, Vec<HostId>> = BTreeMap::new();
    let mut unbound = Vec::new();
    for (host, old, new) in pair.staying() {
        let of = |bundle: &Bundle| -> BTreeMap<String, String> {
            let text = bundle.artifacts.get(platform::SYSCTL).map(text).unwrap_or_default();
            let lines = super::files::said(&text).filter_map(|line| line.split_once('='));
            lines.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())).collect()
        };
        let (before, after) = (of(old), of(new));
        if after.iter().any(|(key, value)| before.get(key) != Some(value)) {
            loaded.push(pair.id(host));
        }
        let left: Vec<_> = before.into_iter().filter(|(key, _)| !after.contains_key(key)).collect();
        let nonlocal = left.iter().any(|(key, _)| key.ends_with(".ip_nonlocal_bind"));
        let listens = |text: &str| held([old]).iter().any(|address| text.contains(address.as_str()));
        if nonlocal && config(new).is_some_and(|text| listens(&text)) {
            unbound.push(pair.id(host));
        }
        if !left.is_empty() {
            gone.entry(left).or_default().push(pair.id(host));
        }
    }
    let mut found = Vec::new();
    if !unbound.is_empty() {
        let text = "after the next boot, HAProxy does not start while it listens on an address that is not up there"
            .to_owned();
        found.push(say(Class::Live, text, unbound));
    }
    for (keys, hosts) in gone {
        let shown: Vec<String> = keys.iter().map(|(key, value)| format!("{} {}", quoted(key), bare(value))).collect();
        let (stay, then) = if shown.len() == 1 { ("stays", "has") } else { ("stay", "have") };
        let text = format!(
            "the kernel's {} {stay} until the next boot, and then {then} what another file says, or the kernel itself",
            list(&shown)
        );
        found.push(say(Class::Live, text, hosts));
    }
    if !loaded.is_empty() {
        found.push(say(Class::Live, "the kernel's settings are loaded".to_owned(), loaded));
    }
    found
}
