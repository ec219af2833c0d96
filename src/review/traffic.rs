//! What a new haproxy.cfg does to those who connect: who finds nobody any more, who is cut off, who gets nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::pair::{Pair, list};
use super::words::{bare, quoted};
use super::{Class, Consequence, HostId};
use crate::facts::platform;
use crate::policy::text::haproxy::outline;

/// A proxy of HAProxy, as far as clients notice it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Proxy {
    binds: BTreeSet<String>,
    servers: BTreeMap<String, Server>,
    /// Its settings, those of `defaults` among them, by name.
    settings: BTreeMap<String, String>,
    /// What refuses connections or requests.
    refuses: BTreeSet<String>,
    disabled: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Server {
    address: String,
    backup: bool,
    /// Whether it gets nothing: disabled, or of weight 0.
    idle: bool,
}

/// The settings that are compared, and whom the times among them cut off.
const SETTINGS: [(&str, &str); 4] = [
    ("timeout client", "a client that sends nothing for"),
    ("timeout server", "a client to whom the broker sends nothing for"),
    ("maxconn", ""),
    ("mode", ""),
];

/// How often, in milliseconds, a client sends a heartbeat that takes RabbitMQ's own 60 seconds: twice in that time.
const HEARTBEAT: u64 = 30_000;

/// Returns the proxies of a haproxy.cfg by their kind and name.
fn proxies(text: &str) -> BTreeMap<String, Proxy> {
    let mut proxies: BTreeMap<String, Proxy> = BTreeMap::new();
    let mut defaults: BTreeMap<String, String> = BTreeMap::new();
    for setting in outline(text) {
        let (section, _) = setting.place.split_once(' ').unwrap_or((&setting.place, ""));
        let words: Vec<&str> = setting.words.iter().map(String::as_str).collect();
        let known = |words: &[&str]| {
            let named = |(name, _): &&(&str, &str)| words.join(" ").starts_with(&format!("{name} "));
            SETTINGS.iter().find(named).map(|(name, _)| {
                let value = words.get(name.split(' ').count()).copied().unwrap_or_default();
                ((*name).to_owned(), value.to_owned())
            })
        };
        match (section, words.as_slice()) {
            ("defaults", []) => defaults.clear(),
            ("defaults", words) => defaults.extend(known(words)),
            ("listen" | "frontend" | "backend", words) => {
                let fresh = || Proxy { settings: defaults.clone(), ..Proxy::default() };
                let proxy = proxies.entry(setting.place.clone()).or_insert_with(fresh);
                proxy.settings.extend(known(words));
                proxy.note(words);
            }
            ("global", ["maxconn", most, ..]) => {
                let settings = BTreeMap::from([("maxconn".to_owned(), (*most).to_owned())]);
                proxies.insert("global".to_owned(), Proxy { settings, ..Proxy::default() });
            }
            _ => {}
        }
    }
    proxies
}

impl Proxy {
    fn note(&mut self, words: &[&str]) {
        match words {
            ["bind", addresses, ..] => self.binds.extend(addresses.split(',').map(str::to_owned)),
            ["server", name, address, rest @ ..] => {
                let weight = rest.iter().position(|word| *word == "weight").and_then(|at| rest.get(at + 1));
                let server = Server {
                    address: (*address).to_owned(),
                    backup: rest.contains(&"backup"),
                    idle: rest.contains(&"disabled") || weight == Some(&"0"),
                };
                self.servers.insert((*name).to_owned(), server);
            }
            ["disabled"] => self.disabled = true,
            [what, rest @ ..]
                if (what.contains("-request") || what.contains("-response"))
                    && rest.iter().any(|word| ["reject", "deny", "silent-drop", "tarpit"].contains(word)) =>
            {
                self.refuses.insert(words.join(" "));
            }
            _ => {}
        }
    }

    /// Returns the servers that get connections: the others serve only when none of these works.
    fn first(&self) -> BTreeSet<&str> {
        let usable = self.servers.iter().filter(|(_, one)| !one.idle && !one.backup);
        usable.map(|(name, _)| name.as_str()).collect()
    }
}

