//! The life of incidents: single lives by hand, and any sequence of sightings, crashes and delivery failures.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{
    Batch, Blind, Book, Entry, Event, Fate, Identity, Kind, Ledger, Problem, Queue, Route, Rules, Severity, Sighting,
    Stage, State, advance,
};

const RUN: SignedDuration = SignedDuration::from_mins(5);

fn problem(kind: Kind, object: &str, print: &str) -> Problem {
    Problem {
        identity: Identity::new(kind, object),
        severity: None,
        cause: "somebody".to_owned(),
        summary: format!("{object} is wrong"),
        help: "look".to_owned(),
        diff: None,
        print: print.to_owned(),
        since: None,
    }
}

fn seen(problems: &[Problem]) -> Sighting {
    let problems = problems.iter().map(|problem| (problem.identity.clone(), problem.clone())).collect();
    Sighting { problems, ..Sighting::default() }
}

/// Plays runs, one every so often, and writes down what is said.
struct Life {
    ledger: Ledger,
    now: Timestamp,
    rules: Rules,
}

impl Life {
    fn new() -> Self {
        Self {
            ledger: Ledger::default(),
            now: "2026-03-01T12:00:00Z".parse().expect("a time"),
            rules: Rules::default(),
        }
    }

    fn run(&mut self, seen: &Sighting, after: SignedDuration) -> Vec<String> {
        self.now += after;
        let (next, events) = advance(&self.ledger, seen, self.now, &self.rules);
        let text = serde_json::to_string(&next).expect("it is JSON");
        assert_eq!(serde_json::from_str::<Ledger>(&text).expect("it is read back"), next);
        self.ledger = next;
        events.iter().map(|Event { stage, case }| format!("{stage:?} #{} {}", case.number, case.identity)).collect()
    }
}

#[test]
fn one_message_when_it_opens_one_when_it_ends_and_reminders_between() {
    let mut life = Life::new();
    let drift = seen(&[problem(Kind::Drift, "/etc/hosts", "a")]);
    let nothing = Sighting::default();
    let none: [&str; 0] = [];
    assert_eq!(life.run(&drift, RUN), ["Opened #1 drift /etc/hosts"]);
    for _ in 0..287 {
        let before = life.ledger.clone();
        assert_eq!(life.run(&drift, RUN), none);
        assert_eq!(life.ledger, before, "a run in which nothing is new writes nothing");
    }
    assert_eq!(life.run(&drift, RUN), ["Reminded #1 drift /etc/hosts"]);
    let other = seen(&[problem(Kind::Drift, "/etc/hosts", "b")]);
    assert_eq!(life.run(&other, RUN), none, "so soon after a message a change waits");
    assert_eq!(life.run(&other, SignedDuration::from_hours(1)), ["Changed #1 drift /etc/hosts"]);
    let mut worse = problem(Kind::Drift, "/etc/hosts", "b");
    worse.severity = Some(Severity::Critical);
    assert_eq!(life.run(&seen(&[worse]), RUN), ["Changed #1 drift /etc/hosts"], "what is worse does not wait");
    assert_eq!(life.run(&nothing, RUN), ["Resolved #1 drift /etc/hosts"]);
    assert_eq!(life.run(&nothing, RUN), none);
    assert_eq!(life.run(&drift, SignedDuration::from_hours(7)), ["Opened #2 drift /etc/hosts"]);
}

