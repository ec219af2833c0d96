//! `rmqgit compile`: the files of every host, in a directory to look at.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::check::size;
use super::{Exit, Failure, load, stderr, stdout};
use crate::compile::{Compiler, Override};
use crate::diag::{self, Diagnostics};
use crate::model::{Checked, Cluster};
use crate::publish::{TEMPLATES, page};
use crate::release::{Bundle, StoredFiles};
use crate::sys::tree::Files;
use crate::sys::workspace;

/// Compile a spec into the files of every host
///
/// Reads the working tree and writes what `publish` would commit for each cluster: every file at its real path below
/// CLUSTER/HOST/rootfs, with placeholders for secrets. Replaces what an earlier run wrote into DIR, and nothing else.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  $ rmqgit compile --out out
  $ rmqgit compile fixtures/tutorial --out /tmp/tutorial")]
pub(super) struct Args {
    /// The spec repository, or the rmqgit.yaml in it
    #[arg(default_value = ".")]
    path: PathBuf,
    /// The directory to write
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// The file that marks a directory as written by this verb.
const MARK: &str = ".rmqgit-out";

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let names = workspace::names(&args.out).map_err(|e| Failure::from_error(&e))?;
    if !names.is_empty() && !names.iter().any(|name| name == MARK) {
        let message = format!("`{}` holds files that `rmqgit compile` did not write", args.out.display());
        return Err(Failure::usage(message).help("give a directory that is empty or not there yet"));
    }
    let files = load::load(&args.path)?;
    let (mut checked, exit) = load::check(&files);
    let model = checked.model.take();
    let compiled = model.as_ref().and_then(|model| compile(&mut checked, &files, &model.clusters));
    stderr().write_all(load::render(&checked, diag::Format::Text).as_bytes())?;
    let (Some(model), Some(clusters)) = (model, compiled) else { return Ok(Exit::Findings) };
    write(&args.out, &clusters).map_err(|e| Failure::from_error(&e))?;
    writeln!(stdout(), "{}: {}", args.out.display(), size(&model))?;
    Ok(exit)
}

/// A cluster with the bundles of its hosts.
type Compiled = (Cluster, Vec<Bundle>);

/// Compiles every cluster; `None` if something cannot be written, and the diagnostics say what.
fn compile(checked: &mut Checked, files: &Files, clusters: &[Cluster]) -> Option<Vec<Compiled>> {
    let mut overrides = Vec::new();
    for (path, bytes) in files {
        if let Some(name) = path.strip_prefix(TEMPLATES).and_then(|rest| rest.strip_prefix('/')) {
            let text = String::from_utf8_lossy(bytes).into_owned();
            overrides.push(Override {
                name: name.to_owned(),
                file: checked.sources.add(path.clone(), text.as_str()),
                text,
            });
        }
    }
    let compiler = Compiler::new(&overrides).map_err(|mut found| checked.diags.append(&mut found)).ok()?;
    let mut refused = Diagnostics::new();
    let mut done = Vec::new();
    for cluster in clusters {
        match compiler.compile(cluster) {
            Ok(bundles) => done.push((cluster.clone(), bundles)),
            Err(mut found) => refused.append(&mut found),
        }
    }
    let whole = refused.is_empty();
    checked.diags.append(&mut refused);
    whole.then_some(done)
}

/// Writes the directory anew.
fn write(out: &Path, clusters: &[Compiled]) -> Result<(), workspace::WorkspaceError> {
    workspace::clear(out)?;
    workspace::create(&out.join(MARK), b"`rmqgit compile` wrote this directory and will replace it.\n", 0o644)?;
    let put = |dir: &Path, files: &StoredFiles| {
        files.iter().try_for_each(|(path, bytes)| workspace::create(&dir.join(path), bytes, 0o644))
    };
    for (cluster, bundles) in clusters {
        let dir = out.join(cluster.name.value.as_str());
        put(&dir, &page::cluster(cluster, bundles))?;
        for bundle in bundles {
            put(&dir.join(bundle.host.as_str()), &bundle.store())?;
        }
    }
    Ok(())
}
