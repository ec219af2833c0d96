//! One host as it is now.
//!
//! Input: what `observe` saw. Output: values for `plan`, in which "could not look" is never "is not there".
//! Must not: look at anything itself, or print the bytes of a file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::name::{HostPath, UnitName};
use crate::release::Owner;

mod broker;
mod cluster;
mod objects;

pub use broker::{Broker, ClusterState, Door, Login, Member, Queue, QueueName, Queues};
pub use cluster::Cluster;
pub use objects::{
    Edit, Hidden, LiveDefinitions, LiveUser, Object, ObjectId, ObjectType, PasswordHash, PolicyBody, VhostMetadata,
    canonical,
};

/// The answer to one look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe<T> {
    /// It is there.
    Seen(T),
    /// It is certainly not there.
    Absent,
    /// The look failed, for this reason.
    Failed(String),
}

impl<T> Probe<T> {
    /// Returns what was seen.
    pub fn seen(&self) -> Option<&T> {
        match self {
            Self::Seen(value) => Some(value),
            Self::Absent | Self::Failed(_) => None,
        }
    }
}

/// The bytes of a live file or of a candidate. They may hold secrets: they are wiped from memory and never printed.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Bytes(Zeroizing<Vec<u8>>);

impl Bytes {
    /// Takes the bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Returns the bytes, for comparing and for writing.
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// Everything that was looked at on one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// When.
    pub at: Timestamp,
    /// What the file system is.
    pub place: Place,
    /// The files, by path.
    pub files: BTreeMap<HostPath, Probe<FileState>>,
    /// The files beside which a killed run left its candidate.
    pub leftovers: BTreeSet<HostPath>,
    /// The ids of owners that a file has or shall have.
    pub accounts: BTreeMap<Owner, Probe<Account>>,
    /// The user that looks, and that will write.
    pub user: u32,
    /// The units that a change concerns, or why systemd cannot be asked. Filled in when something asks for a unit.
    pub units: BTreeMap<UnitName, Probe<UnitState>>,
    /// The versions of the programs of units, as they are on the disk.
    pub versions: BTreeMap<UnitName, Probe<String>>,
    /// The RabbitMQ cluster; `None` where this host has no node, or its node was not asked.
    pub cluster: Option<Cluster>,
    /// Who holds the virtual addresses that may come up on this host.
    pub addresses: BTreeMap<IpAddr, Probe<Holders>>,
}

impl Observed {
    /// Returns a machine on which root looked at nothing yet.
    pub fn empty(at: Timestamp) -> Self {
        Self {
            at,
            place: Place::Machine,
            files: BTreeMap::new(),
            leftovers: BTreeSet::new(),
            accounts: BTreeMap::new(),
            user: 0,
            units: BTreeMap::new(),
            versions: BTreeMap::new(),
            cluster: None,
            addresses: BTreeMap::new(),
        }
    }
}

/// What the file system is whose files were looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The machine's own root: its daemons read these files.
    Machine,
    /// A directory that stands for a machine: no daemon reads these files.
    Sandbox,
}

/// The numbers of a user and a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// The user's id.
    pub user: u32,
    /// The group's id.
    pub group: u32,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileState {
    /// What stands at the path.
    pub kind: Kind,
    /// The permission bits with set-id and sticky bits, such as `0o4755`.
    pub mode: u32,
    /// Who owns it.
    pub account: Account,
    /// Its names, or numbers where the host has no name.
    pub owner: Owner,
    /// When its bytes were last written.
    pub modified: Timestamp,
    /// What tells it from a later file at the same path.
    pub stamp: Stamp,
}

/// What stands at a path. Links are not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A regular file and its bytes.
    Regular(Bytes),
    /// A regular file that is too big to be ours; its size.
    Huge(u64),
    /// A symbolic link and its target.
    Symlink(String),
    /// A directory.
    Directory,
    /// A socket, pipe or device.
    Other,
}

impl FileState {
    /// Returns the bytes of a regular file.
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.kind {
            Kind::Regular(bytes) => Some(bytes.as_slice()),
            _ => None,
        }
    }
}

/// Identifies one state of one file: another writer changes at least one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The device.
    pub device: u64,
    /// The inode.
    pub inode: u64,
    /// The size in bytes.
    pub size: u64,
    /// When the inode last changed, in nanoseconds since 1970.
    pub changed: i128,
}

/// Who holds a virtual address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holders {
    /// Whether this host does.
    pub here: bool,
    /// How many other machines answer for it.
    pub others: Probe<usize>,
}

/// One systemd unit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnitState {
    /// Whether it runs.
    pub active: bool,
    /// Its state as systemctl names it, such as `active (running)`.
    pub state: String,
    /// When it last became active.
    pub since: Option<Timestamp>,
    /// Whether it starts at boot; `None` where that is not for the unit to say, as for a static one.
    pub enabled: Option<bool>,
    /// Whether somebody masked it, so that nothing can start it.
    pub masked: bool,
    /// Whether its files changed since systemd read them.
    pub stale: bool,
    /// How many processes its main process has started and kept.
    pub workers: usize,
    /// Whether its main process runs a program that has been replaced on the disk; `None` where that cannot be seen.
    pub replaced: Option<bool>,
}
