//! The brokers' policies by who wins: for which names another one is in force, and what that does to their messages.

use std::collections::BTreeMap;

use serde_json::Value;

use super::objects::shown;
use super::pair::{Pair, list};
use super::settings::change;
use super::{Class, Consequence, PolicyChange, PolicyTarget, SettingChange};
use crate::definitions::{Definitions, Policy};
use crate::facts::policy_keys::{WorksOn, rows};
use crate::policy::combinations;

/// What policies are in force on, one by one.
const TARGETS: [PolicyTarget; 4] =
    [PolicyTarget::ClassicQueues, PolicyTarget::QuorumQueues, PolicyTarget::Streams, PolicyTarget::Exchanges];

/// Returns the names for which something else is in force than before.
pub(super) fn policies(pair: &Pair<'_>) -> Vec<PolicyChange> {
    let (Some(old), Some(new)) = pair.definitions() else { return Vec::new() };
    let mut found = Vec::new();
    for operator in [false, true] {
        let before = list_of(old, operator);
        let mut after: Vec<&Policy> = list_of(new, operator).iter().collect();
        // What the spec no longer names stays on the brokers, unless it is pruned.
        let kind = if operator { "operator_policies" } else { "policies" };
        if !new.prune.iter().any(|pruned| pruned == kind) {
            let is_there = |policy: &&Policy| list_of(new, operator).iter().any(|other| is_same(other, policy));
            after.extend(before.iter().filter(|policy| new.vhosts.contains_key(&policy.vhost) && !is_there(policy)));
        }
        for vhost in old.vhosts.keys().filter(|vhost| new.vhosts.contains_key(*vhost)) {
            let before: Vec<&Policy> = before.iter().filter(|policy| policy.vhost == *vhost).collect();
            let after: Vec<&Policy> = after.iter().filter(|policy| policy.vhost == *vhost).copied().collect();
            if !same_all(&before, &after) {
                found.extend(Question { vhost, operator, before, after }.changes());
            }
        }
    }
    found.sort_by(|a, b| b.loses_data.cmp(&a.loses_data).then_with(|| a.cmp(b)));
    found
}

/// Says what happens to messages and queues by it.
pub(super) fn consequences(changes: &[PolicyChange]) -> Vec<Consequence> {
    let one = |change: &PolicyChange| Consequence {
        class: Class::Live,
        loses_data: change.loses_data,
        text: change.text.clone(),
        hosts: Vec::new(),
    };
    changes.iter().map(one).collect()
}

fn list_of(definitions: &Definitions, operator: bool) -> &[Policy] {
    if operator { &definitions.operator_policies } else { &definitions.policies }
}

fn is_same(a: &Policy, b: &Policy) -> bool {
    a.vhost == b.vhost && a.name == b.name
}

fn same_all(before: &[&Policy], after: &[&Policy]) -> bool {
    before.len() == after.len() && before.iter().all(|policy| after.contains(policy))
}

fn applies(policy: &Policy, target: PolicyTarget) -> bool {
    match policy.apply_to.as_str() {
        "all" => true,
        "exchanges" => target == PolicyTarget::Exchanges,
        "queues" => target != PolicyTarget::Exchanges,
        "classic_queues" => target == PolicyTarget::ClassicQueues,
        "quorum_queues" => target == PolicyTarget::QuorumQueues,
        "streams" => target == PolicyTarget::Streams,
        _ => false,
    }
}

/// Whether a key does something on such a thing; one that nobody knows may.
fn works(key: &str, target: PolicyTarget) -> bool {
    let on = |works_on: WorksOn| match works_on {
        WorksOn::All => true,
        WorksOn::Exchanges => target == PolicyTarget::Exchanges,
        WorksOn::Queues => target != PolicyTarget::Exchanges,
        WorksOn::Classic => target == PolicyTarget::ClassicQueues,
        WorksOn::Quorum => target == PolicyTarget::QuorumQueues,
        WorksOn::Streams => target == PolicyTarget::Streams,
    };
    let rows = rows(key);
    rows.is_empty() || rows.iter().any(|row| on(row.works_on))
}

