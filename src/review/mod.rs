//! Compares two releases: what merging does, for whom, how badly.
//!
//! Input: the bundles of two releases, cluster by cluster as far as they differ, and what hosts last reported. Output: a [`Review`],
//! pure data, and its renderings; beneath it a [`diff::Diff`], what changes in which file of which host. Must not: read Git, or
//! look at a host.

mod broker;
mod consequences;
pub mod diff;
mod diverged;
mod document;
mod files;
mod fold;
mod haproxy;
mod headline;
pub mod html;
mod keepalived;
mod live;
pub mod markdown;
mod moved;
mod names;
mod objects;
mod pair;
pub mod picture;
mod policies;
mod rabbitmq;
#[cfg(test)]
mod sample;
mod secrets;
mod settings;
#[cfg(test)]
mod tests;
mod text;
mod traffic;
mod transition;
mod visible;
mod words;

use std::cmp::Reverse;
use std::sync::{Mutex, PoisonError};

pub use diverged::Diverged;
pub use document::{
    Class, ClusterReview, Consequence, Counts, FORMAT, FileChange, HostId, Note, ObjectChange, PolicyChange,
    PolicyTarget, ReleaseTree, Review, SecretChange, ServiceChange, SettingChange, Side,
};
pub use live::{LiveHost, LiveKind, LiveNote};
pub use text::{Look, render};
pub use transition::{Transition, TransitionKind, gist, ungranted};

use crate::release::Bundle;
use diff::Kind;
use fold::Folded;
use moved::Moved;
use names::Names;
use pair::Pair;
use picture::Topology;

/// Reviews clusters as they come: each is looked at alone and then let go, so that no more is kept than what is said.
#[derive(Debug, Default)]
pub struct Reviewer {
    folded: Mutex<Folded>,
    moved: Mutex<Moved>,
}

impl Reviewer {
    /// Reviews one cluster as it is on both sides; on any thread, in any order.
    pub fn take<'a>(&self, old: impl IntoIterator<Item = &'a Bundle>, new: impl IntoIterator<Item = &'a Bundle>) {
        let Some(pair) = Pair::of(old, new) else { return };
        let Some((mut review, names)) = cluster(&pair) else { return };
        self.moved.lock().unwrap_or_else(PoisonError::into_inner).note(&pair, &review);
        let key = fold::key(&review, &names);
        let folded = || self.folded.lock().unwrap_or_else(PoisonError::into_inner);
        let is_shown = folded().is_first(&key, pair.name);
        if is_shown {
            review.topology = draw(&pair);
        }
        folded().add(key, review);
    }

    /// Returns the review.
    pub fn finish(self, base: Side, head: Side) -> Review {
        let mut clusters = self.folded.into_inner().unwrap_or_else(PoisonError::into_inner).finish();
        self.moved.into_inner().unwrap_or_else(PoisonError::into_inner).say(&mut clusters);
        clusters.sort_by_key(|one| {
            (Reverse(headline::rank(one)), Reverse(one.clusters.len()), one.clusters.first().cloned())
        });
        let class = clusters.iter().map(|one| one.class).max().unwrap_or(Class::Nothing);
        let counts = Counts {
            clusters: clusters.iter().map(|one| one.clusters.len()).sum(),
            changed: clusters.iter().map(|one| one.hosts.len() - one.added.len() - one.removed.len()).sum(),
            added: clusters.iter().map(|one| one.added.len()).sum(),
            removed: clusters.iter().map(|one| one.removed.len()).sum(),
        };
        let loses_data = clusters.iter().any(|one| one.loses_data);
        let headline = headline::headline(&clusters);
        Review {
            format: FORMAT,
            base,
            head,
            class,
            loses_data,
            headline,
            counts,
            clusters,
            diverged: None,
            live: Vec::new(),
        }
    }
}

impl Review {
    /// Says whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.clusters.is_empty()
    }

    /// Says how bad the worst is: the class, and whether data is lost, which may happen in any class.
    pub fn severity(&self) -> String {
        words::severity(self.class, self.loses_data)
    }
}

/// Says what changes in one cluster, if something does.
fn cluster(pair: &Pair<'_>) -> Option<(ClusterReview, Names)> {
    let names = Names::of(pair);
    let (hosts, files) = files::files(pair, &names);
    if hosts.is_empty() {
        return None;
    }
    let side = |has: &dyn Fn(&HostId) -> bool| hosts.iter().filter(|id| has(id)).cloned().collect::<Vec<_>>();
    let mut services = haproxy::changes(pair);
    services.extend(keepalived::changes(pair));
    services.extend(rabbitmq::changes(pair));
    services.sort_by_key(|one| Reverse(one.class));
    let mut review = ClusterReview {
        clusters: vec![pair.name.clone()],
        kind: match (pair.is_new(), pair.is_gone()) {
            (true, _) => Kind::Added,
            (_, true) => Kind::Removed,
            _ => Kind::Modified,
        },
        added: side(&|id| !pair.old.contains_key(&id.host)),
        removed: side(&|id| !pair.new.contains_key(&id.host)),
        hosts,
        class: Class::Nothing,
        loses_data: false,
        consequences: Vec::new(),
        transitions: transition::transitions(pair),
        policies: policies::policies(pair),
        objects: objects::objects(pair),
        services,
        secrets: secrets::secrets(pair),
        files,
        topology: None,
    };
    review.consequences = consequences::consequences(pair, &review);
    let worst = review.consequences.iter().map(|one| one.class).max().unwrap_or(Class::Nothing);
    review.loses_data = review.consequences.iter().any(|one| one.loses_data);
    // What no grant does is held back by nobody: it stays, for a person.
    let held = review.transitions.iter().any(|one| one.is_held() || one.is_granted());
    review.class = if held { Class::Transition } else { worst };
    Some((review, names))
}

/// Draws a cluster, if there is something to see in its picture.
fn draw(pair: &Pair<'_>) -> Option<Topology> {
    let (old, new): (Vec<_>, Vec<_>) = (pair.old.values().copied().collect(), pair.new.values().copied().collect());
    Topology::between(pair.name, &old, &new).filter(Topology::changes)
}
