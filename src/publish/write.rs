//! From the clusters of a spec to objects and refs.

use std::collections::{BTreeMap, BTreeSet};

use super::base::{Base, Work, host_refs};
use super::build::{self, Compiled, Product};
use super::fleet::{Fleet, Rulings};
use super::hosts::HostRefs;
use super::index::{self, Index, Record};
use super::judge::{Bench, judge};
use super::seal::{Renew, Seal};
use super::signers::Signers;
use super::source::SpecCommit;
use super::{PublishError, Release, VERSION, page};
use crate::diag::{Diagnostics, Sources};
use crate::model::fleet;
use crate::name::{ClusterName, HostName};
use crate::release::{COMPILER, SPEC_COMMIT};
use crate::sys::git::dir::Dir;
use crate::sys::git::object::{self, Kind};
use crate::sys::git::pack::{Known, PackWriter, Packer};
use crate::sys::git::refs::{self, Edit};
use crate::sys::git::tree::{self, Entry};
use crate::sys::git::{GitError, Objects, Oid, Store, lock};

/// What the stage works on.
pub(super) struct Desk<'a> {
    pub(super) store: &'a Store,
    pub(super) objects: &'a Objects<'a>,
    pub(super) spec: &'a SpecCommit,
    pub(super) fleet: &'a Fleet,
    pub(super) base: &'a Base,
    pub(super) seal: &'a Seal<'a>,
    pub(super) signers: &'a Signers,
    pub(super) jobs: usize,
}

/// A release whose objects are in a pack that is not in place yet.
pub(super) struct Draft {
    writer: PackWriter,
    known: Known,
    /// All clusters.
    index: Index,
    /// The names of the refs of all hosts.
    wanted: BTreeSet<String>,
    /// The trees of those that were compiled.
    trees: BTreeMap<String, Oid>,
    /// The refs of the hosts of those.
    edits: Vec<Edit>,
}

impl Desk<'_> {
    /// Compiles what changed; `None` if the spec is wrong, and the diagnostics say how.
    pub(super) fn compile(
        &self,
        diags: &mut Diagnostics,
        sources: &mut Sources,
        work: Work,
        rulings: &Rulings<'_>,
    ) -> Result<Option<Draft>, PublishError> {
        let mut writer = PackWriter::create(self.store.dir())?;
        let known = Known::default();
        let message = self.message();
        let hosts = self.host_refs(&message);
        // The opened repository stays on this thread.
        let Self { objects, fleet, base, .. } = *self;
        let judged = build::build(
            &known,
            work.units.len(),
            self.jobs,
            |packer, unit| match fleet.compile(objects, &work.units[unit], Some(rulings))? {
                Ok(compiled) => Ok(Ok(pack(packer, &hosts, base, compiled)?)),
                Err(found) => Ok(Err(found)),
            },
            |chunk| writer.append(chunk),
        )?;
        let bench = Bench { objects, kept: &work.kept, units: &work.units, checker: Some(&rulings.checker) };
        let Some(products) = judge(diags, sources, &bench, judged)? else { return Ok(None) };
        let mut draft = Draft {
            writer,
            known,
            index: work.kept,
            wanted: BTreeSet::new(),
            trees: BTreeMap::new(),
            edits: Vec::new(),
        };
        for (unit, Product { facts, value: (tree, edits), .. }) in work.units.iter().zip(products) {
            let blob = self.fleet.file(unit).blob;
            let secrets = self.fleet.secrets().get(facts.cluster.as_str()).copied();
            draft.trees.insert(facts.cluster.to_string(), tree);
            draft.edits.extend(edits);
            draft.index.insert(facts.cluster.clone(), Record { blob, secrets, facts });
        }
        draft.wanted = host_refs(&draft.index);
        Ok(Some(draft))
    }

    fn host_refs<'a>(&'a self, message: &'a str) -> HostRefs<'a> {
        HostRefs { objects: self.objects, now: &self.base.refs, seal: self.seal, message }
    }

    /// Returns what every commit of this release says.
    fn message(&self) -> String {
        let subject = self.spec.subject.trim();
        let subject = if subject.is_empty() { "Release" } else { subject };
        let signers = self.signers.trailer();
        format!("{subject}\n\n{SPEC_COMMIT}: {}\n{COMPILER}: {VERSION}\n{signers}", self.spec.id)
    }

    /// Puts the objects in place, then moves the refs of the hosts, and the branch last.
    pub(super) fn finish(&self, branch: &str, draft: Draft) -> Result<Release, PublishError> {
        let Draft { mut writer, known, index, wanted, trees, mut edits } = draft;
        let compiled = trees.len();
        let message = self.message();
        let mut packer = Packer::new(&known);
        edits.extend(self.repair(&mut packer, &message, &index, &trees)?);
        let gone = self.base.refs.iter().filter(|(name, _)| !wanted.contains(*name));
        edits.extend(gone.map(|(name, id)| Edit { name: name.clone(), old: Some(*id), new: None }));
        let tree = self.root(&mut packer, &index, &trees)?;
        let commit = match self.base.tip {
            Some(tip) if self.base.root == Some(tree) && self.seal.keeps(self.objects, tip)? => tip,
            tip => {
                let commit = self.seal.commit(tree, tip.into_iter().collect(), message)?;
                packer.add(Kind::Commit, &commit)
            }
        };
        self.signers.pack(&mut packer);
        writer.append(&packer.take())?;
        writer.finish()?;
        let names = |removed: bool| {
            let edits = edits.iter().filter(|edit| edit.new.is_none() == removed);
            let mut names: Vec<_> = edits.map(|edit| short(&edit.name)).collect();
            names.sort();
            names
        };
        let release = Release {
            branch: branch.to_owned(),
            commit,
            tree,
            spec: self.spec.id,
            clusters: index.len(),
            hosts: wanted.len(),
            compiled,
            changed: names(false),
            removed: names(true),
            committed: self.base.tip != Some(commit),
            signer: self.seal.signing.map(|signing| signing.signer.key().fingerprint()),
            signers: self.signers.head,
            signers_moved: self.signers.edit().is_some(),
            pushed: false,
        };
        self.move_refs(&release, edits)?;
        Ok(release)
    }

    fn move_refs(&self, release: &Release, edits: Vec<Edit>) -> Result<(), GitError> {
        let dir = self.store.dir();
        if release.moved() {
            lock::begin(dir)?;
            refs::apply(dir, self.signers.edit().into_iter().collect())?;
            refs::apply(dir, edits)?;
        }
        if release.committed {
            let name = format!("refs/heads/{}", release.branch);
            refs::apply(dir, vec![Edit { name, old: self.base.tip, new: Some(release.commit) }])?;
        }
        lock::end(dir)
    }

    /// Makes the refs of hosts whose clusters were not compiled, where one is missing, a run was killed, or commits are
    /// to be made again.
    fn repair(
        &self,
        packer: &mut Packer<'_>,
        message: &str,
        index: &Index,
        trees: &BTreeMap<String, Oid>,
    ) -> Result<Vec<Edit>, GitError> {
        let hosts = self.host_refs(message);
        let mut edits = Vec::new();
        for record in index.values().filter(|record| !trees.contains_key(record.facts.cluster.as_str())) {
            let cluster = &record.facts.cluster;
            let missing =
                |host: &fleet::HostFact| !self.base.refs.contains_key(&crate::release::host_ref(cluster, &host.name));
            let all = self.base.unfinished || self.seal.renew != Renew::Nothing;
            if !all && !record.facts.hosts.iter().any(missing) {
                continue;
            }
            let Some(tree) = self.base.trees.get(cluster.as_str()) else { continue };
            let entries = self.objects.tree(*tree)?;
            for host in &record.facts.hosts {
                if let Some(tree) = index::find(&entries, host.name.as_str(), tree::Mode::Tree) {
                    edits.extend(hosts.follow(packer, cluster, &host.name, tree)?);
                }
            }
        }
        Ok(edits)
    }

    /// Packs the root of the release.
    fn root(&self, packer: &mut Packer<'_>, index: &Index, trees: &BTreeMap<String, Oid>) -> Result<Oid, GitError> {
        let before = &self.base.trees;
        let memory = Dir::new(index::write(VERSION, &self.spec.shared, index));
        memory.pack(packer, self.objects, before.get(index::DIRECTORY).copied())?;
        let page = page::root(index.values().map(|record| &record.facts));
        let page_id = object::id(Kind::Blob, page.as_bytes());
        if self.base.page != Some(page_id) {
            packer.add(Kind::Blob, page.as_bytes());
        }
        let mut entries = vec![Entry::tree(index::DIRECTORY, memory.id()), Entry::file(page::NAME, page_id)];
        for name in index.keys() {
            let tree = trees.get(name.as_str()).or_else(|| before.get(name.as_str()));
            entries.push(Entry::tree(name.as_str(), *tree.expect("a cluster was compiled, or is kept with its tree")));
        }
        let bytes = tree::bytes(&mut entries);
        let id = object::id(Kind::Tree, &bytes);
        if self.base.root != Some(id) {
            packer.add(Kind::Tree, &bytes);
        }
        Ok(id)
    }
}

