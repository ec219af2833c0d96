//! What was not looked at is not over: for every kind, each way in which a run cannot see it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::world::*;
use super::{Identity, Kind, Lapse, Ledger, Rules, Sighting, Stage, advance};
use crate::live::{Holders, LiveUser, Object, ObjectId, ObjectType, Probe, Queue, QueueName, Queues, UnitState};
use crate::plan::{self, Base, Desired, FindingCode, MissingSecret, StepResult};
use crate::report::FailureCode;

/// What a run sees of a world.
fn sighting(change: Change) -> Sighting {
    let mut world = World::new();
    change(&mut world);
    let plan = plan::plan(&world.base, &world.desired, &world.observed);
    world.report.propose(plan);
    Sighting::of(&world.report)
}

fn no_release(world: &mut World) {
    world.report.release = None;
    world.desired = Desired::default();
    world.base = Base::default();
}

/// The ways in which nobody can say what the broker is like.
const BROKER_AWAY: [Change; 4] = [
    |world| world.cluster().own.cluster = failed(),
    |world| {
        world.observed.cluster = None;
        world.observed.units.insert(unit(BROKER), failed());
    },
    |world| {
        world.observed.cluster = None;
        world.unit(BROKER, |state| state.active = false);
    },
    |world| {
        world.cluster().own.cluster = failed();
        world.cluster().runs = Probe::Seen(false);
    },
];
const OBJECTS_AWAY: [Change; 1] = [|world| world.cluster().own.definitions = failed()];
const REMOTE_AWAY: [Change; 2] =
    [|world| world.fail(FailureCode::UnreachableRemote), |world| world.fail(FailureCode::Other)];

