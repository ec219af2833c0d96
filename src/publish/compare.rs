//! Two revisions as releases to compare: stored ones are read, specs are compiled in memory, and what is the same on both
//! sides is neither read nor compiled where Git can tell.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jiff::civil::Date;

use super::PublishError;
use super::base::{Base, Work};
use super::build::{self, Product};
use super::fleet::{Fleet, Unit};
use super::index::{self, Index};
use super::judge::{Bench, judge};
use super::source::{ROOT, SpecCommit, SpecFile, spec_commit};
use crate::check::TEMPLATES;
use crate::diag::{Diagnostics, Sources};
use crate::name::{ClusterName, HostName};
use crate::release::Bundle;
use crate::review::{self, HostId, ReleaseTree};
use crate::sys::git::dir::Dir;
use crate::sys::git::object::{self, Kind};
use crate::sys::git::pack::Known;
use crate::sys::git::tree::Mode;
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
    /// How many threads compile.
    pub jobs: usize,
    /// Whether the hosts that are the same are returned too, where something changes in their cluster.
    pub whole: bool,
}

/// Two revisions as releases.
#[derive(Debug)]
pub struct Compared {
    /// What the old side is.
    pub base: review::Side,
    /// What the new side is.
    pub head: review::Side,
    /// The hosts of the old side.
    pub old: ReleaseTree,
    /// The hosts of the new side.
    pub new: ReleaseTree,
}

enum Side {
    Release(Base),
    Spec(Box<(SpecCommit, Fleet)>),
}

/// A host of one side: its tree, and its files if they had to be made.
type Host = (Oid, Option<Bundle>);

/// Returns the hosts that differ, as they are on both sides; `None` if a spec is wrong, and the diagnostics say how.
pub fn compare(
    diags: &mut Diagnostics,
    sources: &mut Sources,
    comparison: &Comparison,
) -> Result<Option<Compared>, PublishError> {
    let store = Store::discover(&comparison.repository)?;
    let objects = store.objects()?;
    let bench = Table { objects: &objects, jobs: comparison.jobs };
    let Some(new) = open(diags, sources, &store, &objects, &comparison.new)? else { return Ok(None) };
    let old = match &comparison.old {
        Some(rev) => open(diags, sources, &store, &objects, rev)?,
        None => Some(Side::Release(published(&store, &objects, &new)?)),
    };
    let Some(old) = old else { return Ok(None) };
    let base = describe(&objects, &old, comparison.old.as_deref())?;
    let head = describe(&objects, &new, Some(&comparison.new))?;
    let hosts = match (old, new) {
        (Side::Release(old), Side::Release(new)) => {
            let same: BTreeSet<String> = old
                .trees
                .iter()
                .filter(|(name, id)| new.trees.get(*name) == Some(id))
                .map(|(n, _)| n.clone())
                .collect();
            Some((stored(&objects, &old, &same)?, stored(&objects, &new, &same)?))
        }
        (Side::Release(mut old), Side::Spec(new)) => bench.mixed(diags, sources, &mut old, &new)?,
        (Side::Spec(old), Side::Release(mut new)) => {
            bench.mixed(diags, sources, &mut new, &old)?.map(|(release, spec)| (spec, release))
        }
        (Side::Spec(old), Side::Spec(new)) => bench.specs(diags, sources, &old, &new)?,
    };
    let Some((mut old, mut new)) = hosts else { return Ok(None) };
    if comparison.whole {
        drop_same_clusters(&mut old, &mut new);
    } else {
        old.retain(|id, (tree, _)| match new.get(id) {
            Some((other, _)) if other == tree => {
                new.remove(id);
                false
            }
            _ => true,
        });
    }
    // A host that was compiled on both sides and is the same is kept on the old one only.
    let old = load(&objects, old, &Loaded::new())?;
    let new = load(&objects, new, &old)?;
    Ok(Some(Compared { base, head, old: bundles(old), new: bundles(new) }))
}

