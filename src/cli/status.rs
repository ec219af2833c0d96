//! `rmqgit status`.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use super::out::Format;
use super::sync::{self, Place};
use super::{Exit, Failure, stdout};
use crate::agent::{self, alerts, settings};
use crate::alert;
use crate::sys::{clock, terminal};

/// Show the last report of this host, and its incidents
#[derive(Debug, clap::Args)]
#[command(after_help = "Nothing is looked at: this is what the last `rmqgit sync` found, with its exit status.

Examples:
  $ rmqgit status
  $ rmqgit status --watch
  $ rmqgit status --format json")]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// How to write the report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Show it again every two seconds, on a terminal, until Ctrl-C
    #[arg(long, conflicts_with = "format")]
    watch: bool,
}

/// How often it is shown again.
const WATCH: Duration = Duration::from_secs(2);
/// Clears a terminal.
const CLEAR: &str = "\x1b[2J\x1b[H";

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let (flags, file) = args.place.read()?;
    let state = settings::state_dir(&flags, &file);
    if !args.watch {
        return show(&state, args.format);
    }
    if !terminal::shows_output() {
        return Err(Failure::usage("`--watch` needs a terminal").help("leave it out, or run it on a terminal"));
    }
    loop {
        stdout().write_all(CLEAR.as_bytes())?;
        show(&state, args.format)?;
        clock::sleep(WATCH);
    }
}

fn show(state: &Path, format: Format) -> Result<Exit, Failure> {
    let now = clock::now();
    let report = agent::last_report(state, now)
        .map_err(|error| Failure::from_error(&error).help("run `rmqgit sync` with the same root first"))?;
    sync::show(&report, format, Some(now))?;
    if format == Format::Text {
        let book = alerts::book(state).map_err(|error| Failure::from_error(&error))?;
        stdout().write_all(alert::text(&book, now).as_bytes())?;
    }
    Ok(sync::exit(&report))
}