/// The policies of one virtual host on both sides.
struct Question<'a> {
    vhost: &'a str,
    operator: bool,
    before: Vec<&'a Policy>,
    after: Vec<&'a Policy>,
}

/// Who wins on both sides.
type Winners<'a> = (Option<&'a Policy>, Option<&'a Policy>);

/// The names for which it is so.
struct Region<'a> {
    winners: Winners<'a>,
    names: Vec<String>,
    /// A pattern that all of the names match, and no other name.
    pattern: Option<String>,
}

impl<'a> Question<'a> {
    fn changes(&self) -> Vec<PolicyChange> {
        let mut by_target: BTreeMap<PolicyTarget, Vec<PolicyChange>> = BTreeMap::new();
        for target in TARGETS {
            match self.regions(target) {
                Ok(regions) => {
                    let changes = regions.iter().filter_map(|region| self.change(target, region));
                    by_target.insert(target, changes.collect());
                }
                Err(why) => return vec![self.undecided(why)],
            }
        }
        joined(by_target)
    }

    /// Returns the names by who wins for them before and after.
    fn regions(&self, target: PolicyTarget) -> Result<Vec<Region<'a>>, &'static str> {
        let side = |policies: &[&'a Policy]| -> Vec<&'a Policy> {
            let mut policies: Vec<&Policy> =
                policies.iter().filter(|policy| applies(policy, target)).copied().collect();
            // Between equals RabbitMQ takes either; the spec's checks complain about that.
            policies.sort_by(|a, b| b.priority.cmp(&a.priority).then_with(|| a.name.cmp(&b.name)));
            policies
        };
        let (before, after) = (side(&self.before), side(&self.after));
        if same_all(&before, &after) {
            return Ok(Vec::new());
        }
        let mut patterns: Vec<&str> = before.iter().chain(&after).map(|policy| policy.pattern.as_str()).collect();
        patterns.sort_unstable();
        patterns.dedup();
        let all = combinations(&patterns)?;
        let mut found: Vec<(Region<'a>, Vec<usize>)> = Vec::new();
        for (index, one) in all.iter().enumerate() {
            let matches = |policy: &&&Policy| {
                patterns.iter().position(|p| *p == policy.pattern).is_some_and(|at| one.matches[at])
            };
            let winners = (before.iter().find(matches).copied(), after.iter().find(matches).copied());
            let same =
                |other: &Winners<'_>| name_of(other.0) == name_of(winners.0) && name_of(other.1) == name_of(winners.1);
            match found.iter_mut().find(|(region, _)| same(&region.winners)) {
                Some((region, parts)) => {
                    region.names.extend(one.names.iter().cloned());
                    parts.push(index);
                }
                None => found.push((Region { winners, names: one.names.clone(), pattern: None }, vec![index])),
            }
        }
        let region = |(mut region, parts): (Region<'a>, Vec<usize>)| {
            let is_exactly =
                |at: &usize| all.iter().enumerate().all(|(index, one)| one.matches[*at] == parts.contains(&index));
            region.pattern = (0..patterns.len()).find(is_exactly).map(|at| patterns[at].to_owned());
            region.names.sort_by_key(|name| (name.len(), name.clone()));
            region.names.truncate(3);
            region
        };
        Ok(found.into_iter().map(region).collect())
    }

    fn change(&self, target: PolicyTarget, region: &Region<'_>) -> Option<PolicyChange> {
        let (before, after) = region.winners;
        let none = BTreeMap::new();
        let (from, to) =
            (before.map_or(&none, |policy| &policy.definition), after.map_or(&none, |policy| &policy.definition));
        let mut settings = Vec::new();
        let mut effects = Vec::new();
        let mut loses_data = false;
        for key in from.keys().chain(to.keys().filter(|key| !from.contains_key(*key))) {
            let (old, new) = (from.get(key), to.get(key));
            if old == new || !works(key, target) {
                continue;
            }
            let effect = effect(key, old, new, to);
            loses_data |= effect.loses_data;
            effects.push(effect);
            settings.push(SettingChange { key: key.clone(), from: old.map(shown), to: new.map(shown) });
        }
        if settings.is_empty() {
            return None;
        }
        // What loses messages comes first.
        effects.sort_by_key(|effect| !effect.loses_data);
        let effects: Vec<String> = effects.into_iter().map(|effect| effect.text).collect();
        let text = format!("{}: {}, {}", effects.join("; "), self.who(before, after), self.names(target, region));
        Some(PolicyChange {
            vhost: self.vhost.to_owned(),
            operator: self.operator,
            kind: target,
            before: before.map(|policy| policy.name.clone()),
            after: after.map(|policy| policy.name.clone()),
            names: region.names.clone(),
            settings,
            loses_data,
            text,
        })
    }

    fn who(&self, before: Option<&Policy>, after: Option<&Policy>) -> String {
        let word = if self.operator { "operator policy" } else { "policy" };
        match (before, after) {
            (Some(before), Some(after)) if before.name == after.name => {
                format!("{word} `{}` has other settings", after.name)
            }
            (Some(before), Some(after)) => format!("{word} `{}` now wins over `{}`", after.name, before.name),
            (None, Some(after)) => format!("{word} `{}` is now in force", after.name),
            (Some(before), None) => format!("{word} `{}` is no longer in force, and no other one is", before.name),
            (None, None) => String::new(),
        }
    }

    /// Says for which names.
    fn names(&self, target: PolicyTarget, region: &Region<'_>) -> String {
        let shown: Vec<String> = region.names.iter().take(2).map(|name| format!("`{name}`")).collect();
        let which = match &region.pattern {
            Some(pattern) if pattern.is_empty() || pattern == "^" || pattern == ".*" || pattern == "^.*" => {
                format!("for all {}", target.words())
            }
            Some(pattern) => format!("for {} that match `{pattern}`, such as {}", target.words(), list(&shown)),
            None => format!("for {} such as {}", target.words(), list(&shown)),
        };
        if self.vhost == "/" { which } else { format!("{which} in `{}`", self.vhost) }
    }

    fn undecided(&self, why: &str) -> PolicyChange {
        let word = if self.operator { "operator policies" } else { "policies" };
        PolicyChange {
            vhost: self.vhost.to_owned(),
            operator: self.operator,
            kind: PolicyTarget::Queues,
            before: None,
            after: None,
            names: Vec::new(),
            settings: Vec::new(),
            loses_data: false,
            text: format!(
                "the {word} of `{}` change, and for which names another one wins cannot be decided: {why}",
                self.vhost
            ),
        }
    }
}

fn name_of(policy: Option<&Policy>) -> Option<&str> {
    policy.map(|policy| policy.name.as_str())
}

/// Makes one change of those that are the same for all types of queues.
fn joined(mut by_target: BTreeMap<PolicyTarget, Vec<PolicyChange>>) -> Vec<PolicyChange> {
    let same = |a: &PolicyChange, b: &PolicyChange| {
        (&a.before, &a.after, &a.settings, &a.names) == (&b.before, &b.after, &b.settings, &b.names)
    };
    let classic = by_target.remove(&PolicyTarget::ClassicQueues).unwrap_or_default();
    let mut found = Vec::new();
    for mut change in classic {
        let others = [PolicyTarget::QuorumQueues, PolicyTarget::Streams];
        let everywhere = others.iter().all(|target| {
            by_target.get(target).is_some_and(|changes| changes.iter().any(|other| same(&change, other)))
        });
        if everywhere {
            for target in others {
                by_target.entry(target).or_default().retain(|other| !same(&change, other));
            }
            change.text = change.text.replace(PolicyTarget::ClassicQueues.words(), PolicyTarget::Queues.words());
            change.kind = PolicyTarget::Queues;
        }
        found.push(change);
    }
    found.extend(by_target.into_values().flatten());
    found
}

impl PolicyTarget {
    /// Returns the words for people.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Queues => "queues",
            Self::ClassicQueues => "classic queues",
            Self::QuorumQueues => "quorum queues",
            Self::Streams => "streams",
            Self::Exchanges => "exchanges",
        }
    }
}

