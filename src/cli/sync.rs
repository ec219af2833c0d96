//! `rmqgit sync`.

use super::{Exit, Failure};

/// Bring this host to what its ref says, or report how it differs
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args) -> Result<Exit, Failure> {
    Err(Failure::new("`rmqgit sync` is not built yet"))
}
