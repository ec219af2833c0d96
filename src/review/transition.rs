//! What the agent holds back until the spec grants it. The agent decides by what it sees on the host; this says beforehand
//! what it will find there, if the hosts are as the old side says.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::pair::{Pair, count, list, text};
use super::secrets::{changed_value, perhaps_changed};
use super::words::{bare, quoted};
use super::{HostId, ReleaseTree};
use crate::facts::platform;
use crate::name::{ClusterName, HostName, SecretRef};
use crate::plan::moved_data;
use crate::release::{BrokerNode, Bundle, NodeKind, Piece};

/// A change that is held back until the spec grants it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Transition {
    /// What it is.
    pub kind: TransitionKind,
    /// The sentence: what happens, and to whom.
    pub text: String,
    /// The grant that lets it happen, as it stands below `grants` of the cluster; none where no grant does, and a person
    /// has to do it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// Whether the new side has the grant.
    pub granted: bool,
    /// Whether nobody can tell without opening a secret if it happens at all.
    pub perhaps: bool,
    /// The hosts that are disturbed.
    pub hosts: Vec<HostId>,
}

impl Transition {
    /// Whether it happens, as far as can be told, and is held back until the spec grants it.
    pub fn is_held(&self) -> bool {
        self.grant.is_some() && !self.granted && !self.perhaps
    }

    /// Whether it happens, as far as can be told, and the spec grants it.
    pub fn is_granted(&self) -> bool {
        self.grant.is_some() && self.granted && !self.perhaps
    }
}

/// The kinds of transitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TransitionKind {
    /// Running nodes take another Erlang cookie.
    Cookie,
    /// RabbitMQ keeps its data in another directory.
    DataDirectory,
    /// Virtual addresses come or go.
    VirtualAddresses,
    /// The cluster forgets a node.
    ForgetNode,
    /// A node becomes a disc or a RAM node.
    NodeType,
    /// A node gets another name.
    NodeName,
    /// A host loses more than half of its files.
    Shrink,
    /// A virtual host is no longer in the release.
    Vhost,
}

/// Returns the transitions between two releases that the new one does not grant, those that perhaps happen among them, with their
/// clusters. What [`gist`] leaves of
/// the bundles is enough for it.
pub fn ungranted(old: &ReleaseTree, new: &ReleaseTree) -> Vec<(ClusterName, Transition)> {
    let mut found = Vec::new();
    for pair in super::pair::pairs(old, new) {
        let held = transitions(&pair).into_iter().filter(|one| one.grant.is_some() && !one.granted);
        found.extend(held.map(|one| (pair.name.clone(), one)));
    }
    found
}

/// Drops from a bundle what no transition depends on, so that a whole fleet fits into memory.
pub fn gist(mut bundle: Bundle) -> Bundle {
    for (path, artifact) in &mut bundle.artifacts {
        match path.as_str() {
            platform::COOKIE | platform::RABBITMQ_ENV => {}
            platform::RABBITMQ_CONF => {
                let text = text(artifact);
                let lines = text.lines().filter(|line| line.contains("data_dir")).map(|line| format!("{line}\n"));
                artifact.content = vec![Piece::Text(lines.collect())];
            }
            _ => artifact.content = Vec::new(),
        }
    }
    bundle.definitions = None;
    bundle
}

/// Returns the transitions of a cluster that is on both sides.
pub(super) fn transitions(pair: &Pair<'_>) -> Vec<Transition> {
    if pair.is_new() || pair.is_gone() {
        return Vec::new();
    }
    let mut found = Vec::new();
    found.extend(cookie(pair));
    found.extend(data(pair));
    found.extend(addresses(pair));
    if let (Some(old), new) = pair.brokers() {
        nodes(pair, old, new, &mut found);
    }
    found.extend(shrink(pair));
    found.extend(vhosts(pair));
    found.sort();
    found
}

fn made(pair: &Pair<'_>, kind: TransitionKind, grant: String, text: String, hosts: &[&HostName]) -> Transition {
    let granted = pair.grants(&grant);
    Transition {
        kind,
        text,
        grant: Some(grant),
        granted,
        perhaps: false,
        hosts: hosts.iter().map(|host| pair.id(host)).collect(),
    }
}

