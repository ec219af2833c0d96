//! What a host's agent is told: `agent.yaml`, and the flags that go before it.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::alert::AlertsFile;
use crate::diag::{Diagnostics, Sources};
use crate::name::{ClusterName, HostName};
pub use crate::plan::Asked;
use crate::report::Mode;
use crate::sys::remote::{Remote, RemoteOptions};
use crate::sys::workspace::{self, WorkspaceError};
use crate::yaml;

use super::left_out::{self, Sifted};

/// Where `agent.yaml` stands below the root.
pub const CONFIG: &str = "etc/rmqgit/agent.yaml";
const STATE: &str = "var/lib/rmqgit";
const SECRETS: &str = "etc/rmqgit/secrets";
const HOST_KEY: &str = "etc/ssh/ssh_host_ed25519_key";
const ALLOWED_SIGNERS: &str = "etc/rmqgit/allowed_signers";
const REVOKED_KEYS: &str = "etc/rmqgit/revoked_keys";
/// How many days a signature counts as fresh.
const MAX_AGE: u32 = 90;

/// Everything a run has to be told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where releases come from.
    pub remote: Remote,
    /// The cluster.
    pub cluster: ClusterName,
    /// The host.
    pub host: HostName,
    /// Whether the run may change the host.
    pub mode: Mode,
    /// The file system.
    pub root: PathBuf,
    /// The state directory.
    pub state: PathBuf,
    /// The directory with one file a secret.
    pub secrets: PathBuf,
    /// The private key that opens the sealed secrets of a release.
    pub host_key: PathBuf,
    /// Whom the host believes.
    pub trust: Trust,
    /// What becomes an incident, and who is told; `None` keeps no incidents.
    pub alerts: Option<AlertsFile>,
    /// The file that metrics are written to.
    pub metrics: Option<PathBuf>,
    /// Whether a release that failed here is tried again.
    pub retry: bool,
    /// What a person says who asks for the broker's restart, if it needs one.
    pub now: Option<Asked>,
}

/// Whom the host believes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// Whether a release must be signed.
    pub signatures: Signatures,
    /// The file of those who may sign.
    pub allowed_signers: PathBuf,
    /// The file of keys that may not.
    pub revoked_keys: PathBuf,
    /// After how many days a signature is a finding; 0 is never.
    pub max_age: u32,
}

/// `agent.yaml`. Its paths are paths of the host: below a sandbox root, they are below that root.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AgentFile {
    /// Where releases come from: a path, `file://`, `https://` or `ssh://`.
    pub remote: Option<String>,
    /// The cluster.
    pub cluster: Option<ClusterName>,
    /// The host.
    pub host: Option<HostName>,
    /// What a run may do; `report` if it is not said.
    pub mode: Option<Aim>,
    /// The file system; `/` if it is not said.
    pub root: Option<PathBuf>,
    /// The state directory; `/var/lib/rmqgit` if it is not said.
    pub state: Option<PathBuf>,
    /// The directory with one file a secret; `/etc/rmqgit/secrets` if it is not said.
    pub secrets: Option<PathBuf>,
    /// The private key that opens the sealed secrets of a release; `/etc/ssh/ssh_host_ed25519_key` if it is not said.
    #[serde(rename = "host-key")]
    pub host_key: Option<PathBuf>,
    /// How the remote is reached.
    pub access: RemoteOptions,
    /// Whom the host believes.
    pub trust: TrustFile,
    /// The file that each run writes its metrics to, for node_exporter's textfile collector; its name ends in `.prom`.
    pub metrics: Option<PathBuf>,
    /// What becomes an incident, and who is told. Without it no incidents are kept.
    pub alerts: Option<AlertsFile>,
}

/// Whom the host believes, as `agent.yaml` says it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct TrustFile {
    /// Whether a release must be signed; `required` if it is not said.
    pub signatures: Option<Signatures>,
    /// The file of those who may sign, in the format of ssh-keygen; `/etc/rmqgit/allowed_signers` if it is not said.
    pub allowed_signers: Option<PathBuf>,
    /// The file of keys that may not, one a line; `/etc/rmqgit/revoked_keys` if it is not said.
    pub revoked_keys: Option<PathBuf>,
    /// After how many days a release that nobody signed again is a finding; 90 if it is not said, 0 is never.
    pub max_age: Option<u32>,
}

