//! Runs the steps of a plan in order; decides nothing.
//!
//! Input: a root and a plan whose intent is on the disk. Output: one outcome a step; a failed step stops only those that
//! need it. Must not: choose, repair, or write anything that is not in the plan.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::time::Duration;

use crate::live::ObjectId;
use crate::name::HostPath;
use crate::plan::{Candidate, Outcome, Plan, Planned, Step, StepResult};
use crate::sys::broker::{self, Access};
use crate::sys::files::{Root, Staged, candidate_path};
use crate::sys::process::{self, Ended, ProcessError};
use crate::sys::units::{self, Began};

mod check;
mod cluster;
mod objects;
mod plugins;
mod probe;

/// How long `sysctl` may take.
const SYSCTL: Duration = Duration::from_secs(10);

/// Takes the steps of a plan.
pub fn apply(root: &Root, plan: &Plan) -> Vec<Outcome> {
    let mut run = Run {
        root,
        plan,
        staged: BTreeMap::new(),
        written: BTreeSet::new(),
        stopped: BTreeSet::new(),
        began: Began::now(),
        told: None,
    };
    let take = |Planned { step, skip }: &Planned| {
        let result = match skip {
            Some(why) => StepResult::Skipped { why: why.clone() },
            None => run.take(step),
        };
        Outcome { step: step.clone(), result }
    };
    plan.steps.iter().map(take).collect()
}

/// Returns the files that a run wrote or removed.
pub fn written(outcomes: &[Outcome]) -> BTreeSet<HostPath> {
    let done = outcomes.iter().filter(|outcome| outcome.result == StepResult::Done);
    done.filter_map(|outcome| match &outcome.step {
        Step::Write { path } | Step::Remove { path } => Some(path.clone()),
        _ => None,
    })
    .collect()
}

/// A run of a plan.
struct Run<'a> {
    root: &'a Root,
    plan: &'a Plan,
    staged: BTreeMap<HostPath, Staged>,
    written: BTreeSet<HostPath>,
    stopped: BTreeSet<HostPath>,
    began: Began,
    /// What became of the broker's objects.
    told: Option<BTreeMap<ObjectId, StepResult>>,
}

impl<'a> Run<'a> {
    fn take(&mut self, step: &Step) -> StepResult {
        match step {
            Step::Clean { path } => result(self.root.clean(path)),
            Step::Check { path, check } => {
                let judged = match self.stage(path) {
                    Ok(candidate) => check::judge(self.root, *check, path, candidate),
                    Err(failed) => failed,
                };
                if matches!(judged, StepResult::Refused { .. } | StepResult::Failed { .. }) {
                    self.staged.remove(path);
                    self.stopped.insert(path.clone());
                }
                judged
            }
            Step::SetCookie { path, node } => {
                let taken = match self.stage(path) {
                    Ok(_) => result(broker::set_cookie(&Access::of_machine(node), &candidate_path(path))),
                    Err(failed) => failed,
                };
                if taken != StepResult::Done {
                    self.stopped.insert(path.clone());
                }
                taken
            }
            Step::Write { path } => self.write(path),
            Step::SetMode { path } => {
                self.with_live(path, |root, candidate, stamp| result(root.set_mode(path, candidate.mode, stamp)))
            }
            Step::SetOwner { path } => self.with_live(path, |root, candidate, stamp| match candidate.account {
                Some(account) => result(root.set_owner(path, account, stamp)),
                None => failed("the plan names no owner"),
            }),
            Step::Remove { path } => {
                let removed = self.with_live(path, |root, _, stamp| result(root.remove(path, stamp)));
                self.note(path, removed)
            }
            Step::Sysctl { path } => self
                .tell(&BTreeSet::from([path.clone()]), || process::run("sysctl", &["-q", "-p", path.as_str()], SYSCTL)),
            Step::DaemonReload { files } => self.tell(files, units::daemon_reload),
            Step::Reload { unit, files } => self.tell(files, || units::reload(unit)),
            Step::SwitchPlugins { plugins, files } => self.tell(files, || plugins::switch(plugins)),
            Step::Enable { unit } => ended(units::enable(unit)),
            Step::Stop { unit, files } => {
                let stopped = ended(units::stop(unit));
                if stopped != StepResult::Done {
                    self.stopped.extend(files.iter().cloned());
                }
                stopped
            }
            Step::Start { unit } => ended(units::start(unit)),
            Step::StartApp { node } => cluster::start_app(node),
            Step::Join { node, with, member, forget } => cluster::join(node, with, *member, *forget),
            Step::ForgetNode { node, at } => cluster::forget(node, at),
            Step::ChangeNodeType { node, member } => cluster::change_type(node, *member),
            Step::Probe { unit } => probe::settle(unit, self.began),
            Step::PutObject { object } | Step::RemoveObject { object } => {
                let told = self.told.get_or_insert_with(|| objects::tell(self.plan));
                told.get(object).cloned().unwrap_or_else(|| failed("the plan has no edit for it"))
            }
            Step::Restart { unit, .. } => ended(units::restart(unit)),
        }
    }

