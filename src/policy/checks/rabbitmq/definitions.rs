//! What the brokers hold: users, vhosts, and what a version does with them.

use serde_json::Value;

use crate::definitions::{Policy, TopicPermission};
use crate::diag::nearest;
use crate::facts::version::Version;
use crate::model::{Broker, ConfigValue};
use crate::policy::place::in_list;
use crate::policy::{Finding, Subject};

/// The tags that RabbitMQ gives a meaning to.
const TAGS: [&str; 5] = ["administrator", "impersonator", "management", "monitoring", "policymaker"];

/// From here on a quorum queue drops a message after 20 deliveries (release notes of 4.0.1).
const DELIVERY_LIMIT: Version = Version::new(4, 0, 0);

/// From here on RabbitMQ refuses a topic permission on an exchange that is not there (`rabbit_auth_backend_internal` at v4.3.2).
const EXISTING_EXCHANGES: Version = Version::new(4, 3, 2);

/// From here on Erlang verifies the peers of TLS clients.
const VERIFYING_ERLANG: u32 = 26;

/// Finds tags that nearly are one of RabbitMQ's.
pub(in crate::policy) fn misspelt_tag(subject: &Subject<'_>) -> Vec<Finding> {
    let users = subject.cluster.broker.definitions.users.iter();
    let tags = users.flat_map(|(name, user)| user.tags.iter().map(move |tag| (name, tag)));
    let wrong = tags.filter(|(_, tag)| !TAGS.contains(&tag.as_str())).filter_map(|(name, tag)| {
        let near = nearest(tag, TAGS).filter(|near| strsim::osa_distance(near, tag) <= 3)?;
        let finding = Finding::new().with("user", name.as_str()).with("tag", tag.as_str()).with("near", near);
        Some(finding.at(&["rabbitmq", "users", name, "tags"], "these tags"))
    });
    wrong.collect()
}

/// Finds topic permissions on exchanges that only applications declare.
pub(in crate::policy) fn undeclared_exchange(subject: &Subject<'_>) -> Vec<Finding> {
    let broker = &subject.cluster.broker;
    if broker.version.value < EXISTING_EXCHANGES {
        return Vec::new();
    }
    // Every vhost has these from its start.
    let declared = |name: &str| name.is_empty() || name.starts_with("amq.");
    let missing = broker.definitions.topic_permissions.iter().filter(|permission| !declared(&permission.exchange));
    let finding = |permission: &TopicPermission| {
        let path =
            ["rabbitmq", "users", &permission.user, "topic_permissions", &permission.vhost, &permission.exchange];
        let finding = Finding::new().with("user", permission.user.as_str()).with("vhost", permission.vhost.as_str());
        finding.with("exchange", permission.exchange.as_str()).at(&path, "this exchange")
    };
    missing.map(finding).collect()
}

/// Finds vhosts that no user may enter.
pub(in crate::policy) fn vhost_without_users(subject: &Subject<'_>) -> Vec<Finding> {
    let definitions = &subject.cluster.broker.definitions;
    let nobody = |vhost: &&String| definitions.permissions.iter().all(|permission| permission.vhost != **vhost);
    let empty = definitions.vhosts.keys().filter(nobody);
    empty
        .map(|vhost| Finding::new().with("vhost", vhost.as_str()).at(&["rabbitmq", "vhosts", vhost], "this vhost"))
        .collect()
}

/// Finds users that may enter no vhost and have no tag.
pub(in crate::policy) fn idle_user(subject: &Subject<'_>) -> Vec<Finding> {
    let definitions = &subject.cluster.broker.definitions;
    let may = |name: &str| definitions.permissions.iter().any(|permission| permission.user == name);
    let idle = definitions.users.iter().filter(|(name, user)| user.tags.is_empty() && !may(name));
    idle.map(|(name, _)| Finding::new().with("user", name.as_str()).at(&["rabbitmq", "users", name], "this user"))
        .collect()
}

/// Finds vhosts of quorum queues whose messages are dropped after 20 deliveries, with nowhere to go.
pub(in crate::policy) fn dropped_deliveries(subject: &Subject<'_>) -> Vec<Finding> {
    let broker = &subject.cluster.broker;
    if broker.version.value < DELIVERY_LIMIT {
        return Vec::new();
    }
    let default = matches!(&broker.config.get("default_queue_type").map(|setting| &setting.value), Some(ConfigValue::Text(kind)) if kind == "quorum");
    let quorum = broker.definitions.vhosts.iter().filter(|(_, vhost)| match &vhost.default_queue_type {
        Some(kind) => kind == "quorum",
        None => default,
    });
    let exposed = quorum.filter(|(name, _)| !broker.definitions.policies.iter().any(|policy| keeps(policy, name)));
    exposed
        .map(|(name, _)| Finding::new().with("vhost", name.as_str()).at(&["rabbitmq", "vhosts", name], "quorum queues"))
        .collect()
}

