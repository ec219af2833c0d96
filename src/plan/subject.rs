//! The things that can differ between a host and a release.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::live::ObjectType;
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
