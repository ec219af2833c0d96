//! This host's node among the others.

use std::collections::{BTreeMap, BTreeSet};

use super::{Broker, ClusterState, Object, ObjectId, ObjectType, Probe};

/// What this host's node and its peers say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// What this host's node says.
    pub own: Broker,
    /// Whether RabbitMQ runs in this host's node; otherwise nothing is known but that Erlang does.
    pub runs: Probe<bool>,
    /// What other members say. They are asked only while this host's node is alone or stopped.
    pub peers: BTreeMap<String, Broker>,
    /// The peers whose Erlang runs without RabbitMQ: they may hold anything.
    pub stopped: BTreeSet<String>,
    /// Whether anything answers on the hosts of the members that this host's node does not see running.
    pub reach: BTreeMap<String, Probe<bool>>,
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

    /// Whether the node is as a package starts it: alone, without a queue, and with no object but those that RabbitMQ makes
    /// by itself. Nobody misses anything when it forgets what it has.
    pub fn is_fresh(&self) -> bool {
        self.is_alone() && self.holds_nothing() == Some(true)
    }

    /// Whether the node holds nothing that somebody made. `None` where that is not known.
    pub fn holds_nothing(&self) -> Option<bool> {
        let made = |(id, _): (&ObjectId, &Object)| match id.r#type {
            ObjectType::Vhost => id.name != "/",
            ObjectType::User | ObjectType::Permission => id.name != "guest",
            ObjectType::GlobalParameter => false,
            _ => true,
        };
        let objects = self.definitions.seen()?;
        Some(self.is_blank()? && !objects.0.iter().any(made))
    }
}

impl ClusterState {
    /// Whether a node is a member that runs.
    pub fn has_running(&self, node: &str) -> bool {
        self.members.get(node).is_some_and(|member| member.running)
    }
}
