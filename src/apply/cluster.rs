//! Lets this host's node join, leave and change in its cluster.

use std::time::Duration;

use crate::plan::StepResult;
use crate::release::NodeKind;
use crate::sys::broker::{self, Access};
use crate::sys::clock;

/// How long a node may take to stop, to forget, or to copy the tables of a cluster.
const DEADLINE: Duration = Duration::from_secs(180);
/// How often joining is tried: two nodes that join at the same moment may be in each other's way.
const TRIES: u32 = 3;
/// How long to wait between two tries.
const PAUSE: Duration = Duration::from_secs(3);

/// Starts RabbitMQ in an Erlang that runs without it.
pub(super) fn start_app(node: &str) -> StepResult {
    super::result(broker::start_app(&Access::of_machine(node), DEADLINE))
}

/// Stops this host's node, lets it forget everything and join a cluster, and starts it. Whatever fails, it is started.
pub(super) fn join(node: &str, with: &str, kind: NodeKind, forget: bool) -> StepResult {
    let (own, other) = (Access::of_machine(node), Access::of_machine(with));
    let steps = || {
        broker::stop_app(&own, DEADLINE)?;
        if forget {
            broker::forget(&other, node, DEADLINE)?;
        }
        broker::reset(&own, DEADLINE)?;
        let mut joined = broker::join_cluster(&own, with, kind, DEADLINE);
        for _ in 1..TRIES {
            if joined.is_ok() {
                break;
            }
            clock::sleep(PAUSE);
            joined = broker::join_cluster(&own, with, kind, DEADLINE);
        }
        joined
    };
    let joined = super::result(steps());
    let started = super::result(broker::start_app(&own, DEADLINE));
    if joined == StepResult::Done { started } else { joined }
}

/// Takes a node out of the quorum queues and lets the cluster forget it.
pub(super) fn forget(node: &str, at: &str) -> StepResult {
    let own = Access::of_machine(at);
    // Without a quorum queue it has nothing to do, and a version without quorum queues has no such verb: forgetting tells.
    let _ = broker::shrink(&own, node, DEADLINE);
    super::result(broker::forget(&own, node, DEADLINE))
}

/// Stops RabbitMQ, changes the type of this host's node, and starts RabbitMQ.
pub(super) fn change_type(node: &str, kind: NodeKind) -> StepResult {
    let own = Access::of_machine(node);
    let change = || {
        broker::stop_app(&own, DEADLINE)?;
        broker::change_node_type(&own, kind, DEADLINE)
    };
    let changed = super::result(change());
    let started = super::result(broker::start_app(&own, DEADLINE));
    if changed == StepResult::Done { started } else { changed }
}
