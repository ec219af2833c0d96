//! The keys of broker policies and operator policies.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use serde_json::Value;

use super::range::Versions;
use super::table;
use super::version::Version;

/// The first version whose policies can apply to one type of queue (first tag of `rabbit_policy.erl` that names them).
pub const QUEUE_TYPES: Version = Version::new(3, 12, 0);

/// A key in the versions in which it had one type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyKey {
    /// The key.
    pub name: &'static str,
    /// What it takes.
    pub kind: PolicyType,
    /// The versions whose policies may hold it.
    pub versions: Versions,
    /// The versions whose operator policies may hold it.
    pub operator: Option<Versions>,
    /// The plugin that registers it.
    pub plugin: Option<&'static str>,
    /// What it works on.
    pub works_on: WorksOn,
}

/// What a key works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorksOn {
    /// Queues and exchanges.
    All,
    /// Exchanges.
    Exchanges,
    /// Queues of several types.
    Queues,
    /// Classic queues.
    Classic,
    /// Quorum queues.
    Quorum,
    /// Streams.
    Streams,
}

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyType {
    /// Anything; it depends on another key.
    Any,
    /// A string.
    Text,
    /// A whole number in a range.
    Integer(i64, i64),
    /// One of several words.
    Words(&'static str),
    /// One of several numbers.
    Numbers(&'static str),
    /// A number and one of Y, M, D, h, m, s.
    Age,
}

static KEYS: LazyLock<BTreeMap<&'static str, Vec<PolicyKey>>> = LazyLock::new(|| {
    let mut keys: BTreeMap<_, Vec<PolicyKey>> = BTreeMap::new();
    for key in table::built_in(include_str!("tables/rabbitmq_policy_keys.tsv"), COLUMNS, read) {
        keys.entry(key.name).or_default().push(key);
    }
    keys
});

const COLUMNS: [&str; 7] = ["key", "type", "versions", "operator", "plugin", "works_on", "source"];

fn read([name, kind, versions, operator, plugin, works_on, _]: [&'static str; 7]) -> Result<PolicyKey, String> {
    let works_on = match works_on {
        "all" => WorksOn::All,
        "exchanges" => WorksOn::Exchanges,
        "queues" => WorksOn::Queues,
        "classic" => WorksOn::Classic,
        "quorum" => WorksOn::Quorum,
        "stream" => WorksOn::Streams,
        _ => return Err(format!("nothing is called `{works_on}`")),
    };
    let operator = table::optional(operator).map(str::parse).transpose()?;
    let plugin = table::optional(plugin);
    Ok(PolicyKey { name, kind: PolicyType::parse(kind)?, versions: versions.parse()?, operator, plugin, works_on })
}

/// Returns the rows of a key.
pub fn rows(name: &str) -> &'static [PolicyKey] {
    KEYS.get(name).map_or(&[], Vec::as_slice)
}

/// Returns a key as the policies of one version have it.
pub fn find(name: &str, version: Version) -> Option<&'static PolicyKey> {
    rows(name).iter().find(|key| key.versions.contains(version))
}

/// Returns the names of the keys that policies of a version may hold; for operator policies those that they may.
pub fn names(version: Version, operator: bool) -> impl Iterator<Item = &'static str> {
    let there = move |key: &&PolicyKey| {
        if operator { key.is_for_operators(version) } else { key.versions.contains(version) }
    };
    KEYS.values().flatten().filter(there).map(|key| key.name)
}

impl PolicyKey {
    /// Tells whether an operator policy may hold it.
    pub fn is_for_operators(&self, version: Version) -> bool {
        self.operator.as_ref().is_some_and(|versions| versions.contains(version))
    }
}

impl PolicyType {
    fn parse(text: &'static str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a type");
        Ok(match text.split_once(':') {
            None => match text {
                "any" => Self::Any,
                "text" => Self::Text,
                "integer" => Self::Integer(i64::MIN, i64::MAX),
                "age" => Self::Age,
                _ => return Err(wrong()),
            },
            Some(("enum", words)) => Self::Words(words),
            Some(("number", numbers)) => Self::Numbers(numbers),
            Some(("integer", range)) => {
                let (low, high) = range.split_once("..").ok_or_else(wrong)?;
                let high = table::optional(high).map_or(Ok(i64::MAX), str::parse).map_err(|_| wrong())?;
                Self::Integer(low.parse().map_err(|_| wrong())?, high)
            }
            Some(_) => return Err(wrong()),
        })
    }

