//! The brokers and what they hold, as expressions see them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::Secret;
use crate::definitions;
use crate::model::{self, ConfigValue, NodeKind};
use crate::name::{HostName, SecretRef};

/// The brokers and what they hold.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Rabbitmq<'a> {
    /// The version, such as `3.10.8`.
    pub version: String,
    /// The version of Erlang/OTP as the spec spells it, or none.
    pub erlang: Option<&'a str>,
    /// The nodes in the order in which they may be disturbed.
    pub nodes: Vec<Node<'a>>,
    /// Whether node names carry full host names.
    pub long_names: bool,
    /// The secret that holds the Erlang cookie.
    pub cookie: &'a SecretRef,
    /// The enabled plugins.
    pub plugins: Vec<&'a str>,
    /// The keys of `rabbitmq.conf` with their values; a secret is `{secret: NAME}`.
    pub config: BTreeMap<&'a str, Scalar<'a>>,
    /// Lines added to `rabbitmq.conf`.
    pub extra: &'a [String],
    /// The Erlang terms of `advanced.config`, or none.
    pub advanced_config: Option<&'a str>,
    /// Variables of `rabbitmq-env.conf` without the prefix.
    #[schemars(with = "BTreeMap<String, String>")]
    pub env: &'a indexmap::IndexMap<String, String>,
    /// The AMQP port.
    pub port: u16,
    /// The port of the management plugin.
    pub management_port: u16,
    /// The port of Erlang distribution.
    pub dist_port: u16,
    /// The limit of open files.
    pub open_files: u64,
    /// The vhosts.
    pub vhosts: Vec<Vhost<'a>>,
    /// The users with their permissions.
    pub users: Vec<User<'a>>,
    /// The broker policies, sorted by vhost and name.
    pub policies: Vec<Policy<'a>>,
    /// The operator policies, sorted by vhost and name.
    pub operator_policies: Vec<Policy<'a>>,
    /// The runtime parameters.
    pub parameters: Vec<Parameter<'a>>,
    /// The global runtime parameters by name.
    pub global_parameters: &'a BTreeMap<String, serde_json::Value>,
    /// The kinds of objects that are removed from the broker where the spec does not name them.
    pub prune: &'a [String],
}

/// A RabbitMQ node.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Node<'a> {
    /// Its full name, such as `rabbit@rabbit1`.
    pub name: &'a str,
    /// The host that it runs on.
    pub host: &'a HostName,
    /// `disc` or `ram`.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

/// A value of a configuration file.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Scalar<'a> {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// Text.
    Text(&'a str),
    /// The name of a secret.
    Secret(Secret<'a>),
}

/// A virtual host.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Vhost<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its tags.
    pub tags: &'a [String],
    /// The type of a queue that is declared without one, or none.
    pub default_queue_type: Option<&'a str>,
    /// Its limits by name.
    pub limits: &'a BTreeMap<String, i64>,
}

/// A user.
#[derive(Debug, Serialize, JsonSchema)]
pub struct User<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its tags.
    pub tags: &'a [String],
    /// The secret that holds the password, or none.
    pub password: Option<Secret<'a>>,
    /// The salted hash of the password, or none.
    pub password_hash: Option<&'a str>,
    /// How the hash was made, or none.
    pub hashing_algorithm: Option<&'a str>,
    /// Its limits by name.
    pub limits: &'a BTreeMap<String, i64>,
    /// What it may do, by vhost.
    pub permissions: Vec<Permission<'a>>,
}

/// What a user may do in a vhost: regular expressions on names.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub struct Permission<'a> {
    /// The user.
    pub user: &'a str,
    /// The vhost.
    pub vhost: &'a str,
    /// What it may declare and delete.
    pub configure: &'a str,
    /// What it may publish to.
    pub write: &'a str,
    /// What it may consume from.
    pub read: &'a str,
}

