//! Compares what the broker holds with what it shall hold, object by object and exactly.
//!
//! The objects belong to the cluster, so that one host changes them: that of the first member, in the release's order, that
//! runs. The others report what differs, and leave it to that one.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::live::Hidden;
use crate::live::{
    Broker, Door, Edit, LiveDefinitions, LiveUser, Login, Object, ObjectId, ObjectType, Observed, PasswordHash, Place,
    Probe, VhostMetadata, canonical,
};
use crate::name::Digest;
use crate::release::BrokerNode;

use super::base::Base;
use super::desired::Desired;
use super::{
    Action, Cause, Change, Class, Difference, Finding, FindingCode, Held, HeldCode, Plan, Planned, Step, Subject,
    Unknown,
};

mod holding;
mod password;
mod shadow;
mod show;

pub use holding::{Holding, WantedBody, WantedObject, WantedPassword};

/// The way by which the broker is told what the plan says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The node.
    pub node: String,
    /// The door by which it was looked at.
    pub door: Door,
    /// What opens the management API.
    pub login: Option<Login>,
}

/// One object as it was last seen to be as the release asks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaseObject {
    /// The object.
    pub id: ObjectId,
    /// The digest of what the release asked for, secrets joined. It never leaves the state directory.
    pub wanted: Digest,
    /// The digest of what the broker held.
    pub live: Digest,
}

/// Adds what differs about the broker's objects, and the steps that this host takes for it.
pub(super) fn compare(plan: &mut Plan, base: &Base, desired: &Desired, observed: &Observed) {
    let (Some(holding), Some(release)) = (&desired.holding, &desired.role.broker) else { return };
    let broker = match broker(observed) {
        Ok(broker) => broker,
        Err(why) => return plan.unknown.push(unknown(why, observed.place == Place::Machine)),
    };
    let live = match &broker.definitions {
        Probe::Seen(live) => live,
        Probe::Absent => return,
        Probe::Failed(why) => return plan.unknown.push(unknown(why.clone(), true)),
    };
    if let Some(why) = &broker.detour {
        plan.unknown.push(Unknown {
            subject: "the management API".to_owned(),
            why: format!("{why}; rabbitmqctl was asked instead"),
            help: None,
            blocks: false,
        });
    }
    let task = Task { holding, base, live, hold: hold(release, broker) };
    let edits = task.edits(plan);
    task.unmanaged(plan);
    match broker.queues.seen() {
        Some(queues) => plan.findings.extend(shadow::findings(holding, live, queues)),
        None => plan.unknown.push(Unknown {
            subject: "the policies in force".to_owned(),
            why: failure(&broker.queues).to_owned(),
            help: None,
            blocks: false,
        }),
    }
    if !edits.is_empty() {
        plan.way = Some(Way { node: broker.node.clone(), door: broker.door, login: holding.login.clone() });
        plan.edits = edits;
    }
}

/// Returns what this host's node says, or why there is nothing to compare with.
fn broker(observed: &Observed) -> Result<&Broker, String> {
    match &observed.cluster {
        _ if observed.place == Place::Sandbox => Err("a sandbox root has no broker".to_owned()),
        Some(cluster) => Ok(&cluster.own),
        None => Err("RabbitMQ does not run on this host".to_owned()),
    }
}

fn unknown(why: String, blocks: bool) -> Unknown {
    Unknown { subject: "the broker's objects (definitions.json)".to_owned(), why, help: None, blocks }
}

fn failure<T>(probe: &Probe<T>) -> &str {
    if let Probe::Failed(why) = probe { why } else { "it was not looked at" }
}

/// Returns why this host must not change the broker's objects.
fn hold(release: &BrokerNode, broker: &Broker) -> Option<Held> {
    let later = "nothing to do: a later run goes on when it can".to_owned();
    let Some(cluster) = broker.cluster.seen() else {
        let why = format!("who runs in the cluster is not known: {}", failure(&broker.cluster));
        return Some(Held { code: HeldCode::NoMajority, why, help: later });
    };
    let running: Vec<&str> =
        release.members.iter().map(|m| m.node.as_str()).filter(|n| cluster.has_running(n)).collect();
    if running.len() * 2 <= release.members.len() {
        let why = format!(
            "only {} of the release's {} members run in the cluster of this node",
            running.len(),
            release.members.len()
        );
        return Some(Held { code: HeldCode::NoMajority, why, help: later });
    }
    running.first().filter(|leader| **leader != release.node).map(|leader| Held {
        code: HeldCode::OtherMember,
        why: format!("the run on the host of {leader} changes it: that is the first member that runs"),
        help: "nothing to do here".to_owned(),
    })
}

