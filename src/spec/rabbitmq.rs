//! The `rabbitmq` section.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

use super::cluster::optional;
use super::definitions::{Parameter, Policy, PruneKind, User, Vhost};
use super::value::{Lines, Named, Scalar, Secret, Setting};
use crate::diag::At;
use crate::name::HostName;

/// The RabbitMQ nodes and what they hold.
#[derive(Debug, Clone, PartialEq, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = optional)]
pub struct Rabbitmq {
    /// The version of RabbitMQ that is installed, such as `3.10.8`.
    pub version: At<String>,
    /// The version of Erlang/OTP that is installed, such as `"25"` or `25.2.3`.
    pub erlang: Option<At<String>>,
    /// The Erlang cookie that all nodes share.
    pub cookie: At<Secret>,
    /// The hosts that run a node, in the order in which they may be disturbed; the first one forms the cluster.
    /// Default: every host, in the order of `hosts`.
    pub nodes: Option<Vec<At<Node>>>,
    /// Whether node names carry full host names (`USE_LONGNAME`). Default: whether the names of the nodes' hosts have dots.
    pub long_names: Option<At<bool>>,
    /// The enabled plugins.
    #[serde(default)]
    pub plugins: Vec<At<String>>,
    /// Keys of `rabbitmq.conf`, such as `cluster_partition_handling: pause_minority`.
    #[serde(default)]
    pub config: Named<String, At<Setting>>,
    /// Lines added to `rabbitmq.conf` as they are; before RabbitMQ 3.7, terms added to `rabbitmq.config`.
    #[serde(default)]
    pub extra: Lines,
    /// The Erlang terms of `advanced.config`.
    pub advanced_config: Option<At<String>>,
    /// Variables of `rabbitmq-env.conf`, with or without the prefix `RABBITMQ_`.
    #[serde(default)]
    pub env: Named<String, Scalar>,
    /// The AMQP port. Default: 5672.
    pub port: Option<At<u16>>,
    /// The port of the management plugin. Default: 15672.
    pub management_port: Option<At<u16>>,
    /// The port of Erlang distribution. Default: the AMQP port + 20000.
    pub dist_port: Option<At<u16>>,
    /// The limit of open files of the unit. Default: 65536.
    pub open_files: Option<At<u64>>,
    /// The virtual hosts by name. Default: `/` alone.
    pub vhosts: Option<Named<String, Option<Vhost>>>,
    /// The users by name.
    #[serde(default)]
    pub users: Named<String, User>,
    /// The broker policies.
    #[serde(default)]
    pub policies: Vec<Policy>,
    /// The operator policies, which limit what policies and queue arguments can set.
    #[serde(default)]
    pub operator_policies: Vec<Policy>,
    /// The runtime parameters of vhosts, such as federation upstreams and shovels.
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// The global runtime parameters by name.
    #[serde(default)]
    pub global_parameters: Named<String, serde_json::Value>,
    /// The kinds of objects that are removed from the broker where the spec does not name them.
    #[serde(default)]
    pub prune: Vec<PruneKind>,
}

/// A RabbitMQ node: the host that it runs on, by name or with more.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The host.
    pub host: HostName,
    /// Whether the node keeps the schema on disc.
    pub kind: NodeKind,
    /// The node's name, where it is not `rabbit@` and the host.
    pub name: Option<String>,
}

/// The type of a node. RAM nodes exist up to RabbitMQ 4.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NodeKind {
    /// The schema is on disc.
    #[default]
    Disc,
    /// The schema is in memory only.
    Ram,
}

/// A RabbitMQ node with more than its host.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename = "Node")]
struct FullNode {
    /// The host that it runs on.
    host: HostName,
    /// The type of the node. Default: `disc`.
    #[serde(default, rename = "type")]
    kind: NodeKind,
    /// The node's name, such as `rabbit@rabbit1`. Default: `rabbit@` and the host's name.
    name: Option<String>,
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NodeVisitor;
        impl<'de> Visitor<'de> for NodeVisitor {
            type Value = Node;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a host, or `{host: NAME, type: disc|ram}`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Node, E> {
                let host = HostName::parse(text).map_err(E::custom)?;
                Ok(Node { host, kind: NodeKind::Disc, name: None })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Node, A::Error> {
                let full = FullNode::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Node { host: full.host, kind: full.kind, name: full.name })
            }
        }
        deserializer.deserialize_any(NodeVisitor)
    }
}

impl JsonSchema for Node {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        FullNode::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let host = generator.subschema_for::<HostName>();
        let full = generator.subschema_for::<FullNode>();
        json_schema!({ "anyOf": [host, full] })
    }
}
