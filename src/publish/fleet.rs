//! The clusters of a spec commit: which there are, and how one of them becomes compiled.
//!
//! Every cluster is read with a registry of sources of its own, in which the root is file 0 and the cluster's file is file
//! 1, so that threads share nothing. [`relocate`] moves what they found to the registry of the run.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::PublishError;
use super::build::Compiled;
use super::source::{SpecCommit, SpecFile};
use crate::check::{self, Beside, Judge, POLICIES, SealedFiles, TEMPLATES, sealed};
use crate::compile::Compiler;
use crate::diag::{Diagnostics, Place, Severity, Sources, Span};
use crate::model::fleet::{Facts, Published};
use crate::model::lower;
use crate::name::ClusterName;
use crate::policy::{Checker, Rules};
use crate::release::Bundle;
use crate::secret::Opener;
use crate::spec::{Root, Written, include_dirs};
use crate::sys::git::tree::Mode;
use crate::sys::git::{GitError, Objects, Oid};

/// The file of a cluster in its own registry.
const OWN: u32 = 1;

/// The spec of a commit, read as far as all clusters share it.
pub(super) struct Fleet {
    root: Root,
    file: SpecFile,
    files: Vec<SpecFile>,
    /// The directories of sealed secrets by cluster.
    secrets: BTreeMap<String, Oid>,
    compiler: Compiler,
    rules: Rules,
}

/// What asks the rules of the clusters of a fleet.
pub(super) struct Rulings<'a> {
    pub(super) checker: Checker<'a>,
    /// What the last release had of each cluster.
    pub(super) published: &'a BTreeMap<ClusterName, Published>,
    pub(super) today: Date,
    /// A private key, if the values of secrets are to be looked for in the compiled files.
    pub(super) opener: Option<&'a Opener>,
}

/// One cluster that is to be compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unit {
    /// The cluster of this number in the root.
    Inline(usize),
    /// The cluster of a file.
    File(SpecFile),
}

impl Fleet {
    /// Reads what all clusters share; `None` if that is wrong, and the diagnostics say how.
    pub(super) fn read(
        diags: &mut Diagnostics,
        sources: &mut Sources,
        objects: &Objects<'_>,
        spec: &SpecCommit,
    ) -> Result<Option<Self>, PublishError> {
        let file = spec.root();
        let bytes = objects.blob(file.blob)?;
        let root = Root::parse(sources, &file.path, &bytes, diags);
        // Keeps the number of a cluster's own file free; see `relocate`.
        sources.add("-", "");
        let shared = shared_files(objects, spec)?;
        let compiler = check::compiler(diags, sources, &shared);
        let rules = check::rules(diags, sources, &shared);
        let (Some(root), Some(compiler)) = (root, compiler) else { return Ok(None) };
        let dirs = include_dirs(&bytes);
        let above = |path: &str| dirs.iter().any(|dir| dir == path || dir.starts_with(&format!("{path}/")));
        let files = spec.files(objects, above, |path| path != file.path && root.includes(path))?;
        Ok(Some(Self { root, file, files, secrets: spec.secrets.clone(), compiler, rules }))
    }

    /// Returns the rules: the built-in ones and the repository's own.
    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Returns the output branch.
    pub(super) fn branch(&self) -> &str {
        self.root.branch()
    }

    /// Returns the files that hold a cluster each.
    pub(super) fn files(&self) -> &[SpecFile] {
        &self.files
    }

    /// Returns every file that holds clusters.
    pub(super) fn paths(&self) -> impl Iterator<Item = &SpecFile> {
        std::iter::once(&self.file).chain(&self.files)
    }

    /// Returns the directories of sealed secrets by cluster.
    pub(super) fn secrets(&self) -> &BTreeMap<String, Oid> {
        &self.secrets
    }

    /// Returns the directory of the sealed secrets of the cluster that a file is for.
    pub(super) fn secrets_of(&self, file: &SpecFile) -> Option<Oid> {
        self.secrets.get(stem(&file.path)).copied()
    }

    /// Returns the name of a unit's cluster, as far as it can be told before it is read; a sound cluster has no other one.
    pub(super) fn name_of<'a>(&'a self, unit: &'a Unit) -> Option<&'a str> {
        match unit {
            Unit::Inline(number) => self.root.inline_name(&self.root.inline()[*number]),
            Unit::File(file) => Some(stem(&file.path)),
        }
    }

    /// Returns every unit.
    pub(super) fn units(&self) -> Vec<Unit> {
        (0..self.inline()).map(Unit::Inline).chain(self.files.iter().cloned().map(Unit::File)).collect()
    }

    /// Reads the sealed secrets of a cluster.
    fn sealed(&self, objects: &Objects<'_>, cluster: &ClusterName) -> Result<SealedFiles, GitError> {
        let Some(tree) = self.secrets.get(cluster.as_str()) else { return Ok(SealedFiles::new()) };
        let entries = objects.tree(*tree)?.into_iter();
        // As in the working tree, hidden files are nobody's business.
        let files =
            entries.filter(|entry| matches!(entry.mode, Mode::File | Mode::Executable) && !entry.name.starts_with('.'));
        files.map(|entry| Ok((entry.name, objects.blob(entry.id)?))).collect()
    }

