//! The RabbitMQ nodes and their configuration.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::definitions::lower_definitions;
use super::hosts::{Hosts, known};
use super::{check_word, refuse_repeated, text};
use crate::diag::{At, Diagnostic, Diagnostics, Place, excerpt};
use crate::facts::version::Version;
use crate::model::{Broker, ConfigValue, Node, NodeKind};
use crate::name::{HostName, SecretRef};
use crate::spec::{self, Setting};

/// The first version without RAM nodes (release notes of 4.3.0).
const NO_RAM_NODES: Version = Version::new(4, 3, 0);

/// Variables that rmqgit writes itself, and the field that sets each.
const MANAGED: [(&str, &str); 5] = [
    ("NODENAME", "`rabbitmq.nodes`, where a node may have a `name`"),
    ("USE_LONGNAME", "`rabbitmq.long_names`"),
    ("NODE_PORT", "`rabbitmq.port`"),
    ("DIST_PORT", "`rabbitmq.dist_port`"),
    ("ERLANG_COOKIE", "`rabbitmq.cookie`"),
];

/// The last parts of keys of `rabbitmq.conf` whose values are secrets.
const SECRET_KEYS: [&str; 8] = [
    "acl_token",
    "client_secret",
    "default_pass",
    "oauth_client_secret",
    "password",
    "secret",
    "secret_key",
    "shared_secret",
];

/// Resolves the `rabbitmq` section.
pub(super) fn lower_broker(diags: &mut Diagnostics, spec: &spec::Cluster, hosts: &Hosts) -> Broker {
    let section = &spec.rabbitmq;
    let version = text::version(diags, &section.version)
        .unwrap_or(At { value: Version::new(0, 0, 0), place: section.version.place });
    if let Some(erlang) = &section.erlang {
        check_erlang(diags, erlang);
    }
    let cookie = text::secret(diags, &section.cookie, "the Erlang cookie").unwrap_or_else(unnamed);
    let (nodes, long_names) = lower_nodes(diags, section, hosts);
    check_kinds(diags, &nodes, version);
    let config = lower_config(diags, section);
    let place = section.version.place;
    let port = match (&section.port, config_port(&config, "listeners.tcp.default")) {
        (None, Some(port)) => port,
        (given, _) => text::port(diags, given.as_ref(), 5672, place),
    };
    let management_port = match (&section.management_port, config_port(&config, "management.tcp.port")) {
        (None, Some(port)) => port,
        (given, _) => text::port(diags, given.as_ref(), 15672, place),
    };
    let dist_port = match &section.dist_port {
        None if port.value > u16::MAX - 20000 => {
            let message =
                format!("the port of Erlang distribution would be {}, beyond 65535", u32::from(port.value) + 20000);
            text::refuse(diags, "out-of-range", port.place, message, "give `dist_port`, or an AMQP port below 45536");
            At { value: 25672, place: port.place }
        }
        given => text::port(diags, given.as_ref(), port.value + 20000, port.place),
    };
    if let Some(limit) = &section.open_files {
        text::range(diags, *limit, &(1024..=1_048_576), "the limit of open files");
    }
    if let Some(terms) = &section.advanced_config {
        check_terms(diags, terms);
    }
    Broker {
        version,
        erlang: section.erlang.clone(),
        nodes,
        long_names,
        cookie,
        plugins: lower_plugins(diags, section),
        config,
        extra: text::lines(diags, &section.extra, place),
        advanced: section.advanced_config.as_ref().map(|terms| terms.value.clone()),
        env: lower_env(diags, section),
        port,
        management_port,
        dist_port,
        open_files: section.open_files.as_ref().map_or(65536, |limit| limit.value),
        definitions: lower_definitions(diags, spec, version.value),
    }
}

/// Stands for a secret that was refused.
fn unnamed() -> SecretRef {
    SecretRef::parse("refused").expect("a plain word is a secret's name")
}

fn check_erlang(diags: &mut Diagnostics, erlang: &At<String>) {
    let ok = erlang.split('.').count() <= 5
        && erlang
            .split('.')
            .all(|part| !part.is_empty() && part.len() <= 4 && part.bytes().all(|b| b.is_ascii_digit()));
    if !ok {
        let message = format!("`{}` is not a version of Erlang/OTP", excerpt(&erlang.value));
        text::refuse(
            diags,
            "invalid-version",
            erlang.place,
            message,
            "write `\"25\"` or `25.2.3`, as `rabbitmqctl status` prints it",
        );
    }
}

