//! `rmqgit diff`.

use std::io::Write;
use std::path::PathBuf;

use super::out::{Format, page};
use super::publish::{explain, jobs};
use super::review::tell;
use super::{Exit, Failure, stdout};
use crate::publish::{Comparison, compare};
use crate::release::canonical_json;
use crate::review::diff::{self, Differ};

/// Show what changes between two releases or two revisions of a spec
///
/// A and B are commits: of the output branch (a release as it was published), or of a spec, which is compiled in memory and
/// written nowhere. Without B, the spec at HEAD is the new side; without A too, the published release is the old one. The
/// exit status is 0 with or without differences, unless --exit-code asks for 1; it is 1 if a spec is invalid.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  $ rmqgit diff
  $ rmqgit diff main HEAD
  $ rmqgit diff rmqgit/output~1 rmqgit/output")]
pub(super) struct Args {
    /// The old side
    #[arg(value_name = "A")]
    old: Option<String>,
    /// The new side
    #[arg(value_name = "B", default_value = "HEAD")]
    new: String,
    /// A directory in the repository
    #[arg(short = 'C', long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Exit with status 1 if there are differences
    #[arg(long)]
    exit_code: bool,
    /// How many threads compile
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// How to write the differences
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let comparison = Comparison {
        merged: false,
        repository: args.dir.clone(),
        old: args.old.clone(),
        new: args.new.clone(),
        only: None,
        jobs: jobs(args.jobs),
    };
    let differ = Differ::default();
    let compared =
        compare(&comparison, |found| differ.take(&found.old, &found.new)).map_err(|error| explain(&error))?;
    if tell(compared)?.is_none() {
        return Ok(Exit::Findings);
    }
    let found = differ.finish();
    match args.format {
        Format::Text => page(&diff::render(&found))?,
        Format::Json => stdout().write_all(canonical_json(&found).as_bytes())?,
    }
    Ok(if args.exit_code && !found.is_empty() { Exit::Findings } else { Exit::Clean })
}
