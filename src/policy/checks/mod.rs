//! The built-in checks, for what an expression cannot say: one subject a file.
//!
//! Input: a [`Subject`]. Output: findings without words. Must not: word anything that a person reads; the rule's file does.

mod agreement;
mod fronts;
mod haproxy_text;
mod keepalived_text;
pub(super) mod patterns;
mod rabbitmq;
mod service;
mod text;
mod vrrp;

use super::{Finding, Subject};

/// A built-in check.
pub(crate) type Check = fn(&Subject<'_>) -> Vec<Finding>;

/// Every built-in check by the name that rules use, sorted, beside those of [`TABLES`].
const CHECKS: &[(&str, Check)] = &[
    ("bind-of-broker", agreement::bind_of_broker),
    ("check-without-tls", fronts::check_without_tls),
    // Clusters are compared where all of them are known.
    ("fleet", |_| Vec::new()),
    ("front-address-of-nobody", fronts::bound_to_nobody),
    ("front-missing", fronts::address_without_front),
    ("front-to-closed-port", fronts::closed_port),
    ("haproxy-end-of-life", haproxy_text::end_of_life),
    ("instance-overridden", agreement::instance_overridden),
    ("pattern-empty", patterns::empty),
    ("pattern-glob", patterns::glob),
    ("pattern-invalid", patterns::invalid),
    ("peer-of-nobody", agreement::peer_of_nobody),
    ("permission-unanchored", patterns::unanchored_permission),
    ("policy-ambiguous", patterns::ambiguous),
    ("policy-shadowed", patterns::shadowed),
    ("policy-tied", patterns::tied),
    ("policy-unanchored", patterns::unanchored_policy),
    ("policy-undecided", patterns::undecided),
    ("script-of-nobody", agreement::script_of_nobody),
    ("server-without-listener", agreement::server_without_listener),
    ("service-lost-with-one-host", service::lost_with_one_host),
    ("source-of-another-host", agreement::source_of_another_host),
    ("vrrp-no-holder", vrrp::no_holder),
    ("vrrp-pinned-address", vrrp::pinned_address),
    ("vrrp-reserved-address", vrrp::reserved_address),
    ("vrrp-slow-takeover", vrrp::slow_takeover),
    ("vrrp-two-holders", vrrp::two_holders),
    ("vrrp-wrong-holder", vrrp::wrong_holder),
];

/// All tables of checks; one for each program.
const TABLES: &[&[(&str, Check)]] = &[CHECKS, haproxy_text::CHECKS, keepalived_text::CHECKS, rabbitmq::CHECKS];

/// Finds a built-in check.
pub(crate) fn find(name: &str) -> Option<Check> {
    let found = |table: &&[(&str, Check)]| Some(table[table.binary_search_by(|(known, _)| known.cmp(&name)).ok()?].1);
    TABLES.iter().find_map(found)
}

/// Returns the names of all built-in checks.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    TABLES.iter().copied().flatten().map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted() {
        assert!(TABLES.iter().all(|table| table.is_sorted_by(|a, b| a.0 < b.0)));
    }
}
