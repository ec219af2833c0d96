//! `rmqgit demo`.

use super::{Exit, Failure};

/// Show the whole pipeline on the embedded example
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args) -> Result<Exit, Failure> {
    Err(Failure::new("`rmqgit demo` is not built yet"))
}
