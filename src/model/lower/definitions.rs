//! What the brokers hold.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{refuse_repeated, text};
use crate::definitions::{Definitions, Parameter, Permission, Policy, TopicPermission, User, Vhost};
use crate::diag::{At, Diagnostic, Diagnostics, Place, excerpt, nearest};
use crate::facts::version::Version;
use crate::name::SecretRef;
use crate::spec::{self, ApplyTo, HashingAlgorithm, Named};

/// The version of `definitions.json` that is written.
const FORMAT: u32 = 1;

/// Resolves vhosts, users, permissions, policies and parameters.
pub(super) fn lower_definitions(diags: &mut Diagnostics, spec: &spec::Cluster, version: Version) -> Definitions {
    let section = &spec.rabbitmq;
    let mut vhosts = lower_vhosts(diags, section);
    for name in spec.lost.iter().flat_map(|lost| &lost.vhosts).flatten() {
        vhosts.entry(name.clone()).or_default();
    }
    let mut definitions =
        Definitions { format: FORMAT, rabbitmq_version: version.to_string(), ..Definitions::default() };
    for (name, user) in section.users.iter() {
        text::line(diags, &name.value, name.place, "the name of a user");
        let lowered = lower_user(diags, name, user);
        definitions.users.insert(name.value.clone(), lowered);
        lower_permissions(diags, name, user, &vhosts, &mut definitions);
    }
    definitions.policies = lower_policies(diags, &section.policies, &vhosts, ApplyTo::All);
    definitions.operator_policies = lower_policies(diags, &section.operator_policies, &vhosts, ApplyTo::Queues);
    definitions.parameters = lower_parameters(diags, section, &vhosts);
    for (name, value) in section.global_parameters.iter() {
        text::line(diags, &name.value, name.place, "the name of a global parameter");
        check_uris(diags, value, name.place);
        definitions.global_parameters.insert(name.value.clone(), value.clone());
    }
    definitions.prune = section.prune.iter().map(|kind| kind.as_str().to_owned()).collect();
    definitions.vhosts = vhosts;
    definitions.sort();
    definitions
}

type Vhosts = BTreeMap<String, Vhost>;

fn lower_vhosts(diags: &mut Diagnostics, section: &spec::Rabbitmq) -> Vhosts {
    let Some(given) = &section.vhosts else {
        return Vhosts::from([("/".to_owned(), Vhost::default())]);
    };
    let mut vhosts = Vhosts::new();
    for (name, vhost) in given.iter() {
        text::line(diags, &name.value, name.place, "the name of a vhost");
        let vhost = vhost.clone().unwrap_or_default();
        let lowered = Vhost {
            description: vhost.description,
            tags: vhost.tags,
            default_queue_type: vhost.default_queue_type.map(|kind| kind.as_str().to_owned()),
            limits: lower_limits(diags, &vhost.limits, &["max-connections", "max-queues"]),
        };
        vhosts.insert(name.value.clone(), lowered);
    }
    vhosts
}

fn lower_limits(diags: &mut Diagnostics, limits: &Named<String, At<i64>>, known: &[&str]) -> BTreeMap<String, i64> {
    for (name, limit) in limits.iter() {
        if !known.contains(&name.as_str()) {
            let message = format!("there is no limit `{}` here", excerpt(&name.value));
            text::refuse(diags, "invalid-value", name.place, message, &format!("known limits: {}", known.join(", ")));
        }
        text::range(diags, *limit, &(-1..=i64::from(u32::MAX)), "the limit");
    }
    limits.iter().map(|(name, limit)| (name.value.clone(), limit.value)).collect()
}

