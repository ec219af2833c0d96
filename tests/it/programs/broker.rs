//! What a broker is given: the host that it boots as, and definitions as RabbitMQ imports them.

use serde_json::{Map, Value, json};

use rmqgit::definitions::{Definitions, User};
use rmqgit::model;

use super::session::Case;
use super::{ASKED, fixtures};
use crate::compile::compile;
use crate::suite::Suite;

/// Returns the host that the broker boots as: the first node of the tutorial's cluster, alone.
pub(super) fn boot(suite: &Suite) -> Case {
    let mut alone = json!({ "rabbitmq": { "nodes": ["rabbit1"], "policies": [policy()] } });
    if suite.rabbitmq.starts_with("3.8.") {
        // 3.8 waits for 5 to 60 s before its first boot, so that the nodes of a new cluster do not start at once.
        let delay = "cluster_formation.randomized_startup_delay_range";
        alone["rabbitmq"]["config"] = json!({ format!("{delay}.min"): 0, format!("{delay}.max"): 1 });
    }
    // No rule would let a single node pass.
    let checked = model::check(&fixtures::files("tutorial", suite, &alone));
    let cluster = checked.model.expect("the spec is sound").clusters.remove(0);
    Case::new("boot".to_owned(), &cluster, &compile(&cluster)[0])
}

/// A policy that every version knows.
fn policy() -> Value {
    let definition = json!({ "max-length": 1000, "dead-letter-exchange": "dead" });
    json!({ "name": "bounded", "pattern": "^orders[.]", "apply-to": "queues", "priority": 3, "definition": definition })
}

/// Writes definitions as `rabbitmqctl import_definitions` reads them, with one secret for all places.
pub(super) fn import(definitions: &Definitions, secret: &str) -> String {
    let vhosts = definitions.vhosts.iter().map(|(name, vhost)| {
        json!({
            "name": name,
            "metadata": {
                "description": vhost.description.clone().unwrap_or_default(),
                "tags": vhost.tags,
                "default_queue_type": vhost.default_queue_type.as_deref().unwrap_or("classic"),
            },
        })
    });
    let limits = definitions.vhosts.iter().filter(|(_, vhost)| !vhost.limits.is_empty()).map(
        |(name, vhost)| json!({ "vhost": name, "component": "vhost-limits", "name": "limits", "value": vhost.limits }),
    );
    let parameters = definitions.parameters.iter().map(|parameter| {
        let value = joined(&parameter.value, secret);
        json!({ "vhost": parameter.vhost, "component": parameter.component, "name": parameter.name, "value": value })
    });
    let operator = definitions.operator_policies.iter().map(|policy| {
        let value = json!({
            "pattern": policy.pattern,
            "apply-to": policy.apply_to,
            "priority": policy.priority,
            "definition": policy.definition,
        });
        json!({ "vhost": policy.vhost, "component": "operator_policy", "name": policy.name, "value": value })
    });
    let global = definitions.global_parameters.iter();
    json!({
        "vhosts": vhosts.collect::<Vec<_>>(),
        "users": definitions.users.iter().map(|(name, one)| user(name, one, secret)).collect::<Vec<_>>(),
        "permissions": definitions.permissions,
        "topic_permissions": definitions.topic_permissions,
        "policies": definitions.policies,
        "parameters": parameters.chain(limits).chain(operator).collect::<Vec<_>>(),
        "global_parameters": global.map(|(name, value)| json!({ "name": name, "value": joined(value, secret) })).collect::<Vec<_>>(),
    })
    .to_string()
}

/// Writes the exchanges that topic permissions name, as `rabbitmqctl import_definitions` reads them.
pub(super) fn exchanges(definitions: &Definitions) -> String {
    let exchange = |permission: &rmqgit::definitions::TopicPermission| {
        json!({
            "vhost": permission.vhost,
            "name": permission.exchange,
            "type": "topic",
            "durable": true,
            "auto_delete": false,
            "internal": false,
            "arguments": {},
        })
    };
    json!({
        "vhosts": definitions.vhosts.keys().map(|name| json!({ "name": name })).collect::<Vec<_>>(),
        "exchanges": definitions.topic_permissions.iter().map(exchange).collect::<Vec<_>>(),
    })
    .to_string()
}

/// Every version reads tags that are joined by commas; lists are new in 3.9.
fn user(name: &str, user: &User, secret: &str) -> Value {
    let mut fields = Map::new();
    fields.insert("name".to_owned(), name.into());
    fields.insert("tags".to_owned(), user.tags.join(",").into());
    if user.password.is_some() {
        fields.insert("password".to_owned(), secret.into());
    }
    if let Some(hash) = &user.password_hash {
        fields.insert("password_hash".to_owned(), hash.clone().into());
        let algorithm = user.hashing_algorithm.as_deref().unwrap_or("rabbit_password_hashing_sha256");
        fields.insert("hashing_algorithm".to_owned(), algorithm.into());
    }
    if !user.limits.is_empty() {
        fields.insert("limits".to_owned(), json!(user.limits));
    }
    Value::Object(fields)
}

/// Puts the secret in the place of each `{secret: NAME}`.
fn joined(value: &Value, secret: &str) -> Value {
    match value {
        Value::Object(fields) if fields.len() == 1 && fields.contains_key("secret") => secret.into(),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (name.clone(), joined(value, secret))).collect())
        }
        Value::Array(items) => items.iter().map(|item| joined(item, secret)).collect(),
        other => other.clone(),
    }
}

#[test]
fn the_broker_boots_and_imports() {
    for asked in &*ASKED {
        let name = asked.suite.name;
        let answer = |program: &str| &asked.answers[&("boot".to_owned(), program.to_owned())];
        assert_eq!(answer("boot").status, 0, "{name}: the broker does not start\n{}", answer("boot").text);
        let judge = answer("judge");
        assert!(judge.status == 0 && judge.text.ends_with("ok\n"), "{name}: {}", judge.text);
        assert_eq!((answer("import").status, answer("import").text.as_str()), (0, ""), "{name}");
        assert_eq!(answer("password").status, 0, "{name}: {}", answer("password").text);
        // Some versions give definitions as an object, others as text.
        let held: Value = serde_json::from_str(&answer("policies").text).expect("it is JSON");
        let mut held = held.as_array().expect("a list of policies").clone();
        for policy in &mut held {
            if let Some(definition) = policy["definition"].as_str() {
                policy["definition"] = serde_json::from_str(definition).expect("it is JSON");
            }
        }
        let mut expect = policy();
        expect["vhost"] = "/".into();
        assert_eq!(held, [expect], "{name}");
    }
}
