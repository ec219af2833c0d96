//! The keys of `rabbitmq.conf`: known to the version, of the right type, brought by an enabled plugin, said once.

use std::borrow::Cow;

use crate::diag::{Place, nearest};
use crate::facts::config_keys::{self, Effect, Key};
use crate::facts::features::{self, ConfigFormat};
use crate::facts::plugins;
use crate::facts::version::Version;
use crate::model::{Broker, ConfigValue};
use crate::policy::{Finding, Subject};

/// From here on a node reads the schemas of all plugins that are installed, not only of the enabled ones
/// (`rabbit_prelaunch_conf.erl` of v3.8.4, `rabbit_plugins:extract_schemas/1` before).
const EVERY_SCHEMA: Version = Version::new(3, 8, 4);

/// A key of the file and its value as text; `None` for a secret.
struct Entry<'a> {
    key: &'a str,
    value: Option<Cow<'a, str>>,
    /// Its value's place; `None` in the lines of `extra`.
    place: Option<Place>,
}

impl Entry<'_> {
    fn finding(&self, label: &str) -> Finding {
        let finding = Finding::new().with("key", self.key);
        match self.place {
            Some(place) => finding.at_place(place, label),
            None => finding.at(&["rabbitmq", "extra"], label),
        }
    }
}

/// Finds keys that no version has.
pub(in crate::policy) fn unknown(subject: &Subject<'_>) -> Vec<Finding> {
    let broker = &subject.cluster.broker;
    let version = broker.version.value;
    let unknown = entries(broker).filter(|entry| config_keys::rows(entry.key).next().is_none());
    let finding = |entry: Entry<'_>| {
        let known = config_keys::all().iter().filter(|row| row.versions.contains(version)).map(|row| row.name);
        entry.finding("unknown key").with("near", nearest(entry.key, known))
    };
    unknown.map(finding).collect()
}

/// Finds keys that only later versions have.
pub(in crate::policy) fn too_new(subject: &Subject<'_>) -> Vec<Finding> {
    let version = subject.cluster.broker.version.value;
    let finding = |entry: Entry<'_>| {
        let first = config_keys::rows(entry.key).filter_map(|row| row.versions.next(version)).min()?;
        Some(entry.finding("not yet known").with("first", first.to_string()))
    };
    elsewhere(&subject.cluster.broker).filter_map(finding).collect()
}

/// Finds keys that only earlier versions have.
pub(in crate::policy) fn removed(subject: &Subject<'_>) -> Vec<Finding> {
    let version = subject.cluster.broker.version.value;
    let finding = |entry: Entry<'_>| {
        let gone = config_keys::rows(entry.key).filter(|row| row.versions.next(version).is_none());
        let row = gone.max_by_key(|row| row.versions.last())?;
        if config_keys::rows(entry.key).any(|row| row.versions.next(version).is_some()) {
            return None;
        }
        let note = config_keys::note(row.name, version).filter(|note| note.effect == Effect::Removed);
        let finding = entry.finding("no longer known").with("last", row.versions.last_before(version));
        Some(finding.with("reason", note.map(|note| note.why)).with("instead", note.and_then(|note| note.instead)))
    };
    elsewhere(&subject.cluster.broker).filter_map(finding).collect()
}

/// Finds keys of plugins that are not enabled, where the node does not start with such a key.
pub(in crate::policy) fn refused_of_plugin(subject: &Subject<'_>) -> Vec<Finding> {
    if subject.cluster.broker.version.value >= EVERY_SCHEMA { Vec::new() } else { of_disabled_plugin(subject) }
}

/// Finds keys of plugins that are not enabled, where they do nothing.
pub(in crate::policy) fn idle_of_plugin(subject: &Subject<'_>) -> Vec<Finding> {
    if subject.cluster.broker.version.value < EVERY_SCHEMA { Vec::new() } else { of_disabled_plugin(subject) }
}

fn of_disabled_plugin(subject: &Subject<'_>) -> Vec<Finding> {
    let broker = &subject.cluster.broker;
    let enabled = || broker.plugins.iter().map(|plugin| plugin.value.as_str());
    let idle = |(entry, row): (Entry<'_>, &Key)| {
        let on = row.plugin == "rabbit" || plugins::is_on(row.plugin, enabled());
        (!on).then(|| entry.finding("needs the plugin").with("plugin", row.plugin))
    };
    known(broker).filter_map(idle).collect()
}

/// Finds values that their keys do not take.
pub(in crate::policy) fn wrong_type(subject: &Subject<'_>) -> Vec<Finding> {
    let wrong = |(entry, row): (Entry<'_>, &Key)| {
        let value = entry.value.as_deref().filter(|value| !row.kind.accepts(value))?;
        let finding = entry.finding("this value").with("value", value).with("expected", row.kind.to_string());
        let near = nearest(value, row.kind.words().filter(|word| !word.is_empty()));
        let yes = matches!(value, "on" | "yes" | "1" | "True" | "TRUE");
        let no = matches!(value, "off" | "no" | "0" | "False" | "FALSE");
        let meant = if !row.kind.is_boolean() {
            near
        } else if yes {
            Some("true")
        } else if no {
            Some("false")
        } else {
            near
        };
        Some(finding.with("near", meant))
    };
    known(&subject.cluster.broker).filter_map(wrong).collect()
}

