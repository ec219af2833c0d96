//! Live brokers of several Debian releases, asked and told through both doors.
//!
//! `tests/programs/live` boots two nodes in namespaces and runs one of the tests below beside them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use rmqgit::live::{
    Broker, Bytes, Door, Edit, Hidden, LiveUser, Login, Object, ObjectId, ObjectType, PasswordHash, PolicyBody, Probe,
    VhostMetadata, canonical,
};
use rmqgit::sys::broker::{self, Access, Tools};

use crate::suite::{Suite, script};

/// The node with the management plugin.
const NODE: &str = "rabbit@rabbit1";
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
    let vhost = "orders/$(id) `x` \"é\"";
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
        println!("{version} {door:?}");
        same(&held(&full, &sample), &sample);
        let gone =
            |(id, object): (&ObjectId, &Object)| Edit { id: id.clone(), before: Some(object.clone()), after: None };
        tell(&access, door, &sample.iter().rev().map(gone).collect::<Vec<_>>());
        assert_eq!(look_twice(&access), empty);
    }
}
