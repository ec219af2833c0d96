//! `rmqgit explain`.

use super::{Exit, Failure};

/// Explain the code of a diagnostic
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args) -> Result<Exit, Failure> {
    Err(Failure::new("`rmqgit explain` is not built yet"))
}