#[test]
fn what_was_not_looked_at_is_not_over() {
    let check = |kind: Kind, object: &str, blind: Blind, stays: bool| {
        let mut life = Life::new();
        life.rules.after.insert(kind, super::Lapse::minutes(0));
        assert_eq!(life.run(&seen(&[problem(kind, object, "")]), RUN).len(), 1);
        let said = life.run(&Sighting { blind: blind.clone(), ..Sighting::default() }, RUN);
        assert_eq!(said.is_empty(), stays, "{kind} {object} {blind:?}: {said:?}");
    };
    let object = |name: &str| Blind { objects: [name.to_owned()].into(), ..Blind::default() };
    let all = Blind { all: true, ..Blind::default() };
    let uncompared = Blind { uncompared: true, outdated: true, ..Blind::default() };
    let unreached = Blind { unreached: true, outdated: true, ..Blind::default() };
    let broker = Blind { broker: true, ..Blind::default() };
    check(Kind::Drift, "/etc/hosts", Blind::default(), false);
    check(Kind::Drift, "/etc/hosts", object("/etc/hosts"), true);
    check(Kind::Drift, "/etc/hosts", object("/etc/passwd"), false);
    check(Kind::Drift, "/etc/hosts", uncompared.clone(), true);
    check(Kind::Drift, "/etc/hosts", unreached.clone(), false);
    check(Kind::Drift, "user `a`", broker.clone(), true);
    check(Kind::Drift, "/etc/hosts", broker.clone(), false);
    check(Kind::NoHolder, "10.0.0.9", object("10.0.0.9"), true);
    check(Kind::MemberDown, "rabbit@b", broker, true);
    check(Kind::Pending, "/etc/hosts", unreached.clone(), true);
    check(Kind::RefusedRelease, "", unreached.clone(), true);
    check(Kind::StaleRelease, "", uncompared.clone(), true);
    check(Kind::UnreachableRemote, "", uncompared.clone(), false);
    check(Kind::Paused, "", uncompared, false);
    check(Kind::FailedApply, "write /x", Blind { untried: true, ..Blind::default() }, true);
    check(Kind::Paused, "", all.clone(), true);
    check(Kind::FailedRun, "", all, false);
}

#[test]
fn what_comes_and_goes_is_said_once() {
    let mut life = Life::new();
    let (drift, nothing) = (seen(&[problem(Kind::Drift, "/a", "")]), Sighting::default());
    let mut said = Vec::new();
    for _ in 0..40 {
        said.extend(life.run(&drift, RUN));
        said.extend(life.run(&nothing, RUN));
    }
    let expect = [
        "Opened #1 drift /a",
        "Resolved #1 drift /a",
        "Opened #2 drift /a",
        "Resolved #2 drift /a",
        "Flapping #3 drift /a",
    ];
    assert_eq!(said, expect);
    assert_eq!(life.run(&nothing, SignedDuration::from_hours(2)), ["Resolved #3 drift /a"]);
    // One that stays in the end is open again, without a word.
    life.run(&drift, SignedDuration::from_hours(7));
    for _ in 0..5 {
        life.run(&nothing, RUN);
        life.run(&drift, RUN);
    }
    assert_eq!(life.ledger.incidents[0].state, State::Flapping);
    life.run(&drift, SignedDuration::from_hours(2));
    assert_eq!(life.ledger.incidents[0].state, State::Open);
    assert_eq!(life.run(&nothing, RUN).len(), 1);
}

#[test]
fn what_a_run_repairs_is_told_in_one_message_and_flaps_too() {
    let mut life = Life::new();
    let drift = problem(Kind::Drift, "/a", "");
    let repaired = Sighting { repaired: [(drift.identity.clone(), drift)].into(), ..Sighting::default() };
    let said: Vec<_> = (0..10).flat_map(|_| life.run(&repaired, RUN)).collect();
    assert_eq!(said, ["Passed #1 drift /a", "Passed #2 drift /a", "Flapping #3 drift /a"]);
    assert_eq!(life.run(&Sighting::default(), SignedDuration::from_hours(2)), ["Resolved #3 drift /a"]);
}

#[test]
fn what_lasts_long_enough_is_an_incident() {
    let mut life = Life::new();
    let away = seen(&[problem(Kind::UnreachableRemote, "", "")]);
    assert!(life.run(&away, RUN).is_empty() && life.run(&Sighting::default(), RUN).is_empty());
    assert!(life.ledger.incidents.is_empty());
    assert!((0..3).all(|_| life.run(&away, RUN).is_empty()));
    assert_eq!(life.run(&away, RUN), ["Opened #1 unreachable-remote"]);
}

#[test]
fn a_burst_is_bounded_and_nothing_of_it_is_lost() {
    let mut life = Life::new();
    let many: Vec<Problem> = (0..3000).map(|i| problem(Kind::Drift, &format!("/etc/f{i:04}"), "")).collect();
    let said = life.run(&seen(&many), RUN);
    assert_eq!((said.len(), life.ledger.incidents.len()), (401, 401));
    assert_eq!(said[0], "Opened #1 drift *");
    // The first four hundred are repaired: the others keep their common incident until all of them are.
    assert_eq!(life.run(&seen(&many[400..]), RUN).len(), 400);
    assert_eq!(life.ledger.incidents.len(), 1);
    assert_eq!(life.run(&Sighting::default(), RUN).len(), 1);
    // Three thousand that a run repairs at once are remembered within bounds.
    let repaired = many.iter().map(|problem| (problem.identity.clone(), problem.clone())).collect();
    life.run(&Sighting { repaired, ..Sighting::default() }, RUN);
    assert!(life.ledger.past.len() <= 100);
}

