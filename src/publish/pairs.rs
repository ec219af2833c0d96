//! The clusters of two sides, put together by name, and compared one by one on several threads.

use std::collections::BTreeMap;

use super::PublishError;
use super::base::{Base, Work};
use super::build::{self, Judged, Product};
use super::compare::{Differing, Said};
use super::fleet::{Fleet, Unit};
use super::index::Index;
use super::judge::{Bench, judge};
use crate::name::{ClusterName, HostName};
use crate::release::Bundle;
use crate::sys::git::dir::Dir;
use crate::sys::git::pack::Known;
use crate::sys::git::tree::Mode;
use crate::sys::git::{GitError, Objects, Oid};

/// What of one side may differ.
pub(super) struct Half {
    /// The spec that its units stand in, if it is one.
    fleet: Option<Fleet>,
    units: Vec<Unit>,
    /// The clusters of the spec that are as in the release on the other side.
    kept: Index,
    /// The clusters of a release.
    trees: BTreeMap<String, Oid>,
}

impl Half {
    /// Of a spec.
    pub(super) fn spec(fleet: Fleet, work: Work) -> Self {
        Self { fleet: Some(fleet), units: work.units, kept: work.kept, trees: BTreeMap::new() }
    }

    /// Of a release: its clusters, but for those that are the same on the other side.
    pub(super) fn release(release: Base, same: impl Fn(&str, Oid) -> bool) -> Self {
        let differs = |name: &str, id: Oid| ClusterName::parse(name).is_ok() && !same(name, id);
        let trees = release.trees.into_iter().filter(|(name, id)| differs(name, *id)).collect();
        Self { fleet: None, units: Vec::new(), kept: Index::new(), trees }
    }

    /// Says what is wrong with the units, each of them and all together; and whether nothing is.
    pub(super) fn judge(
        &self,
        said: &mut Said,
        objects: &Objects<'_>,
        judged: Vec<Judged<()>>,
    ) -> Result<bool, PublishError> {
        let bench = Bench { objects, kept: &self.kept, units: &self.units, checker: None };
        Ok(judge(&mut said.diags, &mut said.sources, &bench, judged)?.is_some())
    }

    /// Returns the clusters with their names, as far as those can be told before they are read.
    fn clusters(&self) -> Vec<(&str, Origin)> {
        let unit = |(number, unit)| {
            let name = self.fleet.as_ref().and_then(|fleet| fleet.name_of(unit));
            (name.unwrap_or_default(), Origin::Unit(number))
        };
        let trees = self.trees.iter().map(|(name, id)| (name.as_str(), Origin::Tree(*id)));
        self.units.iter().enumerate().map(unit).chain(trees).collect()
    }
}

/// Where a cluster of one side comes from.
#[derive(Debug, Clone, Copy)]
enum Origin {
    /// The unit of this number is compiled.
    Unit(usize),
    /// It is stored.
    Tree(Oid),
}

/// A cluster on both sides.
#[derive(Debug)]
struct Pair<'a> {
    name: &'a str,
    /// Where it comes from on the old side and on the new one.
    origins: [Option<Origin>; 2],
}

/// The hosts of a cluster on one side.
enum Hosts {
    Compiled(Vec<Bundle>),
    /// Their trees, not read yet.
    Stored(ClusterName, Vec<(HostName, Oid)>),
}

/// What became of the units of a pair.
type Both = (Option<Judged<()>>, Option<Judged<()>>);

/// The same of two sides.
type Sides<T> = (Vec<T>, Vec<T>);

/// Two sides.
pub(super) struct Table<'a> {
    pub(super) objects: &'a Objects<'a>,
    pub(super) old: &'a Half,
    pub(super) new: &'a Half,
}

