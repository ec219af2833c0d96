//! `rmqgit man`: the manual pages, one for the program and one for each verb.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use super::{Exit, Failure, stdout};

/// Write the manual pages
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  $ rmqgit man | man -l -
  $ sudo rmqgit man --out /usr/local/share/man/man1")]
pub(super) struct Args {
    /// Write every page into this directory instead of the first one to standard output
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let pages = pages()?;
    let Some(out) = &args.out else {
        stdout().write_all(&pages["rmqgit.1"])?;
        return Ok(Exit::Clean);
    };
    for (name, page) in &pages {
        crate::sys::workspace::replace(&out.join(name), page, 0o644).map_err(|e| Failure::from_error(&e))?;
    }
    Ok(Exit::Clean)
}

/// Renders every page, by file name.
fn pages() -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let mut program = super::command().disable_help_subcommand(true);
    program.build();
    let mut pages = BTreeMap::new();
    for command in std::iter::once(&program).chain(program.get_subcommands()) {
        // `build` names a verb `rmqgit check` for people and `rmqgit-check` for file names.
        let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
        let mut page = Vec::new();
        clap_mangen::Man::new(command.clone().display_name(name.clone())).render(&mut page)?;
        pages.insert(format!("{name}.1"), page);
    }
    Ok(pages)
}
