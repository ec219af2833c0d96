//! Live brokers of several Debian releases, asked and told through both doors.
//!
//! `tests/programs/live` boots two nodes in namespaces and runs one of the tests below beside them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use rmqgit::live::{
    Broker, Bytes, Cluster, Door, Edit, Hidden, LiveUser, Login, Object, ObjectId, ObjectType, Observed, PasswordHash,
    PolicyBody, Probe, VhostMetadata, canonical,
};
use rmqgit::plan::{
    Base, Cause, Desired, Finding, FindingCode, Holding, Joined, Plan, Subject, Wanted, WantedBody, WantedObject,
    WantedPassword,
};
use rmqgit::release::{BrokerNode, MemberNode, NodeKind, OnChange, Owner, Part};
use rmqgit::sys::broker::{self, Access, Tools};

use crate::suite::{Suite, script};

/// The node with the management plugin.
const NODE: &str = "rabbit@rabbit1";
/// A vhost whose name is hard to carry.
const VHOST: &str = "orders/$(id) `x` \"é\"";
/// The password of the user in the sample.
const PASSWORD: &[u8] = b"correct horse";
/// The doors of the first node.
const DOORS: [Door; 2] = [Door::ManagementApi, Door::CommandLine];

/// Runs a test of this crate beside the brokers of every suite.
fn beside_brokers(test: &str) {
    for name in super::names() {
        let suite = Suite::build(name);
        let mut live = Command::new(script("programs/live"));
        if !rustix::process::geteuid().is_root() {
            live = Command::new("sudo");
            live.arg("--non-interactive").arg(script("programs/live"));
        }
        let program = std::env::current_exe().expect("this program has a file");
        let test = format!("programs::live::{test}");
        let args = ["--exact", &test, "--ignored", "--nocapture"];
        let (status, stdout, stderr) = crate::run(live.arg(&suite.tree).arg(program).args(args));
        let one = stdout.contains("1 passed");
        assert!(status == 0 && one, "{name}, RabbitMQ {}: {status}\n{stdout}\n{stderr}", suite.rabbitmq);
    }
}

fn access(node: &str) -> Access {
    let home = PathBuf::from("/mnt/home");
    assert!(home.exists(), "this test runs beside a broker: tests/programs/live starts it");
    let login = Login { port: 15672, user: "guest".to_owned(), password: Bytes::new(b"guest".to_vec()) };
    Access {
        node: node.to_owned(),
        long_names: false,
        tools: Tools { dir: "/mnt/tools".into(), home, account: None },
        api: (node == NODE).then_some(login),
        deadline: Duration::from_secs(20),
    }
}

fn look(access: &Access, door: Door) -> Broker {
    let broker = broker::look_through(access, door).expect("the door opens");
    assert_eq!(broker.door, door);
    broker
}

/// Looks through both doors, which must see the same.
fn look_twice(access: &Access) -> Broker {
    // The API tells of applications what it collects every five seconds.
    let mut tries = 0..20;
    let [api, tools] = loop {
        let [api, tools] = DOORS.map(|door| look(access, door));
        if api.applications == tools.applications || tries.next().is_none() {
            break [api, tools];
        }
    };
    let objects = |broker: &Broker| broker.definitions.seen().expect("the definitions are seen").0.clone();
    same(&objects(&api), &objects(&tools));
    assert_eq!(Broker { door: Door::CommandLine, ..api.clone() }, tools);
    assert!(api.queues.seen().is_some());
    api
}

/// Compares objects one by one, with all that is not printed elsewhere.
fn same(one: &BTreeMap<ObjectId, Object>, other: &BTreeMap<ObjectId, Object>) {
    let shown = |object: Option<&Object>| match object {
        Some(Object::Parameter(Hidden(value))) => value.to_string(),
        Some(Object::User(user)) => format!("{user:?} {}", String::from_utf8_lossy(user.password.hash.as_slice())),
        object => format!("{object:?}"),
    };
    for id in one.keys().chain(other.keys()) {
        assert_eq!(shown(one.get(id)), shown(other.get(id)), "{id}");
    }
    assert_eq!(one, other);
}

fn tool(tool: &str, args: &[&str]) -> String {
    let (status, stdout, stderr) = crate::run(Command::new(format!("/mnt/tools/{tool}")).arg("--quiet").args(args));
    assert_eq!(status, 0, "{tool} {args:?}: {stdout}{stderr}");
    stdout
}

#[test]
fn two_doors_lead_to_one_broker() {
    beside_brokers("inside_the_doors");
}

