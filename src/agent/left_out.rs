//! What is wrong with `alerts` in agent.yaml: a run passes it over and says so, for a host must not be left alone because
//! nobody can be told of it. Whoever tries the targets is told all of it at once.

use std::collections::BTreeSet;

use crate::alert::{self, AlertsFile, Mistake};
use crate::diag::{Diagnostic, Diagnostics, Place, Sources, Span};
use crate::sys::clock;
use crate::yaml::{self, Entry, Node};

/// After how many rounds nothing of `alerts` is used.
const ROUNDS: usize = 8;

/// What a file says, and what of its `alerts` has to be left out.
pub(super) struct Sifted {
    /// The file without what is wrong; all of it where nothing is.
    pub(super) node: Node,
    /// What is wrong.
    pub(super) diags: Diagnostics,
    /// The same, one line each, without any value.
    pub(super) lines: Vec<String>,
}

/// Takes what is wrong out of `alerts`: a target, or a setting for all of them, as a whole.
pub(super) fn sift(node: &Node, sources: &Sources) -> Sifted {
    let mut sifted = Sifted { node: node.clone(), diags: Diagnostics::new(), lines: Vec::new() };
    // What is left may be wrong in another way, which could not be seen before.
    let mut kept = Diagnostics::new();
    for round in 1.. {
        let Some(alerts) = sifted.node.get("alerts").filter(|alerts| !alerts.is_null()).cloned() else { break };
        let (diags, is_read) = mistakes(&alerts);
        let diags: Vec<Diagnostic> = diags.into_iter().filter(|diag| !kept.contains(diag)).collect();
        if diags.is_empty() {
            break;
        }
        let mut spans = BTreeSet::new();
        for diag in &diags {
            let part = part(&alerts, diag).filter(|part| round < ROUNDS && (is_read || !part.is_way));
            let line = line(diag, part.as_ref(), sources);
            if !sifted.lines.contains(&line) {
                sifted.lines.push(line);
            }
            match part {
                // Messages must not take another way than the one that was meant: they take none.
                Some(Part { is_way: true, .. }) => kept.push(diag.clone()),
                Some(part) => drop(spans.insert(part.span)),
                // Where it is not in one part, nothing of it can be used.
                None => drop(spans.insert(alerts.span())),
            }
        }
        sifted.diags.extend(diags);
        let Some(left) = sifted.node.without(&spans) else { break };
        sifted.node = left;
    }
    sifted
}

/// Finds what is wrong, and says whether its form is right: otherwise there may be more.
fn mistakes(alerts: &Node) -> (Diagnostics, bool) {
    let mut diags = Diagnostics::new();
    let file = yaml::decode::<AlertsFile>(alerts, &mut diags);
    if let Some(file) = &file {
        let knows = |zone: &str| clock::zone(zone).is_some();
        diags.extend(empty(alerts));
        diags.extend(alert::check(file, &knows).into_iter().map(|mistake| diagnostic(alerts, mistake)));
    }
    (diags, file.is_some())
}

/// A part of `alerts` that can be left out.
struct Part {
    name: String,
    span: Span,
    /// Whether it says by which way messages go.
    is_way: bool,
}

/// Returns the part that a diagnostic is about.
fn part(alerts: &Node, diag: &Diagnostic) -> Option<Part> {
    let main = diag.labels.first()?.span;
    let holds = |entry: &&Entry| {
        let (key, value) = (used(entry.place()), used(entry.value().place()));
        covers(key, main) || covers(value, main) || covers(entry.value().span(), main)
    };
    let entry = alerts.entries().iter().find(holds)?;
    let target = entry.value().entries().iter().find(holds).filter(|_| entry.key() == "targets");
    if let Some(target) = target {
        let name = format!("the target `{}`", shown(target.key()));
        return Some(Part { name, span: written(target.place()), is_way: false });
    }
    let is_way = ["proxy", "ca-file"].contains(&entry.key());
    Some(Part { name: format!("`{}`", shown(entry.key())), span: written(entry.place()), is_way })
}

fn covers(outer: Span, inner: Span) -> bool {
    outer.file == inner.file && outer.start <= inner.start && inner.end <= outer.end
}

fn used(place: Place) -> Span {
    place.used
}

fn written(place: Place) -> Span {
    place.defined.unwrap_or(place.used)
}

fn shown(key: &str) -> String {
    key.escape_debug().to_string()
}

fn line(diag: &Diagnostic, part: Option<&Part>, sources: &Sources) -> String {
    let name = part.map_or("all of it", |part| &part.name);
    match diag.labels.first() {
        Some(label) => {
            let line = sources.position(label.span.file, label.span.start).line;
            format!("{name} (line {line}: {})", diag.code)
        }
        None => format!("{name} ({})", diag.code),
    }
}

/// Finds lists of a target that are there and name nothing: left out, they mean everything.
fn empty(alerts: &Node) -> Diagnostics {
    let targets = alerts.get("targets").map(Node::entries).unwrap_or_default();
    let lists = targets.iter().flat_map(|target| ["kinds", "clusters"].map(|key| (key, target.value().get(key))));
    let empty = lists.filter_map(|(key, list)| Some((key, list?))).filter(|(_, list)| list.items().is_empty());
    let diag = |(key, list): (&str, &Node)| {
        let message = format!("`{key}` names nothing");
        let help = format!("name one, or leave `{key}` out for all");
        Diagnostic::error("empty-list", message).at(list.place(), "here").help(help)
    };
    empty.map(diag).collect()
}

/// Gives a mistake its place.
fn diagnostic(alerts: &Node, mistake: Mistake) -> Diagnostic {
    let Mistake { path, code, message, help } = mistake;
    let mut place = alerts.place();
    let mut at = Some(alerts);
    for key in &path {
        let below = at.and_then(|node| {
            let item = key.parse::<usize>().ok().and_then(|index| node.items().get(index));
            node.get(key).or(item)
        });
        let Some(below) = below else { break };
        place = below.place();
        at = Some(below);
    }
    Diagnostic::error(code, message).at(place, "here").help(help)
}

#[cfg(test)]
mod tests;
