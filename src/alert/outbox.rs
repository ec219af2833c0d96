//! The outbox: for each target what it has not been told yet, and what it was told.
//!
//! It holds no stream of messages but, for each incident, the one thing that there is to say: whatever happens before that is
//! delivered becomes part of it. So it is bounded by the number of incidents, and a target that was away for a week gets
//! what is true now. What a target acknowledged is never sent again; what it may have got, and the agent was killed before it
//! knew, is.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::kind::Severity;
use super::ledger::{Case, Event, Ledger, Stage};
use super::route::Route;

/// The most things that wait for one target. There are never more incidents; beyond this, what is over goes first.
const MOST: usize = 1_000;
/// The most attempts of one target that are remembered.
const MOST_ATTEMPTS: usize = 20;
/// The most threads of one target that are remembered.
const MOST_THREADS: usize = 400;
/// How many things can wait with their diffs.
const MOST_DIFFS: usize = 40;
/// How many things are told one by one; more become one message.
const SINGLY: usize = 4;
/// How many messages an hour a target gets before they come in one, every [`CALM`].
const MOST_AN_HOUR: usize = 10;
/// How far apart messages are then.
const CALM: SignedDuration = SignedDuration::from_mins(10);
/// How long a target rests after its first failure; each further one doubles it.
const FIRST_REST: SignedDuration = SignedDuration::from_mins(1);
/// The longest rest that is not asked for.
const LONGEST_REST: SignedDuration = SignedDuration::from_hours(1);
/// The longest rest that a target can ask for.
const LONGEST_WISH: SignedDuration = SignedDuration::from_hours(24);
/// After how many refusals of the same thing it is sent without its details.
const PLAIN_AFTER: u32 = 2;
/// How often a target that forgets is told all that is open.
pub(super) const REFRESH: SignedDuration = SignedDuration::from_hours(1);
/// How long something waits for a target that does not want it.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What waits for each target, by the target's name.
pub type Outbox = BTreeMap<String, Queue>;

/// What waits for one target, and what it was told.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// Where the target is: one that moves begins anew.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// What waits, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<Entry>,
    /// The incidents that the target knows, or will know by what waits.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub known: BTreeSet<u64>,
    /// Where the thread of an incident is, for services that have threads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub threads: Vec<Thread>,
    /// The failures since the last success.
    #[serde(default)]
    pub failures: u32,
    /// Before this time nothing is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// The number of the last thing that there was to tell.
    #[serde(default)]
    pub editions: u64,
    /// The last attempts, the newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// When the target was last told all that is open, where it has to be told again and again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refreshed: Option<Timestamp>,
}

/// One thing that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What happened.
    pub stage: Stage,
    /// To what.
    pub case: Case,
    /// When it happened.
    pub at: Timestamp,
    /// Since when there is something to tell of the incident.
    pub since: Timestamp,
    /// Whether the target knows nothing of the incident yet.
    pub first: bool,
    /// Its number among all that this target is told: what takes its place has another one.
    pub edition: u64,
    /// How often the target has refused it.
    #[serde(default)]
    pub refusals: u32,
    /// Before this time it is not sent again, because it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
}

/// Where the thread of an incident is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thread {
    /// The incident.
    pub number: u64,
    /// The service's name for the first message.
    pub id: String,
}

/// One attempt to tell a target something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// When.
    pub at: Timestamp,
    /// How many things it was about.
    pub entries: usize,
    /// Why it failed; nothing where it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// What is sent as one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// What it tells; the worst first.
    pub entries: Vec<Entry>,
    /// Whether it goes without its details, because the target has refused them.
    pub plain: bool,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The target has it, and names its message so.
    Accepted(Option<String>),
    /// The target does not want it as it is.
    Refused(String),
    /// It did not get there, or the target asks to wait.
    Delayed {
        /// Why.
        why: String,
        /// How long the target asks to wait.
        wait: Option<SignedDuration>,
    },
}

