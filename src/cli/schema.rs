//! `rmqgit schema`.

use super::{Exit, Failure};

/// Print the JSON Schema of the spec or of an output
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args) -> Result<Exit, Failure> {
    Err(Failure::new("`rmqgit schema` is not built yet"))
}
