//! `rmqgit resume`.

use std::io::Write;

use super::sync::Place;
use super::{Exit, Failure, stdout};
use crate::agent::pause::{self, Lifted};
use crate::agent::settings;

/// Lift a pause, so that runs may change this host again
#[derive(Debug, clap::Args)]
#[command(after_help = "Says whose pause it was. The next run that converges brings the host to what the release says.

Examples:
  $ sudo rmqgit resume")]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let (flags, file) = args.place.read()?;
    let state = settings::state_dir(&flags, &file);
    let lifted = pause::resume(&state).map_err(|error| Failure::from_error(&error))?;
    let mut out = stdout();
    match lifted {
        Lifted::Nothing => writeln!(out, "the host was not paused")?,
        Lifted::Pause(paused) => writeln!(out, "lifted the pause {paused}")?,
        Lifted::Ended(paused) => writeln!(out, "the pause had ended by itself: {paused}")?,
    }
    Ok(Exit::Clean)
}
