//! `rmqgit review`.

use std::io::Write;
use std::path::PathBuf;

use super::out::Format;
use super::publish::{explain, jobs};
use super::{Exit, Failure, post, stderr, stdout};
use crate::diag::{self, Diagnostics, Sources};
use crate::publish::{Compared, Comparison, compare};
use crate::release::canonical_json;
use crate::review;

/// Say what merging a change does: who is disturbed, what is lost, what waits for a grant
///
/// BASE and HEAD are commits: of a spec, which is compiled in memory and written nowhere, or of the output branch (a release as
/// it was published). The worst comes first. The exit status is 0 whatever the change does, and 1 if a spec is invalid.
/// With --post, in CI, the review becomes one comment on the pull request, which later runs keep up to date.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  $ rmqgit review main
  $ rmqgit review main my-branch
  $ rmqgit review rmqgit/output~1 rmqgit/output --format json
  $ rmqgit review origin/main --post")]
pub(super) struct Args {
    /// The old side
    #[arg(value_name = "BASE")]
    base: String,
    /// The new side
    #[arg(value_name = "HEAD", default_value = "HEAD")]
    head: String,
    /// A directory in the repository
    #[arg(short = 'C', long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// How many threads compile
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Show everything, however long it is
    #[arg(long)]
    full: bool,
    /// How to write the review
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    post: post::Posting,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let comparison = Comparison {
        repository: args.dir.clone(),
        old: Some(args.base.clone()),
        new: args.head.clone(),
        jobs: jobs(args.jobs),
        whole: true,
    };
    let (mut diags, mut sources) = (Diagnostics::new(), Sources::new());
    let compared = compare(&mut diags, &mut sources, &comparison).map_err(|error| explain(&error))?;
    write!(stderr(), "{}", diag::render(&diags, &sources, diag::Format::Text, true, 100))?;
    let Some(Compared { base, head, old, new }) = compared else { return Ok(Exit::Findings) };
    let review = review::review(base, head, &old, &new);
    let text = match args.format {
        Format::Text => review::render(&review, review::Look { width: 100, full: args.full }),
        Format::Json => canonical_json(&review),
    };
    stdout().write_all(text.as_bytes())?;
    post::run(&args.post, &review)
}
