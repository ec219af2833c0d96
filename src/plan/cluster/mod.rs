//! The RabbitMQ cluster: who is in it, and how this host's node comes into it.
//!
//! A node that is alone, as a package starts it, is blank: nobody misses anything when it forgets what it has. Blank nodes form one
//! cluster around the first member of the release; whoever comes later, or comes back blank, joins the cluster that is
//! there. A node that holds something never forgets it without a grant.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::live::{Broker, Cluster, ClusterState, Observed, Place, Probe};
use crate::release::{BrokerNode, MemberNode, NodeKind};

use super::base::Base;
use super::desired::Desired;
use super::{Action, Cause, Change, Class, Difference, Held, HeldCode, Plan, Planned, Step, Subject, Unknown};

/// The grant by which a node that the release no longer names leaves the cluster.
pub(super) const GRANT_FORGET: &str = "forget-node";
/// The grant by which a node that holds queues of its own gives them up and joins.
pub(super) const GRANT_RESET: &str = "reset-node";
/// The grant by which a node becomes a disc or a RAM node.
pub(super) const GRANT_TYPE: &str = "change-node-type";

/// How long a join that was begun is completed without being decided anew.
const JOINING: SignedDuration = SignedDuration::from_hours(1);

/// Whether this host's node is fresh: alone and without anything of its own, so that nobody misses it while it starts again.
pub(super) fn is_fresh(observed: &Observed) -> bool {
    observed.cluster.as_ref().is_some_and(|cluster| cluster.own.is_fresh())
}

/// Returns the cluster that this host's node is in.
pub(super) fn own(observed: &Observed) -> Option<&ClusterState> {
    observed.cluster.as_ref().and_then(|cluster| cluster.own.in_cluster())
}

/// Adds what differs about the cluster, and the steps that this host takes for it.
pub(super) fn compare(plan: &mut Plan, base: &Base, desired: &Desired, observed: &Observed) {
    let (Some(broker), Some(cluster)) = (&desired.role.broker, &observed.cluster) else { return };
    if observed.place == Place::Sandbox {
        return;
    }
    let task = Task { broker, cluster, base, desired, at: observed.at };
    match (&cluster.own.cluster, &cluster.runs) {
        (Probe::Seen(_), _) if cluster.own.is_alone() && broker.members.len() > 1 => task.alone(plan),
        (Probe::Seen(own), _) => task.member(plan, own),
        (_, Probe::Seen(false)) => task.start(plan),
        (Probe::Failed(why), _) => plan.unknown.push(Unknown {
            subject: format!("node {}: its cluster", broker.node),
            why: why.clone(),
            help: None,
            blocks: true,
        }),
        (Probe::Absent, _) => {}
    }
}

struct Task<'a> {
    broker: &'a BrokerNode,
    cluster: &'a Cluster,
    base: &'a Base,
    desired: &'a Desired,
    at: Timestamp,
}

/// What a node that is alone can do.
enum Way<'a> {
    /// It joins the cluster of another node, which may have to forget it first.
    Join { with: &'a Broker },
    /// It is the one that the others join.
    Seed,
    /// It waits, for this reason.
    Wait(String),
}

