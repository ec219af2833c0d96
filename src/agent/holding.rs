//! Joins the secrets into what the broker shall hold, on the host that needs them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::definitions::{Definitions, Policy, User, secret_reference};
use crate::live::{
    Bytes, Hidden, Login, Object, ObjectId, ObjectType, PasswordHash, PolicyBody, VhostMetadata, canonical,
};
use crate::name::SecretRef;
use crate::plan::{Holding, MissingSecret, WantedBody, WantedObject, WantedPassword};
use crate::release::{BrokerNode, placeholder};
use crate::secret::Secret;
use crate::sys::random;

/// Reads a secret by its name.
type Read<'a> = dyn FnMut(&SecretRef) -> Result<Secret, MissingSecret> + 'a;

/// The algorithm of a hash in the spec that does not say.
const DEFAULT_ALGORITHM: &str = "rabbit_password_hashing_sha256";

/// Returns what the broker shall hold. A secret that cannot be had stops only the objects that need it.
pub(super) fn join(definitions: &Definitions, broker: Option<&BrokerNode>, read: &mut Read<'_>) -> Holding {
    let mut objects: BTreeMap<ObjectId, Result<WantedObject, MissingSecret>> = BTreeMap::new();
    let mut add = |id: ObjectId, body: WantedBody| {
        objects.insert(id, Ok(WantedObject { body, shown: None }));
    };
    for (name, vhost) in &definitions.vhosts {
        let metadata = VhostMetadata {
            description: vhost.description.clone(),
            tags: vhost.tags.iter().cloned().collect(),
            default_queue_type: vhost.default_queue_type.clone(),
        };
        add(ObjectId::global(ObjectType::Vhost, name), WantedBody::Vhost(metadata));
        if !vhost.limits.is_empty() {
            let limits = WantedBody::Whole(Object::Limits(vhost.limits.clone()));
            add(ObjectId::global(ObjectType::VhostLimits, name), limits);
        }
    }
    for (name, user) in definitions.users.iter().filter(|(_, user)| !user.limits.is_empty()) {
        let limits = WantedBody::Whole(Object::Limits(user.limits.clone()));
        add(ObjectId::global(ObjectType::UserLimits, name), limits);
    }
    for one in &definitions.permissions {
        let patterns = [("configure", &one.configure), ("write", &one.write), ("read", &one.read)];
        add(ObjectId::in_vhost(ObjectType::Permission, &one.vhost, &one.user), permission(&patterns));
    }
    for one in &definitions.topic_permissions {
        let id = ObjectId::in_vhost(ObjectType::TopicPermission, &one.vhost, &one.user).of(&one.exchange);
        add(id, permission(&[("write", &one.write), ("read", &one.read)]));
    }
    for (r#type, policies) in
        [(ObjectType::Policy, &definitions.policies), (ObjectType::OperatorPolicy, &definitions.operator_policies)]
    {
        for one in policies {
            add(ObjectId::in_vhost(r#type, &one.vhost, &one.name), WantedBody::Whole(Object::Policy(policy(one))));
        }
    }
    for (name, one) in &definitions.users {
        let wanted = user(one, read).map(|body| WantedObject { body, shown: None });
        objects.insert(ObjectId::global(ObjectType::User, name), wanted);
    }
    for one in &definitions.parameters {
        let id = ObjectId::in_vhost(ObjectType::Parameter, &one.vhost, &one.name).of(&one.component);
        objects.insert(id, parameter(&one.value, read));
    }
    for (name, value) in &definitions.global_parameters {
        objects.insert(ObjectId::global(ObjectType::GlobalParameter, name), parameter(value, read));
    }
    Holding {
        objects,
        prune: definitions.prune.iter().filter_map(|kind| pruned(kind)).collect(),
        login: login(definitions, broker, read),
    }
}

fn permission(patterns: &[(&str, &String)]) -> WantedBody {
    let patterns = patterns.iter().map(|(key, pattern)| ((*key).to_owned(), (*pattern).clone()));
    WantedBody::Whole(Object::Permission(patterns.collect()))
}

fn policy(policy: &Policy) -> PolicyBody {
    PolicyBody {
        pattern: policy.pattern.clone(),
        apply_to: policy.apply_to.clone(),
        priority: policy.priority,
        definition: policy.definition.clone(),
    }
}

fn user(user: &User, read: &mut Read<'_>) -> Result<WantedBody, MissingSecret> {
    let password = match (&user.password, &user.password_hash) {
        (Some(name), _) => {
            let text = bytes(&read(name)?);
            let salt = random::salt().map_err(|error| MissingSecret {
                name: name.clone(),
                why: format!("the kernel gives no random bytes for its hash: {error}"),
                help: "look at the host's kernel".to_owned(),
            })?;
            WantedPassword::Plain { text, salt }
        }
        (None, Some(hash)) => {
            let algorithm = user.hashing_algorithm.as_deref().unwrap_or(DEFAULT_ALGORITHM).to_owned();
            WantedPassword::Hash(PasswordHash { hash: Bytes::new(hash.clone().into_bytes()), algorithm })
        }
        (None, None) => WantedPassword::Any,
    };
    Ok(WantedBody::User { tags: user.tags.iter().cloned().collect(), password })
}

fn bytes(secret: &Secret) -> Bytes {
    Bytes::new(secret.expose().as_bytes().to_vec())
}

fn parameter(value: &Value, read: &mut Read<'_>) -> Result<WantedObject, MissingSecret> {
    let joined = joined(value, &mut |name| read(name).map(|secret| secret.expose().into()))?;
    let shown = self::joined(value, &mut |name| Ok(placeholder(name).into()))?;
    let body = WantedBody::Whole(Object::Parameter(Hidden(joined)));
    Ok(WantedObject { body, shown: Some(canonical(&shown)) })
}

/// Puts something in the place of each `{"secret": NAME}`.
fn joined(
    value: &Value,
    put: &mut dyn FnMut(&SecretRef) -> Result<Value, MissingSecret>,
) -> Result<Value, MissingSecret> {
    Ok(match value {
        Value::Object(fields) => {
            if let Some(name) = secret_reference(value) {
                put(&name)?
            } else {
                let field = |(key, value): (&String, &Value)| Ok((key.clone(), joined(value, put)?));
                fields.iter().map(field).collect::<Result<_, _>>()?
            }
        }
        Value::Array(items) => items.iter().map(|item| joined(item, put)).collect::<Result<_, _>>()?,
        other => other.clone(),
    })
}

/// Returns the type behind a word of `prune`.
fn pruned(kind: &str) -> Option<ObjectType> {
    Some(match kind {
        "users" => ObjectType::User,
        "permissions" => ObjectType::Permission,
        "topic_permissions" => ObjectType::TopicPermission,
        "policies" => ObjectType::Policy,
        "operator_policies" => ObjectType::OperatorPolicy,
        "parameters" => ObjectType::Parameter,
        "global_parameters" => ObjectType::GlobalParameter,
        _ => return None,
    })
}

/// Returns the first administrator of the release whose password this host has: the definitions of the API are for
/// administrators alone.
fn login(definitions: &Definitions, broker: Option<&BrokerNode>, read: &mut Read<'_>) -> Option<Login> {
    let port = broker?.management_port?;
    let administrators =
        definitions.users.iter().filter(|(_, user)| user.tags.iter().any(|tag| tag == "administrator"));
    administrators
        .filter_map(|(name, user)| Some((name, read(user.password.as_ref()?).ok()?)))
        .map(|(name, secret)| Login { port, user: name.clone(), password: bytes(&secret) })
        .next()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_joined_and_a_missing_one_stops_only_what_needs_it() {
        let definitions: Definitions = serde_json::from_value(json!({
            "format": 1, "rabbitmq_version": "3.10.8",
            "vhosts": { "/": { "limits": { "max-queues": 5 } } },
            "users": {
                "cert": { "tags": [], "password_hash": "" },
                "lost": { "tags": ["administrator"], "password": "lost", "limits": { "max-channels": 2 } },
            },
            "permissions": [], "topic_permissions": [], "policies": [], "operator_policies": [],
            "parameters": [{ "vhost": "/", "component": "shovel", "name": "s", "value": { "uri": [{ "secret": "lost" }] } }],
            "global_parameters": { "g": { "secret": 5 } },
            "prune": ["policies", "users"],
        }))
        .expect("definitions");
        let missing =
            |name: &SecretRef| MissingSecret { name: name.clone(), why: "gone".to_owned(), help: "x".to_owned() };
        let holding = join(&definitions, None, &mut |name| Err(missing(name)));
        let lost: Vec<String> =
            holding.objects.iter().filter(|(_, one)| one.is_err()).map(|(id, _)| id.to_string()).collect();
        assert_eq!(lost, ["user `lost`", "parameter `shovel/s` of `/`"]);
        let there: Vec<String> =
            holding.objects.iter().filter(|(_, one)| one.is_ok()).map(|(id, _)| id.to_string()).collect();
        assert_eq!(
            there,
            ["vhost `/`", "user `cert`", "limits of vhost `/`", "limits of user `lost`", "global parameter `g`"]
        );
        assert_eq!(holding.prune, [ObjectType::User, ObjectType::Policy].into());
        assert_eq!(holding.login, None);
    }

    #[test]
    fn a_secret_stands_where_its_name_stood() {
        let name = |name: &SecretRef| Ok(Value::from(format!("<{name}>")));
        let value =
            json!({ "uri": [{ "secret": "up" }, "amqp://h"], "secret": "plain", "n": { "secret": "a", "b": 1 } });
        let expect = json!({ "uri": ["<up>", "amqp://h"], "secret": "plain", "n": { "secret": "a", "b": 1 } });
        assert_eq!(joined(&value, &mut { name }), Ok(expect));
    }
}