/// Returns the hosts of a revision, but for those of files that are the same now; of each bundle what `keep` leaves. `None` if
/// its spec is wrong, and the diagnostics say how.
pub fn before(
    (diags, sources): (&mut Diagnostics, &mut Sources),
    (repository, rev, jobs): (&Path, &str, usize),
    now: &BTreeMap<String, Vec<u8>>,
    keep: impl Fn(Bundle) -> Bundle + Sync,
) -> Result<Option<ReleaseTree>, PublishError> {
    let store = Store::discover(repository)?;
    let objects = store.objects()?;
    let Some(side) = open(diags, sources, &store, &objects, rev)? else { return Ok(None) };
    let (spec, fleet) = match side {
        Side::Release(release) => {
            let hosts = stored(&objects, &release, &BTreeSet::new())?;
            let all = bundles(load(&objects, hosts, &Loaded::new())?);
            return Ok(Some(all.into_iter().map(|(id, bundle)| (id, keep(bundle))).collect()));
        }
        Side::Spec(spec) => *spec,
    };
    let blob = |path: &str| now.get(path).map(|bytes| object::id(Kind::Blob, bytes));
    let templates = |path: &str| path.starts_with(&format!("{TEMPLATES}/"));
    let committed = spec.files(&objects, |dir| dir == TEMPLATES || templates(dir), templates)?;
    let same_templates = committed.len() == now.keys().filter(|path| templates(path)).count()
        && committed.iter().all(|file| blob(&file.path) == Some(file.blob));
    let shared = same_templates && blob(ROOT) == Some(spec.root().blob);
    // Sealed secrets are not compared: whoever has some compiles the cluster.
    let same = |file: &&SpecFile| shared && fleet.secrets_of(file).is_none() && blob(&file.path) == Some(file.blob);
    let inline = (0..fleet.inline()).map(Unit::Inline);
    let files = fleet.files().iter().filter(|file| !same(file)).cloned().map(Unit::File);
    let work = Work { kept: Index::new(), units: inline.chain(files).collect() };
    let table = Table { objects: &objects, jobs };
    let compiled = table.compile(diags, sources, &fleet, &work, |_, _| false)?;
    let bundle = |(id, (_, bundle)): (HostId, Host)| Some((id, keep(bundle?)));
    Ok(compiled.map(|hosts| hosts.into_iter().filter_map(bundle).collect()))
}

/// Says what a side is.
fn describe(objects: &Objects<'_>, side: &Side, rev: Option<&str>) -> Result<review::Side, PublishError> {
    let (commit, release) = match side {
        Side::Release(base) => (base.tip, true),
        Side::Spec(spec) => (Some(spec.0.id), false),
    };
    let subject = commit.map(|id| objects.commit(id)).transpose()?.map(|commit| commit.subject().to_owned());
    let rev = rev.unwrap_or("the published release").to_owned();
    Ok(review::Side { rev, commit: commit.map(|id| id.to_string()), subject, release })
}

/// Drops the clusters in which every host is the same on both sides.
fn drop_same_clusters(old: &mut BTreeMap<HostId, Host>, new: &mut BTreeMap<HostId, Host>) {
    let tree = |hosts: &BTreeMap<HostId, Host>, id: &HostId| hosts.get(id).map(|(tree, _)| *tree);
    let differing: BTreeSet<ClusterName> =
        old.keys().chain(new.keys()).filter(|id| tree(old, id) != tree(new, id)).map(|id| id.cluster.clone()).collect();
    old.retain(|id, _| differing.contains(&id.cluster));
    new.retain(|id, _| differing.contains(&id.cluster));
}

fn open(
    diags: &mut Diagnostics,
    sources: &mut Sources,
    store: &Store,
    objects: &Objects<'_>,
    rev: &str,
) -> Result<Option<Side>, PublishError> {
    let id = store.resolve(rev)?;
    if index::is_release(objects, &objects.tree(objects.commit(id)?.tree)?) {
        return Ok(Some(Side::Release(Base::of(objects, id)?)));
    }
    let spec = spec_commit(store, objects, rev)?;
    Ok(Fleet::read(diags, sources, objects, &spec)?.map(|fleet| Side::Spec(Box::new((spec, fleet)))))
}

/// Returns the release on the output branch that a spec names; an empty one if there is none yet.
fn published(store: &Store, objects: &Objects<'_>, new: &Side) -> Result<Base, PublishError> {
    let Side::Spec(spec) = new else { return Ok(Base::default()) };
    match store.tip(&format!("refs/heads/{}", spec.1.branch()))? {
        Some(tip) => Base::of(objects, tip),
        None => Ok(Base::default()),
    }
}

/// Returns the hosts of a release, but for those of some clusters.
fn stored(
    objects: &Objects<'_>,
    release: &Base,
    without: &BTreeSet<String>,
) -> Result<BTreeMap<HostId, Host>, PublishError> {
    let mut hosts = BTreeMap::new();
    for (name, tree) in release.trees.iter().filter(|(name, _)| !without.contains(*name)) {
        let Ok(cluster) = ClusterName::parse(name) else { continue };
        for entry in objects.tree(*tree)?.into_iter().filter(|entry| entry.mode == Mode::Tree) {
            if let Ok(host) = HostName::parse(&entry.name) {
                hosts.insert(HostId { cluster: cluster.clone(), host }, (entry.id, None));
            }
        }
    }
    Ok(hosts)
}

type Loaded = BTreeMap<HostId, (Oid, Bundle)>;

