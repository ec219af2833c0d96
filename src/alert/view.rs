//! The book as `rmqgit status --format json` shows it.

use jiff::Timestamp;

use crate::report::incidents::{self, Event, Incidents, TargetLog};

use super::book::Book;
use super::kind::name;
use super::ledger::{Case, Moment, Past, State};
use super::outbox::Attempt;

/// Returns what there is to show of the book.
pub fn view(book: &Book, now: Timestamp) -> Incidents {
    let open = book.ledger.incidents.iter().filter(|incident| incident.is_open()).map(|incident| {
        let since = incident.opened();
        one(&incident.case, incident.state == State::Flapping, &incident.moments, since, now)
    });
    let over = book.ledger.past.iter().rev().map(|Past { case, moments, .. }| {
        let ended = moments.last().map_or(case.first_seen, |moment| moment.at);
        one(case, false, moments, ended, now)
    });
    let targets = book.outbox.iter().map(|(target, queue)| TargetLog {
        target: target.clone(),
        waiting: queue.entries.len(),
        failures: queue.failures,
        not_before: queue.not_before.filter(|time| *time > now),
        attempts: queue.attempts.iter().map(attempt).collect(),
    });
    Incidents { at: now, unreadable: None, open: open.collect(), over: over.collect(), targets: targets.collect() }
}

fn one(case: &Case, flapping: bool, moments: &[Moment], since: Timestamp, now: Timestamp) -> incidents::Incident {
    let Case { number, identity, severity, cause, summary, help, diff, first_seen } = case.clone();
    incidents::Incident {
        number,
        kind: identity.kind.to_string(),
        object: identity.object,
        severity: severity.to_string(),
        flapping,
        cause,
        summary,
        help,
        diff,
        first_seen,
        age: now.duration_since(since).as_secs().max(0),
        history: moments.iter().map(|moment| Event { at: moment.at, stage: name(&moment.stage) }).collect(),
    }
}

fn attempt(attempt: &Attempt) -> incidents::Attempt {
    let Attempt { at, entries, failure } = attempt.clone();
    incidents::Attempt { at, incidents: entries, failure }
}
