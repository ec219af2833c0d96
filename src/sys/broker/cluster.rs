//! Tells this machine's node how to come into its cluster and out of it.
//!
//! Each of these disturbs the broker: nobody but a plan's step calls them. All of them go through the command line.

use std::time::Duration;

use crate::release::NodeKind;

use super::cli;
use super::{Access, BrokerError};

/// Stops the broker in the Erlang machine, which stays.
pub fn stop_app(access: &Access, deadline: Duration) -> Result<(), BrokerError> {
    tell(access, &["stop_app"], deadline)
}

/// Starts the broker in its Erlang machine.
pub fn start_app(access: &Access, deadline: Duration) -> Result<(), BrokerError> {
    tell(access, &["start_app"], deadline)
}

/// Takes the stopped node out of its cluster and forgets all that it holds.
pub fn reset(access: &Access, deadline: Duration) -> Result<(), BrokerError> {
    tell(access, &["reset"], deadline)
}

/// Lets the stopped node join the cluster of another one; what it held is forgotten.
pub fn join_cluster(access: &Access, seed: &str, kind: NodeKind, deadline: Duration) -> Result<(), BrokerError> {
    match kind {
        // 4.3 knows no `--disc` any more.
        NodeKind::Disc => tell(access, &["join_cluster", seed], deadline),
        NodeKind::Ram => tell(access, &["join_cluster", "--ram", seed], deadline),
    }
}

/// Lets the cluster of this machine's node forget a node that does not run.
pub fn forget(access: &Access, node: &str, deadline: Duration) -> Result<(), BrokerError> {
    tell(access, &["forget_cluster_node", node], deadline)
}

/// Changes where the stopped node keeps the schema.
pub fn change_node_type(access: &Access, kind: NodeKind, deadline: Duration) -> Result<(), BrokerError> {
    tell(access, &["change_cluster_node_type", kind.as_str()], deadline)
}

/// Takes a member out of the quorum queues that it has a replica of.
pub fn shrink(access: &Access, node: &str, deadline: Duration) -> Result<(), BrokerError> {
    cli::run(access, &access.node, "rabbitmq-queues", &["shrink", node], deadline).map(|_| ())
}

/// Lets the running node take the cookie in a file. The file's path stands in the expression, the cookie nowhere.
pub fn set_cookie(access: &Access, file: &str) -> Result<(), BrokerError> {
    let path = serde_json::Value::from(file);
    let expression = format!(
        "{{ok, Bytes}} = file:read_file({path}), erlang:set_cookie(node(), binary_to_atom(string:trim(Bytes), utf8))."
    );
    tell(access, &["eval", &expression], access.deadline)
}

fn tell(access: &Access, args: &[&str], deadline: Duration) -> Result<(), BrokerError> {
    cli::run(access, &access.node, "rabbitmqctl", args, deadline).map(|_| ())
}
