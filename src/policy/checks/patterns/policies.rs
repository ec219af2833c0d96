//! Policies that stand in each other's way. RabbitMQ applies one policy to a queue or exchange: of those that match its
//! name and kind, the one with the highest priority; among equals it is not said which.

use super::super::super::{Finding, Subject};
use super::automaton::{Answer, beyond, common};
use super::origin::{at_policy, index, owner};
use crate::definitions::Policy;

/// Two policies of equal priority, one of which matches nothing that the other does not: it never surely applies.
pub(crate) fn tied(subject: &Subject<'_>) -> Vec<Finding> {
    equals(subject, |list, one, two| {
        let Answer::Yes(name) = common(&one.pattern, &two.pattern) else { return None };
        let (inner, outer) = contained(one, two)?;
        Some(conflict(subject, list, inner, outer, &name))
    })
}

/// Two policies of equal priority that can match one name.
pub(crate) fn ambiguous(subject: &Subject<'_>) -> Vec<Finding> {
    equals(subject, |list, one, two| {
        let Answer::Yes(name) = common(&one.pattern, &two.pattern) else { return None };
        contained(one, two).is_none().then(|| conflict(subject, list, one, two, &name))
    })
}

/// Two policies of equal priority whose patterns cannot be compared.
pub(crate) fn undecided(subject: &Subject<'_>) -> Vec<Finding> {
    equals(subject, |list, one, two| {
        let Answer::Unknown(why) = common(&one.pattern, &two.pattern) else { return None };
        Some(conflict(subject, list, one, two, "").with("why", why))
    })
}

/// Policies that never apply, because another one of higher priority matches everything that they match.
pub(crate) fn shadowed(subject: &Subject<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (list, policies) in lists(subject) {
        for low in policies {
            let over = |high: &&Policy| {
                high.vhost == low.vhost
                    && high.priority > low.priority
                    && kinds(low) & !kinds(high) == 0
                    && covers(high, low)
            };
            if let Some(high) = policies.iter().find(over) {
                found.push(
                    at_policy(subject, list, low, "matches nothing that the other one does not")
                        .with("owner", owner(list, low))
                        .with("pattern", low.pattern.as_str())
                        .with("over", high.name.as_str())
                        .with("over_pattern", high.pattern.as_str())
                        .with("priority", low.priority)
                        .with("over_priority", high.priority)
                        .at(&["rabbitmq", list, &index(subject, list, high), "pattern"], "has the higher priority"),
                );
            }
        }
    }
    found
}

fn lists<'a>(subject: &Subject<'a>) -> [(&'static str, &'a [Policy]); 2] {
    let held = &subject.cluster.broker.definitions;
    [("policies", &held.policies), ("operator_policies", &held.operator_policies)]
}

/// Asks about each two policies of equal priority that can meet and would do different things.
fn equals<'a>(
    subject: &Subject<'a>,
    ask: impl Fn(&'static str, &'a Policy, &'a Policy) -> Option<Finding>,
) -> Vec<Finding> {
    let mut found = Vec::new();
    for (list, policies) in lists(subject) {
        for (number, one) in policies.iter().enumerate() {
            let meets = |two: &&Policy| {
                two.priority == one.priority
                    && two.vhost == one.vhost
                    && kinds(one) & kinds(two) != 0
                    && two.definition != one.definition
            };
            found.extend(policies[number + 1..].iter().filter(meets).filter_map(|two| ask(list, one, two)));
        }
    }
    found
}

/// Returns the two with the one first that matches nothing beyond the other, if there is one.
fn contained<'a>(one: &'a Policy, two: &'a Policy) -> Option<(&'a Policy, &'a Policy)> {
    let inside = |inner: &Policy, outer: &Policy| kinds(inner) & !kinds(outer) == 0 && covers(outer, inner);
    if inside(one, two) {
        Some((one, two))
    } else if inside(two, one) {
        Some((two, one))
    } else {
        None
    }
}

/// Tells whether a policy matches every name that another one matches.
fn covers(outer: &Policy, inner: &Policy) -> bool {
    matches!(outer.pattern.as_str(), "" | "^" | ".*" | "^.*" | "^.*$" | ".*$")
        || outer.pattern == inner.pattern
        || (common(&inner.pattern, &outer.pattern) != Answer::No
            && beyond(&inner.pattern, &outer.pattern) == Answer::No)
}

/// Returns what a policy applies to, as a set: exchanges, classic queues, quorum queues, streams.
fn kinds(policy: &Policy) -> u8 {
    match policy.apply_to.as_str() {
        "exchanges" => 0b0001,
        "classic_queues" => 0b0010,
        "quorum_queues" => 0b0100,
        "streams" => 0b1000,
        "queues" => 0b1110,
        _ => 0b1111,
    }
}

fn conflict(subject: &Subject<'_>, list: &'static str, one: &Policy, two: &Policy, name: &str) -> Finding {
    let label = |policy: &Policy| format!("priority {}", policy.priority);
    at_policy(subject, list, one, &label(one))
        .with("first", owner(list, one))
        .with("second", two.name.as_str())
        .with("vhost", one.vhost.as_str())
        .with("priority", one.priority)
        .with("name", name)
        .at(&["rabbitmq", list, &index(subject, list, two), "pattern"], label(two))
}