/// Each kind: its incident's object, what makes it, and the ways not to see it.
#[expect(clippy::too_many_lines, reason = "it is a table")]
fn table() -> Vec<(Kind, &'static str, Change, Vec<Change>)> {
    let with = |first: &[Change], more: &[Change]| [first, more].concat();
    vec![
        (Kind::Drift, CFG, |world| world.file(CFG, file("theirs\n")), vec![|world| world.file(CFG, failed())]),
        (
            Kind::Drift,
            HAPROXY,
            |world| world.unit(HAPROXY, |state| state.active = false),
            vec![|world| drop(world.observed.units.insert(unit(HAPROXY), failed()))],
        ),
        (
            Kind::Drift,
            "policy `ours` of `/`",
            |world| drop(world.objects().insert(policy_id("ours"), policy(7))),
            with(&BROKER_AWAY, &OBJECTS_AWAY),
        ),
        (
            Kind::Pending,
            CFG,
            |world| {
                world.base.files.remove(&path(CFG));
                world.file(CFG, file("old\n"));
            },
            with(
                &REMOTE_AWAY,
                &[
                    |world| world.file(CFG, failed()),
                    // Somebody changes what the release was to change: that is still to be done.
                    |world| {
                        let mut was = world.base.files[&path(CFG)].clone();
                        was.digest = crate::name::Digest::of(b"older");
                        world.base.files.insert(path(CFG), was);
                        world.file(CFG, file("theirs\n"));
                    },
                ],
            ),
        ),
        (
            Kind::RestartWaits,
            BROKER,
            |world| {
                world.base.files.remove(&path(CONF));
                world.file(CONF, file("old\n"));
            },
            vec![|world| world.file(CONF, failed()), |world| drop(world.observed.units.insert(unit(BROKER), failed()))],
        ),
        (
            Kind::Held,
            HAPROXY,
            |world| {
                world.base.units.clear();
                world.observed.units.insert(unit(HAPROXY), Probe::Absent);
            },
            with(&REMOTE_AWAY, &[|world| drop(world.observed.units.insert(unit(HAPROXY), failed()))]),
        ),
        (
            Kind::FailedApply,
            "systemctl reload haproxy.service",
            |world| world.step(StepResult::Failed { why: "no".to_owned() }),
            vec![
                |world| world.step(StepResult::Proposed),
                |world| world.step(StepResult::Skipped { why: "another failed".to_owned() }),
                |world| world.file(CFG, file("theirs\n")),
                |world| world.file(CFG, failed()),
            ],
        ),
        (Kind::FailedRelease, "", |world| world.fail(FailureCode::FailedRelease), REMOTE_AWAY.into()),
        (
            Kind::RefusedRelease,
            "",
            |world| {
                world.find(FindingCode::BadSignature);
                world.fail(FailureCode::RefusedRelease);
            },
            REMOTE_AWAY.into(),
        ),
        (Kind::StaleRelease, "", |world| world.find(FindingCode::StaleRelease), REMOTE_AWAY.into()),
        (Kind::NoRelease, "", |world| world.fail(FailureCode::NoRelease), REMOTE_AWAY.into()),
        (
            Kind::UnreachableRemote,
            "",
            |world| world.fail(FailureCode::UnreachableRemote),
            vec![|world| world.fail(FailureCode::Other)],
        ),
        // A run knows whether it worked.
        (Kind::FailedRun, "", |world| world.fail(FailureCode::Other), vec![]),
        (Kind::Unknown, CFG, |world| world.file(CFG, failed()), vec![no_release]),
        (
            Kind::Unknown,
            "node rabbit@a: its cluster",
            |world| world.cluster().own.cluster = failed(),
            vec![BROKER_AWAY[1], BROKER_AWAY[2]],
        ),
        // Files of this host, which every run reads that begins at all.
        (
            Kind::Paused,
            "",
            |world| {
                let paused = json!({"reason": "work", "since": "2026-01-02T03:00:00Z"});
                world.report.paused = Some(serde_json::from_value(paused).expect("a pause"));
            },
            vec![],
        ),
        (Kind::BrokenPause, "", |world| world.find(FindingCode::UnreadablePause), vec![]),
        (
            Kind::NoHolder,
            VIP,
            |world| world.holders(Probe::Seen(Holders { here: false, others: Probe::Seen(0) })),
            vec![
                |world| world.holders(failed()),
                |world| world.holders(Probe::Seen(Holders { here: false, others: failed() })),
                |world| world.observed.addresses.clear(),
            ],
        ),
        (
            Kind::TwoHolders,
            VIP,
            |world| world.holders(Probe::Seen(Holders { here: true, others: Probe::Seen(1) })),
            vec![|world| world.holders(failed()), |world| {
                world.holders(Probe::Seen(Holders { here: true, others: failed() }));
            }],
        ),
        (
            Kind::ForeignAddress,
            VIP,
            |world| world.unit(KEEPALIVED, |state| state.active = false),
            vec![|world| world.holders(failed()), |world| {
                drop(world.observed.units.insert(unit(KEEPALIVED), failed()));
            }],
        ),
        (
            Kind::MemberDown,
            "rabbit@c",
            |world| world.down(&["rabbit@c"], &Probe::Seen(true)),
            with(
                &BROKER_AWAY,
                &[
                    |world| world.down(&["rabbit@c"], &Probe::Seen(false)),
                    |world| world.down(&["rabbit@b", "rabbit@c"], &Probe::Seen(false)),
                ],
            ),
        ),
        (
            Kind::PeerSilent,
            "rabbit@c",
            |world| world.down(&["rabbit@c"], &Probe::Seen(false)),
            with(
                &BROKER_AWAY,
                &[
                    |world| world.down(&["rabbit@c"], &failed()),
                    |world| world.down(&["rabbit@b", "rabbit@c"], &Probe::Seen(false)),
                ],
            ),
        ),
        (
            Kind::CutOff,
            "rabbit@a",
            |world| world.down(&["rabbit@b", "rabbit@c"], &Probe::Seen(false)),
            with(&BROKER_AWAY, &[|world| world.down(&["rabbit@b", "rabbit@c"], &failed())]),
        ),
        (
            Kind::Alarm,
            "memory on rabbit@a",
            |world| world.state().alarms = ["memory on rabbit@a".to_owned()].into(),
            BROKER_AWAY.into(),
        ),
        (
            Kind::Partition,
            "rabbit@a",
            |world| {
                let cut = BTreeSet::from(["rabbit@b".to_owned()]);
                world.state().partitions.insert("rabbit@a".to_owned(), cut);
            },
            BROKER_AWAY.into(),
        ),
        (
            Kind::InMaintenance,
            "rabbit@a",
            |world| world.state().members.get_mut("rabbit@a").expect("a member").maintenance = true,
            BROKER_AWAY.into(),
        ),
        (
            Kind::OtherVersion,
            "RabbitMQ",
            |world| world.cluster().own.version = Probe::Seen("4.0.1".to_owned()),
            with(&BROKER_AWAY, &[|world| world.cluster().own.version = failed()]),
        ),
        (
            Kind::OtherVersion,
            "HAProxy",
            |world| drop(world.observed.versions.insert(unit(HAPROXY), Probe::Seen("2.8.1".to_owned()))),
            vec![|world| drop(world.observed.versions.insert(unit(HAPROXY), failed()))],
        ),
        (
            Kind::ReplacedProgram,
            BROKER,
            |world| world.unit(BROKER, |state| state.replaced = Some(true)),
            vec![|world| world.unit(BROKER, |state| state.replaced = None), |world| {
                drop(world.observed.units.insert(unit(BROKER), failed()));
            }],
        ),
        (
            Kind::ChangedWhileRunning,
            "mem_limit",
            |world| {
                world.cluster().own.limits = Probe::Seen([("mem_limit".to_owned(), "2".to_owned())].into());
            },
            with(&BROKER_AWAY, &[|world| world.cluster().own.limits = failed()]),
        ),
        (
            Kind::UnmanagedObjects,
            "user",
            |world| {
                let user = ObjectId::global(ObjectType::User, "stranger");
                world.objects().insert(user, Object::User(LiveUser::default()));
            },
            with(&BROKER_AWAY, &OBJECTS_AWAY),
        ),
        (Kind::ShadowedPolicy, "/: ours", shadow, {
            let more: [Change; 2] = [
                |world| world.cluster().own.queues = failed(),
                |world| {
                    let name = "cookie".parse().expect("a name");
                    let missing = MissingSecret { name, why: "it is away".to_owned(), help: String::new() };
                    let holding = world.desired.holding.as_mut().expect("there is a broker");
                    holding.objects.insert(policy_id("ours"), Err(missing));
                },
            ];
            [&BROKER_AWAY[..], &OBJECTS_AWAY, &more].concat()
        }),
        (
            Kind::OrphanedUnit,
            GONE,
            |world| orphan(world, Probe::Seen(UnitState { active: true, ..UnitState::default() })),
            vec![|world| orphan(world, failed())],
        ),
    ]
}

