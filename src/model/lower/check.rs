//! HAProxy's health checks, and what holds for each kind of front.

use super::balancer::check_path;
use super::text;
use crate::diag::Diagnostics;
use crate::facts::version::Version;
use crate::model::{Broker, CheckKind, ConfigValue, HealthCheck, Mode};
use crate::spec::{self, CheckType};

/// The first version with health checks that need no password (`rabbit_mgmt_wm_health_check_*.erl` of 4.1.1).
const OPEN_CHECKS: Version = Version::new(4, 1, 1);

/// What is behind a front, and the front's defaults.
pub(super) struct Service {
    pub(super) name: &'static str,
    pub(super) port: u16,
    pub(super) server_port: u16,
    pub(super) mode: Mode,
    pub(super) balance: &'static str,
    pub(super) timeout: &'static str,
    /// The check when the spec does not say which.
    check: CheckType,
    /// The page of an HTTP check and its port.
    page: String,
    page_port: Option<u16>,
}

impl Service {
    /// The AMQP listeners. The best check of a version is the one that knows most without a password.
    pub(super) fn amqp(broker: &Broker, port: u16) -> Self {
        let open = broker.version.value >= OPEN_CHECKS && broker.has_plugin("rabbitmq_management");
        Self {
            name: "amqp",
            port,
            server_port: broker.port.value,
            mode: Mode::Tcp,
            balance: "leastconn",
            timeout: "3h",
            check: if open { CheckType::Http } else { CheckType::Tcp },
            page: format!("{}/api/health/checks/ready-to-serve-clients", path_prefix(broker)),
            page_port: Some(broker.management_port.value),
        }
    }

    /// The management page.
    pub(super) fn management(broker: &Broker) -> Self {
        Self {
            name: "management",
            port: 15673,
            server_port: broker.management_port.value,
            mode: Mode::Http,
            balance: "source",
            timeout: "1m",
            check: CheckType::Http,
            page: format!("{}/", path_prefix(broker)),
            page_port: None,
        }
    }
}

/// Returns what stands before every path of the management plugin.
fn path_prefix(broker: &Broker) -> &str {
    match broker.config.get("management.path_prefix").map(|setting| &setting.value) {
        Some(ConfigValue::Text(prefix)) => prefix.trim_end_matches('/'),
        _ => "",
    }
}

/// Resolves a health check.
pub(super) fn lower_check(diags: &mut Diagnostics, check: &spec::Check, service: &Service) -> HealthCheck {
    let of_http = [
        ("port", check.port.map(|given| given.place)),
        ("uri", check.uri.as_ref().map(|given| given.place)),
        ("status", check.status.map(|given| given.place)),
    ];
    let asks_http = of_http.iter().any(|(_, place)| place.is_some());
    let kind = match check.kind {
        Some(given) => given.value,
        None if asks_http => CheckType::Http,
        None => service.check,
    };
    if let Some(given) = check.kind.filter(|given| given.value != CheckType::Http) {
        for (field, place) in of_http {
            if let Some(place) = place {
                text::conflict(
                    diags,
                    ("type", given.place),
                    (field, place),
                    "only a check of type `http` asks for a page",
                );
            }
        }
    }
    HealthCheck {
        kind: match kind {
            CheckType::Tcp => CheckKind::Tcp,
            CheckType::Amqp => CheckKind::Amqp,
            CheckType::Http => lower_page(diags, check, service),
        },
        inter: text::duration(diags, check.inter.as_ref(), "3s"),
        rise: text::number(diags, check.rise.as_ref(), 2, ("`rise`", 1..=1000)),
        fall: text::number(diags, check.fall.as_ref(), 3, ("`fall`", 1..=1000)),
        shutdown_sessions: check.shutdown_sessions.unwrap_or(service.mode == Mode::Tcp),
    }
}

fn lower_page(diags: &mut Diagnostics, check: &spec::Check, service: &Service) -> CheckKind {
    if let Some(uri) = &check.uri {
        check_path(diags, uri);
    }
    if let Some(port) = check.port {
        text::range(diags, port, &(1..=u16::MAX), "the port");
    }
    CheckKind::Http {
        port: check.port.map(|port| port.value).or(service.page_port),
        uri: check.uri.as_ref().map_or_else(|| service.page.clone(), |uri| uri.value.clone()),
        status: text::number(diags, check.status.as_ref(), 200, ("the status", 100..=599)),
    }
}
