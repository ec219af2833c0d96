//! What a change is held against: the hosts of another revision, as far as their clusters' files differ from those of now.

use std::collections::BTreeMap;
use std::path::Path;

use super::PublishError;
use super::build::{self, Judged, Product};
use super::compare::{Said, Side, open_old};
use super::fleet::{Fleet, Unit};
use super::index::Index;
use super::judge::{Bench, judge};
use super::pairs::{hosts_of, load};
use super::source::{ROOT, SpecFile};
use crate::check::TEMPLATES;
use crate::name::ClusterName;
use crate::release::Bundle;
use crate::review::{HostId, ReleaseTree};
use crate::sys::git::object::{self, Kind};
use crate::sys::git::pack::Known;
use crate::sys::git::{Objects, Store};

/// The hosts of a revision; or, of a spec that is wrong, what is wrong with it.
pub type Before = Result<ReleaseTree, Said>;

/// Returns the hosts of a revision, but for those of files that are the same now; of each bundle what `keep` leaves.
pub fn before(
    (repository, rev, jobs): (&Path, &str, usize),
    now: &BTreeMap<String, Vec<u8>>,
    keep: impl Fn(Bundle) -> Bundle + Sync,
) -> Result<Before, PublishError> {
    let store = Store::discover(repository)?;
    let objects = store.objects()?;
    let mut said = Said::of(rev);
    let Some(side) = open_old(&mut said, &store, &objects)? else { return Ok(Err(said)) };
    let (spec, fleet) = match side {
        Side::Release(release) => {
            let mut all = ReleaseTree::new();
            for (name, tree) in &release.trees {
                let Ok(cluster) = ClusterName::parse(name) else { continue };
                for (host, tree) in hosts_of(&objects, *tree)? {
                    let bundle = load(&objects, &cluster, &host, tree)?;
                    all.insert(HostId { cluster: cluster.clone(), host }, keep(bundle));
                }
            }
            return Ok(Ok(all));
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
    let same = |file: &SpecFile| shared && fleet.secrets_of(file).is_none() && blob(&file.path) == Some(file.blob);
    let mut units = fleet.units();
    units.retain(|unit| !matches!(unit, Unit::File(file) if same(file)));
    compile(&mut said, &objects, (&fleet, &units, jobs), keep).map(|hosts| hosts.ok_or(said))
}

fn compile(
    said: &mut Said,
    objects: &Objects<'_>,
    (fleet, units, jobs): (&Fleet, &[Unit], usize),
    keep: impl Fn(Bundle) -> Bundle + Sync,
) -> Result<Option<ReleaseTree>, PublishError> {
    let known = Known::default();
    let judged = build::build(
        &known,
        units.len(),
        jobs,
        |_, unit| -> Result<Judged<Vec<Bundle>>, PublishError> {
            let compiled = fleet.compile(objects, &units[unit], None)?;
            let kept = |bundles: Vec<Bundle>| bundles.into_iter().map(&keep).collect();
            Ok(compiled.map(|one| Product { facts: one.facts, warnings: one.warnings, value: kept(one.bundles) }))
        },
        |_| Ok(()),
    )?;
    let kept = Index::new();
    let bench = Bench { objects, kept: &kept, units, checker: None };
    let products = judge(&mut said.diags, &mut said.sources, &bench, judged)?;
    let named = |bundle: Bundle| (HostId { cluster: bundle.cluster.clone(), host: bundle.host.clone() }, bundle);
    Ok(products.map(|all| all.into_iter().flat_map(|one| one.value).map(named).collect()))
}
