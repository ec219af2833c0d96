//! A rule as its file says it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::diag::At;
use crate::model::RuleLevel;

/// One file of `policies/`: what must hold, and what to say when it does not.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "A rule of policies/")]
pub struct Rule {
    /// The code that diagnostics, waivers and `rmqgit explain` know the rule by: a kebab-case noun of the fault, and the
    /// name of the file.
    pub code: At<String>,
    /// What a finding is, unless the spec says otherwise.
    pub level: RuleLevel,
    /// What the rule is asked of, once for each. Default: `cluster`.
    #[serde(default, rename = "for")]
    pub kind: Kind,
    /// Only where this expression holds is the rule asked at all.
    pub when: Option<At<String>>,
    /// The expression that must hold.
    pub assert: Option<At<String>>,
    /// The built-in check that looks, where an expression cannot say it.
    pub check: Option<At<String>>,
    /// The place in the spec that a finding shows, as keys joined by dots, below what the rule is asked of; the nearest
    /// existing parent is taken.
    #[serde(default)]
    pub at: String,
    /// What is wrong, in one line; a template.
    pub message: At<String>,
    /// What to do; a template.
    pub help: Option<At<String>>,
    /// Why it matters: what happens.
    pub why: String,
    /// Where the fact comes from: addresses of pages, or `measured: PATH` of a measurement in this repository.
    pub source: At<Vec<String>>,
    /// The program that itself complains about the failing examples, and not about the passing ones.
    pub proof: Option<Program>,
    /// Specs that have the fault, and specs that nearly have it.
    pub examples: Examples,
}

/// Specs that have the fault, and specs that nearly have it: parts of a cluster, laid over a sound one. Two more keys say
/// what is around the cluster: `published`, what the last release had of it, and `beside`, other clusters.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Examples {
    /// Parts of a cluster that have the fault.
    pub fails: At<Vec<BTreeMap<String, serde_json::Value>>>,
    /// Parts of a cluster that do not.
    pub passes: At<Vec<BTreeMap<String, serde_json::Value>>>,
}

/// What a rule is asked of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The cluster as a whole.
    #[default]
    Cluster,
    /// Each host, as `host`.
    Host,
    /// Each RabbitMQ node, as `node`.
    Node,
    /// Each vhost, as `vhost`.
    Vhost,
    /// Each user, as `user`.
    User,
    /// Each permission of a user in a vhost, as `permission`.
    Permission,
    /// Each broker policy, as `policy`.
    Policy,
    /// Each operator policy, as `policy`.
    OperatorPolicy,
    /// Each runtime parameter, as `parameter`.
    Parameter,
    /// Each enabled plugin, as `plugin`.
    Plugin,
    /// Each key of `rabbitmq.conf`, as `config` with `key` and `value`.
    Config,
    /// Each variable of `rabbitmq-env.conf`, as `env` with `name` and `value`.
    Env,
    /// Each front of HAProxy, as `front`.
    Front,
    /// Each server behind a front, as `server` with its `front`.
    Server,
    /// Each VRRP instance, as `instance`.
    Instance,
    /// Each host of a VRRP instance, as `member` with its `instance`.
    Member,
}

impl Kind {
    /// Returns the word that rule files use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Host => "host",
            Self::Node => "node",
            Self::Vhost => "vhost",
            Self::User => "user",
            Self::Permission => "permission",
            Self::Policy => "policy",
            Self::OperatorPolicy => "operator-policy",
            Self::Parameter => "parameter",
            Self::Plugin => "plugin",
            Self::Config => "config",
            Self::Env => "env",
            Self::Front => "front",
            Self::Server => "server",
            Self::Instance => "instance",
            Self::Member => "member",
        }
    }
}

/// A program that itself complains about a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Program {
    /// `haproxy -c`.
    Haproxy,
    /// `keepalived -t`.
    Keepalived,
    /// RabbitMQ.
    Rabbitmq,
}
