//! The objects that a broker holds, as they are or as they shall be.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::Bytes;

/// What a broker holds, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LiveDefinitions(pub BTreeMap<ObjectId, Object>);

/// The types of objects that a broker holds, in the order in which they are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectType {
    /// A virtual host.
    Vhost,
    /// A user.
    User,
    /// What a user may do in a vhost.
    Permission,
    /// What routing keys a user may use on a topic exchange.
    TopicPermission,
    /// The limits of a vhost.
    VhostLimits,
    /// The limits of a user.
    UserLimits,
    /// A runtime parameter.
    Parameter,
    /// A global runtime parameter.
    GlobalParameter,
    /// A policy.
    Policy,
    /// An operator policy.
    OperatorPolicy,
}

impl ObjectType {
    /// Returns the words for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vhost => "vhost",
            Self::User => "user",
            Self::Permission => "permission",
            Self::TopicPermission => "topic permission",
            Self::VhostLimits => "limits of vhost",
            Self::UserLimits => "limits of user",
            Self::Parameter => "parameter",
            Self::GlobalParameter => "global parameter",
            Self::Policy => "policy",
            Self::OperatorPolicy => "operator policy",
        }
    }
}

/// Names an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectId {
    /// Its type.
    pub r#type: ObjectType,
    /// Its vhost, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vhost: Option<String>,
    /// The component of a parameter, the exchange of a topic permission.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// Its name; of a permission its user, of limits the vhost or the user.
    pub name: String,
}

impl ObjectId {
    /// Names an object of the whole cluster: a vhost, a user, the limits of one, or a global parameter.
    pub fn global(r#type: ObjectType, name: &str) -> Self {
        Self { r#type, vhost: None, of: None, name: name.to_owned() }
    }

    /// Names an object of a vhost.
    pub fn in_vhost(r#type: ObjectType, vhost: &str, name: &str) -> Self {
        Self { r#type, vhost: Some(vhost.to_owned()), of: None, name: name.to_owned() }
    }

    /// Adds the component or the exchange.
    #[must_use]
    pub fn of(self, of: &str) -> Self {
        Self { of: Some(of.to_owned()), ..self }
    }

    /// Returns the name for people: `COMPONENT/NAME`, `USER on EXCHANGE`.
    pub fn display_name(&self) -> String {
        match (&self.of, self.r#type) {
            (None, _) => self.name.clone(),
            (Some(of), ObjectType::TopicPermission) => format!("{} on {of}", self.name),
            (Some(of), _) => format!("{of}/{}", self.name),
        }
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.r#type.as_str(), self.display_name())?;
        self.vhost.as_ref().map_or(Ok(()), |vhost| write!(f, " of `{vhost}`"))
    }
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    /// A virtual host.
    Vhost(VhostMetadata),
    /// A user.
    User(LiveUser),
    /// What a user may do: `configure`, `write`, `read`; a topic permission has no `configure`.
    Permission(BTreeMap<String, String>),
    /// All limits of a vhost or of a user, by name.
    Limits(BTreeMap<String, i64>),
    /// A runtime parameter, global or not.
    Parameter(Hidden),
    /// A policy or an operator policy.
    Policy(PolicyBody),
}

/// What a vhost says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VhostMetadata {
    /// What it is for; `None` where nothing is said, or the version has none.
    pub description: Option<String>,
    /// Its tags.
    pub tags: BTreeSet<String>,
    /// The type of a queue that is declared without one; `None` where the version has none.
    pub default_queue_type: Option<String>,
}

/// A user without its limits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LiveUser {
    /// Its tags.
    pub tags: BTreeSet<String>,
    /// The salted hash of its password.
    pub password: PasswordHash,
}

/// The salted hash of a password. Whoever has it can try passwords: it is not printed.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct PasswordHash {
    /// The salt and the hash, in base64; empty for a user that cannot log in with a password.
    pub hash: Bytes,
    /// The algorithm, such as `rabbit_password_hashing_sha256`.
    pub algorithm: String,
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.algorithm)
    }
}

/// JSON that may hold a secret, such as the address of an upstream: it is not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(pub Value);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
}

/// A policy without its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyBody {
    /// The regular expression on names.
    pub pattern: String,
    /// What it applies to.
    pub apply_to: String,
    /// The one with the highest priority wins.
    pub priority: i64,
    /// What it sets.
    pub definition: BTreeMap<String, Value>,
}

/// An object that is to be made, changed or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The object.
    pub id: ObjectId,
    /// As it is; `None` where there is none.
    pub before: Option<Object>,
    /// As it shall be, whole; `None` where there shall be none.
    pub after: Option<Object>,
}

