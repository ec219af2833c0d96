//! From the files of a spec repository to its model: parse, merge, resolve, compare.

use std::collections::BTreeMap;

use super::{Model, fleet, lower};
use crate::diag::{Diagnostic, Diagnostics, Severity, Sources};
use crate::spec::{self, Root};

/// What came of checking a spec.
#[derive(Debug)]
pub struct Checked {
    /// The files that the diagnostics point into.
    pub sources: Sources,
    /// What all clusters share, if it could be read.
    pub root: Option<Root>,
    /// The clusters, if there is no error.
    pub model: Option<Model>,
    /// Everything that is wrong.
    pub diags: Diagnostics,
}

/// Checks the files of a spec repository, by their paths in it. Files that the spec does not include are not looked at.
pub fn check(files: &BTreeMap<String, Vec<u8>>) -> Checked {
    let mut sources = Sources::new();
    let mut diags = Diagnostics::new();
    let Some(bytes) = files.get(spec::FILE) else {
        let fault = Diagnostic::error("missing-file", format!("there is no `{}`", spec::FILE));
        diags.push(fault.help("`rmqgit init` writes one to start from"));
        return Checked { sources, root: None, model: None, diags };
    };
    let root = Root::parse(&mut sources, spec::FILE, bytes, &mut diags);
    let Some(root) = root else { return Checked { sources, root: None, model: None, diags } };
    let mut clusters = Vec::new();
    let mut seen = false;
    for inline in root.inline() {
        seen = true;
        let cluster = root.inline_cluster(inline, &mut diags).and_then(|cluster| lower(&cluster, &mut diags));
        clusters.extend(cluster.map(|cluster| (spec::FILE, cluster)));
    }
    for (path, bytes) in files.iter().filter(|(path, _)| root.includes(path)) {
        seen = true;
        let cluster = root.cluster(&mut sources, path, bytes, &mut diags);
        let cluster = cluster.and_then(|cluster| lower(&cluster, &mut diags));
        clusters.extend(cluster.map(|cluster| (path.as_str(), cluster)));
    }
    if !seen {
        let fault = Diagnostic::error("empty-list", "the spec has no clusters");
        diags.push(fault.help("write one under `cluster`, or each in a file of its own as `clusters/NAME.yaml`"));
    }
    let facts: Vec<_> = clusters.iter().map(|(path, cluster)| fleet::Facts::of(cluster, path)).collect();
    diags.extend(fleet::check(&facts));
    let sound = diags.iter().all(|diag| diag.severity != Severity::Error);
    let model = sound.then(|| {
        let mut clusters: Vec<_> = clusters.into_iter().map(|(_, cluster)| cluster).collect();
        clusters.sort_by(|a, b| a.name.value.cmp(&b.name.value));
        Model { clusters }
    });
    Checked { sources, root: Some(root), model, diags }
}