fn lower_user(diags: &mut Diagnostics, name: &At<String>, user: &spec::User) -> User {
    let algorithm = user.hashing_algorithm.unwrap_or_default();
    match (&user.password, &user.password_hash) {
        (Some(password), Some(hash)) => {
            let help = "a user has a secret with the password, or its hash";
            text::conflict(diags, ("password", password.place), ("password_hash", hash.place), help);
        }
        (None, None) => diags.push(
            Diagnostic::error("missing-password", format!("the user `{}` has no password", excerpt(&name.value)))
                .at(name.place, "this user")
                .help("add `password: {secret: NAME}` or `password_hash`; `password_hash: \"\"` refuses every password, for users with certificates"),
        ),
        (_, Some(hash)) => check_hash(diags, hash, algorithm),
        (Some(_), None) => {}
    }
    for tag in &user.tags {
        text::line(diags, tag, name.place, "a tag");
    }
    let what = format!("the password of `{}`", excerpt(&name.value));
    User {
        tags: user.tags.clone(),
        password: user.password.as_ref().and_then(|password| text::secret(diags, password, &what)),
        password_hash: user.password_hash.as_ref().map(|hash| hash.value.clone()),
        hashing_algorithm: user.password_hash.as_ref().map(|_| algorithm.as_str().to_owned()),
        limits: lower_limits(diags, &user.limits, &["max-channels", "max-connections"]),
    }
}

/// A hash is base64 of four bytes of salt and the digest (www.rabbitmq.com/docs/passwords), or empty.
fn check_hash(diags: &mut Diagnostics, hash: &At<String>, algorithm: HashingAlgorithm) {
    let expected = 4 + algorithm.digest_len();
    let len = STANDARD.decode(hash.as_str()).map(|bytes| bytes.len());
    if !hash.is_empty() && len != Ok(expected) {
        let message = format!("the password hash is not one of `{}`", algorithm.as_str());
        let help = format!(
            "it is base64 of {expected} bytes: `rabbitmqctl hash_password` prints one; `hashing_algorithm` names another way"
        );
        text::refuse(diags, "invalid-value", hash.place, message, &help);
    }
}

fn lower_permissions(
    diags: &mut Diagnostics,
    name: &At<String>,
    user: &spec::User,
    vhosts: &Vhosts,
    definitions: &mut Definitions,
) {
    for (vhost, permission) in user.permissions.iter() {
        known_vhost(diags, vhosts, vhost);
        definitions.permissions.push(Permission {
            vhost: vhost.value.clone(),
            user: name.value.clone(),
            configure: permission.configure.clone(),
            write: permission.write.clone(),
            read: permission.read.clone(),
        });
    }
    for (vhost, exchanges) in user.topic_permissions.iter() {
        known_vhost(diags, vhosts, vhost);
        for (exchange, permission) in exchanges.iter() {
            definitions.topic_permissions.push(TopicPermission {
                vhost: vhost.value.clone(),
                user: name.value.clone(),
                exchange: exchange.value.clone(),
                write: permission.write.clone(),
                read: permission.read.clone(),
            });
        }
    }
}

fn lower_policies(
    diags: &mut Diagnostics,
    policies: &[spec::Policy],
    vhosts: &Vhosts,
    default: ApplyTo,
) -> Vec<Policy> {
    let mut seen = BTreeMap::new();
    let mut lowered = Vec::with_capacity(policies.len());
    for policy in policies {
        text::line(diags, &policy.name.value, policy.name.place, "the name of a policy");
        let vhost = vhost_of(diags, vhosts, policy.vhost.as_ref(), policy.name.place);
        let what = format!("the policy `{}` of the vhost `{}`", excerpt(&policy.name.value), excerpt(&vhost));
        refuse_repeated(diags, &mut seen, (vhost.clone(), policy.name.as_str()), policy.name.place, &what);
        if policy.definition.0.is_empty() {
            let message = format!("the definition of the policy `{}` is empty", excerpt(&policy.name.value));
            text::refuse(
                diags,
                "empty-list",
                policy.definition.place,
                message,
                "RabbitMQ refuses such a policy: say what it sets, or remove it",
            );
        }
        lowered.push(Policy {
            vhost,
            name: policy.name.value.clone(),
            pattern: policy.pattern.value.clone(),
            apply_to: policy.apply_to.map_or(default, |given| given.value).as_str().to_owned(),
            priority: policy.priority,
            definition: policy.definition.iter().map(|(key, value)| (key.value.clone(), value.clone())).collect(),
        });
    }
    lowered
}