/// Packs the tree of a cluster and the commits of its hosts.
fn pack(
    packer: &mut Packer<'_>,
    hosts: &HostRefs<'_>,
    base: &Base,
    compiled: Compiled,
) -> Result<Product<(Oid, Vec<Edit>)>, GitError> {
    let pages = compiled.pages();
    let Compiled { bundles, facts, warnings, .. } = compiled;
    let dir = build::directory(&bundles, pages);
    dir.pack(packer, hosts.objects, base.trees.get(facts.cluster.as_str()).copied())?;
    let mut edits = Vec::new();
    for (host, tree) in dir.dirs() {
        let host = HostName::parse(host).expect("every directory of a cluster is named after a host");
        edits.extend(hosts.follow(packer, &facts.cluster, &host, tree)?);
    }
    Ok(Product { facts, warnings, value: (dir.id(), edits) })
}

/// Returns the part of a host's ref that names the host.
fn short(name: &str) -> String {
    name.strip_prefix(crate::release::HOST_REFS).unwrap_or(name).trim_start_matches('/').to_owned()
}

impl Draft {
    /// Refuses names that the pages of a release have.
    pub(super) fn check_names(&self) -> Result<(), PublishError> {
        let taken = |name: &str| [page::NAME, page::PICTURE].iter().any(|page| page.eq_ignore_ascii_case(name));
        let hosts = self.index.values().flat_map(|record| record.facts.hosts.iter().map(|host| host.name.as_str()));
        match self.index.keys().map(ClusterName::as_str).chain(hosts).find(|name| taken(name)) {
            Some(name) => Err(PublishError::Reserved(name.to_owned())),
            None => Ok(()),
        }
    }

    /// Refuses a release without hosts, or without most of those that are published.
    pub(super) fn check_size(&self, base: &Base) -> Result<(), PublishError> {
        if self.wanted.is_empty() {
            return Err(PublishError::Empty);
        }
        let (published, left) = (base.refs.len(), base.refs.keys().filter(|name| self.wanted.contains(*name)).count());
        if 2 * left < published { Err(PublishError::Shrunk { published, left }) } else { Ok(()) }
    }
}
