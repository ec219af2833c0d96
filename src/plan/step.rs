//! The closed set of what the agent does.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::{HostPath, UnitName};
use crate::release::Check;

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
    /// Restarts the unit. No run takes this step by itself yet: a person does.
    Restart {
        /// The unit.
        unit: UnitName,
        /// The files that ask for it.
        files: BTreeSet<HostPath>,
    },
}