fn lower_parameters(diags: &mut Diagnostics, section: &spec::Rabbitmq, vhosts: &Vhosts) -> Vec<Parameter> {
    let mut seen = BTreeMap::new();
    let mut lowered = Vec::with_capacity(section.parameters.len());
    for parameter in &section.parameters {
        let place = parameter.name.place;
        text::line(diags, &parameter.name.value, place, "the name of a parameter");
        text::line(diags, &parameter.component.value, parameter.component.place, "the component");
        let vhost = vhost_of(diags, vhosts, parameter.vhost.as_ref(), place);
        let (component, name) = (parameter.component.value.clone(), parameter.name.value.clone());
        let what = format!("the `{}` `{}` of the vhost `{}`", excerpt(&component), excerpt(&name), excerpt(&vhost));
        refuse_repeated(diags, &mut seen, (vhost.clone(), component.clone(), name.clone()), place, &what);
        check_uris(diags, &parameter.value.value, parameter.value.place);
        lowered.push(Parameter { vhost, component, name, value: parameter.value.value.clone() });
    }
    lowered
}

/// Returns the vhost of an object, `/` by default, and checks that it is declared.
fn vhost_of(diags: &mut Diagnostics, vhosts: &Vhosts, given: Option<&At<String>>, place: Place) -> String {
    let vhost = given.cloned().unwrap_or_else(|| At { value: "/".to_owned(), place });
    known_vhost(diags, vhosts, &vhost);
    vhost.value
}

fn known_vhost(diags: &mut Diagnostics, vhosts: &Vhosts, name: &At<String>) {
    if vhosts.contains_key(name.as_str()) {
        return;
    }
    let help = match nearest(name, vhosts.keys().map(String::as_str)) {
        Some(nearest) => format!("did you mean `{nearest}`? Otherwise declare it under `rabbitmq.vhosts`"),
        None => format!("declare it under `rabbitmq.vhosts`: `\"{}\": {{}}`", excerpt(&name.value)),
    };
    let fault = Diagnostic::error("unknown-vhost", format!("there is no vhost `{}`", excerpt(&name.value)));
    diags.push(fault.at(name.place, "needs the vhost").help(help));
}

/// Refuses URIs that carry a password.
fn check_uris(diags: &mut Diagnostics, value: &Value, place: Place) {
    let mut found = BTreeSet::new();
    collect_uris(value, "", &mut found);
    for key in found {
        text::plain_text(diags, place, &format!("the password of `{}`", excerpt(&key)));
    }
    check_references(diags, value, place);
}

/// Checks what stands for a secret inside a value: `{secret: NAME}` and nothing beside it.
fn check_references(diags: &mut Diagnostics, value: &Value, place: Place) {
    match value {
        Value::Object(fields) if fields.contains_key("secret") => {
            let name = fields.get("secret").and_then(Value::as_str).filter(|_| fields.len() == 1);
            if name.is_none_or(|name| SecretRef::parse(name).is_err()) {
                let message = "`secret` in a value does not name a secret".to_owned();
                text::refuse(diags, "invalid-value", place, message, "write `{secret: NAME}`, with nothing beside it");
            }
        }
        Value::Object(fields) => fields.values().for_each(|field| check_references(diags, field, place)),
        Value::Array(items) => items.iter().for_each(|item| check_references(diags, item, place)),
        _ => {}
    }
}

fn collect_uris(value: &Value, key: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if carries_password(text) => {
            found.insert(if key.is_empty() { "the URI".to_owned() } else { key.to_owned() });
        }
        Value::Array(items) => items.iter().for_each(|item| collect_uris(item, key, found)),
        Value::Object(fields) => fields.iter().for_each(|(key, field)| collect_uris(field, key, found)),
        _ => {}
    }
}

/// Tells whether one of the URIs of a text, which are separated by blanks, is `scheme://user:password@...`.
fn carries_password(text: &str) -> bool {
    text.split_ascii_whitespace().any(|uri| {
        let Some((scheme, rest)) = uri.split_once("://") else { return false };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        let password =
            authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':')).map(|(_, password)| password);
        !scheme.is_empty() && password.is_some_and(|password| !password.is_empty())
    })
}