fn lower_nodes(diags: &mut Diagnostics, section: &spec::Rabbitmq, hosts: &Hosts) -> (Vec<Node>, bool) {
    let every: Vec<At<spec::Node>>;
    let listed = if let Some(listed) = &section.nodes {
        listed
    } else {
        let node = |host: &HostName| spec::Node { host: host.clone(), kind: spec::NodeKind::Disc, name: None };
        every = hosts.values().map(|host| At { value: node(&host.name.value), place: host.name.place }).collect();
        &every
    };
    if listed.is_empty() {
        let fault = Diagnostic::error("empty-list", "`rabbitmq.nodes` is empty");
        diags.push(
            fault
                .at(section.version.place, "in this section")
                .help("name the hosts that run RabbitMQ, or leave the field out for all of them"),
        );
    }
    let dotted = listed.iter().any(|node| node.host.as_str().contains('.'));
    let long_names = section.long_names.as_ref().map_or(dotted, |given| given.value);
    let mut seen = BTreeMap::new();
    let mut names = BTreeMap::new();
    let mut nodes = Vec::new();
    for node in listed {
        if !known(diags, hosts, node.host.as_str(), node.place) {
            continue;
        }
        let what = format!("the node on `{}`", node.host);
        refuse_repeated(diags, &mut seen, node.host.as_str(), node.place, &what);
        let name = node_name(diags, node, hosts, long_names);
        if seen.len() > names.len() {
            refuse_repeated(
                diags,
                &mut names,
                name.clone(),
                node.place,
                &format!("the node name `{}`", excerpt(&name)),
            );
        }
        let kind = match node.kind {
            spec::NodeKind::Disc => NodeKind::Disc,
            spec::NodeKind::Ram => NodeKind::Ram,
        };
        nodes.push(Node { host: node.host.clone(), name, kind, place: node.place });
    }
    (nodes, long_names)
}

/// Returns the node's name, and checks that Erlang accepts it: with long names the host has a dot, without them none.
fn node_name(diags: &mut Diagnostics, node: &At<spec::Node>, hosts: &Hosts, long_names: bool) -> String {
    let host = node.host.as_str();
    let short = host.split('.').next().expect("split yields at least one part");
    let name = match &node.name {
        Some(name) => name.clone(),
        None => format!("rabbit@{}", if long_names { host } else { short }),
    };
    let Some((first, at)) = name.split_once('@') else {
        let message = format!("`{}` is not the name of a node", excerpt(&name));
        text::refuse(diags, "invalid-value", node.place, message, "write `rabbit@` and the name of the host");
        return name;
    };
    check_word(diags, first, node.place, "a node before `@`");
    let aliases = &hosts.get(host).expect("the caller looked the host up").aliases;
    if at != host && at != short && !aliases.iter().any(|alias| alias.as_str() == at) {
        let message = format!("the node name `{}` does not name its host `{host}`", excerpt(&name));
        text::refuse(
            diags,
            "invalid-value",
            node.place,
            message,
            "after `@` stands the host's name or one of its `aliases`",
        );
    } else if at.contains('.') != long_names {
        let message =
            format!("Erlang refuses the node name `{name}` with long names {}", if long_names { "on" } else { "off" });
        let help = "long names need a dot in every host name, short names have none: set `long_names`, or name the hosts alike";
        text::refuse(diags, "invalid-value", node.place, message, help);
    }
    name
}

fn check_kinds(diags: &mut Diagnostics, nodes: &[Node], version: At<Version>) {
    for node in nodes.iter().filter(|node| node.kind == NodeKind::Ram) {
        if version.value >= NO_RAM_NODES {
            diags.push(
                Diagnostic::error("ram-node", format!("RabbitMQ {} has no RAM nodes", version.value))
                    .at(node.place, "a RAM node")
                    .at(version.place, "RAM nodes ended with 4.2")
                    .help("remove `type: ram`"),
            );
        }
    }
    if let Some(first) = nodes.first().filter(|node| node.kind == NodeKind::Ram) {
        diags.push(
            Diagnostic::error("ram-node", format!("the first node, on `{}`, is a RAM node", first.host))
                .at(first.place, "this node forms the cluster")
                .help("put a disc node first: a cluster cannot start from a RAM node"),
        );
    }
}