/// Finds keys that are read and do nothing.
pub(in crate::policy) fn without_effect(subject: &Subject<'_>) -> Vec<Finding> {
    noted(subject, Effect::Nothing, "without effect")
}

/// Finds keys whose names are on their way out.
pub(in crate::policy) fn renamed(subject: &Subject<'_>) -> Vec<Finding> {
    noted(subject, Effect::Renamed, "the old name")
}

fn noted(subject: &Subject<'_>, effect: Effect, label: &str) -> Vec<Finding> {
    let version = subject.cluster.broker.version.value;
    let noted = |(entry, row): (Entry<'_>, &Key)| {
        let note = config_keys::note(row.name, version).filter(|note| note.effect == effect)?;
        Some(entry.finding(label).with("reason", note.why).with("instead", note.instead))
    };
    known(&subject.cluster.broker).filter_map(noted).collect()
}

/// Finds keys in `extra` that the file has already: of two lines with one key only the last one counts.
pub(in crate::policy) fn said_twice(subject: &Subject<'_>) -> Vec<Finding> {
    let broker = &subject.cluster.broker;
    let mut found = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for entry in extra(broker) {
        let by = if broker.config.contains_key(entry.key) {
            Some("under `config`")
        } else if seen.contains(&entry.key) {
            Some("in `extra`")
        } else {
            is_written(subject, entry.key).then_some("by rmqgit itself")
        };
        seen.push(entry.key);
        found.extend(by.map(|by| entry.finding("a second time").with("by", by)));
    }
    found
}

/// Tells whether rmqgit writes a key that the spec does not give under `config`.
fn is_written(subject: &Subject<'_>, key: &str) -> bool {
    let broker = &subject.cluster.broker;
    let given = |prefix: &str| broker.config.keys().any(|key| key.starts_with(prefix));
    match key {
        "cluster_name" => features::config_has_cluster_name(broker.version.value),
        "listeners.tcp.default" => broker.port.value != 5672,
        "management.tcp.port" | "management.listener.port" => {
            broker.has_plugin("rabbitmq_management") && broker.management_port.value != 15672
        }
        "cluster_formation.peer_discovery_backend" | "cluster_formation.node_type" => !given("cluster_formation."),
        _ => key.starts_with("cluster_formation.classic_config.nodes.") && !given("cluster_formation."),
    }
}

/// Finds lines of `extra` that are neither a key with a value nor a comment.
pub(in crate::policy) fn unreadable(subject: &Subject<'_>) -> Vec<Finding> {
    let broker = &subject.cluster.broker;
    let wrong = lines(broker).filter(|line| !line.contains('=') && !line.starts_with("include "));
    let finding = |line: &str| Finding::new().with("line", line).at(&["rabbitmq", "extra"], "in these lines");
    wrong.map(finding).collect()
}

/// Walks the keys that some version has, but not this one.
fn elsewhere(broker: &Broker) -> impl Iterator<Item = Entry<'_>> {
    let version = broker.version.value;
    entries(broker).filter(move |entry| {
        let mut rows = config_keys::rows(entry.key).peekable();
        rows.peek().is_some() && !rows.any(|row| row.versions.contains(version))
    })
}

/// Walks the keys that the version has.
fn known(broker: &Broker) -> impl Iterator<Item = (Entry<'_>, &'static Key)> {
    let version = broker.version.value;
    entries(broker).filter_map(move |entry| config_keys::find(entry.key, version).map(|row| (entry, row)))
}

/// Walks all keys of the file; none for RabbitMQ 3.6, whose terms the compiler knows by itself.
fn entries(broker: &Broker) -> impl Iterator<Item = Entry<'_>> {
    let keys = features::config_format(broker.version.value) == ConfigFormat::Keys;
    let config = broker.config.iter().filter(move |_| keys).map(|(key, setting)| {
        let value = match &setting.value {
            ConfigValue::Bool(true) => Some(Cow::Borrowed("true")),
            ConfigValue::Bool(false) => Some(Cow::Borrowed("false")),
            ConfigValue::Int(number) => Some(Cow::Owned(number.to_string())),
            ConfigValue::Float(text) | ConfigValue::Text(text) => Some(Cow::Borrowed(text.as_str())),
            ConfigValue::Secret(_) => None,
        };
        Entry { key, value, place: Some(setting.place) }
    });
    config.chain(extra(broker))
}

/// Reads the lines of `extra`: a key, `=`, a value that may stand in single quotes, and a comment.
fn extra(broker: &Broker) -> impl Iterator<Item = Entry<'_>> {
    lines(broker).filter_map(|line| {
        let (key, value) = line.split_once('=')?;
        let value = value.trim();
        let quoted = value.strip_prefix('\'').and_then(|rest| rest.split_once('\''));
        let value = quoted.map_or_else(|| value.split('#').next().unwrap_or("").trim_end(), |(inside, _)| inside);
        Some(Entry { key: key.trim(), value: Some(Cow::Borrowed(value)), place: None })
    })
}

fn lines(broker: &Broker) -> impl Iterator<Item = &str> {
    let keys = features::config_format(broker.version.value) == ConfigFormat::Keys;
    let lines = broker.extra.iter().filter(move |_| keys).flat_map(|lines| lines.lines()).map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
}
