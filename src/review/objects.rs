//! What the brokers hold, as objects: users, permissions, virtual hosts, limits, parameters, policies.

use std::collections::BTreeMap;

use serde_json::Value;

use super::diff::Kind;
use super::pair::{Pair, list};
use super::settings::change;
use super::words::{bare, quoted};
use super::{Class, Consequence, ObjectChange, SettingChange};
use crate::definitions::{Definitions, Policy, secret_references};
use crate::policy::name_beyond;

/// An object: its kind, and its name with its virtual host.
type Id = (&'static str, String);
/// What is set in it.
type Fields = BTreeMap<String, String>;

/// Returns the objects that differ.
pub(super) fn objects(pair: &Pair<'_>) -> Vec<ObjectChange> {
    let (Some(old), Some(new)) = pair.definitions() else { return Vec::new() };
    if old == new {
        return Vec::new();
    }
    let (before, after) = (all(old), all(new));
    let mut ids: Vec<&Id> = before.keys().chain(after.keys().filter(|id| !before.contains_key(*id))).collect();
    ids.sort_by_key(|id| (rank(id.0), &id.1));
    let mut found = Vec::new();
    for id in ids {
        let (from, to) = (before.get(id), after.get(id));
        let kind = match (from, to) {
            (Some(from), Some(to)) if from == to => continue,
            (Some(_), Some(_)) => Kind::Modified,
            (None, _) => Kind::Added,
            (_, None) => Kind::Removed,
        };
        if kind == Kind::Removed && goes_with_user(id, old, new) {
            continue;
        }
        let settings = settings(from, to);
        let text = sentence(id, kind, &settings, stays(id, new));
        found.push(ObjectChange { object: id.0, name: id.1.clone(), kind, settings, text });
    }
    found
}

/// Says what happens to people and programs by it. What policies do is said elsewhere, by who wins.
pub(super) fn consequences(pair: &Pair<'_>, changes: &[ObjectChange]) -> Vec<Consequence> {
    let remains = |one: &ObjectChange| remains(pair, one);
    // What is taken away by name comes first, then what the spec never named.
    let mut visible: Vec<&ObjectChange> =
        changes.iter().filter(|one| !one.object.ends_with("policy") || remains(one)).collect();
    // A virtual host that goes is a transition.
    visible.retain(|one| one.object != "vhost" || one.kind != Kind::Removed);
    let (gone, other): (Vec<_>, Vec<_>) =
        visible.into_iter().partition(|one| one.kind == Kind::Removed && !remains(one));
    let say = |one: &ObjectChange| {
        let class = if remains(one) { Class::Nothing } else { Class::Live };
        Consequence { class, loses_data: false, text: one.text.clone(), hosts: Vec::new() }
    };
    let pruned = pruned(pair);
    gone.into_iter().map(say).chain(pruned).chain(other.into_iter().map(say)).collect()
}

/// Whether an object that the spec drops stays on the brokers.
pub(super) fn remains(pair: &Pair<'_>, one: &ObjectChange) -> bool {
    let stays = pair.definitions().1.and_then(|new| stays(&(one.object, String::new()), new));
    one.kind == Kind::Removed && stays.is_some()
}

/// Says what is removed from the brokers from now on, or no longer, although the spec never named it.
fn pruned(pair: &Pair<'_>) -> Vec<Consequence> {
    let (Some(old), Some(new)) = pair.definitions() else { return Vec::new() };
    let beyond = |one: &Definitions, other: &Definitions| -> Vec<String> {
        one.prune.iter().filter(|kind| !other.prune.contains(kind)).map(|kind| kind.replace('_', " ")).collect()
    };
    let (more, less) = (beyond(new, old), beyond(old, new));
    let say = |text| Consequence { class: Class::Live, loses_data: false, text, hosts: Vec::new() };
    let mut found = Vec::new();
    if !more.is_empty() {
        found.push(say(format!("all {} that the spec does not name are removed from the brokers", list(&more))));
    }
    if !less.is_empty() {
        found.push(say(format!("{} that the spec does not name stay on the brokers from now on", list(&less))));
    }
    found
}

fn rank(object: &str) -> usize {
    const ORDER: [&str; 10] = [
        "vhost",
        "user",
        "permission",
        "topic permission",
        "limits of vhost",
        "limits of user",
        "parameter",
        "global parameter",
        "policy",
        "operator policy",
    ];
    ORDER.iter().position(|known| *known == object).unwrap_or(ORDER.len())
}

/// Returns the word of `prune` that would remove such an object, if it stays without it.
fn stays(id: &Id, new: &Definitions) -> Option<&'static str> {
    let kind = match id.0 {
        "user" => "users",
        "permission" => "permissions",
        "topic permission" => "topic_permissions",
        "parameter" => "parameters",
        "global parameter" => "global_parameters",
        "policy" => "policies",
        "operator policy" => "operator_policies",
        _ => return None,
    };
    (!new.prune.iter().any(|pruned| pruned == kind)).then_some(kind)
}

