//! What this host was last brought to: the base of the three-way comparison.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::live::{Observed, Place, Probe};
use crate::name::{Digest, HostPath, UnitName};
use crate::release::{OnChange, Owner, Part};

use super::compare::{self, Aspects};
use super::definitions::BaseObject;
use super::desired::{Desired, Joined, Wanted};
use super::diff;

/// What was last applied, what a killed run had begun, and what is still to be done for it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Base {
    /// The files as they were last applied, or last seen to be as the release asks.
    pub files: BTreeMap<HostPath, BaseFile>,
    /// What a run that never ended was about to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<Intent>,
    /// What the daemons have not been told yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owed: Vec<Owed>,
    /// The units that were seen as the release wants them: one that is not any more has drifted.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub units: BTreeSet<UnitName>,
    /// The units that the release no longer configures and that may still run.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub orphans: BTreeSet<UnitName>,
    /// The members that the cluster was seen to have, in whole.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub members: BTreeSet<String>,
    /// The broker's objects that were seen as the release wants them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<BaseObject>,
    /// The virtual addresses, as they were last applied.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub addresses: BTreeSet<String>,
    /// Per unit, when the newest file was written that a run has let it read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub told: BTreeMap<UnitName, Timestamp>,
    /// Per unit that reads its files when it starts, the start after which all of them were seen as they were then.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub started: BTreeMap<UnitName, Timestamp>,
    /// The limits by which RabbitMQ ran when it was first seen after that start.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, String>,
    /// When a run began to let this host's node join that has not come to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joining: Option<Timestamp>,
}

/// One file as it was last applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaseFile {
    /// The digest of our part of the file, secrets joined. It never leaves the state directory.
    pub digest: Digest,
    /// The permission bits.
    pub mode: u32,
    /// Who owned it.
    pub owner: Owner,
    /// How much of the file was ours.
    pub part: Part,
    /// What a change of it asks for.
    pub on_change: OnChange,
    /// The text that preceded each secret on its line: what follows such text in the live file is never shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
}

/// The write-ahead record: what a run is about to make of each file it touches; `None` removes the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// When the run began.
    pub at: Timestamp,
    /// The files.
    pub files: BTreeMap<HostPath, Option<BaseFile>>,
    /// Whether this host's node gives up what it holds and joins the cluster.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub joins: bool,
}

/// Something that a daemon has to be told about files that were written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owed {
    /// What to do.
    pub action: OnChange,
    /// The files that ask for it.
    pub files: BTreeSet<HostPath>,
    /// Since when.
    pub since: Timestamp,
}

impl Base {
    /// Resolves what a killed run had begun: each aspect of a file that is as the run wanted it counts as applied, and
    /// what such a file asks for is owed.
    #[must_use]
    pub fn recovered(&self, observed: &Observed) -> Self {
        let mut base = Self { intent: None, ..self.clone() };
        let Some(intent) = &self.intent else { return base };
        if intent.joins {
            base.joining = Some(intent.at);
        }
        for (path, wanted) in &intent.files {
            let probe = observed.files.get(path);
            match wanted {
                None if matches!(probe, Some(Probe::Absent)) => {
                    if let Some(gone) = base.files.remove(path) {
                        base.owe(gone.on_change, path, intent.at);
                    }
                }
                None => {}
                Some(wanted) => base.recover_file(path, wanted, intent.at, observed),
            }
        }
        // A candidate that lies around where nothing else is known is known by the record alone, until it is cleaned away.
        let is_left = |path: &&HostPath| observed.leftovers.contains(*path) && !base.files.contains_key(*path);
        let left: BTreeMap<_, _> = intent.files.keys().filter(is_left).map(|path| (path.clone(), None)).collect();
        base.intent = (!left.is_empty()).then_some(Intent { at: intent.at, files: left, joins: false });
        base
    }