    fn stage(&mut self, path: &HostPath) -> Result<&'a Candidate, StepResult> {
        let plan = self.plan;
        let candidate = plan.candidates.get(path).ok_or_else(|| failed("the plan has no bytes for it"))?;
        let staged = self.root.stage(path, candidate.bytes.as_slice(), candidate.mode, candidate.account);
        self.staged.insert(path.clone(), staged.map_err(|error| failed(&chain(&error)))?);
        Ok(candidate)
    }

    fn write(&mut self, path: &HostPath) -> StepResult {
        if self.stopped.contains(path) {
            return StepResult::Skipped { why: "what it needs failed".to_owned() };
        }
        if !self.staged.contains_key(path)
            && let Err(failed) = self.stage(path)
        {
            return failed;
        }
        let replaces = self.plan.candidates.get(path).and_then(|candidate| candidate.replaces);
        let placed = match self.staged.remove(path) {
            Some(staged) => result(staged.place(replaces)),
            None => failed("no candidate was staged"),
        };
        self.note(path, placed)
    }

    fn note(&mut self, path: &HostPath, result: StepResult) -> StepResult {
        if result == StepResult::Done {
            self.written.insert(path.clone());
        }
        result
    }

    fn with_live(
        &self,
        path: &HostPath,
        act: impl Fn(&Root, &Candidate, crate::live::Stamp) -> StepResult,
    ) -> StepResult {
        match self.plan.candidates.get(path).and_then(|candidate| candidate.replaces.map(|stamp| (candidate, stamp))) {
            Some((candidate, stamp)) => act(self.root, candidate, stamp),
            None => failed("the plan names no file"),
        }
    }

    /// Tells a daemon about files, if one of them was written now or by a run that could not tell it.
    fn tell(&self, files: &BTreeSet<HostPath>, act: impl Fn() -> Result<Ended, ProcessError>) -> StepResult {
        if !files.is_empty()
            && !files.iter().any(|path| self.written.contains(path) || !self.plan.candidates.contains_key(path))
        {
            return StepResult::Skipped { why: "none of its files was written".to_owned() };
        }
        ended(act())
    }
}

/// Tells from how a program ended whether its step was taken.
fn ended(ended: Result<Ended, ProcessError>) -> StepResult {
    match ended {
        Ok(Ended { code: Some(0), .. }) => StepResult::Done,
        Ok(Ended { code, output }) => {
            let status = code.map_or_else(|| "a signal".to_owned(), |code| format!("status {code}"));
            failed(&format!("ended with {status}: {}", output.trim()))
        }
        Err(error) => failed(&chain(&error)),
    }
}

fn failed(why: &str) -> StepResult {
    StepResult::Failed { why: why.to_owned() }
}

fn result<E: Error>(result: Result<(), E>) -> StepResult {
    result.map_or_else(|error| failed(&chain(&error)), |()| StepResult::Done)
}

/// Returns an error and its causes, joined by colons.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
