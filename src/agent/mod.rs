//! One tick of the host: lock, fetch, observe, plan, apply, report; and its state on disk.
//!
//! Input: [`Settings`]. Output: a [`Report`], kept in the state directory; what fails is a verdict. Must not: decide what
//! a change is (`plan` does), or run without the lock.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;

use crate::alert::Measured;
use crate::fetch::{self, Loaded};
use crate::live::Observed;
use crate::name::{HostPath, ReleaseId, SecretRef};
use crate::observe::{self, Targets};
use crate::plan::{self, Base, Desired, Finding, Owed, Plan};
use crate::release::Bundle;
use crate::report::{self, Failure, FailureCode, Mode, Next, Release, Report, Verdict};
use crate::secret::Fingerprint;
use crate::sys::clock::{self, Stopwatch};
use crate::sys::files::{FilesError, Root};
use crate::sys::process;
use crate::sys::statedir::{self, StateDir, StateError};
use crate::sys::store::{Slot, Store, StoreError};

pub mod alerts;
mod converge;
mod failed;
mod gate;
mod holding;
pub mod install;
mod join;
mod keyring;
mod left_out;
pub mod pause;
pub mod schedule;
pub mod settings;
mod signers;
mod state;
mod verify;

pub use settings::Settings;
pub use state::MemoryError;

use keyring::Keyring;
use state::State;

/// The name of the last report in the state directory.
const REPORT: &str = "report.json";

/// Says why there is not even a report.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The state directory cannot be used, or another run holds it.
    #[error(transparent)]
    State(#[from] StateError),
    /// The state cannot be read.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The root cannot be opened.
    #[error(transparent)]
    Root(#[from] FilesError),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no report yet.
    #[error("`{0}` holds no report: no run has ended on this host yet")]
    NoReport(String),
    /// There is no report yet, because no run can work.
    #[error("`{path}` holds no report: the run of {at} could not work: {why}")]
    NoRun {
        /// The state directory.
        path: String,
        /// When the last run failed.
        at: jiff::Timestamp,
        /// Why.
        why: String,
    },
    /// The last report cannot be read.
    #[error("the report in `{path}` is not readable: {why}")]
    Report {
        /// The state directory.
        path: String,
        /// What is wrong.
        why: String,
    },
}

/// What one run did.
#[derive(Debug, Clone)]
pub struct Ran {
    /// What it saw, did and found.
    pub report: Report,
    /// How long it took.
    pub measured: Measured,
}

/// Runs once. With `wait`, it waits for another run to end.
pub fn tick(settings: &Settings, wait: bool) -> Result<Ran, AgentError> {
    let ran = run(settings, wait);
    failed::note(settings, &ran);
    ran
}

fn run(settings: &Settings, wait: bool) -> Result<Ran, AgentError> {
    let watch = Stopwatch::start();
    let at = clock::now();
    let holder = format!("process {} since {at}", process::own_id());
    let dir = StateDir::open(&settings.state, wait, &holder)?;
    let state = State::load(&dir)?;
    let mut run = Run {
        settings,
        on_disk: state.clone(),
        state,
        root: Root::open(&settings.root)?,
        store: Store::open(&settings.state)?,
        report: empty_report(settings, at),
        measured: Measured::default(),
        dir,
    };
    run.tick();
    run.took("total", watch);
    Ok(Ran { report: run.report, measured: run.measured })
}

/// Returns the last report of a host, with the pause that is in force now, and the failure of a run that had no report.
pub fn last_report(state: &Path, now: jiff::Timestamp) -> Result<Report, AgentError> {
    let path = state.display().to_string();
    let failed = failed::find(state, now);
    let Some(bytes) = statedir::read(state, REPORT)? else {
        return Err(match failed {
            Some(failed::FailedRun { at, why }) => AgentError::NoRun { path, at, why },
            None => AgentError::NoReport(path),
        });
    };
    let report = read_report(&bytes).map_err(|why| AgentError::Report { path, why })?;
    let report = Report { paused: pause::read(state, now).map(|found| found.paused), ..report };
    Ok(match failed {
        Some(failed) => failed::into_report(failed, report),
        None => report,
    })
}

fn read_report(bytes: &[u8]) -> Result<Report, String> {
    let report: Report = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if report.format == report::FORMAT { Ok(report) } else { Err(format!("it has format {}", report.format)) }
}

fn empty_report(settings: &Settings, at: jiff::Timestamp) -> Report {
    Report {
        format: report::FORMAT,
        cluster: settings.cluster.clone(),
        host: settings.host.clone(),
        root: settings.root.display().to_string(),
        mode: settings.mode,
        paused: None,
        at,
        verdict: Verdict::Unknown,
        remote: settings.remote.to_string(),
        release: None,
        changes: Vec::new(),
        applied: Vec::new(),
        steps: Vec::new(),
        findings: Vec::new(),
        unknown: Vec::new(),
        waiting: Vec::new(),
        failures: Vec::new(),
        incidents: None,
    }
}

/// One run, with everything it holds.
struct Run<'a> {
    settings: &'a Settings,
    dir: StateDir,
    state: State,
    on_disk: State,
    root: Root,
    store: Store,
    report: Report,
    measured: Measured,
}

