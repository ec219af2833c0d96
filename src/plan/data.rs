//! Where RabbitMQ keeps its data, by the files that say so. A node that starts in another directory starts empty.

use std::collections::BTreeMap;

/// The directory below which each node has its own, where no file says otherwise: the package's user lives above it.
const BASE: &str = "/var/lib/rabbitmq/mnesia";

/// Returns the directories of which a file decides, by what they hold; none for a file that decides of none.
///
/// Only what differs between two texts of a file means something: values are compared as they stand, and the shell's
/// expansions are not carried out.
pub fn data_directories(path: &str, text: &str) -> BTreeMap<&'static str, String> {
    let mut found = BTreeMap::new();
    match path.rsplit('/').next() {
        Some("rabbitmq-env.conf") => {
            let variables = variables(text);
            let of = |name: &str| variables.get(name).map(|value| tidy(value));
            let base = of("MNESIA_BASE").unwrap_or_else(|| BASE.to_owned());
            // The node's name below it is another transition's.
            let is_own = |dir: &String| of("NODENAME").is_some_and(|node| *dir == format!("{base}/{node}"));
            found.insert("data", of("MNESIA_DIR").filter(|dir| !is_own(dir)).unwrap_or_else(|| base.clone()));
            found.extend(of("QUORUM_DIR").map(|value| ("quorum queues", value)));
            found.extend(of("STREAM_DIR").map(|value| ("streams", value)));
        }
        Some("rabbitmq.conf") => {
            let keys = assignments(text);
            let of = |name: &str| keys.get(name).map(|value| tidy(value));
            found.extend(of("raft.data_dir").map(|value| ("quorum queues", value)));
            found.extend(of("stream.data_dir").map(|value| ("streams", value)));
        }
        _ => {}
    }
    found
}

/// Says which directory changes between two texts of a file, and from where to where. Absent is the default.
pub fn moved_data(path: &str, old: &str, new: &str) -> Option<String> {
    let (old, new) = (data_directories(path, old), data_directories(path, new));
    let what = old.keys().chain(new.keys()).find(|what| old.get(*what) != new.get(*what))?;
    let shown = |side: &BTreeMap<&str, String>| side.get(what).map_or("its default", String::as_str).to_owned();
    let whose = if *what == "data" { "the data directory".to_owned() } else { format!("the directory of {what}") };
    Some(format!("{whose} changes from {} to {}", shown(&old), shown(&new)))
}

/// Returns the variables of a rabbitmq-env.conf without their prefix; the one with the prefix goes before the one without.
fn variables(text: &str) -> BTreeMap<String, String> {
    let lines = assignments(text);
    let named = |name: &str| name.trim_start_matches("export ").trim().to_owned();
    let (prefixed, plain): (Vec<_>, Vec<_>) = lines
        .into_iter()
        .map(|(name, value)| (named(&name), value))
        .partition(|(name, _)| name.starts_with("RABBITMQ_"));
    let stripped = prefixed.into_iter().map(|(name, value)| (name.trim_start_matches("RABBITMQ_").to_owned(), value));
    plain.into_iter().chain(stripped).collect()
}

fn assignments(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()
}

/// Returns a directory without quotes and without a slash at its end.
fn tidy(value: &str) -> String {
    let bare = value.trim_matches(['\'', '"']);
    if bare.len() > 1 { bare.trim_end_matches('/').to_owned() } else { bare.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_the_data_is_seen_however_it_is_written() {
        const ENV: &str = "/etc/rabbitmq/rabbitmq-env.conf";
        const CONF: &str = "/etc/rabbitmq/rabbitmq.conf";
        let check = |path: &str, old: &str, new: &str, expect: Option<&str>| {
            assert_eq!(moved_data(path, old, new).as_deref(), expect, "{old:?} {new:?}");
        };
        let moved = Some("the data directory changes from /var/lib/rabbitmq/mnesia to /data/x");
        check(ENV, "", "MNESIA_BASE=/data/x\n", moved);
        check(ENV, "", "export RABBITMQ_MNESIA_BASE=\"/data/x/\"\n", moved);
        check(ENV, "#MNESIA_BASE=/data/x\n", "RABBITMQ_MNESIA_BASE=/data/x\nMNESIA_BASE=/y\n", moved);
        check(ENV, "MNESIA_BASE=/var/lib/rabbitmq/mnesia\n", "USE_LONGNAME=true\n", None);
        check(ENV, "NODENAME=rabbit@a\n", "NODENAME=rabbit@a\nMNESIA_DIR=/var/lib/rabbitmq/mnesia/rabbit@a\n", None);
        check(ENV, "NODENAME=rabbit@a\n", "NODENAME=rabbit@b\n", None);
        let moved = Some("the data directory changes from /var/lib/rabbitmq/mnesia to /d");
        check(ENV, "NODENAME=rabbit@a\n", "NODENAME=rabbit@a\nMNESIA_DIR=/d\n", moved);
        check(ENV, "", "QUORUM_DIR=/q\n", Some("the directory of quorum queues changes from its default to /q"));
        check(ENV, "STREAM_DIR=/s\n", "", Some("the directory of streams changes from /s to its default"));
        check(
            CONF,
            "raft.data_dir = /q\n",
            "raft.data_dir = /r\n",
            Some("the directory of quorum queues changes from /q to /r"),
        );
        check(CONF, "stream.data_dir = /q\n", "# x\nstream.data_dir=/q/\nMNESIA_BASE = /x\n", None);
        check("/etc/hosts", "MNESIA_BASE=/a", "MNESIA_BASE=/b", None);
    }
}
