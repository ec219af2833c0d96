//! `rmqgit compile`: the files of every host, in a directory.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::check::Format;
use super::{Exit, Failure, identity, load, stdout};
use crate::publish::page;
use crate::sys::workspace::{self, WorkspaceError};

/// Compile a spec into the files of every host
///
/// Writes what the output branch would hold: `CLUSTER/HOST/rootfs` with every file at its path, the definitions, the manifest,
/// and a page and a picture for each cluster. Secrets stay placeholders. The directory must be new, empty, or written by
/// this command before; what is no longer compiled is removed from it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  $ rmqgit compile --out build
  $ rmqgit compile fixtures/tutorial --out /tmp/tutorial")]
pub(super) struct Args {
    /// The spec repository, or the rmqgit.yaml in it
    #[arg(default_value = ".")]
    path: PathBuf,
    /// The directory to write
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How to write the findings
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    day: load::Day,
    #[command(flatten)]
    identity: identity::Optional,
}

/// The file in the output directory that lists what this command wrote there.
const LIST: &str = ".rmqgit-compile";
/// The first line of that file.
const LIST_HEAD: &str = "rmqgit compile wrote these files; format 1";

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let opener = args.identity.open()?;
    let files = load::load(&args.path)?;
    let mut compiled = BTreeMap::new();
    let (checked, exit) = load::check(&args.path, &files, (args.day, opener.as_ref()), |cluster, bundles| {
        let mut tree = page::cluster(cluster, &bundles);
        for bundle in bundles {
            let host = bundle.host.clone();
            tree.extend(bundle.store().into_iter().map(|(path, it)| (format!("{host}/{path}"), it)));
        }
        compiled.insert(cluster.name.value.to_string(), tree);
    })?;
    let mut stdout = stdout();
    stdout.write_all(load::render(&checked, args.format.into()).as_bytes())?;
    if exit != Exit::Clean {
        return Ok(exit);
    }
    let old = written_before(&args.out)?;
    let mut list = BTreeSet::new();
    for (cluster, files) in &compiled {
        for (path, bytes) in files {
            let path = format!("{cluster}/{path}");
            write(&args.out.join(&path), bytes).map_err(|error| Failure::from_error(&error))?;
            list.insert(path);
        }
        if args.format == Format::Text {
            let hosts = files.keys().filter(|path| path.ends_with("/manifest.json")).count();
            writeln!(stdout, "{cluster}: {hosts} hosts in {}", args.out.join(cluster).display())?;
        }
    }
    for stale in old.difference(&list) {
        workspace::remove(&args.out, Path::new(stale)).map_err(|error| Failure::from_error(&error))?;
    }
    let lines: Vec<&str> = std::iter::once(LIST_HEAD).chain(list.iter().map(String::as_str)).collect();
    write(&args.out.join(LIST), format!("{}\n", lines.join("\n")).as_bytes())
        .map_err(|error| Failure::from_error(&error))?;
    Ok(exit)
}

/// Returns what this command wrote into a directory before; refuses a directory that holds something else.
fn written_before(dir: &Path) -> Result<BTreeSet<String>, Failure> {
    let read = |error: WorkspaceError| Failure::from_error(&error);
    let names = workspace::names(dir).map_err(read)?;
    if names.is_empty() {
        return Ok(BTreeSet::new());
    }
    let refuse = || {
        Failure::usage(format!("`{}` holds files that `rmqgit compile` did not write", dir.display()))
            .help("give a directory that is empty or not there yet")
    };
    if !names.iter().any(|name| name == LIST) {
        return Err(refuse());
    }
    let text = String::from_utf8(workspace::read(&dir.join(LIST)).map_err(read)?).map_err(|_| refuse())?;
    let mut lines = text.lines();
    if lines.next() != Some(LIST_HEAD) {
        return Err(refuse());
    }
    let inside = |path: &&str| !path.is_empty() && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    Ok(lines.filter(inside).map(str::to_owned).collect())
}

/// Writes a file unless it is there already as it shall be.
fn write(path: &Path, bytes: &[u8]) -> Result<(), WorkspaceError> {
    if workspace::exists(path) && workspace::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    workspace::replace(path, bytes, 0o644)
}