fn shadow(world: &mut World) {
    world.objects().insert(policy_id("theirs"), policy(9));
    let queue = Queue { kind: "classic".to_owned(), policy: Some("theirs".to_owned()), operator_policy: None };
    let name = QueueName { vhost: "/".to_owned(), name: "q".to_owned() };
    world.cluster().own.queues = Probe::Seen(Queues([(name, queue)].into()));
}

fn orphan(world: &mut World, probe: Probe<UnitState>) {
    world.base.orphans.insert(unit(GONE));
    world.observed.units.insert(unit(GONE), probe);
}

#[test]
fn for_every_kind_what_was_not_looked_at_stays_open() {
    let mut rules = Rules::default();
    rules.after.extend(Kind::ALL.map(|(kind, _)| (kind, Lapse::minutes(0))));
    let now = "2026-01-02T03:00:00Z".parse().expect("a time");
    let later = "2026-01-02T03:05:00Z".parse().expect("a time");
    let mut kinds = BTreeSet::new();
    assert_eq!(sighting(|_| {}).problems, BTreeMap::new(), "all is well");
    for (kind, object, fault, unseen) in table() {
        kinds.insert(kind);
        let identity = Identity::new(kind, object);
        let (opened, _) = advance(&Ledger::default(), &sighting(fault), now, &rules);
        let is_open =
            |ledger: &Ledger| ledger.incidents.iter().any(|one| one.is_open() && one.case.identity == identity);
        let found: Vec<String> = opened.incidents.iter().map(|one| one.case.identity.to_string()).collect();
        assert!(is_open(&opened), "{identity} is not found: {found:?}");
        let stays = |sighting: &Sighting, how: &str| {
            let (next, events) = advance(&opened, sighting, later, &rules);
            let resolved = events.iter().any(|event| event.stage == Stage::Resolved && event.case.identity == identity);
            assert!(
                is_open(&next) && !resolved,
                "{identity} is over, though nobody looked: {how}: {:?}",
                sighting.blind
            );
        };
        for (index, change) in unseen.iter().enumerate() {
            stays(&sighting(*change), &format!("way {index}"));
        }
        if kind != Kind::FailedRun {
            stays(&Sighting::of_failed_run("no state"), "a run that could not begin");
        }
        if !kind.is_of_run() {
            stays(&sighting(no_release), "no release to compare with");
        }
        let (over, events) = advance(&opened, &sighting(|_| {}), later, &rules);
        let resolved = events.iter().any(|event| event.stage == Stage::Resolved && event.case.identity == identity);
        assert!(!is_open(&over) && resolved, "{identity} does not end");
    }
    // It comes from the settings, which every run reads.
    kinds.insert(Kind::BrokenAlerts);
    assert_eq!(kinds, Kind::ALL.into_iter().map(|(kind, _)| kind).collect(), "a kind is missing in the table");
}
