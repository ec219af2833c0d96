//! What a run could not look at, and the words in which it says so: whoever reads a report takes them apart again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is not known of a virtual address.
pub const HOLDER: &str = "who holds it";
/// What is not known of a program.
pub const VERSION: &str = "its version";
/// What is not known of a unit.
pub const PROGRAM: &str = "which program it runs";
/// What is not known of the broker's node.
pub const LIMITS: &str = "its limits";
/// What is not known of another member.
pub const PEER: &str = "whether its host answers";

/// Something that is not known, so that nothing is done that depends on it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unknown {
    /// A path, a unit, or what else was not looked at.
    pub subject: String,
    /// Why.
    pub why: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Whether the answer is needed to say that the host is in sync.
    pub blocks: bool,
}

impl Unknown {
    /// Says what is not known of something; the host can be in sync all the same.
    pub fn beside(about: &str, what: &str, why: &str) -> Self {
        Self { subject: format!("{about}: {what}"), why: why.to_owned(), help: None, blocks: false }
    }
}
