//! The definitions of broker policies: one wrong key or value, and RabbitMQ refuses the whole policy.
//!
//! Source of what is refused: `validate_policy` in `rabbit_policies.erl`, `rabbit_mirror_queue_misc.erl` and the plugins.

use serde_json::Value;

use crate::definitions::Policy;
use crate::diag::nearest;
use crate::facts::plugins;
use crate::facts::policy_keys::{self, PolicyKey, QUEUE_TYPES, WorksOn};
use crate::facts::version::Version;
use crate::policy::place::in_list;
use crate::policy::{Finding, Subject};

/// The first version without mirrored queues.
const NO_MIRRORS: Version = Version::new(4, 0, 0);
/// From here on RabbitMQ wants the shortest delay of a delayed retry (`rabbit_quorum_queue` at v4.3.1).
const RETRY_WITH_MIN: Version = Version::new(4, 3, 1);
/// The first version with operator policies (first tag of `rabbit_policy.erl` that knows `operator_policy`).
const OPERATORS: Version = Version::new(3, 7, 0);

/// The list of the spec that a policy stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Policies,
    Operators,
}

/// A policy and where it stands.
#[derive(Clone, Copy)]
struct Listed<'a> {
    list: List,
    policy: &'a Policy,
}

impl Listed<'_> {
    /// Starts a finding at a key of the definition, or at another field of the policy.
    fn finding(self, subject: &Subject<'_>, field: &[&str], label: &str) -> Finding {
        let list = if self.list == List::Policies { "policies" } else { "operator_policies" };
        let item = in_list(subject.tree, list, &self.policy.name, &self.policy.vhost);
        let path: Vec<&str> = ["rabbitmq", list, item.as_str()].iter().chain(field).copied().collect();
        Finding::new().with("policy", self.policy.name.as_str()).at(&path, label)
    }
}

/// Walks the policies and operator policies.
fn listed<'a>(subject: &Subject<'a>) -> impl Iterator<Item = Listed<'a>> + use<'a> {
    let definitions = &subject.cluster.broker.definitions;
    let policies = definitions.policies.iter().map(|policy| Listed { list: List::Policies, policy });
    policies.chain(definitions.operator_policies.iter().map(|policy| Listed { list: List::Operators, policy }))
}

/// Walks every key of every definition.
fn keys<'a>(subject: &Subject<'a>) -> impl Iterator<Item = (Listed<'a>, &'a str, &'a Value)> + use<'a> {
    listed(subject)
        .flat_map(|listed| listed.policy.definition.iter().map(move |(key, value)| (listed, key.as_str(), value)))
}

/// Walks the keys that the version's policies have, with their rows.
fn known<'a>(subject: &Subject<'a>) -> impl Iterator<Item = (Listed<'a>, &'static PolicyKey, &'a Value)> + use<'a> {
    let version = subject.cluster.broker.version.value;
    keys(subject).filter_map(move |(listed, key, value)| Some((listed, policy_keys::find(key, version)?, value)))
}

/// Finds keys that no version's policies have.
pub(in crate::policy) fn unknown_key(subject: &Subject<'_>) -> Vec<Finding> {
    let version = subject.cluster.broker.version.value;
    let unknown = keys(subject).filter(|(_, key, _)| policy_keys::rows(key).is_empty());
    let finding = |(listed, key, _): (Listed<'_>, &str, _)| {
        let near = nearest(key, policy_keys::names(version, listed.list == List::Operators));
        listed.finding(subject, &["definition", key], "unknown key").with("key", key).with("near", near)
    };
    unknown.map(finding).collect()
}

/// Finds keys that only other versions' policies have, but for mirroring, which has words of its own.
pub(in crate::policy) fn key_outside_version(subject: &Subject<'_>) -> Vec<Finding> {
    let version = subject.cluster.broker.version.value;
    let finding = |(listed, key, _): (Listed<'_>, &str, _)| {
        let rows = policy_keys::rows(key);
        let mirrors = key.starts_with("ha-") && version >= NO_MIRRORS;
        if rows.is_empty() || mirrors || rows.iter().any(|row| row.versions.contains(version)) {
            return None;
        }
        let first = rows.iter().filter_map(|row| row.versions.next(version)).min().map(|first| first.to_string());
        let finding = listed.finding(subject, &["definition", key], "not in this version").with("key", key);
        Some(finding.with("first", first).with("versions", rows[0].versions.to_string()))
    };
    keys(subject).filter_map(finding).collect()
}

/// Finds mirroring where there is none any more: one finding a policy.
pub(in crate::policy) fn mirroring_removed(subject: &Subject<'_>) -> Vec<Finding> {
    if subject.cluster.broker.version.value < NO_MIRRORS {
        return Vec::new();
    }
    let mirror = |listed: Listed<'_>| {
        let key = listed.policy.definition.keys().find(|key| key.starts_with("ha-"))?;
        Some(listed.finding(subject, &["definition", key], "mirrors queues").with("key", key.as_str()))
    };
    listed(subject).filter_map(mirror).collect()
}