/// One object of each type that every version knows, with everything that is hard to carry in a name or a value.
fn sample() -> BTreeMap<ObjectId, Object> {
    let vhost = VHOST;
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    let patterns = |list: &[(&str, &str)]| {
        Object::Permission(list.iter().map(|(key, pattern)| ((*key).to_owned(), (*pattern).to_owned())).collect())
    };
    let policy = |priority, definition: Value| {
        let fields = definition.as_object().expect("an object").clone();
        let definition = fields.into_iter().collect();
        Object::Policy(PolicyBody {
            pattern: r"^orders\.(a|b)$".to_owned(),
            apply_to: "queues".to_owned(),
            priority,
            definition,
        })
    };
    let limits = |name: &str, limit| Object::Limits([(name.to_owned(), limit)].into());
    let user = |hash: &str, tags: &[&str]| {
        let algorithm = "rabbit_password_hashing_sha256".to_owned();
        let password = PasswordHash { hash: Bytes::new(hash.as_bytes().to_vec()), algorithm };
        Object::User(LiveUser { tags: texts(tags), password })
    };
    let metadata = VhostMetadata {
        description: Some("orders, \"all\" of them".to_owned()),
        tags: texts(&["a", "b"]),
        default_queue_type: Some("quorum".to_owned()),
    };
    let own = ObjectId::global;
    let within = |r#type, name: &str| ObjectId::in_vhost(r#type, vhost, name);
    [
        (own(ObjectType::Vhost, vhost), Object::Vhost(metadata)),
        (
            own(ObjectType::User, "app -x"),
            user("H0YdPZfikAtGbWBlreM9Fd/QT9A7tIM+5GT91oknZM/nSVJv", &["custom", "monitoring"]),
        ),
        (own(ObjectType::User, "--none"), user("", &[])),
        (within(ObjectType::Permission, "app -x"), patterns(&[("configure", ""), ("write", r"^a\."), ("read", ".*")])),
        (within(ObjectType::TopicPermission, "app -x").of("amq.topic"), patterns(&[("write", "w"), ("read", "r$")])),
        (own(ObjectType::VhostLimits, vhost), limits("max-queues", 50)),
        (
            within(ObjectType::Parameter, "-up").of("federation-upstream"),
            Object::Parameter(Hidden(json!({"expires": 60000, "uri": "amqp://u:p%25@h"}))),
        ),
        (
            own(ObjectType::GlobalParameter, "-g"),
            Object::Parameter(Hidden(canonical(&json!({"a": [1, 2.5, "x"], "b": {"c": null}})))),
        ),
        (within(ObjectType::Policy, "-p"), policy(3, json!({"max-length": 1000, "dead-letter-exchange": "dead"}))),
        (within(ObjectType::OperatorPolicy, "o/p"), policy(0, json!({"max-length": 100}))),
    ]
    .into()
}

/// What the broker holds of a sample.
fn held(broker: &Broker, sample: &BTreeMap<ObjectId, Object>) -> BTreeMap<ObjectId, Object> {
    let live = &broker.definitions.seen().expect("the definitions are seen").0;
    live.iter().filter(|(id, _)| sample.contains_key(*id)).map(|(id, object)| (id.clone(), object.clone())).collect()
}

fn tell(access: &Access, door: Door, edits: &[Edit]) {
    let edits: Vec<&Edit> = edits.iter().collect();
    for (edit, result) in edits.iter().zip(broker::edit(access, door, &edits)) {
        assert!(result.is_ok(), "{door:?}, {}: {result:?}", edit.id);
    }
}

/// The metadata of vhosts are new in 3.8 behind a feature flag, which its CLI does not fill.
fn as_known(mut sample: BTreeMap<ObjectId, Object>, version: &str) -> BTreeMap<ObjectId, Object> {
    for object in sample.values_mut() {
        if let Object::Vhost(metadata) = object
            && version.starts_with("3.8.")
        {
            metadata.default_queue_type = None;
        }
    }
    sample
}

