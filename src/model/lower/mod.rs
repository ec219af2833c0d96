//! From one cluster as it is written to its resolved meaning.
//!
//! Input: a [`spec::Cluster`] with defaults and profile merged in. Output: a [`Cluster`] in which every reference holds,
//! or nothing and the diagnostics that say why; always all of them. Must not: look at another cluster (see
//! [`super::fleet`]).

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::{Cluster, RuleSetting};
use crate::diag::{At, Diagnostic, Diagnostics, Place, Severity, excerpt};
use crate::spec;

mod balancer;
mod broker;
mod check;
mod definitions;
mod hosts;
mod instance;
mod keys;
mod maintenance;
mod ports;
mod text;
mod vip;
mod vip_address;

/// Faults that say that something is missing, and the ways to what they looked for: while a value there is left out because of
/// another fault, nobody can tell. `*` is what the fault points at.
const OF_ABSENCE: [(&str, &[&[&str]]); 7] = [
    (
        "empty-list",
        &[
            &["hosts"],
            &["rabbitmq", "nodes"],
            &["rabbitmq", "policies", "definition"],
            &["rabbitmq", "operator_policies", "definition"],
            &["haproxy", "hosts"],
            &["keepalived", "instances"],
            &["maintenance"],
        ],
    ),
    (
        "host-without-role",
        &[
            &["rabbitmq", "nodes"],
            &["haproxy", "hosts"],
            &["haproxy", "amqp", "servers"],
            &["haproxy", "management", "servers"],
            &["keepalived", "hosts"],
            &["keepalived", "instances"],
        ],
    ),
    (
        "missing-field",
        &[
            &["name"],
            &["haproxy", "stats"],
            &["keepalived", "virtual_router_id"],
            &["keepalived", "vip"],
            &["keepalived", "vips"],
            &["keepalived", "instances"],
        ],
    ),
    ("missing-interface", &[&["hosts", "*", "interface"], &["keepalived", "interface"]]),
    ("missing-password", &[&["rabbitmq", "users", "*", "password"], &["rabbitmq", "users", "*", "password_hash"]]),
    ("missing-plugin", &[&["rabbitmq", "plugins"]]),
    ("vip-without-balancer", &[&["haproxy"]]),
];

/// Resolves one cluster.
pub fn lower(spec: &spec::Cluster, diags: &mut Diagnostics) -> Option<Cluster> {
    let mut found = Diagnostics::new();
    let cluster = lower_cluster(&mut found, spec);
    if let Some(lost) = &spec.lost {
        found.retain(|diag| !may_only_seem(diag, lost));
    }
    let sound = spec.lost.is_none() && found.iter().all(|diag| diag.severity != Severity::Error);
    diags.append(&mut found);
    cluster.filter(|_| sound)
}

/// Tells whether a fault may be there only because of what was left out.
fn may_only_seem(fault: &Diagnostic, lost: &spec::Lost) -> bool {
    if fault.code == "unknown-vhost" {
        return lost.vhosts.is_none();
    }
    let Some((_, ways)) = OF_ABSENCE.iter().find(|(code, _)| fault.code == *code) else { return false };
    let places: Vec<_> = fault.labels.iter().map(|label| label.span).collect();
    lost.cuts.iter().any(|cut| ways.iter().any(|way| cut.may_be(way, &places)))
}

fn lower_cluster(diags: &mut Diagnostics, spec: &spec::Cluster) -> Option<Cluster> {
    let hosts = hosts::lower_hosts(diags, spec);
    if hosts.is_empty() {
        let fault = Diagnostic::error("empty-list", "the cluster has no hosts");
        let fault = match &spec.name {
            Some(name) => fault.at(name.place, "this cluster"),
            None => fault,
        };
        diags.push(fault.help("declare each host under `hosts`: `NAME: {address: ADDRESS}`"));
        return None;
    }
    let broker = broker::lower_broker(diags, spec, &hosts);
    let balancer = spec.haproxy.as_ref().map(|section| balancer::lower_balancer(diags, section, &hosts, &broker));
    let vip = spec.keepalived.as_ref().map(|section| vip::lower_keepalived(diags, section, &hosts, balancer.as_ref()));
    let operators = keys::lower_operators(diags, spec);
    keys::refuse_repeated(diags, &hosts, &operators);
    let platform = spec.platform.unwrap_or_default();
    let sysctl = lower_sysctl(diags, spec);
    let maintenance = spec.maintenance.as_ref().map(|section| maintenance::lower_maintenance(diags, section));
    for grant in &spec.grants {
        check_grant(diags, grant);
    }
    let name = spec.name.clone();
    if name.is_none() {
        diags.push(
            Diagnostic::error("missing-field", "the cluster has no name").help("add `name: NAME` to the cluster"),
        );
    }
    let cluster = Cluster {
        name: name?,
        platform,
        hosts,
        operators,
        broker,
        balancer,
        vip,
        sysctl,
        maintenance,
        grants: spec.grants.iter().map(|grant| grant.value.clone()).collect(),
        rules: spec.rules.iter().map(|(code, setting)| (code.clone(), lower_rule(setting))).collect(),
    };
    ports::check_ports(diags, &cluster);
    Some(cluster)
}

fn lower_rule(setting: &At<spec::RuleSetting>) -> RuleSetting {
    let spec::RuleSetting { level, reason, until } = &setting.value;
    RuleSetting { level: At::new(*level, setting.place), reason: reason.clone(), until: *until }
}

fn lower_sysctl(diags: &mut Diagnostics, spec: &spec::Cluster) -> IndexMap<String, String> {
    let mut settings = IndexMap::new();
    for (key, value) in spec.sysctl.iter() {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-/".contains(&b);
        if !key.contains('.') || !key.bytes().all(plain) {
            let message = format!("`{}` is not the name of a kernel setting", excerpt(&key.value));
            text::refuse(diags, "invalid-value", key.place, message, "write a name such as `net.core.somaxconn`");
        }
        text::line(diags, &value.0, key.place, "the value of a kernel setting");
        settings.insert(key.value.clone(), value.0.clone());
    }
    settings
}

/// Checks a word that stands alone: letters, digits, `-`, `_`, `.`.
fn check_word(diags: &mut Diagnostics, word: &str, place: Place, what: &str) {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if word.is_empty() || word.len() > 255 || !word.bytes().all(plain) {
        let message = format!("`{}` is not the name of {what}", excerpt(word));
        text::refuse(diags, "invalid-value", place, message, "use letters, digits, `-`, `_` and `.`");
    }
}

/// A grant is the name of a transition, with the node that it concerns where it concerns one: `forget-node:rabbit@r4`.
fn check_grant(diags: &mut Diagnostics, grant: &At<String>) {
    let (transition, node) = grant.value.split_once(':').unwrap_or((&grant.value, ""));
    check_word(diags, transition, grant.place, "a transition");
    let node = node.replacen('@', "", 1);
    if grant.value.contains(':') {
        check_word(diags, &node, grant.place, "the node of a transition");
    }
}

/// Refuses a second item with the same key; `what` is what the items are.
fn refuse_repeated<K: Ord>(diags: &mut Diagnostics, seen: &mut BTreeMap<K, Place>, key: K, place: Place, what: &str) {
    if let Some(first) = seen.get(&key) {
        diags.push(
            Diagnostic::error("duplicate-definition", format!("{what} is given twice"))
                .at(place, "given again here")
                .at(*first, "first given here")
                .help("remove one of the two, or give it another name"),
        );
    } else {
        seen.insert(key, place);
    }
}