/// Tells whether a policy of a vhost keeps what is delivered too often, or sets no limit.
fn keeps(policy: &Policy, vhost: &str) -> bool {
    let unlimited = policy.definition.get("delivery-limit").and_then(Value::as_i64).is_some_and(|limit| limit < 0);
    policy.vhost == vhost && (unlimited || policy.definition.contains_key("dead-letter-exchange"))
}

/// Finds parts of the definitions that the version does not know, and drops without a word.
pub(in crate::policy) fn outside_version(subject: &Subject<'_>) -> Vec<Finding> {
    let broker = &subject.cluster.broker;
    let version = broker.version.value;
    let mut found = Vec::new();
    let mut add = |first: Version, what: &str, path: &[&str]| {
        if version < first {
            let finding = Finding::new().with("what", what).with("first", first.to_string());
            found.push(finding.at(path, "not in this version"));
        }
    };
    for (name, user) in &broker.definitions.users {
        if !user.limits.is_empty() {
            add(Version::new(3, 8, 10), "limits of a user", &["rabbitmq", "users", name, "limits"]);
        }
    }
    for permission in &broker.definitions.topic_permissions {
        let path = ["rabbitmq", "users", &permission.user, "topic_permissions"];
        add(Version::new(3, 7, 0), "topic permissions", &path);
    }
    for (name, vhost) in &broker.definitions.vhosts {
        if vhost.description.is_some() || !vhost.tags.is_empty() {
            add(Version::new(3, 8, 0), "the description and tags of a vhost", &["rabbitmq", "vhosts", name]);
        }
        if vhost.default_queue_type.is_some() {
            let path = ["rabbitmq", "vhosts", name, "default_queue_type"];
            add(Version::new(3, 10, 8), "the default queue type of a vhost", &path);
        }
        if !vhost.limits.is_empty() {
            add(Version::new(3, 7, 0), "limits of a vhost", &["rabbitmq", "vhosts", name, "limits"]);
        }
    }
    found
}

/// Finds policies that federate from an upstream that is not there.
pub(in crate::policy) fn unknown_upstream(subject: &Subject<'_>) -> Vec<Finding> {
    let definitions = &subject.cluster.broker.definitions;
    let named = |component: &str, vhost: &str, name: &str| {
        let mut parameters = definitions.parameters.iter();
        parameters.any(|it| it.component == component && it.vhost == vhost && it.name == name)
    };
    let any = |vhost: &str| {
        definitions.parameters.iter().any(|it| it.component == "federation-upstream" && it.vhost == vhost)
    };
    let missing = definitions.policies.iter().filter_map(|policy| {
        let text = |key: &str| policy.definition.get(key).and_then(Value::as_str);
        let (key, name) = match (text("federation-upstream"), text("federation-upstream-set")) {
            (Some(name), _) if !named("federation-upstream", &policy.vhost, name) => ("federation-upstream", name),
            (None, Some("all")) if !any(&policy.vhost) => ("federation-upstream-set", "all"),
            (None, Some(name)) if name != "all" && !named("federation-upstream-set", &policy.vhost, name) => {
                ("federation-upstream-set", name)
            }
            _ => return None,
        };
        let finding = Finding::new().with("policy", policy.name.as_str()).with("key", key).with("upstream", name);
        let item = in_list(subject.tree, "policies", &policy.name, &policy.vhost);
        let path = ["rabbitmq", "policies", item.as_str(), "definition", key];
        Some(finding.with("vhost", policy.vhost.as_str()).at(&path, "names an upstream"))
    });
    missing.collect()
}

/// Finds `amqps` addresses without a word on verification, on an Erlang that verifies, and has nothing to verify with.
pub(in crate::policy) fn unverifiable_peer(subject: &Subject<'_>) -> Vec<Finding> {
    let broker = &subject.cluster.broker;
    if !verifies(broker) {
        return Vec::new();
    }
    let found = broker.definitions.parameters.iter().filter_map(|parameter| {
        let (field, uri) = uris(&parameter.value)
            .find(|(_, uri)| uri.starts_with("amqps://") && !uri.contains("cacertfile=") && !uri.contains("verify="))?;
        let finding = Finding::new().with("name", parameter.name.as_str()).with("field", field).with("uri", uri);
        let item = in_list(subject.tree, "parameters", &parameter.name, &parameter.vhost);
        Some(finding.at(&["rabbitmq", "parameters", &item], "connects with TLS"))
    });
    found.collect()
}

fn verifies(broker: &Broker) -> bool {
    let major = broker.erlang.as_ref().and_then(|otp| otp.split('.').next()?.parse::<u32>().ok());
    major.is_some_and(|major| major >= VERIFYING_ERLANG)
}

/// Walks the addresses of a federation upstream or a shovel.
fn uris(value: &Value) -> impl Iterator<Item = (&'static str, &str)> {
    ["uri", "src-uri", "dest-uri"].into_iter().flat_map(move |field| {
        let texts: Vec<&str> = match value.get(field) {
            Some(Value::String(text)) => vec![text],
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        texts.into_iter().map(move |text| (field, text))
    })
}
