//! `rmqgit sync`.

use std::io::Write;
use std::path::PathBuf;

use super::out::Format;
use super::{Exit, Failure, stderr, stdout};
use crate::agent::{self, alerts, settings};
use crate::alert::Severity;
use crate::diag;
use crate::name::{ClusterName, HostName};
use crate::release::canonical_json;
use crate::report::{self, Look, Report, Verdict};
use crate::sys::{clock, process};

/// The columns that diagnostics of agent.yaml are laid out for.
const WIDTH: usize = 110;

/// Bring this host to what its ref says, or report how it differs
#[derive(Debug, clap::Args)]
#[command(after_help = "Every setting can stand in agent.yaml instead; a flag goes before the file.

Examples:
  $ rmqgit sync                                     # as /etc/rmqgit/agent.yaml says
  $ rmqgit sync --mode converge --dry-run           # what a run that converges would do
  $ sudo rmqgit sync --now                          # and restart the broker, if a change waits for that
  $ rmqgit sync --root /tmp/r1 --remote /srv/out.git --cluster orders --host rabbit1 --mode converge

Exit status: 0 in sync or converged, 1 drift or pending changes that were left, 3 something failed")]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// Where releases come from: a path, file://, https:// or ssh://
    #[arg(long, value_name = "URL")]
    remote: Option<String>,
    /// The cluster
    #[arg(long, value_name = "NAME")]
    cluster: Option<ClusterName>,
    /// The host
    #[arg(long, value_name = "NAME")]
    host: Option<HostName>,
    /// The directory with one file a secret [default: /etc/rmqgit/secrets below the root]
    #[arg(long, value_name = "DIR")]
    secrets: Option<PathBuf>,
    /// The private key that opens sealed secrets [default: /etc/ssh/ssh_host_ed25519_key below the root]
    #[arg(long, value_name = "FILE")]
    host_key: Option<PathBuf>,
    /// Whether to change anything [default: report]
    #[arg(long, value_enum)]
    mode: Option<Mode>,
    /// Show what a run that converges would do; change and remember nothing
    #[arg(long)]
    dry_run: bool,
    /// Try a release again that failed on this host before
    #[arg(long)]
    retry: bool,
    #[command(flatten)]
    restart: Restart,
    /// Wait while another run holds the lock, instead of failing
    #[arg(long)]
    wait: bool,
    /// How to write the report
    #[arg(long, value_enum, default_value_t = Shape::Text)]
    format: Shape,
    #[command(flatten)]
    trust: Trust,
    #[command(flatten)]
    access: Access,
}

/// Where a host's files are.
#[derive(Debug, clap::Args)]
pub(super) struct Place {
    /// The settings [default: /etc/rmqgit/agent.yaml below the root]
    #[arg(long, value_name = "FILE", env = "RMQGIT_CONFIG")]
    config: Option<PathBuf>,
    /// Take DIR for the whole file system; no daemon is touched
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// The state directory [default: /var/lib/rmqgit below the root]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

/// How a run is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Shape {
    /// For people
    Text,
    /// For programs; the document is versioned and has a schema (`rmqgit schema report`)
    Json,
    /// One line of key=value pairs, with its priority as journald reads it
    Log,
}

/// Whether a broker is restarted.
#[derive(Debug, clap::Args)]
struct Restart {
    /// Restart the broker now if a change needs it: only while every other member runs and no queue needs this one
    #[arg(long)]
    now: bool,
    /// Restart it even if no maintenance window is open
    #[arg(long, requires = "now")]
    outside_window: bool,
}

/// Whom the host believes.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Trust")]
struct Trust {
    /// Whether a release must be signed by somebody whom this host trusts [default: required]
    #[arg(long, value_enum)]
    signatures: Option<Signatures>,
    /// Those who may sign [default: /etc/rmqgit/allowed_signers below the root]
    #[arg(long, value_name = "FILE")]
    allowed_signers: Option<PathBuf>,
    /// The days after which a release that nobody signed again is a finding; 0 is never [default: 90]
    #[arg(long, value_name = "DAYS")]
    max_age: Option<u32>,
}

