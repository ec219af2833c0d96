//! The life of incidents, by hand.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::{
    Blind, Book, Event, Fate, Identity, Kind, Ledger, Problem, Route, Rules, Severity, Sighting, Stage, State, advance,
};

pub(super) const RUN: SignedDuration = SignedDuration::from_mins(5);

pub(super) fn problem(kind: Kind, object: &str, print: &str) -> Problem {
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

pub(super) fn seen(problems: &[Problem]) -> Sighting {
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
    let unreached = Blind { newest: true, outdated: true, ..Blind::default() };
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
    // One that stays in the end is open again, which is news.
    life.run(&drift, SignedDuration::from_hours(7));
    for _ in 0..5 {
        life.run(&nothing, RUN);
        life.run(&drift, RUN);
    }
    assert_eq!(life.ledger.incidents[0].state, State::Flapping);
    assert_eq!(life.run(&drift, SignedDuration::from_hours(2)), ["Changed #6 drift /a"]);
    assert_eq!(life.ledger.incidents[0].state, State::Open);
    assert_eq!(life.run(&nothing, RUN).len(), 1);
}

#[test]
fn what_comes_and_goes_is_told_when_it_is_worse_and_reminded_of() {
    let mut life = Life::new();
    let (drift, nothing) = (seen(&[problem(Kind::Drift, "/a", "")]), Sighting::default());
    let worse = seen(&[Problem { severity: Some(Severity::Critical), ..problem(Kind::Drift, "/a", "") }]);
    let mut said = Vec::new();
    for _ in 0..5 {
        said.extend(life.run(&drift, RUN));
        said.extend(life.run(&nothing, RUN));
    }
    assert_eq!(said.last().map(String::as_str), Some("Flapping #3 drift /a"));
    assert_eq!(life.run(&worse, RUN), ["Changed #3 drift /a"], "what is worse does not wait");
    let mut said = Vec::new();
    for _ in 0..320 {
        said.extend(life.run(&nothing, RUN));
        said.extend(life.run(&worse, RUN));
    }
    assert_eq!(said, ["Reminded #3 drift /a", "Reminded #3 drift /a"], "in 53 hours");
}

#[test]
fn a_clock_that_was_ahead_keeps_nothing_back() {
    let mut life = Life::new();
    let right = life.now;
    let drift = seen(&[problem(Kind::Drift, "/a", "")]);
    let mut now = right + SignedDuration::from_hours(9_000);
    let mut book = Book::default().record(&drift, now, &Rules::default(), &routes());
    for _ in 0..12 {
        let queue = book.outbox.get_mut("t").expect("it waits");
        let Some(batch) = queue.take(now, None) else { break };
        queue.settle(&batch, &Fate::Delayed { why: "503".to_owned(), wait: None }, now);
        now = queue.not_before.expect("it rests");
    }
    // The clock is set right: within a day, it is told.
    let day = right + SignedDuration::from_hours(24);
    book = book.record(&drift, right, &Rules::default(), &routes());
    let queue = book.outbox.get_mut("t").expect("it waits");
    let batch = queue.take(day, None).expect("it is sent");
    queue.settle(&batch, &Fate::Accepted(None), day);
    book = book.record(&drift, right + RUN, &Rules::default(), &routes());
    let reminded = book.record(&drift, right + SignedDuration::from_hours(25), &Rules::default(), &routes());
    assert_eq!(reminded.outbox["t"].entries.len(), 1, "reminders go on");
    // What was watched since a time to come opens when it has lasted.
    life.now = right + SignedDuration::from_hours(9_000);
    let away = seen(&[problem(Kind::UnreachableRemote, "", "")]);
    assert!(life.run(&away, RUN).is_empty());
    life.now = right;
    assert!(life.run(&away, RUN).is_empty());
    assert_eq!(life.run(&away, SignedDuration::from_mins(15)), ["Opened #1 unreachable-remote"]);
}

#[test]
fn each_thing_that_is_told_has_a_name_of_its_own_and_its_own_time() {
    let mut now = Life::new().now;
    let mut book = Book::default();
    let mut names = BTreeSet::new();
    for hour in 0..100 {
        now += SignedDuration::from_hours(2);
        let sighting = if hour == 99 {
            Sighting::default()
        } else {
            seen(&[problem(Kind::Drift, "/a", &(hour / 20).to_string())])
        };
        book = book.record(&sighting, now, &Rules::default(), &routes());
        let queue = book.outbox.get_mut("t").expect("there is a target");
        let Some(batch) = queue.take(now, None) else { continue };
        assert_eq!(batch.entries[0].at, now);
        assert!(names.insert(batch.id()), "{} is the name of two", batch.id());
        queue.settle(&batch, &Fate::Accepted(None), now);
    }
    assert!(names.len() > 10, "{names:?}");
    // What waits and is over then, ended then.
    let drift = seen(&[problem(Kind::Drift, "/b", "")]);
    let book = Book::default().record(&drift, now, &Rules::default(), &routes());
    let later = now + SignedDuration::from_hours(60);
    let over = book.record(&Sighting::default(), later, &Rules::default(), &routes());
    assert_eq!((over.outbox["t"].entries[0].stage, over.outbox["t"].entries[0].at), (Stage::Passed, later));
}

#[test]
fn the_book_stays_within_bounds() {
    let mut now = Life::new().now;
    let mut book = Book::default();
    let big = |i: usize| Problem {
        summary: "s".repeat(600),
        help: "h".repeat(600),
        diff: Some("d".repeat(3_000)),
        ..problem(Kind::Drift, &format!("/etc/f{i:05}"), "")
    };
    let lasting = problem(Kind::NoHolder, "10.0.0.9", "");
    let mut biggest = 0;
    for round in 0..100 {
        now += RUN;
        let mut many: Vec<Problem> = (0..100).map(|i| big(round * 100 + i)).collect();
        many.push(lasting.clone());
        book = book.record(&seen(&many), now, &Rules::default(), &routes());
        biggest = biggest.max(book.write().len());
        let is_open = |one: &super::Incident| one.is_open() && one.case.identity == lasting.identity;
        assert!(book.ledger.incidents.iter().any(is_open), "what is open is kept");
    }
    // Ten thousand came and went while nobody could be told.
    assert!(book.ledger.last >= 10_000, "{}", book.ledger.last);
    assert!(biggest < 4 << 20, "{biggest} bytes");
    let told = book.outbox["t"].entries.iter().any(|entry| entry.case.identity == lasting.identity && entry.first);
    assert!(told, "that it opened is still to be told");
}

#[test]
fn a_thousand_findings_of_one_run_are_one_message_and_one_when_they_end() {
    let now = Life::new().now;
    let many: Vec<Problem> = (0..1000).map(|i| problem(Kind::Drift, &format!("/etc/f{i:04}"), "")).collect();
    let mut book = Book::default();
    let mut messages = Vec::new();
    for (run, sighting) in [seen(&many), seen(&many), Sighting::default()].iter().enumerate() {
        let now = now + RUN * i32::try_from(run).expect("three runs");
        book = book.record(sighting, now, &Rules::default(), &routes());
        let queue = book.outbox.get_mut("t").expect("there is a target");
        while let Some(batch) = queue.take(now, None) {
            messages.push(batch.entries.len());
            queue.settle(&batch, &Fate::Accepted(None), now);
        }
    }
    assert_eq!(messages, [401, 401]);
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

pub(super) fn routes() -> BTreeMap<String, Route> {
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
        if queue.take(at, None).is_none() {
            at += SignedDuration::from_hours(1);
        }
        let batch = queue.take(at, None).expect("something waits");
        let kind = batch.entries[0].case.identity.kind;
        sent.push((kind, batch.plain));
        let fate = if kind == Kind::NoHolder { Fate::Refused("400".to_owned()) } else { Fate::Accepted(None) };
        queue.settle(&batch, &fate, at);
        assert_eq!(queue.not_before, None, "the target itself does not rest");
    }
    let poison = |plain| (Kind::NoHolder, plain);
    assert_eq!(sent, [poison(false), (Kind::Drift, false), poison(false), poison(true), poison(true)]);
}

#[test]
fn what_is_critical_waits_for_nothing() {
    let mut now = Life::new().now;
    let mut book = Book::default();
    for i in 0..12 {
        now += SignedDuration::from_mins(1);
        book = book.record(&seen(&[problem(Kind::Drift, &format!("/a{i}"), "")]), now, &Rules::default(), &routes());
        let queue = book.outbox.get_mut("t").expect("there is a target");
        if let Some(batch) = queue.take(now, None) {
            queue.settle(&batch, &Fate::Accepted(None), now);
        }
    }
    assert_eq!(book.outbox["t"].take(now, None), None, "it was told so much that it is left in peace");
    let mut all: Vec<Problem> = (0..20).map(|i| problem(Kind::Drift, &format!("/b{i}"), "")).collect();
    all.push(problem(Kind::NoHolder, "10.0.0.9", ""));
    let book = book.record(&seen(&all), now, &Rules::default(), &routes());
    let batch = book.outbox["t"].take(now, None).expect("it is told");
    let told: Vec<Kind> = batch.entries.iter().map(|entry| entry.case.identity.kind).collect();
    assert_eq!(told, [Kind::NoHolder], "alone, with all its details");
}

#[test]
fn a_target_that_moves_hears_what_is_open_and_no_end_of_what_it_never_heard() {
    let now = Life::new().now;
    let rules = Rules::default();
    let drift = seen(&[problem(Kind::Drift, "/a", "")]);
    let mut book = Book::default().record(&drift, now, &rules, &routes());
    let queue = book.outbox.get_mut("t").expect("there is a target");
    let batch = queue.take(now, None).expect("it is told");
    queue.settle(&batch, &Fate::Accepted(Some("thread".to_owned())), now);
    let moved: BTreeMap<_, _> = [("t".to_owned(), Route { place: "elsewhere".to_owned(), ..Route::default() })].into();
    let next = book.record(&drift, now + RUN, &rules, &moved);
    let queue = &next.outbox["t"];
    assert_eq!(queue.entries.iter().map(|entry| entry.stage).collect::<Vec<_>>(), [Stage::Opened]);
    assert_eq!(queue.threads, []);
    assert!(!book.record(&Sighting::default(), now + RUN, &rules, &moved).outbox.contains_key("t"));
}

#[test]
fn a_target_hears_what_it_wants_from_when_it_is_there() {
    let now = Life::new().now;
    let rules = Rules::default();
    let drift = problem(Kind::Drift, "/a", "");
    let route = Route { severity: Severity::Critical, ..Route::default() };
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

#[test]
fn what_repeats_an_open_incident_is_no_delivery_to_speak_of() {
    let mut now = Life::new().now;
    let drift = seen(&[problem(Kind::Drift, "/a", "")]);
    let mut book = Book::default().record(&drift, now, &Rules::default(), &routes());
    let queue = book.outbox.get_mut("t").expect("there is a target");
    for failing in [false, false, true] {
        let batch = queue.take_all(now, None).expect("it is told, and told again");
        let fate = if failing { Fate::Delayed { why: "503".to_owned(), wait: None } } else { Fate::Accepted(None) };
        queue.settle(&batch, &fate, now);
        assert_eq!(queue.refreshed.is_some_and(|at| at == now), !failing);
        now += SignedDuration::from_hours(2);
    }
    let log: Vec<_> = queue.attempts.iter().map(|attempt| (attempt.entries, attempt.failure.as_deref())).collect();
    assert_eq!(log, [(1, None), (0, Some("503"))]);
}
