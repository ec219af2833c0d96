//! One cluster, as it is written.

use schemars::{JsonSchema, Schema};
use serde::Deserialize;

use super::haproxy::Haproxy;
use super::keepalived::Keepalived;
use super::maintenance::Maintenance;
use super::rabbitmq::Rabbitmq;
use super::rules::RuleSetting;
use super::value::{Named, Scalar};
use crate::diag::{At, Span};
use crate::facts::platform::Platform;
use crate::name::{ClusterName, HostName};

/// One cluster: its hosts, the brokers on them, HAProxy in front of the brokers, the virtual addresses in front of that.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = optional)]
pub struct Cluster {
    /// The cluster's name: a directory of the output branch and part of ref names. Where the clusters are keyed or each
    /// has its own file, the key or the file's name is the default.
    pub name: Option<At<ClusterName>>,
    /// The profile of `rmqgit.yaml` whose values stand between the defaults and this cluster.
    pub profile: Option<At<String>>,
    /// The operating system's family, which decides paths, users and unit names. Default: `debian`.
    pub platform: Option<Platform>,
    /// The hosts by name, as `hostname` prints it on each.
    pub hosts: Named<HostName, Host>,
    /// Who can read and change the secrets of the repository beside the hosts: a public Ed25519 key by each name, as the
    /// `.pub` file has it.
    #[serde(default)]
    pub operators: Named<String, At<String>>,
    /// The RabbitMQ nodes and what they hold.
    pub rabbitmq: Rabbitmq,
    /// HAProxy in front of the nodes.
    pub haproxy: Option<Haproxy>,
    /// Keepalived, which holds the virtual addresses on one of the HAProxy hosts.
    pub keepalived: Option<Keepalived>,
    /// Kernel settings for every host, beside those that the set-up needs, such as `net.core.somaxconn: 4096`.
    #[serde(default)]
    pub sysctl: Named<String, Scalar>,
    /// When a broker may be restarted for a change that needs it. Default: at any time.
    pub maintenance: Option<At<Maintenance>>,
    /// The dangerous transitions that this commit grants, by name. A grant that has been used does nothing.
    #[serde(default)]
    pub grants: Vec<At<String>>,
    /// What a finding of a rule is here, by the rule's code: `deny`, `warn` or `allow`, or a mapping with a reason.
    #[serde(default)]
    pub rules: Named<String, At<RuleSetting>>,
    /// What was left out because of faults that are reported, so that nothing is said to be missing that is there.
    #[serde(skip)]
    pub lost: Option<Lost>,
}

/// What the author declared, of a cluster of which parts were left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// The names of all hosts.
    pub hosts: Vec<HostName>,
    /// The names of all vhosts, if they could be told.
    pub vhosts: Option<Vec<String>>,
    /// What was left out.
    pub cuts: Vec<Cut>,
}

/// A value that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The keys on the way to it; where a key means nothing, those on the way to what it stands in.
    pub path: Vec<String>,
    /// Where these keys and their values are written.
    pub around: Vec<Span>,
}

impl Cut {
    /// Tells whether this may be a value that was looked for: at a way of keys, of which `*` is any whose value, or the key
    /// itself, is written at one of the places.
    pub fn may_be(&self, way: &[&str], places: &[Span]) -> bool {
        self.path.iter().zip(way).all(|(key, name)| *name == "*" || key == name)
            && (!way.contains(&"*") || places.iter().any(|place| self.around.contains(place)))
    }
}

/// One host.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = optional)]
pub struct Host {
    /// The IP address that the other hosts reach it by.
    pub address: At<String>,
    /// The network interface that carries the address. Keepalived needs it.
    pub interface: Option<At<String>>,
    /// The host's public Ed25519 key, as `/etc/ssh/ssh_host_ed25519_key.pub` has it: the secrets that the host needs are
    /// sealed for it in the repository. Where no host of a cluster has one, the hosts bring their own files of secrets.
    pub ssh_host_key: Option<At<String>>,
    /// Further names for the host in `/etc/hosts`.
    #[serde(default)]
    pub aliases: Vec<At<HostName>>,
}

/// Takes `required` out of a schema: defaults or a profile may hold what the cluster itself does not.
pub(super) fn optional(schema: &mut Schema) {
    schema.remove("required");
}