/// Whether a release must be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Signatures {
    /// Refuse what is not signed by somebody who is trusted here
    Required,
    /// Take everything: whoever can write to the remote commands this host
    Ignored,
}

impl From<Signatures> for settings::Signatures {
    fn from(signatures: Signatures) -> Self {
        match signatures {
            Signatures::Required => Self::Required,
            Signatures::Ignored => Self::Ignored,
        }
    }
}

/// How a remote is reached.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Access to the remote")]
struct Access {
    /// The private key for ssh
    #[arg(long, value_name = "FILE")]
    ssh_key: Option<PathBuf>,
    /// The server's host keys for ssh
    #[arg(long, value_name = "FILE")]
    known_hosts: Option<PathBuf>,
    /// The certificates that an https server's must lead to
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// A file with a token, or with user:password, for https
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The seconds that a fetch may take
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u32>,
}

/// Whether a run may change the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Mode {
    /// Compare and report
    Report,
    /// Bring the host to what the release says
    Converge,
}

impl From<Mode> for settings::Aim {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Report => Self::Report,
            Mode::Converge => Self::Converge,
        }
    }
}

impl Place {
    /// The places of a root, for verbs that take no other.
    pub(super) fn of_root(root: Option<PathBuf>) -> Self {
        Self { config: None, root, state: None }
    }

    /// Reads `agent.yaml`, and returns the flags that go before it. What is wrong with its `alerts` is left out, and said.
    pub(super) fn read(&self) -> Result<(settings::Flags, settings::AgentFile), Failure> {
        let file = self.said()?.file;
        let left_out = file.alerts.as_ref().map(|alerts| alerts.left_out.join(", ")).unwrap_or_default();
        if !left_out.is_empty() {
            // No more than that: this goes to a log with every run, and people write secrets where they do not belong.
            let _ = writeln!(
                stderr(),
                "rmqgit: left out of `alerts` in agent.yaml: {left_out}; `rmqgit alert check` says what is wrong"
            );
        }
        Ok((self.flags(), file))
    }

    /// The same, but nothing may be wrong.
    pub(super) fn read_whole(&self) -> Result<(settings::Flags, settings::AgentFile), Failure> {
        match self.said()? {
            settings::Said { file, wrong_alerts: None } => Ok((self.flags(), file)),
            settings::Said { wrong_alerts: Some(error), .. } => {
                explain(&error);
                Err(failure(&error))
            }
        }
    }

    fn said(&self) -> Result<settings::Said, Failure> {
        settings::read(self.config.as_deref(), self.root.as_deref()).map_err(|error| {
            explain(&error);
            failure(&error)
        })
    }

    fn flags(&self) -> settings::Flags {
        settings::Flags { root: self.root.clone(), state: self.state.clone(), ..settings::Flags::default() }
    }
}