/// Finds keys of plugins that are not enabled.
pub(in crate::policy) fn key_of_plugin(subject: &Subject<'_>) -> Vec<Finding> {
    let enabled = || subject.cluster.broker.plugins.iter().map(|plugin| plugin.value.as_str());
    let part = |plugin: &str| {
        let federation = ["rabbitmq_exchange_federation", "rabbitmq_queue_federation"];
        plugin == "rabbitmq_federation" && federation.iter().any(|part| plugins::is_on(part, enabled()))
    };
    let missing = |(listed, row, _): (Listed<'_>, &PolicyKey, _)| {
        let plugin = row.plugin.filter(|plugin| !plugins::is_on(plugin, enabled()) && !part(plugin))?;
        let finding = listed.finding(subject, &["definition", row.name], "needs the plugin").with("key", row.name);
        Some(finding.with("plugin", plugin))
    };
    known(subject).filter_map(missing).collect()
}

/// Finds values that RabbitMQ does not take.
pub(in crate::policy) fn wrong_value(subject: &Subject<'_>) -> Vec<Finding> {
    let wrong = |(listed, row, value): (Listed<'_>, &PolicyKey, &Value)| {
        let expected = match row.name {
            "ha-params" => mirror_params(listed.policy.definition.get("ha-mode")?.as_str()?, value)?.to_owned(),
            _ if row.kind.accepts(value) => return None,
            _ => row.kind.to_string(),
        };
        let finding = listed.finding(subject, &["definition", row.name], "this value").with("key", row.name);
        Some(finding.with("value", value.to_string()).with("expected", expected))
    };
    known(subject).filter_map(wrong).collect()
}

/// Returns what `ha-params` must be, if it is something else.
fn mirror_params(mode: &str, params: &Value) -> Option<&'static str> {
    let nodes = |list: &Vec<Value>| {
        !list.is_empty() && list.iter().all(|node| node.as_str().is_some_and(|node| node.contains('@')))
    };
    match mode {
        "exactly" if params.as_i64().is_none_or(|count| count <= 0) => Some("the number of copies, 1 or more"),
        "nodes" if !params.as_array().is_some_and(nodes) => Some("a list of nodes such as `rabbit@rabbit1`"),
        _ => None,
    }
}

/// Finds definitions whose keys do not go together.
pub(in crate::policy) fn incomplete(subject: &Subject<'_>) -> Vec<Finding> {
    let version = subject.cluster.broker.version.value;
    let mut found = Vec::new();
    for listed in listed(subject) {
        let definition = &listed.policy.definition;
        let has = |key: &str| definition.contains_key(key);
        let text = |key: &str| definition.get(key).and_then(Value::as_str);
        let mut add = |key: &str, why: &str| {
            found.push(listed.finding(subject, &["definition", key], "this key").with("key", key).with("reason", why));
        };
        let mirroring = definition.keys().find(|key| key.starts_with("ha-"));
        if let Some(key) = mirroring.filter(|_| version < NO_MIRRORS && !has("ha-mode")) {
            add(key, "says how to mirror, but there is no `ha-mode`");
        }
        if matches!(text("ha-mode"), Some("exactly" | "nodes")) && !has("ha-params") {
            add("ha-mode", "needs `ha-params`");
        }
        let federation = ["federation-upstream", "federation-upstream-set", "federation-upstream-pattern"];
        let mut given = federation.into_iter().filter(|key| has(key));
        if let (Some(_), Some(second)) = (given.next(), given.next()) {
            add(second, "is one of three keys of which a policy can have one");
        }
        if has("routing-key") && !has("shards-per-node") {
            add("routing-key", "needs `shards-per-node`");
        }
        let retries = text("delayed-retry-type").is_some_and(|kind| kind != "disabled");
        if version >= RETRY_WITH_MIN && retries && !has("delayed-retry-min") {
            add("delayed-retry-type", "needs `delayed-retry-min`");
        }
        let delay = |key: &str| definition.get(key).and_then(Value::as_i64);
        if let (Some(min), Some(max)) = (delay("delayed-retry-min"), delay("delayed-retry-max"))
            && max < min
        {
            add("delayed-retry-max", "is less than `delayed-retry-min`");
        }
    }
    found
}

