//! `rmqgit diff`.

use super::{Exit, Failure};

/// Show what changes between two releases or two revisions of a spec
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args) -> Result<Exit, Failure> {
    Err(Failure::new("`rmqgit diff` is not built yet"))
}
