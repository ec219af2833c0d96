//! `rmqgit alert`.

use std::io::Write;
use std::path::PathBuf;

use super::sync::{self, Place};
use super::{Exit, Failure, stdout};
use crate::agent::alerts::{self, Checked, Tried};
use crate::agent::{self, Settings, settings};
use crate::name::{ClusterName, HostName, SecretRef};
use crate::secret::{self, Envelope, PublicKey, Secret};
use crate::sys::{clock, process, terminal, workspace};

/// Try the targets that this host tells of its incidents
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  $ sudo rmqgit alert check
  $ sudo rmqgit alert test
  $ sudo rmqgit alert test ops
  $ rmqgit alert seal ops-hook --cluster orders --host rabbit1 --key rabbit1.pub > ops-hook.age")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Say all that is wrong with `alerts` in agent.yaml, and read the files of the targets; nothing is sent
    Check(Check),
    /// Seal an address or a token for a host, which opens it with its SSH key
    Seal(Seal),
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

/// Say all that is wrong with `alerts` in agent.yaml, and read the files of the targets; nothing is sent
#[derive(Debug, clap::Args)]
#[command(after_help = "A run leaves out what is wrong, and says so; this refuses it.

Examples:
  $ sudo rmqgit alert check
  $ sudo rmqgit alert check --config new-agent.yaml

Exit status: 0 every target can be tried, 3 something is wrong")]
struct Check {
    #[command(flatten)]
    place: Place,
}

/// Seal an address or a token for a host, which opens it with its SSH key
///
/// The value comes from standard input, or is asked for; what is sealed goes to standard output. It becomes a file of the host
/// that `url-file`, `token-file`, `secret-file` or `password-file` of a target names: NAME.age, mode 0600.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  $ rmqgit alert seal ops-hook --cluster orders --host rabbit1 --key rabbit1.pub > ops-hook.age
  $ pass show ops-hook | rmqgit alert seal ops-hook --cluster orders --host rabbit1 --key rabbit1.pub > ops-hook.age

Exit status: 0 it is sealed, 3 it is not")]
struct Seal {
    /// The name of the file that it will be, without `.age`
    name: SecretRef,
    /// The cluster of the host
    #[arg(long, value_name = "NAME")]
    cluster: ClusterName,
    /// The host
    #[arg(long, value_name = "NAME")]
    host: HostName,
    /// The host's public key: its /etc/ssh/ssh_host_ed25519_key.pub
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    process::keep_memory_private();
    match &args.what {
        What::Check(args) => check(args),
        What::Seal(args) => seal(args),
        What::Test(args) => test(args),
    }
}

/// Reads the settings, of which nothing may be wrong.
fn settings(place: &Place) -> Result<Settings, Failure> {
    let (mut flags, file) = place.read_whole()?;
    // Where the timer says who the host is, its last report does. Nothing is fetched.
    let report = agent::last_report(&settings::state_dir(&flags, &file), clock::now()).ok();
    flags.remote = file.remote.is_none().then(|| "/".to_owned());
    flags.cluster = report.as_ref().map(|report| report.cluster.clone()).filter(|_| file.cluster.is_none());
    flags.host = report.as_ref().map(|report| report.host.clone()).filter(|_| file.host.is_none());
    settings::settle(flags, file).map_err(|error| match error {
        settings::SettingsError::Missing(_) => {
            Failure::usage(&error).help("say it in agent.yaml: messages name the cluster and the host")
        }
        error => sync::failure(&error),
    })
}

fn check(args: &Check) -> Result<Exit, Failure> {
    let settings = settings(&args.place)?;
    let found = alerts::check(&settings);
    let mut out = stdout();
    if found.is_empty() {
        writeln!(out, "nobody is told of incidents of {}/{}", settings.cluster, settings.host)?;
    }
    for Checked { target, service, failure } in &found {
        match failure {
            None => writeln!(out, "{target}: {service}: can be tried")?,
            Some(why) => writeln!(out, "{target}: {service}: \x1b[31mcannot be told\x1b[0m: {why}")?,
        }
    }
    Ok(if found.iter().all(|one| one.failure.is_none()) { Exit::Clean } else { Exit::Failed })
}

fn seal(args: &Seal) -> Result<Exit, Failure> {
    let Seal { name, cluster, host, key } = args;
    let text = workspace::read(key).map_err(|error| Failure::from_error(&error))?;
    let help = "name the host's public key: its /etc/ssh/ssh_host_ed25519_key.pub";
    let wrong = |why: String| Failure::new(format!("`{}` is no public key for this: {why}", key.display())).help(help);
    let text = String::from_utf8(text).map_err(|error| wrong(error.to_string()))?;
    let reader = PublicKey::parse(text.trim()).map_err(|error| wrong(error.to_string()))?;
    let interactive = terminal::is_interactive();
    let value = if interactive { terminal::ask_hidden("Value: ")? } else { terminal::read_stdin()? };
    if value.is_empty() || value.contains(char::is_control) {
        return Err(Failure::new("the value is not one line; nothing was sealed"));
    }
    let envelope = Envelope { cluster: cluster.clone(), name: name.clone(), hosts: [host.clone()].into() };
    stdout().write_all(&secret::seal(&envelope, &Secret::new(value), &[reader]))?;
    Ok(Exit::Clean)
}

fn test(args: &Test) -> Result<Exit, Failure> {
    let settings = settings(&args.place)?;
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
