//! From the published release to this one: whether RabbitMQ can go there, and what must be done before.

use std::cmp::Ordering;

use crate::diag::At;
use crate::facts::releases;
use crate::facts::upgrades::{self, Step};
use crate::facts::version::Version;
use crate::model::Node;
use crate::model::fleet::Published;
use crate::policy::{Finding, Subject};

/// Returns the published release and the version of this one, if they differ.
fn jump<'a>(subject: &Subject<'a>) -> Option<(&'a Published, At<Version>)> {
    let to = subject.cluster.broker.version;
    subject.published.filter(|published| published.version != to.value).map(|published| (published, to))
}

fn finding(published: &Published, to: At<Version>) -> Finding {
    Finding::new().with("from", published.version.to_string()).at_place(to.place, "the new version")
}

/// Finds a way back to an older series, or patch.
pub(in crate::policy) fn down(subject: &Subject<'_>) -> Vec<Finding> {
    let down = jump(subject).filter(|(published, to)| upgrades::step(published.version, to.value) == Step::Down);
    down.map(|(published, to)| finding(published, to)).into_iter().collect()
}

/// Finds a jump that RabbitMQ does not support.
pub(in crate::policy) fn path(subject: &Subject<'_>) -> Vec<Finding> {
    let skipped = jump(subject).filter(|(published, to)| upgrades::step(published.version, to.value) == Step::None);
    let finding = |(published, to): (&Published, At<Version>)| {
        let path = upgrades::path(published.version, to.value);
        let path = path.map(|path| path.iter().map(|stop| format!("`{stop}`")).collect::<Vec<_>>().join(", then "));
        finding(published, to).with("path", path)
    };
    skipped.map(finding).into_iter().collect()
}

/// Finds an upgrade that nodes of both versions cannot live through.
pub(in crate::policy) fn stop(subject: &Subject<'_>) -> Vec<Finding> {
    let stop = jump(subject).filter(|(published, to)| upgrades::step(published.version, to.value) == Step::Stop);
    stop.map(|(published, to)| finding(published, to)).into_iter().collect()
}

/// Finds feature flags that must be on before.
pub(in crate::policy) fn flags(subject: &Subject<'_>) -> Vec<Finding> {
    let Some((published, to)) = jump(subject) else { return Vec::new() };
    let flags = match upgrades::step(published.version, to.value) {
        Step::Rolling => upgrades::required_flags(published.version, to.value),
        _ => Vec::new(),
    };
    if flags.is_empty() {
        return Vec::new();
    }
    let khepri = flags.contains(&"khepri_db");
    vec![finding(published, to).with("count", flags.len()).with("flags", flags.join(" ")).with("khepri", khepri)]
}

/// Finds a RabbitMQ and an Erlang that must be replaced together: neither runs with the old other one.
pub(in crate::policy) fn erlang(subject: &Subject<'_>) -> Vec<Finding> {
    let Some((published, to)) = jump(subject) else { return Vec::new() };
    let (Some(old), Some(new)) = (&published.erlang, &subject.cluster.broker.erlang) else { return Vec::new() };
    let fits =
        |version: Version, otp: &str| releases::erlang(version).is_none_or(|range| range.place(otp) == Ordering::Equal);
    if old == &new.value || fits(to.value, old) || fits(published.version, new) || !fits(to.value, new) {
        return Vec::new();
    }
    let finding = finding(published, to).with("old", old.as_str()).with("new", new.as_str());
    vec![finding.at_place(new.place, "and the new Erlang")]
}

/// Returns the nodes of the last release that this one does not have.
fn lost<'a>(subject: &Subject<'a>) -> impl Iterator<Item = &'a str> + use<'a> {
    let nodes = &subject.cluster.broker.nodes;
    let published = subject.published.map_or(&[][..], |published| &published.nodes);
    published.iter().map(String::as_str).filter(|old| nodes.iter().all(|node| node.name != *old))
}

/// Returns the first word of the host in a node's name.
fn short(node: &str) -> &str {
    node.rsplit('@').next().and_then(|host| host.split('.').next()).unwrap_or(node)
}

/// Finds nodes that have another name than before on the same host.
pub(in crate::policy) fn renamed_node(subject: &Subject<'_>) -> Vec<Finding> {
    let published = subject.published.map_or(&[][..], |published| &published.nodes);
    let renamed = |old: &str| {
        let fresh = subject.cluster.broker.nodes.iter().filter(|node| !published.contains(&node.name));
        let node = fresh.into_iter().find(|node| is_successor(subject, old, node))?;
        let finding = Finding::new().with("old", old).with("new", node.name.as_str());
        Some(finding.at_place(node.place, "this node"))
    };
    lost(subject).filter_map(renamed).collect()
}

/// Tells whether a node is an older one under another name: it has the same host, or the same host in its name.
fn is_successor(subject: &Subject<'_>, old: &str, node: &Node) -> bool {
    let of = |published: &Published| published.nodes.iter().position(|name| name == old);
    let host = subject.published.and_then(|published| published.hosts.get(of(published)?));
    short(&node.name) == short(old) || host == Some(&node.host)
}

/// Finds nodes that are gone, without their names being on another host.
pub(in crate::policy) fn removed_node(subject: &Subject<'_>) -> Vec<Finding> {
    let nodes = &subject.cluster.broker.nodes;
    let gone = lost(subject).filter(|old| !nodes.iter().any(|node| is_successor(subject, old, node)));
    gone.map(|old| Finding::new().with("node", old).at(&["rabbitmq", "nodes"], "the nodes")).collect()
}

/// Finds more nodes gone at once than the rest can outvote.
pub(in crate::policy) fn lost_majority(subject: &Subject<'_>) -> Vec<Finding> {
    let before = subject.published.map_or(0, |published| published.nodes.len());
    let gone = lost(subject).count();
    if gone == 0 || (before - gone) * 2 > before {
        return Vec::new();
    }
    vec![Finding::new().with("gone", gone).with("before", before).at(&["rabbitmq", "nodes"], "the nodes")]
}

/// The plugins that bring a type of exchange or queue which durable objects may have.
const TYPES: [(&str, &str); 9] = [
    ("rabbitmq_consistent_hash_exchange", "exchanges of the type `x-consistent-hash`"),
    ("rabbitmq_delayed_message_exchange", "exchanges of the type `x-delayed-message`"),
    ("rabbitmq_event_exchange", "the exchange of events"),
    ("rabbitmq_jms_topic_exchange", "exchanges of the type `x-jms-topic`"),
    ("rabbitmq_lvc_exchange", "exchanges of the type `x-lvc`"),
    ("rabbitmq_mqtt", "queues of the type `rabbit_mqtt_qos0_queue`"),
    ("rabbitmq_random_exchange", "exchanges of the type `x-random`"),
    ("rabbitmq_recent_history_exchange", "exchanges of the type `x-recent-history`"),
    ("rabbitmq_sharding", "exchanges of the type `x-modulus-hash`"),
];

/// Finds plugins that were on and are off, whose exchanges may still be there.
pub(in crate::policy) fn plugin_with_objects(subject: &Subject<'_>) -> Vec<Finding> {
    let broker = &subject.cluster.broker;
    let published = subject.published.map_or(&[][..], |published| &published.plugins);
    let off = published.iter().filter(|plugin| !broker.has_plugin(plugin));
    let finding = |plugin: &String| {
        let (name, objects) = TYPES.iter().find(|(name, _)| name == plugin)?;
        Some(Finding::new().with("plugin", *name).with("objects", *objects).at(&["rabbitmq", "plugins"], "the plugins"))
    };
    off.filter_map(finding).collect()
}
