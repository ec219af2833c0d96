//! The files: the same change once for all of its hosts, and what is less than it looks.

use std::collections::BTreeMap;

use super::diff::{self, Kind};
use super::names::Names;
use super::pair::{Pair, text};
use super::secrets::perhaps_changed;
use super::{Class, FileChange, HostId, Note};
use crate::facts::platform;
use crate::release::{Bundle, MANIFEST, OnChange, sealed_path};

/// A change of a file without its hosts and its context.
type Key = (String, Kind, Option<OnChange>, Vec<diff::Attribute>, Option<Note>, String);

/// The hosts of one cluster in which something changes, and the changes of their files, the worst first.
pub(super) fn files(pair: &Pair<'_>, names: &Names) -> (Vec<HostId>, Vec<FileChange>) {
    let mut changed = Vec::new();
    let mut found: Vec<FileChange> = Vec::new();
    let mut same: BTreeMap<Key, usize> = BTreeMap::new();
    let mut alike: BTreeMap<Key, usize> = BTreeMap::new();
    for host in pair.hosts() {
        let (old, new) = (pair.old.get(host).copied(), pair.new.get(host).copied());
        let found_here = diff::host_changes(old, new);
        // What a host is may change without a file, such as the version that its files are written for.
        if found_here.is_empty() && old.map(|bundle| &bundle.role) == new.map(|bundle| &bundle.role) {
            continue;
        }
        changed.push(pair.id(host));
        // Whoever removes a host knows what was on it.
        for change in found_here.into_iter().filter(|_| new.is_some()) {
            let note = note(&change, old, new);
            let lines = diff::changed_lines(&change.diff);
            let key = |lines: &str| -> Key {
                let (path, on_change) = (change.path.clone(), change.on_change.clone());
                (path, change.kind, on_change, change.attributes.clone(), note.clone(), lines.to_owned())
            };
            let next = found.len();
            // The same lines are the same change, and so are lines that differ in nothing but whose they are.
            let (exact, plain) = (key(&lines), key(&names.plain(&lines, Some(host))));
            let known = same.get(&exact).or_else(|| alike.get(&plain)).copied();
            let index = known.unwrap_or(next);
            same.entry(exact).or_insert(index);
            alike.entry(plain).or_insert(index);
            if index == next {
                // What was sealed for other readers has its old value, as far as anybody can tell.
                let resealed = old.zip(new).is_some_and(|(old, new)| {
                    let mut names = new.secrets.keys().filter(|name| sealed_path(name) == change.path);
                    names.any(|name| perhaps_changed(old, new, name))
                });
                let is_live = old.is_none() || resealed || change.path == platform::COOKIE;
                found.push(file(change, note, is_live));
            } else {
                found[index].similar |= diff::changed_lines(&found[index].diff) != lines;
            }
            found[index].hosts.push(pair.id(host));
        }
    }
    found.sort_by(|a, b| (b.class, &a.path, &a.hosts).cmp(&(a.class, &b.path, &b.hosts)));
    (changed, found)
}

fn file(change: diff::Change, note: Option<Note>, is_live: bool) -> FileChange {
    let class = match change.path.as_str() {
        MANIFEST => Class::Nothing,
        // A new host has no daemon yet, and running nodes take another cookie without a restart.
        _ if is_live => Class::Live,
        // The mode and the owner alone tell a daemon nothing.
        _ if change.diff.is_empty()
            && change.kind == Kind::Modified
            && !change.path.starts_with(crate::release::SECRETS) =>
        {
            Class::Live
        }
        _ => class_of(change.on_change.as_ref()),
    };
    FileChange {
        hosts: Vec::new(),
        path: change.path,
        kind: change.kind,
        class,
        note,
        on_change: change.on_change,
        attributes: change.attributes,
        similar: false,
        diff: change.diff,
    }
}

