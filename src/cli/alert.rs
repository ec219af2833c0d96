//! `rmqgit alert`.

use std::io::Write;

use super::sync::{self, Place};
use super::{Exit, Failure, stdout};
use crate::agent::alerts::{self, Tried};
use crate::agent::{self, settings};
use crate::sys::{clock, process};

/// Try the targets that this host tells of its incidents
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  $ sudo rmqgit alert test
  $ sudo rmqgit alert test ops")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Send a sample of each stage of an incident's life, and one message about many
    Test(Test),
}

/// Send a sample of each stage of an incident's life, and one message about many
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  $ sudo rmqgit alert test
  $ sudo rmqgit alert test ops

Exit status: 0 every sample was taken, 3 one was not")]
struct Test {
    /// The target, as `alerts` in agent.yaml names it [default: all]
    target: Option<String>,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let What::Test(args) = &args.what;
    process::keep_memory_private();
    let (flags, file) = args.place.read_whole()?;
    let settings = settings::settle(flags, file).map_err(|error| match error {
        settings::SettingsError::Missing(_) => {
            Failure::usage(&error).help("say it in agent.yaml: messages name the cluster and the host")
        }
        error => sync::failure(&error),
    })?;
    let report = agent::last_report(&settings.state, clock::now()).ok();
    let mut out = stdout();
    let mut wrote = Ok(());
    let said = |tried: &Tried| {
        let Tried { target, stage, failure } = tried;
        let what = stage.map_or("many".to_owned(), |stage| format!("{stage:?}").to_lowercase());
        let line = match failure {
            None => writeln!(out, "{target}: {what}: taken"),
            Some(why) => writeln!(out, "{target}: {what}: \x1b[31mnot taken\x1b[0m: {why}"),
        };
        if wrote.is_ok() {
            wrote = line;
        }
    };
    let good = alerts::try_out(&settings, args.target.as_deref(), report.as_ref(), said);
    let good = good.map_err(|error| Failure::from_error(&error).help("see docs/alerts.md"))?;
    wrote?;
    Ok(if good { Exit::Clean } else { Exit::Failed })
}