    /// Tells whether RabbitMQ takes a value.
    pub fn accepts(self, value: &Value) -> bool {
        let one_of = |words: &str, text: &str| words.split('|').any(|word| word == text);
        match self {
            Self::Any => true,
            Self::Text => value.is_string(),
            Self::Integer(low, high) => value.as_i64().is_some_and(|number| (low..=high).contains(&number)),
            Self::Words(words) => value.as_str().is_some_and(|text| one_of(words, text)),
            Self::Numbers(numbers) => value.is_i64() && one_of(numbers, &value.to_string()),
            Self::Age => value.as_str().is_some_and(|text| {
                let digits = text.trim_end_matches(['Y', 'M', 'D', 'h', 'm', 's']);
                text.len() == digits.len() + 1 && digits.parse::<u32>().is_ok()
            }),
        }
    }
}

impl fmt::Display for PolicyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |words: &str| words.split('|').map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        match self {
            Self::Any => f.write_str("anything"),
            Self::Text => f.write_str("text"),
            Self::Integer(i64::MIN, _) => f.write_str("a whole number"),
            Self::Integer(low, i64::MAX) => write!(f, "a whole number of at least {low}"),
            Self::Integer(low, high) => write!(f, "a whole number from {low} to {high}"),
            Self::Words(words) => f.write_str(&quoted(words)),
            Self::Numbers(numbers) => f.write_str(&quoted(numbers)),
            Self::Age => f.write_str("a number and a unit, such as `7D` or `12h`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn version(text: &str) -> Version {
        text.parse().expect("a version")
    }

    #[test]
    fn the_table_is_read() {
        let rows = table::read(include_str!("tables/rabbitmq_policy_keys.tsv"), COLUMNS, read).expect("the keys");
        for key in rows {
            let first = key.versions.first();
            assert_eq!(KEYS[key.name].iter().filter(|row| row.versions.contains(first)).count(), 1, "{}", key.name);
        }
    }

    #[test]
    fn keys_are_found_by_version() {
        let check = |key, at, policy, operator| {
            let found = find(key, version(at));
            assert_eq!(found.is_some(), policy, "{key} in {at}");
            assert_eq!(found.is_some_and(|key| key.is_for_operators(version(at))), operator, "{key} in {at}");
        };
        check("ha-mode", "3.6.12", true, false);
        check("ha-mode", "3.11.10", true, true);
        check("ha-mode", "4.0.1", false, false);
        check("ha-promote-on-failure", "3.6.12", false, false);
        check("ha-promote-on-failure", "3.7.5", true, false);
        check("max-length", "3.6.12", true, false);
        check("max-length", "3.7.0", true, true);
        check("overflow", "3.12.6", true, false);
        check("delayed-retry-type", "4.3.0", false, false);
        check("nonsense", "4.3.0", false, false);
        assert!(names(version("3.6.12"), true).next().is_none());
        assert!(names(version("3.7.0"), true).eq(["expires", "max-length", "max-length-bytes", "message-ttl"]));
    }

    #[test]
    fn values_are_taken_or_not() {
        let check = |key, at, value: Value, expect| {
            let key = find(key, version(at)).expect("a known key");
            assert_eq!(key.kind.accepts(&value), expect, "{} = {value}", key.name);
        };
        check("message-ttl", "3.6.0", json!(0), true);
        check("message-ttl", "3.6.0", json!("60000"), false);
        check("message-ttl", "3.6.0", json!(1.5), false);
        check("expires", "3.6.0", json!(0), false);
        check("delivery-limit", "3.13.7", json!(-1), false);
        check("delivery-limit", "4.0.1", json!(-1), true);
        check("overflow", "3.7.0", json!("reject-publish-dlx"), false);
        check("overflow", "3.8.0", json!("reject-publish-dlx"), true);
        check("queue-version", "3.10.0", json!(2), true);
        check("queue-version", "3.10.0", json!("2"), false);
        check("max-age", "3.9.0", json!("7D"), true);
        check("max-age", "3.9.0", json!("7days"), false);
        check("stream-filter-size-bytes", "3.13.0", json!(256), false);
    }
}
