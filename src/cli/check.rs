//! `rmqgit check`: everything that is wrong with a spec.

use std::io::Write;
use std::path::PathBuf;

use clap::ValueEnum;

use super::{Exit, Failure, load, stdout};
use crate::check::{self, Checked};
use crate::spec;

/// Check a spec and report everything that is wrong with it
///
/// Ends with status 1 if there is an error; warnings alone leave it 0.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  $ rmqgit check
  $ rmqgit check fixtures/tutorial
  $ rmqgit check --format github        # annotations in a pull request
  $ rmqgit check --today 2027-01-01     # what will have ended by then")]
pub(super) struct Args {
    /// The spec repository, or the rmqgit.yaml in it
    #[arg(default_value = ".")]
    path: PathBuf,
    /// How to write the findings
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
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
    let (checked, exit) = load::check(&args.path, &files, (args.day, None), |_, _| ())?;
    let mut stdout = stdout();
    stdout.write_all(load::render(&checked, args.format.into()).as_bytes())?;
    if args.format == Format::Text {
        tell(&mut stdout, &checked)?;
    }
    Ok(exit)
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