impl Edit {
    /// Returns words about this edit without what may be secret in it.
    pub fn mask(&self, words: &str) -> String {
        let hidden = [&self.before, &self.after].into_iter().flatten().flat_map(Object::secrets);
        hidden.filter(|text| text.len() > 2).fold(words.to_owned(), |words, text| words.replace(&text, "***"))
    }
}

impl Object {
    /// Returns the object as one JSON, whole: equal objects are equal bytes. It may hold secrets.
    pub fn canonical_json(&self) -> Zeroizing<String> {
        let value = match self {
            Self::Vhost(vhost) => {
                json!([vhost.description, vhost.tags, vhost.default_queue_type])
            }
            Self::User(LiveUser { tags, password }) => {
                json!([tags, String::from_utf8_lossy(password.hash.as_slice()), password.algorithm])
            }
            Self::Permission(patterns) => json!(patterns),
            Self::Limits(limits) => json!(limits),
            Self::Parameter(Hidden(value)) => canonical(value),
            Self::Policy(policy) => {
                json!([policy.pattern, policy.apply_to, policy.priority, canonical(&json!(policy.definition))])
            }
        };
        Zeroizing::new(value.to_string())
    }

    /// Returns the texts in an object that may be secret.
    fn secrets(&self) -> Vec<String> {
        match self {
            Self::Parameter(Hidden(value)) => texts(value),
            Self::User(user) => vec![String::from_utf8_lossy(user.password.hash.as_slice()).into_owned()],
            _ => Vec::new(),
        }
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(fields) => fields.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// Returns a value in the one shape that compares: object keys sorted, whole numbers whole, a list of pairs of a text and
/// a value as the object that it stands for, and null as a text. `rabbitmqctl export_definitions` writes the objects in
/// global parameters as such lists up to RabbitMQ 4.0, and the null in them as `"null"`.
pub fn canonical(value: &Value) -> Value {
    match value {
        Value::Array(items) => match pairs(items) {
            Some(fields) => object(fields),
            None => items.iter().map(canonical).collect(),
        },
        Value::Object(fields) => object(fields.iter().map(|(name, value)| (name.as_str(), value)).collect()),
        Value::Null => "null".into(),
        Value::Number(number) => whole(number).map_or_else(|| value.clone(), Value::from),
        other => other.clone(),
    }
}

fn object(mut fields: Vec<(&str, &Value)>) -> Value {
    fields.sort_by_key(|(name, _)| *name);
    Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), canonical(value))).collect())
}

fn pairs(items: &[Value]) -> Option<Vec<(&str, &Value)>> {
    let pair = |item: &'_ Value| -> Option<()> {
        let [name, _] = item.as_array()?.as_slice() else { return None };
        name.as_str().map(|_| ())
    };
    let unique: BTreeSet<_> = items.iter().filter_map(|item| item.get(0)?.as_str()).collect();
    if items.is_empty() || unique.len() != items.len() || !items.iter().all(|item| pair(item).is_some()) {
        return None;
    }
    items.iter().map(|item| Some((item.get(0)?.as_str()?, item.get(1)?))).collect()
}

/// Returns a number as an integer, if it is one: `3.0` is 3 in RabbitMQ.
fn whole(number: &serde_json::Number) -> Option<i64> {
    if let Some(number) = number.as_i64() {
        return Some(number);
    }
    let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 9e15)?;
    #[expect(clippy::cast_possible_truncation, reason = "it has no fraction and is small")]
    Some(float as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_mean_the_same_are_the_same() {
        let check = |value: Value, expect: Value| {
            assert_eq!(canonical(&value).to_string(), expect.to_string(), "{value}");
        };
        check(json!({"b": 1.0, "a": {"d": [2.5], "c": null}}), json!({"a": {"c": "null", "d": [2.5]}, "b": 1}));
        check(json!([["b", 1], ["a", [1, "x"]]]), json!({"a": [1, "x"], "b": 1}));
        check(json!([["a", 1], ["a", 2]]), json!([["a", 1], ["a", 2]]));
        check(json!([["a", 1], 2]), json!([["a", 1], 2]));
        check(json!([]), json!([]));
        check(json!(u64::MAX), json!(u64::MAX));
    }

    #[test]
    fn nothing_secret_is_printed() {
        let hash = PasswordHash { hash: Bytes::new(b"H0Y".to_vec()), algorithm: "sha".to_owned() };
        assert_eq!(format!("{hash:?} {:?}", Hidden(json!("amqp://u:p@h"))), "sha JSON");
    }
}
