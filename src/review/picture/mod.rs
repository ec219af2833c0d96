//! Draws a cluster: clients, virtual addresses, balancers and brokers, from top to bottom, with marks for what changes.
//!
//! Input: the bundles of a cluster, or of a cluster before and after. Output: a [`Topology`], pure data, and its drawings
//! as SVG and as a Mermaid flow chart. Must not: say anything by colour alone, or let a text leave its place.

mod bundles;
mod conf;
mod layout;
mod merge;
mod mermaid;
mod svg;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::Serialize;

use crate::name::ClusterName;

pub use mermaid::draw as mermaid;
pub use svg::{STYLE, draw as svg, parts};

/// A cluster as a picture shows it, before it has a shape.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Topology {
    /// The cluster that is drawn.
    pub cluster: ClusterName,
    /// Its layers in the order in which a message passes them.
    pub layers: Vec<Layer>,
    /// Who sends to whom.
    pub arrows: Vec<Arrow>,
}

/// The boxes that do the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Layer {
    /// What they do.
    pub kind: LayerKind,
    /// Its boxes, in the order of the cluster's hosts.
    pub boxes: Vec<Station>,
    /// What changes for all of them: `definitions`.
    pub notes: Vec<String>,
}

/// What the boxes of a layer do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LayerKind {
    /// The applications that send and receive messages.
    Clients,
    /// The addresses that Keepalived moves.
    VirtualAddresses,
    /// The hosts that run HAProxy.
    Balancers,
    /// The nodes of RabbitMQ.
    Brokers,
}

/// One box.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Station {
    /// What tells it from every other box of the cluster, before and after: `haproxy/rabbit1`.
    pub id: String,
    /// Its first line: the name of a host, or an address.
    pub title: String,
    /// What else is known of it.
    pub lines: Vec<Line>,
    /// What happens to it.
    pub mark: Mark,
}

/// One line of a box.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Line {
    /// What it is about: `address`, `priority`, `file`.
    #[serde(skip)]
    subject: &'static str,
    /// What it says.
    pub text: String,
    /// Whether it is there before and after.
    pub mark: Mark,
}

/// An arrow from a box to a box of the next layer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Arrow {
    /// The box that it leaves.
    pub from: String,
    /// The box that it reaches.
    pub to: String,
    /// Whether traffic goes this way only while another way is broken.
    pub standby: bool,
    /// What happens to it.
    pub mark: Mark,
}

/// What happens to a part of a picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// It stays as it is.
    #[default]
    Kept,
    /// It is new.
    Added,
    /// It goes.
    Removed,
    /// It stays, and something of it changes.
    Changed,
}

impl Mark {
    /// Returns the sign that stands before a text, or nothing.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Kept => "",
            Self::Added => "+",
            Self::Removed => "−",
            Self::Changed => "~",
        }
    }

    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

impl LayerKind {
    /// Returns the words above the layer.
    pub fn title(self) -> &'static str {
        match self {
            Self::Clients => "Applications",
            Self::VirtualAddresses => "Keepalived",
            Self::Balancers => "HAProxy",
            Self::Brokers => "RabbitMQ",
        }
    }
}

impl Topology {
    /// Returns whether anything in the picture is marked.
    pub fn changes(&self) -> bool {
        let marked = |mark: Mark| mark != Mark::Kept;
        self.arrows.iter().any(|arrow| marked(arrow.mark))
            || self.layers.iter().any(|layer| !layer.notes.is_empty() || layer.boxes.iter().any(|one| marked(one.mark)))
    }

    /// Says in one sentence what the picture shows, for those who do not see it.
    pub fn description(&self) -> String {
        let mut parts = Vec::new();
        for layer in &self.layers {
            let names: Vec<String> = layer
                .boxes
                .iter()
                .map(|one| match one.mark {
                    Mark::Kept => one.title.clone(),
                    mark => format!("{} ({})", one.title, mark.word()),
                })
                .collect();
            let what = match layer.kind {
                LayerKind::Clients => continue,
                LayerKind::VirtualAddresses => "virtual addresses",
                LayerKind::Balancers => "HAProxy on",
                LayerKind::Brokers => "RabbitMQ on",
            };
            parts.push(format!("{what} {}", names.join(", ")));
        }
        let clients = self.layers.iter().filter(|layer| layer.kind == LayerKind::Clients);
        let doors: Vec<&str> = clients
            .flat_map(|layer| &layer.boxes)
            .flat_map(|one| &one.lines)
            .filter(|line| line.mark != Mark::Removed)
            .map(|line| line.text.as_str())
            .collect();
        format!("Clients connect to {}; {}.", doors.join(", "), parts.join("; "))
    }
}