impl Batch {
    /// Returns a name that is the same whenever the same is sent, and another one for whatever else this host tells a target:
    /// receivers can tell what came twice.
    pub fn id(&self) -> String {
        let name = |entry: &Entry| {
            let Entry { stage, case, edition, .. } = entry;
            format!("{}.{}.{}.{edition}", case.number, case.first_seen.as_second(), *stage as u8)
        };
        self.entries.iter().map(name).collect::<Vec<_>>().join("-")
    }
}

/// Puts what happened before every target that wants it, and before those that should know of an open incident and do not.
pub fn post(
    outbox: &Outbox,
    routes: &BTreeMap<String, Route>,
    ledger: &Ledger,
    events: &[Event],
    now: Timestamp,
) -> Outbox {
    let mut next = Outbox::new();
    for (name, route) in routes {
        let known = outbox.get(name).filter(|queue| queue.place == route.place).cloned();
        let mut queue = known.unwrap_or_else(|| Queue { place: route.place.clone(), ..Queue::default() });
        queue.heed_clock(now);
        for event in events {
            queue.tell(event, route.wants(&event.case), now);
        }
        for incident in ledger.incidents.iter().filter(|incident| incident.is_open()) {
            if route.wants(&incident.case) && !queue.known.contains(&incident.case.number) {
                queue.tell(&Event { stage: Stage::Opened, case: incident.case.clone() }, true, now);
            }
        }
        queue.expire(now);
        if queue != (Queue { place: route.place.clone(), ..Queue::default() }) {
            next.insert(name.clone(), queue);
        }
    }
    next
}

impl Queue {
    /// Takes what is later than it can be for what it can be: the clock was set back, and nobody waits until it is there
    /// again.
    fn heed_clock(&mut self, now: Timestamp) {
        let latest = now.checked_add(LONGEST_WISH).unwrap_or(now);
        self.not_before = self.not_before.map(|time| time.min(latest));
        self.refreshed = self.refreshed.map(|time| time.min(now));
        self.attempts.iter_mut().for_each(|attempt| attempt.at = attempt.at.min(now));
        for entry in &mut self.entries {
            entry.since = entry.since.min(now);
            entry.not_before = entry.not_before.map(|time| time.min(latest));
        }
    }

    fn tell(&mut self, event: &Event, wanted: bool, now: Timestamp) {
        let Event { stage, case } = event;
        let known = self.known.contains(&case.number);
        let stage = match stage {
            Stage::Resolved if known => {
                self.known.remove(&case.number);
                Stage::Resolved
            }
            Stage::Passed if wanted => Stage::Passed,
            Stage::Resolved | Stage::Passed => return,
            stage if known => *stage,
            _ if !wanted => return,
            stage => {
                self.known.insert(case.number);
                if *stage == Stage::Flapping { Stage::Flapping } else { Stage::Opened }
            }
        };
        self.put(stage, case.clone(), !known, now);
    }

    /// Adds an entry, or lets it take the place of the one of its incident. Where so much waits that it is told in one
    /// message, no diff is shown, and none is kept.
    fn put(&mut self, stage: Stage, mut case: Case, first: bool, now: Timestamp) {
        if self.entries.len() >= MOST_DIFFS {
            case.diff = None;
        }
        self.editions += 1;
        let edition = self.editions;
        if let Some(waiting) = self.entries.iter_mut().find(|entry| entry.case.number == case.number) {
            let stage = if waiting.first { of_first(stage, waiting.stage) } else { stage };
            *waiting = Entry { stage, case, at: now, edition, refusals: 0, not_before: None, ..waiting.clone() };
            return;
        }
        self.entries.push(Entry { stage, case, at: now, since: now, first, edition, refusals: 0, not_before: None });
        while self.entries.len() > MOST {
            let least = (0..self.entries.len()).min_by_key(|index| self.entries[*index].weight());
            self.entries.remove(least.unwrap_or(0));
        }
    }

