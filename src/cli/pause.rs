//! `rmqgit pause`.

use std::io::Write;

use super::sync::Place;
use super::{Exit, Failure, stderr, stdout};
use crate::agent::pause::{self, Length, Reason};
use crate::agent::settings;

/// Keep runs from changing this host for a while
///
/// Until the pause ends, runs fetch, compare and report, and change nothing. Who paused the host, why and until when is in
/// every report. A run that is under way is waited for: when this ends, nothing changes the host any more.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  $ sudo rmqgit pause --for 2h --reason \"the disk is swapped\"
  $ sudo rmqgit pause --for \"1 day\" --reason \"vendor looks at haproxy, ticket 4711\"

A second pause takes the place of the first.")]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// How long, at most 7 days
    #[arg(long = "for", value_name = "DURATION")]
    length: Length,
    /// Why, in one line, for everybody who reads the report
    #[arg(long, value_name = "TEXT")]
    reason: Reason,
    /// Do not wait for the end of a run that is under way
    #[arg(long)]
    no_wait: bool,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let (flags, file) = args.place.read()?;
    let state = settings::state_dir(&flags, &file);
    let (paused, before) =
        pause::pause(&state, args.length, &args.reason).map_err(|error| Failure::from_error(&error))?;
    let mut out = stdout();
    writeln!(out, "paused {paused}")?;
    if let Some(before) = before {
        writeln!(out, "in the place of a pause {before}")?;
    }
    if !args.no_wait {
        let busy = |holder: &str| {
            // Nobody is left to be told that standard error is closed.
            let _ =
                writeln!(stderr(), "a run is under way and may still change the host; waiting for its end: {holder}");
        };
        pause::wait_for_run(&state, busy).map_err(|error| Failure::from_error(&error))?;
    }
    Ok(Exit::Clean)
}
