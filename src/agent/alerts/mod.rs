//! The book of incidents on disk: what a run saw goes in, and what waits for targets goes out.
//!
//! The document has a lock of its own, which nobody holds while something is sent: a run never waits for a receiver. Who
//! sends holds another one, so that nothing is sent twice at the same time.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::alert::{self, AlertsFile, Book, BookError, Known, Queue, Route, Severity, Sighting, Target};
use crate::report::{Mode, Report};
use crate::sys::post::PostError;
use crate::sys::statedir::{self, StateError};
use crate::sys::{clock, textfile};

use super::{AgentError, Ran, Settings};

mod check;
mod deliver;
mod keys;
mod mask;
mod sample;

pub use check::{Checked, check};
pub use deliver::deliver;
pub use sample::{Tried, try_out};

/// The document's name in the state directory.
const NAME: &str = "alerts.json";

/// How much longer than before the note of an attempt makes the document, at most, in bytes.
const ROOM: usize = 4096;

/// Says why incidents are not kept or not told.
#[derive(Debug, thiserror::Error)]
pub enum AlertError {
    /// The state directory failed.
    #[error(transparent)]
    State(#[from] StateError),
    /// The book cannot be read.
    #[error("`{}` cannot be read: {why}", path.display())]
    Damaged {
        /// The book.
        path: PathBuf,
        /// Why.
        why: BookError,
    },
    /// The way to the services cannot be prepared.
    #[error(transparent)]
    Post(#[from] PostError),
    /// The metrics cannot be written.
    #[error("cannot write the metrics to `{}`", path.display())]
    Metrics {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A delivery ended as none should.
    #[error("a delivery ended in a fault of this program")]
    Broke,
    /// There is no such target.
    #[error("`alerts` in agent.yaml names no target `{0}` for this cluster")]
    NoTarget(String),
    /// There are no targets at all.
    #[error("`alerts` in agent.yaml names no target for this cluster")]
    NoTargets,
}

/// Takes in what a run saw, or that it could not begin. Where nothing is new, nothing is written. A book that cannot be
/// read is put aside, and what is wrong is told once more; returns a word about that.
pub fn record(settings: &Settings, ran: &Result<Ran, AgentError>) -> Result<Option<String>, AlertError> {
    if settings.mode == Mode::DryRun {
        return Ok(None);
    }
    let Some(alerts) = &settings.alerts else {
        // What an earlier setting left is true no more.
        if statedir::read(&settings.state, NAME)?.is_some() {
            statedir::remove_beside(&settings.state, NAME)?;
        }
        return Ok(None);
    };
    let Some(seen) = sighting(settings, ran) else { return Ok(None) };
    let targets = alerts.targets(&settings.cluster);
    let routes = targets.into_iter().map(|(name, Target { route, .. })| (name, route));
    let routes: std::collections::BTreeMap<String, Route> = routes.collect();
    let held = statedir::hold(&settings.state, NAME)?;
    let (book, word) = match Book::read(held.read()?.as_deref()) {
        Ok(book) => (book, None),
        Err(why) => {
            let aside = held.put_aside()?;
            let word = format!("the book of incidents began anew, and the old one is `{}`: {why}", aside.display());
            (Book::default(), Some(word))
        }
    };
    let next = book.record(&seen, clock::now(), &alerts.rules(), &routes);
    if next != book {
        held.replace(next.write().as_bytes())?;
    }
    Ok(word)
}

/// Returns what a run saw; nothing where another one is under way, which tells itself.
fn sighting(settings: &Settings, ran: &Result<Ran, AgentError>) -> Option<Sighting> {
    let mut seen = match ran {
        Ok(ran) => Sighting::of(&ran.report),
        Err(AgentError::State(StateError::Busy { .. })) => return None,
        Err(error) => Sighting::of_failed_run(&super::with_causes(error)),
    };
    seen.leave_out(settings.alerts.as_ref().map(|alerts| alerts.left_out.as_slice()).unwrap_or_default());
    Some(seen)
}

/// Writes the metrics of a run, or that it could not begin, where the settings say. `broken` is whether its incidents could
/// not be kept, or nobody could be told.
pub fn measure(settings: &Settings, ran: &Result<Ran, AgentError>, broken: bool) -> Result<(), AlertError> {
    let Some(path) = settings.metrics.as_deref().filter(|_| settings.mode != Mode::DryRun) else { return Ok(()) };
    let Some(seen) = sighting(settings, ran) else { return Ok(()) };
    // Where the book cannot be read, the run has said so.
    let book = settings.alerts.as_ref().and_then(|_| book(&settings.state).ok());
    let before = textfile::read(path);
    let known = Known {
        seen: &seen,
        book: book.as_ref(),
        broken: settings.alerts.as_ref().map(|_| broken),
        before: &before,
        now: clock::now(),
    };
    let text = match ran {
        Ok(ran) => alert::metrics(&ran.report, &ran.measured, &known),
        Err(_) => alert::metrics_of_failed_run(&settings.cluster, &settings.host, &known),
    };
    textfile::replace(path, &text).map_err(|source| AlertError::Metrics { path: path.to_owned(), source })
}

/// Returns how bad the worst is that a run saw, as its settings judge it.
pub fn worst(settings: &Settings, report: &Report) -> Option<Severity> {
    let asked = settings.alerts.as_ref().map(AlertsFile::rules).unwrap_or_default();
    let seen = Sighting::of(report);
    seen.problems.values().map(|problem| asked.severity(problem)).max()
}

/// Returns the targets that were tried since then and took nothing, each with why.
pub fn undelivered(settings: &Settings, since: Timestamp) -> Vec<(String, String)> {
    let book = settings.alerts.as_ref().and_then(|_| book(&settings.state).ok()).unwrap_or_default();
    let last = |(name, queue): (String, Queue)| {
        let last = queue.attempts.last().filter(|attempt| attempt.at >= since)?;
        Some((name, last.failure.clone()?))
    };
    book.outbox.into_iter().filter_map(last).collect()
}

/// Reads the book of a host.
pub fn book(state: &Path) -> Result<Book, AlertError> {
    let bytes = statedir::read(state, NAME)?;
    Book::read(bytes.as_deref()).map_err(|why| AlertError::Damaged { path: state.join(NAME), why })
}

/// Makes sure that a change of the book can be written: what cannot be noted is not sent, for every run would send it.
fn prepare(state: &Path, book: &Book) -> Result<(), AlertError> {
    Ok(statedir::hold(state, NAME)?.prepare(book.write().len() + ROOM)?)
}

/// Changes the book; what is written is on the disk when this returns.
fn change(state: &Path, change: impl FnOnce(&Book) -> Book) -> Result<(), AlertError> {
    let held = statedir::hold(state, NAME)?;
    let path = || state.join(NAME);
    let book = Book::read(held.read()?.as_deref()).map_err(|why| AlertError::Damaged { path: path(), why })?;
    let next = change(&book);
    if next == book { Ok(()) } else { Ok(held.replace(next.write().as_bytes())?) }
}
