//! Paths, users and units of each platform.

use serde::{Deserialize, Serialize};

/// A family of operating systems that agree on paths, users and unit names.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// Debian, Ubuntu and their relatives.
    #[default]
    Debian,
    /// RHEL, CentOS, Rocky, Alma, Fedora.
    Rhel,
}
