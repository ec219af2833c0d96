//! What comes first: which entry is the worst, and the one sentence for a person who reads no further.

use super::diff::Kind;
use super::pair::count;
use super::words::number;
use super::{Class, ClusterReview, Transition};

/// How bad something is at its worst, from harmless to dangerous.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// It is live at most, and nothing is given up by it.
    Quiet(Class),
    /// A cluster leaves the release.
    Leaves,
    /// It has a class above that, and nothing is given up by it.
    Disturbs(Class),
    /// A transition that the spec grants.
    Granted,
    /// Messages or queues can be lost.
    LosesData,
    /// A transition that is held back until the spec grants it.
    Held,
}

/// Returns how bad the worst of an entry is.
pub(super) fn rank(one: &ClusterReview) -> Rank {
    if one.transitions.iter().any(Transition::is_held) {
        Rank::Held
    } else if one.loses_data {
        Rank::LosesData
    } else if granted(one).is_some() {
        Rank::Granted
    } else if one.class > Class::Live {
        Rank::Disturbs(one.class)
    } else if one.kind == Kind::Removed {
        Rank::Leaves
    } else {
        Rank::Quiet(one.class)
    }
}

/// Returns one sentence for a person who reads no further; the worst entry stands first.
pub(super) fn headline(clusters: &[ClusterReview]) -> String {
    let Some(first) = clusters.first() else { return "nothing changes on any host".to_owned() };
    let rank = rank(first);
    let gone = gone(clusters);
    if rank == Rank::Leaves && gone.0 > 1 {
        return leave(gone);
    }
    let place = match first.clusters.as_slice() {
        [one] => format!("in {one}"),
        many => format!("in each of {}", count(many.len(), "cluster")),
    };
    let others = others(clusters, first, rank);
    let others = if others.is_empty() { others } else { format!(" ({others})") };
    format!("{place}: {}{others}", worst(first, rank))
}

/// Returns the sentence for the worst of an entry.
fn worst(one: &ClusterReview, rank: Rank) -> &str {
    let said = match rank {
        Rank::Held => one.transitions.iter().find(|one| one.is_held()).map(|one| &one.text),
        Rank::LosesData => one.consequences.iter().find(|one| one.loses_data).map(|one| &one.text),
        Rank::Granted => granted(one).map(|one| &one.text),
        // What is left to a person says more than that nothing happens.
        Rank::Quiet(_) => one.transitions.first().map(|one| &one.text),
        Rank::Disturbs(_) | Rank::Leaves => None,
    };
    said.or_else(|| one.consequences.first().map(|one| &one.text)).map_or("files change", String::as_str)
}

/// Counts what else is dangerous, in all clusters.
fn others(clusters: &[ClusterReview], first: &ClusterReview, rank: Rank) -> String {
    let total = |of: &dyn Fn(&ClusterReview) -> usize| -> usize {
        clusters.iter().map(|one| one.clusters.len() * of(one)).sum::<usize>()
    };
    let shown = |by: Rank| if rank == by { first.clusters.len() } else { 0 };
    let held = total(&|one| one.transitions.iter().filter(|one| one.is_held()).count()) - shown(Rank::Held);
    let lost = total(&|one| one.consequences.iter().filter(|one| one.loses_data).count()) - shown(Rank::LosesData);
    let mut said = Vec::new();
    if held > 0 {
        said.push(format!("{} more {} for a grant", number(held), if held == 1 { "waits" } else { "wait" }));
    }
    if lost > 0 {
        let verb = if lost == 1 { "loses" } else { "lose" };
        said.push(match rank {
            Rank::LosesData => format!("{} more {verb} data", number(lost)),
            _ => format!("{} {verb} data", count(lost, "change")),
        });
    }
    let gone = gone(clusters);
    if gone.0 > 0 && rank != Rank::Leaves {
        said.push(leave(gone));
    }
    said.join("; ")
}

/// Returns how many clusters leave the release, and with how many hosts.
fn gone(clusters: &[ClusterReview]) -> (usize, usize) {
    let gone = || clusters.iter().filter(|one| one.kind == Kind::Removed);
    (gone().map(|one| one.clusters.len()).sum(), gone().map(|one| one.hosts.len()).sum())
}

fn leave((clusters, hosts): (usize, usize)) -> String {
    let verb = if clusters == 1 { "leaves" } else { "leave" };
    format!("{} with {} {verb} the release", count(clusters, "cluster"), count(hosts, "host"))
}

fn granted(one: &ClusterReview) -> Option<&Transition> {
    one.transitions.iter().find(|one| one.is_granted())
}
