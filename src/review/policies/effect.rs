//! What another definition in force does to messages and queues.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::definitions::Policy;
use crate::facts::policy_keys::{WorksOn, rows};
use crate::facts::version::Version;
use crate::review::PolicyTarget;
use crate::review::objects::shown;
use crate::review::settings::change;
use crate::review::words::{bare, quoted};

/// The settings that are in force on a thing.
pub(super) type Definition = BTreeMap<String, Value>;

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

/// How often a quorum queue of RabbitMQ 4.0 and later delivers a message again, where nothing says how often.
const DELIVERY_LIMIT: i64 = 20;

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

/// Puts a policy and an operator policy together as RabbitMQ does (`rabbit_policy:merge_operator_definitions/2`): of two numbers
/// the smaller one, of anything else the operator's. Keys that do nothing on such a thing are left out.
pub(super) fn in_force(policy: Option<&Policy>, operator: Option<&Policy>, target: PolicyTarget) -> Definition {
    let mut all = policy.map(|policy| policy.definition.clone()).unwrap_or_default();
    for (key, value) in operator.iter().flat_map(|policy| &policy.definition) {
        match (all.get(key).and_then(Value::as_i64), value.as_i64()) {
            (Some(own), Some(limit)) if own <= limit => {}
            _ => drop(all.insert(key.clone(), value.clone())),
        }
    }
    all.retain(|key, _| works(key, target));
    all
}

/// What another value of a key does.
pub(super) struct Effect {
    pub(super) text: String,
    pub(super) loses_data: bool,
    /// Whether it only repeats the values.
    pub(super) is_plain: bool,
}

impl Effect {
    fn new(text: impl Into<String>, loses_data: bool) -> Self {
        Self { text: text.into(), loses_data, is_plain: false }
    }
}

/// What is in force on a thing on both sides.
pub(super) struct Sides<'a> {
    pub(super) from: &'a Definition,
    pub(super) to: &'a Definition,
    pub(super) target: PolicyTarget,
    pub(super) version: Option<Version>,
}

/// What a queue does when it is full.
#[derive(PartialEq, Eq)]
enum Overflow {
    DropHead,
    RejectPublish,
}

