//! The HTTP API of the management plugin, on the loopback address of this machine.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use ureq::http::Response;
use ureq::{Agent, Body};
use zeroize::Zeroizing;

use crate::live::{Broker, Door, Login, Probe};

use super::read;
use super::{Access, BrokerError, probe};

/// The longest answer that is taken, in bytes.
const LONGEST: u64 = 64 << 20;

/// A connection that is kept for all questions of one look.
pub(super) struct Api<'a> {
    agent: Agent,
    login: &'a Login,
    authorization: Zeroizing<String>,
    until: Instant,
}

impl<'a> Api<'a> {
    /// Prepares the connection; its deadline counts from here.
    pub(super) fn open(access: &Access, login: &'a Login) -> Self {
        let config = Agent::config_builder()
            .max_redirects(0)
            .http_status_as_error(false)
            // The way to this machine's own port leads through no proxy.
            .proxy(None)
            .user_agent(concat!("rmqgit/", env!("CARGO_PKG_VERSION")))
            .build();
        let pair = Zeroizing::new([login.user.as_bytes(), b":", login.password.as_slice()].concat());
        let authorization = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_slice())));
        Self { agent: config.new_agent(), login, authorization, until: Instant::now() + access.deadline }
    }

    /// Lets the deadline count from now again.
    pub(super) fn extend(&mut self, deadline: Duration) {
        self.until = Instant::now() + deadline;
    }

    /// Asks a question.
    pub(super) fn get(&self, path: &str) -> Result<Value, BrokerError> {
        let (status, answer) = self.ask(path)?;
        match status {
            200 => Ok(answer),
            _ => Err(refused(&format!("GET {}", plain(path)), status, &answer)),
        }
    }

    /// Makes or replaces something.
    pub(super) fn put(&self, path: &str, body: &Value) -> Result<(), BrokerError> {
        let body = Zeroizing::new(body.to_string());
        let request = self.agent.put(self.url(path)).header("Authorization", self.authorization.as_str());
        let request = request.content_type("application/json").config().timeout_global(Some(self.left())).build();
        let answer = request.send(body.as_bytes());
        Self::done("PUT", path, self.answer("PUT", path, answer)?)
    }

    /// Removes something; what is not there is removed already.
    pub(super) fn delete(&self, path: &str) -> Result<(), BrokerError> {
        let request = self.agent.delete(self.url(path)).header("Authorization", self.authorization.as_str());
        let answer = request.config().timeout_global(Some(self.left())).build().call();
        match self.answer("DELETE", path, answer)? {
            (404, _) => Ok(()),
            answer => Self::done("DELETE", path, answer),
        }
    }

    fn done(verb: &str, path: &str, (status, answer): (u16, Value)) -> Result<(), BrokerError> {
        if (200..300).contains(&status) { Ok(()) } else { Err(refused(&format!("{verb} {path}"), status, &answer)) }
    }

    fn ask(&self, path: &str) -> Result<(u16, Value), BrokerError> {
        let request = self.agent.get(self.url(path)).header("Authorization", self.authorization.as_str());
        let answer = request.config().timeout_global(Some(self.left())).build().call();
        self.answer("GET", path, answer)
    }

    fn answer(
        &self,
        verb: &str,
        path: &str,
        answer: Result<Response<Body>, ureq::Error>,
    ) -> Result<(u16, Value), BrokerError> {
        let mut response = answer.map_err(|error| self.away(&error))?;
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(LONGEST).read_to_vec();
        let body = Zeroizing::new(body.map_err(|error| self.away(&error))?);
        match serde_json::from_slice(&body) {
            Ok(answer) => Ok((status, answer)),
            // What was done, and some refusals, come without a body, or with one for people.
            Err(_) if status != 200 => Ok((status, Value::Null)),
            Err(error) => {
                Err(BrokerError::Unreadable { question: format!("{verb} {}", plain(path)), why: error.to_string() })
            }
        }
    }

    /// How long all questions together may still take.
    fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.login.port)
    }

    fn away(&self, error: &ureq::Error) -> BrokerError {
        BrokerError::Away { port: self.login.port, why: error.to_string() }
    }
}

/// Returns a path without its query.
fn plain(path: &str) -> &str {
    path.split('?').next().unwrap_or(path)
}

fn refused(question: &str, status: u16, answer: &Value) -> BrokerError {
    let reason = answer["reason"].as_str().or_else(|| answer["error"].as_str()).unwrap_or("no reason is given");
    let words = reason.chars().filter(|c| !c.is_control()).take(400).collect();
    BrokerError::Status { question: question.to_owned(), status, words }
}

/// Looks through five questions. An API that does not open, or that knows another node, is an error; what fails later
/// is a failed look.
pub(super) fn look(access: &Access, login: &Login) -> Result<Broker, BrokerError> {
    let api = Api::open(access, login);
    let overview = api.get("/api/overview?columns=node,cluster_name,rabbitmq_version,erlang_version")?;
    let text = |key: &str| overview[key].as_str().unwrap_or_default().to_owned();
    if text("node") != access.node {
        let why = format!("it belongs to `{}`, not to `{}`", text("node"), access.node);
        return Err(BrokerError::Away { port: login.port, why });
    }
    let columns = "name,type,running,partitions,mem_alarm,disk_free_alarm,being_drained,applications.name,mem_limit,disk_free_limit,net_ticktime";
    let nodes = api.get(&format!("/api/nodes?columns={columns}"))?;
    // Without the tag `administrator` the answer has no users: that is another door's question.
    let definitions = api.get("/api/definitions")?;
    let vhosts = api.get("/api/vhosts?columns=name,metadata,description,tags,default_queue_type");
    let queues = api.get("/api/queues?columns=name,vhost,type,policy,operator_policy");
    let applications = read::applications(&access.node, &nodes);
    Ok(Broker {
        node: access.node.clone(),
        door: Door::ManagementApi,
        detour: None,
        version: Probe::Seen(text("rabbitmq_version")),
        erlang: Probe::Seen(text("erlang_version")),
        cluster: probe(read::nodes(&text("cluster_name"), &nodes)),
        definitions: probe(vhosts.and_then(|vhosts| read::definitions(&definitions, Some(&vhosts)))),
        queues: probe(queues.and_then(|queues| read::queues(&queues))),
        applications: applications
            .map_or_else(|| Probe::Failed("the node names no applications".to_owned()), Probe::Seen),
        limits: read::limits_of(&access.node, &nodes)
            .map_or_else(|| Probe::Failed("the node names no limits".to_owned()), Probe::Seen),
    })
}

/// Asks the checks for a node that is about to stop. The one for mirrors went with the mirrors.
pub(super) fn critical(access: &Access, login: &Login) -> Result<Vec<String>, BrokerError> {
    let api = Api::open(access, login);
    let mut reasons = Vec::new();
    for check in ["node-is-quorum-critical", "node-is-mirror-sync-critical"] {
        let path = format!("/api/health/checks/{check}");
        match api.ask(&path)? {
            (200, _) => {}
            (404, _) if check.contains("mirror") => {}
            (503, answer) => reasons.push(answer["reason"].as_str().unwrap_or(check).to_owned()),
            (status, answer) => return Err(refused(&format!("GET {path}"), status, &answer)),
        }
    }
    Ok(reasons)
}
