//! Objects as RabbitMQ's API takes them, one by one, and as `rabbitmqctl import_definitions` takes them, together.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::live::{Hidden, LiveUser, Object, ObjectId, ObjectType, PolicyBody, VhostMetadata};

/// Returns the body of a PUT for an object; limits are put one by one.
pub(super) fn body(id: &ObjectId, object: &Object) -> Value {
    match object {
        Object::Vhost(vhost) => Value::Object(metadata(vhost, &tags_text(&vhost.tags).into())),
        Object::User(user) => Value::Object(password(user)),
        Object::Permission(patterns) => {
            let mut fields: Map<String, Value> =
                patterns.iter().map(|(key, pattern)| (key.clone(), pattern.clone().into())).collect();
            if let Some(exchange) = &id.of {
                fields.insert("exchange".to_owned(), exchange.clone().into());
            }
            Value::Object(fields)
        }
        Object::Limits(limits) => json!(limits),
        Object::Parameter(Hidden(value)) => json!({ "value": value }),
        Object::Policy(policy) => self::policy(policy),
    }
}

/// Returns the document that makes or changes objects. User limits are not in it: they come with a whole user.
pub(super) fn import<'a>(objects: impl Iterator<Item = (&'a ObjectId, &'a Object)>) -> Value {
    let mut document: Map<String, Value> = Map::new();
    for (id, object) in objects {
        let Some((section, fields)) = entry(id, object) else { continue };
        let list = document.entry(section).or_insert_with(|| Value::Array(Vec::new()));
        list.as_array_mut().expect("every section is a list").push(fields);
    }
    Value::Object(document)
}

fn entry(id: &ObjectId, object: &Object) -> Option<(&'static str, Value)> {
    let name = &id.name;
    let parameter = |component: &str, name: &str, value: Value| json!({ "vhost": id.vhost, "component": component, "name": name, "value": value });
    Some(match (id.r#type, object) {
        (ObjectType::Vhost, Object::Vhost(vhost)) => {
            let metadata = metadata(vhost, &json!(vhost.tags));
            // 3.8 reads them beside the name, with tags as a text and the description as `definition`; later versions
            // read the metadata.
            let mut fields = Map::new();
            fields.insert("definition".to_owned(), metadata["description"].clone());
            fields.insert("tags".to_owned(), tags_text(&vhost.tags).into());
            fields.insert("name".to_owned(), name.clone().into());
            fields.insert("metadata".to_owned(), metadata.into());
            ("vhosts", Value::Object(fields))
        }
        (ObjectType::User, Object::User(user)) => {
            let mut fields = password(user);
            fields.insert("name".to_owned(), name.clone().into());
            ("users", Value::Object(fields))
        }
        (ObjectType::Permission | ObjectType::TopicPermission, Object::Permission(_)) => {
            let Value::Object(mut fields) = body(id, object) else { return None };
            fields.insert("vhost".to_owned(), json!(id.vhost));
            fields.insert("user".to_owned(), name.clone().into());
            (if id.r#type == ObjectType::Permission { "permissions" } else { "topic_permissions" }, fields.into())
        }
        (ObjectType::VhostLimits, Object::Limits(limits)) => {
            let value = json!({ "vhost": name, "component": "vhost-limits", "name": "limits", "value": limits });
            ("parameters", value)
        }
        (ObjectType::Parameter, Object::Parameter(Hidden(value))) => {
            ("parameters", parameter(id.of.as_deref().unwrap_or_default(), name, value.clone()))
        }
        (ObjectType::GlobalParameter, Object::Parameter(Hidden(value))) => {
            ("global_parameters", json!({ "name": name, "value": value }))
        }
        (ObjectType::OperatorPolicy, Object::Policy(policy)) => {
            ("parameters", parameter("operator_policy", name, self::policy(policy)))
        }
        (ObjectType::Policy, Object::Policy(policy)) => {
            let Value::Object(mut fields) = self::policy(policy) else { return None };
            fields.insert("vhost".to_owned(), json!(id.vhost));
            fields.insert("name".to_owned(), name.clone().into());
            ("policies", fields.into())
        }
        _ => return None,
    })
}

fn metadata(vhost: &VhostMetadata, tags: &Value) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("description".to_owned(), vhost.description.clone().unwrap_or_default().into());
    fields.insert("tags".to_owned(), tags.clone());
    if let Some(kind) = &vhost.default_queue_type {
        // The API of 3.10 to 3.12 knows it by the other name.
        for key in ["default_queue_type", "defaultqueuetype"] {
            fields.insert(key.to_owned(), kind.clone().into());
        }
    }
    fields
}

/// Every version reads tags that are joined by commas; lists are new in 3.9.
fn tags_text(tags: &BTreeSet<String>) -> String {
    tags.iter().map(String::as_str).collect::<Vec<_>>().join(",")
}

fn password(user: &LiveUser) -> Map<String, Value> {
    let mut fields = Map::new();
    let hash = String::from_utf8_lossy(user.password.hash.as_slice()).into_owned();
    fields.insert("password_hash".to_owned(), hash.into());
    fields.insert("hashing_algorithm".to_owned(), user.password.algorithm.clone().into());
    fields.insert("tags".to_owned(), tags_text(&user.tags).into());
    fields
}

fn policy(policy: &PolicyBody) -> Value {
    json!({
        "pattern": policy.pattern,
        "apply-to": policy.apply_to,
        "priority": policy.priority,
        "definition": policy.definition,
    })
}