impl Sides<'_> {
    /// Returns the keys whose values differ.
    pub(super) fn differing(&self) -> impl Iterator<Item = &String> {
        let come = self.to.keys().filter(|key| !self.from.contains_key(*key));
        self.from.keys().chain(come).filter(|key| self.from.get(*key) != self.to.get(*key))
    }

    /// Says what the differences do, what loses messages first.
    pub(super) fn effects(&self) -> Vec<Effect> {
        let mut effects: Vec<Effect> = self.differing().filter_map(|key| self.effect(key)).collect();
        effects.sort_by_key(|effect| (!effect.loses_data, effect.is_plain));
        effects
    }

    /// Says what another value of a key does; nothing where another key says it.
    fn effect(&self, key: &str) -> Option<Effect> {
        match key {
            "message-ttl" => self.number(key, |new, tighter| match new {
                Some(new) => {
                    Effect::new(format!("messages {} after {}", self.dropped(), time(new)), tighter && !self.keeps())
                }
                None => Effect::new("messages no longer expire", false),
            }),
            "expires" => self.number(key, |new, tighter| match new {
                Some(new) => Effect::new(
                    format!("queues that nobody uses for {} are deleted with their messages", time(new)),
                    tighter,
                ),
                None => Effect::new("unused queues are no longer deleted", false),
            }),
            "max-length" | "max-length-bytes" => self.number(key, |new, tighter| self.length(key, new, tighter)),
            "max-age" => Some(self.max_age()),
            "delivery-limit" => Some(self.delivery_limit()),
            "dead-letter-exchange" => Some(match self.to.get(key) {
                Some(to) => Effect::new(format!("dead letters go to exchange {}", quoted(shown(to))), false),
                None => {
                    Effect::new("what expires, is refused or is too much is dropped, and goes to no exchange", true)
                }
            }),
            "dead-letter-strategy" => self.dead_letter_strategy(),
            "alternate-exchange" => Some(match self.to.get(key) {
                Some(to) => {
                    Effect::new(format!("messages that no queue takes go to exchange {}", quoted(shown(to))), false)
                }
                None => Effect::new("messages that no queue takes are dropped, and go to no exchange", true),
            }),
            "overflow" => self.overflow(),
            "ha-mode" | "ha-params" => self.mirrors(key),
            "ha-sync-mode" => self.mirrors_of_new(),
            "ha-promote-on-shutdown" | "ha-promote-on-failure" => self.promotion(key),
            _ => None,
        }
        .or_else(|| (!self.says_another_key(key)).then(|| self.plain(key)))
    }

    /// Whether what a key does is said where another one is looked at.
    fn says_another_key(&self, key: &str) -> bool {
        match key {
            "ha-params" => self.from.get("ha-mode") != self.to.get("ha-mode"),
            // They are about mirrors, and there are none then.
            "ha-sync-mode" | "ha-promote-on-shutdown" | "ha-promote-on-failure" => {
                Copies::of(self.to).is_none_or(|copies| copies.number == Some(1))
            }
            _ => false,
        }
    }

    fn plain(&self, key: &str) -> Effect {
        let [from, to] = [self.from.get(key).map(shown), self.to.get(key).map(shown)];
        let text = format!("{key} {}", bare(&change(from.as_deref(), to.as_deref())));
        Effect { text, loses_data: false, is_plain: true }
    }

    /// Takes a key whose values are numbers; the second thing that is handed over is whether less is allowed than before.
    fn number(&self, key: &str, say: impl FnOnce(Option<i64>, bool) -> Effect) -> Option<Effect> {
        let number = |side: &Definition| side.get(key).map(Value::as_i64);
        let (old, new) = (number(self.from), number(self.to));
        if old == Some(None) || new == Some(None) {
            return None;
        }
        let (old, new) = (old.flatten(), new.flatten());
        Some(say(new, new.is_some_and(|new| old.is_none_or(|old| new < old))))
    }

    /// Whether messages that a queue gives up go somewhere.
    fn keeps(&self) -> bool {
        self.to.contains_key("dead-letter-exchange")
    }

    fn dropped(&self) -> &'static str {
        if self.keeps() { "go to the dead-letter exchange" } else { "are dropped" }
    }

    /// Returns what a full queue does. A quorum queue takes `reject-publish-dlx` for a mistake, and drops the oldest messages.
    fn when_full(&self, side: &Definition) -> Overflow {
        match side.get("overflow").and_then(Value::as_str) {
            Some("reject-publish") => Overflow::RejectPublish,
            Some("reject-publish-dlx") if self.target != PolicyTarget::QuorumQueues => Overflow::RejectPublish,
            _ => Overflow::DropHead,
        }
    }

    fn length(&self, key: &str, new: Option<i64>, tighter: bool) -> Effect {
        let is_stream = self.target == PolicyTarget::Streams;
        let what = if is_stream { "streams" } else { "queues" };
        let Some(new) = new else { return Effect::new(format!("{what} have no {key} any more"), false) };
        let unit = if key.ends_with("bytes") { "bytes" } else { "messages" };
        let rejects = self.when_full(self.to) == Overflow::RejectPublish;
        let beyond = match (rejects, self.keeps()) {
            (true, _) => "publishers are refused beyond that",
            (_, true) => "the oldest go to the dead-letter exchange beyond that",
            _ => "the oldest are dropped beyond that",
        };
        Effect::new(format!("{what} keep at most {new} {unit}, {beyond}"), tighter && !rejects && !self.keeps())
    }

    fn max_age(&self) -> Effect {
        let Some(to) = self.to.get("max-age") else {
            return Effect::new("streams no longer drop what is old", false);
        };
        let [old, new] = [self.from.get("max-age"), Some(to)].map(|age| age.and_then(Value::as_str).and_then(seconds));
        let tighter = self.from.get("max-age").is_none() || old.zip(new).is_none_or(|(old, new)| new < old);
        Effect::new(format!("streams drop what is older than {}", bare(&shown(to))), tighter)
    }

    /// Returns how often a message may be delivered again; nothing is any number of times.
    fn deliveries(&self, side: &Definition) -> Option<i64> {
        let default = self.version.is_some_and(|version| version >= Version::new(4, 0, 0)).then_some(DELIVERY_LIMIT);
        match side.get("delivery-limit") {
            Some(limit) => limit.as_i64().filter(|limit| *limit >= 0),
            None => default,
        }
    }

    fn delivery_limit(&self) -> Effect {
        let [old, new] = [self.from, self.to].map(|side| self.deliveries(side));
        let tighter = new.is_some_and(|new| old.is_none_or(|old| new < old));
        let default = if self.to.contains_key("delivery-limit") { "" } else { " (RabbitMQ's default)" };
        match new {
            Some(new) => {
                let text = format!("messages that were delivered more than {new} times{default} {}", self.dropped());
                Effect::new(text, tighter && !self.keeps())
            }
            None => Effect::new("messages are delivered again as often as it takes", false),
        }
    }

    fn dead_letter_strategy(&self) -> Option<Effect> {
        let is_safe = |side: &Definition| {
            side.get("dead-letter-strategy").and_then(Value::as_str) == Some("at-least-once")
                && self.when_full(side) == Overflow::RejectPublish
        };
        match (is_safe(self.from), is_safe(self.to)) {
            (true, false) => Some(Effect::new("dead letters can be lost on their way to the exchange", false)),
            (false, true) => Some(Effect::new("dead letters are kept until the exchange's queues have them", false)),
            _ => None,
        }
    }

    fn overflow(&self) -> Option<Effect> {
        match (self.when_full(self.from), self.when_full(self.to)) {
            (Overflow::DropHead, Overflow::RejectPublish) => Some(Effect::new("full queues refuse publishers", false)),
            (Overflow::RejectPublish, Overflow::DropHead) if self.keeps() => {
                Some(Effect::new("the oldest messages of full queues go to the dead-letter exchange", false))
            }
            (Overflow::RejectPublish, Overflow::DropHead) => {
                Some(Effect::new("full queues drop the oldest messages", true))
            }
            _ => None,
        }
    }

    /// Says how many copies a mirrored queue has: two keys, one sentence.
    fn mirrors(&self, key: &str) -> Option<Effect> {
        if self.says_another_key(key) {
            return None;
        }
        match (Copies::of(self.from), Copies::of(self.to)) {
            (Some(_), None) => Some(Effect::new(
                "queues are no longer mirrored: each lives on one node alone, and is lost with it",
                true,
            )),
            (None, Some(after)) => Some(Effect::new(format!("queues are mirrored: {}", after.text), false)),
            (Some(before), Some(after)) => {
                let lonely = after.number == Some(1) && before.number != Some(1);
                let lost = if lonely { ": each lives on one node alone, and is lost with it" } else { "" };
                Some(Effect::new(format!("queues have {} instead of {}{lost}", after.text, before.text), lonely))
            }
            (None, None) => None,
        }
    }

    fn mirrors_of_new(&self) -> Option<Effect> {
        if self.says_another_key("ha-sync-mode") {
            return None;
        }
        let text = match self.to.get("ha-sync-mode").and_then(Value::as_str) {
            Some("automatic") => "new mirrors copy all messages at once, and the queue stands still meanwhile",
            _ => "new mirrors begin empty and copy nothing",
        };
        Some(Effect::new(text, false))
    }

    /// Says whether a mirror takes over that lacks messages. Without the key, one does after a failure, and none after a shutdown.
    fn promotion(&self, key: &str) -> Option<Effect> {
        if self.says_another_key(key) {
            return None;
        }
        let after = if key.ends_with("shutdown") { "a shutdown" } else { "a failure" };
        let default = if key.ends_with("shutdown") { "when-synced" } else { "always" };
        let [old, new] = [self.from, self.to].map(|side| side.get(key).and_then(Value::as_str).unwrap_or(default));
        match (old, new) {
            ("when-synced", "always") => Some(Effect::new(
                format!(
                    "after {after}, a mirror takes over that has not copied all messages: the others are lost then"
                ),
                false,
            )),
            ("always", "when-synced") => Some(Effect::new(
                format!("after {after}, only a mirror with all messages takes over: without one the queue is away"),
                false,
            )),
            _ => None,
        }
    }
}

