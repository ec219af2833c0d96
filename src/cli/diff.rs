//! `rmqgit diff`.

use std::io::Write;
use std::path::PathBuf;

use super::out::Format;
use super::publish::{explain, jobs};
use super::{Exit, Failure, stderr, stdout};
use crate::diag::{self, Diagnostics, Sources};
use crate::publish::{Compared, Comparison, compare};
use crate::release::canonical_json;
use crate::review::diff;

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
        repository: args.dir.clone(),
        old: args.old.clone(),
        new: args.new.clone(),
        jobs: jobs(args.jobs),
        whole: false,
    };
    let (mut diags, mut sources) = (Diagnostics::new(), Sources::new());
    let compared = compare(&mut diags, &mut sources, &comparison).map_err(|error| explain(&error))?;
    write!(stderr(), "{}", diag::render(&diags, &sources, diag::Format::Text, true, 100))?;
    let Some(Compared { old, new, .. }) = compared else { return Ok(Exit::Findings) };
    let found = diff::diff(&old, &new);
    let text = match args.format {
        Format::Text => diff::render(&found),
        Format::Json => canonical_json(&found),
    };
    stdout().write_all(text.as_bytes())?;
    Ok(if args.exit_code && !found.is_empty() { Exit::Findings } else { Exit::Clean })
}
