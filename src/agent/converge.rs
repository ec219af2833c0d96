//! Brings the host to what a release asks for, round by round, and back to the last good release where that fails.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::apply;
use crate::live::Observed;
use crate::name::{ReleaseId, UnitName};
use crate::plan::{self, Action, Change, Desired, Finding, Outcome, Plan, Step, StepResult, Subject};
use crate::release::OnChange;
use crate::report::{Failure, FailureCode, Next};
use crate::sys::clock;

use super::Run;
use super::state::BadRelease;

/// The most rounds of one run. What a round makes possible, such as asking a broker that has just started, the next one
/// does.
const MOST_ROUNDS: usize = 6;

/// How often a new node looks again whether its peers are ready for it.
const MOST_WAITS: u32 = 12;
/// How long it waits between two looks.
const PAUSE: Duration = Duration::from_secs(5);

/// What the rounds of a run have done so far.
#[derive(Default)]
struct Done {
    changes: BTreeMap<(Subject, Action), Change>,
    outcomes: Vec<Outcome>,
    findings: Vec<Finding>,
}

impl Run<'_> {
    /// Takes the steps of a plan, looks again, and takes the steps that have become possible.
    pub(super) fn converge(&mut self, release: &ReleaseId, desired: &Desired, mut observed: Observed, mut plan: Plan) {
        let mut done = Done::default();
        for round in 1.. {
            self.state.base = self.state.base.recovered(&observed);
            if let Some(mut intent) = plan.intent(self.report.at) {
                // What a killed run left is known by its record alone, until it is cleaned away.
                let unknown = observed.leftovers.iter().filter(|path| !desired.files.contains_key(*path));
                for path in unknown {
                    intent.files.entry(path.clone()).or_insert(None);
                }
                self.state.base.intent = Some(intent);
                self.state.release = Some(release.clone());
                if let Err(error) = self.save() {
                    // What was not recorded is not begun.
                    self.fail(&error, Next::Retry);
                    return self.report.propose(plan);
                }
            }
            let outcomes = apply::apply(&self.root, &plan);
            done.changes.extend(plan.changes.iter().map(|one| ((one.subject.clone(), one.action), one.clone())));
            let failed = outcomes.iter().any(Outcome::is_bad);
            let next = self.after(release, desired, &plan, &outcomes);
            done.outcomes.extend(outcomes);
            let mut next = next;
            for _ in 0..MOST_WAITS {
                if failed || next.1.has_work() || !next.1.is_forming() {
                    break;
                }
                clock::sleep(PAUSE);
                next = self.look(desired);
            }
            let proceeds = !failed && round < MOST_ROUNDS && next.1.has_work() && next.1.steps != plan.steps;
            done.findings.extend(plan.findings.drain(..).filter(|finding| finding.code.is_of_run()));
            (observed, plan) = next;
            if !proceeds {
                break;
            }
        }
        if let Some(bad) = culprit(&done, desired, release, self.report.at)
            && self.go_back(bad, &mut done.outcomes)
        {
            return;
        }
        if plan.is_settled() && !done.outcomes.iter().any(Outcome::is_bad) {
            self.state.good = Some(release.clone());
            self.remember(Some(release), desired, &observed, self.state.base.owed.clone());
        }
        plan.findings.retain(|finding| !done.findings.contains(finding));
        plan.findings.append(&mut done.findings);
        self.report.conclude(done.changes.into_values().collect(), done.outcomes, plan);
    }

    /// Looks again after a round, and keeps what is now known.
    fn after(&mut self, release: &ReleaseId, desired: &Desired, plan: &Plan, outcomes: &[Outcome]) -> (Observed, Plan) {
        let (observed, _) = self.look(desired);
        let written = apply::written(outcomes);
        let is_done = |outcome: &&Outcome| outcome.result == StepResult::Done;
        let done = |step: &Step| outcomes.iter().filter(is_done).any(|outcome| outcome.step == *step);
        let owed = plan::owed_after(plan, &self.state.base, &observed, |path| written.contains(path), done);
        for outcome in outcomes.iter().filter(is_done) {
            if let Step::Reload { unit, .. } | Step::Start { unit } | Step::Restart { unit, .. } = &outcome.step {
                self.state.base.tell(unit, desired, &observed);
            }
        }
        self.remember(Some(release), desired, &observed, owed);
        let mut after = plan::plan(&self.state.base, desired, &observed);
        self.decide_restart(&mut after, desired, &observed);
        (observed, after)
    }

    /// Remembers a release that a daemon cannot work with, and returns to the last good one, if there is one.
    fn go_back(&mut self, bad: BadRelease, outcomes: &mut Vec<Outcome>) -> bool {
        let Some(good) = self.state.good.clone().filter(|good| *good != bad.release) else { return false };
        let Some(loaded) = self.load(&good) else { return false };
        let message = bad.to_string();
        self.state.remember_bad(bad);
        self.report.failures.push(Failure { code: FailureCode::FailedRelease, message, next: Next::WaitForRelease });
        self.report.steps.append(outcomes);
        self.compare(&loaded, false);
        true
    }
}

/// Names the release as the culprit where a daemon failed whose files it has just changed.
fn culprit(done: &Done, desired: &Desired, release: &ReleaseId, at: jiff::Timestamp) -> Option<BadRelease> {
    // A file that could not be written, on a full disk say, is not the release's fault.
    let written = apply::written(&done.outcomes);
    let changed = |unit: &UnitName| {
        done.changes.values().filter(|change| change.cause != plan::Cause::Drift).any(|change| {
            let path = change.subject.path().filter(|path| written.contains(*path));
            let wanted = path.and_then(|path| desired.files.get(path));
            wanted.is_some_and(|wanted| match &wanted.on_change {
                OnChange::Reload(of) | OnChange::Restart(of) | OnChange::DaemonReload(of) => of == unit,
                _ => false,
            })
        })
    };
    done.outcomes.iter().find_map(|outcome| match (&outcome.step, &outcome.result) {
        (
            Step::Reload { unit, .. } | Step::Start { unit } | Step::Restart { unit, .. } | Step::Probe { unit },
            StepResult::Failed { why },
        ) if changed(unit) => Some(BadRelease { release: release.clone(), at, why: why.clone() }),
        _ => None,
    })
}
