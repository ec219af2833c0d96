//! This host's node among the others.

use std::collections::{BTreeMap, BTreeSet};

use super::{Broker, ClusterState, Probe};

/// What this host's node and its peers say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// What this host's node says.
    pub own: Broker,
    /// Whether RabbitMQ runs in this host's node; otherwise nothing is known but that Erlang does.
    pub runs: Probe<bool>,
    /// What other members say. They are asked only while this host's node is alone.
    pub peers: BTreeMap<String, Broker>,
    /// The peers whose Erlang runs without RabbitMQ: they may hold anything.
    pub stopped: BTreeSet<String>,
}

impl Broker {
    /// Returns the cluster that the node is in, of a node that is alone its own.
    pub fn in_cluster(&self) -> Option<&ClusterState> {
        self.cluster.seen()
    }

    /// Whether the node is in no cluster but its own.
    pub fn is_alone(&self) -> bool {
        self.in_cluster().is_some_and(|cluster| cluster.members.len() == 1)
    }

    /// Whether the node is alone and has no queue, so that nobody misses anything when it forgets what it has.
    pub fn is_fresh(&self) -> bool {
        self.is_alone() && self.is_blank() == Some(true)
    }
}

impl ClusterState {
    /// Whether a node is a member that runs.
    pub fn has_running(&self, node: &str) -> bool {
        self.members.get(node).is_some_and(|member| member.running)
    }
}
