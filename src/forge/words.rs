//! What is said to people about an answer: short, and without anything that could harm a terminal or a log.

use super::api::Answer;
use super::place::{Kind, Place};

/// Returns a text of at most so many characters without control characters.
pub(super) fn plain(text: &str, longest: usize) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(longest).collect()
}

/// Returns what a forge says about a refusal.
pub(super) fn reason(answer: &Answer) -> String {
    let body = &answer.body;
    let words = match () {
        () if body["message"].is_string() => body["message"].as_str().unwrap_or_default().to_owned(),
        // GitLab says some refusals as an object or a list.
        () if !body["message"].is_null() => body["message"].to_string(),
        () => body["error"].as_str().unwrap_or_default().to_owned(),
    };
    let details: Vec<_> = body["errors"]
        .as_array()
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .filter_map(|error| error["message"].as_str().or_else(|| error.as_str()))
        .collect();
    let all = if details.is_empty() { words } else { format!("{words}: {}", details.join("; ")) };
    plain(&all, 300)
}

/// Says what to do about a status.
pub(super) fn advice(place: &Place, status: u16, said: &str) -> Option<String> {
    if status == 403 && said.to_lowercase().contains("is locked") {
        return Some("somebody locked the pull request; nobody can comment on it until it is unlocked".to_owned());
    }
    let token = place.kind.tokens()[0];
    let permission = match place.kind {
        Kind::GitHub => "`pull-requests: write` for the comment and `statuses: write` for the status",
        Kind::GitLab => "the scope `api`, and the role Developer; the token of the job cannot comment",
        Kind::Gitea => {
            "`write:issue` for the comment and `write:repository` for the status; a job's token, `pull-requests: write` \
             and `contents: write`"
        }
    };
    let words = match status {
        401 => format!("the token is not valid, or has expired; it comes from `{}`", place.kind.tokens().join("`, `")),
        403 if place.fork => "the pull request comes from a fork, whose runs may not write here".to_owned(),
        403 => format!("the token may not do that; it needs {permission}"),
        404 => format!(
            "`{}` has no pull request {} that the token can see; `{token}` needs {permission}",
            plain(&place.project, 100),
            place.number
        ),
        _ => return None,
    };
    Some(words)
}
