//! Paths, users and units of each platform.

use serde::{Deserialize, Serialize};

/// A family of operating systems that agree on paths, users and unit names.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// Debian, Ubuntu and their relatives.
    #[default]
    Debian,
    /// RHEL, CentOS, Rocky, Alma, Fedora.
    Rhel,
}

/// The unit of the broker.
pub const RABBITMQ_UNIT: &str = "rabbitmq-server.service";
/// The unit of HAProxy.
pub const HAPROXY_UNIT: &str = "haproxy.service";
/// The unit of Keepalived.
pub const KEEPALIVED_UNIT: &str = "keepalived.service";

/// The user and group of the broker, who owns the cookie and what `rabbitmq-plugins` writes.
pub const RABBITMQ_USER: &str = "rabbitmq";

/// The file of the broker's environment.
pub const RABBITMQ_ENV: &str = "/etc/rabbitmq/rabbitmq-env.conf";
/// The broker's configuration since 3.7.
pub const RABBITMQ_CONF: &str = "/etc/rabbitmq/rabbitmq.conf";
/// The broker's configuration in 3.6.
pub const RABBITMQ_CONFIG: &str = "/etc/rabbitmq/rabbitmq.config";
/// The Erlang terms beside `rabbitmq.conf`.
pub const ADVANCED_CONFIG: &str = "/etc/rabbitmq/advanced.config";
/// The list of the enabled plugins.
pub const ENABLED_PLUGINS: &str = "/etc/rabbitmq/enabled_plugins";
/// The Erlang cookie: the home directory of the user on every platform.
pub const COOKIE: &str = "/var/lib/rabbitmq/.erlang.cookie";
/// The names and addresses that every host knows.
pub const HOSTS: &str = "/etc/hosts";
/// HAProxy's configuration.
pub const HAPROXY_CFG: &str = "/etc/haproxy/haproxy.cfg";
/// Keepalived's configuration.
pub const KEEPALIVED_CONF: &str = "/etc/keepalived/keepalived.conf";
/// The script by which Keepalived watches HAProxy. SELinux's policy labels this directory
/// `keepalived_unconfined_script_exec_t` by itself (`keepalived.fc`), and no one but root may write in it.
pub const CHECK_SCRIPT: &str = "/usr/libexec/keepalived/check-haproxy";
/// The kernel's settings.
pub const SYSCTL: &str = "/etc/sysctl.d/60-rmqgit.conf";
/// The name of the drop-in below a unit's `.d` directory.
pub const DROP_IN: &str = "50-rmqgit.conf";

/// What HAProxy's own package expects on a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct HaproxyFacts {
    /// The user and the group that the workers run as.
    pub user: &'static str,
    /// The directory that the workers are locked into.
    pub chroot: &'static str,
    /// The administration socket.
    pub socket: &'static str,
    /// The target of `log`: Debian's package puts a `/dev/log` into the chroot, RHEL's expects syslog's UDP port.
    pub log: &'static [&'static str],
}

impl Platform {
    /// Returns what HAProxy's package expects.
    pub fn haproxy(self) -> HaproxyFacts {
        match self {
            Self::Debian => HaproxyFacts {
                user: "haproxy",
                chroot: "/var/lib/haproxy",
                socket: "/run/haproxy/admin.sock",
                log: &["/dev/log", "local0"],
            },
            Self::Rhel => HaproxyFacts {
                user: "haproxy",
                chroot: "/var/lib/haproxy",
                socket: "/var/lib/haproxy/stats",
                log: &["127.0.0.1", "local2"],
            },
        }
    }
}
