//! What a host is in its cluster: the units that run on it, its RabbitMQ node, the virtual addresses it may hold.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::{HostName, UnitName};

/// What a host is in its cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// The units that are enabled and run, in the order in which they start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<UnitName>,
    /// The RabbitMQ node of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broker: Option<BrokerNode>,
    /// The virtual addresses that Keepalived may bring up on this host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<VirtualAddress>,
    /// The versions of HAProxy and Keepalived that the files are written for, by unit, where the spec names them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<UnitName, String>,
}

/// A RabbitMQ node and the cluster that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BrokerNode {
    /// The node's full name, such as `rabbit@rabbit1`.
    pub node: String,
    /// Whether node names carry full host names.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub long_names: bool,
    /// Every node of the cluster, this one among them, in the order in which they may be disturbed; the first forms the
    /// cluster.
    pub members: Vec<MemberNode>,
    /// The version of RabbitMQ that the files are written for.
    pub version: String,
    /// The AMQP port.
    pub amqp_port: u16,
    /// The port of the management API, where the plugin is enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub management_port: Option<u16>,
    /// The enabled plugins, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plugins: Vec<String>,
}

/// A node of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberNode {
    /// The node's full name.
    pub node: String,
    /// The host that it runs on.
    pub host: HostName,
    /// Where it keeps the schema.
    #[serde(default, skip_serializing_if = "NodeKind::is_disc")]
    pub kind: NodeKind,
}

/// Where a node keeps the schema; RAM nodes exist up to RabbitMQ 4.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NodeKind {
    /// On disc.
    #[default]
    Disc,
    /// In memory only.
    Ram,
}

impl NodeKind {
    /// Whether the schema is on disc.
    pub fn is_disc(&self) -> bool {
        *self == Self::Disc
    }

    /// Returns RabbitMQ's own word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disc => "disc",
            Self::Ram => "ram",
        }
    }
}

/// A virtual address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VirtualAddress {
    /// The address with its prefix, such as `192.168.1.222/32`.
    #[schemars(with = "String")]
    pub address: IpNet,
    /// The interface that it comes up on.
    pub interface: String,
}

impl BrokerNode {
    /// Returns this node among the members.
    pub fn own(&self) -> Option<&MemberNode> {
        self.members.iter().find(|member| member.node == self.node)
    }

    /// Returns the node that forms the cluster.
    pub fn seed(&self) -> Option<&MemberNode> {
        self.members.first()
    }

    /// Returns how many members are more than half.
    pub fn majority(&self) -> usize {
        self.members.len() / 2 + 1
    }
}

impl VirtualAddress {
    /// Returns the address without its prefix.
    pub fn ip(&self) -> IpAddr {
        self.address.addr()
    }
}
