//! HAProxy: its fronts and its statistics page.

use std::net::{IpAddr, Ipv4Addr};

use super::check::{Service, lower_check};
use super::hosts::{Hosts, lower_references};
use super::text;
use crate::diag::{At, Diagnostic, Diagnostics, Place, excerpt};
use crate::model::{Balancer, Bind, Broker, Front, Server, Stats};
use crate::name::HostName;
use crate::spec::{self, Haproxy};

/// HAProxy's algorithms (configuration manual 4.2, `balance`).
const ALGORITHMS: [&str; 10] =
    ["first", "hash", "hdr", "leastconn", "random", "rdp-cookie", "roundrobin", "source", "static-rr", "uri"];

/// Resolves the `haproxy` section.
pub(super) fn lower_balancer(diags: &mut Diagnostics, section: &Haproxy, hosts: &Hosts, broker: &Broker) -> Balancer {
    let named = match &section.hosts {
        Some(listed) => lower_references(diags, hosts, listed, "`haproxy.hosts`"),
        None => hosts.keys().cloned().collect(),
    };
    if section.hosts.as_ref().is_some_and(Vec::is_empty) {
        let fault = Diagnostic::error("empty-list", "`haproxy.hosts` is empty");
        diags.push(fault.help("name the hosts that run HAProxy, or leave the field out for all of them"));
    }
    let shared = named.iter().any(|host| broker.nodes.iter().any(|node| node.host == *host));
    let amqp = Service::amqp(broker, if shared { 5673 } else { 5672 });
    let management = section.management.as_ref().map(|front| {
        check_management(diags, front, broker);
        lower_front(diags, front, hosts, broker, &Service::management(broker))
    });
    if let Some(limit) = &section.maxconn {
        text::range(diags, *limit, &(1..=100_000_000), "`maxconn`");
    }
    let place = broker.version.place;
    Balancer {
        version: section.version.as_ref().and_then(|version| text::version(diags, version)),
        amqp: lower_front(diags, &section.amqp, hosts, broker, &amqp),
        management,
        stats: section.stats.as_ref().map(|stats| lower_stats(diags, stats)),
        health_port: text::port(diags, section.health_port.as_ref(), 8404, Place::default()),
        maxconn: section.maxconn.map(|limit| limit.value),
        hard_stop_after: section.hard_stop_after.as_ref().map(|time| text::duration(diags, Some(time), "")),
        global_extra: text::lines(diags, &section.extra.global, place),
        defaults_extra: text::lines(diags, &section.extra.defaults, place),
        extra: text::lines(diags, &section.extra.end, place),
        hosts: named,
    }
}

fn check_management(diags: &mut Diagnostics, front: &spec::Front, broker: &Broker) {
    if !broker.has_plugin("rabbitmq_management") {
        let place = front.port.map(|port| port.place).or_else(|| front.bind.as_ref().map(|bind| bind.place));
        let fault = Diagnostic::error("missing-plugin", "the management page has a front, but no node serves the page");
        diags.push(
            fault
                .at(place.unwrap_or(broker.version.place), if place.is_some() { "this front" } else { "these nodes" })
                .help("add `rabbitmq_management` to `rabbitmq.plugins`, or remove `haproxy.management`"),
        );
    }
}

fn lower_front(
    diags: &mut Diagnostics,
    front: &spec::Front,
    hosts: &Hosts,
    broker: &Broker,
    service: &Service,
) -> Front {
    let bind = lower_bind(diags, front, service.port);
    if let Some(limit) = &front.maxconn {
        text::range(diags, *limit, &(1..=100_000_000), "`maxconn`");
    }
    if let Some(balance) = &front.balance {
        check_balance(diags, balance);
    }
    Front {
        name: service.name.to_owned(),
        bind,
        server_port: service.server_port,
        servers: lower_servers(diags, front, hosts, broker),
        mode: service.mode,
        balance: front.balance.as_ref().map_or_else(|| service.balance.to_owned(), |given| given.value.clone()),
        check: lower_check(diags, &front.check, service),
        timeout_client: text::duration(diags, front.timeout.client.as_ref(), service.timeout),
        timeout_server: text::duration(diags, front.timeout.server.as_ref(), service.timeout),
        timeout_connect: text::duration(diags, front.timeout.connect.as_ref(), "5s"),
        maxconn: front.maxconn.map(|limit| limit.value),
        tcpka: front.tcpka.unwrap_or(true),
        extra: text::lines(diags, &front.extra, bind_place(front)),
    }
}

fn bind_place(front: &spec::Front) -> Place {
    front.port.map(|port| port.place).or_else(|| front.bind.as_ref().map(|bind| bind.place)).unwrap_or_default()
}

fn lower_bind(diags: &mut Diagnostics, front: &spec::Front, default: u16) -> At<Bind> {
    if let (Some(port), Some(bind)) = (&front.port, &front.bind) {
        let help = "`port` listens on every address, `bind` on the one that it names";
        text::conflict(diags, ("port", port.place), ("bind", bind.place), help);
    }
    if let Some(bind) = front.bind.as_ref().and_then(|bind| text::bind(diags, bind)) {
        return bind;
    }
    text::port(diags, front.port.as_ref(), default, bind_place(front)).map(|port| Bind { address: None, port })
}

