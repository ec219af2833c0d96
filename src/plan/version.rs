//! What runs beside what the release is written for: another version of RabbitMQ, old processes of HAProxy.

use crate::live::{Observed, Probe};

use super::desired::Desired;
use super::{Finding, FindingCode, Plan};

/// Adds a finding for a RabbitMQ of another version, and for a HAProxy that still has old workers.
pub(super) fn compare(plan: &mut Plan, desired: &Desired, observed: &Observed) {
    let live = observed.cluster.as_ref().and_then(|cluster| cluster.own.version.seen());
    if let (Some(broker), Some(live)) = (&desired.role.broker, live)
        && broker.version != *live
    {
        let message = format!("RabbitMQ {live} runs here, and the release is written for {}", broker.version);
        let help = "say in the spec what is installed, or install what the spec says".to_owned();
        plan.findings.push(Finding { code: FindingCode::OtherVersion, message, help });
    }
    let haproxy = observed.units.iter().find(|(unit, _)| unit.as_str() == "haproxy.service");
    if let Some(state) = haproxy.and_then(|(_, probe): (_, &Probe<_>)| probe.seen())
        && state.active
        && state.workers > 1
    {
        let old = state.workers - 1;
        let message = format!(
            "{old} old HAProxy process{} still serve connections by an older configuration",
            if old == 1 { "" } else { "es" }
        );
        let help =
            "nothing to do: each ends with its last connection, at the latest after `hard-stop-after`".to_owned();
        plan.findings.push(Finding { code: FindingCode::OldWorkers, message, help });
    }
}
