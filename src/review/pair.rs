//! One cluster on both sides.

use std::collections::{BTreeMap, BTreeSet};

use super::{HostId, ReleaseTree};
use crate::definitions::Definitions;
use crate::name::{ClusterName, HostName};
use crate::release::{Artifact, BrokerNode, Bundle, Piece};

/// One cluster on both sides.
#[derive(Debug)]
pub(super) struct Pair<'a> {
    /// Its name.
    pub(super) name: &'a ClusterName,
    /// Its hosts on the old side.
    pub(super) old: BTreeMap<&'a HostName, &'a Bundle>,
    /// Its hosts on the new side.
    pub(super) new: BTreeMap<&'a HostName, &'a Bundle>,
}

/// Returns the clusters of both sides.
pub(super) fn pairs<'a>(old: &'a ReleaseTree, new: &'a ReleaseTree) -> Vec<Pair<'a>> {
    let mut pairs: BTreeMap<&ClusterName, Pair<'a>> = BTreeMap::new();
    let empty = |name| Pair { name, old: BTreeMap::new(), new: BTreeMap::new() };
    for (id, bundle) in old {
        pairs.entry(&id.cluster).or_insert_with(|| empty(&id.cluster)).old.insert(&id.host, bundle);
    }
    for (id, bundle) in new {
        pairs.entry(&id.cluster).or_insert_with(|| empty(&id.cluster)).new.insert(&id.host, bundle);
    }
    pairs.into_values().collect()
}

impl<'a> Pair<'a> {
    /// Puts the hosts of one cluster together; `None` if it has none on either side.
    pub(super) fn of(
        old: impl IntoIterator<Item = &'a Bundle>,
        new: impl IntoIterator<Item = &'a Bundle>,
    ) -> Option<Self> {
        let side = |bundle: &'a Bundle| (&bundle.host, bundle);
        let old: BTreeMap<_, _> = old.into_iter().map(side).collect();
        let new: BTreeMap<_, _> = new.into_iter().map(side).collect();
        let name = &old.values().chain(new.values()).next()?.cluster;
        Some(Self { name, old, new })
    }

    /// Returns the full name of a host.
    pub(super) fn id(&self, host: &HostName) -> HostId {
        HostId { cluster: self.name.clone(), host: host.clone() }
    }

    /// Returns the hosts of both sides.
    pub(super) fn hosts(&self) -> BTreeSet<&'a HostName> {
        self.old.keys().chain(self.new.keys()).copied().collect()
    }

    /// Returns the hosts that stay, as they are on both sides.
    pub(super) fn staying(&self) -> impl Iterator<Item = (&'a HostName, &'a Bundle, &'a Bundle)> + use<'a, '_> {
        self.old.iter().filter_map(|(host, old)| Some((*host, *old, *self.new.get(host)?)))
    }

    /// Whether the cluster is new as a whole.
    pub(super) fn is_new(&self) -> bool {
        self.old.is_empty()
    }

    /// Whether the cluster is gone as a whole.
    pub(super) fn is_gone(&self) -> bool {
        self.new.is_empty()
    }

    /// Whether the new side grants a transition by this name.
    pub(super) fn grants(&self, grant: &str) -> bool {
        self.new.values().any(|bundle| bundle.grants.iter().any(|given| given == grant))
    }

    /// Returns what the brokers hold on both sides. All hosts of a side with a broker have the same.
    pub(super) fn definitions(&self) -> (Option<&'a Definitions>, Option<&'a Definitions>) {
        let of = |side: &BTreeMap<_, &'a Bundle>| side.values().find_map(|bundle| bundle.definitions.as_ref());
        (of(&self.old), of(&self.new))
    }

    /// Returns the nodes of each side; all of its brokers name the same members.
    pub(super) fn brokers(&self) -> (Option<&'a BrokerNode>, Option<&'a BrokerNode>) {
        let of = |side: &BTreeMap<_, &'a Bundle>| side.values().find_map(|bundle| bundle.role.broker.as_ref());
        (of(&self.old), of(&self.new))
    }

    /// Returns a file of every host that stays and has it on both sides with other content.
    pub(super) fn rewritten(&self, path: &str) -> Vec<(&'a HostName, String, String)> {
        let mut found = Vec::new();
        for (host, old, new) in self.staying() {
            if let (Some(old), Some(new)) = (old.artifacts.get(path), new.artifacts.get(path))
                && old.content != new.content
            {
                found.push((host, text(old), text(new)));
            }
        }
        found
    }
}

/// Returns a file's text, with placeholders for secrets.
pub(super) fn text(artifact: &Artifact) -> String {
    artifact
        .content
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Secret { name, .. } => crate::release::placeholder(name),
        })
        .collect()
}

/// Returns how many of something there are, such as `1 host`.
pub(super) fn count(number: usize, noun: &str) -> String {
    format!("{} {noun}{}", super::words::number(number), if number == 1 { "" } else { "s" })
}

/// Joins words as a sentence does: `a, b and c`.
pub(super) fn list<S: AsRef<str>>(words: &[S]) -> String {
    match words {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", first.join(", "), last.as_ref())
        }
    }
}