/// Says what clients notice of the new configurations of HAProxy.
pub(super) fn consequences(pair: &Pair<'_>) -> Vec<Consequence> {
    let mut said: Vec<(String, Vec<HostId>)> = Vec::new();
    let mut known: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for (host, old, new) in pair.rewritten(platform::HAPROXY_CFG) {
        let these = known.entry((old, new)).or_insert_with_key(|(old, new)| between(&proxies(old), &proxies(new)));
        for text in these {
            match said.iter_mut().find(|(other, _)| other == text) {
                Some((_, hosts)) => hosts.push(pair.id(host)),
                None => said.push((text.clone(), vec![pair.id(host)])),
            }
        }
    }
    let made = |(text, hosts)| Consequence { class: Class::Reload, loses_data: false, text, hosts };
    said.into_iter().map(made).collect()
}

fn between(old: &BTreeMap<String, Proxy>, new: &BTreeMap<String, Proxy>) -> Vec<String> {
    let mut found = Vec::new();
    listening(old, new, &mut found);
    for (name, before) in old {
        let Some(after) = new.get(name) else {
            if before.binds.is_empty() && name != "global" {
                found.push(format!("{} is gone: nothing is sent to its servers any more", quoted(name)));
            }
            continue;
        };
        servers(name, before, after, &mut found);
        for setting in SETTINGS.iter().map(|(setting, _)| *setting) {
            let (from, to) = (before.settings.get(setting), after.settings.get(setting));
            if from != to {
                found.extend(tighter(name, setting, from.map(String::as_str), to.map(String::as_str)));
            }
        }
        let come = after.refuses.difference(&before.refuses);
        found.extend(come.map(|one| format!("{} refuses what {} matches, from now on", quoted(name), quoted(one))));
    }
    found
}

/// Says where nobody listens any more.
fn listening(old: &BTreeMap<String, Proxy>, new: &BTreeMap<String, Proxy>, found: &mut Vec<String>) {
    let all = |side: &BTreeMap<String, Proxy>| -> BTreeSet<String> {
        side.values().filter(|proxy| !proxy.disabled).flat_map(|proxy| proxy.binds.clone()).collect()
    };
    let still = all(new);
    for (name, before) in old.iter().filter(|(_, proxy)| !proxy.disabled) {
        let gone: Vec<String> = before.binds.difference(&still).map(quoted).collect();
        if gone.is_empty() {
            continue;
        }
        let after = new.get(name);
        let come = after.map(|after| after.binds.difference(&before.binds).map(quoted).collect::<Vec<_>>());
        let now = match (after, come.as_deref()) {
            (Some(after), _) if after.disabled => " is disabled".to_owned(),
            (Some(_), Some(come @ [_, ..])) => format!(" listens on {} instead of {}", list(come), list(&gone)),
            (Some(_), _) => format!(" no longer listens on {}", list(&gone)),
            (None, _) => format!(" is gone, and nobody listens on {}", list(&gone)),
        };
        found.push(format!("{}{now}: who connects to the old address is refused", quoted(name)));
    }
}

/// Says which servers get no more connections.
fn servers(name: &str, before: &Proxy, after: &Proxy, found: &mut Vec<String>) {
    let (was, is) = (before.first(), after.first());
    if was == is || was.is_empty() {
        return;
    }
    let name = quoted(name);
    let usable = after.servers.values().any(|one| !one.idle);
    if !usable {
        found.push(format!("{name} has no server left: every new connection fails"));
        return;
    }
    if is.is_empty() {
        found.push(format!(
            "{name} has backup servers alone: the first of them that works gets every new connection (`option allbackups` spreads them)"
        ));
        return;
    }
    let lost = |kept: &dyn Fn(Option<&Server>) -> bool| -> Vec<String> {
        was.difference(&is).filter(|server| kept(after.servers.get(**server))).map(quoted).collect()
    };
    let gone = lost(&|server| server.is_none_or(|one| one.idle));
    let backups = lost(&|server| server.is_some_and(|one| one.backup && !one.idle));
    for (servers, when) in [(gone, "no new connections"), (backups, "new connections only while no other works")] {
        if let Some(verb) = [None, Some("gets"), Some("get")][servers.len().min(2)] {
            let noun = if servers.len() == 1 { "server" } else { "servers" };
            found.push(format!("{noun} {} of {name} {verb} {when}", list(&servers)));
        }
    }
}

