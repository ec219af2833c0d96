//! RabbitMQ's own files: which keys change and what they do, environment, plugins; and the kernel's settings.

use std::collections::{BTreeMap, BTreeSet};

use super::haproxy::add;
use super::pair::Pair;
use super::settings::{Differs, change, differing};
use super::{Class, ServiceChange, SettingChange};
use crate::facts::version::Version;
use crate::facts::{config_effects, config_keys, platform};
use crate::policy::text::Setting;

/// A file of assignments: its path, whose it is, how bad a change is, what its keys mean.
type File = (&'static str, &'static str, Class, fn(&str, Option<Version>) -> String);

/// Returns what changes for RabbitMQ and the kernel.
pub(super) fn changes(pair: &Pair<'_>) -> Vec<ServiceChange> {
    let mut found = Vec::new();
    let files: [File; 3] = [
        (platform::RABBITMQ_CONF, "rabbitmq", Class::Rolling, key_text),
        (platform::RABBITMQ_ENV, "rabbitmq", Class::Rolling, |_, _| String::new()),
        (platform::SYSCTL, "kernel", Class::Live, |_, _| String::new()),
    ];
    let version = pair.brokers().1.and_then(|broker| broker.version.parse().ok());
    for (path, service, class, meaning) in files {
        let place = path.rsplit('/').next().unwrap_or(path);
        let made = |one: Differs| {
            let what = change(one.from.as_deref(), one.to.as_deref());
            let text = format!("{} {what}{}", one.key, meaning(&one.key, version));
            let setting = SettingChange { key: one.key, from: one.from, to: one.to };
            ServiceChange { service, class, place: place.to_owned(), setting, text, hosts: Vec::new() }
        };
        // Most hosts of a cluster have the same text.
        let mut known: BTreeMap<(String, String), Vec<ServiceChange>> = BTreeMap::new();
        for (host, old, new) in pair.rewritten(path) {
            let these = known.entry((old, new)).or_insert_with_key(|(old, new)| {
                differing(&assignments(old), &assignments(new), |_| 1).into_iter().map(made).collect()
            });
            add(&mut found, these, pair, host);
        }
    }
    found.extend(plugins(pair));
    found
}

/// Says what a key of rabbitmq.conf does, and whether RabbitMQ itself would take it without a restart.
fn key_text(key: &str, version: Option<Version>) -> String {
    let note = version.and_then(|version| Some((version, config_keys::note(key, version)?)));
    if let Some((version, note)) = note.filter(|(_, note)| note.effect == config_keys::Effect::Nothing) {
        return format!(" (RabbitMQ {version} reads it without effect: {})", note.why);
    }
    let Some(effect) = config_effects::find(key) else { return String::new() };
    let live = effect
        .live
        .map(|live| format!("; RabbitMQ itself could take it without a restart: {live}"))
        .unwrap_or_default();
    format!(" ({}{live})", effect.meaning)
}

/// Returns the lines `key = value` of a text.
fn assignments(text: &str) -> Vec<Setting> {
    let line = |line: &str| {
        let (key, value) = line.split_once('=')?;
        Some(Setting { place: String::new(), words: vec![key.trim().to_owned(), value.trim().to_owned()] })
    };
    super::files::said(text).filter_map(line).collect()
}

/// Returns the plugins that are switched.
fn plugins(pair: &Pair<'_>) -> Vec<ServiceChange> {
    let mut found = Vec::new();
    for (host, old, new) in pair.staying() {
        let (Some(old), Some(new)) = (&old.role.broker, &new.role.broker) else { continue };
        let (before, after): (BTreeSet<&String>, BTreeSet<&String>) =
            (old.plugins.iter().collect(), new.plugins.iter().collect());
        let these: Vec<ServiceChange> = before
            .symmetric_difference(&after)
            .map(|plugin| {
                let comes = after.contains(plugin);
                let (from, to) =
                    if comes { (None, Some("enabled".to_owned())) } else { (Some("enabled".to_owned()), None) };
                ServiceChange {
                    service: "rabbitmq",
                    class: Class::Live,
                    place: "enabled_plugins".to_owned(),
                    setting: SettingChange { key: (*plugin).clone(), from, to },
                    text: format!("plugin {plugin} is {}", if comes { "enabled" } else { "disabled" }),
                    hosts: Vec::new(),
                }
            })
            .collect();
        add(&mut found, &these, pair, host);
    }
    found
}

/// Returns the keys of rabbitmq.conf that change although nothing has to restart for them, with what RabbitMQ offers instead,
/// if there is no other reason for a restart.
pub(super) fn could_be_live(services: &[ServiceChange]) -> Option<BTreeMap<String, &'static str>> {
    let restarts: Vec<&ServiceChange> = services.iter().filter(|one| one.class == Class::Rolling).collect();
    let live = |one: &&ServiceChange| {
        let effect = config_effects::find(&one.setting.key).filter(|_| one.place == "rabbitmq.conf");
        effect.and_then(|effect| effect.live).map(|live| (one.setting.key.clone(), live))
    };
    let found: BTreeMap<String, &'static str> = restarts.iter().filter_map(live).collect();
    (!restarts.is_empty() && restarts.iter().all(|one| live(one).is_some())).then_some(found)
}