/// Finds what policies apply to where only later versions know it.
pub(in crate::policy) fn apply_to(subject: &Subject<'_>) -> Vec<Finding> {
    if subject.cluster.broker.version.value >= QUEUE_TYPES {
        return Vec::new();
    }
    let later =
        listed(subject).filter(|listed| !["all", "queues", "exchanges"].contains(&listed.policy.apply_to.as_str()));
    let finding = |listed: Listed<'_>| {
        let finding = listed.finding(subject, &["apply-to"], "from 3.12 on");
        finding.with("apply_to", listed.policy.apply_to.as_str())
    };
    later.map(finding).collect()
}

/// Finds operator policies of a version that has none.
pub(in crate::policy) fn operators_unsupported(subject: &Subject<'_>) -> Vec<Finding> {
    let broker = &subject.cluster.broker;
    if broker.version.value >= OPERATORS || broker.definitions.operator_policies.is_empty() {
        return Vec::new();
    }
    vec![Finding::new().at(&["rabbitmq", "operator_policies"], "from 3.7 on")]
}

/// Finds keys that policies may hold, and operator policies may not.
pub(in crate::policy) fn operator_key(subject: &Subject<'_>) -> Vec<Finding> {
    let version = subject.cluster.broker.version.value;
    if version < OPERATORS {
        return Vec::new();
    }
    let forbidden = |(listed, row, _): (Listed<'_>, &PolicyKey, _)| {
        if listed.list == List::Policies || row.is_for_operators(version) {
            return None;
        }
        let allowed: Vec<_> = policy_keys::names(version, true).collect();
        let finding = listed.finding(subject, &["definition", row.name], "not for operators").with("key", row.name);
        Some(finding.with("allowed", allowed.join("`, `")))
    };
    known(subject).filter_map(forbidden).collect()
}

/// Finds keys that work on nothing that the policy applies to.
pub(in crate::policy) fn idle_key(subject: &Subject<'_>) -> Vec<Finding> {
    let idle = |(listed, row, _): (Listed<'_>, &PolicyKey, _)| {
        let apply_to = listed.policy.apply_to.as_str();
        let (works, on) = match row.works_on {
            WorksOn::All => return None,
            WorksOn::Exchanges => (apply_to == "all" || apply_to == "exchanges", "exchanges"),
            WorksOn::Queues => (apply_to != "exchanges", "queues"),
            WorksOn::Classic => (["all", "queues", "classic_queues"].contains(&apply_to), "classic queues"),
            WorksOn::Quorum => (["all", "queues", "quorum_queues"].contains(&apply_to), "quorum queues"),
            WorksOn::Streams => (["all", "queues", "streams"].contains(&apply_to), "streams"),
        };
        let finding = || listed.finding(subject, &["definition", row.name], "does nothing here").with("key", row.name);
        (!works).then(|| finding().with("works_on", on).with("apply_to", apply_to))
    };
    known(subject).filter_map(idle).collect()
}

/// Finds mirrors on nodes that the cluster does not have, and more mirrors than nodes.
pub(in crate::policy) fn mirror_nodes(subject: &Subject<'_>) -> Vec<Finding> {
    let broker = &subject.cluster.broker;
    let wrong = |listed: Listed<'_>| {
        let definition = &listed.policy.definition;
        let params = definition.get("ha-params")?;
        let reason = match definition.get("ha-mode")?.as_str()? {
            "exactly" => {
                let count = params.as_i64()?;
                let nodes = broker.nodes.len();
                let too_many = usize::try_from(count).is_ok_and(|count| count > nodes);
                if too_many { format!("asks for {count} copies on {nodes} nodes") } else { return None }
            }
            "nodes" => {
                let names = params.as_array()?.iter().filter_map(Value::as_str);
                let unknown = names.into_iter().find(|name| broker.nodes.iter().all(|node| node.name != *name))?;
                format!("names the node `{unknown}`, which is none of the cluster")
            }
            _ => return None,
        };
        Some(listed.finding(subject, &["definition", "ha-params"], "these nodes").with("reason", reason))
    };
    listed(subject).filter_map(wrong).collect()
}
