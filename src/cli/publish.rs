//! `rmqgit publish`.

use super::{Exit, Failure};

/// Compile a committed spec and commit the result to the output branch
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args) -> Result<Exit, Failure> {
    Err(Failure::new("`rmqgit publish` is not built yet"))
}
