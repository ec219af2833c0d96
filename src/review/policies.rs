//! The brokers' policies by who wins: for which names another one is in force, and what that does to their messages.

use std::collections::BTreeMap;

use serde_json::Value;

use super::objects::shown;
use super::pair::{Pair, list};
use super::settings::change;
use super::words::{bare, quoted};
use super::{Class, Consequence, PolicyChange, PolicyTarget, SettingChange};
use crate::definitions::{Definitions, Policy};
use crate::facts::policy_keys::{WorksOn, rows};
use crate::facts::version::Version;
use crate::policy::combinations;

/// Stands in a sentence where the kind of thing is named later.
const WHAT: &str = "\u{1}";

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
        let version = new.rabbitmq_version.parse().ok();
        for vhost in old.vhosts.keys().filter(|vhost| new.vhosts.contains_key(*vhost)) {
            let before: Vec<&Policy> = before.iter().filter(|policy| policy.vhost == *vhost).collect();
            let after: Vec<&Policy> = after.iter().filter(|policy| policy.vhost == *vhost).copied().collect();
            if !same_all(&before, &after) {
                found.extend(Question { vhost, operator, version, before, after }.changes());
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

/// Keys of queues that streams do not know (`capabilities` of `rabbit_stream_queue.erl`).
const NOT_OF_STREAMS: [&str; 9] = [
    "dead-letter-exchange",
    "dead-letter-routing-key",
    "delivery-limit",
    "expires",
    "max-in-memory-bytes",
    "max-in-memory-length",
    "max-length",
    "message-ttl",
    "overflow",
];

/// Whether a key does something on such a thing; one that nobody knows may.
fn works(key: &str, target: PolicyTarget) -> bool {
    if target == PolicyTarget::Streams && NOT_OF_STREAMS.contains(&key) {
        return false;
    }
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
    version: Option<Version>,
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
        for target in TARGETS.into_iter().filter(|target| self.exists(*target)) {
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

    /// Whether the version has such things: quorum queues came with 3.8, streams with 3.9.
    fn exists(&self, target: PolicyTarget) -> bool {
        let since = match target {
            PolicyTarget::QuorumQueues => Version::new(3, 8, 0),
            PolicyTarget::Streams => Version::new(3, 9, 0),
            _ => return true,
        };
        self.version.is_none_or(|version| version >= since)
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
            if let Some(effect) = effect(key, (from, to)) {
                loses_data |= effect.loses_data;
                effects.push(effect);
            }
            settings.push(SettingChange { key: key.clone(), from: old.map(shown), to: new.map(shown) });
        }
        if settings.is_empty() {
            return None;
        }
        // What loses messages comes first.
        effects.sort_by_key(|effect| (!effect.loses_data, effect.is_plain));
        let effects: Vec<String> = effects.into_iter().map(|effect| effect.text).collect();
        let who = self.who(before, after);
        let names = self.names(region);
        let text = if effects.is_empty() {
            format!("{who}, {names}")
        } else {
            format!("{}: {who}, {names}", effects.join("; "))
        };
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
                format!("{word} {} has other settings", quoted(&after.name))
            }
            (Some(before), Some(after)) => {
                format!("{word} {} now wins over {}", quoted(&after.name), quoted(&before.name))
            }
            (None, Some(after)) => format!("{word} {} is now in force", quoted(&after.name)),
            (Some(before), None) => {
                format!("{word} {} is no longer in force, and no other one is", quoted(&before.name))
            }
            (None, None) => String::new(),
        }
    }

    /// Says for which names.
    fn names(&self, region: &Region<'_>) -> String {
        let shown: Vec<String> = region.names.iter().take(2).map(quoted).collect();
        let which = match &region.pattern {
            Some(pattern) if pattern.is_empty() || pattern == "^" || pattern == ".*" || pattern == "^.*" => {
                format!("for all {WHAT}")
            }
            Some(pattern) => format!("for {WHAT} that match {}, such as {}", quoted(pattern), list(&shown)),
            None => format!("for {WHAT} such as {}", list(&shown)),
        };
        if self.vhost == "/" { which } else { format!("{which} in {}", quoted(self.vhost)) }
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
                "the {word} of {} change, and for which names another one wins cannot be decided: {}",
                quoted(self.vhost),
                bare(why)
            ),
        }
    }
}

fn name_of(policy: Option<&Policy>) -> Option<&str> {
    policy.map(|policy| policy.name.as_str())
}

/// Makes one change of those that are the same for several types of queues.
fn joined(by_target: BTreeMap<PolicyTarget, Vec<PolicyChange>>) -> Vec<PolicyChange> {
    let all = by_target.keys().filter(|target| **target != PolicyTarget::Exchanges).count();
    let mut found: Vec<(PolicyChange, Vec<PolicyTarget>)> = Vec::new();
    for (target, change) in
        by_target.into_iter().flat_map(|(target, changes)| changes.into_iter().map(move |one| (target, one)))
    {
        let same = found.iter_mut().find(|(other, targets)| {
            !targets.contains(&PolicyTarget::Exchanges)
                && target != PolicyTarget::Exchanges
                && (&other.before, &other.after, &other.settings, &other.names)
                    == (&change.before, &change.after, &change.settings, &change.names)
        });
        match same {
            Some((_, targets)) => targets.push(target),
            None => found.push((change, vec![target])),
        }
    }
    let name = |(mut change, targets): (PolicyChange, Vec<PolicyTarget>)| {
        let words: Vec<&str> = targets.iter().map(|target| target.word()).collect();
        let queues = targets.len() == all && !targets.contains(&PolicyTarget::Exchanges);
        let words = if queues { PolicyTarget::Queues.word().to_owned() } else { list(&words) };
        if targets.len() > 1 {
            change.kind = PolicyTarget::Queues;
        }
        change.text = change.text.replace(WHAT, &words);
        change
    };
    found.into_iter().map(name).collect()
}

