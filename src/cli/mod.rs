//! The command line: one file per verb; exit codes, streams and colour in one place.
//!
//! Input: arguments and the environment. Output: data on standard output, talk on standard error, an exit status.
//! Must not: do work that a library function could do.

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

mod exit;
mod load;
mod out;

mod check;
mod compile;
mod completions;
mod demo;
mod diff;
mod explain;
mod init;
mod man;
mod publish;
mod schema;
mod status;
mod sync;

use exit::{Exit, Failure};
use out::{Color, stderr, stdout};

/// Keeps highly available RabbitMQ exactly as a Git repository says.
#[derive(Debug, Parser)]
#[command(name = "rmqgit", version, propagate_version = true, max_term_width = 100)]
struct Cli {
    /// When to colour the output
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Check a spec and report everything that is wrong with it
    Check(check::Args),
    /// Compile a spec into the files of every host
    Compile(compile::Args),
    /// Compile a committed spec and commit the result to the output branch
    Publish(publish::Args),
    /// Show what changes between two releases or two revisions of a spec
    Diff(diff::Args),
    /// Bring this host to what its ref says, or report how it differs
    Sync(sync::Args),
    /// Show the last report of this host
    Status(status::Args),
    /// Make a spec repository to start from
    Init(init::Args),
    /// Show the whole pipeline on the embedded example
    Demo(demo::Args),
    /// Print the JSON Schema of the spec or of an output
    Schema(schema::Args),
    /// Explain the code of a diagnostic
    Explain(explain::Args),
    /// Print the completions for a shell
    Completions(completions::Args),
    /// Write the manual pages
    Man(man::Args),
}

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Nobody is left to be told that standard error is closed.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Clean }.into();
        }
    };
    cli.color.apply();
    match run(&cli) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            // Nobody is left to be told that standard error cannot be written.
            let _ = complain(&failure);
            failure.exit.into()
        }
    }
}

fn run(cli: &Cli) -> Result<Exit, Failure> {
    match &cli.verb {
        Verb::Check(args) => check::run(args),
        Verb::Compile(args) => compile::run(args),
        Verb::Publish(args) => publish::run(args),
        Verb::Diff(args) => diff::run(args),
        Verb::Sync(args) => sync::run(args),
        Verb::Status(args) => status::run(args),
        Verb::Init(args) => init::run(args),
        Verb::Demo(args) => demo::run(args, cli.color),
        Verb::Schema(args) => schema::run(args),
        Verb::Explain(args) => explain::run(args),
        Verb::Completions(args) => completions::run(args),
        Verb::Man(args) => man::run(args),
    }
}

fn complain(failure: &Failure) -> std::io::Result<()> {
    let mut stderr = stderr();
    writeln!(stderr, "\x1b[1;31mrmqgit:\x1b[0m {}", failure.message)?;
    if let Some(help) = &failure.help {
        writeln!(stderr, "  \x1b[1mhelp:\x1b[0m {help}")?;
    }
    Ok(())
}

/// Returns the whole command line as clap knows it, for completions, manual pages and checks of printed commands.
fn command() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn every_example_is_a_command_line() {
        for verb in command().get_subcommands() {
            let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            let lines: Vec<_> = help.lines().filter_map(|line| line.trim().strip_prefix("$ ")).collect();
            for line in lines {
                let line = line.split(['|', '>', '<']).next().expect("split yields at least one part");
                let words = shlex::split(line).expect("an example is shell words");
                let words = words.iter().skip_while(|word| *word == "sudo");
                if let Err(error) = Cli::try_parse_from(words) {
                    panic!("`{line}` of `rmqgit {}` is refused: {error}", verb.get_name());
                }
            }
        }
    }
}
