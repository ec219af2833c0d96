//! The ledger: what is wrong on this host, since when, and what was last said of it.
//!
//! [`advance`] is a pure function. A problem becomes an incident when it has lasted as long as its kind has to; an incident
//! is resolved when a run looked and it was gone. One that comes and goes is *flapping*: that is said once, and nothing more
//! until it has been quiet.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::kind::{Identity, Kind, Severity, THE_REST};
use super::rules::Rules;
use super::sighting::{Problem, Sighting};

/// The most incidents with an identity of their own; all others of a kind share one.
const MOST: usize = 400;
/// The most incidents that are remembered after their end.
const MOST_PAST: usize = 100;
/// The most moments of one incident that are remembered.
const MOST_MOMENTS: usize = 16;
/// How often something may open before it is flapping.
const FLAPS: usize = 3;
/// Within which time it is, and how long it must be quiet to be so no more.
const FLAP_WINDOW: SignedDuration = SignedDuration::from_hours(6);
/// How long something that is flapping has to stay as it is.
const SETTLE: SignedDuration = SignedDuration::from_hours(1);
/// How long after a message a change of the same incident is not told.
const CHANGE_PAUSE: SignedDuration = SignedDuration::from_hours(1);

/// What is wrong on this host, and what was lately.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// The number of the last incident.
    pub last: u64,
    /// What is there now, by identity.
    pub incidents: Vec<Incident>,
    /// What is over, the newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past: Vec<Past>,
}

/// What is said of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Its number on this host; one that comes back has a new one.
    pub number: u64,
    /// What it is.
    pub identity: Identity,
    /// How bad it is.
    pub severity: Severity,
    /// Who or what caused it.
    pub cause: String,
    /// What is wrong, in a line.
    pub summary: String,
    /// What to do.
    pub help: String,
    /// The diff from the live file to the release, secrets masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// When a run first saw it.
    pub first_seen: Timestamp,
}

/// Something that is wrong now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// What is said of it.
    pub case: Case,
    /// Where it is in its life.
    pub state: State,
    /// What of it is worth a message when it changes, as it was last told.
    pub print: String,
    /// When something was last said of it.
    pub told: Timestamp,
    /// When it opened lately, for telling what flaps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub openings: Vec<Timestamp>,
    /// Since when something that is flapping is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<Timestamp>,
    /// What happened to it, the newest last.
    pub moments: Vec<Moment>,
}

/// Where something that is wrong is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It was seen, and has not lasted long enough.
    Watched,
    /// It is an incident.
    Open,
    /// It comes and goes.
    Flapping,
}

/// Something that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Past {
    /// What was said of it, without the diff.
    pub case: Case,
    /// When it opened lately.
    pub openings: Vec<Timestamp>,
    /// What happened to it, the newest last.
    pub moments: Vec<Moment>,
}

/// Something that happened to an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moment {
    /// When.
    pub at: Timestamp,
    /// What.
    pub stage: Stage,
}

/// What happens to an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// It is there.
    Opened,
    /// It is another one than was told.
    Changed,
    /// It is still there.
    Reminded,
    /// It comes and goes, and nothing more is said until that ends.
    Flapping,
    /// It is over.
    Resolved,
    /// It came and is over already: a run repaired it, or it went before it could be told.
    Passed,
}

/// Something to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub stage: Stage,
    /// To what.
    pub case: Case,
}

impl Incident {
    /// Whether it has opened and is not over.
    pub fn is_open(&self) -> bool {
        self.state != State::Watched
    }

    /// Takes what the ledger has of later than now for now: the clock was set back, and nothing waits until it is there again.
    fn heeding_clock(mut self, now: Timestamp) -> Self {
        self.told = self.told.min(now);
        self.gone = self.gone.map(|gone| gone.min(now));
        self.case.first_seen = self.case.first_seen.min(now);
        self.openings.retain(|at| *at <= now);
        self
    }

    /// Returns when it opened.
    pub fn opened(&self) -> Timestamp {
        self.moments.first().map_or(self.case.first_seen, |moment| moment.at)
    }
}