#[test]
#[ignore = "runs beside a broker"]
fn inside_the_doors() {
    let access = access(NODE);
    tool("rabbitmq-plugins", &["enable", "rabbitmq_federation"]);
    let empty = look_twice(&access);
    assert_eq!(empty.is_blank(), Some(true));
    let Probe::Seen(version) = &empty.version else { panic!("{:?}", empty.version) };
    let sample = as_known(sample(), version);
    for door in DOORS {
        let make =
            |(id, object): (&ObjectId, &Object)| Edit { id: id.clone(), before: None, after: Some(object.clone()) };
        tell(&access, door, &sample.iter().map(make).collect::<Vec<_>>());
        let full = look_twice(&access);
        same(&held(&full, &sample), &sample);
        let gone =
            |(id, object): (&ObjectId, &Object)| Edit { id: id.clone(), before: Some(object.clone()), after: None };
        tell(&access, door, &sample.iter().rev().map(gone).collect::<Vec<_>>());
        assert_eq!(look_twice(&access), empty);
    }
}

/// What the plan makes of the sample: the release asks for it, and nothing else is known of the host.
fn plan(access: &Access, door: Door, sample: &BTreeMap<ObjectId, Object>, base: &Base) -> (Plan, Base) {
    let wanted = |object: &Object| {
        let body = match object {
            Object::Vhost(metadata) => WantedBody::Vhost(metadata.clone()),
            Object::User(user) if user.password.hash.as_slice().is_empty() => {
                WantedBody::User { tags: user.tags.clone(), password: WantedPassword::Hash(user.password.clone()) }
            }
            Object::User(user) => {
                let password = WantedPassword::Plain { text: Bytes::new(PASSWORD.to_vec()), salt: [1, 2, 3, 4] };
                WantedBody::User { tags: user.tags.clone(), password }
            }
            other => WantedBody::Whole(other.clone()),
        };
        Ok(WantedObject { body, shown: None })
    };
    let objects = sample.iter().map(|(id, object)| (id.clone(), wanted(object))).collect();
    let prune = [ObjectType::Policy].into();
    let member = MemberNode { node: NODE.to_owned(), host: "rabbit1".parse().expect("a host"), kind: NodeKind::Disc };
    let mut desired =
        Desired { holding: Some(Holding { objects, prune, login: access.api.clone() }), ..Desired::default() };
    desired.role.broker = Some(BrokerNode {
        node: NODE.to_owned(),
        long_names: false,
        members: vec![member],
        version: String::new(),
        amqp_port: 5672,
        management_port: Some(15672),
        plugins: Vec::new(),
    });
    // A release without files is refused; nothing else is said of this one.
    let file = Wanted {
        content: Ok(Joined::plain("")),
        mode: 0o644,
        owner: Owner::root(),
        check: None,
        on_change: OnChange::Nothing,
        part: Part::Whole,
    };
    desired.files.insert("/etc/rmqgit-test".parse().expect("a path"), file);
    let own = look(access, door);
    let cluster =
        Cluster { own, runs: Probe::Seen(true), peers: BTreeMap::new(), stopped: [].into(), reach: [].into() };
    let observed =
        Observed { cluster: Some(cluster), ..Observed::empty("2026-01-02T03:00:00Z".parse().expect("a time")) };
    (rmqgit::plan::plan(base, &desired, &observed), base.settled(&desired, &observed))
}

/// Returns the objects that differ, each with who moved.
fn differing(plan: &Plan) -> Vec<(String, Cause)> {
    let objects = plan.changes.iter().filter(|change| matches!(change.subject, Subject::Object { .. }));
    objects.map(|change| (change.subject.to_string(), change.cause)).collect()
}

/// Takes the edits of a plan as `apply` does.
fn repair(access: &Access, plan: &Plan) {
    let way = plan.way.as_ref().expect("the plan says how");
    tell(access, way.door, &plan.edits);
}

#[test]
fn definitions_are_applied_and_kept() {
    beside_brokers("inside_definitions");
}

