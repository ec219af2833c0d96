//! Compares the plugins that run in the broker with those that the release enables.

use crate::live::{Observed, Probe};
use crate::release::OnChange;

use super::desired::Desired;
use super::{Action, Cause, Change, Class, Difference, Plan, Subject};

/// Adds a change for each plugin that the release enables and that does not run. Where the list of the plugins differs,
/// that change is enough.
pub(super) fn compare(plan: &mut Plan, desired: &Desired, observed: &Observed) {
    let Some(broker) = &desired.role.broker else { return };
    let Some(cluster) = observed.cluster.as_ref().filter(|cluster| cluster.runs == Probe::Seen(true)) else { return };
    let Some(running) = cluster.own.applications.seen() else { return };
    let is_list = |change: &Change| {
        let wanted = change.subject.path().and_then(|path| desired.files.get(path));
        wanted.is_some_and(|wanted| wanted.on_change == OnChange::Plugins)
    };
    if plan.changes.iter().any(is_list) {
        return;
    }
    let stopped = broker.plugins.iter().filter(|name| !running.contains(*name));
    plan.changes.extend(stopped.map(|name| Change {
        subject: Subject::Plugin { name: name.clone() },
        action: Action::Start,
        cause: Cause::Drift,
        class: Class::Live,
        differs: vec![Difference::State { live: "enabled, and does not run".to_owned(), wanted: "running".to_owned() }],
        diff: None,
        modified: None,
        since: None,
        held: None,
    }));
}

/// Whether a plugin is to be started.
pub(super) fn asks(plan: &Plan) -> bool {
    let starts = |change: &Change| matches!(change.subject, Subject::Plugin { .. }) && change.held.is_none();
    plan.changes.iter().any(starts)
}