fn lower_plugins(diags: &mut Diagnostics, section: &spec::Rabbitmq) -> Vec<At<String>> {
    let mut seen = BTreeMap::new();
    for plugin in &section.plugins {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if !plugin.starts_with(|c: char| c.is_ascii_lowercase()) || !plugin.bytes().all(plain) {
            let message = format!("`{}` is not the name of a plugin", excerpt(&plugin.value));
            text::refuse(
                diags,
                "invalid-value",
                plugin.place,
                message,
                "write a name such as `rabbitmq_management`, without a version",
            );
        }
        refuse_repeated(
            diags,
            &mut seen,
            plugin.as_str(),
            plugin.place,
            &format!("the plugin `{}`", excerpt(&plugin.value)),
        );
    }
    let mut plugins = section.plugins.clone();
    plugins.sort_by(|a, b| a.value.cmp(&b.value));
    plugins
}

fn lower_config(diags: &mut Diagnostics, section: &spec::Rabbitmq) -> IndexMap<String, At<ConfigValue>> {
    let mut config = IndexMap::new();
    for (key, setting) in section.config.iter() {
        let plain = |b: u8| b.is_ascii_graphic() && !b"#='\"".contains(&b);
        if key.is_empty() || !key.bytes().all(plain) {
            let message = format!("`{}` is not a key of rabbitmq.conf", excerpt(&key.value));
            text::refuse(
                diags,
                "invalid-value",
                key.place,
                message,
                "write a key such as `cluster_partition_handling`",
            );
        }
        let last = key.rsplit('.').next().expect("rsplit yields at least one part");
        if SECRET_KEYS.contains(&last) && !matches!(setting.value, Setting::Secret(_)) {
            text::plain_text(diags, setting.place, &format!("the value of `{}`", excerpt(&key.value)));
        }
        let value = match &setting.value {
            Setting::Bool(value) => ConfigValue::Bool(*value),
            Setting::Int(value) => ConfigValue::Int(*value),
            Setting::Float(value) => ConfigValue::Float(float(*value)),
            Setting::Text(value) => {
                if value.chars().any(char::is_control) {
                    let message = format!("the value of `{}` holds a control character", excerpt(&key.value));
                    text::refuse(diags, "invalid-value", setting.place, message, "write printable text on one line");
                }
                ConfigValue::Text(value.clone())
            }
            Setting::Secret(name) => ConfigValue::Secret(name.clone()),
        };
        config.insert(key.value.clone(), At { value, place: setting.place });
    }
    config
}

/// Writes a number as Erlang reads it, with a fraction: `2` is no float to RabbitMQ's schema.
fn float(value: f64) -> String {
    let text = value.to_string();
    if text.contains('.') { text } else { format!("{text}.0") }
}

fn config_port(config: &IndexMap<String, At<ConfigValue>>, key: &str) -> Option<At<u16>> {
    let setting = config.get(key)?;
    let port = match &setting.value {
        ConfigValue::Int(port) => u16::try_from(*port).ok(),
        ConfigValue::Text(text) => text::parse_bind(text).map(|bind| bind.port),
        _ => None,
    };
    Some(At { value: port?, place: setting.place })
}

fn lower_env(diags: &mut Diagnostics, section: &spec::Rabbitmq) -> IndexMap<String, String> {
    let mut env = IndexMap::new();
    let mut seen: BTreeMap<&str, Place> = BTreeMap::new();
    for (key, value) in section.env.iter() {
        let name = key.strip_prefix("RABBITMQ_").unwrap_or(key);
        let plain = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        if !name.starts_with(|c: char| c.is_ascii_uppercase()) || !name.bytes().all(plain) {
            let message = format!("`{}` is not a variable of rabbitmq-env.conf", excerpt(&key.value));
            text::refuse(
                diags,
                "invalid-value",
                key.place,
                message,
                "write a name such as `SERVER_ADDITIONAL_ERL_ARGS`",
            );
        }
        if let Some((_, field)) = MANAGED.iter().find(|(managed, _)| *managed == name) {
            let message = format!("`{}` is written from another field", excerpt(&key.value));
            text::refuse(diags, "managed-variable", key.place, message, &format!("use {field}"));
        }
        refuse_repeated(diags, &mut seen, name, key.place, &format!("the variable `{}`", excerpt(name)));
        if value.0.chars().any(char::is_control) {
            let message = format!("the value of `{}` holds a control character", excerpt(&key.value));
            text::refuse(diags, "invalid-value", key.place, message, "write printable text on one line");
        }
        env.insert(name.to_owned(), value.0.clone());
    }
    env
}

fn check_terms(diags: &mut Diagnostics, terms: &At<String>) {
    let body = terms.trim();
    if !(body.starts_with('[') && body.ends_with("].")) {
        let message = "`advanced_config` is not one list of Erlang terms".to_owned();
        text::refuse(diags, "invalid-value", terms.place, message, "write `[ ... ].`, with the dot");
    }
}
