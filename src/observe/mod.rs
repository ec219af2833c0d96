//! Looks at the live host.
//!
//! Input: a root and what to look at. Output: [`Observed`]. Must not: change anything, or fail as a whole: each look
//! has its own answer.

mod cluster;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::thread;

use jiff::Timestamp;

use crate::facts::platform::RABBITMQ_UNIT;
use crate::live::{Cluster, FileState, Holders, Kind, Login, Observed, Place, Probe, UnitState};
use crate::name::{HostPath, UnitName};
use crate::release::{BrokerNode, Owner, VirtualAddress};
use crate::sys::accounts::{self, Accounts};
use crate::sys::addresses;
use crate::sys::broker::Access;
use crate::sys::files::{Entry, EntryKind, Root};
use crate::sys::program;
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
    /// What opens the management API of that node.
    pub login: Option<Login>,
    /// The virtual addresses.
    pub addresses: Vec<VirtualAddress>,
    /// The units whose programs are asked for their versions.
    pub versions: BTreeSet<UnitName>,
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
    // The network takes a second to answer, and the broker about as long: both are asked at once.
    let (cluster, addresses, versions) = thread::scope(|scope| {
        let versions = scope.spawn(|| observe_versions(observed.place, &targets.versions));
        let addresses = scope.spawn(|| observe_addresses(observed.place, &targets.addresses));
        let cluster = observe_cluster(&observed, targets);
        (cluster, addresses.join().unwrap_or_default(), versions.join().unwrap_or_default())
    });
    (observed.cluster, observed.addresses, observed.versions) = (cluster, addresses, versions);
    observed
}

/// Asks systemd for units. A sandbox has none.
pub fn observe_units(observed: &mut Observed, wanted: &BTreeSet<UnitName>) {
    if observed.place == Place::Machine {
        observed.units.extend(units::probe(wanted));
    }
}

/// Asks this host's node, if its unit runs.
fn observe_cluster(observed: &Observed, targets: &Targets) -> Option<Cluster> {
    let runs = |(unit, probe): (&UnitName, &Probe<UnitState>)| {
        unit.as_str() == RABBITMQ_UNIT && probe.seen().is_some_and(|state| state.active)
    };
    let broker = targets.broker.as_ref().filter(|_| observed.units.iter().any(runs))?;
    let access = Access { api: targets.login.clone(), ..Access::of_machine(&broker.node) };
    Some(cluster::look(&access, broker))
}

/// Asks programs for their versions.
fn observe_versions(place: Place, wanted: &BTreeSet<UnitName>) -> BTreeMap<UnitName, Probe<String>> {
    let units = wanted.iter().filter(|_| place == Place::Machine);
    units.map(|unit| (unit.clone(), program::version(unit))).collect()
}

/// Asks who holds the virtual addresses.
fn observe_addresses(place: Place, wanted: &[VirtualAddress]) -> BTreeMap<IpAddr, Probe<Holders>> {
    if place == Place::Sandbox || wanted.is_empty() {
        return BTreeMap::new();
    }
    let own = addresses::own();
    let holders = |one: &VirtualAddress| (one.ip(), addresses::holders(&own, one.ip(), &one.interface));
    wanted.iter().map(holders).collect()
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
