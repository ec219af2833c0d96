//! What the agent holds back until the spec grants it.

use schemars::JsonSchema;
use serde::Serialize;

use super::HostId;

/// A change that is held back until the spec grants it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Transition {
    /// What it is.
    pub kind: TransitionKind,
    /// The sentence: what happens, and to whom.
    pub text: String,
    /// The grant that lets it happen, as it stands below `grants` of the cluster; none where no grant does, and a person
    /// has to do it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// Whether the new side has the grant.
    pub granted: bool,
    /// The hosts that are disturbed.
    pub hosts: Vec<HostId>,
}

/// The kinds of transitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TransitionKind {
    /// Running nodes take another Erlang cookie.
    Cookie,
    /// Virtual addresses come or go.
    VirtualAddresses,
    /// The cluster forgets a node.
    ForgetNode,
    /// A node gives up what it holds.
    ResetNode,
    /// A node becomes a disc or a RAM node.
    NodeType,
    /// A node gets another name.
    NodeName,
    /// A host loses more than half of its files.
    Shrink,
    /// A virtual host is no longer in the release.
    Vhost,
}
