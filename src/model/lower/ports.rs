//! Finds two programs that would listen on the same port of one host.

use std::net::{IpAddr, Ipv4Addr};

use super::text::parse_bind;
use crate::diag::{At, Diagnostic, Diagnostics, Place};
use crate::model::{Bind, Broker, Cluster, ConfigValue};
use crate::name::HostName;

/// Plugins that listen, their default ports, and the keys that move them.
const PLUGINS: [(&str, u16, &[&str]); 6] = [
    ("rabbitmq_prometheus", 15692, &["prometheus.tcp.port"]),
    ("rabbitmq_stomp", 61613, &["stomp.listeners.tcp"]),
    ("rabbitmq_mqtt", 1883, &["mqtt.listeners.tcp"]),
    ("rabbitmq_stream", 5552, &["stream.listeners.tcp"]),
    ("rabbitmq_web_stomp", 15674, &["web_stomp.tcp.port", "web_stomp.listeners.tcp"]),
    ("rabbitmq_web_mqtt", 15675, &["web_mqtt.tcp.port", "web_mqtt.listeners.tcp"]),
];

/// One program that listens on some hosts.
struct Listener<'a> {
    hosts: Vec<&'a HostName>,
    bind: Bind,
    what: &'static str,
    place: Place,
}

/// Reports each pair of programs that cannot both listen.
pub(super) fn check_ports(diags: &mut Diagnostics, cluster: &Cluster) {
    let mut listeners = broker_listeners(cluster);
    listeners.extend(balancer_listeners(cluster));
    for (i, second) in listeners.iter().enumerate() {
        for first in &listeners[..i] {
            if !overlap(&first.bind, &second.bind) {
                continue;
            }
            let Some(host) = second.hosts.iter().find(|host| first.hosts.contains(host)) else { continue };
            let message =
                format!("{} and {} both listen on port {} of `{host}`", first.what, second.what, second.bind.port);
            diags.push(
                Diagnostic::error("port-clash", message)
                    .at(second.place, format!("{} listens here", second.what))
                    .at(first.place, format!("{} listens here", first.what))
                    .help("give one of the two another port, or addresses of their own"),
            );
        }
    }
    check_binds(diags, cluster);
}

/// Two sockets clash on one port when one of them takes every address, or both the same.
fn overlap(a: &Bind, b: &Bind) -> bool {
    let same = match (a.address, b.address) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    };
    a.port == b.port && same
}

fn broker_listeners(cluster: &Cluster) -> Vec<Listener<'_>> {
    let broker = &cluster.broker;
    let hosts: Vec<&HostName> = broker.nodes.iter().map(|node| &node.host).collect();
    let Some(nodes) = broker.nodes.first().map(|node| node.place) else { return Vec::new() };
    let on = |bind: Bind, what, place| Listener { hosts: hosts.clone(), bind, what, place };
    let every = |port| Bind { address: None, port };
    let mut listeners = vec![
        on(every(4369), "epmd", nodes),
        on(every(broker.dist_port.value), "Erlang distribution", broker.dist_port.place),
    ];
    if off(broker, "listeners.tcp") {
        // TLS alone.
    } else if let Some(binds) = settings(broker, "listeners.tcp") {
        listeners.extend(binds.map(|bind| on(bind.value, "RabbitMQ's AMQP listener", bind.place)));
    } else {
        listeners.push(on(every(broker.port.value), "RabbitMQ's AMQP listener", broker.port.place));
    }
    for bind in settings(broker, "listeners.ssl").into_iter().flatten() {
        listeners.push(on(bind.value, "RabbitMQ's AMQPS listener", bind.place));
    }
    if broker.has_plugin("rabbitmq_management") {
        let address = match broker.config.get("management.tcp.ip").map(|setting| &setting.value) {
            Some(ConfigValue::Text(ip)) => ip.parse().ok().filter(|ip: &IpAddr| !ip.is_unspecified()),
            _ => None,
        };
        let bind = Bind { address, port: broker.management_port.value };
        listeners.push(on(bind, "RabbitMQ's management page", broker.management_port.place));
    }
    for (plugin, port, keys) in PLUGINS {
        let Some(place) = broker.plugins.iter().find(|enabled| enabled.value == plugin).map(|enabled| enabled.place)
        else {
            continue;
        };
        if let Some(key) = keys.iter().find(|key| broker.config.keys().any(|given| given.starts_with(**key))) {
            let moved = settings(broker, key).into_iter().flatten();
            listeners.extend(moved.map(|bind| on(bind.value, "a plugin of RabbitMQ", bind.place)));
        } else {
            listeners.push(on(every(port), "a plugin of RabbitMQ", place));
        }
    }
    listeners
}

