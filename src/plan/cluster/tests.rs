//! Tables: what a node and its peers say -> what the host does about its cluster.

use std::collections::BTreeMap;

use crate::live::{
    Broker, ClusterState, Door, LiveDefinitions, Member, Object, ObjectId, ObjectType, Queue, QueueName, Queues,
    VhostMetadata,
};

use super::*;

/// A node as the tables write it: its members, each with `!` where it does not run and `*` for a RAM node, then `+` where
/// it has a queue, `u` where it has a user that somebody made, and `?` where neither is known. `-` does not answer, `stopped` answers without RabbitMQ.
fn broker(node: &str, text: &str) -> Broker {
    let failed = || Probe::Failed("no answer".to_owned());
    let mut words = text.split(' ');
    let members = words.next().expect("the members");
    let mut broker = Broker {
        node: format!("rabbit@{node}"),
        door: Door::CommandLine,
        detour: None,
        version: failed(),
        erlang: failed(),
        cluster: Probe::Failed("no answer".to_owned()),
        definitions: Probe::Seen(objects(&["guest"])),
        queues: Probe::Failed("not asked".to_owned()),
        applications: Probe::Failed("no answer".to_owned()),
        limits: Probe::Absent,
    };
    if matches!(members, "-" | "stopped") {
        return broker;
    }
    let member = |name: &str| {
        let kind = if name.contains('*') { NodeKind::Ram } else { NodeKind::Disc };
        let plain = name.trim_matches(['!', '*']);
        (format!("rabbit@{plain}"), Member { kind, running: !name.contains('!'), maintenance: false })
    };
    broker.cluster =
        Probe::Seen(ClusterState { members: members.split(',').map(member).collect(), ..ClusterState::default() });
    broker.queues = match words.next() {
        Some("u") => {
            broker.definitions = Probe::Seen(objects(&["guest", "shop"]));
            Probe::Seen(Queues::default())
        }
        Some("?") => Probe::Failed("no answer".to_owned()),
        Some("+") => {
            let name = QueueName { vhost: "/".to_owned(), name: "q".to_owned() };
            let queue = Queue { kind: "classic".to_owned(), policy: None, operator_policy: None };
            Probe::Seen(Queues([(name, queue)].into()))
        }
        _ => Probe::Seen(Queues::default()),
    };
    broker
}

fn objects(users: &[&str]) -> LiveDefinitions {
    let vhost = (ObjectId::global(ObjectType::Vhost, "/"), Object::Vhost(VhostMetadata::default()));
    let user = |name: &&str| {
        let id = ObjectId::in_vhost(ObjectType::Permission, "/", name);
        (id, Object::Permission(BTreeMap::new()))
    };
    LiveDefinitions(users.iter().map(user).chain([vhost]).collect())
}

fn release(node: &str, members: &str) -> BrokerNode {
    let member = |name: &str| MemberNode {
        node: format!("rabbit@{}", name.trim_matches('*')),
        host: name.trim_matches('*').parse().expect("a host"),
        kind: if name.contains('*') { NodeKind::Ram } else { NodeKind::Disc },
    };
    BrokerNode {
        node: format!("rabbit@{node}"),
        long_names: false,
        members: members.split(',').map(member).collect(),
        version: "3.10.8".to_owned(),
        amqp_port: 5672,
        management_port: None,
        plugins: Vec::new(),
    }
}

/// Plans for one host of a release with the members `a,b,c`; the peers are written `b=b c=-`.
fn shown(node: &str, own: &str, peers: &str, grants: &[&str]) -> String {
    of_release(release(node, "a,b,c"), own, peers, grants, &[])
}

fn of_release(release: BrokerNode, own: &str, peers: &str, grants: &[&str], known: &[&str]) -> String {
    let base = Base { members: known.iter().map(|name| format!("rabbit@{name}")).collect(), ..Base::default() };
    with_base(release, own, peers, grants, &base)
}

fn with_base(release: BrokerNode, own: &str, peers: &str, grants: &[&str], base: &Base) -> String {
    let node = release.node.trim_start_matches("rabbit@").to_owned();
    let pairs: Vec<(&str, String)> =
        peers.split("; ").filter_map(|pair| pair.split_once('=')).map(|(name, text)| (name, text.to_owned())).collect();
    let stopped =
        pairs.iter().filter(|(_, text)| text == "stopped").map(|(name, _)| format!("rabbit@{name}")).collect();
    let peers: BTreeMap<String, Broker> =
        pairs.iter().map(|(name, text)| (format!("rabbit@{name}"), broker(name, text))).collect();
    let runs = match own {
        "stopped" => Probe::Seen(false),
        "-" => Probe::Failed("no answer".to_owned()),
        _ => Probe::Seen(true),
    };
    let cluster = Cluster { own: broker(&node, own), runs, peers, stopped, reach: BTreeMap::new() };
    let mut desired =
        Desired { grants: grants.iter().map(|grant| (*grant).to_owned()).collect(), ..Desired::default() };
    desired.role.broker = Some(release);
    let observed =
        Observed { cluster: Some(cluster), ..Observed::empty("2026-01-02T03:00:00Z".parse().expect("a time")) };
    let mut plan = Plan::default();
    compare(&mut plan, base, &desired, &observed);
    let steps = plan.steps.iter().map(|planned| serde_json::to_string(&planned.step).expect("a step is JSON"));
    let changes = plan.changes.iter().map(|change| {
        let held = change.held.as_ref().map_or(String::new(), |held| format!(" held: {:?}: {}", held.code, held.why));
        format!("{:?} {:?} {}{held}", change.cause, change.action, change.subject)
    });
    let unknown = plan.unknown.iter().map(|unknown| format!("unknown {}: {}", unknown.subject, unknown.why));
    changes.chain(steps).chain(unknown).map(|line| line + "\n").collect()
}

