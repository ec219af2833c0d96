//! The requests of each forge, and what is read from the answers. Held against the forges' API descriptions by
//! `tests/it/forge/contract.rs`.

use serde_json::{Value, json};

use super::place::{Kind, Place};

/// How many comments are asked for at once; the most that GitHub and GitLab give.
const PAGE: u32 = 100;

/// An HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Looks.
    Get,
    /// Makes.
    Post,
    /// Changes a part.
    Patch,
    /// Replaces.
    Put,
    /// Removes.
    Delete,
}

impl Method {
    /// Returns its name in HTTP.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// A request to the API of a forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// What follows the URL of the API, with a slash in front.
    pub path: String,
    /// The body, as JSON.
    pub body: Option<Value>,
    /// Whether it may be sent twice without doing something twice.
    pub again: bool,
}

/// What a forge answered.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers, by their names in small letters.
    pub headers: std::collections::BTreeMap<String, String>,
    /// The body; nothing where it is no JSON.
    pub body: Value,
}

/// How the token is shown to a forge: the name of a header, and what stands before the token in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The header.
    pub header: &'static str,
    /// What stands before the token.
    pub before: &'static str,
}

impl Kind {
    /// Returns how the token is shown.
    pub fn key(self) -> Key {
        match self {
            Self::GitHub => Key { header: "Authorization", before: "Bearer " },
            Self::GitLab => Key { header: "PRIVATE-TOKEN", before: "" },
            Self::Gitea => Key { header: "Authorization", before: "token " },
        }
    }

    /// Returns the headers of every request, beside the token's.
    pub fn headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::GitHub => &[("Accept", "application/vnd.github+json"), ("X-GitHub-Api-Version", "2022-11-28")],
            Self::GitLab | Self::Gitea => &[("Accept", "application/json")],
        }
    }
}

/// An account of a forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) id: i64,
    pub(super) login: String,
}

/// A comment on a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Comment {
    pub(super) id: u64,
    /// Nobody where the account is gone.
    pub(super) author: Option<Account>,
    pub(super) body: String,
}

/// Asks who the token belongs to.
pub(super) fn whoami() -> Request {
    get("/user".to_owned())
}

/// Asks for a page of the comments, counted from 1.
pub(super) fn comments(place: &Place, page: u32) -> Request {
    let base = base(place);
    let number = place.number;
    get(match place.kind {
        Kind::GitHub => format!("{base}/issues/{number}/comments?per_page={PAGE}&page={page}"),
        Kind::GitLab => {
            format!("{base}/merge_requests/{number}/notes?sort=asc&order_by=created_at&per_page={PAGE}&page={page}")
        }
        // All at once. A version that learns to divide them will say so in a `Link`.
        Kind::Gitea if page == 1 => format!("{base}/issues/{number}/comments"),
        Kind::Gitea => format!("{base}/issues/{number}/comments?page={page}"),
    })
}

/// Makes a comment.
pub(super) fn create(place: &Place, body: &str) -> Request {
    let (base, number) = (base(place), place.number);
    let path = match place.kind {
        Kind::GitHub | Kind::Gitea => format!("{base}/issues/{number}/comments"),
        Kind::GitLab => format!("{base}/merge_requests/{number}/notes"),
    };
    Request { method: Method::Post, path, body: Some(json!({ "body": body })), again: false }
}

/// Replaces the text of a comment.
pub(super) fn update(place: &Place, id: u64, body: &str) -> Request {
    let method = match place.kind {
        Kind::GitHub | Kind::Gitea => Method::Patch,
        Kind::GitLab => Method::Put,
    };
    Request { method, path: comment(place, id), body: Some(json!({ "body": body })), again: true }
}

/// Removes a comment.
pub(super) fn delete(place: &Place, id: u64) -> Request {
    Request { method: Method::Delete, path: comment(place, id), body: None, again: true }
}