    /// Drops what the target has refused for a week. An incident that is still open is told anew.
    fn expire(&mut self, now: Timestamp) {
        let is_old = |entry: &Entry| entry.refusals > PLAIN_AFTER && now.duration_since(entry.since) > LONGEST_WAIT;
        for entry in self.entries.iter().filter(|entry| is_old(entry) && entry.first) {
            self.known.remove(&entry.case.number);
        }
        self.entries.retain(|entry| !is_old(entry));
        if self.entries.is_empty() && self.not_before.is_none() {
            self.failures = 0;
        }
    }

    /// Returns what is to be sent now, if anything is. With `hush`, only what is at least as bad as that.
    pub fn take(&self, now: Timestamp, hush: Option<Severity>) -> Option<Batch> {
        if self.not_before.is_some_and(|time| now < time) {
            return None;
        }
        let mut due: Vec<&Entry> =
            self.entries.iter().filter(|entry| hush.is_none_or(|least| entry.case.severity >= least)).collect();
        due.retain(|entry| entry.not_before.is_none_or(|time| now >= time));
        // What was refused comes last and goes alone, so that it does not keep the rest back.
        due.sort_by_key(|entry| (entry.refusals, Reverse(entry.case.severity), entry.since));
        let recent = |span| {
            self.attempts.iter().filter(move |one| one.failure.is_none() && now.duration_since(one.at) < span).count()
        };
        let urgent =
            due.iter().filter(|entry| entry.refusals == 0 && entry.case.severity == Severity::Critical).count();
        // What is critical waits for nothing, and a few such things are told one by one, whatever else waits.
        if (1..=SINGLY).contains(&urgent) {
            return Some(Batch { entries: due.into_iter().take(1).cloned().collect(), plain: false });
        }
        let busy = urgent == 0 && recent(SignedDuration::from_hours(1)) >= MOST_AN_HOUR;
        if busy && recent(CALM) > 0 {
            return None;
        }
        let unrefused = due.iter().filter(|entry| entry.refusals == 0).count();
        let count = if unrefused == 0 || (unrefused <= SINGLY && !busy) { 1 } else { unrefused };
        let entries: Vec<Entry> = due.into_iter().take(count).cloned().collect();
        let plain = entries.iter().any(|entry| entry.refusals >= PLAIN_AFTER);
        (!entries.is_empty()).then_some(Batch { entries, plain })
    }

    /// Returns the incidents that the target knows already: it was told of them, or may have been.
    pub fn told(&self) -> BTreeSet<u64> {
        let untold = |number: &u64| self.entries.iter().any(|entry| entry.first && entry.case.number == *number);
        self.known.iter().filter(|number| !untold(number)).copied().collect()
    }

    /// Returns everything that waits, for a target that forgets what nobody repeats; nothing but that is due too, once in a
    /// while.
    pub fn take_all(&self, now: Timestamp, hush: Option<Severity>) -> Option<Batch> {
        if self.not_before.is_some_and(|time| now < time) {
            return None;
        }
        let heard = |entry: &&Entry| {
            hush.is_none_or(|least| entry.case.severity >= least) && entry.not_before.is_none_or(|time| now >= time)
        };
        let entries: Vec<Entry> = self.entries.iter().filter(heard).cloned().collect();
        let stale = self.refreshed.is_none_or(|at| now.duration_since(at) >= REFRESH) && !self.told().is_empty();
        (stale || !entries.is_empty()).then_some(Batch { entries, plain: false })
    }

