//! `rmqgit verify`.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::check::count;
use super::out::Format;
use super::publish::{explain, jobs};
use super::{Exit, Failure, stderr, stdout};
use crate::diag::{self, Diagnostics, Sources};
use crate::publish::{DifferenceKind, Question, Verified, verify};
use crate::release::canonical_json;
use crate::sys::workspace;
use crate::trust::allowed::AllowedSigners;

/// Compile the spec of a release again, and show what was changed by hand
///
/// Compares the tree of a commit on the output branch with what the spec commit in its trailer compiles to, here and now. For the
/// newest release, the refs of all hosts are held against it too, and with --allowed-signers the signature of each.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  $ rmqgit verify
  $ rmqgit verify rmqgit/output~3
  $ rmqgit verify --allowed-signers allowed_signers --format json

Exit status: 0 all of it is what the spec compiles to, 1 something is not, 3 it could not be found out")]
pub(super) struct Args {
    /// A commit of the output branch [default: its newest]
    #[arg(value_name = "RELEASE")]
    release: Option<String>,
    /// A directory in the repository
    #[arg(short = 'C', long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// The output branch, instead of the one that the spec names
    #[arg(long, value_name = "NAME")]
    branch: Option<String>,
    /// Those who may sign, in the format of ssh-keygen
    #[arg(long, value_name = "FILE")]
    allowed_signers: Option<PathBuf>,
    /// How many threads compile
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// How to write the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let question = Question {
        repository: args.dir.clone(),
        release: args.release.clone(),
        branch: args.branch.clone(),
        signers: args.allowed_signers.as_deref().map(read_signers).transpose()?,
        jobs: jobs(args.jobs),
    };
    let (mut diags, mut sources) = (Diagnostics::new(), Sources::new());
    let verified = verify(&mut diags, &mut sources, &question).map_err(|error| explain(&error))?;
    let Some(verified) = verified else {
        write!(stderr(), "{}", diag::render(&diags, &sources, diag::Format::Text, true, 100))?;
        return Err(Failure::new("the spec of the release does not compile any more"));
    };
    match args.format {
        Format::Text => tell(&verified)?,
        Format::Json => stdout().write_all(canonical_json(&verified).as_bytes())?,
    }
    Ok(if verified.is_sound() { Exit::Clean } else { Exit::Findings })
}

fn read_signers(path: &Path) -> Result<AllowedSigners, Failure> {
    let text = workspace::read(path).map_err(|error| Failure::from_error(&error))?;
    AllowedSigners::parse(&text).map_err(|error| Failure::new(format!("`{}`, {error}", path.display())))
}

fn tell(verified: &Verified) -> Result<(), Failure> {
    let mut out = stdout();
    let Verified { release, spec, by_hand, differences, signer, faults, .. } = verified;
    for commit in by_hand {
        writeln!(out, "by hand   {commit} says no spec commit: rmqgit did not make it")?;
    }
    for fault in faults {
        writeln!(out, "wrong     {}: {}", fault.at, fault.why)?;
    }
    for difference in differences {
        let word = match difference.kind {
            DifferenceKind::Added => "added",
            DifferenceKind::Removed => "removed",
            DifferenceKind::Changed => "changed",
        };
        writeln!(out, "{word:<9} {}", difference.path.escape_debug())?;
        write!(out, "{}", difference.diff.as_deref().unwrap_or_default())?;
    }
    let signed = signer.as_ref().map_or_else(String::new, |signer| format!(", signed by {signer}"));
    if verified.tree == verified.compiled {
        writeln!(out, "{release}{signed}: exactly what {spec} compiles to")?;
    } else {
        let files = count(differences.len(), "file");
        writeln!(out, "{release}{signed}: {files} not as {spec} compiles to")?;
    }
    Ok(())
}