#[test]
fn a_burst_is_a_handful_of_messages() {
    let many: Vec<Problem> = (0..1000).map(|i| problem(Kind::Drift, &format!("/etc/f{i:04}"), "")).collect();
    let mut now = Life::new().now;
    let mut book = Book::default();
    let mut messages = 0;
    for run in 0..100 {
        now += RUN;
        book = book.record(&seen(&many[..10 * (run + 1)]), now, &Rules::default(), &routes());
        let queue = book.outbox.entry("t".to_owned()).or_default();
        while let Some(batch) = queue.take(now, None) {
            messages += 1;
            queue.settle(&batch, &Fate::Accepted(None), now);
        }
    }
    assert!(messages <= 60, "{messages} messages in eight hours of ten new findings a run");
    let mut book = book.record(&Sighting::default(), now + RUN, &Rules::default(), &routes());
    let queue = book.outbox.get_mut("t").expect("there is something to tell");
    let batch = queue.take(now + SignedDuration::from_hours(2), None).expect("one message");
    queue.settle(&batch, &Fate::Accepted(None), now);
    assert_eq!(queue.entries, []);
}

fn routes() -> BTreeMap<String, Route> {
    [("t".to_owned(), Route::default())].into()
}

#[test]
fn a_target_that_asks_to_wait_is_left_alone() {
    let now = Life::new().now;
    let book = Book::default().record(&seen(&[problem(Kind::Drift, "/a", "")]), now, &Rules::default(), &routes());
    let mut queue = book.outbox["t"].clone();
    let batch = queue.take(now, None).expect("one message");
    let hour = SignedDuration::from_hours(2);
    queue.settle(&batch, &Fate::Delayed { why: "429".to_owned(), wait: Some(hour) }, now);
    assert_eq!(queue.take(now + SignedDuration::from_mins(119), None), None);
    let again = queue.take(now + hour, None).expect("it is sent after that");
    assert_eq!(again.id(), batch.id());
    // Without a wish the rest doubles, up to an hour.
    let mut rests = Vec::new();
    let mut at = now + hour;
    for _ in 0..8 {
        queue.settle(&again, &Fate::Delayed { why: "503".to_owned(), wait: None }, at);
        let next = queue.not_before.expect("it rests");
        rests.push(next.duration_since(at).as_mins());
        at = next;
    }
    assert_eq!(rests, [2, 4, 8, 16, 32, 60, 60, 60]);
}

#[test]
fn what_is_refused_does_not_keep_the_rest_back() {
    let now = Life::new().now;
    let two = [problem(Kind::NoHolder, "10.0.0.9", ""), problem(Kind::Drift, "/a", "")];
    let book = Book::default().record(&seen(&two), now, &Rules::default(), &routes());
    let mut queue = book.outbox["t"].clone();
    let mut at = now;
    let mut sent = Vec::new();
    for _ in 0..5 {
        let batch = queue.take(at, None).expect("something waits");
        let kind = batch.entries[0].case.identity.kind;
        sent.push((kind, batch.plain));
        let fate = if kind == Kind::NoHolder { Fate::Refused("400".to_owned()) } else { Fate::Accepted(None) };
        queue.settle(&batch, &fate, at);
        at = queue.not_before.unwrap_or(at);
    }
    let poison = |plain| (Kind::NoHolder, plain);
    assert_eq!(sent, [poison(false), (Kind::Drift, false), poison(false), poison(true), poison(true)]);
}

#[test]
fn a_target_hears_what_it_wants_from_when_it_is_there() {
    let now = Life::new().now;
    let rules = Rules::default();
    let drift = problem(Kind::Drift, "/a", "");
    let route = Route { severity: Severity::Critical, kinds: BTreeSet::new() };
    let mut routes: BTreeMap<_, _> = [("t".to_owned(), route)].into();
    let told =
        |book: &Book| book.outbox.get("t").map_or(vec![], |queue| queue.entries.iter().map(|e| e.stage).collect());
    let book = Book::default().record(&seen(std::slice::from_ref(&drift)), now, &rules, &routes);
    assert_eq!(told(&book), [], "a warning is not critical");
    let worse = Problem { severity: Some(Severity::Critical), ..drift.clone() };
    let later = book.record(&seen(&[worse]), now + RUN, &rules, &routes);
    assert_eq!(told(&later), [Stage::Opened], "for this target it opens now");
    assert_eq!(
        told(&book.record(&Sighting::default(), now + RUN, &rules, &routes)),
        [],
        "it never heard that it opened"
    );
    routes.insert("t".to_owned(), Route::default());
    let new = book.record(&seen(&[drift]), now + RUN, &rules, &routes);
    assert_eq!(told(&new), [Stage::Opened], "a target that is new hears what is open");
}

