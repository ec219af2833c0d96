//! Asks this host's RabbitMQ node, and its peers while it is alone.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

use crate::live::{Broker, Cluster, Door, Probe};
use crate::release::BrokerNode;
use crate::sys::broker::{self, Access};
use crate::sys::clock;

/// How often peers are asked while one of them is stopped: it may be joining at this very moment.
const LOOKS: u32 = 4;
/// How long to wait between two looks.
const PAUSE: Duration = Duration::from_secs(3);

/// Asks this host's node and, where that is stopped or alone though it should not be, the others.
pub(super) fn look(access: &Access, release: &BrokerNode) -> Cluster {
    let mut own = broker::look(access);
    let lacks = |names: &BTreeSet<String>| release.plugins.iter().any(|name| !names.contains(name));
    if own.door == Door::ManagementApi && own.applications.seen().is_some_and(lacks) {
        own.applications = broker::applications(access);
    }
    let runs = match &own.cluster {
        Probe::Seen(_) => Probe::Seen(true),
        Probe::Failed(_) if broker::is_stopped(&own) => Probe::Seen(false),
        Probe::Absent => Probe::Absent,
        Probe::Failed(why) => Probe::Failed(why.clone()),
    };
    let others = release.members.iter().map(|member| &member.node).filter(|node| **node != release.node);
    let asks = own.is_alone() || runs == Probe::Seen(false);
    let others: Vec<&String> = others.filter(|_| asks).collect();
    let runs_not = runs == Probe::Seen(false);
    let mut cluster = Cluster { own, runs, peers: BTreeMap::new(), stopped: BTreeSet::new(), reach: BTreeMap::new() };
    for again in 0..LOOKS {
        if again > 0 {
            clock::sleep(PAUSE);
        }
        cluster.peers = ask(access, &others);
        let stopped = cluster.peers.iter().filter(|(_, peer)| broker::is_stopped(peer));
        cluster.stopped = stopped.map(|(node, _)| node.clone()).collect();
        if cluster.stopped.is_empty() || runs_not {
            break;
        }
    }
    cluster.reach = reach(&cluster, release);
    cluster
}

/// Asks the hosts of the members that are not seen to run. A node that is alone has not met the others yet.
fn reach(cluster: &Cluster, release: &BrokerNode) -> BTreeMap<String, Probe<bool>> {
    let is_down = |node: &String| match (cluster.own.in_cluster(), &cluster.runs) {
        (Some(own), _) => own.members.len() > 1 && own.members.get(node).is_some_and(|member| !member.running),
        (None, Probe::Seen(false)) => {
            let answers = |peer: &Broker| peer.in_cluster().is_some() || broker::is_stopped(peer);
            !cluster.peers.get(node).is_some_and(answers)
        }
        (None, _) => false,
    };
    let others = release.members.iter().map(|member| &member.node).filter(|node| **node != release.node);
    thread::scope(|scope| {
        let ask = |node: &String| {
            let node = node.clone();
            scope.spawn(move || broker::answers(&node, release.amqp_port))
        };
        let asked: Vec<_> = others.filter(|node| is_down(node)).map(|node| (node.clone(), ask(node))).collect();
        asked.into_iter().filter_map(|(node, answer)| Some((node, answer.join().ok()?))).collect()
    })
}

fn ask(access: &Access, nodes: &[&String]) -> BTreeMap<String, Broker> {
    thread::scope(|scope| {
        let ask = |node: &String| {
            let access = Access { node: node.clone(), api: None, ..access.clone() };
            scope.spawn(move || broker::look_through(&access, Door::CommandLine))
        };
        let asked: Vec<_> = nodes.iter().map(|node| (*node, ask(node))).collect();
        let answers = asked.into_iter().filter_map(|(node, answer)| Some((node.clone(), answer.join().ok()?.ok()?)));
        answers.collect()
    })
}