/// What another value of a key does.
struct Effect {
    text: String,
    loses_data: bool,
}

/// Says what another value of a key does to messages and queues. `all` is everything that will be set.
fn effect(key: &str, from: Option<&Value>, to: Option<&Value>, all: &BTreeMap<String, Value>) -> Effect {
    let number = |value: Option<&Value>| value.and_then(Value::as_i64);
    let (old, new) = (number(from), number(to));
    let tighter = new.is_some_and(|new| old.is_none_or(|old| new < old));
    let kept = all.contains_key("dead-letter-exchange");
    let dropped = if kept { "go to the dead-letter exchange" } else { "are dropped" };
    let rejects = matches!(all.get("overflow").and_then(Value::as_str), Some("reject-publish" | "reject-publish-dlx"));
    let plain = || format!("{key} {}", change(from.map(shown).as_deref(), to.map(shown).as_deref()));
    let (text, loses_data) = match (key, new) {
        ("message-ttl", Some(new)) => (format!("messages {dropped} after {}", time(new)), tighter && !kept),
        ("message-ttl", None) => ("messages no longer expire".to_owned(), false),
        ("expires", Some(new)) => {
            (format!("queues that nobody uses for {} are deleted with their messages", time(new)), tighter)
        }
        ("expires", None) => ("unused queues are no longer deleted".to_owned(), false),
        ("max-length" | "max-length-bytes" | "max-in-memory-length" | "max-in-memory-bytes", Some(new)) => {
            let unit = if key.ends_with("bytes") { "bytes" } else { "messages" };
            let in_memory = key.starts_with("max-in-memory");
            let beyond = if in_memory {
                "the rest is on the disk"
            } else if rejects {
                "publishers are refused beyond that"
            } else if kept {
                "the oldest go to the dead-letter exchange beyond that"
            } else {
                "the oldest are dropped beyond that"
            };
            (format!("queues keep {new} {unit}, {beyond}"), tighter && !in_memory && !rejects && !kept)
        }
        ("max-length" | "max-length-bytes", None) => (format!("queues have no {key} any more"), false),
        ("max-age", _) if to.is_some() => {
            (format!("streams drop what is older than {}", to.map(shown).unwrap_or_default()), true)
        }
        ("delivery-limit", Some(new)) => {
            (format!("messages that were delivered {new} times {dropped}"), tighter && !kept)
        }
        ("dead-letter-exchange", _) => match (from, to) {
            (_, Some(to)) => (format!("dead letters go to exchange `{}`", shown(to)), false),
            (_, None) => {
                ("what expires, is refused or is too much is dropped, and goes to no exchange".to_owned(), true)
            }
        },
        ("overflow", _) => {
            let text = if rejects {
                "full queues refuse publishers".to_owned()
            } else {
                "full queues drop the oldest".to_owned()
            };
            (text, !rejects && from.is_some())
        }
        ("ha-mode", _) if to.is_none() => {
            ("queues are no longer mirrored: each lives on one node alone".to_owned(), true)
        }
        ("ha-mode", _) if from.is_none() => {
            (format!("queues are mirrored ({})", to.map(shown).unwrap_or_default()), false)
        }
        ("ha-params" | "ha-mode", _) => (plain() + ": mirrors come or go", tighter),
        ("ha-sync-mode", _) => {
            let text = match to.and_then(Value::as_str) {
                Some("automatic") => "new mirrors copy all messages at once, and the queue stands still meanwhile",
                _ => "new mirrors begin empty and copy nothing",
            };
            (text.to_owned(), false)
        }
        _ => (plain(), false),
    };
    Effect { text, loses_data }
}

/// Says a number of milliseconds as people do.
fn time(millis: i64) -> String {
    let units = [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000)];
    let whole = units.into_iter().find(|(_, unit)| millis >= *unit && millis % unit == 0);
    whole.map_or_else(|| format!("{millis} ms"), |(name, unit)| format!("{} {name}", millis / unit))
}
