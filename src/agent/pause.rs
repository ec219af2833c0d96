//! The pause: a person keeps runs from changing the host for a while.
//!
//! It is one document of the state directory, replaced whole, with a lock of its own: it can be written while a run holds
//! the directory's. A run reads it when it has the lock, and again before its first step. One that cannot be read counts: a
//! run that changes a host against a person's will is worse than one that waits.

use std::path::Path;

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde::{Deserialize, Serialize};

use crate::plan::{Finding, FindingCode};
use crate::report::{Paused, Person};
use crate::sys::statedir::{self, StateDir, StateError};
use crate::sys::{clock, person};

/// The document's name in the state directory.
const NAME: &str = "pause.json";
/// The version of the document.
const FORMAT: u32 = 1;
/// The longest pause.
const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The longest reason, in characters.
const LONGEST_REASON: usize = 300;
/// How far two readings of one machine's clock may be apart without a jump.
const SLACK: SignedDuration = SignedDuration::from_secs(60);

/// A pause as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: u32,
    by: Person,
    reason: String,
    since: Timestamp,
    until: Timestamp,
}

/// Why a host is not changed now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    /// The pause.
    pub paused: Paused,
    /// What is wrong with it.
    pub finding: Option<Finding>,
}

/// What was lifted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lifted {
    /// There was nothing.
    Nothing,
    /// A pause that was in force.
    Pause(Paused),
    /// A pause that had ended by itself.
    Ended(Paused),
}

/// How long a pause shall last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length(SignedDuration);

/// Says why a text is no length of a pause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LengthError {
    /// It is no duration.
    #[error("write a duration, such as `2h`, `1h 30m` or `3 days`")]
    Shape,
    /// It is none or less.
    #[error("a pause has to last longer than nothing")]
    Nothing,
    /// It never ends, or too late.
    #[error("a pause ends by itself, after 7 days at most; for longer, set `mode: report` in agent.yaml")]
    Long,
}

impl std::str::FromStr for Length {
    type Err = LengthError;

    fn from_str(text: &str) -> Result<Self, LengthError> {
        if matches!(text.trim(), "forever" | "infinity" | "infinite" | "always") {
            return Err(LengthError::Long);
        }
        let span: Span = text.parse().map_err(|_| LengthError::Shape)?;
        // Months and years have no fixed length, and are too long.
        let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| LengthError::Long)?;
        match length {
            _ if length > LONGEST => Err(LengthError::Long),
            _ if length < SignedDuration::from_secs(1) => Err(LengthError::Nothing),
            _ => Ok(Self(length)),
        }
    }
}

/// Why a host is paused, in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

/// Says why a text is no reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a reason is one line of at most {LONGEST_REASON} characters, and not empty")]
pub struct ReasonError;

impl std::str::FromStr for Reason {
    type Err = ReasonError;

    fn from_str(text: &str) -> Result<Self, ReasonError> {
        let text = text.trim();
        let good = !text.is_empty() && text.chars().count() <= LONGEST_REASON && !text.chars().any(char::is_control);
        if good { Ok(Self(text.to_owned())) } else { Err(ReasonError) }
    }
}

/// Pauses a host, and returns the pause and the one that it replaces. A run that is under way may have read the old one:
/// [`wait_for_run`] waits for its end.
pub fn pause(state: &Path, length: Length, reason: &Reason) -> Result<(Paused, Option<Paused>), StateError> {
    let since = clock::now();
    let before = read(state, since).map(|before| before.paused);
    let person::Login { name, user, terminal, from } = person::who();
    let by = Person { name, uid: user, terminal, from };
    let until = since.checked_add(length.0).unwrap_or(Timestamp::MAX);
    let document = Document { format: FORMAT, by, reason: reason.0.clone(), since, until };
    let mut text = serde_json::to_string(&document).expect("a pause has string keys and finite numbers");
    text.push('\n');
    statedir::replace_beside(state, NAME, text.as_bytes())?;
    Ok((document.into(), before))
}

/// Waits for the end of a run that is under way, after `busy` was told who it is.
pub fn wait_for_run(state: &Path, busy: impl FnOnce(&str)) -> Result<(), StateError> {
    let holder = "`rmqgit pause`, which ends at once";
    match StateDir::open(state, false, holder) {
        Err(StateError::Busy { holder: run, .. }) => {
            busy(&run);
            StateDir::open(state, true, holder).map(drop)
        }
        opened => opened.map(drop),
    }
}

