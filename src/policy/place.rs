//! From a path in the spec to the place where it is written.

use super::Where;
use crate::diag::Place;
use crate::yaml::{Entry, Node, View};

/// Returns the place of a path below a node, or of its nearest existing parent; a mapping or list is shown by its key.
pub(super) fn find(tree: &Node, wanted: &Where) -> Option<Place> {
    match wanted {
        Where::Place(place) => Some(*place),
        Where::Path(path) => walk(tree, section(tree, path).as_ref().unwrap_or(path), None),
    }
}

/// Returns the step to a policy or parameter in its list of the `rabbitmq` section: its number, because names repeat in other
/// vhosts. The name stands in for an item that cannot be found.
pub(super) fn in_list(tree: &Node, list: &str, name: &str, vhost: &str) -> String {
    let items = tree.get("rabbitmq").and_then(|section| section.get(list)).map_or(&[][..], Node::items);
    let same = |item: &Node| {
        let text = |key: &str| item.get(key).and_then(Node::as_str);
        text("name") == Some(name) && text("vhost").unwrap_or("/") == vhost
    };
    items.iter().position(same).map_or_else(|| name.to_owned(), |index| index.to_string())
}

/// Returns the path in the section itself of what an instance of Keepalived has from there: the one instance stands in the
/// section, and several share what stands beside them.
fn section(tree: &Node, path: &[String]) -> Option<Vec<String>> {
    let [section, instances, name, field, ..] = path else { return None };
    if section != "keepalived" || instances != "instances" {
        return None;
    }
    let keepalived = tree.get(section)?;
    let own = keepalived.get(instances).and_then(|instances| instances.get(name)?.get(field));
    let shared = keepalived.get(field).filter(|_| own.is_none());
    shared.map(|_| [&path[..1], &path[3..]].concat())
}

fn walk(node: &Node, path: &[String], key: Option<Place>) -> Option<Place> {
    if path.is_empty() {
        return Some(here(node, key));
    }
    match node.view() {
        View::Mapping(entries) => match entry(entries, path) {
            Some((entry, rest)) => walk(entry.value(), rest, Some(entry.place())),
            None => key,
        },
        View::List(items) => match item(items, &path[0]) {
            Some(item) => walk(item, &path[1..], None).or_else(|| Some(item.place())),
            None => key,
        },
        View::Scalar(..) | View::Broken => Some(here(node, key)),
    }
}

/// Finds the entry that the first steps name: a key with dots may have been split into several.
fn entry<'a, 'p>(entries: &'a [Entry], path: &'p [String]) -> Option<(&'a Entry, &'p [String])> {
    (1..=path.len()).rev().find_map(|taken| {
        let key = path[..taken].join(".");
        let found = entries.iter().find(|entry| entry.key() == key)?;
        Some((found, &path[taken..]))
    })
}

fn item<'a>(items: &'a [Node], step: &str) -> Option<&'a Node> {
    if let Some(item) = step.parse().ok().and_then(|index: usize| items.get(index)) {
        return Some(item);
    }
    let named = |item: &&Node| {
        let name = ["name", "host"].iter().find_map(|key| item.get(key)).and_then(Node::as_str);
        item.as_str().or(name) == Some(step)
    };
    items.iter().find(named)
}

/// Shows a scalar by itself and everything else by its key, which is shorter.
fn here(node: &Node, key: Option<Place>) -> Place {
    match (node.view(), key) {
        (View::Mapping(_) | View::List(_), Some(key)) => key,
        _ => node.place(),
    }
}
