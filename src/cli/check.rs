//! `rmqgit check`: everything that is wrong with a spec.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::publish::{explain, jobs};
use super::review::tell_one;
use super::{Exit, Failure, load, stderr, stdout};
use crate::check::{self, Checked};
use crate::diag::{Diagnostic, Place, excerpt};
use crate::model::Cluster;
use crate::name::ClusterName;
use crate::publish;
use crate::release::Bundle;
use crate::review::{self, HostId, ReleaseTree};
use crate::spec;
use crate::sys::tree::Files;

/// Check a spec and report everything that is wrong with it
///
/// Ends with status 1 if there is an error; warnings alone leave it 0.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  $ rmqgit check
  $ rmqgit check fixtures/tutorial
  $ rmqgit check --base origin/main     # what the change needs a grant for
  $ rmqgit check --format github        # annotations in a pull request
  $ rmqgit check --today 2027-01-01     # what will have ended by then")]
pub(super) struct Args {
    /// The spec repository, or the rmqgit.yaml in it
    #[arg(default_value = ".")]
    path: PathBuf,
    /// How to write the findings
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Compare with this revision, and refuse what is dangerous and not granted: transitions without their grant
    #[arg(long, value_name = "REV")]
    base: Option<String>,
    #[command(flatten)]
    day: load::Day,
}

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people, with the source lines
    Text,
    /// For programs; the document is versioned
    Json,
    /// Annotations of GitHub Actions
    Github,
    /// SARIF 2.1.0, for code scanning
    Sarif,
}

impl From<Format> for check::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Text => Self::Text,
            Format::Json => Self::Json,
            Format::Github => Self::Github,
            Format::Sarif => Self::Sarif,
        }
    }
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let files = load::load(&args.path)?;
    let mut after = After::default();
    let (mut checked, mut exit) = load::check(&args.path, &files, (args.day, None), |cluster, bundles| {
        if args.base.is_some() {
            after.add(cluster, bundles);
        }
    })?;
    if let Some(base) = &args.base
        && hold(&mut checked, &after, &load::directory(&args.path)?, (base, &files))?
    {
        exit = Exit::Findings;
    }
    let mut stdout = stdout();
    stdout.write_all(load::render(&checked, args.format.into()).as_bytes())?;
    if args.format == Format::Text {
        tell(&mut stdout, &checked)?;
    }
    Ok(exit)
}

/// What the spec compiles to, as far as transitions depend on it.
#[derive(Debug, Default)]
struct After {
    tree: ReleaseTree,
    /// Where each cluster is named.
    places: BTreeMap<ClusterName, Place>,
}

impl After {
    fn add(&mut self, cluster: &Cluster, bundles: Vec<Bundle>) {
        self.places.insert(cluster.name.value.clone(), cluster.name.place);
        for bundle in bundles {
            let id = HostId { cluster: bundle.cluster.clone(), host: bundle.host.clone() };
            self.tree.insert(id, review::gist(bundle));
        }
    }
}

/// Complains about transitions that are not granted; says whether there is one.
fn hold(checked: &mut Checked, after: &After, dir: &Path, (rev, files): (&str, &Files)) -> Result<bool, Failure> {
    let asked = (dir, rev, jobs(None));
    let before = match publish::before(asked, files, review::gist).map_err(|error| explain(&error))? {
        Ok(before) => before,
        Err(said) => {
            tell_one(&said)?;
            let message = format!("the spec at `{}` is wrong itself: no transition is looked for", excerpt(rev));
            checked.diags.push(
                Diagnostic::warning("base-not-compared", message)
                    .help("compare with a revision whose spec is sound, such as the published release"),
            );
            return Ok(false);
        }
    };
    let found = review::ungranted(&before, &after.tree);
    for (cluster, transition) in &found {
        let grant = transition.grant.as_deref().unwrap_or_default();
        let made = if transition.perhaps { Diagnostic::warning } else { Diagnostic::error };
        let mut diag =
            made("transition-not-granted", format!("cluster `{cluster}`: {}", transition.text)).help(format!(
                "if this is meant, add `{grant}` to `grants` of the cluster; without it the hosts hold the change back"
            ));
        if let Some(place) = after.places.get(cluster) {
            diag = diag.at(*place, "this cluster");
        }
        checked.diags.push(diag);
    }
    if !found.is_empty() {
        tell_parted(dir, rev)?;
    }
    Ok(found.iter().any(|(_, transition)| !transition.perhaps))
}

/// Says that what only the revision has looks as if the spec took it back.
fn tell_parted(dir: &Path, rev: &str) -> Result<(), Failure> {
    let Some(parted) = publish::parted_from_head(dir, rev).map_err(|error| explain(&error))? else { return Ok(()) };
    let many = parted.commits.map_or_else(|| "commits".to_owned(), |number| count(number, "commit"));
    let instead = parted.merge_base.map_or_else(String::new, |commit| {
        format!(", or compare with where the two parted: `--base {}`", commit.get(..12).unwrap_or(&commit))
    });
    let rev = excerpt(rev);
    writeln!(
        stderr(),
        "rmqgit: `{rev}` has {many} that HEAD does not have: what changed there looks undone here. Merge `{rev}` first{instead}"
    )?;
    Ok(())
}

/// Says that there is nothing to say, and what the spec holds back.
fn tell(out: &mut impl Write, checked: &Checked) -> std::io::Result<()> {
    if checked.diags.is_empty() {
        let size = format!("{}, {}", count(checked.clusters, "cluster"), count(checked.hosts, "host"));
        writeln!(out, "{}: {size}: no findings", spec::FILE)?;
    }
    if !checked.waived.is_empty() {
        writeln!(out, "{} waived by the spec", count(checked.waived.len(), "finding"))?;
    }
    Ok(())
}

/// Says how many of something there are, such as `1 cluster`.
pub(super) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
