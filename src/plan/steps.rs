//! Puts the steps of a plan in order, and keeps what the daemons have to be told.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::live::{Observed, Place, Probe, UnitState};
use crate::name::{HostPath, UnitName};
use crate::release::{Check, OnChange};

use super::base::{Base, Owed};
use super::desired::Desired;
use super::{Action, Cause, Change, Difference, Finding, FindingCode, Plan, Planned, Step, Subject, Unknown, Waiting};
use super::{cluster, plugins, transition};

/// The unit of the broker, on every platform.
pub(super) const BROKER: &str = "rabbitmq-server.service";

/// The files that ask for an action.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    files: BTreeSet<HostPath>,
    since: Option<Timestamp>,
}

/// Collects what the daemons have to be told: what earlier runs owe, and what this plan's changes ask for.
pub(super) fn asked(plan: &mut Plan, base: &Base, desired: &Desired, observed: &Observed) -> BTreeMap<OnChange, Asked> {
    let mut asked: BTreeMap<OnChange, Asked> = BTreeMap::new();
    for owed in base.owed.iter().filter(|owed| !is_settled(owed, observed)) {
        asked.insert(owed.action.clone(), Asked { files: owed.files.clone(), since: Some(owed.since) });
    }
    for change in plan.changes.iter().filter(|change| change.held.is_none() && is_rewritten(change)) {
        let Some(path) = change.subject.path() else { continue };
        let action = match (desired.files.get(path), base.files.get(path)) {
            (Some(wanted), _) => as_read(change, &wanted.on_change, base, observed),
            (None, Some(gone)) => gone.on_change.clone(),
            (None, None) => OnChange::Nothing,
        };
        if action == OnChange::Nothing
            || transition::is_rotation(change, observed)
            || (action == OnChange::Sysctl && change.action == Action::Remove)
        {
            continue;
        }
        if change.action == Action::Remove
            && !desired.files.values().any(|wanted| wanted.on_change == action)
            && let Some(finding) = orphaned(&action, observed)
        {
            plan.findings.push(finding);
            continue;
        }
        asked.entry(action).or_default().files.insert(path.clone());
    }
    asked
}

/// Returns what a change asks for: less, where it repairs a drift that a unit, which reads its files only when it starts,
/// has not read.
fn as_read(change: &Change, action: &OnChange, base: &Base, observed: &Observed) -> OnChange {
    let is_unread = |unit: &UnitName| change.cause == Cause::Drift && base.runs_as_seen(unit, observed);
    match action {
        OnChange::Restart(unit) if is_unread(unit) => OnChange::Nothing,
        OnChange::DaemonReload(unit) if is_unread(unit) => OnChange::Units,
        action => action.clone(),
    }
}

/// Whether a change alters bytes: mode and owner alone tell a daemon nothing.
fn is_rewritten(change: &Change) -> bool {
    change.differs.iter().any(|difference| !matches!(difference, Difference::Mode { .. } | Difference::Owner { .. }))
}

/// Says that a unit has lost the last of its files: it cannot be told to read them again.
fn orphaned(action: &OnChange, observed: &Observed) -> Option<Finding> {
    let (OnChange::Reload(unit) | OnChange::Restart(unit)) = action else { return None };
    (observed.place == Place::Machine).then(|| orphan(unit))
}

fn orphan(unit: &UnitName) -> Finding {
    Finding {
        code: FindingCode::OrphanedUnit,
        about: unit.to_string(),
        message: format!("the release no longer configures `{unit}` on this host"),
        help: format!("stop it if it still runs: systemctl disable --now {unit}"),
    }
}

/// Tells again of each unit that earlier releases configured, for as long as it runs.
pub(super) fn orphans(plan: &mut Plan, base: &Base, desired: &Desired, observed: &Observed) {
    for unit in base.orphans.iter().filter(|unit| !desired.role.services.contains(unit)) {
        let finding = orphan(unit);
        match observed.units.get(unit) {
            Some(Probe::Seen(state)) if state.active && !plan.findings.contains(&finding) => {
                plan.findings.push(finding);
            }
            Some(Probe::Failed(why)) => {
                plan.unknown.push(Unknown::beside(unit.as_str(), "whether it runs", why));
            }
            _ => {}
        }
    }
}

