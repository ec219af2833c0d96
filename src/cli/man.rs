//! `rmqgit man`.

use super::{Exit, Failure};

/// Write the manual pages
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args) -> Result<Exit, Failure> {
    Err(Failure::new("`rmqgit man` is not built yet"))
}
