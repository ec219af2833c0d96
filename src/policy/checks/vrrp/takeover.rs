//! How long the address stays with a host whose HAProxy is dead, or that is dead itself.

use super::super::super::{Finding, Subject};
use super::each;
use crate::model::{Instance, TrackScript};

/// Half of what RabbitMQ's Java client waits for a connection before it gives up (`DEFAULT_CONNECTION_TIMEOUT`, 60 s;
/// <https://github.com/rabbitmq/rabbitmq-java-client>, `ConnectionFactory.java`).
const LONGEST_MS: u64 = 30_000;

/// The times that add up until another member holds the address, in milliseconds, in the worst case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Takeover {
    /// Until the check counts as failed.
    noticed: u64,
    /// Until the last backup's timer ends after that: three advertisements and the skew, or the skew alone where the host
    /// says that it gives up.
    then: u64,
    /// Until the last backup's timer ends where the host just falls silent.
    silent: u64,
}

/// Finds instances whose address moves only after a long time.
pub(in super::super) fn slow_takeover(subject: &Subject<'_>) -> Vec<Finding> {
    each(subject, |instance, check| {
        let takeover = takeover(instance, check);
        let total = (takeover.noticed + takeover.then).max(takeover.silent);
        if total <= LONGEST_MS {
            return None;
        }
        let finding = Finding::new()
            .with("instance", instance.name.as_str())
            .with("seconds", total.div_ceil(1000))
            .with("noticed", seconds(takeover.noticed))
            .with("then", seconds(takeover.then));
        let slowest = if takeover.noticed > takeover.silent {
            finding.at(
                &["keepalived", "check"],
                format!("a dead HAProxy counts as down after {} s", seconds(takeover.noticed)),
            )
        } else {
            let label = format!("a dead host is missed after {} s", seconds(takeover.silent));
            finding.at(&["keepalived", "instances", &instance.name, "advert_int"], label)
        };
        Some(slowest)
    })
}

/// Adds the times up. A check that hangs is killed at its time-out, and the next one starts with the next interval. Under
/// weight 0 the host says that it gives the address up, and only the skew is left.
/// Source: RFC 5798, 6.1; `VRRP_MS_DOWN_TIMER` of keepalived/include/vrrp.h; man keepalived.conf, `vrrp_script`.
fn takeover(instance: &Instance, check: &TrackScript) -> Takeover {
    let run =
        u64::from(check.interval).max(u64::from(check.timeout).next_multiple_of(u64::from(check.interval.max(1))));
    let lowest = instance.members.iter().map(|member| u64::from(member.priority.value)).min().unwrap_or(1);
    let advert = u64::from(instance.advert_int) * 1000;
    // Version 2 has a skew of at most one second, version 3 of at most one interval.
    let unit = if instance.vrrp_version == 3 { advert } else { 1000 };
    let skew = (256 - lowest) * unit / 256;
    let silent = 3 * advert + skew;
    Takeover {
        noticed: u64::from(check.fall) * run * 1000,
        then: if check.weight == 0 { skew } else { silent },
        silent,
    }
}

fn seconds(millis: u64) -> String {
    let (whole, tenth) = (millis / 1000, millis % 1000 / 100);
    if tenth == 0 { whole.to_string() } else { format!("{whole}.{tenth}") }
}