#[test]
#[ignore = "runs beside a broker"]
fn inside_definitions() {
    let access = access(NODE);
    tool("rabbitmq-plugins", &["enable", "rabbitmq_federation"]);
    let Probe::Seen(version) = look(&access, Door::CommandLine).version else { panic!("no version") };
    let mut sample = as_known(sample(), &version);
    if !version.starts_with("3.8.") {
        let limits = Object::Limits([("max-channels".to_owned(), 3)].into());
        sample.insert(ObjectId::global(ObjectType::UserLimits, "app -x"), limits);
    }
    let vhost = format!("--vhost={VHOST}");
    // One way for each type by which a person changes or removes what is there.
    let by_hand: [(ObjectType, &[&str]); 13] = [
        (ObjectType::Vhost, &["delete_vhost", VHOST]),
        (ObjectType::User, &["set_user_tags", "app -x", "administrator"]),
        (ObjectType::User, &["change_password", "app -x", "another"]),
        (ObjectType::User, &["clear_password", "app -x"]),
        (ObjectType::User, &["delete_user", "app -x"]),
        (ObjectType::Permission, &["set_permissions", &vhost, "app -x", ".*", ".*", ".*"]),
        (ObjectType::TopicPermission, &["clear_topic_permissions", &vhost, "app -x"]),
        (ObjectType::VhostLimits, &["set_vhost_limits", &vhost, r#"{"max-queues": 7, "max-connections": 1}"#]),
        (ObjectType::Parameter, &["clear_parameter", &vhost, "federation-upstream", "--", "-up"]),
        (ObjectType::GlobalParameter, &["set_global_parameter", "--", "-g", "[1]"]),
        (ObjectType::Policy, &["clear_policy", &vhost, "--", "-p"]),
        (
            ObjectType::OperatorPolicy,
            &["set_operator_policy", &vhost, "--priority", "9", "o/p", "^x", r#"{"max-length": 1}"#],
        ),
        (ObjectType::UserLimits, &["set_user_limits", "app -x", r#"{"max-channels": 9, "max-connections": 9}"#]),
    ];
    for door in DOORS {
        let (first, base) = plan(&access, door, &sample, &Base::default());
        assert_eq!(first.edits.len(), sample.len(), "{version} {door:?}: {:?}", differing(&first));
        repair(&access, &first);
        let (second, base) = plan(&access, door, &sample, &base);
        assert_eq!(differing(&second), [], "{version} {door:?}");
        tool("rabbitmqctl", &["authenticate_user", "app -x", "correct horse"]);
        // One by one through the API; through the command line, where each look takes seconds, what is hardest to tell.
        let told = |of: ObjectType| {
            sample.keys().any(|id| id.r#type == of) && (door == Door::ManagementApi || of == ObjectType::User)
        };
        for (r#type, change) in by_hand.iter().filter(|(of, _)| told(*of)) {
            tool("rabbitmqctl", change);
            let (drifted, _) = plan(&access, door, &sample, &base);
            let differs = differing(&drifted);
            let word = r#type.as_str();
            assert!(
                differs.iter().any(|(name, _)| name.starts_with(word))
                    && differs.iter().all(|(_, cause)| *cause == Cause::Drift),
                "{version} {door:?} {change:?}: {differs:?}"
            );
            repair(&access, &drifted);
            let (repaired, _) = plan(&access, door, &sample, &base);
            assert_eq!(differing(&repaired), [], "{version} {door:?} {change:?}");
        }
        tool("rabbitmqctl", &["authenticate_user", "app -x", "correct horse"]);
        // A foreign policy that shadows ours, while there is a queue that both match.
        tool("rabbitmqctl", &["set_policy", &vhost, "--priority", "99", "mine", ".*", r#"{"max-length": 1}"#]);
        let declare = format!(
            "rabbit_amqqueue:declare(rabbit_misc:r(<<{VHOST:?}/utf8>>, queue, <<\"orders.a\">>), true, false, [], none, <<\"test\">>), ok."
        );
        tool("rabbitmqctl", &["eval", &declare]);
        // The API tells of a queue what it collects every five seconds.
        let is_shadow = |found: &&Finding| found.code == FindingCode::ShadowedPolicy;
        let again = |_| {
            look(&access, Door::CommandLine);
            plan(&access, door, &sample, &base).0
        };
        let plans = (0..20).map(again);
        let shadowed = plans.into_iter().find(|plan| plan.findings.iter().any(|found| is_shadow(&found)));
        let shadowed = shadowed.unwrap_or_else(|| panic!("{version} {door:?}: {:?}", look(&access, door).queues));
        let found: Vec<_> = shadowed.findings.iter().filter(is_shadow).collect();
        assert!(found.len() == 1 && found[0].message.contains("orders.a"), "{version} {door:?}: {found:?}");
        assert_eq!(shadowed.edits.len(), 1, "the foreign policy is pruned");
        repair(&access, &shadowed);
        let (clean, _) = plan(&access, door, &sample, &base);
        assert_eq!(
            (differing(&clean), clean.findings.iter().any(|one| one.code == FindingCode::ShadowedPolicy)),
            (vec![], false)
        );
        // The other door begins anew.
        let gone =
            |(id, object): (&ObjectId, &Object)| Edit { id: id.clone(), before: Some(object.clone()), after: None };
        tell(&access, Door::CommandLine, &sample.iter().rev().map(gone).collect::<Vec<_>>());
    }
}
