//! What every host gets: the names of its peers, and kernel settings.

use std::collections::BTreeMap;
use std::net::IpAddr;

use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Serialize;

use super::render::Kind;
use super::{File, Job};
use crate::diag::{Diagnostic, Diagnostics};
use crate::facts::platform;
use crate::model::{Cluster, Host, Node, NodeKind};
use crate::name::HostPath;
use crate::quote::{Syntax, quote};
use crate::release::{Artifact, OnChange, Part};

/// A host, as templates see it.
#[derive(Serialize)]
struct HostView<'a> {
    name: &'a str,
    address: IpAddr,
    interface: Option<&'a str>,
    node: Option<NodeView<'a>>,
}

/// A RabbitMQ node, as templates see it.
#[derive(Serialize)]
struct NodeView<'a> {
    name: &'a str,
    host: &'a str,
    kind: &'static str,
}

/// A cluster, as templates see it.
#[derive(Serialize)]
struct ClusterView<'a> {
    name: &'a str,
    platform: platform::Platform,
    version: String,
    hosts: Vec<HostView<'a>>,
    nodes: Vec<NodeView<'a>>,
}

/// Returns what every template is given as `cluster`.
pub(super) fn cluster_view(cluster: &Cluster) -> Value {
    Value::from(Serde(&ClusterView {
        name: cluster.name.value.as_str(),
        platform: cluster.platform,
        version: cluster.broker.version.value.to_string(),
        hosts: cluster.hosts.values().map(|host| view(cluster, host)).collect(),
        nodes: cluster.broker.nodes.iter().map(node_view).collect(),
    }))
}

/// Returns what a template that looks at its host is given as `host`.
pub(super) fn host_view(cluster: &Cluster, host: &Host) -> Value {
    Value::from(Serde(&view(cluster, host)))
}

fn view<'a>(cluster: &'a Cluster, host: &'a Host) -> HostView<'a> {
    let node = cluster.broker.nodes.iter().find(|node| node.host == host.name.value);
    HostView {
        name: host.name.value.as_str(),
        address: host.address.value,
        interface: host.interface.as_deref(),
        node: node.map(node_view),
    }
}

fn node_view(node: &Node) -> NodeView<'_> {
    let kind = match node.kind {
        NodeKind::Disc => "disc",
        NodeKind::Ram => "ram",
    };
    NodeView { name: &node.name, host: node.host.as_str(), kind }
}

/// Checks the names of kernel settings, which cannot be quoted.
pub(super) fn check(cluster: &Cluster, diags: &mut Diagnostics) {
    for name in cluster.sysctl.keys().filter(|name| quote(Syntax::Word, name).is_err() || name.contains('=')) {
        let message = format!("`{}` is not the name of a kernel setting", name.escape_debug());
        diags.push(Diagnostic::error("invalid-sysctl", message).help("a name is written like `net.core.somaxconn`"));
    }
}

/// Adds the files that every host gets.
pub(super) fn files(job: &mut Job<'_>, host: &Host, artifacts: &mut BTreeMap<HostPath, Artifact>) {
    let hosts = File {
        kind: Kind::Hosts,
        syntax: Syntax::Word,
        variant: false,
        path: platform::HOSTS,
        on_change: OnChange::Nothing,
        check: None,
    };
    let (path, mut artifact) = job.shared(host, hosts, |cluster| context! { entries => entries(cluster) });
    artifact.part = Part::Block;
    artifacts.insert(path, artifact);

    let nonlocal = nonlocal_binds(job.cluster, host);
    if job.cluster.sysctl.is_empty() && nonlocal.is_empty() {
        return;
    }
    let settings = nonlocal.iter().map(|name| [Value::from(*name), Value::from(1)]);
    let own = job.cluster.sysctl.iter().map(|(name, value)| [Value::from(name.as_str()), Value::from(value.as_str())]);
    let settings: Vec<Value> = settings.chain(own).map(|pair| Value::from(pair.to_vec())).collect();
    let sysctl = File {
        kind: Kind::Sysctl,
        syntax: Syntax::Line,
        variant: false,
        path: platform::SYSCTL,
        on_change: OnChange::Sysctl,
        check: None,
    };
    artifacts.extend([job.own(host, sysctl, context! { settings })]);
}

/// A line of /etc/hosts.
#[derive(Serialize)]
struct Entry<'a> {
    address: String,
    name: &'a str,
    aliases: Vec<&'a str>,
}

/// Returns a line for every host of the cluster; a node's name must resolve on every peer, so it is an alias where it is
/// not the host's name.
fn entries(cluster: &Cluster) -> Value {
    let entries: Vec<Entry<'_>> = cluster
        .hosts
        .values()
        .map(|host| {
            let name = host.name.value.as_str();
            let nodes = cluster.broker.nodes.iter().filter(|node| node.host == host.name.value);
            let node_names = nodes.filter_map(|node| node.name.split_once('@').map(|(_, host)| host));
            let mut aliases: Vec<&str> = Vec::new();
            for alias in host.aliases.iter().map(crate::name::HostName::as_str).chain(node_names) {
                if alias != name && !aliases.contains(&alias) {
                    aliases.push(alias);
                }
            }
            Entry { address: host.address.value.to_string(), name, aliases }
        })
        .collect();
    Value::from(Serde(&entries))
}

/// Returns the settings by which HAProxy may bind a virtual address that another host holds at the moment.
fn nonlocal_binds(cluster: &Cluster, host: &Host) -> Vec<&'static str> {
    let Some(balancer) = cluster.balancer.as_ref().filter(|balancer| balancer.hosts.contains(&host.name.value)) else {
        return Vec::new();
    };
    let virtual_addresses: Vec<IpAddr> = cluster
        .vip
        .iter()
        .flat_map(|vip| &vip.instances)
        .flat_map(|instance| &instance.addresses)
        .map(|address| address.value.addr())
        .collect();
    let binds = [Some(&balancer.amqp.bind), balancer.management.as_ref().map(|front| &front.bind)]
        .into_iter()
        .chain([balancer.stats.as_ref().map(|stats| &stats.bind)])
        .flatten();
    let bound: Vec<IpAddr> =
        binds.filter_map(|bind| bind.value.address).filter(|address| virtual_addresses.contains(address)).collect();
    let mut settings = Vec::new();
    if bound.iter().any(IpAddr::is_ipv4) {
        settings.push("net.ipv4.ip_nonlocal_bind");
    }
    if bound.iter().any(IpAddr::is_ipv6) {
        settings.push("net.ipv6.ip_nonlocal_bind");
    }
    settings.retain(|name| !cluster.sysctl.contains_key(*name));
    settings
}
