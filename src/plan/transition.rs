//! Holds back what is a transition and not granted: a new Erlang cookie, node name or data directory for a node that holds
//! something, another set of virtual addresses.

use std::collections::BTreeSet;
use std::fmt;

use crate::live::{Observed, Place, Probe};
use crate::release::{OnChange, Role};

use super::base::Base;
use super::cluster;
use super::data::moved_data;
use super::desired::Desired;
use super::{Action, Cause, Change, Class, Difference, Held, HeldCode, Plan};

/// The grant by which running nodes take another Erlang cookie.
const GRANT_COOKIE: &str = "rotate-cookie";
/// The grant by which virtual addresses come or go.
const GRANT_ADDRESSES: &str = "virtual-addresses";
/// The grant by which RabbitMQ keeps its data elsewhere.
const GRANT_DATA: &str = "data-directory";
/// The unit whose files name the virtual addresses.
const KEEPALIVED: &str = "keepalived.service";

/// Holds the changes of files that are part of a transition without a grant.
pub(super) fn hold(plan: &mut Plan, base: &Base, desired: &Desired, observed: &Observed) {
    if observed.place == Place::Sandbox {
        return;
    }
    let granted = |name: &str| desired.grants.iter().any(|grant| grant == name);
    let moves = Moves { old: ips(&base.addresses), new: ips(&addresses_of(&desired.role)) };
    for change in plan.changes.iter_mut().filter(|change| change.held.is_none()) {
        let Some(path) = change.subject.path().cloned() else { continue };
        let on_change = desired.files.get(&path).map(|wanted| &wanted.on_change);
        let on_change = on_change.or_else(|| base.files.get(&path).map(|gone| &gone.on_change));
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
        } else if let Some(moved) = moves_data(change, base, desired, observed) {
            (!granted(GRANT_DATA)).then(|| {
                let why = format!("{moved}, and a node that starts there starts without what it holds");
                let mut held = not_granted(&why, GRANT_DATA);
                held.help = format!("if this is meant, move the data while RabbitMQ is stopped, and {}", held.help);
                held
            })
        } else if on_change.is_some_and(|on_change| moves.concerns(change, on_change)) {
            (!granted(GRANT_ADDRESSES)).then(|| not_granted(&moves.to_string(), GRANT_ADDRESSES))
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

/// Says where a change moves RabbitMQ's data, if the node may hold some.
fn moves_data(change: &Change, base: &Base, desired: &Desired, observed: &Observed) -> Option<String> {
    let path = change.subject.path()?;
    // A host that never had a release and whose broker does not run is being set up.
    let holds = desired.role.broker.is_some()
        && !cluster::is_fresh(observed)
        && (runs(observed) || base.files.contains_key(path));
    if change.cause == Cause::Drift || !holds {
        return None;
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let live = match observed.files.get(path)? {
        Probe::Seen(live) => text(live.bytes()?),
        Probe::Absent => String::new(),
        Probe::Failed(_) => return None,
    };
    let wanted = match desired.files.get(path) {
        Some(wanted) => text(wanted.content.as_ref().ok()?.bytes.as_slice()),
        None => String::new(),
    };
    moved_data(path.as_str(), &live, &wanted)
}

/// What becomes of this host's virtual addresses.
struct Moves {
    old: BTreeSet<String>,
    new: BTreeSet<String>,
}

impl Moves {
    /// Whether a change of a file carries it out. A host that leaves Keepalived loses no file before: its running daemon would
    /// find its script, or at its next start its configuration, gone.
    fn concerns(&self, change: &Change, on_change: &OnChange) -> bool {
        let leaves = self.new.is_empty() && (change.action == Action::Remove || *on_change == OnChange::Sysctl);
        !self.old.is_empty() && self.old != self.new && (is_keepalived(on_change) || leaves)
    }
}

impl fmt::Display for Moves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.new.is_empty() {
            let old = join(&self.old);
            return write!(f, "this host would lose Keepalived's files and with them the virtual addresses {old}");
        }
        write!(f, "the virtual addresses would change from {} to {}", join(&self.old), join(&self.new))
    }
}

/// Returns addresses without the lengths of their prefixes: with another one, an address stays the same.
fn ips(addresses: &BTreeSet<String>) -> BTreeSet<String> {
    addresses.iter().map(|address| address.split('/').next().unwrap_or(address).to_owned()).collect()
}

/// Whether a file is one that Keepalived reads.
pub(super) fn is_keepalived(on_change: &OnChange) -> bool {
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
    use super::super::{BaseFile, Joined, Wanted, plan};
    use super::*;
    use crate::live::{Account, Bytes, FileState, Kind, Stamp, UnitState};
    use crate::name::HostPath;
    use crate::release::{Owner, Part};

    const ENV: &str = "/etc/rabbitmq/rabbitmq-env.conf";
    const ADDRESS: &str = r#"{"addresses": [{"address": "10.0.0.9/24", "interface": "eth0"}]}"#;

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
        assert_eq!(join(&ips(&addresses_of(&role))), "10.0.0.8, 10.0.0.9");
        assert_eq!(join(&BTreeSet::new()), "none");
    }

    fn path(text: &str) -> HostPath {
        text.parse().expect("a path")
    }

    fn wanted(text: &str, on_change: OnChange) -> Wanted {
        let content = Ok(Joined::plain(text));
        Wanted { content, mode: 0o644, owner: Owner::root(), check: None, on_change, part: Part::Whole }
    }

    fn live(text: &str) -> Probe<FileState> {
        Probe::Seen(FileState {
            kind: Kind::Regular(Bytes::new(text.as_bytes().to_vec())),
            mode: 0o644,
            account: Account { user: 0, group: 0 },
            owner: Owner::root(),
            modified: "2026-01-01T00:00:00Z".parse().expect("a time"),
            stamp: Stamp { device: 1, inode: 1, size: 1, changed: 0 },
        })
    }

    fn nowhere() -> Observed {
        let mut observed = Observed::empty("2026-01-02T03:00:00Z".parse().expect("a time"));
        observed.accounts.insert(Owner::root(), Probe::Seen(Account { user: 0, group: 0 }));
        observed
    }

    /// A host with files, as a release left them, and what it was brought to.
    fn host(files: &[(&str, &str, OnChange)]) -> (Base, Desired, Observed) {
        let (mut base, mut desired, mut observed) = (Base::default(), Desired::default(), nowhere());
        for (name, text, on_change) in files {
            let file = wanted(text, on_change.clone());
            base.files.insert(path(name), BaseFile::of(&file, file.content.as_ref().expect("its bytes")));
            desired.files.insert(path(name), file);
            observed.files.insert(path(name), live(text));
        }
        (base, desired, observed)
    }

    fn held(base: &Base, desired: &Desired, observed: &Observed) -> Vec<String> {
        let changes = plan(base, desired, observed).changes;
        let held = changes.iter().filter(|change| change.subject.path().is_some()).map(|change| {
            let why = change.held.as_ref().map_or("done", |held| held.why.as_str());
            format!("{}: {}", change.subject.path().map_or("", HostPath::as_str), why.split(": ").last().unwrap_or(why))
        });
        held.collect()
    }

    #[test]
    fn a_host_that_leaves_keepalived_loses_nothing_without_a_grant() {
        let reload = OnChange::Reload(KEEPALIVED.parse().expect("a unit"));
        let (mut base, mut desired, observed) = host(&[
            ("/etc/haproxy/haproxy.cfg", "h", OnChange::Nothing),
            ("/etc/hosts", "h", OnChange::Nothing),
            ("/etc/keepalived/keepalived.conf", "k", reload),
            ("/etc/sysctl.d/60-rmqgit.conf", "s", OnChange::Sysctl),
            ("/usr/libexec/keepalived/check-haproxy", "c", OnChange::Nothing),
        ]);
        desired.role = serde_json::from_str(ADDRESS).expect("a role");
        base = base.settled(&desired, &observed);
        assert_eq!(join(&base.addresses), "10.0.0.9/24");
        desired.role = Role::default();
        desired.files.retain(|path, _| !path.as_str().contains("keepalived"));
        let sysctl = desired.files.get_mut(&path("/etc/sysctl.d/60-rmqgit.conf")).expect("the file");
        sysctl.content = Ok(Joined::plain("other"));
        let why = "this host would lose Keepalived's files and with them the virtual addresses 10.0.0.9";
        let files = [
            "/etc/keepalived/keepalived.conf",
            "/etc/sysctl.d/60-rmqgit.conf",
            "/usr/libexec/keepalived/check-haproxy",
        ];
        assert_eq!(held(&base, &desired, &observed), files.map(|path| format!("{path}: {why}")));
        // The next runs find it as it is, and hold it back as well.
        let again = base.settled(&desired, &observed);
        assert_eq!(held(&again, &desired, &observed).len(), 3);
        desired.grants = vec![GRANT_ADDRESSES.to_owned()];
        assert_eq!(held(&again, &desired, &observed), files.map(|path| format!("{path}: done")));
    }

    #[test]
    fn an_address_that_gets_another_prefix_is_the_same() {
        let reload = OnChange::Reload(KEEPALIVED.parse().expect("a unit"));
        let (base, mut desired, observed) = host(&[("/etc/keepalived/keepalived.conf", "k", reload.clone())]);
        desired.files.insert(path("/etc/keepalived/keepalived.conf"), wanted("l", reload));
        let check = |old: &str, expect: &str| {
            let base = Base { addresses: [old.to_owned()].into(), ..base.clone() };
            let mut desired = desired.clone();
            desired.role = serde_json::from_str(ADDRESS).expect("a role");
            assert_eq!(held(&base, &desired, &observed), [format!("/etc/keepalived/keepalived.conf: {expect}")]);
        };
        check("10.0.0.9/25", "done");
        check("10.0.0.9", "done");
        check("10.0.0.8/24", "the virtual addresses would change from 10.0.0.8 to 10.0.0.9");
    }

    #[test]
    fn data_stays_where_it_is_without_a_grant() {
        let restart = OnChange::Restart(super::super::steps::BROKER.parse().expect("a unit"));
        let (base, mut desired, mut observed) = host(&[(ENV, "NODENAME=rabbit@a\n", restart.clone())]);
        desired.role.broker = serde_json::from_value(serde_json::json!({
            "node": "rabbit@a", "members": [], "version": "3.10.8", "amqp_port": 5672
        }))
        .expect("a node");
        desired.files.insert(path(ENV), wanted("NODENAME=rabbit@a\nMNESIA_BASE=/data\n", restart));
        let runs = |active| Probe::Seen(UnitState { active, ..UnitState::default() });
        let moved = format!(
            "{ENV}: the data directory changes from /var/lib/rabbitmq/mnesia to /data, and a node that starts there starts without what it holds"
        );
        for active in [true, false] {
            observed.units.insert(super::super::steps::BROKER.parse().expect("a unit"), runs(active));
            assert_eq!(held(&base, &desired, &observed), *std::slice::from_ref(&moved));
        }
        // It is being set up: nothing runs, and no release was here before.
        assert_eq!(held(&Base::default(), &desired, &observed), [format!("{ENV}: done")]);
        observed.units.insert(super::super::steps::BROKER.parse().expect("a unit"), runs(true));
        assert_eq!(held(&Base::default(), &desired, &observed), [moved]);
        desired.grants = vec![GRANT_DATA.to_owned()];
        assert_eq!(held(&base, &desired, &observed), [format!("{ENV}: done")]);
    }
}
