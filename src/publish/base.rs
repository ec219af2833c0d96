//! The release that the next one is built upon.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::fleet::{Fleet, Unit};
use super::index::{self, Index, Record};
use super::source::{ROOT, SpecCommit};
use super::{PublishError, VERSION, page};
use crate::model::fleet::Published;
use crate::name::ClusterName;
use crate::release::{COMPILER, HOST_REFS, SPEC_COMMIT, host_ref};
use crate::sys::git::tree::Mode;
use crate::sys::git::{Objects, Oid, Store, lock, refs};

/// What is published now.
#[derive(Debug, Default)]
pub(super) struct Base {
    /// The commit on the output branch.
    pub(super) tip: Option<Oid>,
    /// Its tree.
    pub(super) root: Option<Oid>,
    /// The page at its root.
    pub(super) page: Option<Oid>,
    /// The directories at its root by name.
    pub(super) trees: BTreeMap<String, Oid>,
    /// What it remembers of its clusters.
    pub(super) index: Index,
    /// Whether this compiler may build upon that.
    pub(super) fresh: bool,
    /// Whether the key that signs now has signed it.
    pub(super) ours: bool,
    /// The refs of the hosts.
    pub(super) refs: BTreeMap<String, Oid>,
    /// Whether a run was killed while it moved refs, so that each must be checked.
    pub(super) unfinished: bool,
}

/// What is to be done for the next release.
#[derive(Debug)]
pub(super) struct Work {
    /// The clusters that stay as they are.
    pub(super) kept: Index,
    /// The clusters to compile.
    pub(super) units: Vec<Unit>,
}

impl Base {
    /// Reads what is published; `full` builds upon nothing of it.
    pub(super) fn read(
        store: &Store,
        objects: &Objects<'_>,
        branch: &str,
        spec: &SpecCommit,
        full: bool,
    ) -> Result<Self, PublishError> {
        let mut base = match store.tip(&format!("refs/heads/{branch}"))? {
            Some(tip) => Self::of(objects, tip)?,
            None => Self::default(),
        };
        base.remember(objects, Some(spec))?;
        base.fresh &= !full;
        base.refs = refs::read(store.dir(), HOST_REFS)?;
        base.unfinished = lock::unfinished(store.dir());
        Ok(base)
    }

    /// Reads the release of a commit.
    pub(super) fn of(objects: &Objects<'_>, tip: Oid) -> Result<Self, PublishError> {
        let root = objects.commit(tip)?.tree;
        let entries = objects.tree(root)?;
        let page = index::find(&entries, page::NAME, Mode::File);
        let directories = entries.into_iter().filter(|entry| entry.mode == Mode::Tree);
        let trees = directories.map(|entry| (entry.name, entry.id)).collect();
        Ok(Self { tip: Some(tip), root: Some(root), page, trees, ..Self::default() })
    }

    /// Reads what the release remembers, and whether this compiler made it of the same shared files as this spec.
    pub(super) fn remember(&mut self, objects: &Objects<'_>, spec: Option<&SpecCommit>) -> Result<(), PublishError> {
        let (Some(tip), Some(directory)) = (self.tip, self.trees.get(index::DIRECTORY)) else { return Ok(()) };
        // A commit without the trailers is the work of a hand, and its files may be anything.
        let commit = objects.commit(tip)?;
        if [SPEC_COMMIT, COMPILER].iter().all(|key| commit.trailer(key).is_some()) {
            (self.index, self.fresh) = index::read(objects, *directory, VERSION, spec.map(|spec| &spec.shared))?;
        }
        Ok(())
    }

    /// Returns what the rules compare each cluster with.
    pub(super) fn published(&self) -> BTreeMap<ClusterName, Published> {
        self.index.values().map(|record| (record.facts.cluster.clone(), record.facts.published.clone())).collect()
    }

    /// Tells what stays from what must be compiled: what changed, and what has a waiver that ended.
    pub(super) fn work(&mut self, fleet: &Fleet, today: Date) -> Work {
        let index = std::mem::take(&mut self.index);
        let ended = |record: &Record| record.facts.expires.is_some_and(|first| first <= today);
        let resealed = |record: &Record| fleet.secrets().get(record.facts.cluster.as_str()).copied() != record.secrets;
        // The clusters of the root are compiled together.
        let stale = |record: &Record| (ended(record) || resealed(record)) && record.facts.source == ROOT;
        let lost = |name: &ClusterName| !self.trees.contains_key(name.as_str());
        if !self.fresh || index.keys().any(lost) || index.values().any(stale) {
            return Work { kept: Index::new(), units: fleet.units() };
        }
        // The root is the same object, and so are the clusters in it.
        let now: BTreeMap<&str, Oid> = fleet.paths().map(|file| (file.path.as_str(), file.blob)).collect();
        let kept: Index = index
            .into_iter()
            .filter(|(_, record)| now.get(record.facts.source.as_str()) == Some(&record.blob))
            .filter(|(_, record)| !ended(record) && !resealed(record))
            .collect();
        let known: BTreeSet<&str> = kept.values().map(|record| record.facts.source.as_str()).collect();
        let changed = fleet.files().iter().filter(|file| !known.contains(file.path.as_str()));
        let units = changed.cloned().map(Unit::File).collect();
        Work { kept, units }
    }
}

/// Returns the names of the refs of all hosts of an index.
pub(super) fn host_refs(index: &Index) -> BTreeSet<String> {
    index
        .values()
        .flat_map(|record| record.facts.hosts.iter().map(|host| host_ref(&record.facts.cluster, &host.name)))
        .collect()
}
