//! Where a pattern comes from: a policy, an operator policy, a permission, a topic permission.

use crate::definitions::{Permission, Policy, TopicPermission};
use crate::policy::place::in_list;
use crate::policy::{Finding, Subject};

/// What a pattern belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Origin<'a> {
    /// A policy of a list of the spec: `policies` or `operator_policies`.
    Policy(&'static str, &'a Policy),
    /// A field of a permission.
    Permission(&'a Permission, &'static str),
    /// A field of a topic permission.
    Topic(&'a TopicPermission, &'static str),
}

/// Calls `ask` with every pattern of a cluster. An empty one is no regular expression: it permits nothing.
pub(super) fn each<'a>(subject: &Subject<'a>, mut ask: impl FnMut(&'a str, Origin<'a>)) {
    let held = &subject.cluster.broker.definitions;
    for (list, policies) in [("policies", &held.policies), ("operator_policies", &held.operator_policies)] {
        for policy in policies {
            ask(&policy.pattern, Origin::Policy(list, policy));
        }
    }
    for permission in &held.permissions {
        let Permission { configure, write, read, .. } = permission;
        for (field, pattern) in [("configure", configure), ("write", write), ("read", read)] {
            if !pattern.is_empty() {
                ask(pattern, Origin::Permission(permission, field));
            }
        }
    }
    for permission in &held.topic_permissions {
        for (field, pattern) in [("write", &permission.write), ("read", &permission.read)] {
            if !pattern.is_empty() {
                ask(pattern, Origin::Topic(permission, field));
            }
        }
    }
}

impl Origin<'_> {
    /// Tells whether it is a policy or an operator policy.
    pub(super) fn is_policy(self) -> bool {
        matches!(self, Self::Policy(..))
    }

    /// Starts a finding about the pattern, at its place.
    pub(super) fn finding(self, subject: &Subject<'_>, pattern: &str, label: &str) -> Finding {
        let (owner, path) = match self {
            Self::Policy(list, policy) => {
                let finding = at_policy(subject, list, policy, label);
                return finding.with("pattern", pattern).with("owner", owner(list, policy));
            }
            Self::Permission(of, field) => (
                format!("`{field}` of `{}` in the vhost `{}`", of.user, of.vhost),
                vec!["rabbitmq", "users", &of.user, "permissions", &of.vhost, field],
            ),
            Self::Topic(of, field) => (
                format!("`{field}` of `{}` on the exchange `{}`", of.user, of.exchange),
                vec!["rabbitmq", "users", &of.user, "topic_permissions", &of.vhost, &of.exchange, field],
            ),
        };
        Finding::new().with("pattern", pattern).with("owner", owner).at(&path, label)
    }
}

/// Names a policy.
pub(super) fn owner(list: &str, policy: &Policy) -> String {
    let what = if list == "policies" { "policy" } else { "operator policy" };
    format!("the {what} `{}`", policy.name)
}

/// Starts a finding at the pattern of a policy.
pub(super) fn at_policy(subject: &Subject<'_>, list: &str, policy: &Policy, label: &str) -> Finding {
    Finding::new().at(&["rabbitmq", list, &index(subject, list, policy), "pattern"], label)
}

/// Returns the step to a policy in a list of the spec.
pub(super) fn index(subject: &Subject<'_>, list: &str, policy: &Policy) -> String {
    in_list(subject.tree, list, &policy.name, &policy.vhost)
}
