//! Whether the compiled files of a cluster agree with each other and with its hosts.

use std::net::IpAddr;

use super::text::{at_line, line};
use crate::model::Cluster;
use crate::name::HostName;
use crate::policy::text::haproxy;
use crate::policy::{Finding, Subject};

/// The port of RabbitMQ's Prometheus plugin.
const PROMETHEUS: u16 = 15692;
/// The port of the Erlang port mapper.
const EPMD: u16 = 4369;

/// Finds what HAProxy binds on a host where RabbitMQ has the port.
pub(super) fn bind_of_broker(subject: &Subject<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for text in &subject.texts().haproxy {
        let Some(host) = text.hosts.iter().find(|host| is_node(subject.cluster, host)) else { continue };
        for (number, bind) in text.judged.proxies.iter().flat_map(|proxy| &proxy.binds) {
            let Some((everywhere, address, port)) = parse(bind) else { continue };
            let own = || subject.cluster.hosts.get(host).is_some_and(|host| Some(host.address.value) == address);
            let Some(what) = broker_port(subject.cluster, port).filter(|_| everywhere || own()) else { continue };
            let finding = Finding::new()
                .with("bind", bind.as_str())
                .with("port", port)
                .with("what", what)
                .with("host", host.to_string());
            findings.push(at_line(subject, "haproxy", line(&text.text, *number), finding));
        }
    }
    findings
}

/// Returns what RabbitMQ has on a port.
fn broker_port(cluster: &Cluster, port: u16) -> Option<&'static str> {
    let broker = &cluster.broker;
    let management = broker.has_plugin("rabbitmq_management") && port == broker.management_port.value;
    let all = [
        (port == broker.port.value, "AMQP"),
        (management, "the management page"),
        (port == broker.dist_port.value, "Erlang distribution"),
        (port == PROMETHEUS && broker.has_plugin("rabbitmq_prometheus"), "the Prometheus page"),
        (port == EPMD, "the Erlang port mapper"),
    ];
    all.into_iter().find_map(|(is, what)| is.then_some(what))
}

/// Reads a bind: whether it is every address, the address, the port.
fn parse(bind: &str) -> Option<(bool, Option<IpAddr>, u16)> {
    let (host, port) = haproxy::host_and_port(bind)?;
    let everywhere = matches!(host, "" | "*" | "0.0.0.0" | "::");
    Some((everywhere, host.parse().ok(), port))
}

fn is_node(cluster: &Cluster, host: &HostName) -> bool {
    cluster.broker.nodes.iter().any(|node| node.host == *host)
}

/// Finds a server behind HAProxy that has the address of a broker and a port on which no broker listens.
pub(super) fn server_without_listener(subject: &Subject<'_>) -> Vec<Finding> {
    let cluster = subject.cluster;
    let mut findings = Vec::new();
    for text in subject.texts().haproxy.iter().take(1) {
        for server in text.judged.proxies.iter().flat_map(|proxy| &proxy.servers) {
            let Some((_, Some(address), port)) = parse(&server.address) else { continue };
            let mut nodes = cluster.broker.nodes.iter().filter_map(|node| cluster.hosts.get(&node.host));
            let is_broker = nodes.any(|host| host.address.value == address);
            // Only the ports that AMQP usually has are surely meant for it.
            if !is_broker || broker_port(cluster, port).is_some() || !matches!(port, 5671..=5673 | 15671..=15673) {
                continue;
            }
            let finding = Finding::new()
                .with("server", server.name.as_str())
                .with("address", server.address.as_str())
                .with("port", port)
                .with("amqp", cluster.broker.port.value);
            findings.push(at_line(subject, "haproxy", line(&text.text, server.line), finding));
        }
    }
    findings
}

/// Finds scripts that Keepalived shall run and that no file of the host and no package brings.
pub(super) fn script_of_nobody(subject: &Subject<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for text in &subject.texts().keepalived {
        let bundle = subject.bundles.iter().find(|bundle| text.hosts.first() == Some(&bundle.host));
        for (number, command) in text.judged.scripts.iter().filter_map(|script| script.command.as_ref()) {
            let program = command.split(' ').next().unwrap_or_default();
            let packaged = ["/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/"].iter().any(|dir| program.starts_with(dir));
            let artifact = bundle.and_then(|bundle| bundle.artifacts.get(program));
            if !program.starts_with('/') || packaged || artifact.is_some_and(|artifact| artifact.mode & 0o111 == 0o111)
            {
                continue;
            }
            let finding = Finding::new().with("program", program).with("deployed", artifact.is_some());
            let finding = at_line(subject, "keepalived", line(&text.text, *number), finding);
            if !findings.iter().any(|known: &Finding| known.vars == finding.vars) {
                findings.push(finding);
            }
        }
    }
    findings
}

