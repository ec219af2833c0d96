//! The commit status: the class of a change in the list of checks, where a pull request is merged.

use serde_json::Value;

use super::api;
use super::line::{Line, PostError};
use super::{Review, text, words};

/// The longest sentence of a status: GitHub takes 140 characters, GitLab 255.
const LONGEST: usize = 140;

/// What a status says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Merging does what the review says.
    Fine,
    /// Merging would not work: a grant is missing.
    Blocked,
}

/// Sets the status of a commit.
pub(super) fn set(line: &mut Line<'_>, head: &str, review: &Review<'_>) -> Result<(), PostError> {
    let page = review.whole.or(line.place.page.as_deref()).and_then(text::address);
    let fine = review.verdict == Verdict::Fine;
    let name = review.instance.to_string();
    let mut request = api::status(line.place, head, &name, fine, &shortened(review.headline), page.as_deref());
    let mut answer = line.ask(&request)?;
    // GitLab's pipeline of merged results is one of the merge, and not of the commit that gets the status.
    let pipeline = |body: &mut Value| body.as_object_mut().and_then(|body| body.remove("pipeline_id"));
    if answer.status == 404 && request.body.as_mut().and_then(pipeline).is_some() {
        answer = line.ask(&request)?;
    }
    match answer.status {
        200..300 => Ok(()),
        // GitLab refuses to set what is set already.
        400 if words::reason(&answer).contains("Cannot transition status") => Ok(()),
        _ => Err(line.refused(&request, &answer)),
    }
}

fn shortened(text: &str) -> String {
    let text = words::plain(text, usize::MAX);
    if text.chars().count() <= LONGEST {
        return text;
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}