impl Task<'_> {
    /// Starts RabbitMQ where its Erlang runs without it. A node that has lost the majority has stopped itself for that
    /// (`pause_minority`), and starts again by itself: nobody else may do it then.
    fn start(&self, plan: &mut Plan) {
        let live = "RabbitMQ is stopped, Erlang runs";
        let answers = |peer: &Broker| peer.in_cluster().is_some() || self.cluster.stopped.contains(&peer.node);
        let there = 1 + self.cluster.peers.values().filter(|peer| answers(peer)).count();
        let forgot =
            self.broker.members.iter().filter_map(|member| self.cluster.peers.get(&member.node)).find(|peer| {
                let cluster = peer.in_cluster();
                cluster.is_some_and(|cluster| {
                    cluster.members.len() > 1 && !cluster.members.contains_key(&self.broker.node)
                })
            });
        if let Some(with) = forgot {
            return self.forgotten(plan, with);
        }
        let held = if there < self.broker.majority() {
            let all = self.broker.members.len();
            Some(waits(format!("only {there} of {all} members answer, and a minority does not start by itself")))
        } else {
            plan.steps.push(Planned { step: Step::StartApp { node: self.broker.node.clone() }, skip: None });
            None
        };
        plan.changes.push(self.change(&self.broker.node, Action::Start, live, "running", held));
    }

    /// A node that the cluster has forgotten does not start any more with what it holds: it comes back without. That is
    /// decided already where a run was killed that let it join.
    fn forgotten(&self, plan: &mut Plan, with: &Broker) {
        let node = &self.broker.node;
        let began = self.base.joining.is_some_and(|began| self.at.duration_since(began).abs() < JOINING);
        let held = if began || self.is_granted(GRANT_RESET, node) {
            let member = self.broker.own().map_or(NodeKind::Disc, |own| own.kind);
            let step = Step::Join { node: node.clone(), with: with.node.clone(), member, forget: false };
            plan.steps.push(Planned { step, skip: None });
            None
        } else {
            Some(Self::not_granted(
                GRANT_RESET,
                node,
                "the cluster has forgotten it, and it comes back only without what it holds",
            ))
        };
        plan.changes.push(self.change(node, Action::Join, "forgotten by the cluster", "in the cluster", held));
    }

    /// Decides what this host's node does while it is in no cluster.
    fn alone(&self, plan: &mut Plan) {
        let own = &self.cluster.own;
        let live = if own.is_fresh() { "alone and blank" } else { "alone" };
        let held = match self.way() {
            Way::Seed => return self.seed(plan),
            Way::Wait(why) => Some(waits(why)),
            Way::Join { with } => match own.holds_nothing() {
                Some(false) if !self.is_granted(GRANT_RESET, &own.node) => Some(Self::not_granted(
                    GRANT_RESET,
                    &own.node,
                    "it would lose its queues, users and whatever else it holds",
                )),
                None => Some(waits("whether it holds something is not known".to_owned())),
                Some(_) => {
                    let member = self.broker.own().map_or(NodeKind::Disc, |own| own.kind);
                    let forget = with.in_cluster().is_some_and(|cluster| cluster.members.contains_key(&own.node));
                    let step = Step::Join { node: own.node.clone(), with: with.node.clone(), member, forget };
                    plan.steps.push(Planned { step, skip: None });
                    None
                }
            },
        };
        plan.changes.push(self.change(&own.node, Action::Join, live, "in the cluster", held));
    }

    /// Finds the cluster that a node which is alone belongs to.
    fn way(&self) -> Way<'_> {
        let own = &self.cluster.own;
        // The members' own order, so that everybody turns to the same one.
        let ordered = self.broker.members.iter().filter_map(|member| self.cluster.peers.get(&member.node));
        let peers: Vec<(&Broker, &ClusterState)> =
            ordered.filter_map(|peer| Some((peer, peer.in_cluster()?))).collect();
        let there: Vec<_> =
            peers.iter().filter(|(peer, _)| !peer.is_alone() || peer.holds_nothing() == Some(false)).collect();
        let clusters: BTreeSet<Vec<&String>> =
            there.iter().map(|(_, cluster)| cluster.members.keys().collect()).collect();
        if clusters.len() > 1 {
            return Way::Wait("the other members are not in one cluster".to_owned());
        }
        if let Some((with, _)) = there.first() {
            return Way::Join { with };
        }
        if let Some(stopped) = self.cluster.stopped.first() {
            return Way::Wait(format!("RabbitMQ is stopped on {stopped}, which may hold the cluster's data"));
        }
        let seed = self.broker.seed().map_or("", |member| member.node.as_str());
        if seed == own.node {
            return Way::Seed;
        }
        let blank = peers.iter().filter(|(peer, _)| peer.is_fresh()).count() + usize::from(own.is_fresh());
        let majority = self.broker.majority();
        match peers.iter().find(|(peer, _)| peer.node == seed) {
            Some((with, _)) if blank >= majority => Way::Join { with },
            Some(_) => Way::Wait(format!(
                "only {blank} of {} members are there and blank; it takes {majority} to form a cluster",
                self.broker.members.len()
            )),
            None => Way::Wait(format!("{seed} forms the cluster, and does not answer yet")),
        }
    }

    /// The first member does nothing but wait: the others come to it.
    fn seed(&self, plan: &mut Plan) {
        let others = self.broker.members.iter().filter(|member| member.node != self.broker.node);
        for member in others {
            let held = waits("it joins by a run on its own host".to_owned());
            plan.changes.push(self.change(
                &member.node,
                Action::Join,
                "not in the cluster",
                "in the cluster",
                Some(held),
            ));
        }
    }

    /// Compares the members of the cluster that this host's node is in.
    fn member(&self, plan: &mut Plan, own: &ClusterState) {
        for member in &self.broker.members {
            match own.members.get(&member.node) {
                None => {
                    let held = waits("it joins by a run on its own host".to_owned());
                    let live = "not in the cluster";
                    plan.changes.push(self.change(&member.node, Action::Join, live, "in the cluster", Some(held)));
                }
                Some(live) if live.kind != member.kind && member.node == self.broker.node => {
                    self.kind(plan, own, member, live.kind);
                }
                Some(_) => {}
            }
        }
        for node in own.members.keys().filter(|node| !self.broker.members.iter().any(|member| member.node == **node)) {
            self.foreign(plan, own, node);
        }
        if !own.partitions.is_empty() {
            let nodes: Vec<&str> = own.partitions.keys().map(String::as_str).collect();
            plan.unknown.push(Unknown {
                subject: "the cluster".to_owned(),
                why: format!("it is partitioned: {}", nodes.join(", ")),
                help: Some("see `rabbitmqctl cluster_status` on each of them".to_owned()),
                blocks: true,
            });
        }
    }

    fn kind(&self, plan: &mut Plan, own: &ClusterState, member: &MemberNode, live: NodeKind) {
        let all_run = own.members.values().all(|member| member.running);
        let held = if !self.is_granted(GRANT_TYPE, &member.node) {
            Some(Self::not_granted(GRANT_TYPE, &member.node, "RabbitMQ stops on it meanwhile"))
        } else if all_run {
            let step = Step::ChangeNodeType { node: member.node.clone(), member: member.kind };
            plan.steps.push(Planned { step, skip: None });
            None
        } else {
            Some(waits("not every member runs".to_owned()))
        };
        plan.changes.push(self.change(&member.node, Action::Restart, live.as_str(), member.kind.as_str(), held));
    }

    /// A node that the release does not name: the first running member lets the cluster forget it, if that is granted.
    fn foreign(&self, plan: &mut Plan, own: &ClusterState, node: &str) {
        let live = if own.has_running(node) { "a running member" } else { "a member that does not run" };
        let held = if !self.is_granted(GRANT_FORGET, node) {
            Some(Self::not_granted(GRANT_FORGET, node, "what only it holds is lost to the cluster"))
        } else if own.has_running(node) {
            Some(waits(format!("it still runs; stop it on its host: systemctl disable --now {}", super::steps::BROKER)))
        } else if self.leader(own).is_some_and(|leader| leader != self.broker.node) {
            Some(waits("the first running member does it".to_owned()))
        } else {
            let step = Step::ForgetNode { node: node.to_owned(), at: self.broker.node.clone() };
            plan.steps.push(Planned { step, skip: None });
            None
        };
        plan.changes.push(self.change(node, Action::Forget, live, "no member", held));
    }

    /// Returns the first member of the release that runs.
    fn leader(&self, own: &ClusterState) -> Option<&str> {
        let mut members = self.broker.members.iter().map(|member| member.node.as_str());
        members.find(|node| own.has_running(node))
    }

    fn is_granted(&self, transition: &str, node: &str) -> bool {
        self.desired.grants.iter().any(|grant| {
            grant.strip_prefix(transition).and_then(|rest| rest.strip_prefix(':')).is_some_and(|of| of == node)
        })
    }

    fn not_granted(transition: &str, node: &str, why: &str) -> Held {
        Held {
            code: HeldCode::NotGranted,
            why: format!("it is a transition that the release does not grant: {why}"),
            help: format!("if this is meant, add `{transition}:{node}` to `grants` in the spec"),
        }
    }

    fn change(&self, node: &str, action: Action, live: &str, wanted: &str, held: Option<Held>) -> Change {
        let known = self.base.members.contains(node);
        let drifted = known == (action != Action::Forget);
        Change {
            subject: Subject::Member { node: node.to_owned() },
            action,
            cause: if drifted && !self.base.members.is_empty() { Cause::Drift } else { Cause::Release },
            class: Class::Live,
            differs: vec![Difference::State { live: live.to_owned(), wanted: wanted.to_owned() }],
            diff: None,
            modified: None,
            since: None,
            held,
        }
    }
}

fn waits(why: String) -> Held {
    Held { code: HeldCode::Waits, why, help: "nothing to do: a later run goes on when it can".to_owned() }
}

#[cfg(test)]
mod tests;
