//! Compares the units of a host with what the release wants to run.

use jiff::Timestamp;

use crate::live::{FileState, Observed, Place, Probe, UnitState};
use crate::name::{HostPath, UnitName};
use crate::release::OnChange;

use super::base::Base;
use super::desired::Desired;
use super::{Action, Cause, Change, Class, Difference, Held, HeldCode, Plan, Subject, Unknown};

/// Adds what differs about the units: one that does not run, does not start at boot, is masked or not installed, or has
/// not read its files since they were written.
pub(super) fn compare(plan: &mut Plan, base: &Base, desired: &Desired, observed: &Observed) {
    if observed.place == Place::Sandbox {
        return;
    }
    for unit in &desired.role.services {
        let cause = if base.units.contains(unit) { Cause::Drift } else { Cause::Release };
        let change = |action, differs| Change {
            subject: Subject::Unit { unit: unit.clone() },
            action,
            cause,
            class: if action == Action::Reload { Class::Reload } else { Class::Live },
            differs: vec![differs],
            diff: None,
            modified: None,
            since: None,
            held: None,
        };
        match observed.units.get(unit) {
            None => {}
            Some(Probe::Failed(why)) => {
                let unknown = Unknown {
                    subject: format!("{unit}: whether it runs"),
                    why: why.clone(),
                    help: None,
                    blocks: false,
                };
                plan.unknown.push(unknown);
            }
            Some(Probe::Absent) => {
                let mut missing = change(Action::Start, differs("not installed", "active"));
                missing.held = Some(not_installed(unit));
                plan.changes.push(missing);
            }
            Some(Probe::Seen(state)) if state.masked => {
                let mut masked = change(Action::Start, differs("masked", "enabled and active"));
                masked.held = Some(masked_by_hand(unit));
                plan.changes.push(masked);
            }
            Some(Probe::Seen(state)) => {
                if state.enabled == Some(false) {
                    plan.changes.push(change(Action::Enable, differs("disabled", "enabled")));
                }
                if state.stale && !plan.changes.iter().any(|change| asks_units(change, desired)) {
                    let live = "its unit files were written and not read since";
                    plan.changes.push(change(Action::ReadUnit, differs(live, "the unit files as they are")));
                }
                if !state.active {
                    plan.changes.push(change(Action::Start, differs(&state.state, "active")));
                } else if let Some(written) = unread(unit, state, base, desired, observed)
                    && !plan.changes.iter().any(|change| asks_reload(change, unit, desired))
                {
                    let live = format!("files that were written at {written} and not read since");
                    plan.changes.push(change(Action::Reload, differs(&live, "the files as they are")));
                }
            }
        }
    }
}

fn differs(live: &str, wanted: &str) -> Difference {
    Difference::State { live: live.to_owned(), wanted: wanted.to_owned() }
}

/// Whether a change of a file lets the unit read its files anyway.
fn asks_reload(change: &Change, unit: &UnitName, desired: &Desired) -> bool {
    let wanted = change.subject.path().and_then(|path| desired.files.get(path));
    change.held.is_none() && wanted.is_some_and(|wanted| wanted.on_change == OnChange::Reload(unit.clone()))
}

/// Whether a change of a file lets systemd read its units anyway.
fn asks_units(change: &Change, desired: &Desired) -> bool {
    let wanted = change.subject.path().and_then(|path| desired.files.get(path));
    change.held.is_none()
        && wanted.is_some_and(|wanted| matches!(wanted.on_change, OnChange::Units | OnChange::DaemonReload(_)))
}

/// Returns when a file was written that the unit has not read since, as far as the times tell: it was started before, and
/// no run has told it.
fn unread(
    unit: &UnitName,
    state: &UnitState,
    base: &Base,
    desired: &Desired,
    observed: &Observed,
) -> Option<Timestamp> {
    let since = state.since?;
    if !files_of(unit, desired, observed).all(|(_, live)| live.is_some_and(|live| live.bytes().is_some())) {
        // A daemon that is told to read what is no file stops, or waits for ever.
        return None;
    }
    let written = newest(unit, desired, observed)?;
    let told = base.told.get(unit).is_some_and(|told| *told >= written);
    (written > since && !told).then_some(written)
}

/// Returns when the newest of the files was written that the unit reads when it is told to.
pub(super) fn newest(unit: &UnitName, desired: &Desired, observed: &Observed) -> Option<Timestamp> {
    files_of(unit, desired, observed).filter_map(|(_, live)| Some(live?.modified)).max()
}

/// Returns the files that a unit reads when it is told to, as far as they were seen.
fn files_of<'a>(
    unit: &UnitName,
    desired: &'a Desired,
    observed: &'a Observed,
) -> impl Iterator<Item = (&'a HostPath, Option<&'a FileState>)> {
    let reads = OnChange::Reload(unit.clone());
    let files = desired.files.iter().filter(move |(_, wanted)| wanted.on_change == reads);
    files.map(|(path, _)| (path, observed.files.get(path).and_then(Probe::seen)))
}

fn not_installed(unit: &UnitName) -> Held {
    Held {
        code: HeldCode::NotInstalled,
        why: format!("this host has no `{unit}`"),
        help: "install its package; the next run then starts it".to_owned(),
    }
}

fn masked_by_hand(unit: &UnitName) -> Held {
    Held {
        code: HeldCode::Masked,
        why: "somebody masked it, and nothing but a person undoes that".to_owned(),
        help: format!("systemctl unmask {unit}; the next run then starts it"),
    }
}

#[cfg(test)]
mod tests;