    /// Notes what became of a message.
    pub fn settle(&mut self, batch: &Batch, fate: &Fate, now: Timestamp) {
        let failure = match fate {
            Fate::Accepted(thread) => {
                self.accepted(batch, thread.as_deref());
                (self.failures, self.not_before) = (0, None);
                self.refreshed = Some(now);
                None
            }
            Fate::Refused(why) => {
                self.refused(batch, now);
                Some(why.clone())
            }
            Fate::Delayed { why, wait } => {
                self.rest(now, *wait);
                Some(why.clone())
            }
        };
        // That somebody was reminded of what he knows, and took it, is no news.
        if batch.entries.is_empty() && failure.is_none() {
            return;
        }
        self.attempts.push(Attempt { at: now, entries: batch.entries.len(), failure });
        let surplus = self.attempts.len().saturating_sub(MOST_ATTEMPTS);
        self.attempts.drain(..surplus);
    }

    fn accepted(&mut self, batch: &Batch, thread: Option<&str>) {
        for sent in &batch.entries {
            let number = sent.case.number;
            let over = matches!(sent.stage, Stage::Resolved | Stage::Passed);
            if let (Some(id), false, [_]) = (thread, over, batch.entries.as_slice())
                && self.thread(number).is_none()
            {
                self.threads.push(Thread { number, id: id.to_owned() });
            }
            let Some(index) = self.entries.iter().position(|entry| entry.case.number == number) else { continue };
            let entry = &mut self.entries[index];
            if entry.edition == sent.edition {
                self.entries.remove(index);
            } else {
                // Something happened while it was on its way: that is still to be told, to somebody who knows the rest.
                entry.stage = match entry.stage {
                    Stage::Passed => Stage::Resolved,
                    Stage::Opened => Stage::Changed,
                    stage => stage,
                };
                entry.first = false;
            }
        }
        let (known, entries) = (&self.known, &self.entries);
        let needed = |number: &u64| known.contains(number) || entries.iter().any(|entry| entry.case.number == *number);
        self.threads.retain(|thread| needed(&thread.number));
        let surplus = self.threads.len().saturating_sub(MOST_THREADS);
        self.threads.drain(..surplus);
    }

    /// What is refused rests by itself: whatever else waits does not.
    fn refused(&mut self, batch: &Batch, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        let is_sent = |entry: &&mut Entry| batch.entries.iter().any(|sent| sent.case.number == entry.case.number);
        for entry in self.entries.iter_mut().filter(is_sent) {
            entry.not_before = now.checked_add(doubled(entry.refusals)).ok();
            entry.refusals = entry.refusals.saturating_add(1);
        }
    }

    fn rest(&mut self, now: Timestamp, wish: Option<SignedDuration>) {
        let rest = doubled(self.failures).max(wish.unwrap_or_default().min(LONGEST_WISH));
        self.failures = self.failures.saturating_add(1);
        self.not_before = now.checked_add(rest).ok();
    }

    /// Returns the service's name for the first message of an incident.
    pub fn thread(&self, number: u64) -> Option<&str> {
        self.threads.iter().find(|thread| thread.number == number).map(|thread| thread.id.as_str())
    }
}

impl Entry {
    /// How much is lost with it: the least goes first where there is no room.
    fn weight(&self) -> (u8, Timestamp) {
        let weight = match self.stage {
            Stage::Passed => 0,
            Stage::Reminded => 1,
            Stage::Changed => 2,
            Stage::Resolved => 3,
            Stage::Opened | Stage::Flapping => 4,
        };
        (weight, self.since)
    }
}

/// Returns how long to rest after so many failures before this one.
fn doubled(failures: u32) -> SignedDuration {
    FIRST_REST.saturating_mul(1 << failures.min(10)).min(LONGEST_REST)
}

/// What there is to say of an incident that a target knows nothing of, after one thing and then another happened to it.
fn of_first(stage: Stage, before: Stage) -> Stage {
    match stage {
        Stage::Resolved | Stage::Passed => Stage::Passed,
        Stage::Flapping => Stage::Flapping,
        Stage::Opened | Stage::Changed | Stage::Reminded if before == Stage::Flapping => Stage::Flapping,
        Stage::Opened | Stage::Changed | Stage::Reminded => Stage::Opened,
    }
}
