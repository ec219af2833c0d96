//! `rmqgit review`.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::out::page;
use super::publish::{explain, jobs};
use super::{Exit, Failure, post, stderr, stdout};
use crate::diag;
use crate::name::ClusterName;
use crate::publish::{Compared, Comparison, Said, compare};
use crate::release::canonical_json;
use crate::report::Report;
use crate::review::{self, Review, Reviewer, diff, html, markdown, picture};
use crate::sys::{clock, pager, workspace};

/// Say what merging a change does, the worst first
///
/// BASE and HEAD are commits: of a spec, which is compiled in memory and written nowhere, or of the output branch (a release as
/// it was published). Without BASE, the published release is the old side. The worst comes first. The exit status is 0 whatever
/// the change does, and 1 if a spec is invalid. With --report, what the hosts last said stands beside it.
/// With --post, in CI, the review becomes one comment on the pull request, which later runs keep up to date.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  $ rmqgit review main
  $ rmqgit review main my-branch
  $ rmqgit review --merged main my-branch        # main went on meanwhile
  $ rmqgit review rmqgit/output~1 rmqgit/output --format json
  $ rmqgit plan --report reports/ main
  $ rmqgit review main --format html > review.html
  $ rmqgit review main --format svg --cluster orders > orders.svg
  $ rmqgit review origin/main --post")]
pub(super) struct Args {
    /// The old side
    #[arg(value_name = "BASE")]
    base: Option<String>,
    /// The new side
    #[arg(value_name = "HEAD", default_value = "HEAD")]
    head: String,
    /// Review what merging HEAD into BASE makes of both, merged in memory; the two may have gone on apart
    #[arg(long, requires = "base")]
    merged: bool,
    /// A directory in the repository
    #[arg(short = 'C', long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// How many threads compile
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// A report of a host (`rmqgit status --format json`), or a directory of them; may be given again
    #[arg(long = "report", value_name = "PATH")]
    reports: Vec<PathBuf>,
    /// Show everything, however long it is
    #[arg(long)]
    full: bool,
    /// How to write the review
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Review this cluster alone, as if nothing else changed
    #[arg(long, value_name = "NAME", conflicts_with = "post")]
    cluster: Option<ClusterName>,
    #[command(flatten)]
    post: post::Posting,
}

/// How a review is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For a terminal
    Text,
    /// For programs; the document is versioned and has a schema (`rmqgit schema review`)
    Json,
    /// For a comment on a pull request
    Markdown,
    /// One page that needs no network
    Html,
    /// Pictures of the clusters, with marks on what changes
    Svg,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let comparison = Comparison {
        repository: args.dir.clone(),
        old: args.base.clone(),
        new: args.head.clone(),
        merged: args.merged,
        only: args.cluster.clone(),
        jobs: jobs(args.jobs),
    };
    let reviewer = Reviewer::default();
    let mut compared =
        compare(&comparison, |found| reviewer.take(&found.old, &found.new)).map_err(|error| explain(&error))?;
    let diverged = compared.diverged.take();
    let Some((base, head)) = tell(compared)? else { return Ok(Exit::Findings) };
    let mut review = reviewer.finish(base, head);
    if review.is_empty() && args.head == "HEAD" {
        writeln!(stderr(), "rmqgit: commits are compared: what is not committed is not looked at")?;
    }
    if let Some(diverged) = diverged.as_ref().filter(|_| args.format != Format::Text) {
        writeln!(stderr(), "rmqgit: {}", diff::printable(&diverged.text))?;
    }
    review.diverged = diverged;
    if !args.reports.is_empty() {
        review.compare_live(reports(&args.reports)?, clock::now());
    }
    let text = match args.format {
        Format::Text => {
            let width = pager::columns().unwrap_or(100).min(120);
            review::render(&review, review::Look { width, full: args.full })
        }
        Format::Json => canonical_json(&review),
        Format::Markdown => {
            markdown::render(&review, markdown::Limits { full: post::whole(&args.post), ..markdown::Limits::NONE })
        }
        Format::Html => html::render(&review),
        Format::Svg => pictures(&review),
    };
    match args.format {
        Format::Text => page(&text)?,
        _ => stdout().write_all(text.as_bytes())?,
    }
    post::run(&args.post, &review)
}

/// Reads reports: files, and the `.json` files of directories.
fn reports(paths: &[PathBuf]) -> Result<Vec<Report>, Failure> {
    let mut found = Vec::new();
    for path in paths {
        if !path.is_dir() {
            found.push(report(path)?);
            continue;
        }
        for name in workspace::names(path).map_err(|error| Failure::from_error(&error))? {
            let file = path.join(&name);
            if file.extension().is_some_and(|end| end == "json") {
                found.push(report(&file)?);
            }
        }
    }
    Ok(found)
}

fn report(path: &Path) -> Result<Report, Failure> {
    let bytes = workspace::read(path).map_err(|error| Failure::from_error(&error))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Failure::new(format!("`{}` is not a report: {error}", path.display()))
            .help("`rmqgit status --format json` on a host prints its last one")
    })
}

/// Draws the clusters whose pictures change.
fn pictures(review: &Review) -> String {
    picture::svg(&review.clusters.iter().filter_map(|one| one.topology.as_ref()).collect::<Vec<_>>())
}

/// Writes what there is to say of the specs that were compared; returns what the sides are, if both are sound.
pub(super) fn tell(compared: Compared) -> Result<Option<(review::Side, review::Side)>, Failure> {
    for one in &compared.said {
        tell_one(one)?;
    }
    Ok(compared.sides)
}

/// Writes what there is to say of one spec.
pub(super) fn tell_one(said: &Said) -> Result<(), Failure> {
    if said.diags.is_empty() {
        return Ok(());
    }
    let text = diag::render(&said.diags, &said.sources, diag::Format::Text, true, 100);
    write!(stderr(), "the spec at `{}`:\n\n{text}", diff::printable(&said.rev))?;
    Ok(())
}
