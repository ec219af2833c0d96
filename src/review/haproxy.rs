//! HAProxy: servers, binds, timeouts and whatever else a haproxy.cfg sets.

use std::collections::BTreeMap;

use super::pair::Pair;
use super::settings::{Differs, change, differing};
use super::words::{bare, quoted};
use super::{Class, ServiceChange, SettingChange};
use crate::facts::platform;
use crate::name::HostName;
use crate::policy::text::Setting;
use crate::policy::text::haproxy::outline;

/// The name of the service in the document.
const SERVICE: &str = "haproxy";

/// Keywords whose second word belongs to their name.
const TWO_WORDS: [&str; 12] = [
    "server",
    "timeout",
    "option",
    "acl",
    "stats",
    "errorfile",
    "http-check",
    "http-request",
    "http-response",
    "tcp-check",
    "tcp-request",
    "user",
];

/// Parameters of a server that have no value.
const FLAGS: [&str; 14] = [
    "check",
    "backup",
    "ssl",
    "send-proxy",
    "send-proxy-v2",
    "disabled",
    "enabled",
    "check-ssl",
    "check-send-proxy",
    "no-check",
    "no-backup",
    "allow-0rtt",
    "tfo",
    "agent-check",
];

/// Returns what changes for HAProxy.
pub(super) fn changes(pair: &Pair<'_>) -> Vec<ServiceChange> {
    let mut found: Vec<ServiceChange> = Vec::new();
    let mut known: BTreeMap<(String, String), Vec<ServiceChange>> = BTreeMap::new();
    for (host, old, new) in pair.rewritten(platform::HAPROXY_CFG) {
        let these = known.entry((old, new)).or_insert_with_key(|(old, new)| between(old, new));
        add(&mut found, these, pair, host);
    }
    found
}

/// Adds changes of one host to those of others.
pub(super) fn add(found: &mut Vec<ServiceChange>, these: &[ServiceChange], pair: &Pair<'_>, host: &HostName) {
    for one in these {
        let same = found.iter_mut().find(|other| (&other.place, &other.setting) == (&one.place, &one.setting));
        match same {
            Some(other) => other.hosts.push(pair.id(host)),
            None => found.push(ServiceChange { hosts: vec![pair.id(host)], ..one.clone() }),
        }
    }
}

fn between(old: &str, new: &str) -> Vec<ServiceChange> {
    let name = |setting: &Setting| match setting.words.first() {
        Some(first) if TWO_WORDS.contains(&first.as_str()) => 2,
        _ => 1,
    };
    differing(&outline(old), &outline(new), name).into_iter().flat_map(explain).collect()
}

/// Says what a difference means.
fn explain(one: Differs) -> Vec<ServiceChange> {
    let server = one.key.strip_prefix("server ").map(str::to_owned);
    let made = |key: String, from: Option<String>, to: Option<String>, text: String| ServiceChange {
        service: SERVICE,
        class: Class::Reload,
        place: one.place.clone(),
        setting: SettingChange { key, from, to },
        text,
        hosts: Vec::new(),
    };
    let place = &one.place;
    if one.key.is_empty() {
        let text = format!("{} is {}", quoted(place), if one.to.is_some() { "new" } else { "gone" });
        let (from, to) = (one.from.map(|_| place.clone()), one.to.map(|_| place.clone()));
        return vec![made(String::new(), from, to, text)];
    }
    if let Some(server) = server {
        let (from, to) = match (&one.from, &one.to) {
            (Some(from), Some(to)) => (parameters(from), parameters(to)),
            (from, to) => {
                let what = if to.is_some() { "is new" } else { "is gone: it gets no more connections" };
                let text = format!("server {} of {} {what}", quoted(server), quoted(place));
                return vec![made(one.key.clone(), from.clone(), to.clone(), text)];
            }
        };
        let keys = from.keys().chain(to.keys().filter(|key| !from.contains_key(*key)));
        let differing = keys.filter(|key| from.get(*key) != to.get(*key));
        return differing
            .map(|key| {
                let (before, after) = (from.get(key).cloned(), to.get(key).cloned());
                let what = match (key.as_str(), &before, &after) {
                    ("backup", None, _) => {
                        "becomes a backup: it gets connections only while no other server works".to_owned()
                    }
                    ("backup", _, None) => "is no backup any more: it gets connections like the others".to_owned(),
                    ("check", _, None) => "is checked no more: it counts as working".to_owned(),
                    ("disabled", None, _) => "gets no connections: it is disabled".to_owned(),
                    _ => format!("has {key} {}", change(before.as_deref(), after.as_deref())),
                };
                let text = format!("server {} of {} {}", quoted(&server), quoted(place), bare(&what));
                made(format!("server {server} {key}"), before, after, text)
            })
            .collect();
    }
    let what = bare(&change(one.from.as_deref(), one.to.as_deref()));
    let note = match (one.key.as_str(), &one.from, &one.to) {
        ("bind", Some(_), Some(_)) => ": clients must connect elsewhere",
        ("bind", Some(_), None) => ": HAProxy no longer listens there",
        ("balance", ..) => ": new connections are spread otherwise",
        ("maxconn", ..) => ": how many connections are served at once",
        _ => "",
    };
    let text = format!("{}: {} {what}{note}", quoted(place), bare(&one.key));
    vec![made(one.key.clone(), one.from.clone(), one.to.clone(), text)]
}

/// Returns the address and the parameters of a server.
fn parameters(line: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut words = line.split(' ');
    found.insert("address".to_owned(), words.next().unwrap_or_default().to_owned());
    while let Some(word) = words.next() {
        let value = if FLAGS.contains(&word) { "" } else { words.next().unwrap_or_default() };
        found.insert(word.to_owned(), value.to_owned());
    }
    found
}

/// Returns the longest that an old process may serve after a reload, if the text says it.
pub(super) fn hard_stop(text: &str) -> Option<String> {
    let global =
        outline(text).into_iter().find(|setting| setting.words.first().is_some_and(|word| word == "hard-stop-after"));
    global.and_then(|setting| setting.words.get(1).cloned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_difference_means() {
        let old = "listen amqp\n bind *:5673\n balance leastconn\n timeout client 3h\n server a 10.0.0.1:5672 check weight 100\n server b 10.0.0.2:5672 check backup\n server c 10.0.0.3:5672\n";
        let new = "listen amqp\n bind *:5674\n balance source\n timeout client 1h\n server a 10.0.0.1:5672 check weight 50\n server b 10.0.0.9:5672 check\n server d 10.0.0.4:5672\nlisten x\n bind *:1\n";
        let texts: Vec<String> = between(old, new).into_iter().map(|one| one.text).collect();
        assert_eq!(
            texts,
            [
                "`listen amqp`: balance leastconn → source: new connections are spread otherwise",
                "`listen amqp`: bind *:5673 → *:5674: clients must connect elsewhere",
                "server `a` of `listen amqp` has weight 100 → 50",
                "server `b` of `listen amqp` has address 10.0.0.2:5672 → 10.0.0.9:5672",
                "server `b` of `listen amqp` is no backup any more: it gets connections like the others",
                "server `c` of `listen amqp` is gone: it gets no more connections",
                "server `d` of `listen amqp` is new",
                "`listen amqp`: timeout client 3h → 1h",
                "`listen x` is new",
            ]
        );
        assert!(between(old, &format!("# y\n\n{old}")).is_empty());
    }
}
