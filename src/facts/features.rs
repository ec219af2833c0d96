//! What each version of each program understands.

use super::version::Version;

/// The format of the broker's configuration file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigFormat {
    /// One Erlang term in `rabbitmq.config`: up to 3.6.
    Erlang,
    /// `key = value` lines in `rabbitmq.conf`: since 3.7.
    Keys,
}

/// Returns the format of the broker's configuration file.
pub fn config_format(rabbitmq: Version) -> ConfigFormat {
    if rabbitmq < Version::new(3, 7, 0) { ConfigFormat::Erlang } else { ConfigFormat::Keys }
}

/// Returns whether `rabbitmq.conf` reads `'...'`: cuttlefish 3.4, which RabbitMQ has since 3.13.7 (its release notes).
pub fn config_has_quotes(rabbitmq: Version) -> bool {
    rabbitmq >= Version::new(3, 13, 7)
}

/// Returns whether `rabbitmq.conf` has `cluster_name`: 3.7.24, 3.8.3 (first tags of its schema that hold the key).
pub fn config_has_cluster_name(rabbitmq: Version) -> bool {
    rabbitmq >= Version::new(3, 8, 3) || (Version::new(3, 7, 24)..Version::new(3, 8, 0)).contains(&rabbitmq)
}

/// Returns the key of the management plugin's port: `management.tcp.port` is in every 3.8 schema, and 3.7's later patches;
/// the older spelling works in all of 3.7.
pub fn management_port_key(rabbitmq: Version) -> &'static str {
    if rabbitmq >= Version::new(3, 8, 0) { "management.tcp.port" } else { "management.listener.port" }
}

/// Returns whether HAProxy reads quotes: since 1.6. A version that the spec does not name counts as a current one.
pub fn haproxy_has_quotes(haproxy: Option<Version>) -> bool {
    haproxy.is_none_or(|version| version >= Version::new(1, 6, 0))
}

/// Returns whether HAProxy has `hard-stop-after` and `expose-fd listeners`: since 1.8.
pub fn haproxy_has_seamless_reload(haproxy: Option<Version>) -> bool {
    haproxy.is_none_or(|version| version >= Version::new(1, 8, 0))
}

/// Returns whether Keepalived has `enable_script_security` and `script_user`: since 1.3.
pub fn keepalived_has_script_security(keepalived: Option<Version>) -> bool {
    keepalived.is_none_or(|version| version >= Version::new(1, 3, 0))
}
