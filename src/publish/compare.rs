//! Two revisions as releases to compare: stored ones are read, specs are compiled in memory, cluster by cluster, and what is
//! the same on both sides is neither read nor compiled where Git can tell. No more clusters are in memory at once than there
//! are threads.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use jiff::civil::Date;

use super::PublishError;
use super::base::{Base, Work};
use super::fleet::{Fleet, Unit};
use super::index::{self, Index};
use super::pairs::{Half, Table};
use super::parted::{merge, parted};
use super::source::{SpecCommit, SpecFile, spec_tree};
use crate::diag::{Diagnostics, Sources};
use crate::name::ClusterName;
use crate::release::Bundle;
use crate::review;
use crate::sys::git::{Objects, Oid, Store};

/// What to compare.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// A directory in the repository.
    pub repository: PathBuf,
    /// The old side: a release or a spec; the published release if none is given.
    pub old: Option<String>,
    /// The new side: a release or a spec.
    pub new: String,
    /// Whether the new side is what merging it into the old one makes.
    pub merged: bool,
    /// The only cluster to hand over; it must be on one of the sides.
    pub only: Option<ClusterName>,
    /// How many threads compile.
    pub jobs: usize,
}

/// One cluster that is not the same on both sides.
#[derive(Debug)]
pub struct Differing {
    /// Its hosts on the old side; none if it is new.
    pub old: Vec<Bundle>,
    /// Its hosts on the new side; none if it is gone.
    pub new: Vec<Bundle>,
}

/// What came of comparing.
#[derive(Debug)]
pub struct Compared {
    /// What the sides are, the old one first; none if a spec is wrong.
    pub sides: Option<(review::Side, review::Side)>,
    /// What the old side has that the new one does not come from; none if it comes from all of it, or was merged.
    pub diverged: Option<review::Diverged>,
    /// What there is to say of the spec of each side.
    pub said: Vec<Said>,
}

/// What there is to say of the spec of one revision.
#[derive(Debug)]
pub struct Said {
    /// The revision as it was asked for.
    pub rev: String,
    /// What is wrong, or worth a look.
    pub diags: Diagnostics,
    /// The files that the diagnostics point into.
    pub sources: Sources,
}

impl Said {
    pub(super) fn of(rev: &str) -> Self {
        Self { rev: rev.to_owned(), diags: Diagnostics::new(), sources: Sources::new() }
    }
}

/// A revision, opened.
pub(super) enum Side {
    Release(Base),
    Spec(Box<(SpecCommit, Fleet)>),
}

/// Hands over every cluster that differs, on any thread and in any order. What was handed over counts for nothing if a spec is
/// wrong, which may be found out last.
pub fn compare(comparison: &Comparison, take: impl Fn(Differing) + Sync) -> Result<Compared, PublishError> {
    let store = Store::discover(&comparison.repository)?;
    let objects = store.objects()?;
    let mut said_new = Said::of(&comparison.new);
    let tree = match &comparison.old {
        Some(old) if comparison.merged => Some(merge(&store, &objects, (old, &comparison.new))?),
        _ => None,
    };
    let wrong = |said| Ok(Compared { sides: None, diverged: None, said: vec![said] });
    let Some(new) = open_tree(&mut said_new, &store, &objects, tree)? else { return wrong(said_new) };
    let mut said_old = Said::of(comparison.old.as_deref().unwrap_or("the published release"));
    let old = if comparison.old.is_some() {
        open_old(&mut said_old, &store, &objects)?
    } else {
        let base = published(&store, &objects, &new)?;
        if base.tip.is_none() {
            "nothing, for no release is published".clone_into(&mut said_old.rev);
        }
        Some(Side::Release(base))
    };
    let Some(old) = old else { return wrong(said_old) };
    let mut sides = (describe(&objects, &old, &said_old.rev)?, describe(&objects, &new, &said_new.rev)?);
    let mut diverged = None;
    if tree.is_some() {
        sides.1.rev = format!("{} merged into {}", sides.1.rev, sides.0.rev);
    } else if let (Side::Spec(one), Side::Spec(other)) = (&old, &new) {
        diverged = parted(&store, (&said_old.rev, one.0.id), (&said_new.rev, other.0.id));
    }
    if let Some(only) = &comparison.only {
        known(only, &old, &new)?;
    }
    let (old, new) = halves(&objects, old, new)?;
    let table = Table { objects: &objects, old: &old, new: &new };
    let (judged_old, judged_new) = table.run(comparison.only.as_ref(), comparison.jobs, &take)?;
    // What is compared with an old side that is wrong says nothing, whatever the new one is.
    let sound = old.judge(&mut said_old, &objects, judged_old)? && new.judge(&mut said_new, &objects, judged_new)?;
    Ok(Compared { sides: sound.then_some(sides), diverged, said: vec![said_old, said_new] })
}

/// Opens the revision that there is something to say of; `None` if its spec is wrong.
pub(super) fn open(said: &mut Said, store: &Store, objects: &Objects<'_>) -> Result<Option<Side>, PublishError> {
    open_tree(said, store, objects, None)
}

