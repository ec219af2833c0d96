//! The command line: one file per verb; exit codes, streams and colour in one place.
//!
//! Input: arguments and the environment. Output: data on standard output, talk on standard error, an exit status.
//! Must not: do work that a library function could do.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

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

/// When output is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Even into a pipe or a file
    Always,
    /// Nowhere
    Never,
}

/// The exit statuses; the only place that knows their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// Nothing to report.
    Clean,
    /// Findings: an invalid spec, drift, pending changes in a dry run.
    Findings,
    /// A wrong command line.
    Usage,
    /// It could not be done.
    Failed,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Clean => 0,
            Exit::Findings => 1,
            Exit::Usage => 2,
            Exit::Failed => 3,
        })
    }
}

/// Why a verb could not do its work: one line, and what to do about it.
#[derive(Debug)]
struct Failure {
    message: String,
    help: Option<String>,
    exit: Exit,
}

impl Failure {
    /// Makes a failure of something outside: exit status 3.
    fn new(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), help: None, exit: Exit::Failed }
    }

    /// Makes a failure of the command line: exit status 2.
    fn usage(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Usage, ..Self::new(message) }
    }

    /// Makes a failure of an error and its causes, joined by colons.
    fn from_error(error: &dyn std::error::Error) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            message = format!("{message}: {error}");
            cause = error.source();
        }
        Self::new(message)
    }

    /// Says what to do.
    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::from_error(&error)
    }
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
    match cli.color {
        Color::Auto => {}
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
    let result = match &cli.verb {
        Verb::Check(args) => check::run(args),
        Verb::Compile(args) => compile::run(args),
        Verb::Publish(args) => publish::run(args),
        Verb::Diff(args) => diff::run(args),
        Verb::Sync(args) => sync::run(args),
        Verb::Status(args) => status::run(args),
        Verb::Init(args) => init::run(args),
        Verb::Demo(args) => demo::run(args),
        Verb::Schema(args) => schema::run(args),
        Verb::Explain(args) => explain::run(args),
        Verb::Completions(args) => completions::run(args),
        Verb::Man(args) => man::run(args),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => {
            let mut stderr = anstream::stderr();
            let _ = writeln!(stderr, "rmqgit: {}", failure.message);
            if let Some(help) = failure.help {
                let _ = writeln!(stderr, "  help: {help}");
            }
            failure.exit.into()
        }
    }
}
