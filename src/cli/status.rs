//! `rmqgit status`.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use super::out::Format;
use super::sync::{self, Place};
use super::{Exit, Failure, stdout};
use crate::agent::alerts::AlertError;
use crate::agent::{self, AgentError, alerts, settings};
use crate::alert::{self, AlertsFile, Book};
use crate::name::ClusterName;
use crate::report::incidents::Incidents;
use crate::sys::{clock, terminal};

/// Show the last report of this host, and its incidents
#[derive(Debug, clap::Args)]
#[command(after_help = "Nothing is looked at: this is what the last `rmqgit sync` found, with its exit status.

Examples:
  $ rmqgit status
  $ rmqgit status --watch
  $ rmqgit status --format json")]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// How to write the report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Show it again every two seconds, on a terminal, until `q` or Ctrl-C
    #[arg(long, conflicts_with = "format")]
    watch: bool,
}

/// How often it is shown again.
const WATCH: Duration = Duration::from_secs(2);
/// The same in tenths of a second, as a terminal waits for a key.
const WATCH_TENTHS: u8 = 20;
/// Clears a terminal.
const CLEAR: &str = "\x1b[2J\x1b[H";

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let (flags, file) = args.place.read()?;
    let host = Host { state: settings::state_dir(&flags, &file), alerts: file.alerts };
    if !args.watch {
        return host.show(args.format);
    }
    if !terminal::shows_output() {
        return Err(Failure::usage("`--watch` needs a terminal").help("leave it out, or run it on a terminal"));
    }
    let keys = terminal::Keys::open(WATCH_TENTHS)?;
    loop {
        stdout().write_all(CLEAR.as_bytes())?;
        let exit = host.show(args.format)?;
        match &keys {
            Some(keys) if keys.ends()? => return Ok(exit),
            Some(_) => {}
            None => clock::sleep(WATCH),
        }
    }
}

/// What is shown of a host.
struct Host {
    state: PathBuf,
    /// Whom it tells of incidents; nothing where it keeps none.
    alerts: Option<AlertsFile>,
}

impl Host {
    fn show(&self, format: Format) -> Result<Exit, Failure> {
        let now = clock::now();
        let mut report = agent::last_report(&self.state, now).map_err(|error| match error {
            AgentError::NoReport(_) | AgentError::Report { .. } => {
                Failure::from_error(&error).help("run `rmqgit sync` with the same root first")
            }
            _ => Failure::from_error(&error),
        })?;
        let book = self.alerts.as_ref().map(|alerts| self.book(alerts, &report.cluster)).transpose()?;
        if format == Format::Json {
            let unreadable = |why| Incidents { at: now, unreadable: Some(why), ..Incidents::default() };
            report.incidents = book.map(|book| book.map_or_else(unreadable, |book| alert::view(&book, now)));
            sync::show(&report, format, Some(now))?;
            return Ok(sync::exit(&report));
        }
        sync::show(&report, format, Some(now))?;
        match book {
            None => {}
            Some(Ok(book)) => stdout().write_all(alert::text(&book, now).as_bytes())?,
            Some(Err(why)) => writeln!(stdout(), "\nthe incidents are not known: {why}; the next run begins anew")?,
        }
        Ok(sync::exit(&report))
    }

    /// Reads the book of incidents, or says why it cannot be read.
    fn book(&self, alerts: &AlertsFile, cluster: &ClusterName) -> Result<Result<Book, String>, Failure> {
        match alerts::book(&self.state) {
            // A target that was never told anything is one, too.
            Ok(mut book) => {
                for name in alerts.targets(cluster).into_keys() {
                    book.outbox.entry(name).or_default();
                }
                Ok(Ok(book))
            }
            Err(AlertError::Damaged { path, why }) => Ok(Err(format!("`{}` cannot be read: {why}", path.display()))),
            Err(error) => Err(Failure::from_error(&error)),
        }
    }
}