/// Says what a run's sighting means for what was known.
pub fn advance(ledger: &Ledger, seen: &Sighting, now: Timestamp, rules: &Rules) -> (Ledger, Vec<Event>) {
    let mut next = Ledger { incidents: Vec::new(), ..ledger.clone() };
    let mut events = Vec::new();
    let problems = folded(ledger, &seen.problems);
    let mut step = Step { next: &mut next, events: &mut events, seen, now, rules };
    for incident in &ledger.incidents {
        let incident = incident.clone().heeding_clock(now);
        let identity = &incident.case.identity;
        match problems.get(identity) {
            Some(problem) => step.still(incident, problem),
            None if seen.repaired.contains_key(identity) => step.repaired(incident),
            None if seen.blind.covers(identity) => step.next.incidents.push(incident),
            None => step.gone(incident),
        }
    }
    let known: BTreeSet<&Identity> = ledger.incidents.iter().map(|incident| &incident.case.identity).collect();
    for problem in problems.values().filter(|problem| !known.contains(&problem.identity)) {
        step.appeared(problem);
    }
    for problem in seen.repaired.values().filter(|problem| !known.contains(&problem.identity)) {
        step.passed(problem);
    }
    next.incidents.sort_by(|a, b| a.case.identity.cmp(&b.case.identity));
    let surplus = next.past.len().saturating_sub(MOST_PAST);
    next.past.drain(..surplus);
    (next, events)
}

/// Lets what is too much share one problem for each kind. What has an incident of its own keeps it; where such a shared
/// one is there, whatever is new belongs to it.
fn folded(ledger: &Ledger, problems: &BTreeMap<Identity, Problem>) -> BTreeMap<Identity, Problem> {
    let known: BTreeSet<&Identity> = ledger.incidents.iter().map(|incident| &incident.case.identity).collect();
    let mut folded = BTreeMap::new();
    let mut surplus: BTreeMap<Kind, Vec<&Problem>> = BTreeMap::new();
    let mut room = MOST.saturating_sub(known.len());
    for (identity, problem) in problems {
        let shared = known.contains(&Identity::new(identity.kind, THE_REST));
        if known.contains(identity) {
            folded.insert(identity.clone(), problem.clone());
        } else if room > 0 && !shared {
            room -= 1;
            folded.insert(identity.clone(), problem.clone());
        } else {
            surplus.entry(identity.kind).or_default().push(problem);
        }
    }
    for (kind, problems) in surplus {
        let shared = share(kind, &problems);
        folded.insert(shared.identity.clone(), shared);
    }
    folded
}

/// One problem that stands for many.
fn share(kind: Kind, problems: &[&Problem]) -> Problem {
    let names: Vec<&str> = problems.iter().take(5).map(|problem| problem.identity.object.as_str()).collect();
    let count = problems.len();
    Problem {
        identity: Identity::new(kind, THE_REST),
        severity: problems.iter().filter_map(|problem| problem.severity).max(),
        cause: problems.first().map(|problem| problem.cause.clone()).unwrap_or_default(),
        summary: format!("{count} more of the kind {kind}: {}, …", names.join(", ")),
        help: "see `rmqgit status` on the host".to_owned(),
        diff: None,
        // News is when there are twice as many.
        print: count.ilog2().to_string(),
        since: problems.iter().filter_map(|problem| problem.since).min(),
    }
}

/// One run of the ledger.
struct Step<'a> {
    next: &'a mut Ledger,
    events: &'a mut Vec<Event>,
    seen: &'a Sighting,
    now: Timestamp,
    rules: &'a Rules,
}