/// Finds unicast peers that are not the other hosts of the instance.
pub(super) fn peer_of_nobody(subject: &Subject<'_>) -> Vec<Finding> {
    let Some(vip) = &subject.cluster.vip else { return Vec::new() };
    let mut findings: Vec<Finding> = Vec::new();
    for text in &subject.texts().keepalived {
        for instance in &text.judged.instances {
            let Some(model) = vip.instances.iter().find(|model| model.name == instance.name) else { continue };
            let own = model.members.iter().find(|member| text.hosts.contains(&member.host));
            for (number, peer) in &instance.peers {
                let Ok(address) = peer.parse::<IpAddr>() else { continue };
                let itself = own.is_some_and(|own| own.address == address);
                if model.members.iter().any(|member| member.address == address) && !itself {
                    continue;
                }
                let finding = Finding::new()
                    .with("peer", peer.as_str())
                    .with("instance", instance.name.as_str())
                    .with("itself", itself);
                if !findings.iter().any(|known| known.vars.get("peer") == finding.vars.get("peer")) {
                    findings.push(at_line(subject, "keepalived", line(&text.text, *number), finding));
                }
            }
        }
    }
    findings
}

/// Finds instances that send their advertisements from an address that is not the host's own.
pub(super) fn source_of_another_host(subject: &Subject<'_>) -> Vec<Finding> {
    let Some(vip) = &subject.cluster.vip else { return Vec::new() };
    for text in &subject.texts().keepalived {
        for instance in &text.judged.instances {
            let Some(model) = vip.instances.iter().find(|model| model.name == instance.name) else { continue };
            let Some(own) = model.members.iter().find(|member| text.hosts.contains(&member.host)) else { continue };
            for (number, source) in instance.multicast_source.iter().chain(&instance.source) {
                let Ok(address) = source.parse::<IpAddr>() else { continue };
                if address == own.address {
                    continue;
                }
                let finding = Finding::new()
                    .with("source", source.as_str())
                    .with("host", own.host.to_string())
                    .with("own", own.address.to_string())
                    .with("instance", instance.name.as_str());
                // An added line is the same on every host: one finding says it.
                return vec![at_line(subject, "keepalived", line(&text.text, *number), finding)];
            }
        }
    }
    Vec::new()
}

/// Finds instances whose text says something else than the spec: a line added later overrides the one rmqgit wrote.
pub(super) fn instance_overridden(subject: &Subject<'_>) -> Vec<Finding> {
    let Some(vip) = &subject.cluster.vip else { return Vec::new() };
    let mut findings: Vec<Finding> = Vec::new();
    for text in &subject.texts().keepalived {
        for instance in &text.judged.instances {
            let Some(model) = vip.instances.iter().find(|model| model.name == instance.name) else { continue };
            let Some(own) = model.members.iter().find(|member| text.hosts.contains(&member.host)) else { continue };
            let number = |value: Option<(u32, u64)>| value.map(|(line, value)| (line, value.to_string()));
            let id = (number(instance.virtual_router_id), model.virtual_router_id.value.to_string());
            let priority = (number(instance.priority), own.priority.value.to_string());
            let advert = (instance.advert_int.clone(), model.advert_int.to_string());
            let interface = (instance.interface.clone(), own.interface.clone());
            let all =
                [("virtual_router_id", id), ("priority", priority), ("advert_int", advert), ("interface", interface)];
            for (keyword, (said, meant)) in all {
                let Some((number, said)) = said.filter(|(_, said)| *said != meant) else { continue };
                let finding = Finding::new()
                    .with("keyword", keyword)
                    .with("said", said)
                    .with("meant", meant)
                    .with("instance", instance.name.as_str());
                let finding = at_line(subject, "keepalived", line(&text.text, number), finding);
                if !findings.iter().any(|known| known.vars.get("keyword") == finding.vars.get("keyword")) {
                    findings.push(finding);
                }
            }
        }
    }
    findings
}
