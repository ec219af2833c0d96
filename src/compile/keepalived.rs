//! Keepalived: its configuration, the script that watches HAProxy, and the drop-in of its unit.

use std::collections::BTreeMap;
use std::net::IpAddr;

use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Serialize;

use super::pieces::Secret;
use super::render::Kind;
use super::{File, Job, drop_in, unit};
use crate::facts::{features, platform};
use crate::model::{self, Cluster, Host, Instance, Keepalived};
use crate::name::HostPath;
use crate::quote::Syntax;
use crate::release::{Artifact, Check, OnChange};

/// Keepalived, as templates see it.
#[derive(Serialize)]
struct View<'a> {
    script_security: bool,
    mail: Option<MailView<'a>>,
    check: Option<CheckView>,
    global_extra: &'a [String],
    extra: &'a [String],
}

#[derive(Serialize)]
struct MailView<'a> {
    to: &'a [String],
    from: &'a str,
    /// The server, and its port as a second word where it is not 25.
    server: String,
    timeout: u16,
}

#[derive(Serialize)]
struct CheckView {
    path: &'static str,
    interval: u16,
    timeout: u16,
    fall: u16,
    rise: u16,
    weight: i16,
}

/// A VRRP instance on one host, as templates see it.
#[derive(Serialize)]
struct InstanceView<'a> {
    name: &'a str,
    interface: &'a str,
    address: IpAddr,
    priority: u8,
    virtual_router_id: u8,
    vrrp_version: u8,
    advert_int: u16,
    nopreempt: bool,
    preempt_delay: Option<u16>,
    unicast: bool,
    /// The other members' addresses.
    peers: Vec<IpAddr>,
    auth: Option<Value>,
    addresses: Vec<String>,
    extra: &'a [String],
}

/// Adds Keepalived's files to a host that runs it.
pub(super) fn files(job: &mut Job<'_>, host: &Host, artifacts: &mut BTreeMap<HostPath, Artifact>) {
    let cluster = job.cluster;
    let Some(vip) = cluster.vip.as_ref().filter(|vip| vip.hosts.contains(&host.name.value)) else {
        return;
    };
    let watched = cluster.balancer.as_ref().filter(|balancer| balancer.hosts.contains(&host.name.value));
    let config = File {
        kind: Kind::Keepalived,
        syntax: Syntax::Keepalived,
        variant: false,
        path: platform::KEEPALIVED_CONF,
        on_change: OnChange::Reload(unit(platform::KEEPALIVED_UNIT)),
        check: Some(Check::Keepalived),
    };
    let keepalived = job
        .sections
        .entry((Kind::Keepalived, watched.is_some()))
        .or_insert_with(|| view(vip, watched.is_some()))
        .clone();
    let instances: Vec<InstanceView<'_>> = vip.instances.iter().filter_map(|one| instance(one, host)).collect();
    let router_id = vip.router_id.as_deref().unwrap_or(host.name.value.as_str());
    let section = context! { keepalived, router_id, instances => Value::from(Serde(&instances)) };
    artifacts.extend([job.own(host, config, section)]);

    if let Some(balancer) = watched {
        let script = File {
            kind: Kind::CheckScript,
            syntax: Syntax::Shell,
            variant: false,
            path: platform::CHECK_SCRIPT,
            on_change: OnChange::Nothing,
            check: Some(Check::Bash),
        };
        let port = balancer.health_port.value;
        let (path, mut artifact) =
            job.shared(host, script, |cluster| context! { port, timeout => script_timeout(cluster) });
        artifact.mode = 0o755;
        artifacts.insert(path, artifact);
    }

    let override_unit = File {
        kind: Kind::KeepalivedUnit,
        syntax: Syntax::Word,
        variant: false,
        path: platform::KEEPALIVED_CONF,
        on_change: OnChange::Units,
        check: None,
    };
    let (_, artifact) = job.shared(host, override_unit, |_| context! {});
    artifacts.insert(drop_in(platform::KEEPALIVED_UNIT), artifact);
}

/// Returns the script's own deadline, half a second before Keepalived's, so that its verdict is always its own.
fn script_timeout(cluster: &Cluster) -> String {
    let seconds = cluster.vip.as_ref().map_or(1, |vip| vip.check.timeout.max(1));
    format!("{}.5", seconds - 1)
}

fn view(vip: &Keepalived, watched: bool) -> Value {
    let script_security = features::keepalived_has_script_security(vip.version.as_ref().map(|version| version.value));
    let check = &vip.check;
    Value::from(Serde(&View {
        script_security,
        mail: vip.mail.as_ref().map(|mail| MailView {
            to: &mail.to,
            from: &mail.from,
            server: server_words(&mail.server),
            timeout: mail.timeout,
        }),
        check: watched.then_some(CheckView {
            path: platform::CHECK_SCRIPT,
            interval: check.interval,
            timeout: check.timeout,
            fall: check.fall,
            rise: check.rise,
            weight: check.weight,
        }),
        global_extra: &vip.global_extra,
        extra: &vip.extra,
    }))
}

/// Returns `HOST PORT` for `HOST:PORT` and `[ADDRESS]:PORT`, as keepalived.conf spells it.
fn server_words(server: &str) -> String {
    let Some((host, port)) = server.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()) else {
        return server.to_owned();
    };
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => format!("{address} {port}"),
        None if host.contains(':') => server.to_owned(),
        None => format!("{host} {port}"),
    }
}

fn instance<'a>(instance: &'a Instance, host: &Host) -> Option<InstanceView<'a>> {
    let member = instance.members.iter().find(|member| member.host == host.name.value)?;
    let peers = instance.members.iter().filter(|peer| peer.host != member.host).map(|peer| peer.address).collect();
    Some(InstanceView {
        name: &instance.name,
        interface: &member.interface,
        address: member.address,
        priority: member.priority.value,
        virtual_router_id: instance.virtual_router_id.value,
        vrrp_version: instance.vrrp_version,
        advert_int: instance.advert_int,
        nopreempt: instance.nopreempt,
        preempt_delay: instance.preempt_delay,
        unicast: instance.unicast,
        peers,
        auth: instance.auth.as_ref().map(|auth| match auth {
            model::Value::Text(text) => Value::from(text.as_str()),
            model::Value::Secret(name) => Value::from_object(Secret(name.clone())),
        }),
        addresses: instance.addresses.iter().map(|address| address.value.to_string()).collect(),
        extra: &instance.extra,
    })
}
