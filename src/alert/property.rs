//! The life of incidents: any sequence of sightings, crashes and delivery failures.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::tests::{RUN, problem, routes, seen};
use super::{Batch, Book, Entry, Fate, Identity, Kind, Problem, Queue, Rules, Severity, Sighting, Stage, State};

/// One thing that happens in the long life of a host.
#[derive(Debug, Clone)]
enum Happening {
    /// A run, which is killed before it has written what it saw, or not.
    Run { present: Vec<(usize, u8)>, repaired: Vec<usize>, blind: Option<usize>, minutes: i64, killed: bool },
    /// An attempt to deliver, in quiet hours or not.
    Delivery { luck: Luck, quiet: bool },
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
        // The clock may be set back.
        prop_oneof![10 => Just(5i64), 2 => 0i64..2_000, 1 => -2_000i64..0],
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
    let delivery = (luck, prop::bool::weighted(0.2));
    prop_oneof![run, delivery.prop_map(|(luck, quiet)| Happening::Delivery { luck, quiet })]
}

/// A receiver that believes what it is told.
#[derive(Default)]
struct Receiver {
    /// What it got, by incident.
    got: BTreeMap<u64, Vec<(Stage, u64)>>,
    /// What it got, by the message's name: whatever has a name that it knows, it takes for the same and passes over.
    names: BTreeMap<String, Vec<(u64, Stage, Timestamp)>>,
    /// How much was on its way when the agent was killed between its answer and the note of it.
    doubt: usize,
}

impl Receiver {
    fn take(&mut self, batch: &Batch) {
        let said: Vec<_> = batch.entries.iter().map(|entry| (entry.case.number, entry.stage, entry.at)).collect();
        let known = self.names.entry(batch.id()).or_insert_with(|| said.clone());
        assert_eq!(*known, said, "two messages are named {}", batch.id());
        for Entry { case, stage, edition, .. } in &batch.entries {
            self.got.entry(case.number).or_default().push((*stage, *edition));
        }
    }

    /// A life as it was told, without what came twice.
    fn told(&self, number: u64) -> Vec<Stage> {
        let mut told: Vec<(Stage, u64)> = self.got.get(&number).cloned().unwrap_or_default();
        told.dedup();
        told.into_iter().map(|(stage, _)| stage).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_made_up_or_told_twice(happenings in prop::collection::vec(happening(), 1..60)) {
        let rules = Rules::default();
        let mut now: Timestamp = "2026-03-01T12:00:00Z".parse().expect("a time");
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
                        book = Book::read(Some(next.write().as_bytes())).expect("it is read back");
                        prop_assert_eq!(&book, &next);
                        opened.extend(book.ledger.incidents.iter().filter(|one| one.is_open()).map(|one| one.case.number));
                        opened.extend(book.ledger.past.iter().map(|past| past.case.number));
                    }
                }
                Happening::Delivery { luck, quiet } => {
                    let hush = quiet.then_some(Severity::Critical);
                    let Some(batch) = book.outbox.get("t").and_then(|queue| queue.take(now, hush)) else { continue };
                    let is_loud = |entry: &Entry| entry.case.severity == Severity::Critical;
                    prop_assert!(!quiet || batch.entries.iter().all(is_loud), "told in quiet hours: {batch:?}");
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
