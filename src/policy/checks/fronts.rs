//! Whether HAProxy listens where somebody comes, and the brokers where HAProxy connects to.

use std::net::IpAddr;

use super::super::{Finding, Subject};
use crate::diag::{At, Place};
use crate::model::{Balancer, Bind, Broker, CheckKind, ConfigValue};

/// Binds to an address that no host and no VRRP instance has. Where the spec lets HAProxy bind foreign addresses, something
/// else moves them, such as a cloud.
pub(super) fn bound_to_nobody(subject: &Subject<'_>) -> Vec<Finding> {
    let Some(balancer) = &subject.cluster.balancer else { return Vec::new() };
    let cluster = subject.cluster;
    let foreign = ["net.ipv4.ip_nonlocal_bind", "net.ipv6.ip_nonlocal_bind"];
    if foreign.iter().any(|name| cluster.sysctl.get(*name).is_some_and(|value| value == "1")) {
        return Vec::new();
    }
    let known = |address: IpAddr| {
        address.is_loopback()
            || cluster.hosts.values().any(|host| host.address.value == address)
            || virtual_addresses(subject).any(|(vip, _)| vip == address)
    };
    let strange = binds(balancer).filter_map(|(what, bind)| {
        let address = bind.value.address.filter(|address| !known(*address))?;
        let finding = Finding::new().with("what", what).with("address", address.to_string());
        Some(finding.at_place(bind.place, "nobody has this address"))
    });
    strange.collect()
}

/// Virtual addresses that no front listens on.
pub(super) fn address_without_front(subject: &Subject<'_>) -> Vec<Finding> {
    let Some(balancer) = &subject.cluster.balancer else { return Vec::new() };
    let fronts = [Some(&balancer.amqp), balancer.management.as_ref()];
    let answers = |vip: IpAddr| {
        fronts.into_iter().flatten().any(|front| front.bind.value.address.is_none_or(|address| address == vip))
    };
    let silent = virtual_addresses(subject).filter(|(vip, _)| !answers(*vip)).map(|(vip, place)| {
        Finding::new()
            .with("address", vip.to_string())
            .with("port", balancer.amqp.bind.value.port)
            .at_place(place, "nothing listens on it")
            .at_place(balancer.amqp.bind.place, "the AMQP front listens here")
    });
    silent.collect()
}

/// A front to a port on which the brokers do not listen, or on loopback only.
pub(super) fn closed_port(subject: &Subject<'_>) -> Vec<Finding> {
    let cluster = subject.cluster;
    let Some(balancer) = &cluster.balancer else { return Vec::new() };
    let Some((why, place)) = closed(&cluster.broker) else { return Vec::new() };
    let finding = Finding::new().with("port", balancer.amqp.server_port).with("why", why);
    vec![finding.at_place(place, why).at(&["haproxy", "amqp"], "HAProxy connects to this port of the brokers")]
}

/// A check that speaks AMQP to a port where the brokers want TLS first.
pub(super) fn check_without_tls(subject: &Subject<'_>) -> Vec<Finding> {
    let cluster = subject.cluster;
    let Some(balancer) = &cluster.balancer else { return Vec::new() };
    let port = balancer.amqp.server_port;
    let speaks = balancer.amqp.check.kind == CheckKind::Amqp;
    let Some(listener) =
        listeners(&cluster.broker, "listeners.ssl").find(|listener| speaks && listener.port == Some(port))
    else {
        return Vec::new();
    };
    let finding = Finding::new().with("port", port);
    vec![
        finding
            .at(&["haproxy", "amqp", "check", "type"], "asks without TLS")
            .at_place(listener.place, "the brokers want TLS here"),
    ]
}

/// Says why nobody outside of a broker's host reaches its AMQP port, if the configuration says so.
fn closed(broker: &Broker) -> Option<(&'static str, Place)> {
    let reached = |listener: &Listener| {
        listener.port.is_none() || (listener.port == Some(broker.port.value) && !listener.loopback)
    };
    // `none` switches the plain listeners off, and those with TLS may have the port.
    let off = broker.config.get("listeners.tcp").filter(|setting| is_none(&setting.value));
    if listeners(broker, "listeners.ssl").any(|listener| reached(&listener)) {
        return None;
    }
    if let Some(off) = off {
        return Some(("TCP without TLS is switched off", off.place));
    }
    let mut last = None;
    for listener in listeners(broker, "listeners.tcp") {
        if reached(&listener) {
            return None;
        }
        let why = if listener.loopback {
            "the brokers listen on loopback only"
        } else {
            "the brokers listen on another port"
        };
        last = Some((why, listener.place));
    }
    last
}

/// A listener of the configuration. One whose port cannot be told may be any.
struct Listener {
    loopback: bool,
    port: Option<u16>,
    place: Place,
}

/// Returns the listeners of a key and of those below it.
fn listeners<'a>(broker: &'a Broker, prefix: &'static str) -> impl Iterator<Item = Listener> + use<'a> {
    let below = move |key: &str| key.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let given = broker.config.iter().filter(move |(key, setting)| below(key) && !is_none(&setting.value));
    given.map(|(_, setting)| {
        let (loopback, port) = match &setting.value {
            ConfigValue::Int(port) => (false, u16::try_from(*port).ok()),
            ConfigValue::Text(text) => listener(text),
            _ => (false, None),
        };
        Listener { loopback, port, place: setting.place }
    })
}

fn is_none(value: &ConfigValue) -> bool {
    matches!(value, ConfigValue::Text(text) if text == "none")
}

/// Reads `ADDRESS:PORT` or `PORT`: whether the address is loopback, and the port.
fn listener(text: &str) -> (bool, Option<u16>) {
    let (address, port) = text.rsplit_once(':').unwrap_or(("", text));
    let address: Option<IpAddr> = address.trim_start_matches('[').trim_end_matches(']').parse().ok();
    (address.is_some_and(|address| address.is_loopback()), port.parse().ok())
}

fn binds(balancer: &Balancer) -> impl Iterator<Item = (&'static str, &At<Bind>)> {
    let management = balancer.management.as_ref().map(|front| ("the management front", &front.bind));
    let stats = balancer.stats.as_ref().map(|stats| ("the statistics page", &stats.bind));
    [Some(("the AMQP front", &balancer.amqp.bind)), management, stats].into_iter().flatten()
}

fn virtual_addresses<'a>(subject: &Subject<'a>) -> impl Iterator<Item = (IpAddr, Place)> + use<'a> {
    let instances = subject.cluster.vip.iter().flat_map(|vip| &vip.instances);
    instances.flat_map(|instance| &instance.addresses).map(|net| (net.value.addr(), net.place))
}