/// The unit that has to start again before an action is done.
fn restarts(action: &OnChange) -> Option<UnitName> {
    match action {
        OnChange::Restart(unit) | OnChange::DaemonReload(unit) => Some(unit.clone()),
        OnChange::Nothing | OnChange::Reload(_) | OnChange::Sysctl | OnChange::Units | OnChange::Plugins => None,
    }
}

/// Whether something is still owed by a run that took no step.
pub fn is_owed(owed: &Owed, observed: &Observed) -> bool {
    !is_settled(owed, observed)
}

/// Whether the unit has read its files since: it was started later, or it does not run.
fn is_settled(owed: &Owed, observed: &Observed) -> bool {
    let unit = match &owed.action {
        OnChange::Reload(unit) => Some(unit.clone()),
        OnChange::Plugins => Some(broker()),
        OnChange::DaemonReload(_) => None,
        action => restarts(action),
    };
    match unit.and_then(|unit| observed.units.get(&unit)) {
        Some(Probe::Seen(state)) => !state.active || state.since.is_some_and(|since| since > owed.since),
        Some(Probe::Absent) => true,
        _ => false,
    }
}

fn broker() -> UnitName {
    UnitName::parse(BROKER).expect("the constant is a unit name")
}

/// Fills in the steps, in the order in which they are taken.
pub(super) fn order(plan: &mut Plan, asked: &BTreeMap<OnChange, Asked>, desired: &Desired, observed: &Observed) {
    for path in &observed.leftovers {
        plan.findings.push(Finding {
            code: FindingCode::Leftover,
            about: path.to_string(),
            message: format!("a run that was killed left its candidate beside {path}"),
            help: "nothing to do: the next run that converges removes it".to_owned(),
        });
        plan.steps.push(Planned { step: Step::Clean { path: path.clone() }, skip: None });
    }
    let restarts = restarts_of(asked);
    let fresh = restarts.get(&broker()).filter(|_| cluster::is_fresh(observed) && runs(&broker(), observed));
    if let Some(Asked { files, .. }) = fresh {
        let step = Step::Stop { unit: broker(), files: files.clone() };
        plan.steps.push(Planned { step, skip: None });
    }
    let steps = file_steps(plan, desired, observed);
    plan.steps.extend(steps.into_iter().map(|step| Planned { step, skip: None }));
    Telling { asked, desired, observed, fresh: fresh.is_some() }.order(plan, restarts);
}

fn file_steps(plan: &Plan, desired: &Desired, observed: &Observed) -> Vec<Step> {
    let check_of = |path: &HostPath| desired.files.get(path).and_then(|wanted| wanted.check);
    let changes = plan.changes.iter().filter(|change| change.held.is_none());
    let mut changes: Vec<(&HostPath, &Change)> =
        changes.filter_map(|change| Some((change.subject.path()?, change))).collect();
    // A program's own check reads further files (keepalived looks for its scripts), so those are written before.
    changes.sort_by_key(|(path, change)| (change.action == Action::Remove, rank(check_of(path)), *path));
    let mut steps = Vec::new();
    for (path, change) in changes {
        let path = path.clone();
        let writes = !matches!(change.action, Action::Mode | Action::Owner | Action::Remove);
        if let (true, Some(check)) = (writes, check_of(&path)) {
            steps.push(Step::Check { path: path.clone(), check });
        }
        if let Some(node) = desired.role.broker.as_ref().filter(|_| transition::is_rotation(change, observed)) {
            steps.push(Step::SetCookie { path: path.clone(), node: node.node.clone() });
        }
        steps.push(match change.action {
            Action::Create | Action::Replace | Action::EditBlock => Step::Write { path },
            Action::Mode => Step::SetMode { path },
            Action::Owner => Step::SetOwner { path },
            Action::Remove if plan.candidates.get(&path).is_some_and(|c| !c.bytes.as_slice().is_empty()) => {
                Step::Write { path }
            }
            _ => Step::Remove { path },
        });
    }
    steps
}

fn rank(check: Option<Check>) -> u8 {
    match check {
        None => 0,
        Some(Check::Bash) => 1,
        Some(Check::Haproxy) => 2,
        Some(Check::Keepalived) => 3,
    }
}