impl Run<'_> {
    /// Never fails: what cannot be done is a failure of the report.
    fn tick(&mut self) {
        self.heed_pause();
        let watch = Stopwatch::start();
        let newest = self.newest();
        self.took("fetch", watch);
        self.measured.released = newest.as_ref().map(|loaded| loaded.time);
        match newest.and_then(|loaded| self.unless_bad(loaded)) {
            Some(loaded) => {
                if let Some(findings) = self.compare(&loaded, true) {
                    self.report.findings.extend(findings);
                    let message = "the release is refused".to_owned();
                    self.report.failures.push(Failure {
                        code: FailureCode::RefusedRelease,
                        message,
                        next: Next::WaitForRelease,
                    });
                    self.compare_with_last();
                }
            }
            None => self.compare_with_last(),
        }
        if !self.report.changes.is_empty() {
            let before = self.dir.read(REPORT).ok().flatten().and_then(|bytes| read_report(&bytes).ok());
            self.report.keep_since(before.as_ref());
        }
        self.report.judge();
        if self.settings.mode != Mode::DryRun {
            let text = crate::release::canonical_json(&self.report);
            if let Err(error) = self.dir.replace(REPORT, text.as_bytes(), false) {
                self.fail(&error, Next::Retry);
                self.report.judge();
            }
        }
    }

    /// Passes a release on unless it failed here before: it is not tried again, but for a person who asks for it.
    fn unless_bad(&mut self, loaded: Loaded) -> Option<Loaded> {
        let bad = self.state.bad.iter().find(|bad| bad.release == loaded.release);
        match bad.filter(|_| !self.settings.retry) {
            None => Some(loaded),
            Some(bad) => {
                let message = bad.to_string();
                self.report.failures.push(Failure {
                    code: FailureCode::FailedRelease,
                    message,
                    next: Next::WaitForRelease,
                });
                None
            }
        }
    }

    fn load(&mut self, release: &ReleaseId) -> Option<Loaded> {
        let Settings { cluster, host, .. } = self.settings;
        match fetch::load(&self.store, release, cluster, host) {
            Ok(loaded) => Some(loaded),
            Err(error) => {
                self.fail(&error, Next::WaitForRelease);
                None
            }
        }
    }

    /// Compares with the last good release: the newest one cannot be had, or may not be applied. Drift is still repaired.
    fn compare_with_last(&mut self) {
        if let Some(release) = self.state.fallback().cloned()
            && let Some(loaded) = self.load(&release)
            && let Some(findings) = self.compare(&loaded, false)
        {
            self.report.findings.extend(findings);
        }
    }

    /// Compares the host with a release, and brings it there if it may. Returns why the release is refused as a whole.
    fn compare(&mut self, loaded: &Loaded, newest: bool) -> Option<Vec<Finding>> {
        let desired =
            join::join(&loaded.bundle, &Keyring::new(&loaded.bundle, &self.settings.secrets, &self.settings.host_key));
        let watch = Stopwatch::start();
        let (observed, mut plan) = self.look(&desired);
        self.took("look", watch);
        self.decide_restart(&mut plan, &desired, &observed);
        if plan.refuses_release() {
            return Some(plan.findings);
        }
        self.report.release = Some(Release {
            commit: loaded.release.clone(),
            spec_commit: loaded.spec_commit.clone(),
            subject: loaded.subject.clone(),
            signer: loaded.signer.clone(),
            newest,
            secrets: fingerprints(&loaded.bundle),
        });
        if self.report.mode == Mode::Converge && !plan.steps.is_empty() && !self.heed_pause() {
            let watch = Stopwatch::start();
            self.converge(&loaded.release, &desired, observed, plan);
            self.took("apply", watch);
        } else {
            let owed = still_owed(&self.state.base, &observed);
            let settled = plan.is_settled().then_some(&loaded.release);
            self.state.good = settled.or(self.state.good.as_ref()).cloned();
            self.remember(settled, &desired, &observed, owed);
            self.report.propose(plan);
        }
        None
    }

    /// Looks for a pause; while there is one, the run only reports. One that begins after this is asked waits for the run.
    fn heed_pause(&mut self) -> bool {
        if self.report.paused.is_none()
            && let Some(found) = pause::read(&self.settings.state, clock::now())
        {
            self.report.findings.extend(found.finding);
            self.report.paused = Some(found.paused);
            if self.report.mode == Mode::Converge {
                self.report.mode = Mode::Report;
            }
        }
        self.report.paused.is_some()
    }

    fn look(&self, desired: &Desired) -> (Observed, Plan) {
        let targets = targets(&self.state.base, desired);
        let mut observed = observe::observe(&self.root, &targets, clock::now());
        let plan = plan::plan(&self.state.base, desired, &observed);
        // A unit that no longer belongs to this host may still have to be told that its files went.
        let more: BTreeSet<_> = plan.units().difference(&targets.units).cloned().collect();
        if more.is_empty() {
            return (observed, plan);
        }
        observe::observe_units(&mut observed, &more);
        let plan = plan::plan(&self.state.base, desired, &observed);
        (observed, plan)
    }

    /// Keeps what is now known of the host; nothing is written where nothing is new.
    fn remember(&mut self, release: Option<&ReleaseId>, desired: &Desired, observed: &Observed, owed: Vec<Owed>) {
        self.state.base = self.state.base.settled(desired, observed);
        self.state.base.owed = owed;
        if let Some(release) = release {
            self.state.release = Some(release.clone());
        }
        if self.settings.mode != Mode::DryRun
            && self.state != self.on_disk
            && let Err(error) = self.save()
        {
            self.fail(&error, Next::Retry);
        }
    }

    fn save(&mut self) -> Result<(), AgentError> {
        self.state.save(&self.dir)?;
        self.on_disk = self.state.clone();
        let Settings { cluster, host, .. } = self.settings;
        if let Some(release) = &self.state.release
            && self.store.tip(Slot::Applied, cluster, host)?.as_ref() != Some(release)
        {
            self.store.set_tip(Slot::Applied, cluster, host, release)?;
        }
        if let Some(release) = &self.state.good
            && self.store.tip(Slot::Good, cluster, host)?.as_ref() != Some(release)
        {
            self.store.set_tip(Slot::Good, cluster, host, release)?;
        }
        Ok(())
    }

    /// Notes how long a stage took; one that comes twice took both times.
    fn took(&mut self, stage: &'static str, watch: Stopwatch) {
        *self.measured.stages.entry(stage).or_default() += watch.seconds();
    }

    fn fail(&mut self, error: &dyn Error, next: Next) {
        self.fail_as(FailureCode::Other, error, next);
    }

    fn fail_as(&mut self, code: FailureCode, error: &dyn Error, next: Next) {
        self.report.failures.push(Failure { code, message: with_causes(error), next });
    }
}