/// Whether a release must be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Signatures {
    /// One that is not signed by somebody who is trusted here is refused.
    Required,
    /// Nobody looks: whoever can write to the remote commands this host.
    Ignored,
}

/// What a run may do, as a person says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Aim {
    /// Compare and report.
    Report,
    /// Bring the host to what the release says.
    Converge,
}

/// What goes before `agent.yaml`. Its paths are as they are written.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// Instead of `remote`.
    pub remote: Option<String>,
    /// Instead of `cluster`.
    pub cluster: Option<ClusterName>,
    /// Instead of `host`.
    pub host: Option<HostName>,
    /// Instead of `mode`.
    pub mode: Option<Aim>,
    /// Instead of `root`.
    pub root: Option<PathBuf>,
    /// Instead of `state`.
    pub state: Option<PathBuf>,
    /// Instead of `secrets`.
    pub secrets: Option<PathBuf>,
    /// Instead of `host-key`.
    pub host_key: Option<PathBuf>,
    /// Instead of `trust.signatures`.
    pub signatures: Option<Signatures>,
    /// Instead of `trust.allowed-signers`.
    pub allowed_signers: Option<PathBuf>,
    /// Instead of `trust.max-age`.
    pub max_age: Option<u32>,
    /// Instead of `access.ssh-key`.
    pub ssh_key: Option<PathBuf>,
    /// Instead of `access.known-hosts`.
    pub known_hosts: Option<PathBuf>,
    /// Instead of `access.ca-file`.
    pub ca_file: Option<PathBuf>,
    /// Instead of `access.token-file`.
    pub token_file: Option<PathBuf>,
    /// Instead of `access.timeout`.
    pub timeout: Option<u32>,
    /// Whether nothing is changed or remembered.
    pub dry_run: bool,
    /// Whether a release that failed here is tried again.
    pub retry: bool,
    /// What is said to the broker's restart, if it is asked for.
    pub now: Option<Asked>,
}

