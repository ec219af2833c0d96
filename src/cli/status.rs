//! `rmqgit status`.

use std::io::Write;

use super::out::Format;
use super::sync::{self, Place};
use super::{Exit, Failure, stdout};
use crate::agent::{self, alerts, settings};
use crate::alert;
use crate::sys::clock;

/// Show the last report of this host, and its incidents
#[derive(Debug, clap::Args)]
#[command(after_help = "Nothing is looked at: this is what the last `rmqgit sync` found, with its exit status.

Examples:
  $ rmqgit status
  $ rmqgit status --format json")]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// How to write the report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let (flags, file) = args.place.read()?;
    let state = settings::state_dir(&flags, &file);
    let now = clock::now();
    let report = agent::last_report(&state, now)
        .map_err(|error| Failure::from_error(&error).help("run `rmqgit sync` with the same root first"))?;
    sync::show(&report, args.format, Some(now))?;
    if args.format == Format::Text {
        let book = alerts::book(&state).map_err(|error| Failure::from_error(&error))?;
        stdout().write_all(alert::text(&book, now).as_bytes())?;
    }
    Ok(sync::exit(&report))
}