    /// Returns how many clusters stand in the root.
    pub(super) fn inline(&self) -> usize {
        self.root.inline().len()
    }

    /// Returns the file that a unit stands in.
    pub(super) fn file<'a>(&'a self, unit: &'a Unit) -> &'a SpecFile {
        match unit {
            Unit::Inline(_) => &self.file,
            Unit::File(file) => file,
        }
    }

    /// Compiles one cluster, and asks the rules if there are any to ask.
    pub(super) fn compile(
        &self,
        objects: &Objects<'_>,
        unit: &Unit,
        rulings: Option<&Rulings<'_>>,
    ) -> Result<Result<Compiled, Diagnostics>, GitError> {
        let mut diags = Diagnostics::new();
        let written = match unit {
            Unit::Inline(number) => self.root.inline_cluster(&self.root.inline()[*number], &mut diags),
            Unit::File(file) => {
                let bytes = objects.blob(file.blob)?;
                self.root.cluster(&mut self.root.sources(), &file.path, &bytes, &mut diags)
            }
        };
        let compiled = match written {
            Some(written) => self.judge(&mut diags, objects, &written, (&self.file(unit).path, rulings))?,
            None => None,
        };
        let wrong = diags.iter().any(|diag| diag.severity == Severity::Error);
        Ok(match compiled.filter(|_| !wrong) {
            Some(compiled) => Ok(Compiled { warnings: diags, ..compiled }),
            None => Err(diags),
        })
    }

    fn judge(
        &self,
        diags: &mut Diagnostics,
        objects: &Objects<'_>,
        written: &Written,
        (source, rulings): (&str, Option<&Rulings<'_>>),
    ) -> Result<Option<Compiled>, GitError> {
        let Some(cluster) = lower(&written.cluster, diags) else { return Ok(None) };
        let sealed = self.sealed(objects, &cluster.name.value)?;
        let bundles = match rulings {
            Some(Rulings { checker, published, today, opener }) => {
                let judge = Judge { compiler: Some(&self.compiler), checker, today: *today };
                let published = published.get(&cluster.name.value);
                let beside = Beside { published, sealed: &sealed, opener: *opener };
                judge.cluster(diags, &cluster, &written.tree, beside).0
            }
            None => match self.compiler.compile(&cluster) {
                Ok(mut bundles) => {
                    // Whether everybody can read what they need is for `check` and `publish` to say.
                    sealed::put(&mut Diagnostics::new(), &cluster, &written.tree, &sealed, &mut bundles, None);
                    Some(bundles)
                }
                Err(mut found) => {
                    diags.append(&mut found);
                    None
                }
            },
        };
        let compiled = |bundles: Vec<Bundle>| {
            let facts = Facts::of(&cluster, source);
            Compiled { facts, bundles, cluster, warnings: Diagnostics::new() }
        };
        Ok(bundles.map(compiled))
    }
}

/// Returns the name of a file without what stands before and behind it.
fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().expect("rsplit yields at least one part");
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// Reads the templates and the rules of a spec commit.
fn shared_files(objects: &Objects<'_>, spec: &SpecCommit) -> Result<BTreeMap<String, Vec<u8>>, PublishError> {
    let inside = |path: &str, dir: &str| path.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/'));
    let below = |dir: &str| dir == TEMPLATES || dir == POLICIES;
    let wanted = |path: &str| inside(path, TEMPLATES) || inside(path, POLICIES);
    let files = spec.files(objects, below, wanted)?;
    files.into_iter().map(|file| Ok((file.path, objects.blob(file.blob)?))).collect()
}

/// Moves the places in a cluster's own file to that file's number in the registry of the run.
pub(super) fn relocate(diags: &mut Diagnostics, file: u32) {
    for label in diags.iter_mut().flat_map(|diag| &mut diag.labels) {
        relocate_span(&mut label.span, file);
    }
}

/// Moves the places of facts likewise.
pub(super) fn relocate_facts(facts: &mut Facts, file: u32) {
    let of_hosts = facts.hosts.iter_mut().map(|host| &mut host.place);
    let places = of_hosts.chain([&mut facts.place]).flatten();
    let of_routers = facts.routers.iter_mut().filter_map(|router| router.places.as_mut());
    for place in places.chain(of_routers.flat_map(|(id, address)| [id, address])) {
        relocate_place(place, file);
    }
}

fn relocate_place(place: &mut Place, file: u32) {
    relocate_span(&mut place.used, file);
    if let Some(span) = &mut place.defined {
        relocate_span(span, file);
    }
}

fn relocate_span(span: &mut Span, file: u32) {
    if span.file == OWN {
        span.file = file;
    }
}
