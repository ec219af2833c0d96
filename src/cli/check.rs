//! `rmqgit check`.

use super::{Exit, Failure};

/// Check a spec and report everything that is wrong with it
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args) -> Result<Exit, Failure> {
    Err(Failure::new("`rmqgit check` is not built yet"))
}
