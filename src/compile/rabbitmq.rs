//! RabbitMQ: environment, configuration, plugins, cookie, and the drop-in of its unit.

use std::collections::BTreeMap;

use minijinja::{Value, context};

use super::classic;
use super::pieces::{Prepared, Secret, clean_text};
use super::render::Kind;
use super::{File, Job, drop_in, owner, path, unit};
use crate::diag::{Diagnostic, Diagnostics};
use crate::facts::features::{self, ConfigFormat};
use crate::facts::platform;
use crate::model::{Broker, Cluster, ConfigValue, Host, Node, NodeKind};
use crate::name::HostPath;
use crate::quote::Syntax;
use crate::release::{Artifact, OnChange, Owner, Part, Piece};

/// The AMQP port without configuration.
pub(super) const DEFAULT_PORT: u16 = 5672;
/// The management port without configuration.
pub(super) const DEFAULT_MANAGEMENT_PORT: u16 = 15672;
/// The distribution port without configuration: `NODE_PORT` and 20000.
const DEFAULT_DIST_PORT: u16 = 25672;

/// Checks the names that stand where nothing can be quoted, and text that is taken as it is.
pub(super) fn check(cluster: &Cluster, diags: &mut Diagnostics) {
    let broker = &cluster.broker;
    for (key, value) in broker.config.iter().filter(|(key, _)| !is_config_key(key)) {
        let message = format!("`{}` is not a key of rabbitmq.conf", key.escape_debug());
        diags.push(
            Diagnostic::error("invalid-config-key", message)
                .at(value.place, "this key")
                .help("a key is made of words of letters, digits, `_` and `-`, joined by dots"),
        );
    }
    if features::config_format(broker.version.value) == ConfigFormat::Erlang {
        classic::apps(broker, NodeKind::Disc, diags);
        if broker.advanced.is_some() {
            let message = "RabbitMQ 3.6 has no `advanced.config`";
            diags.push(
                Diagnostic::error("advanced-config-unsupported", message)
                    .at(broker.version.place, "this version reads one Erlang term, `rabbitmq.config`")
                    .help("write the terms under `extra`"),
            );
        }
    }
    for name in broker.env.keys().filter(|name| !is_variable(name)) {
        let message = format!("`{}` is not the name of a variable", name.escape_debug());
        diags.push(
            Diagnostic::error("invalid-variable", message)
                .help("use capital letters, digits and `_`, and leave the prefix `RABBITMQ_` out"),
        );
    }
    if let Some(Err(why)) = broker.advanced.as_deref().map(clean_text) {
        diags.push(Diagnostic::error("unquotable-value", format!("`advanced` cannot be written: {why}")));
    }
}