struct Task<'a> {
    holding: &'a Holding,
    base: &'a Base,
    live: &'a LiveDefinitions,
    hold: Option<Held>,
}

impl Task<'_> {
    /// Adds a change for each object that differs, and returns the edits in their order: what is made comes first, in the
    /// order of the types, and what is removed last, against it.
    fn edits(&self, plan: &mut Plan) -> Vec<Edit> {
        let mut edits = Vec::new();
        for (id, wanted) in &self.holding.objects {
            match wanted {
                Ok(wanted) => edits.extend(self.make(plan, id, wanted)),
                Err(missing) => plan.unknown.push(Unknown {
                    subject: id.to_string(),
                    why: format!("it needs the secret `{}`: {}", missing.name, missing.why),
                    help: Some(missing.help.clone()),
                    blocks: true,
                }),
            }
        }
        let surplus = self.live.0.iter().rev().filter(|(id, _)| self.is_surplus(id));
        for (id, live) in surplus {
            let base = self.base.objects.iter().find(|known| known.id == *id);
            let cause = if base.is_some() { Cause::Release } else { Cause::Drift };
            let mut change = self.change(id, Action::Remove, cause);
            change.differs.push(Difference::Surplus);
            plan.changes.push(change);
            edits.push(Edit { id: id.clone(), before: Some(live.clone()), after: None });
        }
        if self.hold.is_some() {
            return Vec::new();
        }
        plan.steps.extend(edits.iter().map(|edit| {
            let object = edit.id.clone();
            let step = if edit.after.is_some() { Step::PutObject { object } } else { Step::RemoveObject { object } };
            Planned { step, skip: None }
        }));
        edits
    }

    fn make(&self, plan: &mut Plan, id: &ObjectId, wanted: &WantedObject) -> Option<Edit> {
        let live = self.live.0.get(id);
        let after = after(&wanted.body, live);
        if live.is_some_and(|live| same(live, &after)) {
            return None;
        }
        let action = if live.is_some() { Action::Replace } else { Action::Create };
        let mut change = self.change(id, action, self.cause(id, wanted, live));
        match live {
            None => change.differs.push(Difference::Absent),
            Some(live) => (change.differs, change.diff) = show::differences(live, &after, wanted),
        }
        plan.changes.push(change);
        Some(Edit { id: id.clone(), before: live.cloned(), after: Some(after) })
    }

    fn change(&self, id: &ObjectId, action: Action, cause: Cause) -> Change {
        Change {
            subject: Subject::Object { r#type: id.r#type, vhost: id.vhost.clone(), name: id.display_name() },
            action,
            cause,
            class: Class::Live,
            differs: Vec::new(),
            diff: None,
            modified: None,
            since: None,
            held: self.hold.clone(),
        }
    }

    fn cause(&self, id: &ObjectId, wanted: &WantedObject, live: Option<&Object>) -> Cause {
        let Some(base) = self.base.objects.iter().find(|known| known.id == *id) else { return Cause::Release };
        match (base.wanted != digest_of(&wanted.body), live.map(digest) != Some(base.live)) {
            (true, true) => Cause::Both,
            (true, false) => Cause::Release,
            (false, _) => Cause::Drift,
        }
    }

    /// Whether an object is not in the release, and may be removed: its type is pruned, or it is the limits of something
    /// that the release has without. What holds data is not pruned, nor the user by whom the agent itself logs in.
    fn is_surplus(&self, id: &ObjectId) -> bool {
        let owner = |r#type| self.holding.objects.contains_key(&ObjectId::global(r#type, &id.name));
        let own = self.holding.login.as_ref().is_some_and(|login| login.user == id.name);
        !self.holding.objects.contains_key(id)
            && match id.r#type {
                ObjectType::Vhost => false,
                ObjectType::User => !own && self.holding.prune.contains(&ObjectType::User),
                ObjectType::VhostLimits => owner(ObjectType::Vhost),
                ObjectType::UserLimits => owner(ObjectType::User),
                other => self.holding.prune.contains(&other),
            }
    }

    /// Reports what the release does not name and what stays, a finding for each type.
    fn unmanaged(&self, plan: &mut Plan) {
        let mut unmanaged: BTreeMap<ObjectType, BTreeSet<String>> = BTreeMap::new();
        for id in self.live.0.keys().filter(|id| !self.holding.objects.contains_key(*id) && !self.is_surplus(id)) {
            let name = id.vhost.as_ref().map_or_else(|| id.display_name(), |v| format!("{v}: {}", id.display_name()));
            unmanaged.entry(id.r#type).or_default().insert(name);
        }
        plan.findings.extend(unmanaged.into_iter().map(|(r#type, names)| {
            let help = if r#type == ObjectType::Vhost {
                "take them into the spec, or delete them by hand: a run never removes a vhost"
            } else {
                "take them into the spec, remove them by hand, or let `prune` of the spec name their type"
            };
            Finding {
                code: FindingCode::UnmanagedObjects,
                about: r#type.as_str().to_owned(),
                message: format!(
                    "the broker holds, of type {}, what the release does not name: {}",
                    r#type.as_str(),
                    show::names(names.iter().map(String::as_str))
                ),
                help: help.to_owned(),
            }
        }));
    }
}

