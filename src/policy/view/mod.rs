//! The model as the expressions of rules see it: plain values under the names that the spec uses, defaults filled in.
//!
//! Every field is always there; what a cluster does not have is `none`. `rmqgit schema model` prints the shape.

mod haproxy;
mod keepalived;
mod rabbitmq;

pub use haproxy::{Bind, Front, Haproxy, HealthCheck, Server, Stats, Timeouts};
pub use keepalived::{Instance, Mail, Member, Track, Vip};
pub use rabbitmq::{Node, Parameter, Permission, Policy, Rabbitmq, Scalar, User, Vhost};

use schemars::JsonSchema;
use serde::Serialize;

use super::Subject;
use crate::facts::platform::Platform;
use crate::model::fleet::Published;
use crate::model::{self, Cluster, Value};
use crate::name::{HostName, SecretRef};

/// The names of the fields of [`View`].
pub(super) const NAMES: &[&str] =
    &["name", "platform", "hosts", "rabbitmq", "haproxy", "keepalived", "sysctl", "grants", "published", "today"];

/// What every expression sees.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "What a rule sees", deny_unknown_fields)]
pub struct View<'a> {
    /// The name of the cluster.
    pub name: &'a str,
    /// The family of operating systems.
    pub platform: Platform,
    /// The hosts, in the order of the spec.
    pub hosts: Vec<Host<'a>>,
    /// The brokers.
    pub rabbitmq: Rabbitmq<'a>,
    /// HAProxy, or none.
    pub haproxy: Option<Haproxy<'a>>,
    /// Keepalived, or none.
    pub keepalived: Option<Vip<'a>>,
    /// Kernel settings of the spec by name.
    #[schemars(with = "std::collections::BTreeMap<String, String>")]
    pub sysctl: &'a indexmap::IndexMap<String, String>,
    /// The granted transitions.
    pub grants: &'a [String],
    /// What the last release had of the cluster, or none.
    pub published: Option<&'a Published>,
    /// The day of the check, such as `2026-11-22`.
    pub today: String,
}

/// A host.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Host<'a> {
    /// Its name.
    pub name: &'a HostName,
    /// Its address.
    pub address: String,
    /// The network interface that carries the address, or none.
    pub interface: Option<&'a str>,
    /// Further names.
    pub aliases: &'a [HostName],
    /// Whether a RabbitMQ node runs on it.
    pub broker: bool,
    /// Whether HAProxy runs on it.
    pub balancer: bool,
    /// Whether Keepalived runs on it.
    pub vip: bool,
}

/// A secret by its name.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Secret<'a> {
    /// The name.
    pub secret: &'a SecretRef,
}

impl<'a> View<'a> {
    /// Shows a subject to expressions.
    pub fn of(subject: &Subject<'a>) -> Self {
        let cluster = subject.cluster;
        Self {
            name: cluster.name.value.as_str(),
            platform: cluster.platform,
            hosts: cluster.hosts.values().map(|it| host(cluster, it)).collect(),
            rabbitmq: rabbitmq::rabbitmq(&cluster.broker),
            haproxy: cluster.balancer.as_ref().map(haproxy::haproxy),
            keepalived: cluster.vip.as_ref().map(keepalived::keepalived),
            sysctl: &cluster.sysctl,
            grants: &cluster.grants,
            published: subject.published,
            today: subject.today.to_string(),
        }
    }
}

fn host<'a>(cluster: &Cluster, host: &'a model::Host) -> Host<'a> {
    let name = &host.name.value;
    Host {
        name,
        address: host.address.value.to_string(),
        interface: host.interface.as_deref(),
        aliases: &host.aliases,
        broker: cluster.broker.nodes.iter().any(|node| node.host == *name),
        balancer: cluster.balancer.as_ref().is_some_and(|balancer| balancer.hosts.contains(name)),
        vip: cluster.vip.as_ref().is_some_and(|vip| vip.hosts.contains(name)),
    }
}

pub(super) fn secret(value: &Value) -> Option<Secret<'_>> {
    match value {
        Value::Secret(secret) => Some(Secret { secret }),
        Value::Text(_) => None,
    }
}