/// Whether a permission goes with its user: RabbitMQ deletes both at once.
fn goes_with_user(id: &Id, old: &Definitions, new: &Definitions) -> bool {
    let gone = |user: &&String| !new.users.contains_key(*user) && id.1.starts_with(&format!("of {} ", quoted(user)));
    id.0.ends_with("permission")
        && stays(&("user", String::new()), new).is_none()
        && old.users.keys().any(|user| gone(&user))
}

fn settings(from: Option<&Fields>, to: Option<&Fields>) -> Vec<SettingChange> {
    let none = Fields::new();
    let (from, to) = (from.unwrap_or(&none), to.unwrap_or(&none));
    let keys = from.keys().chain(to.keys().filter(|key| !from.contains_key(*key)));
    let differing = keys.filter(|key| from.get(*key) != to.get(*key));
    differing
        .map(|key| SettingChange { key: key.clone(), from: from.get(key).cloned(), to: to.get(key).cloned() })
        .collect()
}

fn sentence(id: &Id, kind: Kind, settings: &[SettingChange], stays: Option<&str>) -> String {
    let (object, name) = (id.0, &id.1);
    let shown: Vec<String> = settings
        .iter()
        .map(|one| match kind {
            Kind::Modified => format!("{} {}", one.key, change(named(one.from.as_ref()), named(one.to.as_ref()))),
            _ => format!("{} {}", one.key, one.to.as_deref().or(one.from.as_deref()).unwrap_or_default()),
        })
        .collect();
    let shown = shown.join(", ");
    match (kind, stays) {
        (Kind::Added, _) if shown.is_empty() => format!("{object} {name} is new"),
        (Kind::Added, _) => format!("{object} {name} {} new: {shown}{}", is_or_are(object), limited(settings)),
        (Kind::Modified, _) => {
            format!(
                "{object} {name}: {shown}{}{}{}",
                access(object, settings),
                limited(settings),
                of_user(object, settings)
            )
        }
        (Kind::Removed, _) if object == "vhost" => {
            format!("{object} {name} is no longer in the spec, and stays on the brokers")
        }
        (Kind::Removed, Some(prune)) => {
            format!(
                "{object} {name} is no longer in the spec, and stays on the brokers: `prune` does not name `{prune}`"
            )
        }
        (Kind::Removed, None) if object == "user" => format!("{object} {name} is deleted: who uses it is locked out"),
        (Kind::Removed, None) if object == "permission" => {
            format!("{object} {name} is removed: this user can no longer connect to that virtual host")
        }
        // Without one RabbitMQ looks at no routing key.
        (Kind::Removed, None) if object == "topic permission" => {
            format!("{object} {name} is removed: any routing key passes there")
        }
        (Kind::Removed, None) => format!("{object} {name} {} removed", is_or_are(object)),
    }
}