#[test]
fn blank_hosts_form_one_cluster() {
    let join = |node: &str, with: &str, forget: bool| {
        format!(
            "Release Join node rabbit@{node}\n{{\"step\":\"join\",\"node\":\"rabbit@{node}\",\"with\":\"rabbit@{with}\",\
             \"member\":\"disc\",\"forget\":{forget}}}\n"
        )
    };
    // The first one waits for the others; they come to it once a majority is there.
    insta::assert_snapshot!(shown("a", "a", "b=b; c=c", &[]), @r"
    Release Join node rabbit@b held: Waits: it joins by a run on its own host
    Release Join node rabbit@c held: Waits: it joins by a run on its own host
    ");
    assert_eq!(shown("b", "b", "a=a; c=-", &[]), join("b", "a", false));
    assert_eq!(shown("c", "c", "a=a; b=b", &[]), join("c", "a", false));
    // Late, and again: whoever is in a cluster is the one to join, and a cluster that still has the node forgets it first.
    assert_eq!(shown("c", "c", "a=a,b; b=a,b", &[]), join("c", "a", false));
    assert_eq!(shown("c", "c", "a=a,b,c!; b=a,b,c!", &[]), join("c", "a", true));
    assert_eq!(shown("a", "a", "b=a!,b,c; c=a!,b,c", &[]), join("a", "b", true));
    // A single node with queues is the cluster, wherever it stands.
    assert_eq!(shown("b", "b", "a=a +; c=-", &[]), join("b", "a", false));
    assert_eq!(shown("a", "a", "b=b +; c=c", &[]), join("a", "b", false));
    assert_eq!(shown("a", "a", "b=b u; c=c", &[]), join("a", "b", false));
}

#[test]
fn nobody_forms_a_second_cluster() {
    insta::assert_snapshot!(shown("b", "b", "a=-; c=c", &[]), @"Release Join node rabbit@b held: Waits: rabbit@a forms the cluster, and does not answer yet");
    insta::assert_snapshot!(shown("b", "b", "a=a ?; c=-", &[]), @"Release Join node rabbit@b held: Waits: only 1 of 3 members are there and blank; it takes 2 to form a cluster");
    insta::assert_snapshot!(shown("b", "b", "a=a; c=stopped", &[]), @"Release Join node rabbit@b held: Waits: RabbitMQ is stopped on rabbit@c, which may hold the cluster's data");
    insta::assert_snapshot!(shown("b", "b", "a=a +; c=c +", &[]), @"Release Join node rabbit@b held: Waits: the other members are not in one cluster");
    insta::assert_snapshot!(shown("b", "b ?", "a=a,c; c=a,c", &[]), @"Release Join node rabbit@b held: Waits: whether it holds something is not known");
    assert_eq!(of_release(release("a", "a"), "a", "", &[], &[]), "");
}

#[test]
fn what_holds_queues_is_reset_only_by_a_grant_that_names_it() {
    let held = shown("b", "b +", "a=a,c; c=a,c", &[]);
    insta::assert_snapshot!(held, @"Release Join node rabbit@b held: NotGranted: it is a transition that the release does not grant: it would lose its queues, users and whatever else it holds");
    assert_eq!(shown("b", "b u", "a=a,c; c=a,c", &[]), held);
    assert_eq!(shown("b", "b +", "a=a,c; c=a,c", &["reset-node", "reset-node:rabbit@c"]), held);
    assert!(shown("b", "b +", "a=a,c; c=a,c", &["reset-node:rabbit@b"]).contains("\"step\":\"join\""));
}

#[test]
fn members_that_are_too_few_or_too_many() {
    insta::assert_snapshot!(shown("a", "a,b", "", &[]), @"Release Join node rabbit@c held: Waits: it joins by a run on its own host");
    let known = ["a", "b", "c"];
    insta::assert_snapshot!(of_release(release("a", "a,b,c"), "a,b", "", &[], &known), @"Drift Join node rabbit@c held: Waits: it joins by a run on its own host");
    insta::assert_snapshot!(shown("a", "a,b,c,d!", "", &[]), @"Release Forget node rabbit@d held: NotGranted: it is a transition that the release does not grant: what only it holds is lost to the cluster");
    insta::assert_snapshot!(shown("a", "a,b,c,d", "", &["forget-node:rabbit@d"]), @"Release Forget node rabbit@d held: Waits: it still runs; stop it on its host: systemctl disable --now rabbitmq-server.service");
    insta::assert_snapshot!(shown("b", "a,b,c,d!", "", &["forget-node:rabbit@d"]), @"Release Forget node rabbit@d held: Waits: the first running member does it");
    insta::assert_snapshot!(shown("a", "a,b,c,d!", "", &["forget-node:rabbit@d"]), @r#"
    Release Forget node rabbit@d
    {"step":"forget-node","node":"rabbit@d","at":"rabbit@a"}
    "#);
    insta::assert_snapshot!(of_release(release("b", "a,b,c"), "a!,b,c,d!", "", &["forget-node:rabbit@d"], &known), @r#"
    Drift Forget node rabbit@d
    {"step":"forget-node","node":"rabbit@d","at":"rabbit@b"}
    "#);
}

#[test]
fn a_node_changes_its_type_by_a_grant_while_all_run() {
    let plan = |own: &str, grants: &[&str]| of_release(release("c", "a,b,c*"), own, "", grants, &[]);
    assert_eq!(plan("a,b,c*", &[]), "");
    insta::assert_snapshot!(plan("a,b,c", &[]), @"Release Restart node rabbit@c held: NotGranted: it is a transition that the release does not grant: RabbitMQ stops on it meanwhile");
    insta::assert_snapshot!(plan("a!,b,c", &["change-node-type:rabbit@c"]), @"Release Restart node rabbit@c held: Waits: not every member runs");
    insta::assert_snapshot!(plan("a,b,c", &["change-node-type:rabbit@c"]), @r#"
    Release Restart node rabbit@c
    {"step":"change-node-type","node":"rabbit@c","member":"ram"}
    "#);
}

#[test]
fn a_node_without_an_answer_is_unknown_and_a_stopped_one_starts() {
    insta::assert_snapshot!(shown("a", "-", "", &[]), @"unknown node rabbit@a: its cluster: no answer");
    insta::assert_snapshot!(shown("a", "stopped", "b=-; c=-", &[]), @"Release Start node rabbit@a held: Waits: only 1 of 3 members answer, and a minority does not start by itself");
    let started = shown("a", "stopped", "b=stopped; c=stopped", &[]);
    assert_eq!(shown("a", "stopped", "b=a!,b,c; c=-", &[]), started);
    assert_eq!(shown("a", "stopped", "b=b; c=c", &[]), started);
    let forgotten = shown("a", "stopped", "b=b,c; c=b,c", &[]);
    insta::assert_snapshot!(forgotten, @"Release Join node rabbit@a held: NotGranted: it is a transition that the release does not grant: the cluster has forgotten it, and it comes back only without what it holds");
    assert!(shown("a", "stopped", "b=b,c; c=b,c", &["reset-node:rabbit@a"]).contains("\"step\":\"join\""));
    insta::assert_snapshot!(started, @r#"
    Release Start node rabbit@a
    {"step":"start-app","node":"rabbit@a"}
    "#);
}

#[test]
fn a_join_in_which_a_run_was_killed_is_completed() {
    let joining = |at: &str| Base { joining: Some(at.parse().expect("a time")), ..Base::default() };
    let plan = |base: &Base| with_base(release("a", "a,b,c"), "stopped", "b=b,c; c=b,c", &[], base);
    assert!(plan(&joining("2026-01-02T02:59:00Z")).contains("\"step\":\"join\""));
    // A day later somebody may have put something into it.
    assert!(plan(&joining("2026-01-01T03:00:00Z")).contains("NotGranted"));

    // The record is made before the step, and forgotten when the node is in the cluster.
    let at = "2026-01-02T03:00:00Z".parse().expect("a time");
    let step =
        Step::Join { node: "rabbit@a".to_owned(), with: "rabbit@b".to_owned(), member: NodeKind::Disc, forget: false };
    let intent = Plan { steps: vec![Planned { step, skip: None }], ..Plan::default() }.intent(at);
    assert!(intent.as_ref().is_some_and(|intent| intent.joins));
    let killed = Base { intent, ..Base::default() };
    let host = |own: &str| {
        let cluster = Cluster {
            own: broker("a", own),
            runs: Probe::Seen(true),
            peers: BTreeMap::new(),
            stopped: BTreeSet::new(),
            reach: BTreeMap::new(),
        };
        Observed { cluster: Some(cluster), ..Observed::empty(at) }
    };
    let later = killed.settled(&Desired::default(), &host("stopped"));
    assert_eq!(later.joining, Some(at));
    assert_eq!(later.settled(&Desired::default(), &host("a,b,c")).joining, None);
}
