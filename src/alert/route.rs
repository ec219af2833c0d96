//! What a target wants to hear of.

use std::collections::BTreeSet;

use super::kind::{Kind, Severity};
use super::ledger::Case;

/// What a target wants to hear of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Route {
    /// The least severity.
    pub severity: Severity,
    /// The kinds; none is all.
    pub kinds: BTreeSet<Kind>,
    /// Where the target is: its service, and its settings but secrets, digested.
    pub place: String,
}

impl Route {
    /// Whether the target wants to hear of a case.
    pub fn wants(&self, case: &Case) -> bool {
        case.severity >= self.severity && (self.kinds.is_empty() || self.kinds.contains(&case.identity.kind))
    }
}
