//! A run that failed before it had a report: it is noted, so that nobody takes the report of an earlier one for the truth.

use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::report::{Failure, FailureCode, Mode, Next, Report, Verdict};
use crate::sys::clock;
use crate::sys::statedir::{self, StateError};

use super::{AgentError, Ran, Settings, with_causes};

/// The document's name in the state directory.
const NAME: &str = "failed-run.json";

/// A run that failed before it had a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FailedRun {
    /// When.
    pub(super) at: Timestamp,
    /// Why.
    pub(super) why: String,
}

/// Notes how a run ended. Where that cannot be written, [`find`] sees why.
pub(super) fn note(settings: &Settings, ran: &Result<Ran, AgentError>) {
    let state = &settings.state;
    let noted = match ran {
        _ if settings.mode == Mode::DryRun => Ok(()),
        // Another run is under way, and says itself how it ends.
        Err(AgentError::State(StateError::Busy { .. })) => Ok(()),
        Err(error) => {
            let failed = FailedRun { at: clock::now(), why: with_causes(error) };
            let text = serde_json::to_string(&failed).expect("it has string keys");
            statedir::replace_beside(state, NAME, text.as_bytes())
        }
        Ok(_) => match statedir::read(state, NAME) {
            Ok(Some(_)) => statedir::remove_beside(state, NAME),
            _ => Ok(()),
        },
    };
    // The run has its own error to tell, and this one has the same cause.
    drop(noted);
}

/// Finds the run that failed since the last report, or why no run can work at all.
pub(super) fn find(state: &Path, now: Timestamp) -> Option<FailedRun> {
    let noted = statedir::read(state, NAME).ok().flatten();
    let noted = noted.and_then(|bytes| serde_json::from_slice::<FailedRun>(&bytes).ok());
    noted.or_else(|| statedir::probe(state).err().map(|error| FailedRun { at: now, why: with_causes(&error) }))
}

/// Makes the failure a part of the last report.
pub(super) fn into_report(failed: FailedRun, report: Report) -> Report {
    let FailedRun { at, why } = failed;
    let message = format!("no run can work: {why}; the rest of this is from the run of {}", report.at);
    let mut failures = report.failures;
    failures.insert(0, Failure { code: FailureCode::Other, message, next: Next::Retry });
    Report { at: at.max(report.at), verdict: Verdict::Failed, failures, ..report }
}
