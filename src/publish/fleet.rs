//! The clusters of a spec commit: which there are, and how one of them becomes compiled.
//!
//! Every cluster is read with a registry of sources of its own, in which the root is file 0 and the cluster's file is file
//! 1, so that threads share nothing. [`relocate`] moves what they found to the registry of the run.

use super::PublishError;
use super::build::Compiled;
use super::page;
use super::source::{SpecCommit, SpecFile, TEMPLATES};
use crate::compile::{Compiler, Override};
use crate::diag::{Diagnostics, Place, Severity, Sources, Span};
use crate::model::fleet::Facts;
use crate::model::{Cluster, lower};
use crate::spec::{Root, include_dirs};
use crate::sys::git::{GitError, Objects};

/// The file of a cluster in its own registry.
const OWN: u32 = 1;

/// The spec of a commit, read as far as all clusters share it.
pub(super) struct Fleet {
    root: Root,
    file: SpecFile,
    files: Vec<SpecFile>,
    compiler: Compiler,
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
        let compiler = compiler(diags, sources, objects, spec)?;
        let (Some(root), Some(compiler)) = (root, compiler) else { return Ok(None) };
        let dirs = include_dirs(&bytes);
        let above = |path: &str| dirs.iter().any(|dir| dir == path || dir.starts_with(&format!("{path}/")));
        let files = spec.files(objects, above, |path| path != file.path && root.includes(path))?;
        Ok(Some(Self { root, file, files, compiler }))
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

    /// Compiles one cluster.
    pub(super) fn compile(
        &self,
        objects: &Objects<'_>,
        unit: &Unit,
    ) -> Result<Result<Compiled, Diagnostics>, GitError> {
        let mut diags = Diagnostics::new();
        let spec = match unit {
            Unit::Inline(number) => self.root.inline_cluster(&self.root.inline()[*number], &mut diags),
            Unit::File(file) => {
                let bytes = objects.blob(file.blob)?;
                self.root.cluster(&mut self.root.sources(), &file.path, &bytes, &mut diags)
            }
        };
        let cluster = spec.and_then(|spec| lower(&spec, &mut diags));
        let Some(cluster) = cluster.filter(|_| diags.iter().all(|diag| diag.severity != Severity::Error)) else {
            return Ok(Err(diags));
        };
        Ok(self.bundle(&cluster, &self.file(unit).path, diags))
    }

    fn bundle(&self, cluster: &Cluster, source: &str, mut diags: Diagnostics) -> Result<Compiled, Diagnostics> {
        match self.compiler.compile(cluster) {
            Ok(bundles) => {
                let pages = page::cluster(cluster, &bundles);
                Ok(Compiled { facts: Facts::of(cluster, source), bundles, pages, warnings: diags })
            }
            Err(mut found) => {
                diags.append(&mut found);
                Err(diags)
            }
        }
    }
}

/// Makes the templates ready, with the repository's own in place of the built-in ones.
fn compiler(
    diags: &mut Diagnostics,
    sources: &mut Sources,
    objects: &Objects<'_>,
    spec: &SpecCommit,
) -> Result<Option<Compiler>, PublishError> {
    let mut overrides = Vec::new();
    for file in spec.files(objects, |dir| dir == TEMPLATES, |path| path.starts_with("templates/"))? {
        let text = String::from_utf8_lossy(&objects.blob(file.blob)?).into_owned();
        let name = file.path[TEMPLATES.len() + 1..].to_owned();
        overrides.push(Override { name, file: sources.add(file.path, text.as_str()), text });
    }
    match Compiler::new(&overrides) {
        Ok(compiler) => Ok(Some(compiler)),
        Err(mut found) => {
            diags.append(&mut found);
            Ok(None)
        }
    }
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
