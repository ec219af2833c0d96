//! `rmqgit compile`.

use super::{Exit, Failure};

/// Compile a spec into the files of every host
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args) -> Result<Exit, Failure> {
    Err(Failure::new("`rmqgit compile` is not built yet"))
}
