//! A RabbitMQ node and its cluster as they are now.

use std::collections::{BTreeMap, BTreeSet};

use crate::release::NodeKind;

use super::{Bytes, LiveDefinitions, Probe};

/// What one node says of itself and of its cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// The node that was asked, such as `rabbit@rabbit1`.
    pub node: String,
    /// The way by which it was asked.
    pub door: Door,
    /// Why it was not asked by the management API, where there is one.
    pub detour: Option<String>,
    /// Its version of RabbitMQ.
    pub version: Probe<String>,
    /// Its version of Erlang/OTP.
    pub erlang: Probe<String>,
    /// Its cluster.
    pub cluster: Probe<ClusterState>,
    /// What it holds.
    pub definitions: Probe<LiveDefinitions>,
    /// Its queues.
    pub queues: Probe<Queues>,
    /// The Erlang applications that run in it: a plugin that is enabled and works is one of them.
    pub applications: Probe<BTreeSet<String>>,
    /// By what it runs, whatever its files say: what `rabbitmqctl` can change until the next start.
    pub limits: Probe<BTreeMap<String, String>>,
}

/// A way to ask and tell a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Door {
    /// The HTTP API of the management plugin.
    ManagementApi,
    /// `rabbitmqctl`.
    CommandLine,
}

/// What opens the management API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The port on the loopback address.
    pub port: u16,
    /// A user with the tag `administrator`.
    pub user: String,
    /// Its password.
    pub password: Bytes,
}

/// A cluster as one node sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClusterState {
    /// Its name.
    pub name: String,
    /// Its nodes, by name.
    pub members: BTreeMap<String, Member>,
    /// From which nodes a node has been cut off; nodes that see no partition are left out.
    pub partitions: BTreeMap<String, BTreeSet<String>>,
    /// The alarms in force, such as `memory on rabbit@rabbit1`.
    pub alarms: BTreeSet<String>,
}

/// A node of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Where it keeps the schema.
    pub kind: NodeKind,
    /// Whether it runs.
    pub running: bool,
    /// Whether it is in maintenance, so that it serves nobody.
    pub maintenance: bool,
}

impl ClusterState {
    /// Returns the nodes that run.
    pub fn running(&self) -> impl Iterator<Item = &str> {
        self.members.iter().filter(|(_, member)| member.running).map(|(node, _)| node.as_str())
    }
}

/// The queues and streams of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Queues(pub BTreeMap<QueueName, Queue>);

/// Names a queue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueueName {
    /// Its vhost.
    pub vhost: String,
    /// Its name.
    pub name: String,
}

/// A queue or a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its type, such as `classic`, `quorum` or `stream`.
    pub kind: String,
    /// The policy in force.
    pub policy: Option<String>,
    /// The operator policy in force.
    pub operator_policy: Option<String>,
}

impl Broker {
    /// Whether the node has no queue in any vhost, so that nothing is lost with it. `None` where that is not known.
    pub fn is_blank(&self) -> Option<bool> {
        self.queues.seen().map(|queues| queues.0.is_empty())
    }
}
