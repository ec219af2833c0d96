//! `rmqgit completions`: what a shell needs to complete the command line.

use std::io::Write;

use super::{Exit, Failure, stdout};

/// Print the completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  $ rmqgit completions bash > /usr/share/bash-completion/completions/rmqgit
  $ rmqgit completions zsh > /usr/local/share/zsh/site-functions/_rmqgit
  $ rmqgit completions fish > ~/.config/fish/completions/rmqgit.fish")]
pub(super) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::command(), "rmqgit", &mut script);
    stdout().write_all(&script)?;
    Ok(Exit::Clean)
}