/// The copies of a mirrored queue.
struct Copies {
    text: String,
    /// How many there are, if the policy says so.
    number: Option<u64>,
}

impl Copies {
    fn of(side: &Definition) -> Option<Self> {
        let params = side.get("ha-params");
        let said = params.map(|params| bare(&shown(params))).unwrap_or_default();
        Some(match side.get("ha-mode").and_then(Value::as_str)? {
            "all" => Self { text: "a copy on every node".to_owned(), number: None },
            "exactly" => {
                let number = params.and_then(Value::as_u64);
                let noun = if number == Some(1) { "copy" } else { "copies" };
                Self { text: format!("{said} {noun}"), number }
            }
            "nodes" => {
                let number = params.and_then(Value::as_array).and_then(|nodes| u64::try_from(nodes.len()).ok());
                let noun = if number == Some(1) { "a copy" } else { "copies" };
                Self { text: format!("{noun} on {said}"), number }
            }
            other => Self { text: quoted(other), number: None },
        })
    }
}

/// Says a number of milliseconds as people do.
fn time(millis: i64) -> String {
    let units = [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000)];
    let whole = units.into_iter().find(|(_, unit)| millis >= *unit && millis % unit == 0);
    whole.map_or_else(|| format!("{millis} ms"), |(name, unit)| format!("{} {name}", millis / unit))
}

/// Reads an age of a stream, such as `7D`, in seconds, as RabbitMQ counts them (`rabbit_amqqueue:check_max_age/1`).
fn seconds(age: &str) -> Option<u64> {
    let (number, unit) = age.split_at_checked(age.len().checked_sub(1)?)?;
    let seconds = match unit {
        "Y" => 365 * 86_400,
        "M" => 30 * 86_400,
        "D" => 86_400,
        "h" => 3600,
        "m" => 60,
        "s" => 1,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(seconds)
}
