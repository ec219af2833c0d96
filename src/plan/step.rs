//! The closed set of what the agent does.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::live::ObjectId;
use crate::name::{HostPath, UnitName};
use crate::release::{Check, NodeKind};

/// One step, or a step that will not be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    /// The step.
    pub step: Step,
    /// Why it will not be taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip: Option<String>,
}

/// The closed set of what the agent does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "step", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Step {
    /// Removes the candidate that a killed run left.
    Clean {
        /// The file beside which it lies.
        path: HostPath,
    },
    /// Lets the file's own program judge the candidate.
    Check {
        /// The file.
        path: HostPath,
        /// The program.
        check: Check,
    },
    /// Lets the running node take the cookie of the candidate.
    SetCookie {
        /// The file.
        path: HostPath,
        /// The node.
        node: String,
    },
    /// Puts the candidate in the place of the file.
    Write {
        /// The file.
        path: HostPath,
    },
    /// Sets the permission bits.
    SetMode {
        /// The file.
        path: HostPath,
    },
    /// Sets the owner.
    SetOwner {
        /// The file.
        path: HostPath,
    },
    /// Removes the file.
    Remove {
        /// The file.
        path: HostPath,
    },
    /// Loads the kernel settings of the file.
    Sysctl {
        /// The file.
        path: HostPath,
    },
    /// Lets systemd read its units again.
    DaemonReload {
        /// The files that ask for it.
        files: BTreeSet<HostPath>,
    },
    /// Lets the unit read its files again.
    Reload {
        /// The unit.
        unit: UnitName,
        /// The files that ask for it.
        files: BTreeSet<HostPath>,
    },
    /// Switches the broker's plugins while it runs, to those of the release.
    SwitchPlugins {
        /// The plugins that are enabled.
        plugins: Vec<String>,
        /// The files that ask for it.
        files: BTreeSet<HostPath>,
    },
    /// Lets the unit start at boot.
    Enable {
        /// The unit.
        unit: UnitName,
    },
    /// Stops the unit, to start it again with other files.
    Stop {
        /// The unit.
        unit: UnitName,
        /// The files that are not written while it runs.
        files: BTreeSet<HostPath>,
    },
    /// Starts the unit.
    Start {
        /// The unit.
        unit: UnitName,
    },
    /// Starts RabbitMQ in an Erlang that runs without it.
    StartApp {
        /// The node.
        node: String,
    },
    /// Lets this host's blank node join a cluster: stop, reset, join, start.
    Join {
        /// This host's node.
        node: String,
        /// The member that it joins.
        with: String,
        /// What it becomes.
        member: NodeKind,
        /// Whether the cluster still has the node as it was before, and forgets that first.
        forget: bool,
    },
    /// Lets the cluster forget a node that does not run.
    ForgetNode {
        /// The node.
        node: String,
        /// The member that forgets it, on this host.
        at: String,
    },
    /// Makes this host's node a disc or a RAM node.
    ChangeNodeType {
        /// The node.
        node: String,
        /// What it becomes.
        member: NodeKind,
    },
    /// Waits until the unit works with the files that it was told to read.
    Probe {
        /// The unit.
        unit: UnitName,
    },
    /// Makes an object of the broker, or replaces it as a whole.
    PutObject {
        /// The object.
        object: ObjectId,
    },
    /// Removes an object of the broker.
    RemoveObject {
        /// The object.
        object: ObjectId,
    },
    /// Restarts the unit. A broker that serves somebody is restarted only by a person's run.
    Restart {
        /// The unit.
        unit: UnitName,
        /// The files that ask for it.
        files: BTreeSet<HostPath>,
    },
}
