//! Compares two releases: what changes in which file of which host.
//!
//! Input: the bundles of two releases, cluster by cluster, as far as they differ. Output: a [`Diff`], pure data, in which a change that is the
//! same on several hosts stands once. Must not: read Git, or judge whether a change is dangerous.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use schemars::JsonSchema;
use serde::Serialize;

use super::HostId;
#[cfg(test)]
use super::ReleaseTree;
use super::objects::without_passwords;
use crate::facts::platform;
use crate::name::{HostName, SecretRef};
use crate::release::{Artifact, Bundle, Check, DEFINITIONS, MANIFEST, OnChange, Owner, Part, Piece, sealed_path};
use crate::secret::{Fingerprint, Sealed};

mod text;

pub use text::printable;
pub use text::render;
pub(crate) use text::unified;

/// The version of the document.
pub const FORMAT: u32 = 1;

/// What changes from one release to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(title = "rmqgit diff")]
pub struct Diff {
    /// The version of this document, 1.
    pub format: u32,
    /// The hosts that are new.
    pub added: Vec<HostId>,
    /// The hosts that are gone.
    pub removed: Vec<HostId>,
    /// The hosts that stay and change.
    pub changed: Vec<HostId>,
    /// The changes, each with all of its hosts, in the order of hosts and paths.
    pub changes: Vec<Change>,
}

/// One change of one file, on one host or several.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Change {
    /// The hosts that it is the same on.
    pub hosts: Vec<HostId>,
    /// The path on the host, or the name of a document of the release: `definitions.json`, `manifest.json`.
    pub path: String,
    /// What happens to the file.
    pub kind: Kind,
    /// What the host does when the file changes; none for a document of the release. Of a sealed secret, what it does at most:
    /// nothing, if the value stayed as it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_change: Option<OnChange>,
    /// What changes beside the bytes.
    pub attributes: Vec<Attribute>,
    /// The unified diff of the bytes, without a header; empty if they are the same. Secrets are placeholders.
    pub diff: String,
}

/// What happens to something, such as a file, an object of the broker or a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It stays and changes.
    Modified,
}

/// Something beside the bytes that changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Attribute {
    /// Which: `mode`, `owner`, `check`, `on-change`, `part`, `order`, `maintenance`, `grants`; of a
    /// sealed secret `fingerprint`, which is that of the sealed file and changes without the value too, and `readers`, their
    /// number.
    pub name: &'static str,
    /// What it was.
    pub from: String,
    /// What it becomes.
    pub to: String,
}

/// Compares two releases.
#[cfg(test)]
pub(crate) fn diff(a: &ReleaseTree, b: &ReleaseTree) -> Diff {
    let differ = Differ::default();
    differ.take(a.values(), b.values());
    differ.finish()
}

/// Compares hosts as they come, and keeps nothing of them but what differs, once.
#[derive(Debug, Default)]
pub struct Differ {
    found: Mutex<Found>,
}

#[derive(Debug, Default)]
struct Found {
    added: Vec<HostId>,
    removed: Vec<HostId>,
    changed: Vec<HostId>,
    /// The hosts of each change, with its place among the changes of that host.
    changes: BTreeMap<Change, Vec<(HostId, usize)>>,
}

