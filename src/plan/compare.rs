//! Aspects of a file (content, mode, owner) on both sides of a comparison.

use crate::live::{Account, FileState, Kind, Observed, Probe};
use crate::name::Digest;
use crate::release::{Owner, Part};

use super::base::BaseFile;
use super::block::{self, Block};

/// The comparable aspects of a live file.
pub(super) struct Aspects {
    /// The digest of our part; `None` where there is no such part.
    content: Option<Digest>,
    mode: u32,
    account: Account,
    part: Part,
}

/// Which aspects of a live file are as they should be.
#[derive(Clone, Copy)]
pub(super) struct Agreement {
    pub(super) content: bool,
    pub(super) mode: bool,
    pub(super) owner: bool,
}

impl Agreement {
    pub(super) fn all(self) -> bool {
        self.content && self.mode && self.owner
    }
}

impl Aspects {
    /// Returns the aspects, or `None` for what is not a regular file of a possible size.
    pub(super) fn of_live(live: &FileState, part: Part) -> Option<Self> {
        let bytes = live.bytes()?;
        let content = match part {
            Part::Whole => Some(digest(bytes, part)),
            Part::Block => match block::find(bytes) {
                Block::One { inner, .. } => Some(digest(&bytes[inner], part)),
                Block::None | Block::Damaged(_) => None,
            },
        };
        Some(Self { content, mode: live.mode, account: live.account, part })
    }
}

/// Returns the digest of our part of a file.
pub(super) fn digest(bytes: &[u8], part: Part) -> Digest {
    match part {
        Part::Whole => Digest::of(bytes),
        Part::Block => Digest::of(bytes.strip_suffix(b"\n").unwrap_or(bytes)),
    }
}

/// Says which aspects are as `file` has them. Mode and owner of a shared file belong to the host.
pub(super) fn against_base(live: &Aspects, file: &BaseFile, observed: &Observed) -> Agreement {
    let shared = live.part == Part::Block;
    Agreement {
        content: live.part == file.part && live.content == Some(file.digest),
        mode: shared || live.mode == file.mode,
        owner: shared || owner(live.account, &file.owner, observed) != Ownership::Other,
    }
}

/// Whether a file belongs to whom it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ownership {
    /// It does.
    Same,
    /// It does not.
    Other,
    /// This run could neither tell nor change it.
    Unknown,
}

/// Compares the owner of a file. A run that is not root, or that sees a sandbox without that user, cannot tell.
pub(super) fn owner(live: Account, wanted: &Owner, observed: &Observed) -> Ownership {
    match observed.accounts.get(wanted) {
        Some(Probe::Seen(account)) if *account == live => Ownership::Same,
        Some(Probe::Seen(_)) if observed.user == 0 => Ownership::Other,
        Some(Probe::Absent) if observed.place == crate::live::Place::Machine => Ownership::Other,
        _ => Ownership::Unknown,
    }
}

/// Whether our part of a file is certainly not on the host.
pub(super) fn is_gone(probe: Option<&Probe<FileState>>, part: Part) -> bool {
    match probe {
        Some(Probe::Absent) => true,
        Some(Probe::Seen(FileState { kind: Kind::Regular(bytes), .. })) if part == Part::Block => {
            block::find(bytes.as_slice()) == Block::None
        }
        _ => false,
    }
}
