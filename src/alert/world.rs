//! A host on which all is well, and what can happen to it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::live::{
    self, Broker, Cluster, ClusterState, Door, FileState, Holders, LiveDefinitions, Member, Object, ObjectId,
    ObjectType, Observed, PolicyBody, Probe, Queues, Stamp, UnitState,
};
use crate::name::{HostPath, UnitName};
use crate::plan::{
    self, Base, Desired, Finding, FindingCode, Holding, Joined, Outcome, Step, StepResult, WantedBody, WantedObject,
};
use crate::release::{NodeKind, OnChange, Owner, Part};
use crate::report::{Failure, FailureCode, Next, Report};

pub(super) const HAPROXY: &str = "haproxy.service";
pub(super) const BROKER: &str = "rabbitmq-server.service";
pub(super) const KEEPALIVED: &str = "keepalived.service";
pub(super) const GONE: &str = "gone.service";
pub(super) const CONF: &str = "/etc/rabbitmq/rabbitmq.conf";
pub(super) const CFG: &str = "/etc/haproxy/haproxy.cfg";
pub(super) const VIP: &str = "10.0.0.9";

/// A host, what it was brought to, and what its run says beside the plan.
pub(super) struct World {
    pub(super) base: Base,
    pub(super) desired: Desired,
    pub(super) observed: Observed,
    pub(super) report: Report,
}

pub(super) type Change = fn(&mut World);

pub(super) fn unit(name: &str) -> UnitName {
    UnitName::parse(name).expect("a unit")
}

pub(super) fn path(text: &str) -> HostPath {
    HostPath::parse(text).expect("a path")
}

pub(super) fn failed<T>() -> Probe<T> {
    Probe::Failed("no answer".to_owned())
}

pub(super) fn file(text: &str) -> Probe<FileState> {
    Probe::Seen(FileState {
        kind: live::Kind::Regular(live::Bytes::new(text.as_bytes().to_vec())),
        mode: 0o644,
        account: live::Account { user: 0, group: 0 },
        owner: root(),
        modified: "2026-01-01T00:00:00Z".parse().expect("a time"),
        stamp: Stamp { device: 1, inode: 2, size: 3, changed: 4 },
    })
}

pub(super) fn root() -> Owner {
    Owner { user: "root".to_owned(), group: "root".to_owned() }
}

pub(super) fn policy(priority: i64) -> Object {
    let (pattern, apply_to) = (".*".to_owned(), "queues".to_owned());
    Object::Policy(PolicyBody { pattern, apply_to, priority, definition: [("max-length".to_owned(), json!(5))].into() })
}

pub(super) fn policy_id(name: &str) -> ObjectId {
    ObjectId::in_vhost(ObjectType::Policy, "/", name)
}

impl World {
    /// A host on which all is well.
    pub(super) fn new() -> Self {
        let wanted = |on_change| plan::Wanted {
            content: Ok(Joined::plain("ours\n")),
            mode: 0o644,
            owner: root(),
            check: None,
            on_change,
            part: Part::Whole,
        };
        let role = json!({
            "services": [BROKER, HAPROXY, KEEPALIVED],
            "addresses": [{"address": "10.0.0.9/32", "interface": "eth0"}],
            "versions": {HAPROXY: "2.6.12"},
            "broker": {"node": "rabbit@a", "version": "3.10.8", "amqp_port": 5672, "members": [
                {"node": "rabbit@a", "host": "a"}, {"node": "rabbit@b", "host": "b"}, {"node": "rabbit@c", "host": "c"}]}
        });
        let ours = WantedObject { body: WantedBody::Whole(policy(1)), shown: None };
        let holding = Holding { objects: [(policy_id("ours"), Ok(ours))].into(), prune: BTreeSet::new(), login: None };
        let desired = Desired {
            files: [
                (path(CFG), wanted(OnChange::Reload(unit(HAPROXY)))),
                (path(CONF), wanted(OnChange::Restart(unit(BROKER)))),
            ]
            .into(),
            role: serde_json::from_value(role).expect("a role"),
            holding: Some(holding),
            ..Desired::default()
        };
        let mut observed = Observed::empty("2026-01-02T03:00:00Z".parse().expect("a time"));
        observed.files = desired.files.keys().map(|path| (path.clone(), file("ours\n"))).collect();
        observed.accounts = [(root(), Probe::Seen(live::Account { user: 0, group: 0 }))].into();
        let since = Some("2026-01-01T12:00:00Z".parse().expect("a time"));
        let runs =
            UnitState { active: true, enabled: Some(true), since, replaced: Some(false), ..UnitState::default() };
        observed.units = desired.role.services.iter().map(|unit| (unit.clone(), Probe::Seen(runs.clone()))).collect();
        observed.versions = [(unit(HAPROXY), Probe::Seen("2.6.12".to_owned()))].into();
        observed.addresses =
            [(VIP.parse().expect("an address"), Probe::Seen(Holders { here: true, others: Probe::Seen(0) }))].into();
        observed.cluster = Some(cluster());
        let report = serde_json::from_value(json!({
            "format": 1, "cluster": "orders", "host": "a", "root": "/", "mode": "report", "at": "2026-01-02T03:00:00Z",
            "verdict": "in-sync", "remote": "/srv", "changes": [],
            "release": {"commit": "0".repeat(40), "subject": "x", "newest": true},
        }));
        let base = Base::default().settled(&desired, &observed);
        Self { base, desired, observed, report: report.expect("a report") }
    }