/// Sets the status of a commit.
pub(super) fn status(place: &Place, head: &str, name: &str, fine: bool, text: &str, page: Option<&str>) -> Request {
    let (name_key, text_key, state) = match place.kind {
        Kind::GitHub | Kind::Gitea => ("context", "description", if fine { "success" } else { "failure" }),
        Kind::GitLab => ("name", "description", if fine { "success" } else { "failed" }),
    };
    let mut body = json!({ "state": state, name_key: name, text_key: text });
    // GitLab refuses the whole status for an address that is too long.
    if let Some(page) = page.filter(|page| place.kind != Kind::GitLab || page.chars().count() <= 255) {
        body["target_url"] = page.into();
    }
    // Without the pipeline, GitLab hangs the status on the newest one of the branch.
    if let (Kind::GitLab, Some(run), false) = (place.kind, place.run, place.fork) {
        body["pipeline_id"] = run.into();
    }
    Request { method: Method::Post, path: format!("{}/statuses/{head}", base(place)), body: Some(body), again: true }
}

/// Says whether an answer has another page after it.
pub(super) fn has_next(answer: &Answer) -> bool {
    let link = answer.headers.get("link").is_some_and(|link| link.contains("rel=\"next\""));
    link || answer.headers.get("x-next-page").is_some_and(|page| !page.trim().is_empty())
}

/// Reads an account.
pub(super) fn account(kind: Kind, value: &Value) -> Option<Account> {
    let login = match kind {
        Kind::GitHub | Kind::Gitea => &value["login"],
        Kind::GitLab => &value["username"],
    };
    Some(Account { id: value["id"].as_i64()?, login: login.as_str()?.to_owned() })
}

/// Reads a comment.
pub(super) fn one_comment(kind: Kind, value: &Value) -> Option<Comment> {
    let author = match kind {
        Kind::GitHub | Kind::Gitea => &value["user"],
        Kind::GitLab => &value["author"],
    };
    let body = value["body"].as_str().unwrap_or_default().to_owned();
    Some(Comment { id: value["id"].as_u64()?, author: account(kind, author), body })
}

fn get(path: String) -> Request {
    Request { method: Method::Get, path, body: None, again: true }
}

fn comment(place: &Place, id: u64) -> String {
    match place.kind {
        Kind::GitHub | Kind::Gitea => format!("{}/issues/comments/{id}", base(place)),
        Kind::GitLab => format!("{}/merge_requests/{}/notes/{id}", base(place), place.number),
    }
}

fn base(place: &Place) -> String {
    match place.kind {
        Kind::GitHub | Kind::Gitea => {
            let parts: Vec<_> = place.project.split('/').map(escape).collect();
            format!("/repos/{}", parts.join("/"))
        }
        Kind::GitLab => format!("/projects/{}", escape(&place.project)),
    }
}

/// Escapes a part of a path, slashes too. A part that leads upwards is none.
fn escape(text: &str) -> String {
    if matches!(text, "." | "..") {
        return "%2E".repeat(text.len());
    }
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(byte.into());
        } else {
            escaped.extend(percent(byte));
        }
    }
    escaped
}

/// Writes a byte as a URL does.
pub(super) fn percent(byte: u8) -> [char; 3] {
    let hex = |half: u8| char::from(b"0123456789ABCDEF"[usize::from(half)]);
    ['%', hex(byte >> 4), hex(byte & 15)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_cannot_lead_elsewhere() {
        let check = |text: &str, expect: &str| assert_eq!(escape(text), expect);
        check("acme", "acme");
        check("a.b-c_d~e", "a.b-c_d~e");
        check("..", "%2E%2E");
        check("group/spec", "group%2Fspec");
        check("a?b#c d", "a%3Fb%23c%20d");
        check("ö", "%C3%B6");
    }

    #[test]
    fn pages_are_told_in_two_ways() {
        let check = |name: &str, value: &str, expect: bool| {
            let headers = [(name.to_owned(), value.to_owned())].into();
            assert_eq!(has_next(&Answer { headers, ..Answer::default() }), expect, "{name}: {value}");
        };
        check("link", "<https://a/?page=2>; rel=\"next\", <https://a/?page=9>; rel=\"last\"", true);
        check("link", "<https://a/?page=1>; rel=\"prev\"", false);
        check("x-next-page", "2", true);
        check("x-next-page", "", false);
    }
}
