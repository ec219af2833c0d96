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

mod agent;
mod alert;
mod check;
mod compile;
mod completions;
mod demo;
mod diff;
mod explain;
mod identity;
mod init;
mod man;
mod pause;
mod post;
mod publish;
mod resume;
mod review;
mod schema;
mod secret;
mod status;
mod sync;
mod verify;

use exit::{Exit, Failure};
use out::{Color, stderr, stdout};

use crate::sys::process;

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
    /// Say what merging a change does, the worst first
    #[command(visible_alias = "plan")]
    Review(review::Args),
    /// Compile the spec of a release again, and show what was changed by hand
    Verify(verify::Args),
    /// Bring this host to what its ref says, or report how it differs
    Sync(sync::Args),
    /// Show the last report of this host, and its incidents
    Status(status::Args),
    /// Keep runs from changing this host for a while
    Pause(pause::Args),
    /// Lift a pause, so that runs may change this host again
    Resume(resume::Args),
    /// Make this host run its agent by itself, or stop that
    Agent(agent::Args),
    /// Try the targets that this host tells of its incidents
    Alert(alert::Args),
    /// Keep the secrets of a spec repository, sealed for the hosts that need them
    Secret(secret::Args),
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
    if matches!(cli.verb, Verb::Sync(_) | Verb::Pause(_) | Verb::Resume(_) | Verb::Agent(_) | Verb::Alert(_)) {
        process::set_umask();
    }
    match &cli.verb {
        Verb::Check(args) => check::run(args),
        Verb::Compile(args) => compile::run(args),
        Verb::Publish(args) => publish::run(args),
        Verb::Diff(args) => diff::run(args),
        Verb::Review(args) => review::run(args),
        Verb::Verify(args) => verify::run(args),
        Verb::Sync(args) => sync::run(args),
        Verb::Status(args) => status::run(args),
        Verb::Pause(args) => pause::run(args),
        Verb::Resume(args) => resume::run(args),
        Verb::Agent(args) => agent::run(args),
        Verb::Alert(args) => alert::run(args),
        Verb::Secret(args) => secret::run(args),
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
            assert!(!lines.is_empty(), "`rmqgit {}` shows no example", verb.get_name());
            for line in lines {
                accept(line);
            }
        }
    }

    /// Holds a command that is shown to people against the command line.
    pub(super) fn accept(command: &str) {
        let command = command.split(['|', '>', '<']).next().expect("split yields at least one part");
        let words = shlex::split(command).expect("a command is shell words");
        let words = words.iter().skip_while(|word| *word == "sudo");
        if let Err(error) = Cli::try_parse_from(words) {
            panic!("`{command}` is refused: {error}");
        }
    }

    /// Pages and CI files show commands on lines of their own, in steps of YAML or joined by `&&`.
    #[test]
    fn every_shown_command_is_a_command_line() {
        let pages = [include_str!("../../README.md"), include_str!("../../docs/getting-started.md")];
        let pages = pages.iter().flat_map(|page| page.lines()).filter_map(|line| line.strip_prefix("    "));
        let files = [include_str!("init/github.yml"), include_str!("init/gitea.yml"), include_str!("init/gitlab.yml")];
        let files = files.iter().flat_map(|file| file.lines()).map(|line| line.trim().trim_start_matches("- "));
        let script = demo::script::STEPS.iter().flat_map(|step| step.commands);
        let script = script.flat_map(|(command, _)| command.split(" && "));
        let commands = pages.chain(files).chain(script).map(|line| line.trim_start_matches("run: "));
        let mut count = 0;
        for command in commands
            .filter(|command| command.starts_with("rmqgit "))
            .map(|command| command.trim_end_matches(" || test $? -eq 1"))
        {
            accept(command);
            count += 1;
        }
        assert!(count > 25, "only {count} commands were found");
    }
}