/// Opens a revision, or another tree in its place.
fn open_tree(
    said: &mut Said,
    store: &Store,
    objects: &Objects<'_>,
    tree: Option<Oid>,
) -> Result<Option<Side>, PublishError> {
    let id = store.resolve(&said.rev)?;
    if tree.is_none() && index::is_release(objects, &objects.tree(objects.commit(id)?.tree)?) {
        return Ok(Some(Side::Release(Base::of(objects, id)?)));
    }
    let spec = spec_tree(objects, (&said.rev, id), tree)?;
    let fleet = Fleet::read(&mut said.diags, &mut said.sources, objects, &spec)?;
    Ok(fleet.map(|fleet| Side::Spec(Box::new((spec, fleet)))))
}

/// Opens the revision that is compared with: one from before the spec is an empty release.
pub(super) fn open_old(said: &mut Said, store: &Store, objects: &Objects<'_>) -> Result<Option<Side>, PublishError> {
    // What CI names as the commit before the first push of a branch.
    let is_nothing = said.rev.len() >= 40 && said.rev.bytes().all(|byte| byte == b'0');
    if is_nothing {
        return Ok(Some(Side::Release(Base::default())));
    }
    match open(said, store, objects) {
        Err(PublishError::NoSpec { .. }) => {
            Ok(Some(Side::Release(Base { tip: Some(store.resolve(&said.rev)?), ..Base::default() })))
        }
        opened => opened,
    }
}

/// Returns the release on the output branch that a spec names; an empty one if there is none yet.
fn published(store: &Store, objects: &Objects<'_>, new: &Side) -> Result<Base, PublishError> {
    let Side::Spec(spec) = new else { return Ok(Base::default()) };
    match store.tip(&format!("refs/heads/{}", spec.1.branch()))? {
        Some(tip) => Base::of(objects, tip),
        None => Ok(Base::default()),
    }
}

/// Says what a side is.
fn describe(objects: &Objects<'_>, side: &Side, rev: &str) -> Result<review::Side, PublishError> {
    let (commit, release) = match side {
        // A commit from before the spec is neither.
        Side::Release(base) => (base.tip, base.root.is_some() || base.tip.is_none()),
        Side::Spec(spec) => (Some(spec.0.id), false),
    };
    let subject = commit.map(|id| objects.commit(id)).transpose()?.map(|commit| commit.subject().to_owned());
    Ok(review::Side { rev: rev.to_owned(), commit: commit.map(|id| id.to_string()), subject, release })
}

/// Complains about a cluster that no side has.
fn known(only: &ClusterName, old: &Side, new: &Side) -> Result<(), PublishError> {
    let names = |side: &Side| -> Vec<String> {
        match side {
            Side::Release(release) => {
                release.trees.keys().filter(|name| ClusterName::parse(name).is_ok()).cloned().collect()
            }
            Side::Spec(spec) => {
                let units = spec.1.units();
                units.iter().filter_map(|unit| spec.1.name_of(unit)).map(str::to_owned).collect()
            }
        }
    };
    let mut known = names(new);
    known.extend(names(old));
    if known.iter().any(|name| name == only.as_str()) {
        return Ok(());
    }
    Err(PublishError::NoCluster { name: only.clone(), known })
}

/// Finds out what of the sides may differ.
fn halves(objects: &Objects<'_>, old: Side, new: Side) -> Result<(Half, Half), PublishError> {
    Ok(match (old, new) {
        (Side::Release(old), Side::Release(new)) => {
            let (before, after) = (old.trees.clone(), new.trees.clone());
            let half = |one: Base, other: BTreeMap<String, Oid>| {
                Half::release(one, |name, id| other.get(name).is_some_and(|same| *same == id))
            };
            (half(old, after), half(new, before))
        }
        (Side::Release(old), Side::Spec(new)) => mixed(objects, old, *new)?,
        (Side::Spec(old), Side::Release(new)) => {
            let (release, spec) = mixed(objects, new, *old)?;
            (spec, release)
        }
        (Side::Spec(old), Side::Spec(new)) => {
            let ((old_spec, old), (new_spec, new)) = (*old, *new);
            let shared = old_spec.shared == new_spec.shared;
            let (before, after) = (work(shared, &old, &new), work(shared, &new, &old));
            (Half::spec(old, before), Half::spec(new, after))
        }
    })
}

/// Compares a release with a spec; the release's side comes first.
fn mixed(
    objects: &Objects<'_>,
    mut release: Base,
    (spec, fleet): (SpecCommit, Fleet),
) -> Result<(Half, Half), PublishError> {
    release.remember(objects, Some(&spec))?;
    let work = release.work(&fleet, Date::MIN);
    let half = Half::release(release, |name, _| work.kept.contains_key(name));
    Ok((half, Half::spec(fleet, work)))
}

/// Returns what of one spec is not in the other.
fn work(shared: bool, one: &Fleet, other: &Fleet) -> Work {
    let same = |file: &&SpecFile| shared && one.secrets_of(file) == other.secrets_of(file);
    let known: BTreeSet<&SpecFile> = other.files().iter().filter(same).collect();
    let root_is_same = shared && one.secrets() == other.secrets();
    let mut units = one.units();
    units.retain(|unit| match unit {
        Unit::Inline(_) => !root_is_same,
        Unit::File(file) => !known.contains(file),
    });
    Work { kept: Index::new(), units }
}
