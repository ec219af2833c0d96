//! Finds the queues on which a policy that the release does not name keeps one of ours from being in force.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use crate::live::{LiveDefinitions, Object, ObjectId, ObjectType, PolicyBody, Queue, QueueName, Queues};

use super::super::{Finding, FindingCode};
use super::holding::{Holding, WantedBody};
use super::show;

/// A policy of ours that is not in force, and the foreign one that is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Shadow<'a> {
    r#type: ObjectType,
    vhost: &'a str,
    ours: &'a str,
    foreign: &'a str,
}

/// Returns a finding for each foreign policy and policy of ours that it shadows. The API may tell for some seconds of a
/// policy that is gone.
pub(super) fn findings(holding: &Holding, live: &LiveDefinitions, queues: &Queues) -> Vec<Finding> {
    let policies: Vec<(&ObjectId, &PolicyBody, Regex)> = holding.objects.iter().filter_map(ours).collect();
    let mut shadows: BTreeMap<Shadow<'_>, BTreeSet<&str>> = BTreeMap::new();
    for (name, queue) in &queues.0 {
        for (r#type, in_force) in
            [(ObjectType::Policy, &queue.policy), (ObjectType::OperatorPolicy, &queue.operator_policy)]
        {
            let Some(foreign) = in_force else { continue };
            let id = ObjectId::in_vhost(r#type, &name.vhost, foreign);
            if holding.objects.contains_key(&id) || !live.0.contains_key(&id) {
                continue;
            }
            let matching = policies
                .iter()
                .filter(|(id, policy, pattern)| id.r#type == r#type && applies(id, policy, pattern, name, queue));
            if let Some((id, ..)) = matching.max_by_key(|(_, policy, _)| policy.priority) {
                let shadow = Shadow { r#type, vhost: &name.vhost, ours: &id.name, foreign };
                shadows.entry(shadow).or_default().insert(&name.name);
            }
        }
    }
    shadows.into_iter().map(|(shadow, queues)| finding(&shadow, &queues)).collect()
}

/// Returns a policy of the release with its pattern, where this program can read it: RabbitMQ's knows some forms more.
fn ours<'a>(
    (id, wanted): (&'a ObjectId, &'a Result<super::WantedObject, super::super::MissingSecret>),
) -> Option<(&'a ObjectId, &'a PolicyBody, Regex)> {
    match &wanted.as_ref().ok()?.body {
        WantedBody::Whole(Object::Policy(policy)) => Some((id, policy, Regex::new(&policy.pattern).ok()?)),
        _ => None,
    }
}

fn applies(id: &ObjectId, policy: &PolicyBody, pattern: &Regex, name: &QueueName, queue: &Queue) -> bool {
    let kind = match policy.apply_to.as_str() {
        // Streams are queues to a policy, but not to `quorum_queues` or `classic_queues`.
        "all" | "queues" => true,
        "classic_queues" => queue.kind == "classic",
        "quorum_queues" => queue.kind == "quorum",
        "streams" => queue.kind == "stream",
        _ => false,
    };
    kind && id.vhost.as_deref() == Some(&name.vhost) && pattern.is_match(&name.name)
}

fn finding(shadow: &Shadow<'_>, queues: &BTreeSet<&str>) -> Finding {
    let Shadow { r#type, vhost, ours, foreign } = shadow;
    let kind = r#type.as_str();
    let on = show::names(queues.iter().copied());
    Finding {
        code: FindingCode::ShadowedPolicy,
        about: format!("{vhost}: {ours}"),
        message: format!(
            "the {kind} `{ours}` of the vhost `{vhost}` is not in force: `{foreign}`, which the release does not name, is on {on}"
        ),
        help: format!("remove `{foreign}`, or take it into the spec"),
    }
}