fn is_or_are(object: &str) -> &'static str {
    if object.starts_with("limits ") { "are" } else { "is" }
}

/// Says what a limit of nothing does.
fn limited(settings: &[SettingChange]) -> &'static str {
    let none = |key: &str| settings.iter().any(|one| one.key == key && one.to.as_deref() == Some("0"));
    match (none("max-connections"), none("max-queues")) {
        (true, _) => "; nobody can connect any more",
        (_, true) => "; nobody can declare a queue any more",
        _ => "",
    }
}

/// Says who is locked out by other tags or another password.
fn of_user(object: &str, settings: &[SettingChange]) -> String {
    let mut said = String::new();
    for one in settings.iter().filter(|_| object == "user") {
        let has =
            |tags: &Option<String>, tag: &str| tags.iter().flat_map(|tags| tags.split(", ")).any(|one| one == tag);
        match one.key.as_str() {
            "tags" if has(&one.from, "administrator") && !has(&one.to, "administrator") => {
                said.push_str("; it may no longer administer the brokers");
            }
            "password" | "password hash" if one.to.is_some() && said.is_empty() => {
                said.push_str("; who logs in with the old password is refused from then on, open connections stay");
            }
            _ => {}
        }
    }
    said
}

/// Returns a value as a sentence names it: one that is empty is not one that is set.
fn named(value: Option<&String>) -> Option<&str> {
    value.map(|value| if value.is_empty() { "nothing" } else { value.as_str() })
}

/// Says with names what a permission no longer allows, or allows now.
fn access(object: &str, settings: &[SettingChange]) -> String {
    if !object.ends_with("permission") {
        return String::new();
    }
    // RabbitMQ takes an empty pattern for one that matches nothing.
    let pattern = |text: &Option<String>| match text.as_deref() {
        None | Some("") => "^$".to_owned(),
        Some(text) => text.to_owned(),
    };
    let mut said = Vec::new();
    let mut untold = String::new();
    for one in settings {
        let (from, to) = (pattern(&one.from), pattern(&one.to));
        match (name_beyond(&from, &to), name_beyond(&to, &from)) {
            _ if to == "^$" => said.push(format!("no longer {} anything", one.key)),
            (Ok(less), Ok(more)) => {
                said.extend(less.map(|name| format!("no longer {} {}", one.key, quoted(name))));
                said.extend(more.map(|name| format!("now {} {}", one.key, quoted(name))));
            }
            (Err(why), _) | (_, Err(why)) => {
                let text = format!("; which names it may {} now cannot be told from the pattern: {why}", one.key);
                untold.push_str(&text);
            }
        }
    }
    let said = if said.is_empty() { String::new() } else { format!("; it may {}", list(&said)) };
    said + &untold
}