fn cookie(pair: &Pair<'_>) -> Option<Transition> {
    let (mut hosts, mut perhaps) = (Vec::new(), Vec::new());
    for (host, old, new) in pair.staying() {
        let (Some(before), Some(after)) = (old.artifacts.get(platform::COOKIE), new.artifacts.get(platform::COOKIE))
        else {
            continue;
        };
        let resealed = |is: &dyn Fn(&SecretRef) -> bool| {
            after.content.iter().any(|piece| matches!(piece, Piece::Secret { name, .. } if is(name)))
        };
        if before.content != after.content || resealed(&|name| changed_value(old, new, name)) {
            hosts.push(host);
        } else if resealed(&|name| perhaps_changed(old, new, name)) {
            perhaps.push(host);
        }
    }
    if hosts.is_empty() && !perhaps.is_empty() {
        let text = "the file of the Erlang cookie was sealed for other readers, and whether its value changed cannot be told without \
                    a key: if it did, running nodes take it without a restart, and hosts hold it back as long as it is not granted"
            .to_owned();
        let made = made(pair, TransitionKind::Cookie, "rotate-cookie".to_owned(), text, &perhaps);
        return Some(Transition { perhaps: true, ..made });
    }
    let text =
        "the Erlang cookie changes: running nodes take it without a restart; until the last one has it, nodes with \
                different cookies make no new connections to each other"
            .to_owned();
    (!hosts.is_empty()).then(|| made(pair, TransitionKind::Cookie, "rotate-cookie".to_owned(), text, &hosts))
}

fn data(pair: &Pair<'_>) -> Vec<Transition> {
    let mut moves: BTreeMap<String, Vec<&HostName>> = BTreeMap::new();
    for (host, old, new) in pair.staying() {
        if old.role.broker.is_none() || new.role.broker.is_none() {
            continue;
        }
        for path in [platform::RABBITMQ_ENV, platform::RABBITMQ_CONF] {
            let of = |bundle: &Bundle| bundle.artifacts.get(path).map(text).unwrap_or_default();
            if let Some(moved) = moved_data(path, &of(old), &of(new)) {
                moves.entry(moved).or_default().push(host);
            }
        }
    }
    let made = |(moved, hosts): (String, Vec<&HostName>)| {
        let what = if moved.starts_with("the data directory") {
            "nodes start empty there, without queues, users and their cluster"
        } else {
            "nodes find nothing of them when they start"
        };
        let text = format!("{}: unless a person moves the data while RabbitMQ is stopped, {what}", bare(&moved));
        made(pair, TransitionKind::DataDirectory, "data-directory".to_owned(), text, &hosts)
    };
    moves.into_iter().map(made).collect()
}

/// Returns the virtual addresses of a side's hosts, without their prefixes.
pub(super) fn held<'a>(bundles: impl IntoIterator<Item = &'a Bundle>) -> BTreeSet<String> {
    let addresses = bundles.into_iter().flat_map(|bundle| &bundle.role.addresses);
    addresses.map(|address| address.ip().to_string()).collect()
}

fn addresses(pair: &Pair<'_>) -> Option<Transition> {
    let (mut hosts, mut leaving) = (Vec::new(), Vec::new());
    let (mut left, mut moved) = (BTreeSet::new(), BTreeSet::new());
    for (host, old, new) in pair.staying() {
        let (before, after) = (held([old]), held([new]));
        if before.is_empty() || before == after {
            continue;
        }
        hosts.push(host);
        moved.extend(before.symmetric_difference(&after).cloned());
        if after.is_empty() {
            leaving.push(host.as_str());
            left.extend(before);
        }
    }
    if hosts.is_empty() {
        return None;
    }
    let (old, new) = (held(pair.old.values().copied()), held(pair.new.values().copied()));
    let shown = |set: &BTreeSet<&String>| list(&set.iter().map(|one| one.as_str()).collect::<Vec<_>>());
    let (gone, come): (BTreeSet<_>, BTreeSet<_>) = (old.difference(&new).collect(), new.difference(&old).collect());
    let many = |one: &'static str, more: &'static str| if gone.len() == 1 { one } else { more };
    let text = match (gone.is_empty(), come.is_empty()) {
        (false, _) if new.is_empty() => format!(
            "no host has the virtual address{} {} any more: once Keepalived stops or restarts on {}, clients reach nobody",
            many("", "es"),
            shown(&gone),
            list(&leaving)
        ),
        (false, false) => format!(
            "the virtual address{} from {} to {}: clients that connect to the old {} reach nobody",
            many(" changes", "es change"),
            shown(&gone),
            shown(&come),
            many("one", "ones")
        ),
        (false, true) => {
            let (is, it) = (many("is no virtual address", "are no virtual addresses"), many("it", "them"));
            format!("{} {is} any more: clients that connect to {it} reach nobody", shown(&gone))
        }
        (true, false) => {
            format!(
                "{} {}",
                shown(&come),
                if come.len() == 1 { "becomes a virtual address" } else { "become virtual addresses" }
            )
        }
        (true, true) => {
            let (whose, what) = (list(&leaving), shown(&left.iter().collect()));
            if leaving.is_empty() {
                format!("{} can come up on other hosts than before", shown(&moved.iter().collect()))
            } else {
                format!(
                    "Keepalived leaves {whose}, where {what} can be up: once it stops there, another host takes over, and connections \
                     through the address break"
                )
            }
        }
    };
    Some(made(pair, TransitionKind::VirtualAddresses, "virtual-addresses".to_owned(), text, &hosts))
}

