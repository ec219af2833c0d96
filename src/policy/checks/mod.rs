//! The built-in checks, for what an expression cannot say: one subject a file.
//!
//! Input: a [`Subject`]. Output: findings without words. Must not: word anything that a person reads; the rule's file does.

mod fronts;
mod patterns;
mod service;
mod vrrp;

use super::{Finding, Subject};

/// A built-in check.
pub(crate) type Check = fn(&Subject<'_>) -> Vec<Finding>;

/// Every built-in check by the name that rules use, sorted.
const CHECKS: &[(&str, Check)] = &[
    // Clusters are compared where all of them are known.
    ("fleet", |_| Vec::new()),
    ("front-address-of-nobody", fronts::bound_to_nobody),
    ("front-missing", fronts::address_without_front),
    ("front-to-closed-port", fronts::closed_port),
    ("pattern-empty", patterns::empty),
    ("pattern-glob", patterns::glob),
    ("pattern-invalid", patterns::invalid),
    ("permission-unanchored", patterns::unanchored_permission),
    ("policy-ambiguous", patterns::ambiguous),
    ("policy-shadowed", patterns::shadowed),
    ("policy-tied", patterns::tied),
    ("policy-unanchored", patterns::unanchored_policy),
    ("policy-undecided", patterns::undecided),
    ("service-lost-with-one-host", service::lost_with_one_host),
    ("vrrp-no-holder", vrrp::no_holder),
    ("vrrp-pinned-address", vrrp::pinned_address),
    ("vrrp-reserved-address", vrrp::reserved_address),
    ("vrrp-slow-takeover", vrrp::slow_takeover),
    ("vrrp-two-holders", vrrp::two_holders),
    ("vrrp-wrong-holder", vrrp::wrong_holder),
];

/// Finds a built-in check.
pub(crate) fn find(name: &str) -> Option<Check> {
    CHECKS.binary_search_by(|(known, _)| known.cmp(&name)).ok().map(|index| CHECKS[index].1)
}

/// Returns the names of all built-in checks.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    CHECKS.iter().map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(CHECKS.is_sorted_by(|a, b| a.0 < b.0));
    }
}
