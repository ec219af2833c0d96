//! HAProxy, as expressions see it.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Secret, secret};
use crate::model::{self, CheckKind, Mode};
use crate::name::HostName;

/// HAProxy on the balancer hosts.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Haproxy<'a> {
    /// The version, or none where the spec does not name it.
    pub version: Option<String>,
    /// The hosts that run it.
    pub hosts: &'a [HostName],
    /// The AMQP front.
    pub amqp: Front<'a>,
    /// The front of the management page, or none.
    pub management: Option<Front<'a>>,
    /// The statistics page, or none.
    pub stats: Option<Stats<'a>>,
    /// The port of the health page on loopback.
    pub health_port: u16,
    /// The connections of the whole process, or none.
    pub maxconn: Option<u32>,
    /// How long old workers may live after a reload, such as `12h`, or none.
    pub hard_stop_after: Option<&'a str>,
    /// Lines added to `global`.
    pub global_extra: &'a [String],
    /// Lines added to `defaults`.
    pub defaults_extra: &'a [String],
    /// Whole sections added at the end.
    pub extra: &'a [String],
}

/// HAProxy's statistics page.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Stats<'a> {
    /// Where it listens.
    pub bind: Bind,
    /// The path.
    pub uri: &'a str,
    /// The text of the password box, or none.
    pub realm: Option<&'a str>,
    /// How often the page loads itself, or none.
    pub refresh: Option<&'a str>,
    /// The user's name, or none.
    pub user: Option<&'a str>,
    /// The secret that holds the password, or none.
    pub password: Option<Secret<'a>>,
    /// Whether the page hides HAProxy's version.
    pub hide_version: bool,
    /// Lines added to the section.
    pub extra: &'a [String],
}

/// A port of HAProxy with the nodes behind it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Front<'a> {
    /// `amqp` or `management`.
    pub role: &'static str,
    /// Where it listens.
    pub bind: Bind,
    /// The port on the brokers.
    pub server_port: u16,
    /// `tcp` or `http`.
    pub mode: &'static str,
    /// The algorithm, such as `leastconn`.
    pub balance: &'a str,
    /// The health check.
    pub check: HealthCheck<'a>,
    /// The timeouts.
    pub timeout: Timeouts<'a>,
    /// The most connections, or none.
    pub maxconn: Option<u32>,
    /// Whether TCP keep-alive is on.
    pub tcpka: bool,
    /// The nodes behind it.
    pub servers: Vec<Server<'a>>,
    /// Lines added to the section.
    pub extra: &'a [String],
}

/// How HAProxy finds out whether a node serves.
#[derive(Debug, Serialize, JsonSchema)]
pub struct HealthCheck<'a> {
    /// `tcp`, `amqp` or `http`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The path of an `http` check, or none.
    pub uri: Option<&'a str>,
    /// The port of an `http` check, or none for the server's.
    pub port: Option<u16>,
    /// The status that an `http` check expects, or none.
    pub status: Option<u16>,
    /// The time between two checks.
    pub inter: &'a str,
    /// How many good checks bring a node back.
    pub rise: u16,
    /// How many bad checks take a node out.
    pub fall: u16,
    /// Whether the connections to a dead node are closed at once.
    pub shutdown_sessions: bool,
}

/// The timeouts of a front.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Timeouts<'a> {
    /// How long a client may be silent.
    pub client: &'a str,
    /// How long a node may be silent.
    pub server: &'a str,
    /// How long a connection to a node may take.
    pub connect: &'a str,
}

/// A node behind a front.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Server<'a> {
    /// Its host.
    pub host: &'a HostName,
    /// Its address.
    pub address: String,
    /// Its weight, or none.
    pub weight: Option<u16>,
    /// Whether it only serves when no other does.
    pub backup: bool,
}

/// An address and a port that something listens on.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Bind {
    /// As the spec writes it, such as `*:5673`.
    pub text: String,
    /// The address, or none for every address.
    pub address: Option<String>,
    /// The port.
    pub port: u16,
    /// Whether it listens on every address.
    pub everywhere: bool,
    /// Whether it listens on loopback only.
    pub loopback: bool,
}

pub(super) fn haproxy(balancer: &model::Balancer) -> Haproxy<'_> {
    Haproxy {
        version: balancer.version.map(|version| version.value.to_string()),
        hosts: &balancer.hosts,
        amqp: front("amqp", &balancer.amqp),
        management: balancer.management.as_ref().map(|it| front("management", it)),
        stats: balancer.stats.as_ref().map(stats),
        health_port: balancer.health_port.value,
        maxconn: balancer.maxconn,
        hard_stop_after: balancer.hard_stop_after.as_deref(),
        global_extra: &balancer.global_extra,
        defaults_extra: &balancer.defaults_extra,
        extra: &balancer.extra,
    }
}

fn stats(stats: &model::Stats) -> Stats<'_> {
    let password = stats.auth.as_ref().and_then(|(_, password)| secret(password));
    Stats {
        bind: bind(&stats.bind.value),
        uri: &stats.uri,
        realm: stats.realm.as_deref(),
        refresh: stats.refresh.as_deref(),
        user: stats.auth.as_ref().map(|(user, _)| user.as_str()),
        password,
        hide_version: stats.hide_version,
        extra: &stats.extra,
    }
}

fn front<'a>(role: &'static str, front: &'a model::Front) -> Front<'a> {
    let (kind, uri, port, status) = match &front.check.kind {
        CheckKind::Tcp => ("tcp", None, None, None),
        CheckKind::Amqp => ("amqp", None, None, None),
        CheckKind::Http { port, uri, status } => ("http", Some(uri.as_str()), *port, Some(*status)),
    };
    let check = &front.check;
    Front {
        role,
        bind: bind(&front.bind.value),
        server_port: front.server_port,
        mode: match front.mode {
            Mode::Tcp => "tcp",
            Mode::Http => "http",
        },
        balance: &front.balance,
        check: HealthCheck {
            kind,
            uri,
            port,
            status,
            inter: &check.inter,
            rise: check.rise,
            fall: check.fall,
            shutdown_sessions: check.shutdown_sessions,
        },
        timeout: Timeouts {
            client: &front.timeout_client,
            server: &front.timeout_server,
            connect: &front.timeout_connect,
        },
        maxconn: front.maxconn,
        tcpka: front.tcpka,
        servers: front.servers.iter().map(server).collect(),
        extra: &front.extra,
    }
}

fn server(server: &model::Server) -> Server<'_> {
    Server { host: &server.host, address: server.address.to_string(), weight: server.weight, backup: server.backup }
}

fn bind(bind: &model::Bind) -> Bind {
    let address = bind.address.map(|address| address.to_string());
    let everywhere = bind.address.is_none_or(|address| address.is_unspecified());
    let text = match bind.address {
        None => format!("*:{}", bind.port),
        Some(address) => std::net::SocketAddr::new(address, bind.port).to_string(),
    };
    let loopback = bind.address.is_some_and(|address| address.is_loopback());
    Bind { text, address, port: bind.port, everywhere, loopback }
}