    fn recover_file(&mut self, path: &HostPath, wanted: &BaseFile, at: Timestamp, observed: &Observed) {
        let Some(Probe::Seen(live)) = observed.files.get(path) else { return };
        let Some(live) = Aspects::of_live(live, wanted.part) else { return };
        let done = compare::against_base(&live, wanted, observed);
        match self.files.get_mut(path) {
            Some(file) => {
                let written = done.content && file.digest != wanted.digest;
                if done.content {
                    file.digest = wanted.digest;
                    file.secrets.clone_from(&wanted.secrets);
                }
                if done.mode {
                    file.mode = wanted.mode;
                }
                if done.owner {
                    file.owner = wanted.owner.clone();
                }
                if written {
                    file.part = wanted.part;
                    file.on_change = wanted.on_change.clone();
                    self.owe(wanted.on_change.clone(), path, at);
                }
            }
            None if done.content => {
                self.files.insert(path.clone(), wanted.clone());
                self.owe(wanted.on_change.clone(), path, at);
            }
            None => {}
        }
    }

    /// Records that an action is owed for a file.
    pub fn owe(&mut self, action: OnChange, path: &HostPath, at: Timestamp) {
        if action == OnChange::Nothing {
            return;
        }
        if let Some(owed) = self.owed.iter_mut().find(|owed| owed.action == action) {
            owed.files.insert(path.clone());
            owed.since = owed.since.max(at);
        } else {
            self.owed.push(Owed { action, files: BTreeSet::from([path.clone()]), since: at });
            self.owed.sort();
        }
    }

    /// Returns the base after a look: what is as the release asks counts as applied, and what the release no longer has
    /// and the host no longer has is forgotten.
    #[must_use]
    pub fn settled(&self, desired: &Desired, observed: &Observed) -> Self {
        let mut base = self.recovered(observed);
        for (path, wanted) in &desired.files {
            let (Ok(joined), Some(Probe::Seen(live))) = (&wanted.content, observed.files.get(path)) else { continue };
            let file = BaseFile::of(wanted, joined);
            if Aspects::of_live(live, wanted.part)
                .is_some_and(|live| compare::against_base(&live, &file, observed).all())
            {
                base.files.insert(path.clone(), file);
            }
        }
        base.orphans = base.orphaned(desired, observed);
        base.units = desired.role.services.iter().filter(|unit| base.is_settled(unit, observed)).cloned().collect();
        if let (Some(own), Some(broker)) = (super::cluster::own(observed), &desired.role.broker)
            && broker.members.iter().all(|member| own.members.contains_key(&member.node))
        {
            base.members = own.members.keys().cloned().collect();
        }
        if super::cluster::own(observed).is_some_and(|own| own.members.len() > 1) {
            base.joining = None;
        }
        for unit in &desired.role.services {
            if let Some(since) = Self::started_with(unit, desired, observed) {
                base.remember_start(unit, since, observed);
            }
        }
        base.files.retain(|path, file| {
            desired.files.contains_key(path) || !compare::is_gone(observed.files.get(path), file.part)
        });
        if base.follows(desired) {
            base.addresses = super::transition::addresses_of(&desired.role);
        }
        base.objects = super::definitions::settled(&base.objects, desired, observed);
        base.told.retain(|unit, _| desired.role.services.contains(unit));
        base
    }
}

impl Base {
    /// Returns the units that were the release's and are not any more, but for those that were seen not to run.
    fn orphaned(&self, desired: &Desired, observed: &Observed) -> BTreeSet<UnitName> {
        if observed.place == Place::Sandbox {
            return BTreeSet::new();
        }
        let wanted: BTreeSet<&UnitName> = desired
            .files
            .values()
            .filter_map(|wanted| daemon(&wanted.on_change))
            .chain(&desired.role.services)
            .collect();
        let of_files = self.files.values().filter_map(|file| daemon(&file.on_change));
        let known = of_files.chain(&self.units).chain(&self.orphans).filter(|unit| !wanted.contains(unit));
        let may_run = |unit: &&UnitName| match observed.units.get(*unit) {
            Some(Probe::Seen(state)) => state.active,
            Some(Probe::Absent) => false,
            Some(Probe::Failed(_)) | None => true,
        };
        known.filter(may_run).cloned().collect()
    }