fn check_balance(diags: &mut Diagnostics, balance: &At<String>) {
    let name = balance.split([' ', '(']).next().expect("split yields at least one part");
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_ (),.".contains(&b);
    if !ALGORITHMS.contains(&name) || !balance.bytes().all(plain) {
        let message = format!("`{}` is not an algorithm of HAProxy", excerpt(&balance.value));
        let help = format!("use one of: {}", ALGORITHMS.join(", "));
        text::refuse(diags, "invalid-value", balance.place, message, &help);
    }
}

fn lower_servers(diags: &mut Diagnostics, front: &spec::Front, hosts: &Hosts, broker: &Broker) -> Vec<Server> {
    let named = match &front.servers {
        Some(listed) => lower_references(diags, hosts, listed, "`servers`"),
        None => broker.nodes.iter().map(|node| node.host.clone()).collect(),
    };
    let lists = front.servers.iter().flatten().chain(&front.backup).chain(front.weights.iter().map(|(name, _)| name));
    for name in lists {
        let declared = hosts.contains_key(&name.value);
        let node = broker.nodes.iter().any(|node| node.host == name.value);
        if !declared && !front.servers.iter().flatten().any(|server| std::ptr::eq(server, name)) {
            super::hosts::known(diags, hosts, name.as_str(), name.place);
        } else if declared && !node {
            not_a_member(diags, name, "runs no RabbitMQ node", "name hosts of `rabbitmq.nodes` only");
        } else if node && !named.contains(&name.value) {
            not_a_member(diags, name, "is not among the `servers` of this front", "add it to `servers`");
        }
    }
    for (_, weight) in front.weights.iter() {
        text::range(diags, *weight, &(0..=256), "the weight");
    }
    let weight = |host: &HostName| front.weights.iter().find(|(name, _)| name.value == *host).map(|(_, w)| w.value);
    let server = |host: HostName| Server {
        address: hosts[&host].address.value,
        weight: weight(&host),
        backup: front.backup.iter().any(|name| name.value == host),
        host,
    };
    named.into_iter().map(server).collect()
}

/// Refuses a host that is declared but has no part where it is named.
pub(super) fn not_a_member(diags: &mut Diagnostics, name: &At<HostName>, why: &str, help: &str) {
    let message = format!("the host `{}` {why}", name.value);
    diags.push(Diagnostic::error("host-without-role", message).at(name.place, "named here").help(help));
}

fn lower_stats(diags: &mut Diagnostics, stats: &spec::Stats) -> Stats {
    let loopback = Bind { address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)), port: 1080 };
    let bind = stats.bind.as_ref().and_then(|bind| text::bind(diags, bind));
    if let Some(uri) = &stats.uri {
        check_path(diags, uri);
    }
    for (given, what) in [(&stats.realm, "the realm"), (&stats.user, "the user")] {
        if let Some(given) = given {
            text::line(diags, &given.value, given.place, what);
        }
    }
    if let Some(user) = stats.user.as_ref().filter(|user| user.contains(':')) {
        let message = format!("the user `{}` holds a `:`", excerpt(&user.value));
        text::refuse(
            diags,
            "invalid-value",
            user.place,
            message,
            "HAProxy takes what stands before the first `:` for the name",
        );
    }
    let password = text::secret_value(diags, stats.password.as_ref(), "the password of the statistics page");
    let auth = match (&stats.user, &stats.password) {
        (Some(user), Some(_)) => password.map(|password| (user.value.clone(), password)),
        (None, None) => None,
        (Some(user), None) => {
            incomplete_auth(diags, user.place, "password");
            None
        }
        (None, Some(password)) => {
            incomplete_auth(diags, password.place, "user");
            None
        }
    };
    Stats {
        bind: bind.unwrap_or(At { value: loopback, place: Place::default() }),
        uri: stats.uri.as_ref().map_or_else(|| "/haproxy?stats".to_owned(), |uri| uri.value.clone()),
        realm: stats.realm.as_ref().map(|realm| realm.value.clone()),
        refresh: stats.refresh.as_ref().map(|time| text::duration(diags, Some(time), "")),
        auth,
        hide_version: stats.hide_version.unwrap_or(true),
        extra: text::lines(diags, &stats.extra, Place::default()),
    }
}

fn incomplete_auth(diags: &mut Diagnostics, place: Place, missing: &str) {
    let fault = Diagnostic::error("missing-field", format!("the statistics page has no `{missing}`"));
    diags.push(fault.at(place, "this alone protects nothing").help("give both `user` and `password`, or neither"));
}

/// Checks the path of a page.
pub(super) fn check_path(diags: &mut Diagnostics, path: &At<String>) {
    if !path.starts_with('/') || !path.bytes().all(|b| b.is_ascii_graphic()) {
        let message = format!("`{}` is not the path of a page", excerpt(&path.value));
        text::refuse(
            diags,
            "invalid-value",
            path.place,
            message,
            "start with `/`; write blanks and other letters as `%20`",
        );
    }
}
