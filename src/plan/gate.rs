//! Whether a broker may be restarted now, because a person asks for it.
//!
//! A restart takes one member away. The gate is open only while that disturbs nobody: every other member runs, no alarm, no
//! partition, no queue that would lose its majority or its only synchronised mirror, a window is open, the host is not paused.
//! What is not known counts as a reason against it. A run that nobody asked for does not come here: its changes wait.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::steps::BROKER;
use super::window::Window;
use super::{Plan, Planned, Step};
use crate::live::{Cluster, Probe};
use crate::release::BrokerNode;

/// What is known of a broker's neighbours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbours {
    /// The other members by the names of their nodes, and whether each runs.
    pub members: Probe<Vec<(String, bool)>>,
    /// The alarms of the cluster, as people call them.
    pub alarms: Probe<Vec<String>>,
    /// The nodes that do not see each other.
    pub partitions: Probe<Vec<String>>,
    /// Why queues need this very member: for their majority, or because no other mirror is synchronised.
    pub critical: Probe<Vec<String>>,
}

impl Neighbours {
    /// Takes from what was looked at what a gate has to know. A member that the release has and the cluster does not is one
    /// that does not run, and so is one in maintenance.
    pub fn of(cluster: Option<&Cluster>, role: &BrokerNode, critical: Probe<Vec<String>>) -> Self {
        let state = match cluster.map(|cluster| &cluster.own.cluster) {
            Some(Probe::Seen(state)) => state,
            other => {
                let why = match other {
                    Some(Probe::Failed(why)) => why.clone(),
                    _ => "this host's node was not asked".to_owned(),
                };
                return Self {
                    members: Probe::Failed(why.clone()),
                    alarms: Probe::Failed(why.clone()),
                    partitions: Probe::Failed(why),
                    critical,
                };
            }
        };
        let expected = role.members.iter().map(|member| (member.node.clone(), false));
        let live = state.members.iter().map(|(node, live)| (node.clone(), live.running && !live.maintenance));
        let mut members: BTreeMap<String, bool> = expected.chain(live).collect();
        members.remove(&role.node);
        Self {
            members: Probe::Seen(members.into_iter().collect()),
            alarms: Probe::Seen(state.alarms.iter().cloned().collect()),
            partitions: Probe::Seen(state.partitions.keys().cloned().collect()),
            critical,
        }
    }
}

/// A reason why a broker may not be restarted now.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shut {
    /// What kind.
    pub code: ShutCode,
    /// What is against it.
    pub why: String,
    /// What would open the gate.
    pub help: String,
}

/// The kinds of reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ShutCode {
    /// A person has paused the host.
    Paused,
    /// No maintenance window is open.
    Window,
    /// Another member does not run.
    MemberDown,
    /// An alarm is on.
    Alarm,
    /// The cluster is in parts.
    Partition,
    /// A queue needs this member.
    Critical,
    /// Something of this could not be asked.
    Unknown,
}

impl fmt::Display for Shut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// What a person says to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asked {
    /// Whether a restart may happen outside the windows.
    pub outside_window: bool,
}

/// Returns every reason against restarting the broker now; none is an open gate. `paused` is who paused the host, and why.
pub fn gate(neighbours: &Neighbours, window: &Window, paused: Option<&str>, asked: Asked) -> Vec<Shut> {
    let mut shut = Vec::new();
    let mut add = |code, why: String, help: &str| shut.push(Shut { code, why, help: help.to_owned() });
    if let Some(paused) = paused {
        add(ShutCode::Paused, format!("the host is paused {paused}"), "lift the pause with `rmqgit resume`");
    }
    if !window.is_open() && !asked.outside_window {
        add(ShutCode::Window, window.to_string(), "wait for it, or say `--outside-window`");
    }
    match &neighbours.members {
        Probe::Seen(members) => {
            for (node, _) in members.iter().filter(|(_, running)| !running) {
                add(ShutCode::MemberDown, format!("`{node}` does not run"), "bring it back first");
            }
        }
        other => add(ShutCode::Unknown, unknown("which members run", other), CANNOT_ASK),
    }
    match &neighbours.alarms {
        Probe::Seen(alarms) => {
            for alarm in alarms {
                add(ShutCode::Alarm, format!("an alarm is on: {alarm}"), "clear it first: publishers are blocked");
            }
        }
        other => add(ShutCode::Unknown, unknown("whether an alarm is on", other), CANNOT_ASK),
    }
    match &neighbours.partitions {
        Probe::Seen(parts) if parts.is_empty() => {}
        Probe::Seen(parts) => {
            let why = format!("the cluster is in parts: {}", parts.join(", "));
            add(ShutCode::Partition, why, "heal the partition first");
        }
        other => add(ShutCode::Unknown, unknown("whether the cluster is in parts", other), CANNOT_ASK),
    }
    match &neighbours.critical {
        Probe::Seen(reasons) => {
            for why in reasons {
                add(ShutCode::Critical, why.clone(), "wait until the other members of its queues are synchronised");
            }
        }
        other => add(ShutCode::Unknown, unknown("whether a queue needs this member", other), CANNOT_ASK),
    }
    shut
}