    /// Whether a unit is, or was and may be taken to be, as the release wants it.
    fn is_settled(&self, unit: &UnitName, observed: &Observed) -> bool {
        match observed.units.get(unit) {
            Some(Probe::Seen(state)) => self.units.contains(unit) || (state.active && state.enabled != Some(false)),
            _ => self.units.contains(unit),
        }
    }

    /// Whether every file of the release is as it asks, and Keepalived has none beside them.
    fn follows(&self, desired: &Desired) -> bool {
        let is_held = |(path, file): (&HostPath, &BaseFile)| {
            !desired.files.contains_key(path) && super::transition::is_keepalived(&file.on_change)
        };
        !self.files.iter().any(is_held)
            && desired.files.iter().all(|(path, wanted)| match (&wanted.content, self.files.get(path)) {
                (Ok(joined), Some(file)) => file.digest == BaseFile::of(wanted, joined).digest,
                _ => false,
            })
    }

    /// Returns when a unit started, if every file that it reads then is as the release asks and was not written since.
    fn started_with(unit: &UnitName, desired: &Desired, observed: &Observed) -> Option<Timestamp> {
        let since = observed.units.get(unit)?.seen().filter(|state| state.active)?.since?;
        let reads = |wanted: &Wanted| {
            [OnChange::Restart(unit.clone()), OnChange::DaemonReload(unit.clone())].contains(&wanted.on_change)
        };
        let unchanged = |(path, wanted): (&HostPath, &Wanted)| {
            let (Ok(joined), Some(Probe::Seen(live))) = (&wanted.content, observed.files.get(path)) else {
                return false;
            };
            live.bytes() == Some(joined.bytes.as_slice()) && live.modified <= since
        };
        desired.files.iter().filter(|(_, wanted)| reads(wanted)).all(unchanged).then_some(since)
    }

    fn remember_start(&mut self, unit: &UnitName, since: Timestamp, observed: &Observed) {
        if unit.as_str() == super::steps::BROKER {
            let limits = observed.cluster.as_ref().and_then(|cluster| cluster.own.limits.seen());
            if self.limits.is_empty() || !self.runs_as_seen(unit, observed) {
                self.limits = limits.cloned().unwrap_or_default();
            }
        }
        self.started.insert(unit.clone(), since);
    }

    /// Whether a unit still runs as it was when all of its files were last seen right: what was done to them since, it has
    /// not read. Times of a start differ by the moment in which they are computed.
    pub fn runs_as_seen(&self, unit: &UnitName, observed: &Observed) -> bool {
        let since = observed.units.get(unit).and_then(Probe::seen).and_then(|state| state.since);
        let apart = since.zip(self.started.get(unit)).map(|(since, seen)| since.duration_since(*seen).abs());
        apart.is_some_and(|apart| apart < SignedDuration::from_secs(1))
    }

    /// Records that a unit was let read its files.
    pub fn tell(&mut self, unit: &UnitName, desired: &Desired, observed: &Observed) {
        if let Some(newest) = super::service::newest(unit, desired, observed) {
            self.told.insert(unit.clone(), newest);
        }
    }
}

impl BaseFile {
    /// Makes the record of a file that is as it shall be.
    pub fn of(wanted: &Wanted, joined: &Joined) -> Self {
        Self {
            digest: compare::digest(joined.bytes.as_slice(), wanted.part),
            mode: wanted.mode,
            owner: wanted.owner.clone(),
            part: wanted.part,
            on_change: wanted.on_change.clone(),
            secrets: diff::secret_prefixes(joined),
        }
    }
}

/// Returns the daemon that reads a file.
fn daemon(action: &OnChange) -> Option<&UnitName> {
    match action {
        OnChange::Reload(unit) | OnChange::Restart(unit) | OnChange::DaemonReload(unit) => Some(unit),
        OnChange::Nothing | OnChange::Sysctl | OnChange::Units | OnChange::Plugins => None,
    }
}