/// Returns an object as it shall be: what the release leaves open is as it is.
fn after(wanted: &WantedBody, live: Option<&Object>) -> Object {
    match (wanted, live) {
        (WantedBody::Vhost(wanted), live) => {
            let none = VhostMetadata::default();
            let live = if let Some(Object::Vhost(live)) = live { live } else { &none };
            Object::Vhost(VhostMetadata {
                description: wanted.description.clone().or_else(|| live.description.clone()),
                tags: wanted.tags.clone(),
                default_queue_type: wanted.default_queue_type.clone().or_else(|| live.default_queue_type.clone()),
            })
        }
        (WantedBody::User { tags, password }, live) => {
            let live = if let Some(Object::User(user)) = live { Some(&user.password) } else { None };
            Object::User(LiveUser { tags: tags.clone(), password: password_after(password, live) })
        }
        (WantedBody::Whole(object), _) => object.clone(),
    }
}

/// A password that is right keeps its hash, so that nobody is disconnected.
fn password_after(wanted: &WantedPassword, live: Option<&PasswordHash>) -> PasswordHash {
    match (wanted, live) {
        (WantedPassword::Plain { text, .. }, Some(live)) if password::matches(text, live) => live.clone(),
        (WantedPassword::Plain { text, salt }, _) => password::hash(text, *salt),
        (WantedPassword::Hash(hash), _) => hash.clone(),
        (WantedPassword::Any, Some(live)) => live.clone(),
        (WantedPassword::Any, None) => {
            PasswordHash { algorithm: password::SHA256.to_owned(), ..PasswordHash::default() }
        }
    }
}

fn same(live: &Object, after: &Object) -> bool {
    match (live, after) {
        // A user without a password has no algorithm that would matter.
        (Object::User(live), Object::User(after)) if after.password.hash.as_slice().is_empty() => {
            live.tags == after.tags && live.password.hash == after.password.hash
        }
        (Object::Parameter(Hidden(live)), Object::Parameter(Hidden(after))) => canonical(live) == canonical(after),
        _ => digest(live) == digest(after),
    }
}

fn digest(object: &Object) -> Digest {
    Digest::of(object.canonical_json().as_bytes())
}

fn digest_of(wanted: &WantedBody) -> Digest {
    match wanted {
        WantedBody::Vhost(metadata) => digest(&Object::Vhost(metadata.clone())),
        WantedBody::Whole(object) => digest(object),
        WantedBody::User { tags, password } => {
            // The salt is for a hash that may have to be made; it says nothing about what is wanted.
            let password = match password {
                WantedPassword::Any => PasswordHash::default(),
                WantedPassword::Plain { text, .. } => {
                    PasswordHash { hash: text.clone(), algorithm: "plain".to_owned() }
                }
                WantedPassword::Hash(hash) => hash.clone(),
            };
            digest(&Object::User(LiveUser { tags: tags.clone(), password }))
        }
    }
}

/// Returns the base after a look: what is as the release asks counts as applied, and what it no longer names is
/// forgotten once it is gone.
pub(super) fn settled(base: &[BaseObject], desired: &Desired, observed: &Observed) -> Vec<BaseObject> {
    let (Some(holding), Ok(Broker { definitions: Probe::Seen(live), .. })) = (&desired.holding, broker(observed))
    else {
        return base.to_vec();
    };
    let mut known: BTreeMap<ObjectId, BaseObject> = base.iter().map(|one| (one.id.clone(), one.clone())).collect();
    for (id, wanted) in &holding.objects {
        if let (Ok(wanted), Some(live)) = (wanted, live.0.get(id))
            && same(live, &after(&wanted.body, Some(live)))
        {
            let one = BaseObject { id: id.clone(), wanted: digest_of(&wanted.body), live: digest(live) };
            known.insert(id.clone(), one);
        }
    }
    known.retain(|id, _| holding.objects.contains_key(id) || live.0.contains_key(id));
    known.into_values().collect()
}

#[cfg(test)]
mod tests;