impl Differ {
    /// Compares some hosts, those of a cluster at least; on any thread, in any order.
    pub fn take<'a>(&self, old: impl IntoIterator<Item = &'a Bundle>, new: impl IntoIterator<Item = &'a Bundle>) {
        let named =
            |bundle: &'a Bundle| (HostId { cluster: bundle.cluster.clone(), host: bundle.host.clone() }, bundle);
        let old: BTreeMap<HostId, &Bundle> = old.into_iter().map(named).collect();
        let new: BTreeMap<HostId, &Bundle> = new.into_iter().map(named).collect();
        for id in old.keys().chain(new.keys().filter(|id| !old.contains_key(*id))) {
            let (before, after) = (old.get(id).copied(), new.get(id).copied());
            let changes = host_changes(before, after);
            let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            match (before, after) {
                (None, _) => found.added.push(id.clone()),
                (_, None) => found.removed.push(id.clone()),
                _ if !changes.is_empty() => found.changed.push(id.clone()),
                _ => {}
            }
            for (place, change) in changes.into_iter().enumerate() {
                found.changes.entry(change).or_default().push((id.clone(), place));
            }
        }
    }

    /// Returns what differs, in the order of hosts.
    pub fn finish(self) -> Diff {
        let Found { mut added, mut removed, mut changed, changes } =
            self.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        for hosts in [&mut added, &mut removed, &mut changed] {
            hosts.sort();
        }
        let mut changes: Vec<(Change, Vec<(HostId, usize)>)> = changes.into_iter().collect();
        for (_, hosts) in &mut changes {
            hosts.sort();
        }
        changes.sort_by(|(_, a), (_, b)| a.first().cmp(&b.first()));
        let whole = |(change, hosts): (Change, Vec<(HostId, usize)>)| Change {
            hosts: hosts.into_iter().map(|(host, _)| host).collect(),
            ..change
        };
        let changes = changes.into_iter().map(whole).collect();
        Diff { format: FORMAT, added, removed, changed, changes }
    }
}

impl Diff {
    /// Says whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changes.is_empty()
    }
}

/// Returns the changes of one host.
pub(super) fn host_changes(old: Option<&Bundle>, new: Option<&Bundle>) -> Vec<Change> {
    let mut changes = Vec::new();
    if let (Some(old), Some(new)) = (old, new) {
        changes.extend(document_change(old, new));
    }
    let definitions = |bundle: Option<&Bundle>| {
        bundle.and_then(|bundle| bundle.definitions.as_ref()).map(|one| without_passwords(one).to_canonical_json())
    };
    let same = old.and_then(|bundle| bundle.definitions.as_ref()) == new.and_then(|bundle| bundle.definitions.as_ref());
    let (before, after) = if same { (None, None) } else { (definitions(old), definitions(new)) };
    changes.extend(file_change(DEFINITIONS, before.as_deref(), after.as_deref(), Vec::new(), None));
    changes.extend(secret_changes(old, new));
    let none = BTreeMap::new();
    let (old, new) = (old.map_or(&none, |bundle| &bundle.artifacts), new.map_or(&none, |bundle| &bundle.artifacts));
    let mut paths: Vec<_> = old.keys().chain(new.keys()).collect();
    paths.sort();
    paths.dedup();
    for path in paths {
        let (old, new) = (old.get(path), new.get(path));
        if old == new {
            continue;
        }
        let (before, after) = (old.map(stored), new.map(stored));
        let attributes = match (old, new) {
            (Some(old), Some(new)) => attributes(old, new),
            _ => Vec::new(),
        };
        let on_change = new.or(old).map(|artifact| artifact.on_change.clone());
        changes.extend(file_change(path.as_str(), before.as_deref(), after.as_deref(), attributes, on_change));
    }
    changes
}

/// Returns the lines of a unified diff that come and go, without those around them.
pub(super) fn changed_lines(diff: &str) -> String {
    let is_changed = |line: &&str| line.starts_with(['+', '-']);
    diff.lines().filter(is_changed).fold(String::new(), |text, line| text + line + "\n")
}

/// Compares the sealed secrets by their fingerprints.
fn secret_changes(old: Option<&Bundle>, new: Option<&Bundle>) -> Vec<Change> {
    let none = BTreeMap::new();
    let (before, after) = (old.map_or(&none, |bundle| &bundle.secrets), new.map_or(&none, |bundle| &bundle.secrets));
    let mut names: Vec<&SecretRef> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    let change = |name| {
        let (old_bytes, new_bytes) = (before.get(name), after.get(name));
        let mut attributes = Vec::new();
        if old_bytes != new_bytes {
            let text =
                |bytes: Option<&Vec<u8>>, of: fn(&[u8]) -> String| bytes.map(|bytes| of(bytes)).unwrap_or_default();
            let fingerprint = |bytes: &[u8]| Fingerprint::of(bytes).to_string();
            let readers = |bytes: &[u8]| Sealed::parse(bytes).map_or(0, |sealed| sealed.readers.len()).to_string();
            attribute(&mut attributes, "fingerprint", text(old_bytes, fingerprint), text(new_bytes, fingerprint));
            attribute(&mut attributes, "readers", text(old_bytes, readers), text(new_bytes, readers));
        }
        let side = |bytes: Option<&Vec<u8>>| bytes.map(|_| "");
        let on_change = new.or(old).and_then(|bundle| action_of(bundle, name));
        file_change(&sealed_path(name), side(old_bytes), side(new_bytes), attributes, on_change)
    };
    names.into_iter().filter_map(change).collect()
}

