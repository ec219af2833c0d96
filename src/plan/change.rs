//! What differs between a host and a release, and why it is or is not repaired.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Subject;

/// One difference between the host and the release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// What differs.
    pub subject: Subject,
    /// What is to be done about it.
    pub action: Action,
    /// Who moved: the release, the host, or both.
    pub cause: Cause,
    /// What it does to clients.
    pub class: Class,
    /// In what the file differs.
    pub differs: Vec<Difference>,
    /// The unified diff from the live file to the release, secrets masked; none where the content is the same, new or secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// When the live file was last written, in RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub modified: Option<Timestamp>,
    /// When a run first reported this difference, in RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub since: Option<Timestamp>,
    /// Why it is left as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
}

/// What is to be done about something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is made.
    Create,
    /// It is replaced.
    Replace,
    /// The managed block in it is replaced, the rest stays.
    EditBlock,
    /// Its permission bits are set.
    Mode,
    /// Its owner is set.
    Owner,
    /// It is removed, or the managed block is.
    Remove,
    /// The unit is enabled, so that it starts at boot.
    Enable,
    /// The unit or the plugin is started.
    Start,
    /// The unit reads its files again.
    Reload,
    /// systemd reads the unit's own files again.
    ReadUnit,
    /// The unit is started again.
    Restart,
    /// The node joins the cluster.
    Join,
    /// The cluster forgets the node.
    Forget,
}

/// Who moved since the release was last applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The release: the change is pending.
    Release,
    /// The host: it drifted.
    Drift,
    /// Both.
    Both,
}

/// What a change does to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Nothing.
    Live,
    /// A daemon reloads; nobody notices.
    Reload,
    /// A broker restarts: one host at a time.
    Rolling,
}

/// One aspect in which a live file differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "aspect", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Difference {
    /// The file is not there.
    Absent,
    /// The file, or its managed block, is there and should not be.
    Surplus,
    /// Something else stands at its path.
    Kind {
        /// What stands there.
        live: String,
    },
    /// The bytes differ.
    Content {
        /// Whether no diff is shown because the file is a secret.
        secret: bool,
    },
    /// The password is another one.
    Password,
    /// The permission bits differ.
    Mode {
        /// The live ones, in octal.
        live: String,
        /// The ones of the release, in octal.
        wanted: String,
    },
    /// The state differs: of a unit, a plugin, a member of the cluster.
    State {
        /// The live one.
        live: String,
        /// The one of the release.
        wanted: String,
    },
    /// The owner differs.
    Owner {
        /// The live one.
        live: String,
        /// The one of the release.
        wanted: String,
    },
}

/// Why a change is not made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// What holds it.
    pub code: HeldCode,
    /// What is wrong.
    pub why: String,
    /// What to do.
    pub help: String,
}

/// What holds a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HeldCode {
    /// The release no longer has the file, but somebody has changed it since.
    LeftBehind,
    /// The markers of the managed block do not fit together.
    DamagedBlock,
    /// A directory, device, socket or link stands where the file should be.
    NotAFile,
    /// The host has no such user or group.
    NoAccount,
    /// The unit is masked.
    Masked,
    /// The unit is not installed.
    NotInstalled,
    /// It is a transition, and the release does not grant it.
    NotGranted,
    /// It has to wait for something else on this host or in the cluster.
    Waits,
    /// It belongs to the cluster, and the run on another member's host does it.
    OtherMember,
    /// Too few of the release's members run in the cluster of this host's node.
    NoMajority,
}

impl HeldCode {
    /// Whether a change that is held so is a failure of a run that converges.
    pub fn fails(self) -> bool {
        !matches!(self, Self::LeftBehind | Self::Waits | Self::OtherMember | Self::NoMajority)
    }
}
