//! What a broker shall hold, as typed and ordered values.
//!
//! Input: lists in any order. Output: one canonical order and one canonical JSON, so that equal definitions are equal bytes.
//! Must not: talk to a broker, or hold a password (a user names a secret, or carries a hash).

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::SecretRef;

/// Everything that the spec says about a broker's objects. Keys are RabbitMQ's own (`rabbitmqctl export_definitions`).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Definitions {
    /// The version of this document.
    pub format: u32,
    /// The version of RabbitMQ that the values are written for.
    pub rabbitmq_version: String,
    /// Virtual hosts by name.
    pub vhosts: BTreeMap<String, Vhost>,
    /// Users by name.
    pub users: BTreeMap<String, User>,
    /// Permissions, sorted by vhost and user.
    pub permissions: Vec<Permission>,
    /// Topic permissions, sorted by vhost, user and exchange.
    pub topic_permissions: Vec<TopicPermission>,
    /// Broker policies, sorted by vhost and name.
    pub policies: Vec<Policy>,
    /// Operator policies, sorted by vhost and name.
    pub operator_policies: Vec<Policy>,
    /// Runtime parameters, sorted by vhost, component and name.
    pub parameters: Vec<Parameter>,
    /// Global runtime parameters by name.
    pub global_parameters: BTreeMap<String, serde_json::Value>,
    /// The kinds whose unnamed objects are removed from the broker, such as `policies`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prune: Vec<String>,
}

/// A virtual host.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vhost {
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its tags, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The type of a queue that is declared without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_queue_type: Option<String>,
    /// Limits by name, such as `max-connections`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, i64>,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Its tags, sorted.
    pub tags: Vec<String>,
    /// The secret that holds the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretRef>,
    /// The salted hash of the password in base64, where the spec gives that instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_hash: Option<String>,
    /// The algorithm of `password_hash`, such as `rabbit_password_hashing_sha256`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hashing_algorithm: Option<String>,
    /// Limits by name, such as `max-channels`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, i64>,
}

/// What a user may do in a vhost; each a regular expression on names, empty for none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Permission {
    /// The vhost.
    pub vhost: String,
    /// The user.
    pub user: String,
    /// What it may declare and delete.
    pub configure: String,
    /// What it may publish to.
    pub write: String,
    /// What it may consume from.
    pub read: String,
}

/// What routing keys a user may use on a topic exchange.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TopicPermission {
    /// The vhost.
    pub vhost: String,
    /// The user.
    pub user: String,
    /// The topic exchange.
    pub exchange: String,
    /// The routing keys it may publish with.
    pub write: String,
    /// The routing keys it may bind with.
    pub read: String,
}

/// A broker policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Policy {
    /// The vhost.
    pub vhost: String,
    /// Its name.
    pub name: String,
    /// The unanchored regular expression on names.
    pub pattern: String,
    /// What it applies to: `all`, `queues`, `exchanges`, `classic_queues`, `quorum_queues` or `streams`.
    pub apply_to: String,
    /// The policy with the highest priority wins.
    pub priority: i64,
    /// What it sets.
    pub definition: BTreeMap<String, serde_json::Value>,
}

/// A runtime parameter, such as a federation upstream or a shovel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// The vhost.
    pub vhost: String,
    /// The component, such as `federation-upstream`.
    pub component: String,
    /// Its name.
    pub name: String,
    /// Its value. An object whose one key is `secret` stands for the secret of that name.
    pub value: serde_json::Value,
}

impl Definitions {
    /// Puts every list into its canonical order.
    pub fn sort(&mut self) {
        self.permissions.sort();
        self.topic_permissions.sort();
        let key = |policy: &Policy| (policy.vhost.clone(), policy.name.clone());
        self.policies.sort_by_key(key);
        self.operator_policies.sort_by_key(key);
        self.parameters.sort_by_key(|p| (p.vhost.clone(), p.component.clone(), p.name.clone()));
        for tags in self.users.values_mut().map(|u| &mut u.tags).chain(self.vhosts.values_mut().map(|v| &mut v.tags)) {
            tags.sort();
            tags.dedup();
        }
        self.prune.sort();
        self.prune.dedup();
    }

    /// Returns the names of the secrets that users and parameters refer to.
    pub fn secrets(&self) -> BTreeSet<SecretRef> {
        let mut found: BTreeSet<SecretRef> = self.users.values().filter_map(|user| user.password.clone()).collect();
        for value in self.parameters.iter().map(|one| &one.value).chain(self.global_parameters.values()) {
            collect(value, &mut found);
        }
        found
    }

    /// Returns the canonical JSON: the order of [`Definitions::sort`], object keys sorted, a final newline.
    pub fn to_canonical_json(&self) -> String {
        let mut sorted = self.clone();
        sorted.sort();
        for value in
            sorted.global_parameters.values_mut().chain(sorted.parameters.iter_mut().map(|p| &mut p.value)).chain(
                sorted.policies.iter_mut().chain(&mut sorted.operator_policies).flat_map(|p| p.definition.values_mut()),
            )
        {
            value.sort_all_objects();
        }
        crate::release::canonical_json(&sorted)
    }
}

/// Returns the secret that a value of a parameter stands for: an object whose one key is `secret`.
pub fn secret_reference(value: &serde_json::Value) -> Option<SecretRef> {
    let fields = value.as_object().filter(|fields| fields.len() == 1)?;
    SecretRef::parse(fields.get("secret")?.as_str()?).ok()
}

/// Returns the secrets that stand anywhere in a value of a parameter.
pub fn secret_references(value: &serde_json::Value) -> BTreeSet<SecretRef> {
    let mut found = BTreeSet::new();
    collect(value, &mut found);
    found
}

fn collect(value: &serde_json::Value, found: &mut BTreeSet<SecretRef>) {
    match (secret_reference(value), value) {
        (Some(name), _) => drop(found.insert(name)),
        (None, serde_json::Value::Object(fields)) => fields.values().for_each(|value| collect(value, found)),
        (None, serde_json::Value::Array(items)) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_reads_back(texts in prop::collection::vec(any::<String>(), 6)) {
            let text = |number: usize| texts[number].clone();
            let permission = |user| Permission { vhost: text(0), user, configure: text(2), write: text(3), read: text(4) };
            let mut definitions = Definitions {
                vhosts: [(text(0), Vhost { description: Some(text(5)), ..Vhost::default() })].into(),
                users: [(text(1), User { tags: vec![text(2)], ..User::default() })].into(),
                permissions: vec![permission(text(1)), permission(text(5))],
                policies: vec![Policy {
                    vhost: text(0),
                    name: text(1),
                    pattern: text(2),
                    apply_to: "all".to_owned(),
                    priority: 0,
                    definition: [(text(3), serde_json::json!({ text(4): text(5) }))].into(),
                }],
                global_parameters: [(text(1), text(2).into())].into(),
                ..Definitions::default()
            };
            let read: Definitions = serde_json::from_str(&definitions.to_canonical_json()).expect("it is JSON of this type");
            definitions.sort();
            prop_assert_eq!(read, definitions);
        }
    }
}