/// Says why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// `agent.yaml` could not be read.
    #[error(transparent)]
    Read(#[from] WorkspaceError),
    /// `agent.yaml` is wrong.
    #[error("`{}` is not a valid agent.yaml", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Its text.
        sources: Box<Sources>,
        /// What is wrong with it.
        diags: Diagnostics,
    },
    /// Neither a flag nor the file says something that has no default.
    #[error("not said: {}", .0.join(", "))]
    Missing(Vec<&'static str>),
    /// A run that only reports restarts nothing.
    #[error("`--now` restarts a broker, and the mode is `report`")]
    NowInReport,
    /// The remote is not one.
    #[error(transparent)]
    Remote(#[from] crate::sys::remote::RemoteUrlError),
}

/// What `agent.yaml` says.
#[derive(Debug, Default)]
pub struct Said {
    /// What it says, without what is wrong with its `alerts`.
    pub file: AgentFile,
    /// What is wrong with its `alerts`, if anything is: [`SettingsError::Invalid`]. A run goes on without it.
    pub wrong_alerts: Option<SettingsError>,
}

/// Reads `agent.yaml`. A file that is not there says nothing, unless it was asked for.
pub fn read(config: Option<&Path>, root: Option<&Path>) -> Result<Said, SettingsError> {
    let default = root.unwrap_or(Path::new("/")).join(CONFIG);
    let path = config.unwrap_or(&default);
    if config.is_none() && !workspace::exists(path) {
        return Ok(Said::default());
    }
    let bytes = workspace::read(path)?;
    let (mut sources, mut diags) = (Sources::new(), Diagnostics::new());
    let limits = yaml::Limits { bytes: 1 << 20, nodes: 10_000, ..yaml::Limits::default() };
    let node = yaml::read(&mut sources, path.to_string_lossy(), &bytes, &limits, &mut diags);
    let invalid = |sources, diags| SettingsError::Invalid { path: path.to_owned(), sources: Box::new(sources), diags };
    let Some(node) = node.filter(|_| diags.is_empty()) else { return Err(invalid(sources, diags)) };
    let Sifted { node, diags: wrong, lines } = left_out::sift(&node, &sources);
    let Some(mut file) = yaml::decode::<AgentFile>(&node, &mut diags) else {
        diags.extend(wrong);
        return Err(invalid(sources, diags));
    };
    if !lines.is_empty() {
        file.alerts.get_or_insert_default().left_out = lines;
    }
    Ok(Said { file, wrong_alerts: (!wrong.is_empty()).then(|| invalid(sources, wrong)) })
}

/// Joins flags and file, flags first, and fills in the defaults.
pub fn settle(flags: Flags, file: AgentFile) -> Result<Settings, SettingsError> {
    let root = flags.root.or(file.root).unwrap_or_else(|| "/".into());
    let below = |path: &Path| root.join(path.strip_prefix("/").unwrap_or(path));
    let given = file.access;
    let options = RemoteOptions {
        ssh_key: flags.ssh_key.unwrap_or_else(|| below(&given.ssh_key)),
        known_hosts: flags.known_hosts.unwrap_or_else(|| below(&given.known_hosts)),
        ca_file: flags.ca_file.or_else(|| given.ca_file.as_deref().map(below)),
        token_file: flags.token_file.or_else(|| given.token_file.as_deref().map(below)),
        timeout: flags.timeout.unwrap_or(given.timeout),
        ..given
    };
    let said = file.trust;
    let trust = Trust {
        signatures: flags.signatures.or(said.signatures).unwrap_or(Signatures::Required),
        allowed_signers: flags
            .allowed_signers
            .or_else(|| said.allowed_signers.as_deref().map(below))
            .unwrap_or_else(|| root.join(ALLOWED_SIGNERS)),
        revoked_keys: said.revoked_keys.as_deref().map_or_else(|| root.join(REVOKED_KEYS), below),
        max_age: flags.max_age.or(said.max_age).unwrap_or(MAX_AGE),
    };
    let state = flags.state.or_else(|| file.state.as_deref().map(below)).unwrap_or_else(|| root.join(STATE));
    let secrets = flags.secrets.or_else(|| file.secrets.as_deref().map(below)).unwrap_or_else(|| root.join(SECRETS));
    let host_key =
        flags.host_key.or_else(|| file.host_key.as_deref().map(below)).unwrap_or_else(|| root.join(HOST_KEY));
    let (remote, cluster, host) =
        (flags.remote.or(file.remote), flags.cluster.or(file.cluster), flags.host.or(file.host));
    let aim = flags.mode.or(file.mode).unwrap_or(Aim::Report);
    if flags.now.is_some() && aim == Aim::Report && !flags.dry_run {
        return Err(SettingsError::NowInReport);
    }
    let metrics = file.metrics.as_deref().map(below);
    match (remote, cluster, host) {
        (Some(remote), Some(cluster), Some(host)) => Ok(Settings {
            remote: Remote::parse(&remote, options)?,
            cluster,
            host,
            mode: match aim {
                _ if flags.dry_run => Mode::DryRun,
                Aim::Converge => Mode::Converge,
                Aim::Report => Mode::Report,
            },
            root,
            state,
            secrets,
            host_key,
            trust,
            alerts: file.alerts,
            metrics,
            retry: flags.retry,
            now: flags.now,
        }),
        (remote, cluster, host) => {
            let missing = [(remote.is_none(), "remote"), (cluster.is_none(), "cluster"), (host.is_none(), "host")];
            Err(SettingsError::Missing(missing.iter().filter(|(is, _)| *is).map(|(_, what)| *what).collect()))
        }
    }
}

/// Returns the state directory that flags and file name, for verbs that need nothing else.
pub fn state_dir(flags: &Flags, file: &AgentFile) -> PathBuf {
    let root = flags.root.clone().or_else(|| file.root.clone()).unwrap_or_else(|| "/".into());
    let below = |path: &PathBuf| root.join(path.strip_prefix("/").unwrap_or(path));
    flags.state.clone().or_else(|| file.state.as_ref().map(below)).unwrap_or_else(|| root.join(STATE))
}
