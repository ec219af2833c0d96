//! Lays the picture of a cluster after a change over the one before it, and marks what differs.

use std::collections::BTreeSet;

use super::{Arrow, Layer, LayerKind, Line, Mark, Station, Topology};
use crate::name::ClusterName;
use crate::release::{Artifact, Bundle, OnChange};

/// So many files are named in a box; the rest is counted.
const NAMED: usize = 3;

impl Topology {
    /// Draws a cluster before and after: what is there on one side alone is added or removed, and a box is changed if a
    /// line of it or a file of its service is. `None` if there is nothing to draw on either side.
    pub fn between<'a>(cluster: &ClusterName, old: &[&'a Bundle], new: &[&'a Bundle]) -> Option<Self> {
        if old.is_empty() && new.is_empty() {
            return None;
        }
        let before = Self::of(cluster, old.iter().copied());
        let after = Self::of(cluster, new.iter().copied());
        let mut topology = match (old.is_empty(), new.is_empty()) {
            (true, _) => after.all(Mark::Added),
            (_, true) => before.all(Mark::Removed),
            _ => merge(before, after),
        };
        for new in new {
            if let Some(old) = old.iter().find(|old| old.host == new.host) {
                topology.note_files(old, new);
            }
        }
        Some(topology)
    }

    fn all(mut self, mark: Mark) -> Self {
        for layer in &mut self.layers {
            layer.boxes.iter_mut().for_each(|one| one.mark = mark);
        }
        self.arrows.iter_mut().for_each(|arrow| arrow.mark = mark);
        self
    }

    /// Names in the boxes of a host the files of their services that change.
    fn note_files(&mut self, old: &Bundle, new: &Bundle) {
        let empty = (None, None);
        let paths: BTreeSet<_> = old.artifacts.keys().chain(new.artifacts.keys()).collect();
        let (mut balancer, mut broker) = (Vec::new(), Vec::new());
        for path in paths {
            let (before, after) = (old.artifacts.get(path), new.artifacts.get(path));
            if before == after || (before, after) == empty {
                continue;
            }
            let name = path.as_str().rsplit('/').next().unwrap_or_default().to_owned();
            match after.or(before).map(of_broker) {
                Some(Some(true)) => broker.push(name),
                Some(Some(false)) => balancer.push(name),
                _ => {}
            }
        }
        for layer in &mut self.layers {
            let (prefix, files) = match layer.kind {
                LayerKind::Balancers => ("haproxy", &balancer),
                LayerKind::Brokers => ("rabbitmq", &broker),
                LayerKind::Clients | LayerKind::VirtualAddresses => continue,
            };
            let id = format!("{prefix}/{}", new.host);
            if let Some(one) = layer.boxes.iter_mut().find(|one| one.id == id) {
                one.note_files(files);
            }
            let note = "definitions";
            let changed = layer.kind == LayerKind::Brokers && old.definitions != new.definitions;
            if changed && !layer.notes.iter().any(|other| other == note) {
                layer.notes.push(note.to_owned());
            }
        }
    }
}

impl Station {
    fn note_files(&mut self, files: &[String]) {
        if files.is_empty() {
            return;
        }
        if self.mark == Mark::Kept {
            self.mark = Mark::Changed;
        }
        let named = if files.len() > NAMED { NAMED - 1 } else { NAMED };
        let mut lines: Vec<String> = files.iter().take(named).cloned().collect();
        if files.len() > named {
            lines.push(format!("{} more files", files.len() - named));
        }
        self.lines.extend(lines.into_iter().map(|text| Line::new("file", text).marked(Mark::Changed)));
    }
}

/// Returns whether a file is the broker's, or else HAProxy's or Keepalived's; `None` if it is no one's.
fn of_broker(artifact: &Artifact) -> Option<bool> {
    match &artifact.on_change {
        OnChange::Plugins => Some(true),
        OnChange::Reload(unit) | OnChange::Restart(unit) | OnChange::DaemonReload(unit) => {
            Some(unit.as_str().starts_with("rabbitmq"))
        }
        OnChange::Nothing | OnChange::Sysctl | OnChange::Units => None,
    }
}

fn merge(before: Topology, after: Topology) -> Topology {
    let kinds: BTreeSet<LayerKind> = before.layers.iter().chain(&after.layers).map(|layer| layer.kind).collect();
    let boxes = |topology: &Topology, kind: LayerKind| -> Vec<Station> {
        topology.layers.iter().filter(|layer| layer.kind == kind).flat_map(|layer| layer.boxes.clone()).collect()
    };
    let layers = kinds.into_iter().map(|kind| Layer {
        kind,
        boxes: merge_lists(
            boxes(&before, kind),
            boxes(&after, kind),
            |one| one.id.clone(),
            merge_boxes,
            |one, mark| {
                one.mark = mark;
            },
        ),
        notes: Vec::new(),
    });
    let merge_arrows = |old: Arrow, new: Arrow| {
        let mark = if old.standby == new.standby { Mark::Kept } else { Mark::Changed };
        Arrow { mark, ..new }
    };
    let key = |arrow: &Arrow| (arrow.from.clone(), arrow.to.clone());
    let layers = layers.collect();
    let arrows = merge_lists(before.arrows, after.arrows, key, merge_arrows, |arrow, mark| arrow.mark = mark);
    Topology { cluster: after.cluster, layers, arrows }
}

fn merge_boxes(old: Station, new: Station) -> Station {
    // A title of a box that stays is an address that moved.
    let title_changed = (old.title != new.title)
        .then(|| [(old.title, Mark::Removed), (new.title.clone(), Mark::Added)])
        .into_iter()
        .flatten()
        .map(|(text, mark)| Line::new("address", text).marked(mark));
    let key = |line: &Line| (line.subject, line.text.clone());
    let lines = merge_lists(old.lines, new.lines, key, |_, new| new, |line, mark| line.mark = mark);
    let mut lines: Vec<Line> = title_changed.chain(lines).collect();
    // What goes stands above what comes, as in a diff; the order of subjects is that of their first lines.
    let subjects: Vec<&str> = lines.iter().map(|line| line.subject).collect();
    let first = |subject: &str| subjects.iter().position(|other| *other == subject);
    lines.sort_by_key(|line| (first(line.subject), line.mark == Mark::Added));
    let mark = if lines.iter().any(|line| line.mark != Mark::Kept) { Mark::Changed } else { Mark::Kept };
    Station { lines, mark, ..new }
}

/// Merges two lists: in the order of the new one, with what is gone behind what it stood behind.
fn merge_lists<T: Clone, K: PartialEq>(
    old: Vec<T>,
    new: Vec<T>,
    key: impl Fn(&T) -> K,
    both: impl Fn(T, T) -> T,
    set: impl Fn(&mut T, Mark),
) -> Vec<T> {
    let mut merged: Vec<T> = Vec::with_capacity(new.len());
    for new in new {
        let id = key(&new);
        merged.push(if let Some(old) = old.iter().find(|old| key(old) == id) {
            both(old.clone(), new)
        } else {
            let mut new = new;
            set(&mut new, Mark::Added);
            new
        });
    }
    let mut behind = 0;
    for mut one in old {
        let id = key(&one);
        if let Some(place) = merged.iter().position(|other| key(other) == id) {
            behind = place + 1;
        } else {
            set(&mut one, Mark::Removed);
            merged.insert(behind, one);
            behind += 1;
        }
    }
    merged
}
