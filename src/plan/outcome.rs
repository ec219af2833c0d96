//! What became of the steps of a plan.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Step;

/// One step and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The step.
    pub step: Step,
    /// What became of it.
    pub result: StepResult,
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "is", rename_all = "kebab-case", deny_unknown_fields)]
pub enum StepResult {
    /// It was taken.
    Done,
    /// It would be taken by a run that converges.
    Proposed,
    /// It was not needed, or may not be taken.
    Skipped {
        /// Why.
        why: String,
    },
    /// The program that should have judged the candidate is not here; the file is written unchecked.
    Unchecked {
        /// Why.
        why: String,
    },
    /// The file's own program refused the candidate; the live file stays.
    Refused {
        /// What the program said, secrets masked.
        output: String,
    },
    /// It failed.
    Failed {
        /// Why.
        why: String,
    },
}

impl Outcome {
    /// Whether the step kept the host from what the release asks.
    pub fn is_bad(&self) -> bool {
        matches!(self.result, StepResult::Refused { .. } | StepResult::Failed { .. })
    }
}
