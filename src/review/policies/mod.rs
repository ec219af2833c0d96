//! The brokers' policies by who wins: for which names another one is in force, and what that does to their messages.

mod effect;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use self::effect::{Sides, in_force};
use super::objects::shown;
use super::pair::{Pair, list};
use super::words::{bare, quoted};
use super::{Class, Consequence, PolicyChange, PolicyTarget, SettingChange};
use crate::definitions::{Definitions, Policy};
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
    let version = new.rabbitmq_version.parse().ok();
    let mut found = Vec::new();
    for vhost in old.vhosts.keys().filter(|vhost| new.vhosts.contains_key(*vhost)) {
        let [policies, operators] = [false, true].map(|operator| both(old, new, vhost, operator));
        if policies.is_same() && operators.is_same() {
            continue;
        }
        found.extend(Question { vhost, version, policies, operators }.changes());
    }
    found.sort_by(|a, b| b.loses_data.cmp(&a.loses_data).then_with(|| a.cmp(b)));
    found
}

/// Takes the policies of a virtual host, or its operator policies, as the brokers have them before and after.
fn both<'a>(old: &'a Definitions, new: &'a Definitions, vhost: &str, operator: bool) -> Both<'a> {
    let of = |side: &'a Definitions| -> Vec<&'a Policy> {
        list_of(side, operator).iter().filter(|policy| policy.vhost == vhost).collect()
    };
    let (before, mut after) = (of(old), of(new));
    // What the spec no longer names stays on the brokers, unless it is pruned.
    let kind = if operator { "operator_policies" } else { "policies" };
    if !new.prune.iter().any(|pruned| pruned == kind) {
        let gone = |policy: &&&Policy| !after.iter().any(|other| other.name == policy.name);
        let gone: Vec<&Policy> = before.iter().filter(gone).copied().collect();
        after.extend(gone);
    }
    Both { before, after }
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

/// Policies of one virtual host, and of one kind, on both sides.
struct Both<'a> {
    before: Vec<&'a Policy>,
    after: Vec<&'a Policy>,
}

impl<'a> Both<'a> {
    fn is_same(&self) -> bool {
        self.before.len() == self.after.len() && self.before.iter().all(|policy| self.after.contains(policy))
    }

    /// Takes those that apply to a thing, the first of which wins. Between equals RabbitMQ takes either; the spec's checks
    /// complain about that.
    fn of(&self, target: PolicyTarget) -> Self {
        let side = |policies: &[&'a Policy]| {
            let mut policies: Vec<&Policy> =
                policies.iter().filter(|policy| applies(policy, target)).copied().collect();
            policies.sort_by(|a, b| b.priority.cmp(&a.priority).then_with(|| a.name.cmp(&b.name)));
            policies
        };
        Self { before: side(&self.before), after: side(&self.after) }
    }

    fn patterns(&self) -> impl Iterator<Item = &'a str> {
        self.before.iter().chain(&self.after).map(|policy| policy.pattern.as_str())
    }

    fn winners(&self, matches: impl Fn(&Policy) -> bool) -> Winners<'a> {
        let first = |side: &[&'a Policy]| side.iter().find(|policy| matches(policy)).copied();
        Winners { before: first(&self.before), after: first(&self.after) }
    }
}

/// The policies and operator policies of one virtual host.
struct Question<'a> {
    vhost: &'a str,
    version: Option<Version>,
    policies: Both<'a>,
    operators: Both<'a>,
}

/// Who wins on both sides.
#[derive(Clone, Copy)]
struct Winners<'a> {
    before: Option<&'a Policy>,
    after: Option<&'a Policy>,
}

impl Winners<'_> {
    fn names(&self) -> [Option<&str>; 2] {
        [self.before, self.after].map(|policy| policy.map(|policy| policy.name.as_str()))
    }

    /// Whether another one wins, or the same one with other settings.
    fn differ(&self) -> bool {
        let definition = |policy: Option<&Policy>| policy.map(|policy| policy.definition.clone());
        self.names()[0] != self.names()[1] || definition(self.before) != definition(self.after)
    }
}

