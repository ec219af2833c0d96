//! Compares two releases: what merging does, for whom, how badly.
//!
//! Input: the bundles of two releases, as far as they differ, and what hosts last reported. Output: a [`Review`], pure data, and
//! its renderings; beneath it a [`diff::Diff`], what changes in which file of which host. Must not: read Git, or look at a host.

mod consequences;
pub mod diff;
mod document;
mod files;
mod fold;
mod haproxy;
pub mod html;
mod keepalived;
mod live;
pub mod markdown;
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
mod transition;
mod visible;
mod words;

use std::cmp::Reverse;

pub use document::{
    Class, ClusterReview, Consequence, Counts, FORMAT, FileChange, HostId, Note, ObjectChange, PolicyChange,
    PolicyTarget, ReleaseTree, Review, SecretChange, ServiceChange, SettingChange, Side,
};
pub use live::{LiveHost, LiveKind, LiveNote};
pub use text::{Look, render};
pub use transition::{Transition, TransitionKind, gist, ungranted};

use consequences::danger;
use names::Names;
use pair::Pair;
use picture::Topology;

/// Compares two releases and says what merging the new one does.
pub fn review(base: Side, head: Side, old: &ReleaseTree, new: &ReleaseTree) -> Review {
    let pairs = pair::pairs(old, new);
    let mut clusters = fold::fold(pairs.iter().filter_map(cluster).collect());
    for one in &mut clusters {
        draw(one, &pairs);
    }
    clusters.sort_by_key(|one| (Reverse(worst(one)), Reverse(one.clusters.len()), one.clusters.first().cloned()));
    let class = clusters.iter().map(|one| one.class).max().unwrap_or(Class::Nothing);
    let counts = Counts {
        clusters: clusters.iter().map(|one| one.clusters.len()).sum(),
        changed: clusters.iter().map(|one| one.hosts.len() - one.added.len() - one.removed.len()).sum(),
        added: clusters.iter().map(|one| one.added.len()).sum(),
        removed: clusters.iter().map(|one| one.removed.len()).sum(),
    };
    let headline = text::headline(&clusters);
    Review { format: FORMAT, base, head, class, headline, counts, clusters, live: Vec::new() }
}

impl Review {
    /// Says whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.clusters.is_empty()
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
        added: side(&|id| !pair.old.contains_key(&id.host)),
        removed: side(&|id| !pair.new.contains_key(&id.host)),
        hosts,
        class: Class::Nothing,
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
    review.class = if review.transitions.is_empty() { worst } else { Class::Transition };
    Some((review, names))
}

/// Draws the first cluster of an entry, if there is something to see in its picture.
fn draw(review: &mut ClusterReview, pairs: &[Pair<'_>]) {
    let Some(Ok(at)) = review.clusters.first().map(|name| pairs.binary_search_by_key(&name, |pair| pair.name)) else {
        return;
    };
    let Pair { name, old, new } = &pairs[at];
    let (old, new): (Vec<_>, Vec<_>) = (old.values().copied().collect(), new.values().copied().collect());
    review.topology = Topology::between(name, &old, &new).filter(Topology::changes);
}

/// Returns how dangerous the worst of a cluster is.
fn worst(review: &ClusterReview) -> usize {
    let of_consequences = review.consequences.iter().map(|one| danger(one.class, one.loses_data));
    of_consequences.chain([danger(review.class, false)]).max().unwrap_or(0)
}
