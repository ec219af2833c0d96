//! `rmqgit agent`.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::sync::{self, Mode, Place};
use super::{Exit, Failure, stderr, stdout};
use crate::agent::install::{self, Done, InstallError, Prepared, Wish};
use crate::agent::schedule::{Interval, Starter};
use crate::agent::settings::{Flags, SettingsError, Signatures};
use crate::name::{ClusterName, HostName, HostPath};
use crate::report;
use crate::sys::workspace;

/// Make this host run its agent by itself, or stop that
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  $ sudo rmqgit agent install --remote https://git.example.org/out.git --cluster orders --host rabbit1
  $ sudo rmqgit agent uninstall")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Write a systemd timer or a cron line that runs `rmqgit sync`, and start it
    Install(Install),
    /// Stop the timer or the cron line and remove its files
    Uninstall(Uninstall),
}

/// Write a systemd timer or a cron line that runs `rmqgit sync`, and start it
///
/// The files are /etc/systemd/system/rmqgit-sync.service and rmqgit-sync.timer; where systemd does not run, it is
/// /etc/cron.d/rmqgit. Each host runs at its own second of the interval, made of its name. A second installation with the
/// same options changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  $ sudo rmqgit agent install                                   # as /etc/rmqgit/agent.yaml says
  $ sudo rmqgit agent install --remote ssh://git@git.example.org/out.git --cluster orders --host rabbit1 --mode converge
  $ rmqgit agent install --interval 15m --print                 # show what would be written
  $ sudo rmqgit agent install --cron
  $ sudo rmqgit agent install --root /mnt/image                 # prepare an image; nothing is started

Exit status: 0 it is installed, 2 a setting is missing, 3 it could not be done")]
struct Install {
    /// How often: minutes that divide an hour, or hours that divide a day
    #[arg(long, value_name = "DURATION", default_value = "5m")]
    interval: Interval,
    /// Write a line for cron, even where systemd runs
    #[arg(long)]
    cron: bool,
    /// The program to run [default: this one; with --root, /usr/bin/rmqgit]
    #[arg(long, value_name = "PATH")]
    program: Option<HostPath>,
    /// Print what would be written; change nothing
    #[arg(long)]
    print: bool,
    /// Take DIR for the whole file system; no daemon is touched
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    #[command(flatten)]
    settings: NewSettings,
}

/// Settings for an agent.yaml that is not there yet.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Settings for /etc/rmqgit/agent.yaml, if there is none")]
struct NewSettings {
    /// Where releases come from: a path, file://, https:// or ssh://
    #[arg(long, value_name = "URL")]
    remote: Option<String>,
    /// The cluster
    #[arg(long, value_name = "NAME")]
    cluster: Option<ClusterName>,
    /// The host
    #[arg(long, value_name = "NAME")]
    host: Option<HostName>,
    /// Whether a run may change anything [default: report]
    #[arg(long, value_enum)]
    mode: Option<Mode>,
}

/// Stop the timer or the cron line and remove its files
///
/// The settings in /etc/rmqgit and what runs remembered in /var/lib/rmqgit stay, and so does every file that a run wrote.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  $ sudo rmqgit agent uninstall
  $ sudo rmqgit agent uninstall --root /mnt/image")]
struct Uninstall {
    /// Take DIR for the whole file system; no daemon is touched
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    match &args.what {
        What::Install(args) => install(args),
        What::Uninstall(args) => uninstall(args),
    }
}