    pub(super) fn unit(&mut self, name: &str, change: fn(&mut UnitState)) {
        let Some(Probe::Seen(state)) = self.observed.units.get_mut(&unit(name)) else { panic!("{name} is seen") };
        change(state);
    }

    pub(super) fn cluster(&mut self) -> &mut Cluster {
        self.observed.cluster.as_mut().expect("there is a cluster")
    }

    pub(super) fn state(&mut self) -> &mut ClusterState {
        let Probe::Seen(state) = &mut self.cluster().own.cluster else { panic!("the cluster is seen") };
        state
    }

    pub(super) fn objects(&mut self) -> &mut BTreeMap<ObjectId, Object> {
        let Probe::Seen(LiveDefinitions(objects)) = &mut self.cluster().own.definitions else { panic!("seen") };
        objects
    }

    pub(super) fn file(&mut self, path: &str, probe: Probe<FileState>) {
        self.observed.files.insert(self::path(path), probe);
    }

    pub(super) fn holders(&mut self, probe: Probe<Holders>) {
        self.observed.addresses.insert(VIP.parse().expect("an address"), probe);
    }

    /// Lets nodes not run, and their hosts answer so.
    pub(super) fn down(&mut self, nodes: &[&str], answers: &Probe<bool>) {
        for node in nodes {
            self.state().members.get_mut(*node).expect("a member").running = false;
            self.cluster().reach.insert((*node).to_owned(), answers.clone());
        }
    }

    pub(super) fn fail(&mut self, code: FailureCode) {
        self.report.failures.push(Failure { code, message: "it failed".to_owned(), next: Next::Retry });
        self.report.release.as_mut().expect("there is a release").newest = false;
    }

    pub(super) fn find(&mut self, code: FindingCode) {
        let (message, help) = ("found".to_owned(), "look".to_owned());
        self.report.findings.push(Finding { code, about: String::new(), message, help });
    }

    pub(super) fn step(&mut self, result: StepResult) {
        let step = Step::Reload { unit: unit(HAPROXY), files: BTreeSet::new() };
        self.report.steps.push(Outcome { step, result });
    }
}

pub(super) fn cluster() -> Cluster {
    let member =
        |name: &str| (format!("rabbit@{name}"), Member { kind: NodeKind::Disc, running: true, maintenance: false });
    let state = ClusterState { members: ["a", "b", "c"].map(member).into(), ..ClusterState::default() };
    let own = Broker {
        node: "rabbit@a".to_owned(),
        door: Door::CommandLine,
        detour: None,
        version: Probe::Seen("3.10.8".to_owned()),
        erlang: Probe::Seen("25".to_owned()),
        cluster: Probe::Seen(state),
        definitions: Probe::Seen(LiveDefinitions([(policy_id("ours"), policy(1))].into())),
        queues: Probe::Seen(Queues::default()),
        applications: Probe::Seen(BTreeSet::new()),
        limits: Probe::Seen([("mem_limit".to_owned(), "1".to_owned())].into()),
    };
    let (peers, stopped, reach) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
    Cluster { own, runs: Probe::Seen(true), peers, stopped, reach }
}
