//! The live broker: asked and told through the HTTP API of its management plugin, or through `rabbitmqctl`.
//!
//! Both doors give the same values. Every question has a deadline, and what could not be asked has its reason.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use crate::live::{Account, Broker, ClusterState, Door, Login, Probe};

use super::process::ProcessError;

mod api;
mod cli;
mod cluster;
mod document;
mod edit;
mod reach;
mod read;

pub use cluster::{change_node_type, forget, join_cluster, reset, set_cookie, shrink, start_app, stop_app};
pub use edit::edit;
pub use reach::answers;

/// How long a question may take. A node that has lost sight of others may not answer for half a minute, and then tell what
/// was true before.
const DEADLINE: Duration = Duration::from_secs(8);
/// How long a question may take that a person waits for.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a node is reached.
#[derive(Debug, Clone)]
pub struct Access {
    /// The node's full name, such as `rabbit@rabbit1`.
    pub node: String,
    /// Whether node names carry full host names.
    pub long_names: bool,
    /// RabbitMQ's own tools.
    pub tools: Tools,
    /// The management API on this machine, if it can be used.
    pub api: Option<Login>,
    /// How long each question may take.
    pub deadline: Duration,
}

impl Access {
    /// Returns the way to a node through this machine's tools alone.
    pub fn of_machine(node: &str) -> Self {
        Self {
            node: node.to_owned(),
            // RabbitMQ takes a dot in a node's name for a full host name.
            long_names: node.contains('.'),
            tools: Tools::of_machine(),
            api: None,
            deadline: DEADLINE,
        }
    }
}

/// Where RabbitMQ's own tools are, and who runs them.
#[derive(Debug, Clone)]
pub struct Tools {
    /// The directory of `rabbitmqctl`. The wrappers in /usr/sbin are not meant: they put every argument through a shell.
    pub dir: PathBuf,
    /// The home of the broker's user: its cookie lets a tool in, and a file in it can be read by that user alone.
    pub home: PathBuf,
    /// The broker's user; `None` runs the tools as this process.
    pub account: Option<Account>,
}

impl Tools {
    /// Returns the tools of this machine, where the packages of every distribution put them. The broker's user is the
    /// one that owns its home.
    pub fn of_machine() -> Self {
        let home = PathBuf::from("/var/lib/rabbitmq");
        let owner = std::fs::metadata(&home).ok();
        let account = owner.map(|meta| Account { user: meta.uid(), group: meta.gid() });
        Self { dir: "/usr/lib/rabbitmq/bin".into(), home, account }
    }
}

/// Says why a broker could not be asked or told.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The program did not run to its end.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The tools have nothing that lets them in.
    #[error("there is no Erlang cookie in `{}`", home.display())]
    NoCookie {
        /// The broker's home.
        home: PathBuf,
    },
    /// The program said no.
    #[error("`{command}` ended with {status}: {words}")]
    Refused {
        /// The program and its verb.
        command: String,
        /// Its exit status.
        status: String,
        /// What it said.
        words: String,
    },
    /// The answer is not one.
    #[error("the answer to `{question}` is not what RabbitMQ says: {why}")]
    Unreadable {
        /// What was asked.
        question: String,
        /// What is wrong.
        why: String,
    },
    /// The file that brings objects to the broker could not be written.
    #[error("cannot write the definitions to import into `{}`", path.display())]
    Document {
        /// Its directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The API could not be reached.
    #[error("the management API on port {port} cannot be asked: {why}")]
    Away {
        /// Its port.
        port: u16,
        /// Why.
        why: String,
    },
    /// The API said no.
    #[error("the management API answers {status} to {question}: {words}")]
    Status {
        /// What was asked.
        question: String,
        /// The status of HTTP.
        status: u16,
        /// What it said.
        words: String,
    },
}

/// Looks at a broker: through the API where that opens, through the command line otherwise.
pub fn look(access: &Access) -> Broker {
    let mut detour = None;
    if let Some(login) = &access.api {
        match api::look(access, login) {
            Ok(broker) => return broker,
            Err(error) => detour = Some(error.to_string()),
        }
    }
    Broker { detour, ..cli::look(access) }
}

/// Looks at a broker through one door, whatever the other would say.
pub fn look_through(access: &Access, door: Door) -> Result<Broker, BrokerError> {
    match (door, &access.api) {
        (Door::ManagementApi, Some(login)) => api::look(access, login),
        (Door::ManagementApi, None) => Err(BrokerError::Away { port: 0, why: "nobody can log in".to_owned() }),
        (Door::CommandLine, _) => Ok(cli::look(access)),
    }
}

/// Asks a node through the command line for the applications that run in it: what the API tells of them is some seconds
/// old.
pub fn applications(access: &Access) -> Probe<BTreeSet<String>> {
    probe(cli::facts(access).map(|facts| facts.applications))
}

/// Asks any node of a cluster for the cluster, through the command line: this machine's own, or another one.
pub fn cluster(access: &Access, node: &str) -> Probe<ClusterState> {
    probe(cli::cluster(access, node).map(|(state, _)| state))
}

/// Asks whether this machine's node runs, not only its Erlang machine.
pub fn is_running(access: &Access) -> Probe<bool> {
    probe(cli::is_running(access))
}

/// Asks which queues would lose their last safe copy if this machine's node stopped; empty if none would. What cannot be
/// asked is a failed look, never "none".
///
/// Whoever asks is a person about to restart a broker, and waits longer than a run by itself may.
pub fn critical(access: &Access) -> Probe<Vec<String>> {
    let access = &Access { deadline: PATIENCE, ..access.clone() };
    if let Some(login) = &access.api
        && let Ok(reasons) = api::critical(access, login)
    {
        return Probe::Seen(reasons);
    }
    probe(cli::critical(access))
}

/// Whether a node answered that its Erlang machine runs without RabbitMQ.
pub fn is_stopped(broker: &Broker) -> bool {
    matches!(&broker.cluster, Probe::Failed(why) if why.contains("the 'rabbit' app"))
}

fn probe<T>(result: Result<T, BrokerError>) -> Probe<T> {
    result.map_or_else(|error| Probe::Failed(error.to_string()), Probe::Seen)
}