fn install(args: &Install) -> Result<Exit, Failure> {
    let (_, file) = Place::of_root(args.root.clone()).read_whole()?;
    let told = &args.settings;
    let flags = Flags {
        root: args.root.clone(),
        remote: told.remote.clone(),
        cluster: told.cluster.clone(),
        host: told.host.clone(),
        mode: told.mode.map(Into::into),
        ..Flags::default()
    };
    let wish = Wish {
        starter: args.cron.then_some(Starter::Cron),
        interval: args.interval,
        program: args.program.clone(),
        flags,
    };
    let prepared = install::prepare(wish, file).map_err(|error| failure(&error))?;
    if args.print {
        return print(&prepared);
    }
    let mut done = Vec::new();
    let result = install::install(&prepared, &mut done);
    tell(&done)?;
    result.map_err(|error| failure(&error))?;
    let mut out = stdout();
    if done.is_empty() {
        writeln!(out, "nothing to do")?;
    }
    let settings = &prepared.settings;
    let starter = match prepared.starter {
        Starter::Timer => "a systemd timer",
        Starter::Cron => "cron",
    };
    if settings.trust.signatures == Signatures::Required && !workspace::exists(&settings.trust.allowed_signers) {
        let path = settings.trust.allowed_signers.display();
        writeln!(stderr(), "rmqgit: no release is taken until `{path}` names who may sign: a line `NAME KEY` each")?;
    }
    let mode = if settings.mode == report::Mode::Converge { "converges" } else { "reports only" };
    writeln!(
        out,
        "{}/{} {mode}, {} by {starter}: {}",
        settings.cluster,
        settings.host,
        prepared.schedule.interval().words(),
        prepared.schedule.calendar()
    )?;
    Ok(Exit::Clean)
}

fn print(prepared: &Prepared) -> Result<Exit, Failure> {
    let mut out = stdout();
    for file in &prepared.files {
        writeln!(out, "==> {} <==\n{}", file.path, file.text)?;
    }
    writeln!(stderr(), "Nothing was written.")?;
    Ok(Exit::Clean)
}

fn uninstall(args: &Uninstall) -> Result<Exit, Failure> {
    let mut done = Vec::new();
    let root = args.root.as_deref().unwrap_or(Path::new("/"));
    let result = install::uninstall(root, &mut done);
    tell(&done)?;
    result.map_err(|error| failure(&error))?;
    if done.is_empty() {
        writeln!(stdout(), "nothing to do")?;
    }
    Ok(Exit::Clean)
}

fn tell(done: &[Done]) -> Result<(), Failure> {
    let mut out = stdout();
    for one in done {
        match one {
            Done::Wrote(path) => writeln!(out, "wrote     {path}")?,
            Done::Replaced(path) => writeln!(out, "replaced  {path}")?,
            Done::Removed(path) => writeln!(out, "removed   {path}")?,
            Done::Ran(command) => writeln!(out, "ran       {command}")?,
        }
    }
    Ok(())
}

fn failure(error: &InstallError) -> Failure {
    let help = match error {
        InstallError::Settings(SettingsError::Missing(what)) => {
            let flags: Vec<String> = what.iter().map(|name| format!("`--{name}`")).collect();
            format!("write /etc/rmqgit/agent.yaml, or say it with {}", flags.join(", "))
        }
        InstallError::Settings(error) => return sync::failure(error),
        InstallError::Differs(_) => "change the file, or leave the options out: it is never replaced".to_owned(),
        InstallError::NotRoot => "run it with sudo".to_owned(),
        InstallError::ProgramName(_) | InstallError::NoProgram(_) => {
            "put the program at a plain path such as /usr/bin/rmqgit, or name one with `--program`".to_owned()
        }
        InstallError::Distrust { .. } => {
            "whoever can replace it would be root; install it: install -m 755 rmqgit /usr/local/bin/".to_owned()
        }
        InstallError::Foreign(path) => {
            format!(
                "move it away, and run this again (if it is a link to /dev/null: systemctl unmask {})",
                path.file_name()
            )
        }
        InstallError::Process(_) => {
            "the files are written; enable the timer with `systemctl enable`, or use `--cron`".to_owned()
        }
        InstallError::Own(_)
        | InstallError::Path(_)
        | InstallError::Look { .. }
        | InstallError::Files(_)
        | InstallError::Systemctl { .. } => return Failure::from_error(error),
    };
    let failure = match error {
        InstallError::Settings(_) => Failure::usage(error),
        _ => Failure::from_error(error),
    };
    failure.help(help)
}
