//! What a cluster suffers from that no run repairs: alarms, partitions, nodes that do not run or serve nobody.

use crate::live::{Cluster, ClusterState, Observed, Probe};
use crate::release::{BrokerNode, MemberNode};

use super::desired::Desired;
use super::unknown::PEER;
use super::{Finding, FindingCode, Plan, Unknown};

/// Adds a finding for each member that does not run or whose host is silent, and for what ails this host's own node.
pub(super) fn compare(plan: &mut Plan, desired: &Desired, observed: &Observed) {
    let (Some(broker), Some(cluster)) = (&desired.role.broker, &observed.cluster) else { return };
    peers(plan, broker, cluster);
    if let Some(state) = cluster.own.in_cluster() {
        own(&broker.node, state, |code, about, message, help| add(plan, code, about, message, help));
    }
}

fn add(plan: &mut Plan, code: FindingCode, about: &str, message: String, help: &str) {
    plan.findings.push(Finding { code, about: about.to_owned(), message, help: help.to_owned() });
}

/// Tells of the other members. Where none of them answers, it is this host that is cut off, as far as it can know: then
/// it says nothing of theirs.
fn peers(plan: &mut Plan, broker: &BrokerNode, cluster: &Cluster) {
    let others: Vec<&MemberNode> = broker.members.iter().filter(|member| member.node != broker.node).collect();
    let silent = |member: &&&MemberNode| cluster.reach.get(&member.node) == Some(&Probe::Seen(false));
    let count = others.iter().filter(silent).count();
    if count > 0 && count == others.len() {
        let message = match others.as_slice() {
            [other] => {
                format!("the only other member, `{}`, does not answer, and nothing on its host does", other.node)
            }
            _ => format!("none of the {count} other members answers, and nothing on their hosts does"),
        };
        let help = "this host is cut off from them, or all of them are down: look at its network first";
        return add(plan, FindingCode::CutOff, &broker.node, message, help);
    }
    for MemberNode { node, host, .. } in others {
        let down = cluster.own.in_cluster().and_then(|own| own.members.get(node)).is_some_and(|live| !live.running);
        match cluster.reach.get(node) {
            Some(Probe::Seen(false)) => {
                let message = format!("`{node}` does not answer, and nothing on its host {host} does");
                let help = format!("see whether {host} runs, and the network between it and this host");
                add(plan, FindingCode::PeerSilent, node, message, &help);
                continue;
            }
            Some(Probe::Failed(why)) => plan.unknown.push(Unknown::beside(&format!("node {node}"), PEER, why)),
            Some(Probe::Seen(true) | Probe::Absent) | None => {}
        }
        if down {
            let message = format!("`{node}` is a member of the cluster and does not run");
            let help = format!("see `systemctl status rabbitmq-server` and `rmqgit status` on {host}");
            add(plan, FindingCode::MemberDown, node, message, &help);
        }
    }
}