/// Returns the units that have to start again, and for which files.
fn restarts_of(asked: &BTreeMap<OnChange, Asked>) -> BTreeMap<UnitName, Asked> {
    let mut all: BTreeMap<UnitName, Asked> = BTreeMap::new();
    for (action, one) in asked {
        if let Some(unit) = restarts(action) {
            let entry = all.entry(unit).or_default();
            entry.files.extend(one.files.iter().cloned());
            entry.since = entry.since.or(one.since);
        }
    }
    all
}

/// Whether a unit runs, as far as it was looked at.
fn runs(unit: &UnitName, observed: &Observed) -> bool {
    observed.units.get(unit).and_then(Probe::seen).is_some_and(|state| state.active)
}

/// What the daemons are told once the files are there.
struct Telling<'a> {
    asked: &'a BTreeMap<OnChange, Asked>,
    desired: &'a Desired,
    observed: &'a Observed,
    /// Whether the broker was stopped before: it holds nothing, and starts again with its new files.
    fresh: bool,
}

impl Telling<'_> {
    fn order(&self, plan: &mut Plan, restarts: BTreeMap<UnitName, Asked>) {
        let machine = (self.observed.place == Place::Sandbox).then(|| "sandbox root".to_owned());
        let mut units = BTreeSet::new();
        for (action, Asked { files, .. }) in self.asked {
            if let OnChange::DaemonReload(_) | OnChange::Units = action {
                units.extend(files.iter().cloned());
            }
            if let OnChange::Sysctl = action {
                let step =
                    |path: &HostPath| Planned { step: Step::Sysctl { path: path.clone() }, skip: machine.clone() };
                plan.steps.extend(files.iter().map(step));
            }
        }
        let stale = self.observed.units.values().filter_map(Probe::seen).any(|state| state.stale);
        if stale || !units.is_empty() {
            plan.steps.push(Planned { step: Step::DaemonReload { files: units }, skip: machine.clone() });
        }
        self.units_with(plan, Action::Enable, |unit| Step::Enable { unit });
        let mut told = self.reloads(plan, machine.as_ref());
        told.extend(self.restarts(plan, machine.as_ref(), restarts));
        told.extend(self.units_with(plan, Action::Start, |unit| Step::Start { unit }));
        let probes = self.desired.role.services.iter().filter(|unit| told.contains(*unit));
        plan.steps.extend(probes.map(|unit| Planned { step: Step::Probe { unit: unit.clone() }, skip: None }));
        self.plugins(plan, machine);
    }

    /// Adds a step for each unit with such a change, in the order in which the units start.
    fn units_with(&self, plan: &mut Plan, action: Action, step: impl Fn(UnitName) -> Step) -> Vec<UnitName> {
        let asks = |unit: &&UnitName| {
            plan.changes.iter().any(|change| {
                change.action == action
                    && change.held.is_none()
                    && matches!(&change.subject, Subject::Unit { unit: of } if of == *unit)
            })
        };
        let units: Vec<UnitName> = self.desired.role.services.iter().filter(asks).cloned().collect();
        plan.steps.extend(units.iter().map(|unit| Planned { step: step(unit.clone()), skip: None }));
        units
    }

    fn reloads(&self, plan: &mut Plan, machine: Option<&String>) -> Vec<UnitName> {
        let mut reloads: BTreeMap<UnitName, BTreeSet<HostPath>> = BTreeMap::new();
        for (action, Asked { files, .. }) in self.asked {
            if let OnChange::Reload(unit) = action {
                reloads.insert(unit.clone(), files.clone());
            }
        }
        for change in plan.changes.iter().filter(|change| change.action == Action::Reload && change.held.is_none()) {
            if let Subject::Unit { unit } = &change.subject {
                let reads = OnChange::Reload(unit.clone());
                let files = self.desired.files.iter().filter(|(_, wanted)| wanted.on_change == reads);
                reloads.entry(unit.clone()).or_default().extend(files.map(|(path, _)| path.clone()));
            }
        }
        let mut told = Vec::new();
        for (unit, files) in reloads {
            let skip = machine.cloned().or_else(|| not_running(plan, &unit, self.observed));
            if skip.is_none() {
                told.push(unit.clone());
            }
            plan.steps.push(Planned { step: Step::Reload { unit, files }, skip });
        }
        told
    }

    fn restarts(
        &self,
        plan: &mut Plan,
        machine: Option<&String>,
        restarts: BTreeMap<UnitName, Asked>,
    ) -> Vec<UnitName> {
        let mut started = Vec::new();
        for (unit, Asked { files, since }) in restarts {
            if self.fresh && unit == broker() {
                plan.steps.push(Planned { step: Step::Start { unit: unit.clone() }, skip: None });
                started.push(unit);
                continue;
            }
            let idle = machine.cloned().or_else(|| not_running(plan, &unit, self.observed));
            if idle.is_none() {
                let since = since.unwrap_or(self.observed.at);
                plan.waiting.push(Waiting { unit: unit.clone(), files: files.clone(), since, shut: Vec::new() });
            }
            let skip = Some(idle.unwrap_or_else(|| "waits until a person restarts it, one host at a time".to_owned()));
            plan.steps.push(Planned { step: Step::Restart { unit, files }, skip });
        }
        started
    }

    fn plugins(&self, plan: &mut Plan, machine: Option<String>) {
        let files = match self.asked.get(&OnChange::Plugins) {
            Some(Asked { files, .. }) => files.clone(),
            None if plugins::asks(plan) => BTreeSet::new(),
            None => return,
        };
        if let Some(node) = &self.desired.role.broker {
            let skip = machine.or_else(|| not_running(plan, &broker(), self.observed));
            let skip = skip.or_else(|| self.fresh.then(|| "it starts with the file".to_owned()));
            let step = Step::SwitchPlugins { plugins: node.plugins.clone(), files };
            plan.steps.push(Planned { step, skip });
        }
    }
}

