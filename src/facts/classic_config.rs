//! How RabbitMQ 3.6 spells the keys of `rabbitmq.conf` in its one Erlang term, `rabbitmq.config`.
//!
//! Sources: the `{mapping, Key, Path, [{datatype, ...}]}` terms of the schemas of 3.7 and newer (same paths), and
//! `rabbitmq.config.example` of 3.6.

/// How a value is written as an Erlang term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A whole number.
    Int,
    /// A number.
    Number,
    /// `true` or `false`.
    Bool,
    /// An atom.
    Atom,
    /// A string.
    Text,
    /// A binary.
    Binary,
    /// The word `none`, for an empty list.
    Nothing,
    /// A size in bytes or with a unit, in a pair with this atom.
    Sized(&'static str),
    /// A number in a pair with this atom.
    Ratio(&'static str),
    /// One of several ports or `ADDRESS:PORT`s.
    Listeners,
    /// One of several atoms.
    Atoms,
    /// One of several strings.
    Texts,
    /// `true` puts the last word of the key into a list of atoms.
    AtomFlags,
    /// `true` puts the last word of the key into a list of binaries.
    BinaryFlags,
    /// One of several authentication backends, by module or short name.
    Backends,
    /// One place of a list of binaries of this many places.
    Place(usize, usize),
    /// The first or second place of a pair of a boolean and a number.
    Linger(usize),
    /// `recover` of `pause_if_all_down`, and its `nodes`.
    PauseIfAllDown,
}

/// One key; `$` stands for any last word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The key of `rabbitmq.conf`.
    pub key: &'static str,
    /// The Erlang application.
    pub app: &'static str,
    /// The path of names below it.
    pub path: &'static [&'static str],
    /// The value.
    pub shape: Shape,
}

/// Returns how a key is spelled, and the word that stands for its `$`.
pub fn find(key: &str) -> Option<(&'static Key, &str)> {
    if let Some(exact) = KEYS.iter().find(|known| known.key == key) {
        return Some((exact, ""));
    }
    let (stem, word) = key.rsplit_once('.')?;
    let family = KEYS.iter().find(|known| known.key.strip_suffix(".$") == Some(stem))?;
    Some((family, word))
}

macro_rules! keys {
    ($($key:literal $app:ident $($path:literal)/+ $shape:expr;)*) => {
        /// Every key that is known.
        pub const KEYS: &[Key] = &[
            $(Key { key: $key, app: stringify!($app), path: &[$($path),+], shape: { use Shape::*; $shape } }),*
        ];
    };
}

