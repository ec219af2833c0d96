//! The enabled plugins, and what needs one of them.

use crate::diag::{At, nearest};
use crate::facts::plugins;
use crate::facts::version::Version;
use crate::model::ConfigValue;
use crate::policy::place::in_list;
use crate::policy::{Finding, Subject};

/// From here on AMQP 1.0 is part of RabbitMQ itself, and its plugin an empty one.
const NATIVE_AMQP_1_0: Version = Version::new(4, 0, 0);

/// The components of runtime parameters, and the plugins that know them.
const COMPONENTS: [(&str, &str); 3] = [
    ("federation-upstream", "rabbitmq_federation"),
    ("federation-upstream-set", "rabbitmq_federation"),
    ("shovel", "rabbitmq_shovel"),
];

/// The short names and modules of authentication backends, and their plugins.
const BACKENDS: [(&str, &str); 12] = [
    ("ldap", "rabbitmq_auth_backend_ldap"),
    ("rabbit_auth_backend_ldap", "rabbitmq_auth_backend_ldap"),
    ("http", "rabbitmq_auth_backend_http"),
    ("rabbit_auth_backend_http", "rabbitmq_auth_backend_http"),
    ("cache", "rabbitmq_auth_backend_cache"),
    ("rabbit_auth_backend_cache", "rabbitmq_auth_backend_cache"),
    ("oauth", "rabbitmq_auth_backend_oauth2"),
    ("oauth2", "rabbitmq_auth_backend_oauth2"),
    ("rabbit_auth_backend_oauth2", "rabbitmq_auth_backend_oauth2"),
    ("internal_loopback", "rabbitmq_auth_backend_internal_loopback"),
    ("rabbit_auth_backend_internal_loopback", "rabbitmq_auth_backend_internal_loopback"),
    ("rabbit_auth_backend_ip_range", "rabbitmq_auth_backend_ip_range"),
];

fn finding(plugin: &At<String>, label: &str) -> Finding {
    Finding::new().with("plugin", plugin.value.as_str()).at_place(plugin.place, label)
}

/// Finds names that no plugin has, and that nearly are a name of one.
pub(in crate::policy) fn misspelt(subject: &Subject<'_>) -> Vec<Finding> {
    let broker = &subject.cluster.broker;
    let unknown = broker.plugins.iter().filter(|plugin| plugins::find(plugin).is_none());
    unknown.filter_map(|plugin| Some(finding(plugin, "unknown plugin").with("near", near(subject, plugin)?))).collect()
}

fn near(subject: &Subject<'_>, plugin: &str) -> Option<&'static str> {
    let near = nearest(plugin, plugins::shipped(subject.cluster.broker.version.value))?;
    // All names begin alike, so that a few letters more or less say little.
    (strsim::osa_distance(plugin, near) <= 3).then_some(near)
}

/// Finds plugins that RabbitMQ is not shipped with.
pub(in crate::policy) fn foreign(subject: &Subject<'_>) -> Vec<Finding> {
    let foreign = subject.cluster.broker.plugins.iter().filter_map(|plugin| match plugins::find(plugin) {
        Some(known) if known.shipped.is_none() => Some((plugin, Some(known.source))),
        None if near(subject, plugin).is_none() => Some((plugin, None)),
        _ => None,
    });
    foreign.map(|(plugin, source)| finding(plugin, "not shipped").with("source", source)).collect()
}

/// Finds plugins that only other versions are shipped with.
pub(in crate::policy) fn outside_version(subject: &Subject<'_>) -> Vec<Finding> {
    let version = subject.cluster.broker.version.value;
    let outside = subject.cluster.broker.plugins.iter().filter_map(|plugin| {
        let versions = plugins::find(plugin)?.shipped.as_ref().filter(|versions| !versions.contains(version))?;
        Some(finding(plugin, "not in this version").with("versions", versions.to_string()))
    });
    outside.collect()
}

/// Finds the empty plugin of AMQP 1.0.
pub(in crate::policy) fn without_effect(subject: &Subject<'_>) -> Vec<Finding> {
    let broker = &subject.cluster.broker;
    if broker.version.value < NATIVE_AMQP_1_0 {
        return Vec::new();
    }
    let empty = broker.plugins.iter().filter(|plugin| plugin.value == "rabbitmq_amqp1_0");
    empty.map(|plugin| finding(plugin, "does nothing")).collect()
}

/// Finds runtime parameters of plugins that are not enabled.
pub(in crate::policy) fn parameters(subject: &Subject<'_>) -> Vec<Finding> {
    let broker = &subject.cluster.broker;
    let missing = broker.definitions.parameters.iter().filter_map(|parameter| {
        let (_, plugin) = COMPONENTS.iter().find(|(component, _)| *component == parameter.component)?;
        let parts = ["rabbitmq_exchange_federation", "rabbitmq_queue_federation"];
        let partly = *plugin == "rabbitmq_federation" && parts.iter().any(|part| is_on(subject, part));
        if partly || is_on(subject, plugin) {
            return None;
        }
        let finding = Finding::new().with("name", parameter.name.as_str()).with("plugin", *plugin);
        let item = in_list(subject.tree, "parameters", &parameter.name, &parameter.vhost);
        let path = ["rabbitmq", "parameters", item.as_str()];
        Some(finding.with("component", parameter.component.as_str()).at(&path, "needs the plugin"))
    });
    missing.collect()
}

fn is_on(subject: &Subject<'_>, plugin: &str) -> bool {
    plugins::is_on(plugin, subject.cluster.broker.plugins.iter().map(|plugin| plugin.value.as_str()))
}

/// Finds authentication backends of plugins that are not enabled.
pub(in crate::policy) fn backends(subject: &Subject<'_>) -> Vec<Finding> {
    let chain = subject.cluster.broker.config.iter().filter(|(key, _)| key.starts_with("auth_backends."));
    let missing = chain.filter_map(|(key, setting)| {
        let ConfigValue::Text(backend) = &setting.value else { return None };
        let (_, plugin) = BACKENDS.iter().find(|(name, _)| name == backend)?;
        let finding =
            Finding::new().with("key", key.as_str()).with("backend", backend.as_str()).with("plugin", *plugin);
        (!is_on(subject, plugin)).then(|| finding.at_place(setting.place, "needs the plugin"))
    });
    missing.collect()
}
