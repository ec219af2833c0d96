//! Says in what two objects differ, without what may be secret in them.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::live::{Hidden, LiveUser, Object, PolicyBody, VhostMetadata, canonical};

use super::super::desired::Joined;
use super::super::{Difference, diff};
use super::holding::WantedObject;

/// What stands for a text that may be a secret.
const MASK: &str = "********";
/// A text under a key with such a word in it may be a secret, or hold one.
const SENSITIVE: [&str; 6] = ["uri", "url", "pass", "secret", "token", "key"];

/// Returns in what an object differs from what it shall be, and the diff.
pub(super) fn differences(live: &Object, after: &Object, wanted: &WantedObject) -> (Vec<Difference>, Option<String>) {
    let mut differs = Vec::new();
    if let (Object::User(live), Object::User(after)) = (live, after)
        && live.password != after.password
    {
        differs.push(Difference::Password);
        if live.tags == after.tags {
            return (differs, None);
        }
    }
    differs.push(Difference::Content { secret: false });
    let new = wanted.shown.clone().unwrap_or_else(|| shown(after, None));
    let old = shown(live, wanted.shown.as_ref());
    (differs, diff::unified(pretty(&old).as_bytes(), &Joined::plain(&pretty(&new)), &[]))
}

fn pretty(value: &Value) -> String {
    let text = serde_json::to_string_pretty(&canonical(value)).expect("JSON is written");
    text + "\n"
}

/// Returns an object as JSON for people.
fn shown(object: &Object, template: Option<&Value>) -> Value {
    match object {
        Object::Vhost(VhostMetadata { description, tags, default_queue_type }) => {
            let mut fields = Map::new();
            fields.insert("default_queue_type".to_owned(), json!(default_queue_type));
            fields.insert("description".to_owned(), json!(description));
            fields.insert("tags".to_owned(), json!(tags));
            fields.retain(|_, value| !value.is_null());
            Value::Object(fields)
        }
        Object::User(LiveUser { tags, .. }) => json!({ "tags": tags }),
        Object::Permission(patterns) => json!(patterns),
        Object::Limits(limits) => json!(limits),
        Object::Parameter(Hidden(value)) => masked(value, template, false),
        Object::Policy(PolicyBody { pattern, apply_to, priority, definition }) => {
            json!({ "apply-to": apply_to, "definition": definition, "pattern": pattern, "priority": priority })
        }
    }
}

/// Masks the texts of a live parameter that may be secret: those where the release has a secret, and those under a key
/// that says so, unless the release says the same.
fn masked(live: &Value, template: Option<&Value>, sensitive: bool) -> Value {
    match live {
        Value::Object(fields) => {
            let field = |(key, value): (&String, &Value)| {
                let lower = key.to_ascii_lowercase();
                let sensitive = sensitive || SENSITIVE.iter().any(|word| lower.contains(word));
                (key.clone(), masked(value, template.and_then(|template| template.get(key)), sensitive))
            };
            fields.iter().map(field).collect()
        }
        Value::Array(items) => {
            let item = |(at, value)| masked(value, template.and_then(|template| template.get(at)), sensitive);
            items.iter().enumerate().map(item).collect()
        }
        Value::String(_) if template == Some(live) => live.clone(),
        Value::String(_) if sensitive || template.is_some_and(is_placeholder) => MASK.into(),
        other => other.clone(),
    }
}

fn is_placeholder(template: &Value) -> bool {
    template.as_str().is_some_and(|text| text.contains("%{secret:"))
}

/// Returns names for a sentence: all of them, or the first ones and how many there are.
pub(super) fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const MOST: usize = 10;
    let all: BTreeSet<&str> = names.collect();
    let first: Vec<String> = all.iter().take(MOST).map(|name| format!("`{}`", diff::printable(name))).collect();
    let rest = all.len().saturating_sub(MOST);
    let more = if rest == 0 { String::new() } else { format!(" and {rest} more") };
    first.join(", ") + &more
}
