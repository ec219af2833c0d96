//! Posts a review on the pull request that it is about: one comment, kept up to date, and a commit status.
//!
//! Input: where the pull request is (`place`), the text in any size (`Review`), and a `Web` that carries requests. Output: what
//! became of the comment and of the status.
//! Must not: touch the network, the clock or the environment itself; know anything of bundles; print the token, which it
//! never sees.

mod api;
mod comment;
mod line;
mod marker;
mod place;
mod status;
#[cfg(test)]
mod tests;
mod text;
mod words;

use std::time::Duration;

pub use api::{Answer, Key, Method, Request};
pub use comment::Commented;
pub use line::{Lost, PostError, Web};
pub use marker::{Instance, WrongInstance};
pub use place::{Given, Kind, Nowhere, Place, find};
pub use status::Verdict;
pub use text::limit;

/// What is to be posted.
pub struct Review<'a> {
    /// Which of several reviews of the repository this is.
    pub instance: &'a Instance,
    /// The review as Markdown of at most so many bytes; the less room it gets, the less detail it has.
    pub text: &'a dyn Fn(usize) -> String,
    /// One sentence, for the commit status and where nothing longer fits.
    pub headline: &'a str,
    /// What the commit status says.
    pub verdict: Verdict,
    /// Where the whole review can be read.
    pub whole: Option<&'a str>,
}

/// What became of a review that was posted.
#[derive(Debug)]
pub struct Posted {
    /// The comment.
    pub comment: Result<Commented, PostError>,
    /// The commit status; `None` where the commit is not known, or a newer run has spoken.
    pub status: Option<Result<(), PostError>>,
}

/// Posts a review, within a time for all of it. A status that fails does not keep the comment from being made, nor the other
/// way round.
pub fn post(web: &mut dyn Web, place: &Place, review: &Review<'_>, time: Duration) -> Posted {
    let mut line = line::Line::open(web, place, time);
    let comment = comment::keep(&mut line, review);
    let head = place.head.as_ref().filter(|_| comment != Ok(Commented::Newer));
    let status = head.map(|head| status::set(&mut line, head, review));
    Posted { comment, status }
}
