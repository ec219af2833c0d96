//! What a host is in its cluster.

use std::collections::BTreeMap;

use super::unit;
use crate::facts::platform;
use crate::model::{self, Cluster, Host};
use crate::name::UnitName;
use crate::release::{BrokerNode, MemberNode, NodeKind, Role, VirtualAddress};

/// Returns the role of a host.
pub(super) fn of(cluster: &Cluster, host: &Host) -> Role {
    let name = &host.name.value;
    let node = cluster.broker.nodes.iter().find(|node| node.host == *name);
    let balances = cluster.balancer.as_ref().is_some_and(|balancer| balancer.hosts.contains(name));
    let keeps = cluster.vip.as_ref().is_some_and(|vip| vip.hosts.contains(name));
    let services = [
        (node.is_some(), platform::RABBITMQ_UNIT),
        (balances, platform::HAPROXY_UNIT),
        (keeps, platform::KEEPALIVED_UNIT),
    ];
    Role {
        services: services.into_iter().filter(|(runs, _)| *runs).map(|(_, name)| unit(name)).collect(),
        broker: node.map(|node| broker(&cluster.broker, &node.name)),
        addresses: addresses(cluster, host),
        versions: versions(cluster, host),
    }
}

fn broker(broker: &model::Broker, node: &str) -> BrokerNode {
    let member = |node: &model::Node| MemberNode {
        node: node.name.clone(),
        host: node.host.clone(),
        kind: match node.kind {
            model::NodeKind::Disc => NodeKind::Disc,
            model::NodeKind::Ram => NodeKind::Ram,
        },
    };
    BrokerNode {
        node: node.to_owned(),
        long_names: broker.long_names,
        members: broker.nodes.iter().map(member).collect(),
        version: broker.version.value.to_string(),
        amqp_port: broker.port.value,
        management_port: broker.has_plugin("rabbitmq_management").then_some(broker.management_port.value),
        plugins: broker.plugins.iter().map(|plugin| plugin.value.clone()).collect(),
    }
}

fn versions(cluster: &Cluster, host: &Host) -> BTreeMap<UnitName, String> {
    let name = &host.name.value;
    let balancer = cluster.balancer.as_ref().filter(|balancer| balancer.hosts.contains(name));
    let vip = cluster.vip.as_ref().filter(|vip| vip.hosts.contains(name));
    let haproxy = balancer.and_then(|balancer| balancer.version.as_ref()).map(|at| (platform::HAPROXY_UNIT, at));
    let keepalived = vip.and_then(|vip| vip.version.as_ref()).map(|at| (platform::KEEPALIVED_UNIT, at));
    haproxy.into_iter().chain(keepalived).map(|(name, at)| (unit(name), at.value.to_string())).collect()
}

fn addresses(cluster: &Cluster, host: &Host) -> Vec<VirtualAddress> {
    let instances = cluster.vip.iter().flat_map(|vip| &vip.instances);
    let of_host = instances.flat_map(|instance| {
        let own = instance.members.iter().filter(|member| member.host == host.name.value);
        own.flat_map(|member| {
            instance
                .addresses
                .iter()
                .map(|address| VirtualAddress { address: address.value, interface: member.interface.clone() })
        })
    });
    of_host.collect()
}
