//! From the files of a spec repository to its model: parse, merge, resolve, compare.

use std::collections::BTreeMap;

use super::{Cluster, Model, fleet, lower};
use crate::diag::{Diagnostic, Diagnostics, Severity, Sources};
use crate::spec::{self, Root};
use crate::yaml::Node;

/// What came of checking a spec.
#[derive(Debug)]
pub struct Checked {
    /// The files that the diagnostics point into.
    pub sources: Sources,
    /// The clusters, if there is no error.
    pub model: Option<Model>,
    /// Everything that is wrong.
    pub diags: Diagnostics,
}

/// A cluster that was read.
#[derive(Debug)]
pub struct Read<'a> {
    /// The file that it stands in.
    pub path: &'a str,
    /// Its spec, with defaults and profile merged in.
    pub tree: Node,
    /// Its meaning.
    pub cluster: Cluster,
}

/// Checks the files of a spec repository, by their paths in it, without the rules.
pub fn check(files: &BTreeMap<String, Vec<u8>>) -> Checked {
    let mut sources = Sources::new();
    let mut diags = Diagnostics::new();
    let mut clusters = Vec::new();
    let mut facts = Vec::new();
    if let Some(root) = root(&mut diags, &mut sources, files) {
        read(&mut diags, &mut sources, &root, files, |_, read| {
            facts.push(fleet::Facts::of(&read.cluster, read.path));
            clusters.push(read.cluster);
        });
    }
    diags.extend(fleet::check(&facts));
    let sound = diags.iter().all(|diag| diag.severity != Severity::Error);
    let model = sound.then(|| {
        clusters.sort_by(|a, b| a.name.value.cmp(&b.name.value));
        Model { clusters }
    });
    Checked { sources, model, diags }
}

/// Reads what all clusters of a spec share.
pub fn root(diags: &mut Diagnostics, sources: &mut Sources, files: &BTreeMap<String, Vec<u8>>) -> Option<Root> {
    let Some(bytes) = files.get(spec::FILE) else {
        let fault = Diagnostic::error("missing-file", format!("there is no `{}`", spec::FILE));
        diags.push(fault.help("`rmqgit init` writes one to start from"));
        return None;
    };
    Root::parse(sources, spec::FILE, bytes, diags)
}

/// Reads the clusters one after the other and hands over those without an error. Files that the spec does not include are
/// not looked at.
pub fn read(
    diags: &mut Diagnostics,
    sources: &mut Sources,
    root: &Root,
    files: &BTreeMap<String, Vec<u8>>,
    mut take: impl FnMut(&mut Diagnostics, Read<'_>),
) {
    let mut seen = false;
    for inline in root.inline() {
        seen = true;
        let written = root.inline_cluster(inline, diags);
        hand_over(diags, spec::FILE, written, &mut take);
    }
    for (path, bytes) in files.iter().filter(|(path, _)| root.includes(path)) {
        seen = true;
        let written = root.cluster(sources, path, bytes, diags);
        hand_over(diags, path, written, &mut take);
    }
    if !seen {
        let fault = Diagnostic::error("empty-list", "the spec has no clusters");
        diags.push(fault.help("write one under `cluster`, or each in a file of its own as `clusters/NAME.yaml`"));
    }
}

fn hand_over(
    diags: &mut Diagnostics,
    path: &str,
    written: Option<spec::Written>,
    take: &mut impl FnMut(&mut Diagnostics, Read<'_>),
) {
    let Some(spec::Written { cluster, tree }) = written else { return };
    if let Some(cluster) = lower(&cluster, diags) {
        take(diags, Read { path, tree, cluster });
    }
}
