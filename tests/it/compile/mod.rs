//! The compiler: golden trees, and what the real programs make of its files.

mod classic;
mod cli;
mod daemons;
mod golden;
mod hostile;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rmqgit::compile::{Compiler, Override};
use rmqgit::diag::{self, Sources};
use rmqgit::model::{self, Cluster};
use rmqgit::name::SecretRef;
use rmqgit::quote::{QuoteError, quote};
use rmqgit::release::{Artifact, Bundle, Piece};
use rmqgit::spec;
use rmqgit::sys::tree;

/// The fixtures that compile, each a spec repository.
const FIXTURES: [&str; 5] = ["tutorial", "five-nodes", "separate-balancers", "rhel", "two-vips"];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// Returns the clusters of a fixture.
fn clusters(name: &str) -> Vec<Cluster> {
    let files = tree::read(&fixture(name), spec::FILE, spec::include_dirs).expect("the fixture is there");
    let checked = model::check(&files);
    let shown = diag::render(&checked.diags, &checked.sources, diag::Format::Text, false, 110);
    checked.model.unwrap_or_else(|| panic!("fixture {name}:\n{shown}")).clusters
}

/// Returns a compiler with the fixture's own templates.
fn compiler(name: &str) -> Compiler {
    let files = tree::read(&fixture(name), spec::FILE, spec::include_dirs).expect("the fixture is there");
    let mut sources = Sources::new();
    let own = files.into_iter().filter_map(|(path, bytes)| {
        let text = String::from_utf8(bytes).expect("templates are UTF-8");
        let name = path.strip_prefix("templates/")?.to_owned();
        Some(Override { name, file: sources.add(path, text.as_str()), text })
    });
    Compiler::new(&own.collect::<Vec<_>>()).expect("the templates are valid")
}

/// Returns the one cluster of the tutorial.
fn tutorial() -> Cluster {
    clusters("tutorial").remove(0)
}

/// Compiles a cluster with the built-in templates.
pub(crate) fn compile(cluster: &Cluster) -> Vec<Bundle> {
    Compiler::new(&[]).expect("the built-in templates are valid").compile(cluster).expect("the cluster compiles")
}

/// Joins an artifact with the secrets that it names, as a host does.
pub(crate) fn join(artifact: &Artifact, secret: impl Fn(&SecretRef) -> String) -> Result<String, QuoteError> {
    let mut text = String::new();
    for piece in &artifact.content {
        match piece {
            Piece::Text(piece) => text.push_str(piece),
            Piece::Secret { name, syntax } => text.push_str(&quote(*syntax, &secret(name))?),
        }
    }
    Ok(text)
}

/// Returns the files of a bundle by path, joined with one short secret for all places.
fn joined(bundle: &Bundle) -> BTreeMap<String, String> {
    let sample = |_: &SecretRef| "s3c#r t!".to_owned();
    let file = |(path, artifact): (&rmqgit::name::HostPath, &Artifact)| {
        (path.to_string(), join(artifact, sample).expect("the sample can be said everywhere"))
    };
    bundle.artifacts.iter().map(file).collect()
}

/// Writes a file, and the directories above it.
pub(crate) fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a file has a directory")).expect("a directory is made");
    fs::write(path, text).expect("a file is written");
}

/// Starts the description of a run with a network, mounts and processes of its own; all of them end with it, and it ends.
pub(super) fn isolated() -> Command {
    let mut command = Command::new("timeout");
    command.args(["--signal=KILL", "120", "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child"]);
    if !rustix::process::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    command
}
