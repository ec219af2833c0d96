//! Holds back what is a transition and not granted: a new Erlang cookie or node name for a node that holds something,
//! another set of virtual addresses.

use std::collections::BTreeSet;

use crate::live::{Observed, Place};
use crate::release::{OnChange, Role};

use super::base::Base;
use super::cluster;
use super::desired::Desired;
use super::{Cause, Change, Class, Difference, Held, HeldCode, Plan};

/// The grant by which running nodes take another Erlang cookie.
const GRANT_COOKIE: &str = "rotate-cookie";
/// The grant by which virtual addresses come or go.
const GRANT_ADDRESSES: &str = "virtual-addresses";
/// The unit whose files name the virtual addresses.
const KEEPALIVED: &str = "keepalived.service";

/// Holds the changes of files that are part of a transition without a grant.
pub(super) fn hold(plan: &mut Plan, base: &Base, desired: &Desired, observed: &Observed) {
    if observed.place == Place::Sandbox {
        return;
    }
    let granted = |name: &str| desired.grants.iter().any(|grant| grant == name);
    let addresses = addresses_of(&desired.role);
    for change in plan.changes.iter_mut().filter(|change| change.held.is_none()) {
        let Some(path) = change.subject.path().cloned() else { continue };
        let on_change = desired.files.get(&path).map(|wanted| &wanted.on_change);
        let held = if is_cookie(change) && binds(change, observed) {
            (!granted(GRANT_COOKIE)).then(|| {
                let why = "a node that holds something would take another Erlang cookie, and no member that has the old \
                           one could talk to it";
                not_granted(why, GRANT_COOKIE)
            })
        } else if path.file_name() == "rabbitmq-env.conf" && change.cause != Cause::Drift && renames(desired, observed)
        {
            Some(Held {
                code: HeldCode::NotGranted,
                why: "a node runs that does not answer by the name of the release; under another name RabbitMQ would \
                      start without its data"
                    .to_owned(),
                help: "see `rabbitmqctl status` on this host, and give the node its name in the spec".to_owned(),
            })
        } else if on_change.is_some_and(is_keepalived) && !base.addresses.is_empty() && base.addresses != addresses {
            (!granted(GRANT_ADDRESSES)).then(|| {
                let (old, new) = (join(&base.addresses), join(&addresses));
                not_granted(&format!("the virtual addresses would change from {old} to {new}"), GRANT_ADDRESSES)
            })
        } else {
            None
        };
        if held.is_none() && is_cookie(change) && binds(change, observed) {
            change.class = Class::Live;
        }
        if held.is_some() {
            plan.candidates.remove(&path);
            change.held = held;
        }
    }
}

/// Whether a change of the cookie's file is to be made known to the running node.
pub(super) fn is_rotation(change: &Change, observed: &Observed) -> bool {
    change.held.is_none() && is_cookie(change) && binds(change, observed)
}

/// Returns the virtual addresses of a role, without interfaces.
pub(super) fn addresses_of(role: &Role) -> BTreeSet<String> {
    role.addresses.iter().map(|address| address.address.to_string()).collect()
}

fn is_cookie(change: &Change) -> bool {
    let content = change.differs.iter().any(|differs| matches!(differs, Difference::Content { .. }));
    content && change.subject.path().is_some_and(|path| path.file_name() == ".erlang.cookie")
}

/// Whether a node runs with another cookie than the file would get. Drift is repaired: the node still has its own.
fn binds(change: &Change, observed: &Observed) -> bool {
    change.cause != Cause::Drift && runs(observed) && !cluster::is_fresh(observed)
}

/// Whether a node runs that does not answer by the name of the release: it may have another one.
fn renames(desired: &Desired, observed: &Observed) -> bool {
    desired.role.broker.is_some() && runs(observed) && observed.cluster.is_some() && cluster::own(observed).is_none()
}

fn runs(observed: &Observed) -> bool {
    let broker = observed.units.iter().find(|(unit, _)| unit.as_str() == super::steps::BROKER);
    broker.and_then(|(_, probe)| probe.seen()).is_some_and(|state| state.active)
}

fn is_keepalived(on_change: &OnChange) -> bool {
    matches!(on_change, OnChange::Reload(unit) if unit.as_str() == KEEPALIVED)
}

fn not_granted(why: &str, grant: &str) -> Held {
    Held {
        code: HeldCode::NotGranted,
        why: format!("it is a transition that the release does not grant: {why}"),
        help: format!("if this is meant, add `{grant}` to `grants` in the spec"),
    }
}

fn join(addresses: &BTreeSet<String>) -> String {
    if addresses.is_empty() {
        return "none".to_owned();
    }
    addresses.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_a_set() {
        let role: Role = serde_json::from_value(serde_json::json!({
            "addresses": [
                { "address": "10.0.0.9/24", "interface": "eth0" },
                { "address": "10.0.0.8/24", "interface": "eth1" },
            ]
        }))
        .expect("it is a role");
        assert_eq!(join(&addresses_of(&role)), "10.0.0.8/24, 10.0.0.9/24");
        assert_eq!(join(&BTreeSet::new()), "none");
    }
}