/// Says what a setting cuts off, if it is tighter than before.
fn tighter(place: &str, setting: &str, from: Option<&str>, to: Option<&str>) -> Option<String> {
    let to_text = to?;
    let was = from.map(|from| format!(" (was {from})")).unwrap_or_default();
    let (was, shown) = (bare(&was), bare(to_text));
    match setting {
        "mode" => Some(format!("{} speaks {shown} from now on{was}: who speaks otherwise is cut off", quoted(place))),
        "maxconn" => {
            let number = |text: &str| text.parse::<u64>().ok();
            let is_less = from.and_then(number).is_none_or(|from| number(to_text).is_some_and(|to| to < from));
            let whose = if place == "global" { "HAProxy".to_owned() } else { quoted(place) };
            is_less
                .then(|| format!("{whose} serves at most {shown} connections at once{was}: others wait until one ends"))
        }
        _ => {
            let what = SETTINGS.iter().find(|(name, what)| *name == setting && !what.is_empty())?.1;
            let is_less =
                from.and_then(milliseconds).is_none_or(|from| milliseconds(to_text).is_some_and(|to| to < from));
            let soon = milliseconds(to_text).is_some_and(|to| to < HEARTBEAT);
            let soon = if soon { "; RabbitMQ's heartbeats keep no connection open then" } else { "" };
            is_less.then(|| format!("{what} {shown} is cut off{was}: {} of {}{soon}", quoted(setting), quoted(place)))
        }
    }
}

/// Reads a time as HAProxy does: milliseconds, or a number with its unit.
pub(super) fn milliseconds(text: &str) -> Option<u64> {
    let digits = text.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let unit = match &text[digits..] {
        "" | "ms" => 1,
        "us" => return Some(number / 1000),
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(old: &str, new: &str) -> Vec<String> {
        between(&proxies(old), &proxies(new))
    }

    const OLD: &str = "global\n maxconn 100\ndefaults\n mode tcp\n timeout client 1m\nlisten amqp\n bind *:5673\n timeout client 2h\n \
                       server a 10.0.0.1:5672 check\n server b 10.0.0.2:5672 check\n";

    #[test]
    fn what_clients_notice() {
        let check = |from: &str, to: &str, expect: &[&str]| {
            assert!(OLD.contains(from), "{from}");
            assert_eq!(said(OLD, &OLD.replace(from, to)), expect, "{from} -> {to}");
        };
        check(
            "*:5673",
            "*:5675",
            &["`listen amqp` listens on `*:5675` instead of `*:5673`: who connects to the old address is refused"],
        );
        check("bind *:5673", "bind *:5673,:::5673 v6only", &[]);
        check("listen amqp", "listen rabbit", &[]);
        check(
            "listen amqp\n",
            "listen amqp\n disabled\n",
            &["`listen amqp` is disabled: who connects to the old address is refused"],
        );
        check(
            " bind *:5673\n",
            "",
            &["`listen amqp` no longer listens on `*:5673`: who connects to the old address is refused"],
        );
        let cut = "a client that sends nothing for 5s is cut off (was 2h): `timeout client` of `listen amqp`; RabbitMQ's heartbeats keep no connection open then";
        check("timeout client 2h", "timeout client 5s", &[cut]);
        check("timeout client 2h", "timeout client 7200000", &[]);
        check("timeout client 2h", "timeout client 1d", &[]);
        check("timeout client 1m", "timeout client 1s", &[]);
        check(
            "timeout client 2h\n",
            "\n",
            &["a client that sends nothing for 1m is cut off (was 2h): `timeout client` of `listen amqp`"],
        );
        check("server b 10.0.0.2:5672 check", "", &["server `b` of `listen amqp` gets no new connections"]);
        check(
            "5672 check\n server b",
            "5672 check backup\n server b",
            &["server `a` of `listen amqp` gets new connections only while no other works"],
        );
        check(
            "5672 check",
            "5672 check backup",
            &[
                "`listen amqp` has backup servers alone: the first of them that works gets every new connection (`option allbackups` spreads them)",
            ],
        );
        check("5672 check", "5672 check disabled", &["`listen amqp` has no server left: every new connection fails"]);
        check(
            "maxconn 100",
            "maxconn 1",
            &["HAProxy serves at most 1 connections at once (was 100): others wait until one ends"],
        );
        check("maxconn 100", "maxconn 101", &[]);
        check(
            "mode tcp",
            "mode http",
            &["`listen amqp` speaks http from now on (was tcp): who speaks otherwise is cut off"],
        );
        check(
            " bind",
            " tcp-request connection reject if x\n bind",
            &["`listen amqp` refuses what `tcp-request connection reject if x` matches, from now on"],
        );
        assert_eq!(
            said(OLD, "global\n maxconn 100\n"),
            ["`listen amqp` is gone, and nobody listens on `*:5673`: who connects to the old address is refused"]
        );
    }
}