/// A broker policy or an operator policy.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Policy<'a> {
    /// Its name.
    pub name: &'a str,
    /// The vhost.
    pub vhost: &'a str,
    /// The regular expression on names.
    pub pattern: &'a str,
    /// What it applies to, such as `queues`.
    pub apply_to: &'a str,
    /// The highest priority wins.
    pub priority: i64,
    /// What it sets.
    pub definition: &'a BTreeMap<String, serde_json::Value>,
}

/// A runtime parameter.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Parameter<'a> {
    /// The vhost.
    pub vhost: &'a str,
    /// The component, such as `shovel`.
    pub component: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its value.
    pub value: &'a serde_json::Value,
}

pub(super) fn rabbitmq(broker: &model::Broker) -> Rabbitmq<'_> {
    let held = &broker.definitions;
    Rabbitmq {
        version: broker.version.value.to_string(),
        erlang: broker.erlang.as_ref().map(|erlang| erlang.value.as_str()),
        nodes: broker.nodes.iter().map(node).collect(),
        long_names: broker.long_names,
        cookie: &broker.cookie,
        plugins: broker.plugins.iter().map(|plugin| plugin.value.as_str()).collect(),
        config: broker.config.iter().map(|(key, value)| (key.as_str(), scalar(&value.value))).collect(),
        extra: &broker.extra,
        advanced_config: broker.advanced.as_deref(),
        env: &broker.env,
        port: broker.port.value,
        management_port: broker.management_port.value,
        dist_port: broker.dist_port.value,
        open_files: broker.open_files,
        vhosts: held.vhosts.iter().map(|(name, it)| vhost(name, it)).collect(),
        users: held.users.iter().map(|(name, it)| user(name, it, &held.permissions)).collect(),
        policies: held.policies.iter().map(policy).collect(),
        operator_policies: held.operator_policies.iter().map(policy).collect(),
        parameters: held.parameters.iter().map(parameter).collect(),
        global_parameters: &held.global_parameters,
        prune: &held.prune,
    }
}

fn node(node: &model::Node) -> Node<'_> {
    let kind = match node.kind {
        NodeKind::Disc => "disc",
        NodeKind::Ram => "ram",
    };
    Node { name: &node.name, host: &node.host, kind }
}

fn scalar(value: &ConfigValue) -> Scalar<'_> {
    match value {
        ConfigValue::Bool(value) => Scalar::Bool(*value),
        ConfigValue::Int(value) => Scalar::Int(*value),
        ConfigValue::Float(text) => text.parse().map_or(Scalar::Text(text), Scalar::Float),
        ConfigValue::Text(text) => Scalar::Text(text),
        ConfigValue::Secret(secret) => Scalar::Secret(Secret { secret }),
    }
}

fn vhost<'a>(name: &'a str, vhost: &'a definitions::Vhost) -> Vhost<'a> {
    Vhost { name, tags: &vhost.tags, default_queue_type: vhost.default_queue_type.as_deref(), limits: &vhost.limits }
}

fn user<'a>(name: &'a str, user: &'a definitions::User, permissions: &'a [definitions::Permission]) -> User<'a> {
    let own = permissions.iter().filter(|permission| permission.user == name);
    User {
        name,
        tags: &user.tags,
        password: user.password.as_ref().map(|secret| Secret { secret }),
        password_hash: user.password_hash.as_deref(),
        hashing_algorithm: user.hashing_algorithm.as_deref(),
        limits: &user.limits,
        permissions: own
            .map(|it| Permission {
                user: &it.user,
                vhost: &it.vhost,
                configure: &it.configure,
                write: &it.write,
                read: &it.read,
            })
            .collect(),
    }
}

fn policy(policy: &definitions::Policy) -> Policy<'_> {
    Policy {
        name: &policy.name,
        vhost: &policy.vhost,
        pattern: &policy.pattern,
        apply_to: &policy.apply_to,
        priority: policy.priority,
        definition: &policy.definition,
    }
}

fn parameter(parameter: &definitions::Parameter) -> Parameter<'_> {
    Parameter {
        vhost: &parameter.vhost,
        component: &parameter.component,
        name: &parameter.name,
        value: &parameter.value,
    }
}
