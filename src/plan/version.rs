//! What runs beside what the release is written for: other versions, old processes, limits that were changed by hand.

use std::collections::BTreeMap;

use crate::live::{Broker, Observed, Probe, UnitState};
use crate::name::UnitName;

use super::base::Base;
use super::desired::Desired;
use super::unknown::{LIMITS, PROGRAM, VERSION};
use super::{Finding, FindingCode, Plan, Unknown};

/// Adds a finding for each program of another version, for each daemon whose program was replaced under it, for a HAProxy
/// that still has old workers, and for each limit of RabbitMQ that is not the one it started with.
pub(super) fn compare(plan: &mut Plan, base: &Base, desired: &Desired, observed: &Observed) {
    unasked(plan, desired, observed);
    let mut add = |code, about: &str, message: String, help: &str| {
        plan.findings.push(Finding { code, about: about.to_owned(), message, help: help.to_owned() });
    };
    for (program, wanted, live) in versions(desired, observed).into_iter().filter(|(_, wanted, live)| wanted != live) {
        let message = format!("{program} is {live} here, and the release is written for {wanted}");
        add(
            FindingCode::OtherVersion,
            program,
            message,
            "say in the spec what is installed, or install what the spec says",
        );
    }
    let runs =
        |(unit, probe): (_, &'_ Probe<UnitState>)| Some((unit, probe.seen().filter(|state| state.active)?.clone()));
    let running: Vec<(&UnitName, UnitState)> = observed.units.iter().filter_map(runs).collect();
    for (unit, _) in running.iter().filter(|(_, state)| state.replaced == Some(true)) {
        let message =
            format!("`{unit}` still runs the program that was installed when it started; it was replaced since");
        let help = format!("systemctl restart {unit}, on one host after the other");
        add(FindingCode::ReplacedProgram, unit.as_str(), message, &help);
    }
    for (_, state) in running.iter().filter(|(unit, state)| unit.as_str() == HAPROXY && state.workers > 1) {
        let (old, s) = (state.workers - 1, if state.workers == 2 { "" } else { "es" });
        let message = format!("{old} old HAProxy process{s} still serve connections by an older configuration");
        let help = "nothing to do: each ends with its last connection, at the latest after `hard-stop-after`";
        add(FindingCode::OldWorkers, HAPROXY, message, help);
    }
    for (name, (was, now)) in base.changed_limits(observed) {
        let message = format!("RabbitMQ runs with {name} {now}, and with {was} when its files were read");
        let help =
            "somebody changed it in the running node; it holds until that starts again: set it back with rabbitmqctl";
        add(FindingCode::ChangedWhileRunning, name, message, help);
    }
}

const HAPROXY: &str = "haproxy.service";

/// Returns the programs of which a version is wanted and one was seen.
fn versions<'a>(desired: &'a Desired, observed: &'a Observed) -> Vec<(&'static str, &'a str, &'a str)> {
    let seen = |(program, wanted, live): (_, _, &'a Probe<String>)| Some((program, wanted, live.seen()?.as_str()));
    asked(desired, observed).into_iter().filter_map(seen).collect()
}

/// Returns the programs of which a version is wanted, and what they say.
fn asked<'a>(desired: &'a Desired, observed: &'a Observed) -> Vec<(&'static str, &'a str, &'a Probe<String>)> {
    let broker = desired.role.broker.as_ref().zip(answering(observed));
    let broker = broker.map(|(broker, own)| ("RabbitMQ", broker.version.as_str(), &own.version));
    let others = desired.role.versions.iter().filter_map(|(unit, wanted)| {
        let program = if unit.as_str() == HAPROXY { "HAProxy" } else { "Keepalived" };
        Some((program, wanted.as_str(), observed.versions.get(unit)?))
    });
    broker.into_iter().chain(others).collect()
}

/// Returns this host's node, if it tells of its cluster.
fn answering(observed: &Observed) -> Option<&Broker> {
    observed.cluster.as_ref().map(|cluster| &cluster.own).filter(|own| own.in_cluster().is_some())
}

/// Says what could not be asked. A broker that does not answer at all is told of as such.
fn unasked(plan: &mut Plan, desired: &Desired, observed: &Observed) {
    for (program, _, live) in asked(desired, observed) {
        if let Probe::Failed(why) = live {
            plan.unknown.push(Unknown::beside(program, VERSION, why));
        }
    }
    if let Some(Probe::Failed(why)) = answering(observed).map(|own| &own.limits) {
        plan.unknown.push(Unknown::beside("RabbitMQ", LIMITS, why));
    }
    let runs = |probe: &Probe<UnitState>| probe.seen().is_some_and(|state| state.active && state.replaced.is_none());
    for (unit, _) in observed.units.iter().filter(|(_, probe)| runs(probe)) {
        let why = "its process cannot be looked at";
        plan.unknown.push(Unknown::beside(unit.as_str(), PROGRAM, why));
    }
}

impl Base {
    /// Returns the limits of the node that differ from those after the start that the base knows: then, and now.
    fn changed_limits<'a>(&'a self, observed: &'a Observed) -> BTreeMap<&'a str, (&'a str, &'a str)> {
        let live = observed.cluster.as_ref().and_then(|cluster| cluster.own.limits.seen());
        let same_start = |live: &&_| {
            let _: &BTreeMap<String, String> = live;
            self.started.keys().any(|unit| unit.as_str() == super::steps::BROKER && self.runs_as_seen(unit, observed))
        };
        let pairs = live.filter(same_start).into_iter().flatten();
        let changed = pairs.filter_map(|(name, now)| {
            let was = self.limits.get(name).filter(|was| *was != now)?;
            Some((name.as_str(), (was.as_str(), now.as_str())))
        });
        changed.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_programs() {
        let role = serde_json::json!({"versions": {"haproxy.service": "2.6.12", "keepalived.service": "2.2.7"}});
        let desired = Desired { role: serde_json::from_value(role).expect("a role"), ..Desired::default() };
        let unit = |name: &str| UnitName::parse(name).expect("a unit");
        let mut observed = Observed::empty("2026-01-02T03:00:00Z".parse().expect("a time"));
        let found = |observed: &Observed| {
            let mut plan = Plan::default();
            compare(&mut plan, &Base::default(), &desired, observed);
            plan.findings.into_iter().map(|finding| finding.message).collect::<Vec<_>>()
        };
        assert_eq!(found(&observed), [""; 0]);
        observed.versions.insert(unit("haproxy.service"), Probe::Seen("2.6.12".to_owned()));
        observed.versions.insert(unit("keepalived.service"), Probe::Failed("no answer".to_owned()));
        assert_eq!(found(&observed), [""; 0]);
        observed.versions.insert(unit("haproxy.service"), Probe::Seen("2.8.1".to_owned()));
        let state = |active, replaced, workers| {
            Probe::Seen(UnitState { active, workers, replaced: Some(replaced), ..UnitState::default() })
        };
        observed.units.insert(unit("haproxy.service"), state(true, true, 3));
        observed.units.insert(unit("keepalived.service"), state(false, true, 3));
        assert_eq!(
            found(&observed),
            [
                "HAProxy is 2.8.1 here, and the release is written for 2.6.12",
                "`haproxy.service` still runs the program that was installed when it started; it was replaced since",
                "2 old HAProxy processes still serve connections by an older configuration",
            ]
        );
    }
}
