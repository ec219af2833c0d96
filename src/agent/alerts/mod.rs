//! The book of incidents on disk: what a run saw goes in, and what waits for targets goes out.
//!
//! The document has a lock of its own, which nobody holds while something is sent: a run never waits for a receiver. Who
//! sends holds another one, so that nothing is sent twice at the same time.

use std::path::{Path, PathBuf};

use crate::alert::{self, Book, Route, Sighting, Target, TargetError};
use crate::report::Mode;
use crate::sys::post::PostError;
use crate::sys::statedir::{self, StateError};
use crate::sys::{clock, textfile};

use super::{AgentError, Ran, Settings};

mod deliver;
mod keys;
mod sample;

pub use deliver::deliver;
pub use sample::{Tried, try_out};

/// The document's name in the state directory.
const NAME: &str = "alerts.json";

/// Says why incidents are not kept or not told.
#[derive(Debug, thiserror::Error)]
pub enum AlertError {
    /// The state directory failed.
    #[error(transparent)]
    State(#[from] StateError),
    /// A target is not one.
    #[error(transparent)]
    Target(#[from] TargetError),
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
    /// There is no such target.
    #[error("`alerts` in agent.yaml names no target `{0}` for this cluster")]
    NoTarget(String),
    /// There are no targets at all.
    #[error("`alerts` in agent.yaml names no target for this cluster")]
    NoTargets,
}

/// Takes in what a run saw, or that it could not begin. Where nothing is new, nothing is written.
pub fn record(settings: &Settings, ran: &Result<Ran, AgentError>) -> Result<(), AlertError> {
    let Some(alerts) = settings.alerts.as_ref().filter(|_| settings.mode != Mode::DryRun) else { return Ok(()) };
    let seen = match ran {
        Ok(ran) => Sighting::of(&ran.report),
        // Another run is under way, or there is no place to write to.
        Err(AgentError::State(_)) => return Ok(()),
        Err(error) => Sighting::of_failed_run(&super::with_causes(error)),
    };
    let targets = alerts.targets(&settings.cluster)?;
    let routes = targets.into_iter().map(|(name, Target { route, .. })| (name, route));
    let routes: std::collections::BTreeMap<String, Route> = routes.collect();
    Ok(change(&settings.state, |book| book.record(&seen, clock::now(), &alerts.rules(), &routes))?)
}

/// Writes the metrics of a run where the settings say.
pub fn measure(settings: &Settings, ran: &Ran) -> Result<(), AlertError> {
    let Some(path) = settings.metrics.as_deref().filter(|_| settings.mode != Mode::DryRun) else { return Ok(()) };
    let book = book(&settings.state)?;
    let text = alert::metrics(&ran.report, &ran.measured, &book, &textfile::read(path), clock::now());
    textfile::replace(path, &text).map_err(|source| AlertError::Metrics { path: path.to_owned(), source })
}

/// Reads the book of a host.
pub fn book(state: &Path) -> Result<Book, StateError> {
    Ok(Book::read(statedir::read(state, NAME)?.as_deref()))
}

/// Changes the book; what is written is on the disk when this returns.
fn change(state: &Path, change: impl FnOnce(&Book) -> Book) -> Result<(), StateError> {
    let held = statedir::hold(state, NAME)?;
    let book = Book::read(held.read()?.as_deref());
    let next = change(&book);
    if next == book { Ok(()) } else { held.replace(next.write().as_bytes()) }
}
