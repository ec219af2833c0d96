//! The picture of a cluster as data: boxes in columns, arrows between them, marks on what changes.

use schemars::JsonSchema;
use serde::Serialize;

/// A cluster from left to right: clients, virtual addresses, balancers, brokers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Topology {
    /// The columns, from left to right.
    pub columns: Vec<Column>,
    /// The arrows between boxes of neighbouring columns.
    pub arrows: Vec<Arrow>,
}

/// A column of the picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Column {
    /// What stands in it.
    pub title: String,
    /// Its boxes, from top to bottom.
    pub boxes: Vec<TopologyBox>,
}

/// A box of the picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TopologyBox {
    /// What arrows call it; unique in the picture.
    pub id: String,
    /// Its first line: a name or an address.
    pub title: String,
    /// The lines below: role, ports, priority.
    pub lines: Vec<String>,
    /// What happens to it.
    pub mark: Mark,
}

/// An arrow from a box to a box.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Arrow {
    /// The box that it starts at.
    pub from: String,
    /// The box that it leads to.
    pub to: String,
    /// Whether traffic goes this way only while another way is broken.
    pub standby: bool,
    /// What happens to it.
    pub mark: Mark,
}

/// What happens to a part of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// It stays as it is.
    Kept,
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It stays and changes.
    Changed,
}