impl Table<'_> {
    /// Hands over the clusters that differ, or the only one that is asked for; returns what became of the units of each side.
    pub(super) fn run(
        &self,
        only: Option<&ClusterName>,
        jobs: usize,
        take: &(impl Fn(Differing) + Sync),
    ) -> Result<Sides<Judged<()>>, PublishError> {
        let pairs = self.pairs();
        let take = |pair: &Pair<'_>, found: Differing| {
            if only.is_none_or(|only| only.as_str() == pair.name) {
                take(found);
            }
        };
        let known = Known::default();
        let work = |at: usize| self.compare(&pairs[at], &take);
        let done = build::build(&known, pairs.len(), jobs, |_, at| work(at), |_| Ok(()))?;
        let (mut old, mut new) = (BTreeMap::new(), BTreeMap::new());
        for (pair, (before, after)) in pairs.iter().zip(done) {
            for (units, origin, judged) in [(&mut old, pair.origins[0], before), (&mut new, pair.origins[1], after)] {
                if let (Some(Origin::Unit(number)), Some(judged)) = (origin, judged) {
                    units.insert(number, judged);
                }
            }
        }
        Ok((old.into_values().collect(), new.into_values().collect()))
    }

    /// Puts the clusters of both sides together. A name that a side has twice, which is wrong, stands apart the second time.
    fn pairs(&self) -> Vec<Pair<'_>> {
        let mut named: BTreeMap<&str, Pair<'_>> = BTreeMap::new();
        let mut apart = Vec::new();
        for (side, half) in [self.old, self.new].into_iter().enumerate() {
            for (name, origin) in half.clusters() {
                let pair = named.entry(name).or_insert(Pair { name, origins: [None, None] });
                if pair.origins[side].is_none() {
                    pair.origins[side] = Some(origin);
                } else {
                    let mut alone = Pair { name, origins: [None, None] };
                    alone.origins[side] = Some(origin);
                    apart.push(alone);
                }
            }
        }
        named.into_values().chain(apart).collect()
    }

    fn compare(&self, pair: &Pair<'_>, take: &impl Fn(&Pair<'_>, Differing)) -> Result<Both, PublishError> {
        let (old, before) = self.side(self.old, pair.name, pair.origins[0])?;
        let (new, after) = self.side(self.new, pair.name, pair.origins[1])?;
        // What is wrong on one side is not gone from it.
        let is_wrong = |judged: &Option<Judged<()>>| matches!(judged, Some(Err(_)));
        if !is_wrong(&before)
            && !is_wrong(&after)
            && let Some(found) = self.differing(old, new)?
        {
            take(pair, found);
        }
        Ok((before, after))
    }

    fn side(
        &self,
        half: &Half,
        name: &str,
        origin: Option<Origin>,
    ) -> Result<(Hosts, Option<Judged<()>>), PublishError> {
        let none = Hosts::Compiled(Vec::new());
        Ok(match (origin, &half.fleet) {
            (Some(Origin::Unit(number)), Some(fleet)) => {
                match fleet.compile(self.objects, &half.units[number], None)? {
                    Ok(one) => {
                        let product = Product { facts: one.facts, warnings: one.warnings, value: () };
                        (Hosts::Compiled(one.bundles), Some(Ok(product)))
                    }
                    Err(wrong) => (none, Some(Err(wrong))),
                }
            }
            (Some(Origin::Tree(id)), _) => match ClusterName::parse(name) {
                Ok(name) => (Hosts::Stored(name, hosts_of(self.objects, id)?), None),
                Err(_) => (none, None),
            },
            _ => (none, None),
        })
    }

    /// Reads what is stored, where something differs.
    fn differing(&self, old: Hosts, new: Hosts) -> Result<Option<Differing>, PublishError> {
        let found = match (old, new) {
            (Hosts::Compiled(old), Hosts::Compiled(new)) => (old != new).then_some((old, new)),
            (Hosts::Stored(cluster, old), Hosts::Compiled(new)) => self.mixed(&cluster, &old, new)?,
            (Hosts::Compiled(old), Hosts::Stored(cluster, new)) => {
                self.mixed(&cluster, &new, old)?.map(|(new, old)| (old, new))
            }
            (Hosts::Stored(cluster, old), Hosts::Stored(_, new)) => {
                let before = self.load_all(&cluster, &old)?;
                let load =
                    |(host, id): &(HostName, Oid)| match old.iter().position(|known| known == &(host.clone(), *id)) {
                        Some(known) => Ok(before[known].clone()),
                        None => load(self.objects, &cluster, host, *id),
                    };
                let after = new.iter().map(load).collect::<Result<_, PublishError>>()?;
                Some((before, after))
            }
        };
        Ok(found.map(|(old, new)| Differing { old, new }))
    }

    /// Compares stored hosts with compiled ones. A host that is the same is the stored one on both sides, so that nothing that
    /// is not stored tells them apart.
    fn mixed(
        &self,
        cluster: &ClusterName,
        stored: &[(HostName, Oid)],
        mut compiled: Vec<Bundle>,
    ) -> Result<Option<Sides<Bundle>>, PublishError> {
        let find = |bundle: &Bundle| stored.iter().position(|(host, _)| *host == bundle.host);
        let is_same = |bundle: &Bundle| find(bundle).filter(|at| Dir::new(bundle.store()).id() == stored[*at].1);
        let same: Vec<Option<usize>> = compiled.iter().map(is_same).collect();
        if same.len() == stored.len() && same.iter().all(Option::is_some) {
            return Ok(None);
        }
        let before = self.load_all(cluster, stored)?;
        for (bundle, at) in compiled.iter_mut().zip(same) {
            if let Some(at) = at {
                bundle.clone_from(&before[at]);
            }
        }
        Ok(Some((before, compiled)))
    }

    fn load_all(&self, cluster: &ClusterName, hosts: &[(HostName, Oid)]) -> Result<Vec<Bundle>, PublishError> {
        hosts.iter().map(|(host, id)| load(self.objects, cluster, host, *id)).collect()
    }
}

/// Returns the hosts of a stored cluster with their trees.
pub(super) fn hosts_of(objects: &Objects<'_>, cluster: Oid) -> Result<Vec<(HostName, Oid)>, GitError> {
    let trees = objects.tree(cluster)?.into_iter().filter(|entry| entry.mode == Mode::Tree);
    Ok(trees.filter_map(|entry| Some((HostName::parse(&entry.name).ok()?, entry.id))).collect())
}

/// Reads a stored host.
pub(super) fn load(
    objects: &Objects<'_>,
    cluster: &ClusterName,
    host: &HostName,
    tree: Oid,
) -> Result<Bundle, PublishError> {
    Bundle::load(objects.files(tree)?)
        .map_err(|source| PublishError::Bundle { host: format!("{cluster}/{host}"), source })
}
