//! Compares two releases: what merging does, for whom, how badly.
//!
//! Input: the bundles of two releases, as far as they differ. Output: a [`Review`], pure data, and its renderings; beneath it a
//! [`diff::Diff`], what changes in which file of which host. Must not: read Git, or look at a host.

use std::collections::{BTreeMap, BTreeSet};

pub mod diff;
mod document;
mod live;
mod text;
pub mod topology;
mod transition;

pub use document::{
    Class, ClusterReview, Consequence, Counts, FORMAT, FileChange, HostId, Note, ObjectChange, PolicyChange,
    PolicyTarget, ReleaseTree, Review, SecretChange, ServiceChange, SettingChange, Side,
};
pub use live::{LiveHost, LiveKind, LiveNote};
pub use text::render;
pub use transition::{Transition, TransitionKind};

use crate::name::ClusterName;
use crate::release::OnChange;

/// Compares two releases and says what merging the new one does.
pub fn review(base: Side, head: Side, old: &ReleaseTree, new: &ReleaseTree) -> Review {
    let mut clusters: Vec<ClusterReview> =
        cluster_names(old, new).into_iter().map(|name| cluster(&name, old, new)).collect();
    clusters.retain(|one| !one.hosts.is_empty());
    clusters.sort_by(|a, b| (b.class, &a.clusters).cmp(&(a.class, &b.clusters)));
    let class = clusters.iter().map(|one| one.class).max().unwrap_or(Class::Nothing);
    let counts = Counts {
        clusters: clusters.iter().map(|one| one.clusters.len()).sum(),
        changed: clusters.iter().map(|one| one.hosts.len() - one.added.len() - one.removed.len()).sum(),
        added: clusters.iter().map(|one| one.added.len()).sum(),
        removed: clusters.iter().map(|one| one.removed.len()).sum(),
    };
    let headline = text::headline(class, counts);
    Review { format: FORMAT, base, head, class, headline, counts, clusters, live: Vec::new() }
}

impl Review {
    /// Says whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.clusters.is_empty()
    }
}

fn cluster_names(old: &ReleaseTree, new: &ReleaseTree) -> BTreeSet<ClusterName> {
    old.keys().chain(new.keys()).map(|id| id.cluster.clone()).collect()
}

/// Returns the hosts of one cluster.
fn part(tree: &ReleaseTree, name: &ClusterName) -> ReleaseTree {
    tree.iter().filter(|(id, _)| id.cluster == *name).map(|(id, bundle)| (id.clone(), bundle.clone())).collect()
}

fn cluster(name: &ClusterName, old: &ReleaseTree, new: &ReleaseTree) -> ClusterReview {
    let (old, new) = (part(old, name), part(new, name));
    let diff = diff::diff(&old, &new);
    let hosts: BTreeSet<&HostId> = diff.added.iter().chain(&diff.removed).chain(&diff.changed).collect();
    let mut files: Vec<FileChange> = diff.changes.iter().map(file).collect();
    files.sort_by(|a, b| (b.class, &a.path).cmp(&(a.class, &b.path)));
    let mut by_class: BTreeMap<Class, BTreeSet<HostId>> = BTreeMap::new();
    for file in &files {
        by_class.entry(file.class).or_default().extend(file.hosts.iter().cloned());
    }
    let class = by_class.keys().max().copied().unwrap_or(Class::Live);
    ClusterReview {
        clusters: vec![name.clone()],
        hosts: hosts.into_iter().cloned().collect(),
        class,
        consequences: Vec::new(),
        transitions: Vec::new(),
        policies: Vec::new(),
        objects: Vec::new(),
        services: Vec::new(),
        secrets: Vec::new(),
        files,
        topology: None,
        added: diff.added,
        removed: diff.removed,
    }
}

fn file(change: &diff::Change) -> FileChange {
    FileChange {
        hosts: change.hosts.clone(),
        path: change.path.clone(),
        kind: change.kind,
        class: class_of(change.on_change.as_ref()),
        note: None,
        on_change: change.on_change.clone(),
        attributes: change.attributes.clone(),
        similar: false,
        diff: change.diff.clone(),
    }
}

/// Returns what a change of a file with this action does to those who use the cluster.
fn class_of(on_change: Option<&OnChange>) -> Class {
    match on_change {
        None | Some(OnChange::Nothing | OnChange::Sysctl | OnChange::Units | OnChange::Plugins) => Class::Live,
        Some(OnChange::Reload(_)) => Class::Reload,
        Some(OnChange::Restart(_) | OnChange::DaemonReload(_)) => Class::Rolling,
    }
}
