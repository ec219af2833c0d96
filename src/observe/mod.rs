//! Looks at the live host.
//!
//! Input: a root and what to look at. Output: [`Observed`]. Must not: change anything, or fail as a whole: each look
//! has its own answer. The broker is not looked at yet; the report says so.

mod cluster;

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::facts::platform::RABBITMQ_UNIT as BROKER;
use crate::live::{FileState, Kind, Observed, Probe};
use crate::name::{HostPath, UnitName};
use crate::release::{BrokerNode, Owner};
use crate::sys::accounts::{self, Accounts};
use crate::sys::broker::Access;
use crate::sys::files::{Entry, EntryKind, Root};
use crate::sys::units;

/// What to look at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Targets {
    /// The files.
    pub files: BTreeSet<HostPath>,
    /// The owners to look up.
    pub owners: BTreeSet<Owner>,
    /// The units.
    pub units: BTreeSet<UnitName>,
    /// This host's RabbitMQ node.
    pub broker: Option<BrokerNode>,
}

/// Looks at the files and units of a host.
pub fn observe(root: &Root, targets: &Targets, at: Timestamp) -> Observed {
    let accounts = accounts::load(root);
    let look = |path: &HostPath| (path.clone(), file(root, &accounts, path));
    let mut observed = Observed {
        place: root.place(),
        files: targets.files.iter().map(look).collect(),
        leftovers: targets.files.iter().filter(|path| root.has_leftover(path)).cloned().collect(),
        accounts: targets.owners.iter().map(|owner| (owner.clone(), accounts.resolve(owner))).collect(),
        user: accounts::own_user(),
        ..Observed::empty(at)
    };
    observe_units(&mut observed, &targets.units);
    observe_cluster(&mut observed, targets.broker.as_ref());
    observed
}

/// Asks systemd for units. A sandbox has none.
pub fn observe_units(observed: &mut Observed, wanted: &BTreeSet<UnitName>) {
    if observed.place == crate::live::Place::Machine {
        observed.units.extend(units::probe(wanted));
    }
}

/// Asks this host's node, if its unit runs.
fn observe_cluster(observed: &mut Observed, broker: Option<&BrokerNode>) {
    let runs =
        |unit: &UnitName| unit.as_str() == BROKER && observed.units[unit].seen().is_some_and(|state| state.active);
    if let Some(broker) = broker.filter(|_| observed.units.keys().any(runs)) {
        observed.cluster = Some(cluster::look(&Access::of_machine(&broker.node), broker));
    }
}

fn file(root: &Root, accounts: &Accounts, path: &HostPath) -> Probe<FileState> {
    let Entry { kind, mode, account, modified, stamp } = match root.probe(path) {
        Probe::Seen(entry) => entry,
        Probe::Absent => return Probe::Absent,
        Probe::Failed(why) => return Probe::Failed(why),
    };
    let kind = match kind {
        EntryKind::Regular(Some(bytes)) => Kind::Regular(bytes),
        EntryKind::Regular(None) => Kind::Huge(stamp.size),
        EntryKind::Symlink(target) => Kind::Symlink(target),
        EntryKind::Directory => Kind::Directory,
        EntryKind::Other => Kind::Other,
    };
    Probe::Seen(FileState { kind, mode, account, owner: accounts.name(account), modified, stamp })
}