/// Tells whether a kind of listener is switched off.
fn off(broker: &Broker, key: &str) -> bool {
    broker.config.get(key).is_some_and(|setting| setting.value == ConfigValue::Text("none".to_owned()))
}

/// Returns the addresses of a key and of those below it, or nothing where the configuration has none.
fn settings<'a>(broker: &'a Broker, prefix: &str) -> Option<impl Iterator<Item = At<Bind>> + use<'a>> {
    let below = format!("{prefix}.");
    let prefix = prefix.to_owned();
    let mut found = broker
        .config
        .iter()
        .filter(move |(key, _)| **key == prefix || key.starts_with(&below))
        .filter_map(|(_, setting)| {
            let bind = match &setting.value {
                ConfigValue::Int(port) => Some(Bind { address: None, port: u16::try_from(*port).ok()? }),
                ConfigValue::Text(text) => {
                    parse_bind(text).or_else(|| Some(Bind { address: None, port: text.parse().ok()? }))
                }
                _ => None,
            };
            Some(At { value: bind?, place: setting.place })
        })
        .peekable();
    found.peek()?;
    Some(found)
}

fn balancer_listeners(cluster: &Cluster) -> Vec<Listener<'_>> {
    let Some(balancer) = &cluster.balancer else { return Vec::new() };
    let hosts: Vec<&HostName> = balancer.hosts.iter().collect();
    let fallback = cluster.hosts.values().next().map_or_else(Place::default, |host| host.name.place);
    let on = |bind: &At<Bind>, what| {
        let place = if bind.place == Place::default() { fallback } else { bind.place };
        Listener { hosts: hosts.clone(), bind: bind.value.clone(), what, place }
    };
    let health = balancer.health_port.map(|port| Bind { address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)), port });
    let mut listeners = vec![on(&balancer.amqp.bind, "HAProxy's AMQP front"), on(&health, "HAProxy's health page")];
    if let Some(management) = &balancer.management {
        listeners.push(on(&management.bind, "HAProxy's management front"));
    }
    if let Some(stats) = &balancer.stats {
        listeners.push(on(&stats.bind, "HAProxy's statistics page"));
    }
    listeners
}

/// Refuses a front that is bound to the address of one host while others shall listen there too.
fn check_binds(diags: &mut Diagnostics, cluster: &Cluster) {
    let Some(balancer) = &cluster.balancer else { return };
    let fronts = [Some(&balancer.amqp.bind), balancer.management.as_ref().map(|front| &front.bind)];
    let binds = fronts.into_iter().flatten().chain(balancer.stats.as_ref().map(|stats| &stats.bind));
    for bind in binds {
        let Some(address) = bind.address else { continue };
        let Some(owner) = cluster.hosts.values().find(|host| host.address.value == address) else { continue };
        if let Some(other) = balancer.hosts.iter().find(|host| **host != owner.name.value) {
            let message = format!("HAProxy cannot listen on `{address}` on `{other}`");
            diags.push(
                Diagnostic::error("foreign-bind", message)
                    .at(bind.place, "bound to one address on every HAProxy host")
                    .at(owner.address.place, format!("the address of `{}`", owner.name.value))
                    .help("bind to a virtual address, to `*`, or to loopback"),
            );
        }
    }
}