const CANNOT_ASK: &str = "the broker has to answer first";

fn unknown<T>(what: &str, probe: &Probe<T>) -> String {
    match probe {
        Probe::Failed(why) => format!("{what} is not known: {why}"),
        Probe::Absent | Probe::Seen(_) => format!("{what} is not known"),
    }
}

/// Whether the broker waits for a restart.
pub fn broker_waits(plan: &Plan) -> bool {
    plan.waiting.iter().any(|waiting| waiting.unit.as_str() == BROKER)
}

/// Writes beside a broker's restart what is against it.
pub fn say_why_shut(plan: &mut Plan, shut: &[Shut]) {
    for waiting in plan.waiting.iter_mut().filter(|waiting| waiting.unit.as_str() == BROKER) {
        waiting.shut = shut.to_vec();
    }
}

/// Lets a broker's restart be taken, and probes it afterwards.
pub fn open(plan: &mut Plan) {
    let is_restart = |planned: &Planned| matches!(&planned.step, Step::Restart { unit, .. } if unit.as_str() == BROKER);
    if let Some(at) = plan.steps.iter().position(is_restart).filter(|_| broker_waits(plan))
        && let Step::Restart { unit, .. } = &plan.steps[at].step
    {
        let probe = Planned { step: Step::Probe { unit: unit.clone() }, skip: None };
        plan.steps[at].skip = None;
        plan.steps.insert(at + 1, probe);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::Waiting;
    use super::*;
    use crate::live::{Broker, ClusterState, Door, Member};
    use crate::name::{HostName, HostPath, UnitName};
    use crate::release::{MemberNode, NodeKind};

    fn calm() -> Neighbours {
        Neighbours {
            members: Probe::Seen(vec![("rabbit@rabbit2".to_owned(), true), ("rabbit@rabbit3".to_owned(), true)]),
            alarms: Probe::Seen(Vec::new()),
            partitions: Probe::Seen(Vec::new()),
            critical: Probe::Seen(Vec::new()),
        }
    }

    fn reasons(neighbours: &Neighbours, window: &Window, paused: Option<&str>, outside_window: bool) -> Vec<ShutCode> {
        gate(neighbours, window, paused, Asked { outside_window }).into_iter().map(|shut| shut.code).collect()
    }

    #[test]
    fn a_calm_cluster_lets_a_broker_restart() {
        assert_eq!(reasons(&calm(), &Window::Always, None, false), []);
        let alone = Neighbours { members: Probe::Seen(Vec::new()), ..calm() };
        assert_eq!(reasons(&alone, &Window::Always, None, false), []);
    }

    #[test]
    fn each_reason_alone_shuts_the_gate() {
        let check = |neighbours: Neighbours, expect: &[ShutCode]| {
            assert_eq!(reasons(&neighbours, &Window::Always, None, true), expect, "{neighbours:?}");
        };
        let down = vec![("a".to_owned(), false), ("b".to_owned(), true), ("c".to_owned(), false)];
        check(Neighbours { members: Probe::Seen(down), ..calm() }, &[ShutCode::MemberDown, ShutCode::MemberDown]);
        check(Neighbours { alarms: Probe::Seen(vec!["memory on b".to_owned()]), ..calm() }, &[ShutCode::Alarm]);
        check(Neighbours { partitions: Probe::Seen(vec!["a".to_owned()]), ..calm() }, &[ShutCode::Partition]);
        check(
            Neighbours { critical: Probe::Seen(vec!["1 queue would lose its majority".to_owned()]), ..calm() },
            &[ShutCode::Critical],
        );
    }

    #[test]
    fn what_is_not_known_shuts_the_gate() {
        fn check(change: impl Fn(&mut Neighbours, bool)) {
            for absent in [true, false] {
                let mut neighbours = calm();
                change(&mut neighbours, absent);
                assert_eq!(reasons(&neighbours, &Window::Always, None, true), [ShutCode::Unknown], "{neighbours:?}");
            }
        }
        fn lost<T>(absent: bool) -> Probe<T> {
            if absent { Probe::Absent } else { Probe::Failed("no answer".to_owned()) }
        }
        check(|neighbours, absent| neighbours.members = lost(absent));
        check(|neighbours, absent| neighbours.alarms = lost(absent));
        check(|neighbours, absent| neighbours.partitions = lost(absent));
        check(|neighbours, absent| neighbours.critical = lost(absent));
    }

    #[test]
    fn a_window_is_passed_by_only_in_so_many_words_and_a_pause_never() {
        let closed = Window::Closed { opens: None };
        let unknown = Window::Unknown { why: "no such zone".to_owned() };
        for window in [&closed, &unknown] {
            assert_eq!(reasons(&calm(), window, None, false), [ShutCode::Window]);
            assert_eq!(reasons(&calm(), window, None, true), []);
        }
        assert_eq!(reasons(&calm(), &Window::Always, Some("by bob"), true), [ShutCode::Paused]);
    }

    #[test]
    fn every_reason_is_named_at_once() {
        let neighbours = Neighbours {
            members: Probe::Seen(vec![("rabbit@b".to_owned(), false)]),
            alarms: Probe::Seen(vec!["disk on rabbit@b".to_owned()]),
            partitions: Probe::Failed("it took too long".to_owned()),
            critical: Probe::Seen(vec!["1 queue would lose its majority".to_owned()]),
        };
        let opens = "2026-06-06T00:00:00Z".parse().expect("a time");
        let found = gate(&neighbours, &Window::Closed { opens: Some(opens) }, Some("by bob"), Asked::default());
        let text: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "the host is paused by bob",
                "no maintenance window is open before 2026-06-06T00:00:00Z",
                "`rabbit@b` does not run",
                "an alarm is on: disk on rabbit@b",
                "whether the cluster is in parts is not known: it took too long",
                "1 queue would lose its majority",
            ]
        );
    }

    #[test]
    fn a_member_that_is_missing_or_in_maintenance_does_not_run() {
        let members = ["rabbit@rabbit1", "rabbit@rabbit2", "rabbit@rabbit3", "rabbit@rabbit4"];
        let role = BrokerNode {
            node: members[0].to_owned(),
            long_names: false,
            members: members.iter().map(|node| member(node)).collect(),
            version: "3.10.8".to_owned(),
            amqp_port: 5672,
            management_port: None,
            plugins: Vec::new(),
        };
        let live = |running, maintenance| Member { kind: NodeKind::Disc, running, maintenance };
        let state = ClusterState {
            members: BTreeMap::from([
                (members[0].to_owned(), live(true, false)),
                (members[1].to_owned(), live(true, false)),
                (members[2].to_owned(), live(true, true)),
                ("rabbit@stranger".to_owned(), live(false, false)),
            ]),
            alarms: BTreeSet::from(["memory on rabbit@rabbit2".to_owned()]),
            partitions: BTreeMap::from([(members[1].to_owned(), BTreeSet::from([members[2].to_owned()]))]),
            ..ClusterState::default()
        };
        let cluster = |state: Probe<ClusterState>| Cluster {
            own: Broker {
                node: members[0].to_owned(),
                door: Door::CommandLine,
                detour: None,
                version: Probe::Absent,
                erlang: Probe::Absent,
                cluster: state,
                definitions: Probe::Absent,
                queues: Probe::Absent,
                applications: Probe::Absent,
                limits: Probe::Absent,
            },
            runs: Probe::Seen(true),
            peers: BTreeMap::new(),
            stopped: BTreeSet::new(),
            reach: BTreeMap::new(),
        };
        let found = Neighbours::of(Some(&cluster(Probe::Seen(state))), &role, Probe::Seen(Vec::new()));
        let expect = [
            ("rabbit@rabbit2", true),
            ("rabbit@rabbit3", false),
            ("rabbit@rabbit4", false),
            ("rabbit@stranger", false),
        ];
        assert_eq!(found.members, Probe::Seen(expect.map(|(node, runs)| (node.to_owned(), runs)).to_vec()));
        assert_eq!(found.alarms, Probe::Seen(vec!["memory on rabbit@rabbit2".to_owned()]));
        assert_eq!(found.partitions, Probe::Seen(vec![members[1].to_owned()]));
        for unasked in [None, Some(&cluster(Probe::Failed("it took too long".to_owned())))] {
            let found = Neighbours::of(unasked, &role, Probe::Absent);
            assert_eq!(reasons(&found, &Window::Always, None, false), [ShutCode::Unknown; 4]);
        }
    }

    fn member(node: &str) -> MemberNode {
        let host = HostName::parse(node.split_once('@').expect("a node's name has a host").1).expect("a host's name");
        MemberNode { node: node.to_owned(), host, kind: NodeKind::Disc }
    }

    #[test]
    fn the_restart_that_waits_is_opened_and_probed() {
        let unit = UnitName::parse(BROKER).expect("a unit's name");
        let files = BTreeSet::from([HostPath::parse("/etc/rabbitmq/rabbitmq.conf").expect("a path")]);
        let restart = Step::Restart { unit: unit.clone(), files: files.clone() };
        let skip = Some("waits".to_owned());
        let waiting = Waiting { unit: unit.clone(), files, since: jiff::Timestamp::UNIX_EPOCH, shut: Vec::new() };
        let mut plan = Plan {
            steps: vec![Planned { step: restart.clone(), skip: skip.clone() }],
            waiting: vec![waiting],
            ..Plan::default()
        };
        assert!(broker_waits(&plan) && !plan.has_work());
        open(&mut plan);
        let planned = |step| Planned { step, skip: None };
        assert_eq!(plan.steps, [planned(restart.clone()), planned(Step::Probe { unit })]);
        // A restart that waits for nobody, because the unit does not run, stays as it is.
        let mut idle = Plan { steps: vec![Planned { step: restart, skip }], ..Plan::default() };
        let before = idle.clone();
        open(&mut idle);
        assert_eq!(idle, before);
    }
}
