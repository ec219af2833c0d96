//! `rmqgit init`.

use super::{Exit, Failure};

/// Make a spec repository to start from
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args) -> Result<Exit, Failure> {
    Err(Failure::new("`rmqgit init` is not built yet"))
}