/// One thing that happens in the long life of a host.
#[derive(Debug, Clone)]
enum Happening {
    /// A run, which is killed before it has written what it saw, or not.
    Run { present: Vec<(usize, u8)>, repaired: Vec<usize>, blind: Option<usize>, minutes: i64, killed: bool },
    /// An attempt to deliver.
    Delivery(Luck),
}

#[derive(Debug, Clone, Copy)]
enum Luck {
    Accepted,
    Refused,
    Delayed,
    /// The receiver has it, and the agent is killed before it knows.
    KilledAfter,
    /// A run writes the book while the message is on its way.
    Overtaken,
}

const KINDS: [Kind; 4] = [Kind::Drift, Kind::NoHolder, Kind::UnreachableRemote, Kind::Pending];

fn subject(index: usize, print: u8) -> Problem {
    problem(KINDS[index % KINDS.len()], &format!("/o{index}"), &print.to_string())
}

fn happening() -> impl Strategy<Value = Happening> {
    let run = (
        prop::collection::vec((0usize..6, 0u8..2), 0..4),
        prop::collection::vec(0usize..6, 0..2),
        prop::option::weighted(0.2, 0usize..7),
        prop_oneof![5 => Just(5i64), 1 => 0i64..2_000],
        prop::bool::weighted(0.1),
    );
    let run = run.prop_map(|(present, repaired, blind, minutes, killed)| Happening::Run {
        present,
        repaired,
        blind,
        minutes,
        killed,
    });
    let luck = prop_oneof![
        4 => Just(Luck::Accepted),
        1 => Just(Luck::Refused),
        1 => Just(Luck::Delayed),
        1 => Just(Luck::KilledAfter),
        1 => Just(Luck::Overtaken),
    ];
    prop_oneof![run, luck.prop_map(Happening::Delivery)]
}

/// A receiver that believes what it is told.
#[derive(Default)]
struct Receiver {
    /// What it got, by incident.
    got: BTreeMap<u64, Vec<(Stage, u32)>>,
    /// How much was on its way when the agent was killed between its answer and the note of it.
    doubt: usize,
}

impl Receiver {
    fn take(&mut self, batch: &Batch) {
        for Entry { case, stage, edition, .. } in &batch.entries {
            self.got.entry(case.number).or_default().push((*stage, *edition));
        }
    }

