//! What a cluster suffers from that no run repairs: alarms, partitions, nodes that do not run or serve nobody.

use crate::live::{ClusterState, Observed};

use super::desired::Desired;
use super::{Finding, FindingCode, Plan};

/// Adds a finding for each member that does not run, and for what ails this host's own node.
pub(super) fn compare(plan: &mut Plan, desired: &Desired, observed: &Observed) {
    let Some(broker) = &desired.role.broker else { return };
    let Some(state) = observed.cluster.as_ref().and_then(|cluster| cluster.own.cluster.seen()) else { return };
    let mut add = |code, about: &str, message: String, help: &str| {
        plan.findings.push(Finding { code, about: about.to_owned(), message, help: help.to_owned() });
    };
    for member in &broker.members {
        if state.members.get(&member.node).is_some_and(|live| !live.running) {
            let message = format!("`{}` is a member of the cluster and does not run", member.node);
            let help = format!("see `systemctl status rabbitmq-server` and `rmqgit status` on {}", member.host);
            add(FindingCode::MemberDown, &member.node, message, &help);
        }
    }
    own(&broker.node, state, add);
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
    use crate::live::{Broker, Cluster, Door, Member, Probe};
    use crate::release::NodeKind;

    #[test]
    fn each_ailment_is_told_by_the_node_that_has_it() {
        let role = serde_json::from_value(serde_json::json!({
            "broker": {"node": "rabbit@a", "version": "3.10.8", "amqp_port": 5672, "members": [
                {"node": "rabbit@a", "host": "a"}, {"node": "rabbit@b", "host": "b"}, {"node": "rabbit@c", "host": "c"}]}
        }));
        let desired = Desired { role: role.expect("a role"), ..Desired::default() };
        let found = |change: fn(&mut ClusterState)| {
            let live = |running| Member { kind: NodeKind::Disc, running, maintenance: false };
            let mut state = ClusterState {
                members: ["a", "b", "c"].map(|name| (format!("rabbit@{name}"), live(true))).into(),
                ..ClusterState::default()
            };
            change(&mut state);
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
            let cluster = Cluster { own, runs: Probe::Seen(true), peers: BTreeMap::new(), stopped: BTreeSet::new() };
            let at = "2026-01-02T03:00:00Z".parse().expect("a time");
            let mut plan = Plan::default();
            compare(&mut plan, &desired, &Observed { cluster: Some(cluster), ..Observed::empty(at) });
            plan.findings.iter().map(|finding| (finding.code, finding.message.clone())).collect::<Vec<_>>()
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
        let cut = found(|state| {
            let pair = |from: &str, to: &str| (from.to_owned(), BTreeSet::from([to.to_owned()]));
            state.partitions = [pair("rabbit@a", "rabbit@b"), pair("rabbit@b", "rabbit@a")].into();
        });
        assert_eq!(cut, [(FindingCode::Partition, "`rabbit@a` has been cut off from `rabbit@b`".to_owned())]);
    }
}
