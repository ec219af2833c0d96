//! HAProxy: its configuration, and the drop-in of its unit.

use std::collections::BTreeMap;
use std::net::IpAddr;

use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Serialize;

use super::pieces::Secret;
use super::render::Kind;
use super::{File, Job, drop_in, unit};
use crate::diag::{Diagnostic, Diagnostics};
use crate::facts::{features, platform};
use crate::model::{self, Balancer, Bind, CheckKind, Cluster, Front, Host, Mode, Stats};
use crate::name::HostPath;
use crate::quote::Syntax;
use crate::release::{Artifact, Check, OnChange};

/// HAProxy, as templates see it.
#[derive(Serialize)]
struct View<'a> {
    log: &'static [&'static str],
    chroot: &'static str,
    user: &'static str,
    socket: &'static str,
    seamless_reload: bool,
    maxconn: Option<u32>,
    hard_stop_after: Option<&'a str>,
    health_port: u16,
    /// The name of the AMQP front.
    amqp: &'a str,
    stats: Option<StatsView<'a>>,
    fronts: Vec<FrontView<'a>>,
    global_extra: &'a [String],
    defaults_extra: &'a [String],
    extra: &'a [String],
}

#[derive(Serialize)]
struct StatsView<'a> {
    bind: String,
    uri: &'a str,
    realm: Option<&'a str>,
    refresh: Option<&'a str>,
    /// The user and the password.
    auth: Option<[Value; 2]>,
    hide_version: bool,
    extra: &'a [String],
}

#[derive(Serialize)]
struct FrontView<'a> {
    name: &'a str,
    bind: String,
    mode: &'static str,
    balance: &'a str,
    maxconn: Option<u32>,
    tcpka: bool,
    timeout_connect: &'a str,
    timeout_client: &'a str,
    timeout_server: &'a str,
    check: CheckView<'a>,
    servers: Vec<ServerView<'a>>,
    extra: &'a [String],
}

#[derive(Serialize)]
struct CheckView<'a> {
    kind: &'static str,
    port: Option<u16>,
    uri: &'a str,
    status: u16,
    inter: &'a str,
    rise: u16,
    fall: u16,
    shutdown_sessions: bool,
}

#[derive(Serialize)]
struct ServerView<'a> {
    name: &'a str,
    address: String,
    weight: Option<u16>,
    backup: bool,
}

/// Checks what HAProxy reads inside a word, where quotes do not help.
pub(super) fn check_names(cluster: &Cluster, diags: &mut Diagnostics) {
    let stats = cluster.balancer.as_ref().and_then(|balancer| balancer.stats.as_ref());
    let user = stats.and_then(|stats| stats.auth.as_ref()).map(|(user, _)| user);
    if let Some(user) = user.filter(|user| user.contains(':')) {
        let message = format!("`{}` cannot be the user of the statistics page", user.escape_debug());
        diags.push(Diagnostic::error("unquotable-value", message).help("a name ends at the first `:`"));
    }
}

/// Adds HAProxy's files to a host that runs it.
pub(super) fn files(job: &mut Job<'_>, host: &Host, artifacts: &mut BTreeMap<HostPath, Artifact>) {
    let Some(balancer) = job.cluster.balancer.as_ref().filter(|balancer| balancer.hosts.contains(&host.name.value))
    else {
        return;
    };
    let version = balancer.version.as_ref().map(|version| version.value);
    let config = File {
        kind: Kind::Haproxy,
        syntax: if features::haproxy_has_quotes(version) { Syntax::Haproxy } else { Syntax::HaproxyOld },
        variant: false,
        path: platform::HAPROXY_CFG,
        on_change: OnChange::Reload(unit(platform::HAPROXY_UNIT)),
        check: Some(Check::Haproxy),
    };
    artifacts.extend([job.shared(host, config, |cluster| context! { haproxy => view(cluster, balancer) })]);
    let override_unit = File {
        kind: Kind::HaproxyUnit,
        syntax: Syntax::Word,
        variant: false,
        path: platform::HAPROXY_CFG,
        on_change: OnChange::Units,
        check: None,
    };
    let (_, artifact) = job.shared(host, override_unit, |_| context! {});
    artifacts.insert(drop_in(platform::HAPROXY_UNIT), artifact);
}

fn view(cluster: &Cluster, balancer: &Balancer) -> Value {
    let facts = cluster.platform.haproxy();
    let version = balancer.version.as_ref().map(|version| version.value);
    let seamless_reload = features::haproxy_has_seamless_reload(version);
    Value::from(Serde(&View {
        log: facts.log,
        chroot: facts.chroot,
        user: facts.user,
        socket: facts.socket,
        seamless_reload,
        maxconn: balancer.maxconn,
        hard_stop_after: balancer.hard_stop_after.as_deref().filter(|_| seamless_reload),
        health_port: balancer.health_port.value,
        amqp: &balancer.amqp.name,
        stats: balancer.stats.as_ref().map(stats),
        fronts: balancer.management.iter().chain([&balancer.amqp]).map(front).collect(),
        global_extra: &balancer.global_extra,
        defaults_extra: &balancer.defaults_extra,
        extra: &balancer.extra,
    }))
}

fn stats(stats: &Stats) -> StatsView<'_> {
    let password = |value: &model::Value| match value {
        model::Value::Text(text) => Value::from(text.as_str()),
        model::Value::Secret(name) => Value::from_object(Secret(name.clone())),
    };
    StatsView {
        bind: bind(&stats.bind.value),
        uri: &stats.uri,
        realm: stats.realm.as_deref(),
        refresh: stats.refresh.as_deref(),
        auth: stats.auth.as_ref().map(|(user, value)| [Value::from(user.as_str()), password(value)]),
        hide_version: stats.hide_version,
        extra: &stats.extra,
    }
}

fn front(front: &Front) -> FrontView<'_> {
    FrontView {
        name: &front.name,
        bind: bind(&front.bind.value),
        mode: match front.mode {
            Mode::Tcp => "tcp",
            Mode::Http => "http",
        },
        balance: &front.balance,
        maxconn: front.maxconn,
        tcpka: front.tcpka,
        timeout_connect: &front.timeout_connect,
        timeout_client: &front.timeout_client,
        timeout_server: &front.timeout_server,
        check: check(&front.check),
        servers: front
            .servers
            .iter()
            .map(|server| ServerView {
                name: server.host.as_str(),
                address: address(server.address, front.server_port),
                weight: server.weight,
                backup: server.backup,
            })
            .collect(),
        extra: &front.extra,
    }
}

fn check(check: &model::HealthCheck) -> CheckView<'_> {
    let (kind, port, uri, status) = match &check.kind {
        CheckKind::Tcp => ("tcp", None, "", 0),
        CheckKind::Amqp => ("amqp", None, "", 0),
        CheckKind::Http { port, uri, status } => ("http", *port, uri.as_str(), *status),
    };
    CheckView {
        kind,
        port,
        uri,
        status,
        inter: &check.inter,
        rise: check.rise,
        fall: check.fall,
        shutdown_sessions: check.shutdown_sessions,
    }
}

fn bind(bind: &Bind) -> String {
    bind.address.map_or_else(|| format!("*:{}", bind.port), |ip| address(ip, bind.port))
}

/// Returns an address and a port; the prefix is what every HAProxy since 1.5 takes for an IPv6 address.
fn address(ip: IpAddr, port: u16) -> String {
    match ip {
        IpAddr::V4(ip) => format!("{ip}:{port}"),
        IpAddr::V6(ip) => format!("ipv6@{ip}:{port}"),
    }
}