/// Returns the most that a host does when the value of a secret changes, as far as files are concerned. Running nodes take
/// another Erlang cookie without a restart.
fn action_of(bundle: &Bundle, name: &SecretRef) -> Option<OnChange> {
    let holds = |artifact: &Artifact| {
        artifact.content.iter().any(|piece| matches!(piece, Piece::Secret { name: other, .. } if other == name))
    };
    let files = bundle.artifacts.iter().filter(|(path, artifact)| path.as_str() != platform::COOKIE && holds(artifact));
    files.map(|(_, artifact)| artifact.on_change.clone()).max()
}

fn stored(artifact: &Artifact) -> String {
    String::from_utf8(artifact.stored().0).expect("pieces of text and placeholders are text")
}

/// Compares what the manifest says of the host as a whole.
fn document_change(old: &Bundle, new: &Bundle) -> Option<Change> {
    let order = |bundle: &Bundle| bundle.order.iter().map(HostName::as_str).collect::<Vec<_>>().join(", ");
    let maintenance = |bundle: &Bundle| bundle.maintenance.as_ref().map(ToString::to_string).unwrap_or_default();
    let grants = |bundle: &Bundle| bundle.grants.join(", ");
    let mut attributes = Vec::new();
    attribute(&mut attributes, "order", order(old), order(new));
    attribute(&mut attributes, "maintenance", maintenance(old), maintenance(new));
    attribute(&mut attributes, "grants", grants(old), grants(new));
    file_change(MANIFEST, Some(""), Some(""), attributes, None)
}

fn file_change(
    path: &str,
    old: Option<&str>,
    new: Option<&str>,
    attributes: Vec<Attribute>,
    on_change: Option<OnChange>,
) -> Option<Change> {
    let kind = match (old, new) {
        (None, None) => return None,
        (None, Some(_)) => Kind::Added,
        (Some(_), None) => Kind::Removed,
        (Some(old), Some(new)) if old == new && attributes.is_empty() => return None,
        (Some(_), Some(_)) => Kind::Modified,
    };
    let diff = text::unified(old.unwrap_or_default(), new.unwrap_or_default());
    Some(Change { hosts: Vec::new(), path: path.to_owned(), kind, on_change, attributes, diff })
}

fn attributes(old: &Artifact, new: &Artifact) -> Vec<Attribute> {
    let mut found = Vec::new();
    attribute(&mut found, "mode", format!("{:04o}", old.mode), format!("{:04o}", new.mode));
    attribute(&mut found, "owner", owner(&old.owner), owner(&new.owner));
    attribute(&mut found, "check", check(old.check), check(new.check));
    attribute(&mut found, "on-change", text::action(&old.on_change), text::action(&new.on_change));
    attribute(&mut found, "part", part(old.part), part(new.part));
    found
}

fn attribute(found: &mut Vec<Attribute>, name: &'static str, from: String, to: String) {
    if from != to {
        found.push(Attribute { name, from, to });
    }
}

fn owner(owner: &Owner) -> String {
    format!("{}:{}", owner.user, owner.group)
}

fn check(check: Option<Check>) -> String {
    match check {
        None => "none",
        Some(Check::Haproxy) => "haproxy",
        Some(Check::Keepalived) => "keepalived",
        Some(Check::Bash) => "bash",
    }
    .to_owned()
}

fn part(part: Part) -> String {
    match part {
        Part::Whole => "whole file",
        Part::Block => "managed block",
    }
    .to_owned()
}
