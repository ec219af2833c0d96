//! `rmqgit check`: everything that is wrong with a spec.

use std::io::Write as _;
use std::path::PathBuf;

use clap::ValueEnum;

use super::compile::compile;
use super::{Exit, Failure, load, stdout};
use crate::diag;
use crate::model::Model;
use crate::spec;

/// Check a spec and report everything that is wrong with it
///
/// Ends with status 1 if there is an error; warnings alone leave it 0.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  $ rmqgit check
  $ rmqgit check fixtures/tutorial
  $ rmqgit check --format github        # annotations in a pull request")]
pub(super) struct Args {
    /// The spec repository, or the rmqgit.yaml in it
    #[arg(default_value = ".")]
    path: PathBuf,
    /// How to write the findings
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
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
}

impl From<Format> for diag::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Text => Self::Text,
            Format::Json => Self::Json,
            Format::Github => Self::Github,
        }
    }
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let files = load::load(&args.path)?;
    let (mut checked, exit) = load::check(&files);
    // What the files cannot say, and a faulty template, are found by writing the files.
    let exit = if compile(&files, &mut checked, |_, _| ()) { exit } else { Exit::Findings };
    let mut stdout = stdout();
    stdout.write_all(load::render(&checked, args.format.into()).as_bytes())?;
    if let (Format::Text, Some(model), true) = (args.format, &checked.model, checked.diags.is_empty()) {
        writeln!(stdout, "{}: {}: no findings", spec::FILE, size(model))?;
    }
    Ok(exit)
}

/// Says how large a model is, such as `1 cluster, 3 hosts`.
pub(super) fn size(model: &Model) -> String {
    let hosts = model.clusters.iter().map(|cluster| cluster.hosts.len()).sum();
    format!("{}, {}", count(model.clusters.len(), "cluster"), count(hosts, "host"))
}

/// Says how many of something there are, such as `1 cluster`.
pub(super) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