/// Returns the fingerprints of what a release has sealed for this host.
fn fingerprints(bundle: &Bundle) -> BTreeMap<SecretRef, String> {
    bundle.secrets.iter().map(|(name, sealed)| (name.clone(), Fingerprint::of(sealed).to_string())).collect()
}

/// Returns what an error says, and what its causes say.
fn with_causes(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    message
}

/// Returns what is owed after a run that changed nothing: what was owed, unless a unit has started since.
fn still_owed(base: &Base, observed: &Observed) -> Vec<Owed> {
    let owed = base.recovered(observed).owed;
    owed.into_iter().filter(|owed| plan::is_owed(owed, observed)).collect()
}

fn targets(base: &Base, desired: &Desired) -> Targets {
    let intended = base.intent.iter().flat_map(|intent| &intent.files);
    let known =
        base.files.iter().chain(intended.clone().filter_map(|(path, file)| file.as_ref().map(|file| (path, file))));
    let files: BTreeSet<HostPath> = desired
        .files
        .keys()
        .chain(known.clone().map(|(path, _)| path))
        .chain(intended.map(|(path, _)| path))
        .cloned()
        .collect();
    let owners = desired.files.values().map(|wanted| &wanted.owner).chain(known.map(|(_, file)| &file.owner));
    Targets {
        files,
        owners: owners.cloned().collect(),
        units: desired.role.services.iter().chain(&base.orphans).cloned().collect(),
        broker: desired.role.broker.clone(),
        login: desired.holding.as_ref().and_then(|holding| holding.login.clone()),
        addresses: desired.role.addresses.clone(),
        versions: desired.role.versions.keys().cloned().collect(),
    }
}
