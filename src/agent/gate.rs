//! Asks what a broker's restart has to know, and opens the gate for a person's run.

use crate::live::{Observed, Probe};
use crate::plan::{self, Desired, Neighbours, Plan};
use crate::report::{Failure, FailureCode, Mode, Next};
use crate::sys::broker::{self, Access};
use crate::sys::clock;

use super::Run;

impl Run<'_> {
    /// Says what is against the restart that waits, if one does, and lets it be taken where a person asks for it and nothing
    /// is. It is the last thing that a run does: the files that ask for it are written, the other daemons told.
    pub(super) fn decide_restart(&mut self, plan: &mut Plan, desired: &Desired, observed: &Observed) {
        let Some(role) = desired.role.broker.as_ref().filter(|_| plan::broker_waits(plan)) else { return };
        let asked = self.settings.now.is_some() && (!plan.has_work() || self.settings.mode == Mode::DryRun);
        // Asking the queues takes seconds: a run that nobody waits for does without.
        let critical = if asked { broker::critical(&Access::of_machine(&role.node)) } else { Probe::Seen(Vec::new()) };
        let neighbours = Neighbours::of(observed.cluster.as_ref(), role, critical);
        let maintenance = desired.maintenance.as_ref();
        let zone = maintenance.and_then(|maintenance| clock::zone(&maintenance.timezone));
        let window = plan::window(maintenance, zone.as_ref(), clock::now());
        let paused = self.report.paused.as_ref().map(ToString::to_string);
        let said = self.settings.now.unwrap_or_default();
        let shut = plan::gate(&neighbours, &window, paused.as_deref(), said);
        plan::say_why_shut(plan, &shut);
        if !asked {
            return;
        }
        // Only what the last look found counts.
        self.report.failures.retain(|failure| failure.next != Next::WaitForPerson);
        if shut.is_empty() {
            plan::open(plan);
        } else {
            let reasons: Vec<String> = shut.iter().map(ToString::to_string).collect();
            let message = format!("the broker was not restarted: {}", reasons.join("; "));
            self.report.failures.push(Failure {
                code: FailureCode::RefusedRestart,
                message,
                next: Next::WaitForPerson,
            });
        }
    }
}