/// Returns what a change of a file with this action does to those who use the cluster.
pub(super) fn class_of(on_change: Option<&OnChange>) -> Class {
    match on_change {
        None | Some(OnChange::Nothing | OnChange::Sysctl | OnChange::Units | OnChange::Plugins) => Class::Live,
        Some(OnChange::Reload(_)) => Class::Reload,
        Some(OnChange::Restart(_) | OnChange::DaemonReload(_)) => Class::Rolling,
    }
}

/// Says what is less than it looks.
fn note(change: &diff::Change, old: Option<&Bundle>, new: Option<&Bundle>) -> Option<Note> {
    let (old, new) = (old?, new?);
    let (before, after) = (old.artifacts.get(change.path.as_str()), new.artifacts.get(change.path.as_str()));
    match (before, after) {
        (Some(before), Some(after)) => same_but(&change.path, &text(before), &text(after)),
        (None, Some(after)) => {
            let from = old.artifacts.iter().find(|(path, one)| {
                one.content == after.content && !new.artifacts.contains_key(path.as_str()) && !one.content.is_empty()
            });
            from.map(|(path, _)| Note::MovedFrom(path.to_string()))
        }
        (Some(before), None) => {
            let to = new.artifacts.iter().find(|(path, one)| {
                one.content == before.content && !old.artifacts.contains_key(path.as_str()) && !one.content.is_empty()
            });
            to.map(|(path, _)| Note::MovedTo(path.to_string()))
        }
        (None, None) => None,
    }
}

/// Says in what alone two texts differ, if it is little.
fn same_but(path: &str, old: &str, new: &str) -> Option<Note> {
    if old == new {
        return None;
    }
    // A line that joins another one may become a part of its comment.
    if has_comments(path) && lines(old).eq(lines(new)) {
        return Some(Note::Whitespace);
    }
    if has_comments(path) && said(old).eq(said(new)) {
        return Some(Note::Comments);
    }
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    (!is_in_blocks(path) && sorted(old) == sorted(new)).then_some(Note::Reordered)
}

/// Whether a line means something else in another place of its file: in another section, or after another command.
fn is_in_blocks(path: &str) -> bool {
    use crate::facts::platform;
    [platform::HAPROXY_CFG, platform::KEEPALIVED_CONF, platform::CHECK_SCRIPT].contains(&path)
        || path.ends_with(".config")
}

/// Returns the lines that are not blank. Blanks around a line say nothing, those inside may stand between quotes or in a value.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    // After a backslash a blank is a letter.
    let trimmed = |line| if str::contains(line, '\\') { str::trim_start(line) } else { str::trim(line) };
    text.lines().map(trimmed).filter(|line| !line.is_empty())
}

/// Returns the lines that a program reads. What stands in them may depend on blanks.
pub(super) fn said(text: &str) -> impl Iterator<Item = &str> {
    lines(text).filter(|line| !line.starts_with('#'))
}

/// Whether a line that begins with `#` is a comment of the file, and blanks around a line say nothing.
fn has_comments(path: &str) -> bool {
    path == platform::HOSTS || std::path::Path::new(path).extension().is_some_and(|end| end == "conf" || end == "cfg")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_less_than_it_looks() {
        let check = |old: &str, new: &str| same_but("/etc/haproxy/haproxy.cfg", old, new);
        assert_eq!(check("a b\n", "\ta b  \n\n"), Some(Note::Whitespace));
        assert_eq!(check("a \\\n", "a \\ \n"), None, "an escaped blank is a letter");
        assert_eq!(check("# x\na b\n", "# x a b\n"), None, "a setting that becomes a comment is gone");
        assert_eq!(check("# x\na b\n", "a b\n # y\n"), Some(Note::Comments));
        assert_eq!(check("a\nb\n", "b\na\n"), None, "another section, another meaning");
        assert_eq!(same_but(crate::facts::platform::RABBITMQ_CONF, "a\nb\n", "b\na\n"), Some(Note::Reordered));
        assert_eq!(check("a\nb\n", "b\nc\n"), None);
        assert_eq!(check("a \"x y\"\n", "a \"x  z\"\n"), None);
        assert_eq!(same_but("/opt/check.sh", "#!/bin/sh\nx\n", "#!/bin/bash\nx\n"), None);
    }
}