/// Returns why a unit need not, or cannot, be told. A unit that was not asked about yet is taken to run.
fn not_running(plan: &mut Plan, unit: &UnitName, observed: &Observed) -> Option<String> {
    match observed.units.get(unit) {
        None | Some(Probe::Seen(UnitState { active: true, .. })) => None,
        Some(Probe::Seen(_)) => Some("it does not run; it reads the files when it starts".to_owned()),
        Some(Probe::Absent) => Some("this host has no such unit".to_owned()),
        Some(Probe::Failed(why)) => {
            let subject = format!("{unit}: whether it has read its files");
            let unknown = Unknown { subject, why: why.clone(), help: None, blocks: false };
            if !plan.unknown.contains(&unknown) {
                plan.unknown.push(unknown);
            }
            Some(why.clone())
        }
    }
}

/// Returns what is still owed after a run. `written` says whether a file was written or removed, `done` whether a step
/// was taken.
pub fn owed_after(
    plan: &Plan,
    base: &Base,
    observed: &Observed,
    written: impl Fn(&HostPath) -> bool,
    done: impl Fn(&Step) -> bool,
) -> Vec<Owed> {
    let earlier = |path: &HostPath| base.owed.iter().any(|owed| owed.files.contains(path));
    let mut owed: BTreeMap<OnChange, BTreeSet<HostPath>> = BTreeMap::new();
    for Planned { step, skip } in &plan.steps {
        let (action, files) = match step {
            Step::Sysctl { path } => (OnChange::Sysctl, BTreeSet::from([path.clone()])),
            Step::Reload { unit, files } => (OnChange::Reload(unit.clone()), files.clone()),
            Step::SwitchPlugins { files, .. } => (OnChange::Plugins, files.clone()),
            Step::Restart { unit, files } if plan.waiting.iter().any(|waiting| waiting.unit == *unit) => {
                let untold = plan.steps.iter().any(|planned| match &planned.step {
                    Step::DaemonReload { files: units } => {
                        planned.skip.is_none() && !done(&planned.step) && !units.is_disjoint(files)
                    }
                    _ => false,
                });
                let action = if untold { OnChange::DaemonReload } else { OnChange::Restart };
                (action(unit.clone()), files.clone())
            }
            _ => continue,
        };
        let waits = matches!(step, Step::Restart { .. });
        if (skip.is_some() && !waits) || done(step) {
            continue;
        }
        let files: BTreeSet<HostPath> = files.into_iter().filter(|path| written(path) || earlier(path)).collect();
        if !files.is_empty() {
            owed.entry(action).or_default().extend(files);
        }
    }
    let since = |action: &OnChange, files: &BTreeSet<HostPath>| {
        let before = base.owed.iter().find(|owed| owed.action == *action && owed.files.is_superset(files));
        before.map_or(observed.at, |owed| owed.since)
    };
    owed.into_iter().map(|(action, files)| Owed { since: since(&action, &files), action, files }).collect()
}
