//! Regular expressions of policies and permissions: invalid ones, ones that mean something else than they look like, and
//! policies that stand in each other's way.
//!
//! `syntax` says what Erlang makes of a pattern, `automaton` answers questions about all names, `policies` compares
//! policies with each other. The checks here look at one pattern at a time.

mod automaton;
mod combinations;
mod origin;
mod policies;
mod syntax;
#[cfg(test)]
mod tests;

use self::automaton::{Answer, any, beyond};
use self::origin::each;
use self::syntax::{Reading, is_plain, read};
use super::super::{Finding, Subject};

pub use self::combinations::{Combination, combinations};
pub(super) use self::policies::{ambiguous, shadowed, tied, undecided};

/// Patterns that RabbitMQ refuses, and with them the import of all definitions.
pub(super) fn invalid(subject: &Subject<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    each(subject, |pattern, origin| {
        if let Reading::Invalid { why, at } = read(pattern) {
            let finding = origin.finding(subject, pattern, why).with("why", why).with("column", at);
            found.push(finding);
        }
    });
    found
}

/// Patterns of policies that match no name at all.
pub(super) fn empty(subject: &Subject<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    each(subject, |pattern, origin| {
        let none = if is_plain(pattern) { pattern == "^$" } else { any(pattern) == Answer::No };
        if none && origin.is_policy() {
            found.push(origin.finding(subject, pattern, "no name matches this"));
        }
    });
    found
}

/// Patterns that are written as for file names: `orders*`.
pub(super) fn glob(subject: &Subject<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    each(subject, |pattern, origin| {
        if let Some((before, repeated)) = glob_of(pattern) {
            let finding = origin.finding(subject, pattern, &format!("any number of `{repeated}`, also none"));
            found.push(finding.with("before", before).with("repeated", repeated.to_string()));
        }
    });
    found
}

/// Patterns of policies that match in the middle of names too, although they look like a beginning.
pub(super) fn unanchored_policy(subject: &Subject<'_>) -> Vec<Finding> {
    unanchored(subject, true)
}

/// Patterns of permissions that match in the middle of names too, although they look like a beginning.
pub(super) fn unanchored_permission(subject: &Subject<'_>) -> Vec<Finding> {
    unanchored(subject, false)
}

fn unanchored(subject: &Subject<'_>, of_policies: bool) -> Vec<Finding> {
    let mut found = Vec::new();
    each(subject, |pattern, origin| {
        let other = !looks_like_a_beginning(pattern) || glob_of(pattern).is_some();
        if origin.is_policy() != of_policies || other {
            return;
        }
        if let Answer::Yes(name) = beyond(pattern, &format!("^(?:{pattern})")) {
            let finding = origin.finding(subject, pattern, &format!("matches `{name}` too"));
            found.push(finding.with("name", name));
        }
    });
    found
}

/// Tells whether a pattern begins with text, and neither says that it means any place nor names an end.
fn looks_like_a_beginning(pattern: &str) -> bool {
    let anchored =
        pattern.contains(['^', '$']) || ["\\A", "\\z", "\\Z", "\\b"].iter().any(|anchor| pattern.contains(anchor));
    !anchored && pattern.starts_with(|first: char| first.is_ascii_alphanumeric() || "_(-".contains(first))
}

/// Splits a pattern that ends in a repeated plain character into what is before it and the character.
fn glob_of(pattern: &str) -> Option<(&str, char)> {
    let body = pattern.strip_suffix('$').unwrap_or(pattern).strip_suffix('*')?;
    let before = body.strip_suffix(|last: char| last.is_ascii_alphanumeric() || "_-".contains(last))?;
    let repeated = body[before.len()..].chars().next()?;
    let plain = before.trim_start_matches('^').replace("\\.", "");
    (!before.ends_with('\\') && plain.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)))
        .then_some((before, repeated))
}

/// Finds a name that the first pattern matches and the second does not, if there is one; or says why that cannot be decided.
pub fn name_beyond(a: &str, b: &str) -> Result<Option<String>, &'static str> {
    match beyond(a, b) {
        Answer::Yes(name) => Ok(Some(name)),
        Answer::No => Ok(None),
        Answer::Unknown(why) => Err(why),
    }
}
