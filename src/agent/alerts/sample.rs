//! Sends a sample of each stage of an incident's life, so that a person sees what a target makes of it.

use jiff::SignedDuration;

use crate::alert::{Batch, Case, Entry, Fate, Identity, Kind, Post, Sender, Severity, Stage};
use crate::report::Report;
use crate::sys::clock;

use super::super::Settings;
use super::deliver::{Way, sender};
use super::{AlertError, keys};

/// The life that is shown.
const LIFE: [Stage; 6] =
    [Stage::Opened, Stage::Changed, Stage::Reminded, Stage::Flapping, Stage::Resolved, Stage::Passed];
/// The diff that is shown.
const DIFF: &str = "@@ -1,3 +1,3 @@\n global\n-  maxconn 100\n+  maxconn 4000\n";

/// The longest wish to wait that is heeded between two samples.
const PATIENCE: SignedDuration = SignedDuration::from_secs(10);

/// What became of one sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// The target.
    pub target: String,
    /// What was shown; nothing for a message about many.
    pub stage: Option<Stage>,
    /// Why it did not get there; nothing where it did.
    pub failure: Option<String>,
}

/// Sends the samples to one target, or to all, and says of each what became of it. Nothing of it is remembered.
pub fn try_out(
    settings: &Settings,
    only: Option<&str>,
    report: Option<&Report>,
    mut said: impl FnMut(&Tried),
) -> Result<bool, AlertError> {
    let alerts = settings.alerts.clone().unwrap_or_default();
    let targets = alerts.targets(&settings.cluster);
    if let Some(name) = only.filter(|name| !targets.contains_key(*name)) {
        return Err(AlertError::NoTarget(name.to_owned()));
    }
    if targets.is_empty() {
        return Err(AlertError::NoTargets);
    }
    let mut good = true;
    for (name, target) in targets.iter().filter(|(name, _)| only.is_none_or(|only| only == name.as_str())) {
        let mut tell = |stage, failure: Option<String>| {
            good &= failure.is_none();
            said(&Tried { target: name.clone(), stage, failure });
        };
        let keys = match keys::read(settings, &target.service) {
            Ok(keys) => keys,
            Err(why) => {
                tell(None, Some(why));
                continue;
            }
        };
        let sender = Sender { test: true, ..sender(settings, &alerts, report) };
        let mut thread = None;
        for stage in LIFE.map(Some).into_iter().chain([None]) {
            let batch = sample(stage);
            let now = clock::now();
            let post = Post { sender: &sender, batch: &batch, thread: thread.as_deref(), open: &[], now };
            let send = || Ok(Way::new(settings, &alerts, sender.clone())?.send(&target.service, &keys, &post));
            match patiently(send)? {
                Fate::Accepted(id) => {
                    thread = thread.or(id);
                    tell(stage, None);
                }
                Fate::Refused(why) | Fate::Delayed { why, .. } => tell(stage, Some(why)),
            }
        }
    }
    Ok(good)
}

/// Sends something, and once more after a service's short wish to wait: samples come faster than incidents do.
fn patiently(send: impl Fn() -> Result<Fate, AlertError>) -> Result<Fate, AlertError> {
    match send()? {
        Fate::Delayed { wait: Some(wait), .. } if wait <= PATIENCE => {
            clock::sleep(wait.try_into().unwrap_or_default());
            send()
        }
        fate => Ok(fate),
    }
}

fn sample(stage: Option<Stage>) -> Batch {
    let now = clock::now();
    let entry = |stage: Stage, number: u64, kind: Kind, object: &str| Entry {
        stage,
        case: Case {
            // No incident of this host has such a number.
            number: u64::from(u32::MAX) + number,
            identity: Identity::new(kind, object),
            severity: Severity::Warning,
            cause: "this is a test: `rmqgit alert test`".to_owned(),
            summary: format!("a sample: replace {object} <b>*_[x](y)`@all"),
            help: "nothing to do".to_owned(),
            diff: (kind == Kind::Drift).then(|| DIFF.to_owned()),
            first_seen: now,
        },
        at: now,
        since: now,
        first: stage == Stage::Opened,
        edition: 0,
        refusals: 0,
        not_before: None,
    };
    let entries = match stage {
        Some(stage) => vec![entry(stage, 0, Kind::Drift, "/etc/haproxy/haproxy.cfg")],
        None => (1..=30).map(|i| entry(Stage::Passed, i, Kind::Drift, &format!("/etc/sample/{i}"))).collect(),
    };
    Batch { entries, plain: false }
}