fn own(node: &str, state: &ClusterState, mut add: impl FnMut(FindingCode, &str, String, &str)) {
    if state.members.get(node).is_some_and(|live| live.maintenance) {
        let help = "when the work on it is done: rabbitmq-upgrade revive";
        let message = format!("`{node}` is in maintenance and serves no clients");
        add(FindingCode::InMaintenance, node, message, help);
    }
    for alarm in state.alarms.iter().filter(|alarm| alarm.ends_with(&format!(" on {node}"))) {
        let help = "publishers of the whole cluster are blocked until it is over; see `rabbitmq-diagnostics status`";
        add(FindingCode::Alarm, alarm, format!("an alarm is in force: {alarm}"), help);
    }
    if let Some(others) = state.partitions.get(node).filter(|others| !others.is_empty()) {
        let others: Vec<_> = others.iter().map(|other| format!("`{other}`")).collect();
        let help = "see `rabbitmqctl cluster_status`, and RabbitMQ's guide to partitions before anything is restarted";
        add(FindingCode::Partition, node, format!("`{node}` has been cut off from {}", others.join(", ")), help);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::live::{Broker, Door, Member};
    use crate::release::NodeKind;

    #[test]
    fn each_ailment_is_told_by_the_node_that_has_it() {
        let role = serde_json::from_value(serde_json::json!({
            "broker": {"node": "rabbit@a", "version": "3.10.8", "amqp_port": 5672, "members": [
                {"node": "rabbit@a", "host": "a"}, {"node": "rabbit@b", "host": "b"}, {"node": "rabbit@c", "host": "c"}]}
        }));
        let desired = Desired { role: role.expect("a role"), ..Desired::default() };
        let look = |state: ClusterState, reach: BTreeMap<String, Probe<bool>>| {
            let own = Broker {
                node: "rabbit@a".to_owned(),
                door: Door::CommandLine,
                detour: None,
                version: Probe::Absent,
                erlang: Probe::Absent,
                cluster: Probe::Seen(state),
                definitions: Probe::Absent,
                queues: Probe::Absent,
                applications: Probe::Absent,
                limits: Probe::Absent,
            };
            let (peers, stopped) = (BTreeMap::new(), BTreeSet::new());
            let cluster = Cluster { own, runs: Probe::Seen(true), peers, stopped, reach };
            let at = "2026-01-02T03:00:00Z".parse().expect("a time");
            let mut plan = Plan::default();
            compare(&mut plan, &desired, &Observed { cluster: Some(cluster), ..Observed::empty(at) });
            plan.findings.iter().map(|finding| (finding.code, finding.message.clone())).collect::<Vec<_>>()
        };
        let found = |change: fn(&mut ClusterState)| {
            let live = |running| Member { kind: NodeKind::Disc, running, maintenance: false };
            let mut state = ClusterState {
                members: ["a", "b", "c"].map(|name| (format!("rabbit@{name}"), live(true))).into(),
                ..ClusterState::default()
            };
            change(&mut state);
            look(state, BTreeMap::new())
        };
        assert_eq!(found(|_| {}), []);
        let down = found(|state| state.members.get_mut("rabbit@b").expect("b").running = false);
        let message = "`rabbit@b` is a member of the cluster and does not run".to_owned();
        assert_eq!(down, [(FindingCode::MemberDown, message)]);
        let alarms = found(|state| {
            state.alarms = ["memory on rabbit@a", "disk on rabbit@b", "disk on rabbit@aa"].map(str::to_owned).into();
        });
        assert_eq!(alarms, [(FindingCode::Alarm, "an alarm is in force: memory on rabbit@a".to_owned())]);
        let drained = found(|state| {
            for member in state.members.values_mut() {
                member.maintenance = true;
            }
        });
        let message = "`rabbit@a` is in maintenance and serves no clients".to_owned();
        assert_eq!(drained, [(FindingCode::InMaintenance, message)]);
        let peer = |answers: &[(&str, bool)], down: &[&str]| {
            let mut state = ClusterState::default();
            for name in ["a", "b", "c"] {
                let running = !down.contains(&name);
                let member = Member { kind: NodeKind::Disc, running, maintenance: false };
                state.members.insert(format!("rabbit@{name}"), member);
            }
            let reach = answers.iter().map(|(name, answers)| (format!("rabbit@{name}"), Probe::Seen(*answers)));
            look(state, reach.collect()).into_iter().map(|(code, _)| code).collect::<Vec<_>>()
        };
        assert_eq!(peer(&[("b", true)], &["b"]), [FindingCode::MemberDown], "its host answers");
        assert_eq!(peer(&[("b", false)], &["b"]), [FindingCode::PeerSilent]);
        let two = [("b", false), ("c", true)];
        assert_eq!(peer(&two, &["b", "c"]), [FindingCode::PeerSilent, FindingCode::MemberDown]);
        let all = [("b", false), ("c", false)];
        assert_eq!(peer(&all, &["b", "c"]), [FindingCode::CutOff], "it is this host that nobody answers");
        let cut = found(|state| {
            let pair = |from: &str, to: &str| (from.to_owned(), BTreeSet::from([to.to_owned()]));
            state.partitions = [pair("rabbit@a", "rabbit@b"), pair("rabbit@b", "rabbit@a")].into();
        });
        assert_eq!(cut, [(FindingCode::Partition, "`rabbit@a` has been cut off from `rabbit@b`".to_owned())]);
    }
}