fn all(definitions: &Definitions) -> BTreeMap<Id, Fields> {
    let mut found = BTreeMap::new();
    for (name, vhost) in &definitions.vhosts {
        let mut fields = Fields::new();
        put(&mut fields, "description", vhost.description.clone());
        put(&mut fields, "tags", (!vhost.tags.is_empty()).then(|| vhost.tags.join(", ")));
        put(&mut fields, "default queue type", vhost.default_queue_type.clone());
        found.insert(("vhost", quoted(name)), fields);
        limits(&mut found, "limits of vhost", name, &vhost.limits);
    }
    for (name, user) in &definitions.users {
        let mut fields = Fields::new();
        put(&mut fields, "tags", Some(if user.tags.is_empty() { "none".to_owned() } else { user.tags.join(", ") }));
        put(&mut fields, "password", user.password.as_ref().map(|secret| format!("secret {}", quoted(secret))));
        // A hash can be tried out against guesses, and a review is shown to many.
        put(&mut fields, "password hash", user.password_hash.as_ref().map(|hash| digest(hash)));
        found.insert(("user", quoted(name)), fields);
        limits(&mut found, "limits of user", name, &user.limits);
    }
    for one in &definitions.permissions {
        let fields = [("configure", &one.configure), ("write", &one.write), ("read", &one.read)];
        let fields = fields.into_iter().map(|(key, value)| (key.to_owned(), value.clone())).collect();
        found.insert(("permission", format!("of {} in {}", quoted(&one.user), quoted(&one.vhost))), fields);
    }
    for one in &definitions.topic_permissions {
        let fields = [("write", &one.write), ("read", &one.read)];
        let fields = fields.into_iter().map(|(key, value)| (key.to_owned(), value.clone())).collect();
        let name = format!("of {} on {} in {}", quoted(&one.user), quoted(&one.exchange), quoted(&one.vhost));
        found.insert(("topic permission", name), fields);
    }
    for one in &definitions.parameters {
        found.insert(
            ("parameter", format!("{} {} in {}", bare(&one.component), quoted(&one.name), quoted(&one.vhost))),
            of_value(&one.value),
        );
    }
    for (name, value) in &definitions.global_parameters {
        found.insert(("global parameter", quoted(name)), of_value(value));
    }
    for (object, policies) in [("policy", &definitions.policies), ("operator policy", &definitions.operator_policies)] {
        found.extend(
            policies
                .iter()
                .map(|one| ((object, format!("{} in {}", quoted(&one.name), quoted(&one.vhost))), of_policy(one))),
        );
    }
    found
}

fn limits(found: &mut BTreeMap<Id, Fields>, object: &'static str, name: &str, limits: &BTreeMap<String, i64>) {
    if !limits.is_empty() {
        let fields = limits.iter().map(|(key, value)| (key.clone(), value.to_string())).collect();
        found.insert((object, quoted(name)), fields);
    }
}

fn put(fields: &mut Fields, key: &str, value: Option<String>) {
    if let Some(value) = value {
        fields.insert(key.to_owned(), value);
    }
}

fn of_policy(policy: &Policy) -> Fields {
    let mut fields = Fields::from([
        ("pattern".to_owned(), policy.pattern.clone()),
        ("apply-to".to_owned(), policy.apply_to.clone()),
        ("priority".to_owned(), policy.priority.to_string()),
    ]);
    fields.extend(policy.definition.iter().map(|(key, value)| (key.clone(), shown(value))));
    fields
}

fn of_value(value: &Value) -> Fields {
    match value {
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), masked(key, value))).collect(),
        value => Fields::from([("value".to_owned(), shown(value))]),
    }
}

/// Returns what the brokers hold without hashes of passwords and passwords in addresses: a review is shown to many.
pub(super) fn without_passwords(definitions: &Definitions) -> Definitions {
    let mut shown = definitions.clone();
    for user in shown.users.values_mut() {
        user.password_hash = user.password_hash.as_deref().map(digest);
    }
    let values = shown.parameters.iter_mut().map(|one| &mut one.value).chain(shown.global_parameters.values_mut());
    for (key, value) in values.filter_map(Value::as_object_mut).flatten() {
        if is_address(key, value) {
            *value = Value::String(masked(key, value));
        }
    }
    shown
}

/// Whether a value of a parameter is an address, or several, with a password in it.
fn is_address(key: &str, value: &Value) -> bool {
    let text = shown(value);
    key.contains("uri") && text.contains("://") && text.contains('@') && secret_references(value).is_empty()
}

/// Returns a value of a parameter; the password in an address is nobody's business.
fn masked(key: &str, value: &Value) -> String {
    if is_address(key, value) {
        return format!("an address with a password ({})", digest(&shown(value)));
    }
    crate::definitions::secret_reference(value).map_or_else(|| shown(value), |name| crate::release::placeholder(&name))
}

/// Returns a value as people write it.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

fn digest(text: &str) -> String {
    let digest = crate::name::Digest::of(text.as_bytes()).to_string();
    format!("fingerprint {}", digest.get(..8).unwrap_or(&digest))
}