fn nodes(pair: &Pair<'_>, old: &BrokerNode, new: Option<&BrokerNode>, found: &mut Vec<Transition>) {
    let kinds: BTreeMap<&str, NodeKind> =
        new.iter().flat_map(|broker| &broker.members).map(|member| (member.node.as_str(), member.kind)).collect();
    let renamed: BTreeMap<&HostName, &str> =
        new.iter().flat_map(|broker| &broker.members).map(|member| (&member.host, member.node.as_str())).collect();
    for member in &old.members {
        let node = &member.node;
        match (kinds.get(node.as_str()), renamed.get(&member.host)) {
            (Some(kind), _) if *kind == member.kind => {}
            (Some(kind), _) => {
                let text = format!(
                    "node {node} becomes a {} node instead of a {} node: RabbitMQ stops on it meanwhile",
                    kind.as_str(),
                    member.kind.as_str()
                );
                found.push(made(
                    pair,
                    TransitionKind::NodeType,
                    format!("change-node-type:{node}"),
                    text,
                    &[&member.host],
                ));
            }
            (None, Some(name)) => {
                let text = format!(
                    "node {node} becomes {name}: under another name RabbitMQ starts without its data, so the host is left as it \
                     is until a person has moved the node; the grant lets the cluster forget the old name"
                );
                found.push(made(pair, TransitionKind::NodeName, format!("forget-node:{node}"), text, &[&member.host]));
            }
            (None, None) => {
                let text = format!(
                    "node {node} leaves the cluster: once a person has stopped it, quorum queues lose their replica there and \
                     the cluster forgets it; what only it holds is lost"
                );
                found.push(made(
                    pair,
                    TransitionKind::ForgetNode,
                    format!("forget-node:{node}"),
                    text,
                    &[&member.host],
                ));
            }
        }
    }
}

fn shrink(pair: &Pair<'_>) -> Option<Transition> {
    let mut hosts = Vec::new();
    let mut lost = 0;
    for (host, old, new) in pair.staying() {
        let gone = old.artifacts.keys().filter(|path| !new.artifacts.contains_key(*path)).count();
        if gone * 2 > old.artifacts.len() {
            hosts.push(host);
            lost += gone;
        }
    }
    let text = format!("more than half of the files go ({} in all)", count(lost, "file"));
    (!hosts.is_empty()).then(|| made(pair, TransitionKind::Shrink, "shrink".to_owned(), text, &hosts))
}

fn vhosts(pair: &Pair<'_>) -> Vec<Transition> {
    let (Some(old), Some(new)) = pair.definitions() else { return Vec::new() };
    let gone = old.vhosts.keys().filter(|name| !new.vhosts.contains_key(*name));
    gone.map(|name| Transition {
        kind: TransitionKind::Vhost,
        text: format!(
            "virtual host {} is no longer in the spec: it stays on the brokers with its queues, and is reported there until \
             a person deletes it (rabbitmqctl delete_vhost); no run removes a virtual host",
            quoted(name)
        ),
        grant: None,
        granted: false,
        perhaps: false,
        hosts: Vec::new(),
    })
    .collect()
}
