//! The things that can differ between a host and a release.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::{HostPath, UnitName};

/// Something that can differ.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Subject {
    /// A file.
    File {
        /// Its path.
        path: HostPath,
    },
    /// A unit of systemd.
    Unit {
        /// Its name.
        unit: UnitName,
    },
    /// A member of the RabbitMQ cluster.
    Member {
        /// The node's full name.
        node: String,
    },
    /// A plugin of the broker.
    Plugin {
        /// Its name.
        name: String,
    },
    /// An object that the broker holds.
    Object {
        /// Its type.
        r#type: ObjectType,
        /// Its vhost, where it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        vhost: Option<String>,
        /// Its name.
        name: String,
    },
    /// A virtual address.
    Address {
        /// The address with its prefix.
        address: String,
    },
}

/// The types of objects that a broker holds.
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
    /// A limit of a vhost.
    VhostLimit,
    /// A limit of a user.
    UserLimit,
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
            Self::VhostLimit => "vhost limit",
            Self::UserLimit => "user limit",
            Self::Parameter => "parameter",
            Self::GlobalParameter => "global parameter",
            Self::Policy => "policy",
            Self::OperatorPolicy => "operator policy",
        }
    }
}

impl Subject {
    /// Returns the path of a file.
    pub fn path(&self) -> Option<&HostPath> {
        match self {
            Self::File { path } => Some(path),
            _ => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path } => write!(f, "{path}"),
            Self::Unit { unit } => write!(f, "{unit}"),
            Self::Member { node } => write!(f, "node {node}"),
            Self::Plugin { name } => write!(f, "plugin {name}"),
            Self::Object { r#type, vhost: Some(vhost), name } => write!(f, "{} `{name}` of `{vhost}`", r#type.as_str()),
            Self::Object { r#type, vhost: None, name } => write!(f, "{} `{name}`", r#type.as_str()),
            Self::Address { address } => write!(f, "address {address}"),
        }
    }
}