/// Lifts a pause.
pub fn resume(state: &Path) -> Result<Lifted, StateError> {
    let now = clock::now();
    let lifted = match look(state) {
        Ok(None) => return Ok(Lifted::Nothing),
        Ok(Some(document)) if document.until <= now => Lifted::Ended(document.into()),
        Ok(Some(document)) => Lifted::Pause(document.into()),
        Err(why) => Lifted::Pause(unreadable(&why)),
    };
    statedir::remove_beside(state, NAME)?;
    Ok(lifted)
}

/// Returns the pause that is in force.
pub fn read(state: &Path, now: Timestamp) -> Option<InForce> {
    let document = match look(state) {
        Ok(document) => document.filter(|document| now < document.until)?,
        Err(why) => {
            let finding = Finding {
                code: FindingCode::UnreadablePause,
                about: String::new(),
                message: format!("the host counts as paused, because the pause cannot be read: {why}"),
                help: "nothing is changed until `rmqgit resume` lifts it, or `rmqgit pause` writes a new one"
                    .to_owned(),
            };
            return Some(InForce { paused: unreadable(&why), finding: Some(finding) });
        }
    };
    let finding = (document.since.duration_since(now) > SLACK).then(|| Finding {
        code: FindingCode::PauseInFuture,
        about: String::new(),
        message: format!("the pause begins at {}, and the clock says {now}: it was set back", document.since),
        help: "set the clock; the pause holds until it ends by the clock, or until `rmqgit resume`".to_owned(),
    });
    Some(InForce { paused: document.into(), finding })
}

fn look(state: &Path) -> Result<Option<Document>, String> {
    let bytes = match statedir::read(state, NAME) {
        Ok(None) => return Ok(None),
        Ok(Some(bytes)) => bytes,
        Err(StateError::Io { path, source, .. }) => return Err(format!("`{}`: {source}", path.display())),
        Err(error) => return Err(error.to_string()),
    };
    let wrong = |why: String| format!("`{}`: {why}", state.join(NAME).display());
    let document: Document = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
    if document.format != FORMAT {
        return Err(wrong(format!("it has format {}, and this rmqgit reads format {FORMAT}", document.format)));
    }
    if document.until <= document.since || document.until.duration_since(document.since) > LONGEST {
        return Err(wrong(format!("it lasts from {} until {}", document.since, document.until)));
    }
    Ok(Some(document))
}

fn unreadable(why: &str) -> Paused {
    Paused { by: None, reason: format!("the pause cannot be read: {why}"), since: None, until: None }
}

impl From<Document> for Paused {
    fn from(document: Document) -> Self {
        let Document { by, reason, since, until, .. } = document;
        Self { by: Some(by), reason, since: Some(since), until: Some(until) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_ends() {
        let check = |text: &str, expect: Result<i64, LengthError>| {
            assert_eq!(text.parse::<Length>().map(|length| length.0.as_secs()), expect, "{text}");
        };
        check("2h", Ok(7200));
        check("1h 30m", Ok(5400));
        check("90 minutes", Ok(5400));
        check("3 days", Ok(3 * 86_400));
        check("1w", Ok(7 * 86_400));
        check("PT2H", Ok(7200));
        check("1s", Ok(1));
        check("7d 1s", Err(LengthError::Long));
        check("1 month", Err(LengthError::Long));
        check("forever", Err(LengthError::Long));
        check("999999999 hours", Err(LengthError::Shape));
        check("0s", Err(LengthError::Nothing));
        check("-2h", Err(LengthError::Nothing));
        check("500ms", Err(LengthError::Nothing));
        check("2", Err(LengthError::Shape));
        check("soon", Err(LengthError::Shape));
        check("", Err(LengthError::Shape));
    }

    #[test]
    fn a_reason_is_one_line() {
        let check = |text: &str, good: bool| assert_eq!(text.parse::<Reason>().is_ok(), good, "{text:?}");
        check("the disk of rabbit1 is swapped", true);
        check("  Größe prüfen  ", true);
        check("", false);
        check("  ", false);
        check("two\nlines", false);
        check("\x1b[31mred", false);
        check(&"x".repeat(300), true);
        check(&"x".repeat(301), false);
    }
}