/// Reads what was not compiled; `known` has the same trees already, on the other side.
fn load(objects: &Objects<'_>, hosts: BTreeMap<HostId, Host>, known: &Loaded) -> Result<Loaded, PublishError> {
    let mut release = Loaded::new();
    for (id, (tree, bundle)) in hosts {
        let same = known.get(&id).filter(|(other, _)| *other == tree);
        let bundle = match bundle.or_else(|| same.map(|(_, bundle)| bundle.clone())) {
            Some(bundle) => bundle,
            None => Bundle::load(objects.files(tree)?)
                .map_err(|source| PublishError::Bundle { host: format!("{}/{}", id.cluster, id.host), source })?,
        };
        release.insert(id, (tree, bundle));
    }
    Ok(release)
}

fn bundles(hosts: Loaded) -> ReleaseTree {
    hosts.into_iter().map(|(id, (_, bundle))| (id, bundle)).collect()
}

type Both = (BTreeMap<HostId, Host>, BTreeMap<HostId, Host>);

struct Table<'a> {
    objects: &'a Objects<'a>,
    jobs: usize,
}

impl Table<'_> {
    /// Compares a release with a spec; the release's side comes first.
    fn mixed(
        &self,
        diags: &mut Diagnostics,
        sources: &mut Sources,
        release: &mut Base,
        (spec, fleet): &(SpecCommit, Fleet),
    ) -> Result<Option<Both>, PublishError> {
        release.remember(self.objects, Some(spec))?;
        let work = release.work(fleet, Date::MIN);
        let kept = work.kept.keys().map(ToString::to_string).collect();
        let before = stored(self.objects, release, &kept)?;
        let same = |id: &HostId, tree: Oid| before.get(id).is_some_and(|(old, _)| *old == tree);
        Ok(self.compile(diags, sources, fleet, &work, same)?.map(|after| (before, after)))
    }

    /// Compares two specs: of what they share, nothing is compiled.
    fn specs(
        &self,
        diags: &mut Diagnostics,
        sources: &mut Sources,
        old: &(SpecCommit, Fleet),
        new: &(SpecCommit, Fleet),
    ) -> Result<Option<Both>, PublishError> {
        let shared = old.0.shared == new.0.shared;
        let work = |one: &Fleet, other: &Fleet| {
            let same = |file: &&SpecFile| shared && one.secrets_of(file) == other.secrets_of(file);
            let known: BTreeSet<&SpecFile> = other.files().iter().filter(same).collect();
            let root_is_same = shared && one.secrets() == other.secrets();
            let inline = (0..one.inline()).filter(|_| !root_is_same).map(Unit::Inline);
            let files = one.files().iter().filter(|file| !known.contains(file)).cloned().map(Unit::File);
            Work { kept: Index::new(), units: inline.chain(files).collect() }
        };
        let before = self.compile(diags, sources, &old.1, &work(&old.1, &new.1), |_, _| false)?;
        let Some(before) = before else { return Ok(None) };
        let same = |id: &HostId, tree: Oid| before.get(id).is_some_and(|(old, _)| *old == tree);
        let after = self.compile(diags, sources, &new.1, &work(&new.1, &old.1), same)?;
        Ok(after.map(|after| (before, after)))
    }

    /// Compiles units; what is the same on the other side is dropped at once.
    fn compile(
        &self,
        diags: &mut Diagnostics,
        sources: &mut Sources,
        fleet: &Fleet,
        work: &Work,
        same: impl Fn(&HostId, Oid) -> bool + Sync,
    ) -> Result<Option<BTreeMap<HostId, Host>>, PublishError> {
        let known = Known::default();
        let hosts = |bundles: Vec<Bundle>| -> Vec<(HostId, Host)> {
            let host = |bundle: Bundle| {
                let id = HostId { cluster: bundle.cluster.clone(), host: bundle.host.clone() };
                let tree = Dir::new(bundle.store()).id();
                let bundle = (!same(&id, tree)).then_some(bundle);
                (id, (tree, bundle))
            };
            bundles.into_iter().map(host).collect()
        };
        let judged = build::build(
            &known,
            work.units.len(),
            self.jobs,
            |_, unit| {
                let compiled = fleet.compile(self.objects, &work.units[unit], None)?;
                Ok(compiled.map(|one| Product { facts: one.facts, warnings: one.warnings, value: hosts(one.bundles) }))
            },
            |_| Ok(()),
        )?;
        let bench = Bench { objects: self.objects, kept: &work.kept, units: &work.units, checker: None };
        let products = judge(diags, sources, &bench, judged)?;
        Ok(products.map(|products| products.into_iter().flat_map(|product| product.value).collect()))
    }
}