/// Shows what is wrong with agent.yaml.
fn explain(error: &settings::SettingsError) {
    if let settings::SettingsError::Invalid { sources, diags, .. } = error {
        // What follows says the same in short, if standard error is gone.
        let _ = stderr().write_all(diag::render(diags, sources, diag::Format::Text, true, WIDTH).as_bytes());
    }
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    process::keep_memory_private();
    let (flags, file) = args.place.read()?;
    let flags = settings::Flags {
        remote: args.remote.clone(),
        cluster: args.cluster.clone(),
        host: args.host.clone(),
        secrets: args.secrets.clone(),
        host_key: args.host_key.clone(),
        mode: args.mode.map(Into::into),
        signatures: args.trust.signatures.map(Into::into),
        allowed_signers: args.trust.allowed_signers.clone(),
        max_age: args.trust.max_age,
        ssh_key: args.access.ssh_key.clone(),
        known_hosts: args.access.known_hosts.clone(),
        ca_file: args.access.ca_file.clone(),
        token_file: args.access.token_file.clone(),
        timeout: args.access.timeout,
        dry_run: args.dry_run,
        retry: args.retry,
        now: args.restart.now.then_some(settings::Asked { outside_window: args.restart.outside_window }),
        ..flags
    };
    let settings = settings::settle(flags, file).map_err(|error| failure(&error))?;
    let begun = clock::now();
    let ran = agent::tick(&settings, args.wait);
    // Nobody hears of it otherwise, and it changes nothing about what the run did.
    let recorded = alerts::record(&settings, &ran);
    match &recorded {
        Ok(None) => {}
        Ok(Some(word)) => drop(writeln!(stderr(), "rmqgit: {word}")),
        Err(error) => {
            let why = Failure::from_error(error).message;
            let _ = writeln!(stderr(), "rmqgit: the incidents of this run are not kept: {why}");
        }
    }
    let shown = match &ran {
        Ok(ran) => show_as(&settings, &ran.report, args.format).map(|()| exit(&ran.report)),
        Err(error) => Err(Failure::from_error(error)),
    };
    // The work is done and said. Whatever becomes of this changes neither.
    let delivered = alerts::deliver(&settings, ran.as_ref().ok().map(|ran| &ran.report));
    if let Err(error) = &delivered {
        let why = Failure::from_error(error).message;
        let _ = writeln!(stderr(), "rmqgit: the targets are not told of incidents: {why}");
    }
    // People see that in `rmqgit status`; a log would not show it otherwise.
    for (target, why) in alerts::undelivered(&settings, begun).into_iter().filter(|_| args.format == Shape::Log) {
        let _ = writeln!(stderr(), "<4>rmqgit: the alert target `{target}` is not told: {why}");
    }
    if let Err(error) = alerts::measure(&settings, &ran, recorded.is_err() || delivered.is_err()) {
        let why = Failure::from_error(&error).message;
        let _ = writeln!(stderr(), "rmqgit: {why}");
    }
    shown
}

fn show_as(settings: &settings::Settings, report: &Report, shape: Shape) -> Result<(), Failure> {
    match shape {
        Shape::Text => show(report, Format::Text, None),
        Shape::Json => show(report, Format::Json, None),
        Shape::Log => {
            let worst = match alerts::worst(settings, report) {
                Some(Severity::Critical) => 3,
                Some(Severity::Warning) => 4,
                Some(Severity::Info) | None => 6,
            };
            Ok(stdout().write_all(report::log(report, worst).as_bytes())?)
        }
    }
}

/// Writes a report.
pub(super) fn show(report: &Report, format: Format, now: Option<jiff::Timestamp>) -> Result<(), Failure> {
    let text = match format {
        Format::Text => report::text(report, Look { now, diffs: true }),
        Format::Json => canonical_json(report),
    };
    stdout().write_all(text.as_bytes())?;
    Ok(())
}

/// Returns the exit status of a report: 0 only where nothing is left for a person.
pub(super) fn exit(report: &Report) -> Exit {
    match report.verdict {
        Verdict::InSync | Verdict::Converged if report.asks_for_a_person() => Exit::Findings,
        Verdict::InSync | Verdict::Converged => Exit::Clean,
        Verdict::Pending | Verdict::Drifted | Verdict::DriftedAndPending => Exit::Findings,
        Verdict::Unknown | Verdict::Failed => Exit::Failed,
    }
}

/// Says what is wrong with the settings.
pub(super) fn failure(error: &settings::SettingsError) -> Failure {
    match error {
        settings::SettingsError::Missing(what) => {
            let flags: Vec<String> = what.iter().map(|name| format!("`--{name}`")).collect();
            Failure::usage(error).help(format!("say it in agent.yaml or with {}", flags.join(", ")))
        }
        settings::SettingsError::NowInReport => {
            Failure::usage(error).help("add `--mode converge`, or `--dry-run` to see what it would do")
        }
        settings::SettingsError::Remote(_) => Failure::usage(error),
        settings::SettingsError::Invalid { .. } | settings::SettingsError::Read(_) => Failure::from_error(error),
    }
}