impl Step<'_> {
    /// Something that is known is still there.
    fn still(&mut self, mut incident: Incident, problem: &Problem) {
        match incident.state {
            State::Watched => {
                if self.has_lasted(problem, incident.case.first_seen) {
                    self.refresh(&mut incident, problem);
                    incident = self.open(incident);
                }
            }
            State::Open => {
                let severity = self.rules.severity(problem);
                let news = incident.print != problem.print || incident.case.severity != severity;
                let worse = severity > incident.case.severity;
                if news && (worse || self.since(incident.told) >= CHANGE_PAUSE) {
                    self.refresh(&mut incident, problem);
                    self.say(&mut incident, Stage::Changed);
                } else if self.rules.remind(self.since(incident.told)) {
                    self.refresh(&mut incident, problem);
                    self.say(&mut incident, Stage::Reminded);
                }
            }
            State::Flapping => {
                if incident.gone.take().is_some() {
                    incident.openings.push(self.now);
                    self.forget_openings(&mut incident.openings);
                }
                let last = incident.openings.last().copied().unwrap_or(self.now);
                if self.since(last) >= SETTLE {
                    // It comes and goes no more, but is there for good: that is news.
                    incident.state = State::Open;
                    incident.openings.clear();
                    self.refresh(&mut incident, problem);
                    self.say(&mut incident, Stage::Changed);
                } else if self.rules.severity(problem) > incident.case.severity {
                    self.refresh(&mut incident, problem);
                    self.say(&mut incident, Stage::Changed);
                } else if self.rules.remind(self.since(incident.told)) {
                    self.say(&mut incident, Stage::Reminded);
                }
            }
        }
        self.next.incidents.push(incident);
    }

    /// Something that is known is gone, and the run looked.
    fn gone(&mut self, mut incident: Incident) {
        match incident.state {
            State::Watched => {}
            State::Open => self.resolve(incident),
            State::Flapping => {
                let since = *incident.gone.get_or_insert(self.now);
                if self.since(since) >= SETTLE {
                    incident.openings.clear();
                    self.resolve(incident);
                } else {
                    self.next.incidents.push(incident);
                }
            }
        }
    }

    /// Something that is known was undone by this run.
    fn repaired(&mut self, mut incident: Incident) {
        match incident.state {
            State::Watched => {
                if let Some(problem) = self.seen.repaired.get(&incident.case.identity) {
                    self.passed(problem);
                }
            }
            State::Open => self.resolve(incident),
            State::Flapping => {
                incident.openings.push(self.now);
                self.forget_openings(&mut incident.openings);
                incident.gone = Some(self.now);
                self.next.incidents.push(incident);
            }
        }
    }

    /// Something new is there.
    fn appeared(&mut self, problem: &Problem) {
        let incident = self.incident(problem);
        let incident = if self.has_lasted(problem, incident.case.first_seen) { self.open(incident) } else { incident };
        self.next.incidents.push(incident);
    }

    /// Something came, and this run undid it.
    fn passed(&mut self, problem: &Problem) {
        let mut incident = self.incident(problem);
        incident.openings.push(self.now);
        self.next.last += 1;
        incident.case.number = self.next.last;
        if incident.openings.len() >= FLAPS && self.next.incidents.len() < MOST {
            incident.state = State::Flapping;
            incident.gone = Some(self.now);
            self.say(&mut incident, Stage::Flapping);
            self.next.incidents.push(incident);
        } else {
            self.say(&mut incident, Stage::Passed);
            self.bury(incident);
        }
    }

    /// Makes an incident that nobody has been told of, with what is remembered of the last one of its identity.
    fn incident(&self, problem: &Problem) -> Incident {
        let past = self.next.past.iter().rev().find(|past| past.case.identity == problem.identity);
        let mut openings = past.map(|past| past.openings.clone()).unwrap_or_default();
        self.forget_openings(&mut openings);
        Incident {
            case: Case {
                number: 0,
                identity: problem.identity.clone(),
                severity: self.rules.severity(problem),
                cause: problem.cause.clone(),
                summary: problem.summary.clone(),
                help: problem.help.clone(),
                diff: problem.diff.clone(),
                first_seen: problem.since.map_or(self.now, |since| since.min(self.now)),
            },
            state: State::Watched,
            print: problem.print.clone(),
            told: self.now,
            openings,
            gone: None,
            moments: Vec::new(),
        }
    }

    fn open(&mut self, mut incident: Incident) -> Incident {
        self.next.last += 1;
        incident.case.number = self.next.last;
        incident.openings.push(self.now);
        self.forget_openings(&mut incident.openings);
        let flaps = incident.openings.len() >= FLAPS;
        incident.state = if flaps { State::Flapping } else { State::Open };
        self.say(&mut incident, if flaps { Stage::Flapping } else { Stage::Opened });
        incident
    }

    fn resolve(&mut self, mut incident: Incident) {
        self.say(&mut incident, Stage::Resolved);
        self.bury(incident);
    }

    fn bury(&mut self, incident: Incident) {
        let Incident { case, openings, moments, .. } = incident;
        self.next.past.push(Past { case: Case { diff: None, ..case }, openings, moments });
    }

    /// Takes over what a problem says now.
    fn refresh(&self, incident: &mut Incident, problem: &Problem) {
        let Problem { cause, summary, help, diff, print, .. } = problem.clone();
        incident.case =
            Case { severity: self.rules.severity(problem), cause, summary, help, diff, ..incident.case.clone() };
        incident.print = print;
    }

    fn say(&mut self, incident: &mut Incident, stage: Stage) {
        incident.told = self.now;
        incident.moments.push(Moment { at: self.now, stage });
        if incident.moments.len() > MOST_MOMENTS {
            // The first one says when it opened.
            incident.moments.remove(1);
        }
        self.events.push(Event { stage, case: incident.case.clone() });
    }

    fn has_lasted(&self, problem: &Problem, first_seen: Timestamp) -> bool {
        let first = problem.since.map_or(first_seen, |since| since.min(first_seen));
        self.since(first) >= self.rules.after(problem.identity.kind)
    }

    fn forget_openings(&self, openings: &mut Vec<Timestamp>) {
        openings.retain(|at| *at <= self.now && self.since(*at) < FLAP_WINDOW);
        let surplus = openings.len().saturating_sub(FLAPS);
        openings.drain(..surplus);
    }

    /// How long ago something was; a clock that was set back makes that nothing.
    fn since(&self, then: Timestamp) -> SignedDuration {
        self.now.duration_since(then).max(SignedDuration::ZERO)
    }
}