/// The names for which it is so.
struct Region<'a> {
    policies: Winners<'a>,
    operators: Winners<'a>,
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
                Err(why) => return self.undecided(why),
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
        let (policies, operators) = (self.policies.of(target), self.operators.of(target));
        if policies.is_same() && operators.is_same() {
            return Ok(Vec::new());
        }
        let mut patterns: Vec<&str> = policies.patterns().chain(operators.patterns()).collect();
        patterns.sort_unstable();
        patterns.dedup();
        let all = combinations(&patterns)?;
        let mut found: Vec<(Region<'a>, Vec<usize>)> = Vec::new();
        for (index, one) in all.iter().enumerate() {
            let matches =
                |policy: &Policy| patterns.iter().position(|p| *p == policy.pattern).is_some_and(|at| one.matches[at]);
            let (policies, operators) = (policies.winners(matches), operators.winners(matches));
            let same = |region: &Region<'_>| {
                region.policies.names() == policies.names() && region.operators.names() == operators.names()
            };
            if let Some((region, parts)) = found.iter_mut().find(|(region, _)| same(region)) {
                region.names.extend(one.names.iter().cloned());
                parts.push(index);
            } else {
                let region = Region { policies, operators, names: one.names.clone(), pattern: None };
                found.push((region, vec![index]));
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
        let (policies, operators) = (&region.policies, &region.operators);
        let from = in_force(policies.before, operators.before, target);
        let to = in_force(policies.after, operators.after, target);
        let sides = Sides { from: &from, to: &to, target, version: self.version };
        let effects = sides.effects();
        let said: Vec<&str> = effects.iter().map(|effect| effect.text.as_str()).collect();
        let (who, names) = (who(policies, operators), self.names(region));
        let settings = settings(&sides);
        let text = if settings.is_empty() {
            let limits = other_that_says_the_same(policies, operators, target)?;
            format!("{who}, {names}, and nothing else is in force there: {limits} says the same")
        } else if said.is_empty() {
            format!("{who}, {names}")
        } else {
            format!("{}: {who}, {names}", said.join("; "))
        };
        let operator = !policies.differ();
        let [before, after] = if operator { operators } else { policies }.names().map(|name| name.map(str::to_owned));
        Some(PolicyChange {
            vhost: self.vhost.to_owned(),
            operator,
            kind: target,
            before,
            after,
            names: region.names.clone(),
            settings,
            loses_data: effects.iter().any(|effect| effect.loses_data),
            text,
        })
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
        format!("{which}{}", self.place())
    }

    fn place(&self) -> String {
        if self.vhost == "/" { String::new() } else { format!(" in {}", quoted(self.vhost)) }
    }

    /// Says of each policy that differs what it would do where it wins, as nobody can tell where that is.
    fn undecided(&self, why: &str) -> Vec<PolicyChange> {
        let mut patterns = self.policies.patterns().chain(self.operators.patterns());
        let hard = patterns.find(|pattern| combinations(&[pattern]).is_err());
        let why = match hard {
            Some(pattern) => format!("pattern {}: {}", quoted(pattern), bare(why)),
            None => bare(why),
        };
        let mut changes = Vec::new();
        for (operator, both) in [(false, &self.policies), (true, &self.operators)] {
            let names: BTreeSet<&str> =
                both.before.iter().chain(&both.after).map(|policy| policy.name.as_str()).collect();
            for name in names {
                let of = |side: &[&'a Policy]| side.iter().find(|policy| policy.name == name).copied();
                let (before, after) = (of(&both.before), of(&both.after));
                if before != after {
                    changes.push(self.undecided_policy(operator, Winners { before, after }, &why));
                }
            }
        }
        changes
    }

    fn undecided_policy(&self, operator: bool, policy: Winners<'_>, why: &str) -> PolicyChange {
        let applied = |target: &PolicyTarget| {
            [policy.before, policy.after].into_iter().flatten().any(|policy| applies(policy, *target))
        };
        let targets: Vec<PolicyTarget> =
            TARGETS.into_iter().filter(|target| self.exists(*target)).filter(applied).collect();
        let of = |side: Option<&Policy>, target: PolicyTarget| {
            in_force(side.filter(|policy| applies(policy, target)), None, target)
        };
        let mut said: Vec<String> = Vec::new();
        let (mut loses_data, mut different) = (false, Vec::new());
        for target in &targets {
            let (from, to) = (of(policy.before, *target), of(policy.after, *target));
            let sides = Sides { from: &from, to: &to, target: *target, version: self.version };
            for effect in sides.effects() {
                loses_data |= effect.loses_data;
                if !said.contains(&effect.text) {
                    said.push(effect.text);
                }
            }
            different.extend(settings(&sides));
        }
        different.sort();
        different.dedup();
        let word = if operator { "operator policy" } else { "policy" };
        let [before, after] = policy.names();
        let name = quoted(after.or(before).unwrap_or_default());
        let (verb, what) = match (before, after) {
            (None, _) => ("is new", "for which names it wins"),
            (_, None) => ("goes", "what is in force instead"),
            _ if different.is_empty() => ("has another pattern, priority or kind of thing", "for which names it wins"),
            _ => ("has other settings", "for which names it wins"),
        };
        // What goes may be in force all the same, by another policy.
        let effects = if said.is_empty() || after.is_none() { String::new() } else { format!("{}: ", said.join("; ")) };
        let kind = match &targets[..] {
            [one] => *one,
            [.., PolicyTarget::Exchanges]
                if policy.after.or(policy.before).is_some_and(|p| p.apply_to == "exchanges") =>
            {
                PolicyTarget::Exchanges
            }
            _ => PolicyTarget::Queues,
        };
        PolicyChange {
            vhost: self.vhost.to_owned(),
            operator,
            kind,
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
            names: Vec::new(),
            settings: different,
            loses_data,
            text: format!("{effects}{word} {name} {verb}{}; {what} cannot be decided ({why})", self.place()),
        }
    }
}

/// Names the policy because of which another one that says something else makes no difference; nothing if it says the same, as of
/// two policies with the same settings either may win.
fn other_that_says_the_same(policies: &Winners<'_>, operators: &Winners<'_>, target: PolicyTarget) -> Option<String> {
    let differs = |of: &Winners<'_>| in_force(of.before, None, target) != in_force(of.after, None, target);
    match (policies.after, operators.after) {
        (_, Some(operator)) if differs(policies) => Some(format!("operator policy {}", quoted(&operator.name))),
        (Some(policy), _) if differs(operators) => Some(format!("policy {}", quoted(&policy.name))),
        _ => None,
    }
}

fn settings(sides: &Sides<'_>) -> Vec<SettingChange> {
    let one = |key: &String| SettingChange {
        key: key.clone(),
        from: sides.from.get(key).map(shown),
        to: sides.to.get(key).map(shown),
    };
    sides.differing().map(one).collect()
}

fn who(policies: &Winners<'_>, operators: &Winners<'_>) -> String {
    let one = |word: &str, winners: &Winners<'_>| match (winners.before, winners.after) {
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
    };
    let parts = [("policy", policies), ("operator policy", operators)];
    let said: Vec<String> =
        parts.into_iter().filter(|(_, winners)| winners.differ()).map(|(word, winners)| one(word, winners)).collect();
    said.join(" and ")
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
                && (&other.before, &other.after, &other.settings, &other.names, &other.text)
                    == (&change.before, &change.after, &change.settings, &change.names, &change.text)
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