/// What another value of a key does.
struct Effect {
    text: String,
    loses_data: bool,
    /// Whether it only repeats the values.
    is_plain: bool,
}

/// The definitions of the policies in force on both sides.
type Sides<'a> = (&'a BTreeMap<String, Value>, &'a BTreeMap<String, Value>);

/// Says what another value of a key does to messages and queues; nothing where another key says it.
fn effect(key: &str, sides: Sides<'_>) -> Option<Effect> {
    let (from, to) = (sides.0.get(key), sides.1.get(key));
    let number = |value: Option<&Value>| value.and_then(Value::as_i64);
    let (old, new) = (number(from), number(to));
    let tighter = new.is_some_and(|new| old.is_none_or(|old| new < old));
    let kept = sides.1.contains_key("dead-letter-exchange");
    let rejects =
        matches!(sides.1.get("overflow").and_then(Value::as_str), Some("reject-publish" | "reject-publish-dlx"));
    let dropped = if kept { "go to the dead-letter exchange" } else { "are dropped" };
    let (text, loses_data) = match (key, new) {
        ("message-ttl", Some(new)) => (format!("messages {dropped} after {}", time(new)), tighter && !kept),
        ("message-ttl", None) => ("messages no longer expire".to_owned(), false),
        ("expires", Some(new)) => {
            (format!("queues that nobody uses for {} are deleted with their messages", time(new)), tighter)
        }
        ("expires", None) => ("unused queues are no longer deleted".to_owned(), false),
        ("max-length" | "max-length-bytes", Some(new)) => {
            let unit = if key.ends_with("bytes") { "bytes" } else { "messages" };
            let beyond = match (rejects, kept) {
                (true, _) => "publishers are refused beyond that",
                (_, true) => "the oldest go to the dead-letter exchange beyond that",
                _ => "the oldest are dropped beyond that",
            };
            (format!("queues keep at most {new} {unit}, {beyond}"), tighter && !rejects && !kept)
        }
        ("max-length" | "max-length-bytes", None) => (format!("queues have no {key} any more"), false),
        ("max-age", _) if to.is_some() => {
            (format!("streams drop what is older than {}", to.map(shown).unwrap_or_default()), true)
        }
        ("delivery-limit", Some(new)) => {
            (format!("messages that were delivered more than {new} times {dropped}"), tighter && !kept)
        }
        ("dead-letter-exchange", _) => match to {
            Some(to) => (format!("dead letters go to exchange {}", quoted(shown(to))), false),
            None => ("what expires, is refused or is too much is dropped, and goes to no exchange".to_owned(), true),
        },
        ("overflow", _) if rejects => ("full queues refuse publishers".to_owned(), false),
        ("overflow", _) if from.is_some() => ("full queues drop the oldest messages".to_owned(), true),
        ("ha-mode" | "ha-params", _) => return mirrors(key, sides),
        ("ha-sync-mode", _) if !sides.1.contains_key("ha-mode") => return None,
        ("ha-sync-mode", _) => {
            let text = match to.and_then(Value::as_str) {
                Some("automatic") => "new mirrors copy all messages at once, and the queue stands still meanwhile",
                _ => "new mirrors begin empty and copy nothing",
            };
            (text.to_owned(), false)
        }
        _ => {
            let text = format!("{key} {}", bare(&change(from.map(shown).as_deref(), to.map(shown).as_deref())));
            return Some(Effect { text, loses_data: false, is_plain: true });
        }
    };
    Some(Effect { text, loses_data, is_plain: false })
}

/// Says how many copies a mirrored queue has: two keys, one sentence.
fn mirrors(key: &str, sides: Sides<'_>) -> Option<Effect> {
    if key == "ha-params" && sides.0.get("ha-mode") != sides.1.get("ha-mode") {
        return None;
    }
    let copies = |side: &BTreeMap<String, Value>| {
        let params = side.get("ha-params");
        match side.get("ha-mode").and_then(Value::as_str)? {
            "all" => Some("a copy on every node".to_owned()),
            "exactly" => Some(format!("{} copies", params.map(shown).unwrap_or_default())),
            "nodes" => Some(format!("copies on {}", params.map(shown).unwrap_or_default())),
            other => Some(quoted(other)),
        }
    };
    let (text, loses_data) = match (copies(sides.0), copies(sides.1)) {
        (Some(_), None) => {
            ("queues are no longer mirrored: each lives on one node alone, and is lost with it".to_owned(), true)
        }
        (None, Some(after)) => (format!("queues are mirrored: {after}"), false),
        (Some(before), Some(after)) => (format!("queues have {after} instead of {before}"), false),
        (None, None) => return None,
    };
    Some(Effect { text, loses_data, is_plain: false })
}

/// Says a number of milliseconds as people do.
fn time(millis: i64) -> String {
    let units = [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000)];
    let whole = units.into_iter().find(|(_, unit)| millis >= *unit && millis % unit == 0);
    whole.map_or_else(|| format!("{millis} ms"), |(name, unit)| format!("{} {name}", millis / unit))
}