keys! {
    "listeners.tcp" rabbit "tcp_listeners" Nothing;
    "listeners.tcp.$" rabbit "tcp_listeners" Listeners;
    "listeners.ssl" rabbit "ssl_listeners" Nothing;
    "listeners.ssl.$" rabbit "ssl_listeners" Listeners;
    "num_acceptors.tcp" rabbit "num_tcp_acceptors" Int;
    "num_acceptors.ssl" rabbit "num_ssl_acceptors" Int;
    "handshake_timeout" rabbit "handshake_timeout" Int;
    "ssl_handshake_timeout" rabbit "ssl_handshake_timeout" Int;
    "reverse_dns_lookups" rabbit "reverse_dns_lookups" Bool;
    "loopback_users" rabbit "loopback_users" Nothing;
    "loopback_users.$" rabbit "loopback_users" BinaryFlags;
    "ssl_options.verify" rabbit "ssl_options"/"verify" Atom;
    "ssl_options.fail_if_no_peer_cert" rabbit "ssl_options"/"fail_if_no_peer_cert" Bool;
    "ssl_options.cacertfile" rabbit "ssl_options"/"cacertfile" Text;
    "ssl_options.certfile" rabbit "ssl_options"/"certfile" Text;
    "ssl_options.keyfile" rabbit "ssl_options"/"keyfile" Text;
    "ssl_options.password" rabbit "ssl_options"/"password" Text;
    "ssl_options.depth" rabbit "ssl_options"/"depth" Int;
    "ssl_options.dhfile" rabbit "ssl_options"/"dhfile" Text;
    "ssl_options.honor_cipher_order" rabbit "ssl_options"/"honor_cipher_order" Bool;
    "ssl_options.honor_ecc_order" rabbit "ssl_options"/"honor_ecc_order" Bool;
    "ssl_options.client_renegotiation" rabbit "ssl_options"/"client_renegotiation" Bool;
    "ssl_options.secure_renegotiate" rabbit "ssl_options"/"secure_renegotiate" Bool;
    "ssl_options.reuse_sessions" rabbit "ssl_options"/"reuse_sessions" Bool;
    "ssl_options.versions.$" rabbit "ssl_options"/"versions" Atoms;
    "ssl_options.ciphers.$" rabbit "ssl_options"/"ciphers" Texts;
    "ssl_cert_login_from" rabbit "ssl_cert_login_from" Atom;
    "auth_mechanisms.$" rabbit "auth_mechanisms" Atoms;
    "auth_backends.$" rabbit "auth_backends" Backends;
    "password_hashing_module" rabbit "password_hashing_module" Atom;
    "default_vhost" rabbit "default_vhost" Binary;
    "default_user" rabbit "default_user" Binary;
    "default_pass" rabbit "default_pass" Binary;
    "default_permissions.configure" rabbit "default_permissions" Place(0, 3);
    "default_permissions.write" rabbit "default_permissions" Place(1, 3);
    "default_permissions.read" rabbit "default_permissions" Place(2, 3);
    "default_user_tags.$" rabbit "default_user_tags" AtomFlags;
    "heartbeat" rabbit "heartbeat" Int;
    "frame_max" rabbit "frame_max" Int;
    "channel_max" rabbit "channel_max" Int;
    "tcp_listen_options.backlog" rabbit "tcp_listen_options"/"backlog" Int;
    "tcp_listen_options.nodelay" rabbit "tcp_listen_options"/"nodelay" Bool;
    "tcp_listen_options.keepalive" rabbit "tcp_listen_options"/"keepalive" Bool;
    "tcp_listen_options.exit_on_close" rabbit "tcp_listen_options"/"exit_on_close" Bool;
    "tcp_listen_options.buffer" rabbit "tcp_listen_options"/"buffer" Int;
    "tcp_listen_options.sndbuf" rabbit "tcp_listen_options"/"sndbuf" Int;
    "tcp_listen_options.recbuf" rabbit "tcp_listen_options"/"recbuf" Int;
    "tcp_listen_options.send_timeout" rabbit "tcp_listen_options"/"send_timeout" Int;
    "tcp_listen_options.linger.on" rabbit "tcp_listen_options"/"linger" Linger(0);
    "tcp_listen_options.linger.timeout" rabbit "tcp_listen_options"/"linger" Linger(1);
    "vm_memory_high_watermark.relative" rabbit "vm_memory_high_watermark" Number;
    "vm_memory_high_watermark.absolute" rabbit "vm_memory_high_watermark" Sized("absolute");
    "vm_memory_high_watermark_paging_ratio" rabbit "vm_memory_high_watermark_paging_ratio" Number;
    "memory_monitor_interval" rabbit "memory_monitor_interval" Int;
    "disk_free_limit.relative" rabbit "disk_free_limit" Ratio("mem_relative");
    "disk_free_limit.absolute" rabbit "disk_free_limit" Sized("");
    "cluster_partition_handling" rabbit "cluster_partition_handling" Atom;
    "cluster_partition_handling.pause_if_all_down.recover" rabbit "cluster_partition_handling" PauseIfAllDown;
    "cluster_partition_handling.pause_if_all_down.nodes.$" rabbit "cluster_partition_handling" PauseIfAllDown;
    "cluster_keepalive_interval" rabbit "cluster_keepalive_interval" Int;
    "delegate_count" rabbit "delegate_count" Int;
    "mirroring_sync_batch_size" rabbit "mirroring_sync_batch_size" Int;
    "mirroring_flow_control" rabbit "mirroring_flow_control" Bool;
    "queue_master_locator" rabbit "queue_master_locator" Binary;
    "collect_statistics" rabbit "collect_statistics" Atom;
    "collect_statistics_interval" rabbit "collect_statistics_interval" Int;
    "hipe_compile" rabbit "hipe_compile" Bool;
    "mnesia_table_loading_retry_timeout" rabbit "mnesia_table_loading_retry_timeout" Int;
    "mnesia_table_loading_retry_limit" rabbit "mnesia_table_loading_retry_limit" Int;
    "queue_index_embed_msgs_below" rabbit "queue_index_embed_msgs_below" Int;
    "queue_index_max_journal_entries" rabbit "queue_index_max_journal_entries" Int;
    "msg_store_file_size_limit" rabbit "msg_store_file_size_limit" Int;
    "background_gc_enabled" rabbit "background_gc_enabled" Bool;
    "background_gc_target_interval" rabbit "background_gc_target_interval" Int;
    "log.connection.level" rabbit "log_levels"/"connection" Atom;
    "log.channel.level" rabbit "log_levels"/"channel" Atom;
    "log.mirroring.level" rabbit "log_levels"/"mirroring" Atom;
    "log.federation.level" rabbit "log_levels"/"federation" Atom;
    "net_ticktime" kernel "net_ticktime" Int;
    "management.listener.port" rabbitmq_management "listener"/"port" Int;
    "management.listener.ip" rabbitmq_management "listener"/"ip" Text;
    "management.listener.ssl" rabbitmq_management "listener"/"ssl" Bool;
    "management.listener.ssl_opts.cacertfile" rabbitmq_management "listener"/"ssl_opts"/"cacertfile" Text;
    "management.listener.ssl_opts.certfile" rabbitmq_management "listener"/"ssl_opts"/"certfile" Text;
    "management.listener.ssl_opts.keyfile" rabbitmq_management "listener"/"ssl_opts"/"keyfile" Text;
    "management.tcp.port" rabbitmq_management "listener"/"port" Int;
    "management.tcp.ip" rabbitmq_management "listener"/"ip" Text;
    "management.load_definitions" rabbitmq_management "load_definitions" Text;
    "management.rates_mode" rabbitmq_management "rates_mode" Atom;
    "management.http_log_dir" rabbitmq_management "http_log_dir" Text;
    "management.path_prefix" rabbitmq_management "path_prefix" Text;
    "management.cors.allow_origins.$" rabbitmq_management "cors_allow_origins" Texts;
    "management.cors.max_age" rabbitmq_management "cors_max_age" Int;
    "mqtt.default_user" rabbitmq_mqtt "default_user" Binary;
    "mqtt.default_pass" rabbitmq_mqtt "default_pass" Binary;
    "mqtt.allow_anonymous" rabbitmq_mqtt "allow_anonymous" Bool;
    "mqtt.vhost" rabbitmq_mqtt "vhost" Binary;
    "mqtt.exchange" rabbitmq_mqtt "exchange" Binary;
    "mqtt.subscription_ttl" rabbitmq_mqtt "subscription_ttl" Int;
    "mqtt.prefetch" rabbitmq_mqtt "prefetch" Int;
    "mqtt.listeners.tcp" rabbitmq_mqtt "tcp_listeners" Nothing;
    "mqtt.listeners.tcp.$" rabbitmq_mqtt "tcp_listeners" Listeners;
    "mqtt.listeners.ssl" rabbitmq_mqtt "ssl_listeners" Nothing;
    "mqtt.listeners.ssl.$" rabbitmq_mqtt "ssl_listeners" Listeners;
    "mqtt.tcp_listen_options.backlog" rabbitmq_mqtt "tcp_listen_options"/"backlog" Int;
    "mqtt.tcp_listen_options.nodelay" rabbitmq_mqtt "tcp_listen_options"/"nodelay" Bool;
    "stomp.listeners.tcp" rabbitmq_stomp "tcp_listeners" Nothing;
    "stomp.listeners.tcp.$" rabbitmq_stomp "tcp_listeners" Listeners;
    "stomp.listeners.ssl" rabbitmq_stomp "ssl_listeners" Nothing;
    "stomp.listeners.ssl.$" rabbitmq_stomp "ssl_listeners" Listeners;
    "stomp.default_user" rabbitmq_stomp "default_user"/"login" Text;
    "stomp.default_pass" rabbitmq_stomp "default_user"/"passcode" Text;
    "stomp.implicit_connect" rabbitmq_stomp "implicit_connect" Bool;
    "stomp.ssl_cert_login" rabbitmq_stomp "ssl_cert_login" Bool;
    "auth_ldap.servers.$" rabbitmq_auth_backend_ldap "servers" Texts;
    "auth_ldap.port" rabbitmq_auth_backend_ldap "port" Int;
    "auth_ldap.timeout" rabbitmq_auth_backend_ldap "timeout" Int;
    "auth_ldap.use_ssl" rabbitmq_auth_backend_ldap "use_ssl" Bool;
    "auth_ldap.use_starttls" rabbitmq_auth_backend_ldap "use_starttls" Bool;
    "auth_ldap.log" rabbitmq_auth_backend_ldap "log" Atom;
    "auth_ldap.user_dn_pattern" rabbitmq_auth_backend_ldap "user_dn_pattern" Text;
    "auth_ldap.dn_lookup_attribute" rabbitmq_auth_backend_ldap "dn_lookup_attribute" Text;
    "auth_ldap.dn_lookup_base" rabbitmq_auth_backend_ldap "dn_lookup_base" Text;
    "auth_http.user_path" rabbitmq_auth_backend_http "user_path" Text;
    "auth_http.vhost_path" rabbitmq_auth_backend_http "vhost_path" Text;
    "auth_http.resource_path" rabbitmq_auth_backend_http "resource_path" Text;
    "web_stomp.port" rabbitmq_web_stomp "port" Int;
}

/// The short names of authentication backends.
pub const BACKENDS: &[(&str, &str)] = &[
    ("internal", "rabbit_auth_backend_internal"),
    ("ldap", "rabbit_auth_backend_ldap"),
    ("http", "rabbit_auth_backend_http"),
    ("amqp", "rabbit_auth_backend_amqp"),
    ("dummy", "rabbit_auth_backend_dummy"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found() {
        let path = |key| find(key).map(|(known, word)| (known.app, known.path, word));
        assert_eq!(path("heartbeat"), Some(("rabbit", &["heartbeat"] as &[_], "")));
        assert_eq!(path("listeners.tcp"), Some(("rabbit", &["tcp_listeners"] as &[_], "")));
        assert_eq!(path("listeners.tcp.default"), Some(("rabbit", &["tcp_listeners"] as &[_], "default")));
        assert_eq!(path("ssl_options.versions.1"), Some(("rabbit", &["ssl_options", "versions"] as &[_], "1")));
        assert_eq!(path("consumer_timeout"), None);
        assert_eq!(path("heartbeat.x"), None);
    }

    #[test]
    fn each_key_stands_once() {
        let mut keys: Vec<&str> = KEYS.iter().map(|known| known.key).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), KEYS.len());
    }
}
