//! `rmqgit status`.

use super::{Exit, Failure};

/// Show the last report of this host
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args) -> Result<Exit, Failure> {
    Err(Failure::new("`rmqgit status` is not built yet"))
}