    /// A life as it was told, without what came twice.
    fn told(&self, number: u64) -> Vec<Stage> {
        let mut told: Vec<(Stage, u32)> = self.got.get(&number).cloned().unwrap_or_default();
        told.dedup();
        told.into_iter().map(|(stage, _)| stage).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_made_up_or_told_twice(happenings in prop::collection::vec(happening(), 1..60)) {
        let rules = Rules::default();
        let mut now = Life::new().now;
        let mut book = Book::default();
        let mut receiver = Receiver::default();
        let mut opened: BTreeSet<u64> = BTreeSet::new();
        let mut refused: BTreeSet<u64> = BTreeSet::new();
        for happening in happenings {
            match happening {
                Happening::Run { present, repaired, blind, minutes, killed } => {
                    now += SignedDuration::from_mins(minutes);
                    let mut sighting = seen(&present.iter().map(|(i, print)| subject(*i, *print)).collect::<Vec<_>>());
                    let repaired = repaired.iter().map(|i| subject(*i, 0)).filter(|p| !sighting.problems.contains_key(&p.identity));
                    sighting.repaired = repaired.map(|p| (p.identity.clone(), p)).collect();
                    match blind {
                        Some(6) => sighting.blind.all = true,
                        Some(i) => drop(sighting.blind.objects.insert(format!("/o{i}"))),
                        None => {}
                    }
                    let next = book.record(&sighting, now, &rules, &routes());
                    check_ledger(&book, &next, &sighting, now)?;
                    if !killed {
                        // Through the disk.
                        book = Book::read(Some(next.write().as_bytes()));
                        prop_assert_eq!(&book, &next);
                        opened.extend(book.ledger.incidents.iter().filter(|one| one.is_open()).map(|one| one.case.number));
                        opened.extend(book.ledger.past.iter().map(|past| past.case.number));
                    }
                }
                Happening::Delivery(luck) => {
                    let Some(batch) = book.outbox.get("t").and_then(|queue| queue.take(now, None)) else { continue };
                    let mut fate = Fate::Accepted(None);
                    match luck {
                        Luck::Accepted => receiver.take(&batch),
                        Luck::KilledAfter => {
                            receiver.take(&batch);
                            receiver.doubt += batch.entries.len();
                            continue;
                        }
                        Luck::Refused => {
                            refused.extend(batch.entries.iter().map(|entry| entry.case.number));
                            fate = Fate::Refused("400".to_owned());
                        }
                        Luck::Delayed => fate = Fate::Delayed { why: "503".to_owned(), wait: None },
                        Luck::Overtaken => {
                            receiver.take(&batch);
                            now += RUN;
                            book = book.record(&Sighting::default(), now, &rules, &routes());
                            opened.extend(book.ledger.past.iter().map(|past| past.case.number));
                        }
                    }
                    book.outbox.entry("t".to_owned()).or_default().settle(&batch, &fate, now);
                }
            }
        }
        // In the end the line is good.
        let mut queue: Queue = book.outbox.remove("t").unwrap_or_default();
        for _ in 0..200 {
            now += SignedDuration::from_hours(1);
            while let Some(batch) = queue.take(now, None) {
                receiver.take(&batch);
                queue.settle(&batch, &Fate::Accepted(None), now);
            }
        }
        prop_assert_eq!(&queue.entries, &[]);
        let open: BTreeSet<u64> =
            book.ledger.incidents.iter().filter(|one| one.is_open()).map(|one| one.case.number).collect();
        if refused.is_empty() {
            prop_assert_eq!(&queue.known, &open);
        }
        for number in &opened {
            let told = receiver.told(*number);
            // What the target itself refuses for a week is not told for ever.
            prop_assert!(!told.is_empty() || refused.contains(number), "#{number} was never told");
        }
        for number in receiver.got.keys() {
            let told = receiver.told(*number);
            prop_assert!(opened.contains(number), "#{number} was made up: {told:?}");
            let begins = matches!(told[0], Stage::Opened | Stage::Flapping | Stage::Passed);
            prop_assert!(begins, "#{number} has no opening: {told:?}");
            let ends = told.iter().filter(|stage| matches!(stage, Stage::Resolved | Stage::Passed)).count();
            if receiver.doubt == 0 && !refused.contains(number) {
                prop_assert_eq!(ends, usize::from(!open.contains(number)), "#{}: {:?}", number, &told);
                prop_assert_eq!(told.len(), receiver.got[number].len(), "#{} came twice: {:?}", number, &receiver.got);
            } else if !refused.contains(number) {
                prop_assert!(ends >= usize::from(!open.contains(number)), "#{number} has no end: {told:?}");
            }
        }
        let copies: usize = receiver.got.values().map(|got| got.len() - got.iter().collect::<BTreeSet<_>>().len()).sum();
        prop_assert!(copies <= receiver.doubt, "{copies} came twice in {} doubts", receiver.doubt);
    }
}

/// Holds what a run made of the ledger against what it saw.
fn check_ledger(before: &Book, after: &Book, seen: &Sighting, now: Timestamp) -> Result<(), TestCaseError> {
    let find = |book: &Book, identity: &Identity| {
        book.ledger.incidents.iter().find(|one| one.case.identity == *identity).cloned()
    };
    let rules = Rules::default();
    for (identity, problem) in &seen.problems {
        let incident = find(after, identity);
        prop_assert!(incident.is_some(), "{identity} is not in the ledger");
        let incident = incident.expect("it was looked at");
        let lasted = now.duration_since(incident.case.first_seen) >= rules.after(problem.identity.kind);
        prop_assert_eq!(incident.is_open(), lasted || find(before, identity).is_some_and(|one| one.is_open()));
    }
    for incident in before.ledger.incidents.iter().filter(|one| one.state == State::Open) {
        let identity = &incident.case.identity;
        let stays = seen.problems.contains_key(identity)
            || (seen.blind.covers(identity) && !seen.repaired.contains_key(identity));
        prop_assert_eq!(find(after, identity).is_some(), stays, "{}", identity);
    }
    Ok(())
}
