//! The one comment of an instance: found, made or kept up to date, never a second one.

use super::api::{self, Answer, Comment, Request};
use super::line::{self, Line, PostError};
use super::place::Kind;
use super::{Review, marker, text, words};

/// Pages that are read at most: a pull request with more comments than that has other troubles.
const PAGES: u32 = 100;
/// How often everything is looked at anew at most.
const ROUNDS: u32 = 5;

/// What became of the comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commented {
    /// It was made.
    Created,
    /// It was there, and says something new.
    Updated,
    /// It was there, and says the same.
    Unchanged,
    /// A newer run has spoken; its words stay.
    Newer,
}

/// Whose comments are ours: nobody else's counts, whatever it begins with.
enum Me {
    /// The account of the token.
    Account(i64),
    /// One of these: forges do not tell the tokens of their CI who they are.
    OneOf(Vec<String>),
}

impl Me {
    fn wrote(&self, comment: &Comment) -> bool {
        let Some(author) = &comment.author else { return false };
        match self {
            Self::Account(id) => author.id == *id,
            Self::OneOf(logins) => logins.contains(&author.login),
        }
    }
}

/// Makes the comment say what the review says.
pub(super) fn keep(line: &mut Line<'_>, review: &Review<'_>) -> Result<Commented, PostError> {
    let mut me = whoami(line)?;
    let mut limit = text::limit(line.place.kind);
    let mut rounds = 0;
    while rounds < ROUNDS {
        let body = text::fit(review, line.place, limit);
        let step = match first(line, review, &me)? {
            Some(comment) => update(line, review, &comment, &body)?,
            None => create(line, review, &mut me, &body)?,
        };
        match step {
            Step::Done(what) => return Ok(what),
            Step::Again => rounds += 1,
            Step::TooLong => limit = text::smaller(limit).ok_or(PostError::TooLong(limit))?,
        }
    }
    Err(PostError::Contended(ROUNDS))
}

/// How a step ended.
enum Step {
    Done(Commented),
    /// Something changed meanwhile, or nobody knows: look anew.
    Again,
    /// The forge takes less than it says.
    TooLong,
}

fn whoami(line: &mut Line<'_>) -> Result<Me, PostError> {
    let kind = line.place.kind;
    let request = api::whoami();
    let answer = line.ask(&request)?;
    if answer.status == 200
        && let Some(account) = api::account(kind, &answer.body)
    {
        return Ok(Me::Account(account.id));
    }
    if answer.status == 200 {
        return Err(strange(line, &request));
    }
    if let Some(login) = &line.place.login {
        return Ok(Me::OneOf(vec![login.clone()]));
    }
    let bots: &[&str] = match kind {
        Kind::GitHub => &["github-actions[bot]"],
        Kind::Gitea => &["gitea-actions", "forgejo-actions"],
        Kind::GitLab => &[],
    };
    // An invalid token is told here, before anything else is tried with it.
    if bots.is_empty() || !matches!(answer.status, 403 | 404) {
        return Err(line.refused(&request, &answer));
    }
    Ok(Me::OneOf(bots.iter().map(|&login| login.to_owned()).collect()))
}

/// Returns our oldest comment, and removes the younger ones.
fn first(line: &mut Line<'_>, review: &Review<'_>, me: &Me) -> Result<Option<Comment>, PostError> {
    let mut ours = ours(line, review, me)?.into_iter();
    let first = ours.next();
    for duplicate in ours {
        remove(line, duplicate.id)?;
    }
    Ok(first)
}

/// Returns our comments, the oldest first.
fn ours(line: &mut Line<'_>, review: &Review<'_>, me: &Me) -> Result<Vec<Comment>, PostError> {
    let kind = line.place.kind;
    let mut found = Vec::new();
    for page in 1..=PAGES {
        let request = api::comments(line.place, page);
        let answer = line.ask(&request)?;
        let comments = match (answer.status, answer.body.as_array()) {
            (200, Some(comments)) => comments,
            (200, None) => return Err(strange(line, &request)),
            _ => return Err(line.refused(&request, &answer)),
        };
        let comments = comments.iter().filter_map(|comment| api::one_comment(kind, comment));
        found.extend(comments.filter(|c| me.wrote(c) && marker::read(review.instance, &c.body).is_some()));
        if !api::has_next(&answer) {
            break;
        }
    }
    // Numbers grow; a page that shifted while it was read can show a comment twice.
    found.sort_by_key(|comment| comment.id);
    found.dedup_by_key(|comment| comment.id);
    Ok(found)
}

fn update(line: &mut Line<'_>, review: &Review<'_>, comment: &Comment, body: &str) -> Result<Step, PostError> {
    let theirs = marker::read(review.instance, &comment.body).and_then(|marker| marker.run);
    if theirs > line.place.run && line.place.run.is_some() {
        return Ok(Step::Done(Commented::Newer));
    }
    if same(&comment.body, body) {
        return Ok(Step::Done(Commented::Unchanged));
    }
    let request = api::update(line.place, comment.id, body);
    let answer = line.ask(&request)?;
    match answer.status {
        200..300 => Ok(Step::Done(Commented::Updated)),
        // Somebody removed it.
        404 | 410 => Ok(Step::Again),
        _ if too_long(&answer) => Ok(Step::TooLong),
        _ => Err(line.refused(&request, &answer)),
    }
}

/// Makes the comment, and looks whether another run did the same meanwhile: the older comment stays.
fn create(line: &mut Line<'_>, review: &Review<'_>, me: &mut Me, body: &str) -> Result<Step, PostError> {
    let request = api::create(line.place, body);
    let answer = match line.ask(&request) {
        Ok(answer) => answer,
        // It may be there all the same: the next round will see.
        Err(PostError::Lost { perhaps: true, .. }) => {
            line.pause(1);
            return Ok(Step::Again);
        }
        Err(error) => return Err(error),
    };
    match answer.status {
        200..300 => {}
        _ if too_long(&answer) => return Ok(Step::TooLong),
        _ => return Err(line.refused(&request, &answer)),
    }
    let made = api::one_comment(line.place.kind, &answer.body).ok_or_else(|| strange(line, &request))?;
    // Now it is known who we are, also where the forge did not tell.
    if let Some(author) = &made.author {
        *me = Me::Account(author.id);
    }
    match first(line, review, me)? {
        Some(first) if first.id != made.id => Ok(Step::Again),
        _ => Ok(Step::Done(Commented::Created)),
    }
}

fn remove(line: &mut Line<'_>, id: u64) -> Result<(), PostError> {
    let request = api::delete(line.place, id);
    let answer = line.ask(&request)?;
    match answer.status {
        200..300 | 404 | 410 => Ok(()),
        _ => Err(line.refused(&request, &answer)),
    }
}

/// Says whether a comment says what it shall; forges may change how lines end, and drop blanks around the text.
fn same(one: &str, other: &str) -> bool {
    one.trim().lines().map(str::trim_end).eq(other.trim().lines().map(str::trim_end))
}

fn too_long(answer: &Answer) -> bool {
    let said = words::reason(answer).to_lowercase();
    answer.status == 413
        || (matches!(answer.status, 400 | 422) && (said.contains("too long") || said.contains("too big")))
}

fn strange(line: &Line<'_>, request: &Request) -> PostError {
    PostError::Strange { what: line::named(request), kind: line.place.kind.name() }
}
