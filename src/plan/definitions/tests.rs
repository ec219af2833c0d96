//! Tables: what the broker shall hold and holds -> what differs, what is done, what is found.

use serde_json::{Value, json};

use crate::live::{Bytes, Cluster, ClusterState, Member, PolicyBody, Queue, QueueName, Queues};
use crate::release::{MemberNode, NodeKind};

use super::*;

type Objects = BTreeMap<ObjectId, Object>;

fn texts(list: &[&str]) -> BTreeSet<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

fn bytes(text: &str) -> Bytes {
    Bytes::new(text.as_bytes().to_vec())
}

fn own(r#type: ObjectType, name: &str) -> ObjectId {
    ObjectId::global(r#type, name)
}

fn within(r#type: ObjectType, name: &str) -> ObjectId {
    ObjectId::in_vhost(r#type, "/", name)
}

fn policy(pattern: &str, priority: i64, definition: &Value) -> Object {
    let definition = definition.as_object().expect("an object").clone().into_iter().collect();
    Object::Policy(PolicyBody { pattern: pattern.to_owned(), apply_to: "queues".to_owned(), priority, definition })
}

fn user(tags: &[&str], password: PasswordHash) -> Object {
    Object::User(LiveUser { tags: texts(tags), password })
}

fn parameter(value: Value) -> Object {
    Object::Parameter(Hidden(value))
}

fn permission(read: &str) -> Object {
    Object::Permission(
        [("configure", ""), ("write", "w"), ("read", read)].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
    )
}

/// The password of the user in the release.
const PASSWORD: &str = "correct horse";

fn wanted() -> Holding {
    let whole = |object| WantedObject { body: WantedBody::Whole(object), shown: None };
    let password = WantedPassword::Plain { text: bytes(PASSWORD), salt: [1, 2, 3, 4] };
    let metadata = VhostMetadata { tags: texts(&["prod"]), ..VhostMetadata::default() };
    let objects = [
        (own(ObjectType::Vhost, "/"), WantedObject { body: WantedBody::Vhost(metadata), shown: None }),
        (
            own(ObjectType::User, "app"),
            WantedObject { body: WantedBody::User { tags: texts(&["monitoring"]), password }, shown: None },
        ),
        (within(ObjectType::Permission, "app"), whole(permission(".*"))),
        (own(ObjectType::VhostLimits, "/"), whole(Object::Limits([("max-queues".to_owned(), 5)].into()))),
        (
            within(ObjectType::Parameter, "up").of("federation-upstream"),
            WantedObject {
                body: WantedBody::Whole(parameter(json!({ "uri": "amqp://u:p@h", "expires": 5 }))),
                shown: Some(json!({ "uri": "%{secret:upstream}", "expires": 5 })),
            },
        ),
        (within(ObjectType::Policy, "ha"), whole(policy("^orders", 1, &json!({ "max-length": 5 })))),
    ];
    let objects = objects.into_iter().map(|(id, object)| (id, Ok(object))).collect();
    let login = Some(Login { port: 15672, user: "admin".to_owned(), password: bytes("x") });
    Holding { objects, prune: BTreeSet::new(), login }
}

/// What a broker holds to which nothing has to be done.
fn settled_objects() -> Objects {
    [
        (
            own(ObjectType::Vhost, "/"),
            Object::Vhost(VhostMetadata {
                description: Some("Default virtual host".to_owned()),
                tags: texts(&["prod"]),
                default_queue_type: None,
            }),
        ),
        (own(ObjectType::User, "app"), user(&["monitoring"], password::hash(&bytes(PASSWORD), [9, 9, 9, 9]))),
        (within(ObjectType::Permission, "app"), permission(".*")),
        (own(ObjectType::VhostLimits, "/"), Object::Limits([("max-queues".to_owned(), 5)].into())),
        (
            within(ObjectType::Parameter, "up").of("federation-upstream"),
            parameter(json!({ "expires": 5.0, "uri": "amqp://u:p@h" })),
        ),
        (within(ObjectType::Policy, "ha"), policy("^orders", 1, &json!({ "max-length": 5.0 }))),
    ]
    .into()
}

fn desired(holding: Holding) -> Desired {
    let member = |name: &str| MemberNode {
        node: format!("rabbit@{name}"),
        host: name.parse().expect("a host"),
        kind: NodeKind::Disc,
    };
    let broker = BrokerNode {
        node: "rabbit@a".to_owned(),
        long_names: false,
        members: ["a", "b", "c"].map(member).into(),
        version: "3.10.8".to_owned(),
        amqp_port: 5672,
        management_port: None,
        plugins: Vec::new(),
    };
    let mut desired = Desired { holding: Some(holding), ..Desired::default() };
    desired.role.broker = Some(broker);
    desired
}

/// What the node `a` says; `members` is such as `a b! c`, where `!` does not run.
fn observed(members: &str, objects: Objects, queues: Queues) -> Observed {
    let member = |name: &str| {
        let running = !name.ends_with('!');
        let member = Member { kind: NodeKind::Disc, running, maintenance: false };
        (format!("rabbit@{}", name.trim_end_matches('!')), member)
    };
    let members = members.split(' ').map(member).collect();
    let own = Broker {
        node: "rabbit@a".to_owned(),
        door: Door::CommandLine,
        detour: None,
        version: Probe::Absent,
        erlang: Probe::Absent,
        cluster: Probe::Seen(ClusterState { members, ..ClusterState::default() }),
        definitions: Probe::Seen(LiveDefinitions(objects)),
        queues: Probe::Seen(queues),
        applications: Probe::Absent,
        limits: Probe::Absent,
    };
    let cluster = Cluster {
        own,
        runs: Probe::Seen(true),
        peers: BTreeMap::new(),
        stopped: BTreeSet::new(),
        reach: BTreeMap::new(),
    };
    Observed { cluster: Some(cluster), ..Observed::empty("2026-01-02T03:00:00Z".parse().expect("a time")) }
}

fn plan_of(base: &Base, holding: Holding, observed: &Observed) -> Plan {
    let mut plan = Plan::default();
    compare(&mut plan, base, &desired(holding), observed);
    plan
}

/// Shows a plan: a line a change, a step, a finding, an unknown.
fn shown(plan: &Plan) -> String {
    let word = |value: &dyn std::fmt::Debug| format!("{value:?}").to_lowercase();
    let mut lines = Vec::new();
    for change in &plan.changes {
        let held = change.held.as_ref().map_or(String::new(), |held| format!(" held: {}", word(&held.code)));
        lines.push(format!("{} {} ({}){held}", word(&change.action), change.subject, word(&change.cause)));
        lines.extend(change.diff.iter().flat_map(|diff| diff.lines()).map(|line| format!("    {line}")));
        lines.extend(
            change.differs.iter().filter(|one| **one == Difference::Password).map(|_| "    password".to_owned()),
        );
    }
    lines.extend(plan.steps.iter().map(|planned| match &planned.step {
        Step::PutObject { object } => format!("put {object}"),
        Step::RemoveObject { object } => format!("remove {object}"),
        other => panic!("{other:?}"),
    }));
    lines.extend(plan.findings.iter().map(|finding| format!("found: {}", finding.message)));
    lines.extend(plan.unknown.iter().map(|unknown| format!("unknown: {}: {}", unknown.subject, unknown.why)));
    lines.join("\n")
}

fn check(change: impl FnOnce(&mut Objects), expect: &str) {
    let mut objects = settled_objects();
    change(&mut objects);
    let plan = plan_of(&Base::default(), wanted(), &observed("a b c", objects, Queues::default()));
    assert_eq!(shown(&plan), expect.trim_matches('\n'));
    let ids: Vec<&ObjectId> = plan.edits.iter().map(|edit| &edit.id).collect();
    assert_eq!(ids.len(), plan.steps.len());
}

#[test]
fn what_is_as_it_shall_be_is_left_alone() {
    check(|_| {}, "");
}

#[test]
fn everything_is_made_in_order() {
    check(
        BTreeMap::clear,
        "
create vhost `/` (release)
create user `app` (release)
create permission `app` of `/` (release)
create limits of vhost `/` (release)
create parameter `federation-upstream/up` of `/` (release)
create policy `ha` of `/` (release)
put vhost `/`
put user `app`
put permission `app` of `/`
put limits of vhost `/`
put parameter `federation-upstream/up` of `/`
put policy `ha` of `/`
",
    );
}

#[test]
fn a_user_keeps_its_password_or_its_tags() {
    let id = own(ObjectType::User, "app");
    let right = password::hash(&bytes(PASSWORD), [9, 9, 9, 9]);
    let wrong = password::hash(&bytes("other"), [9, 9, 9, 9]);
    let plan = |live: Object| {
        let mut objects = settled_objects();
        objects.insert(id.clone(), live);
        plan_of(&Base::default(), wanted(), &observed("a b c", objects, Queues::default()))
    };
    let tags = plan(user(&["administrator"], right.clone()));
    assert_eq!(tags.edits[0].after, Some(user(&["monitoring"], right)), "the hash stays");
    let password = plan(user(&["monitoring"], wrong));
    assert_eq!(password.edits[0].after, Some(user(&["monitoring"], password::hash(&bytes(PASSWORD), [1, 2, 3, 4]))));
    assert_eq!(shown(&password), "replace user `app` (release)\n    password\nput user `app`");
}

#[test]
fn what_differs_is_shown_without_secrets() {
    check(
        |objects| {
            objects.insert(within(ObjectType::Policy, "ha"), policy("^orders", 1, &json!({ "max-length": "5" })));
            let upstream = within(ObjectType::Parameter, "up").of("federation-upstream");
            objects.insert(upstream, parameter(json!({ "uri": "amqp://who:knows@h", "expires": 6 })));
        },
        r#"
replace parameter `federation-upstream/up` of `/` (release)
    @@ -1,4 +1,4 @@
     {
    -  "expires": 6,
    -  "uri": "********"
    +  "expires": 5,
    +  "uri": "%{secret:upstream}"
     }
replace policy `ha` of `/` (release)
    @@ -1,7 +1,7 @@
     {
       "apply-to": "queues",
       "definition": {
    -    "max-length": "5"
    +    "max-length": 5
       },
       "pattern": "^orders",
       "priority": 1
put parameter `federation-upstream/up` of `/`
put policy `ha` of `/`
"#,
    );
}

#[test]
fn what_the_release_does_not_name_is_reported() {
    let strangers = |objects: &mut Objects| {
        objects.insert(own(ObjectType::User, "guest"), user(&["administrator"], PasswordHash::default()));
        objects.insert(own(ObjectType::User, "admin"), user(&["administrator"], PasswordHash::default()));
        objects.insert(own(ObjectType::Vhost, "old"), Object::Vhost(VhostMetadata::default()));
        objects.insert(within(ObjectType::Permission, "guest"), permission(".*"));
        // The limits of a user that the release has without limits are its own, pruned or not.
        objects.insert(own(ObjectType::UserLimits, "app"), Object::Limits([("max-channels".to_owned(), 1)].into()));
    };
    check(
        strangers,
        "
remove limits of user `app` (drift)
remove limits of user `app`
found: the broker holds, of type vhost, what the release does not name: `old`
found: the broker holds, of type user, what the release does not name: `admin`, `guest`
found: the broker holds, of type permission, what the release does not name: `/: guest`
",
    );
    let mut objects = settled_objects();
    strangers(&mut objects);
    let mut holding = wanted();
    holding.prune = [ObjectType::User, ObjectType::Permission].into();
    let pruned = plan_of(&Base::default(), holding, &observed("a b c", objects, Queues::default()));
    let expect = "
remove limits of user `app` (drift)
remove permission `guest` of `/` (drift)
remove user `guest` (drift)
remove limits of user `app`
remove permission `guest` of `/`
remove user `guest`
found: the broker holds, of type vhost, what the release does not name: `old`
found: the broker holds, of type user, what the release does not name: `admin`
";
    assert_eq!(shown(&pruned), expect.trim_matches('\n'), "permissions go before users; the agent's own user stays");
}

#[test]
fn one_member_does_it_while_most_run() {
    let holds = |members: &str| {
        let plan = plan_of(&Base::default(), wanted(), &observed(members, BTreeMap::new(), Queues::default()));
        let held = plan.changes[0].held.clone();
        assert_eq!(held.is_some(), plan.edits.is_empty() && plan.steps.is_empty());
        held.map(|held| held.code)
    };
    assert_eq!(holds("a b c"), None);
    assert_eq!(holds("a b c!"), None);
    assert_eq!(holds("a b! c!"), Some(HeldCode::NoMajority));
    assert_eq!(holds("a"), Some(HeldCode::NoMajority));
    assert_eq!(holds("a x y"), Some(HeldCode::NoMajority), "strangers are no members of the release");
    assert_eq!(holds("a! b c"), Some(HeldCode::OtherMember));
}

#[test]
fn the_base_tells_who_moved() {
    let observed = |objects| observed("a b c", objects, Queues::default());
    let base = Base { objects: settled(&[], &desired(wanted()), &observed(settled_objects())), ..Base::default() };
    assert_eq!(base.objects.len(), 6);
    let cause = |released: bool, moved: bool| {
        let (mut holding, mut objects) = (wanted(), settled_objects());
        let id = within(ObjectType::Policy, "ha");
        if released {
            let body = WantedBody::Whole(policy("^orders", 2, &json!({ "max-length": 5 })));
            holding.objects.insert(id.clone(), Ok(WantedObject { body, shown: None }));
        }
        if moved {
            objects.insert(id, policy("^orders", 3, &json!({ "max-length": 5 })));
        }
        plan_of(&base, holding, &observed(objects)).changes.first().map(|change| change.cause)
    };
    assert_eq!(cause(false, false), None);
    assert_eq!(cause(true, false), Some(Cause::Release));
    assert_eq!(cause(false, true), Some(Cause::Drift));
    assert_eq!(cause(true, true), Some(Cause::Both));
    // A password of which somebody made another hash is still the same; another salt in this run says nothing either.
    let mut objects = settled_objects();
    objects.insert(own(ObjectType::User, "app"), user(&[], password::hash(&bytes(PASSWORD), [7, 7, 7, 7])));
    assert_eq!(plan_of(&base, wanted(), &observed(objects)).changes[0].cause, Cause::Drift);
}

#[test]
fn a_foreign_policy_shadows_ours() {
    let queue = |name: &str, policy: Option<&str>| {
        let name = QueueName { vhost: "/".to_owned(), name: name.to_owned() };
        (name, Queue { kind: "quorum".to_owned(), policy: policy.map(str::to_owned), operator_policy: None })
    };
    let queues = Queues(
        [
            queue("orders.1", Some("mine")),
            queue("orders.2", Some("mine")),
            queue("orders.3", Some("ha")),
            queue("orders.4", None),
            queue("other", Some("mine")),
        ]
        .into(),
    );
    let gone = plan_of(&Base::default(), wanted(), &observed("a b c", settled_objects(), queues.clone()));
    assert_eq!(shown(&gone), "", "what is gone shadows nothing");
    let mut objects = settled_objects();
    objects.insert(within(ObjectType::Policy, "mine"), policy(".*", 9, &json!({ "max-length": 1 })));
    let plan = plan_of(&Base::default(), wanted(), &observed("a b c", objects, queues));
    let expect = "found: the broker holds, of type policy, what the release does not name: `/: mine`\n\
                  found: the policy `ha` of the vhost `/` is not in force: `mine`, which the release does not name, is on \
                  `orders.1`, `orders.2`";
    assert_eq!(shown(&plan), expect);
}

#[test]
fn what_is_not_known_is_said() {
    let check = |change: &dyn Fn(&mut Observed), expect: &str| {
        let mut observed = observed("a b c", BTreeMap::new(), Queues::default());
        change(&mut observed);
        let plan = plan_of(&Base::default(), wanted(), &observed);
        assert_eq!((shown(&plan).as_str(), plan.edits.is_empty()), (expect, true));
    };
    let own = |observed: &mut Observed| std::mem::take(&mut observed.cluster);
    check(
        &|observed| drop(own(observed)),
        "unknown: the broker's objects (definitions.json): RabbitMQ does not run on this host",
    );
    check(
        &|observed| {
            let mut cluster = own(observed).expect("a cluster");
            cluster.own.definitions = Probe::Failed("no answer".to_owned());
            observed.cluster = Some(cluster);
        },
        "unknown: the broker's objects (definitions.json): no answer",
    );
    check(
        &|observed| observed.place = Place::Sandbox,
        "unknown: the broker's objects (definitions.json): a sandbox root has no broker",
    );
}
