//! What the brokers hold: vhosts, users, permissions, policies, parameters.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

use super::value::{Named, Secret};
use crate::diag::At;

/// A virtual host.
#[derive(Debug, Clone, PartialEq, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vhost {
    /// What it is for. RabbitMQ 3.8 and later.
    pub description: Option<String>,
    /// Its tags. RabbitMQ 3.8 and later.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The type of a queue that is declared without one: `classic`, `quorum` or `stream`.
    pub default_queue_type: Option<QueueType>,
    /// Limits such as `max-connections` and `max-queues`; -1 is no limit.
    #[serde(default)]
    pub limits: Named<String, At<i64>>,
}

/// The type of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum QueueType {
    /// On one node.
    Classic,
    /// Replicated by Raft.
    Quorum,
    /// A replicated log.
    Stream,
}

impl QueueType {
    /// Returns RabbitMQ's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Quorum => "quorum",
            Self::Stream => "stream",
        }
    }
}

/// A user. Give `password` or `password_hash`; the hash `""` refuses every password, for users with certificates.
#[derive(Debug, Clone, PartialEq, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Tags such as `administrator`, `monitoring`, `management`.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The secret that holds the password.
    pub password: Option<At<Secret>>,
    /// The salted hash of the password in base64, as `rabbitmqctl hash_password` prints it.
    pub password_hash: Option<At<String>>,
    /// How `password_hash` was made. Default: `rabbit_password_hashing_sha256`.
    pub hashing_algorithm: Option<HashingAlgorithm>,
    /// What the user may do, by vhost.
    #[serde(default)]
    pub permissions: Named<String, Permission>,
    /// What routing keys the user may use, by vhost and topic exchange.
    #[serde(default)]
    pub topic_permissions: Named<String, Named<String, TopicPermission>>,
    /// Limits such as `max-connections` and `max-channels`; -1 is no limit. RabbitMQ 3.8.10 and later.
    #[serde(default)]
    pub limits: Named<String, At<i64>>,
}

/// How a password hash was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, JsonSchema)]
pub enum HashingAlgorithm {
    /// SHA-256.
    #[default]
    #[serde(rename = "rabbit_password_hashing_sha256")]
    Sha256,
    /// SHA-512.
    #[serde(rename = "rabbit_password_hashing_sha512")]
    Sha512,
    /// MD5, from before RabbitMQ 3.6.
    #[serde(rename = "rabbit_password_hashing_md5")]
    Md5,
}

impl HashingAlgorithm {
    /// Returns RabbitMQ's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "rabbit_password_hashing_sha256",
            Self::Sha512 => "rabbit_password_hashing_sha512",
            Self::Md5 => "rabbit_password_hashing_md5",
        }
    }

    /// Returns the bytes of a digest.
    pub fn digest_len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha512 => 64,
            Self::Md5 => 16,
        }
    }
}

/// What a user may do in a vhost: regular expressions on names, or `all`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// What it may declare and delete.
    pub configure: String,
    /// What it may publish to.
    pub write: String,
    /// What it may consume from.
    pub read: String,
}

/// What a user may do in a vhost: regular expressions on names; an absent one allows nothing.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename = "Permission")]
struct FullPermission {
    /// The names that it may declare and delete.
    #[serde(default)]
    configure: String,
    /// The names that it may publish to.
    #[serde(default)]
    write: String,
    /// The names that it may consume from.
    #[serde(default)]
    read: String,
}

impl<'de> Deserialize<'de> for Permission {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PermissionVisitor;
        impl<'de> Visitor<'de> for PermissionVisitor {
            type Value = Permission;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`all`, or a mapping of `configure`, `write` and `read`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Permission, E> {
                if text != "all" {
                    return Err(E::unknown_variant(text, &["all"]));
                }
                let all = || ".*".to_owned();
                Ok(Permission { configure: all(), write: all(), read: all() })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Permission, A::Error> {
                let full = FullPermission::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Permission { configure: full.configure, write: full.write, read: full.read })
            }
        }
        deserializer.deserialize_any(PermissionVisitor)
    }
}

impl JsonSchema for Permission {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        FullPermission::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let full = generator.subschema_for::<FullPermission>();
        json_schema!({ "anyOf": [{ "const": "all" }, full] })
    }
}

/// What routing keys a user may use on a topic exchange: regular expressions.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TopicPermission {
    /// The routing keys that it may publish with.
    #[serde(default)]
    pub write: String,
    /// The routing keys that it may bind with.
    #[serde(default)]
    pub read: String,
}

/// A broker policy: what it sets on the queues or exchanges whose names match.
#[derive(Debug, Clone, PartialEq, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Policy {
    /// Its name.
    pub name: At<String>,
    /// The vhost. Default: `/`.
    pub vhost: Option<At<String>>,
    /// The regular expression on names. It is not anchored: write `^` and `$` where they are meant.
    pub pattern: At<String>,
    /// What it applies to. Default: `all`, for an operator policy `queues`.
    pub apply_to: Option<At<ApplyTo>>,
    /// The policy with the highest priority wins. Default: 0.
    #[serde(default)]
    pub priority: i64,
    /// What it sets, such as `ha-mode: all`.
    pub definition: At<Named<String, serde_json::Value>>,
}

/// What a policy applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApplyTo {
    /// Queues and exchanges.
    All,
    /// Queues and streams of every type.
    Queues,
    /// Exchanges.
    Exchanges,
    /// Classic queues. RabbitMQ 3.12 and later.
    ClassicQueues,
    /// Quorum queues. RabbitMQ 3.12 and later.
    QuorumQueues,
    /// Streams. RabbitMQ 3.12 and later.
    Streams,
}

impl ApplyTo {
    /// Returns RabbitMQ's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Queues => "queues",
            Self::Exchanges => "exchanges",
            Self::ClassicQueues => "classic_queues",
            Self::QuorumQueues => "quorum_queues",
            Self::Streams => "streams",
        }
    }
}

/// A runtime parameter of a vhost.
#[derive(Debug, Clone, PartialEq, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// The vhost. Default: `/`.
    pub vhost: Option<At<String>>,
    /// The component, such as `federation-upstream` or `shovel`.
    pub component: At<String>,
    /// Its name.
    pub name: At<String>,
    /// Its value. `{secret: NAME}` in it stands for a secret, such as a URI with a password.
    pub value: At<serde_json::Value>,
}

/// A kind of objects that rmqgit may remove from a broker. Vhosts and queues hold data and are not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PruneKind {
    /// Users.
    Users,
    /// Permissions.
    Permissions,
    /// Topic permissions.
    TopicPermissions,
    /// Broker policies.
    Policies,
    /// Operator policies.
    OperatorPolicies,
    /// Runtime parameters.
    Parameters,
    /// Global runtime parameters.
    GlobalParameters,
}

impl PruneKind {
    /// Returns the key of the kind in definitions.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Permissions => "permissions",
            Self::TopicPermissions => "topic_permissions",
            Self::Policies => "policies",
            Self::OperatorPolicies => "operator_policies",
            Self::Parameters => "parameters",
            Self::GlobalParameters => "global_parameters",
        }
    }
}