/// Returns whether a key is words joined by dots; `\.` is a dot inside a word.
pub(super) fn is_config_key(key: &str) -> bool {
    key.replace("\\.", "")
        .split('.')
        .all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'))
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// Adds the broker's files to a host that runs a node.
pub(super) fn files(job: &mut Job<'_>, host: &Host, artifacts: &mut BTreeMap<HostPath, Artifact>) {
    let cluster = job.cluster;
    let broker = &cluster.broker;
    let Some(node) = broker.nodes.iter().find(|node| node.host == host.name.value) else {
        return;
    };
    artifacts.extend([job.own(host, plain(Kind::RabbitmqEnv, Syntax::Shell, platform::RABBITMQ_ENV, restart()), {
        let variables = variables(broker, node);
        context! { variables }
    })]);

    let variant = node.kind == NodeKind::Ram;
    let (path, mut artifact) = match features::config_format(broker.version.value) {
        ConfigFormat::Keys => {
            let quotes = features::config_has_quotes(broker.version.value);
            let syntax = if quotes { Syntax::RabbitmqConf } else { Syntax::RabbitmqConfPlain };
            let file = File { variant, ..plain(Kind::RabbitmqConf, syntax, platform::RABBITMQ_CONF, restart()) };
            job.shared(host, file, |cluster| {
                context! { settings => settings(cluster, variant), extra => cluster.broker.extra.clone() }
            })
        }
        ConfigFormat::Erlang => {
            let file = File {
                variant,
                ..plain(Kind::RabbitmqConfig, Syntax::ErlangAtom, platform::RABBITMQ_CONFIG, restart())
            };
            job.shared(host, file, |cluster| {
                context! { apps => apps(&cluster.broker, node.kind), extra => cluster.broker.extra.clone() }
            })
        }
    };
    if artifact.mode == 0o600 {
        // The broker reads it as its own user.
        artifact.mode = 0o640;
        platform::RABBITMQ_USER.clone_into(&mut artifact.owner.group);
    }
    artifacts.insert(path, artifact);

    let plugins = plain(Kind::EnabledPlugins, Syntax::ErlangAtom, platform::ENABLED_PLUGINS, OnChange::Plugins);
    let (path, mut artifact) = job.shared(host, plugins, |cluster| {
        let names = cluster.broker.plugins.iter().map(|plugin| Value::from(plugin.value.as_str()));
        context! { plugins => names.collect::<Value>() }
    });
    // `rabbitmq-plugins` writes this file too, as this user and in this very form: no comment, one line.
    artifact.owner = owner(platform::RABBITMQ_USER);
    artifacts.insert(path, artifact);

    artifacts.extend(advanced(broker));
    artifacts.extend([cookie(broker)]);

    let limits = plain(Kind::RabbitmqUnit, Syntax::Word, platform::RABBITMQ_ENV, daemon_reload());
    let (_, artifact) = job.shared(host, limits, |cluster| context! { open_files => cluster.broker.open_files });
    artifacts.insert(drop_in(platform::RABBITMQ_UNIT), artifact);
}

fn plain(kind: Kind, syntax: Syntax, path: &'static str, on_change: OnChange) -> File {
    File { kind, syntax, variant: false, path, on_change, check: None }
}

fn restart() -> OnChange {
    OnChange::Restart(unit(platform::RABBITMQ_UNIT))
}

fn daemon_reload() -> OnChange {
    OnChange::DaemonReload(unit(platform::RABBITMQ_UNIT))
}

/// Returns the variables of the node; only what differs from the default, since each can be said in two places.
fn variables(broker: &Broker, node: &Node) -> Vec<[String; 2]> {
    let mut variables = vec![["NODENAME".to_owned(), node.name.clone()]];
    if broker.long_names {
        variables.push(["USE_LONGNAME".to_owned(), "true".to_owned()]);
    }
    // A NODE_PORT of the spec would move the distribution port silently.
    if broker.dist_port.value != DEFAULT_DIST_PORT || broker.env.contains_key("NODE_PORT") {
        variables.push(["DIST_PORT".to_owned(), broker.dist_port.value.to_string()]);
    }
    variables.retain(|[name, _]| !broker.env.contains_key(name));
    variables.extend(broker.env.iter().map(|(name, value)| [name.clone(), value.clone()]));
    variables
}

/// Returns the lines of `rabbitmq.conf`: what follows from the rest of the spec, unless the spec says it itself, then what
/// the spec says.
fn settings(cluster: &Cluster, ram: bool) -> Value {
    let broker = &cluster.broker;
    let version = broker.version.value;
    let mut settings: Vec<(String, Value)> = Vec::new();
    let given = |prefix: &str| broker.config.keys().any(|key| key.starts_with(prefix));
    if features::config_has_cluster_name(version) && !given("cluster_name") {
        settings.push(("cluster_name".to_owned(), Value::from(cluster.name.value.as_str())));
    }
    if broker.port.value != DEFAULT_PORT && !given("listeners.tcp") {
        settings.push(("listeners.tcp.default".to_owned(), Value::from(broker.port.value)));
    }
    let has_management = broker.plugins.iter().any(|plugin| plugin.value == "rabbitmq_management");
    let says_management = given("management.tcp.port") || given("management.listener.port");
    if has_management && broker.management_port.value != DEFAULT_MANAGEMENT_PORT && !says_management {
        let key = features::management_port_key(version);
        settings.push((key.to_owned(), Value::from(broker.management_port.value)));
    }
    if !given("cluster_formation.") {
        settings.push(("cluster_formation.peer_discovery_backend".to_owned(), Value::from("classic_config")));
        for (index, node) in broker.nodes.iter().enumerate() {
            let key = format!("cluster_formation.classic_config.nodes.{}", index + 1);
            settings.push((key, Value::from(node.name.as_str())));
        }
        if ram {
            settings.push(("cluster_formation.node_type".to_owned(), Value::from("ram")));
        }
    }
    settings.extend(broker.config.iter().map(|(key, value)| (key.clone(), config_value(&value.value))));
    settings.into_iter().map(|(key, value)| Value::from(vec![Value::from(key), value])).collect()
}

/// Returns the applications of 3.6's configuration and their terms.
fn apps(broker: &Broker, kind: NodeKind) -> Value {
    // What cannot be said has been reported by `check`.
    let apps = classic::apps(broker, kind, &mut Diagnostics::new());
    apps.into_iter()
        .map(|(name, terms)| {
            let terms: Value = terms.into_iter().map(|term| Value::from_object(Prepared(term))).collect();
            context! { name, terms }
        })
        .collect()
}

fn config_value(value: &ConfigValue) -> Value {
    match value {
        ConfigValue::Bool(value) => Value::from(*value),
        ConfigValue::Int(value) => Value::from(*value),
        ConfigValue::Float(text) | ConfigValue::Text(text) => Value::from(text.as_str()),
        ConfigValue::Secret(name) => Value::from_object(Secret(name.clone())),
    }
}

fn advanced(broker: &Broker) -> Option<(HostPath, Artifact)> {
    let terms = broker.advanced.as_ref()?;
    let text = format!("%% Managed by rmqgit: edit the spec, not this file.\n{}\n", terms.trim_end());
    let artifact = Artifact {
        content: vec![Piece::Text(text)],
        mode: 0o644,
        owner: Owner::root(),
        check: None,
        on_change: restart(),
        part: Part::Whole,
    };
    Some((path(platform::ADVANCED_CONFIG), artifact))
}

fn cookie(broker: &Broker) -> (HostPath, Artifact) {
    let artifact = Artifact {
        content: vec![Piece::Secret { name: broker.cookie.clone(), syntax: Syntax::Raw }],
        mode: 0o400,
        owner: owner(platform::RABBITMQ_USER),
        check: None,
        on_change: restart(),
        part: Part::Whole,
    };
    (path(platform::COOKIE), artifact)
}
