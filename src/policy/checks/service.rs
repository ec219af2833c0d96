//! Whether clients are still served after the loss of any one host: a balancer that may hold the virtual address, and
//! behind it a broker that does not wait for a majority.

use super::super::{Finding, Subject};
use crate::facts::version::Version;
use crate::model::{Cluster, ConfigValue};
use crate::name::HostName;

/// The first version in which a minority of the nodes always waits (release notes of 4.3.0).
const MAJORITY_ALWAYS: Version = Version::new(4, 3, 0);

/// Finds a host whose loss ends the service, where more than one broker and more than one balancer should prevent that.
pub(super) fn lost_with_one_host(subject: &Subject<'_>) -> Vec<Finding> {
    let cluster = subject.cluster;
    let several = |count: Option<usize>| count.is_none_or(|count| count > 1);
    let redundant = cluster.broker.nodes.len() > 1
        && several(cluster.balancer.as_ref().map(|balancer| balancer.hosts.len()))
        && several(cluster.vip.as_ref().map(|vip| vip.hosts.len()));
    if !redundant {
        return Vec::new();
    }
    let fatal = cluster.hosts.values().find_map(|host| Some((host, lost(cluster, &host.name.value)?)));
    let Some((host, lost)) = fatal else { return Vec::new() };
    let finding = Finding::new().with("host", host.name.value.as_str()).with("why", lost.why.clone());
    vec![finding.at_place(host.name.place, "without this host nobody is served").at(lost.path, lost.label)]
}

/// Why the service ends.
struct Lost {
    why: String,
    path: &'static [&'static str],
    label: String,
}

/// Says why nobody is served without a host, if that is so.
fn lost(cluster: &Cluster, dead: &HostName) -> Option<Lost> {
    let nodes = &cluster.broker.nodes;
    let left = nodes.iter().filter(|node| node.host != *dead).count();
    let majority = if left * 2 > nodes.len() { None } else { needs_majority(cluster) };
    if let Some(majority) = majority {
        let why = format!("{left} of {} nodes is no majority, and {majority}", nodes.len());
        return Some(Lost { why, path: &["rabbitmq", "nodes"], label: format!("{} nodes", nodes.len()) });
    }
    let balancer = cluster.balancer.as_ref()?;
    let serves = |server: &&crate::model::Server| server.host != *dead && server.weight != Some(0);
    if balancer.amqp.servers.iter().find(serves).is_none() {
        let why = "no broker is left behind the AMQP front".to_owned();
        return Some(Lost { why, path: &["haproxy", "amqp", "servers"], label: "the brokers behind it".to_owned() });
    }
    let held = |instance: &crate::model::Instance| instance.members.iter().any(|member| member.host != *dead);
    let vip = cluster.vip.as_ref()?;
    let instance = vip.instances.iter().find(|instance| !held(instance))?;
    let why = format!("nobody else holds the virtual address of `{}`", instance.name);
    Some(Lost { why, path: &["keepalived"], label: "the members of each instance".to_owned() })
}

/// Says what waits for a majority of the nodes, if anything does. `pause_minority` on two nodes is a fault of its own, which
/// the rule `pause-minority-of-two` tells.
fn needs_majority(cluster: &Cluster) -> Option<String> {
    let broker = &cluster.broker;
    if broker.version.value >= MAJORITY_ALWAYS {
        return Some(format!("RabbitMQ {} waits for one", broker.version.value));
    }
    let strategy = broker.config.get("cluster_partition_handling").map(|setting| &setting.value);
    if strategy == Some(&ConfigValue::Text("pause_minority".to_owned())) {
        return None;
    }
    let mut vhosts = broker.definitions.vhosts.iter();
    let quorum = vhosts.find(|(_, vhost)| vhost.default_queue_type.as_deref() == Some("quorum"));
    quorum.map(|(name, _)| format!("the quorum queues of the vhost `{name}` wait for one"))
}
