//! `rmqgit completions`.

use super::{Exit, Failure};

/// Print the completions for a shell
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args) -> Result<Exit, Failure> {
    Err(Failure::new("`rmqgit completions` is not built yet"))
}
