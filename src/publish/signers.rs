//! The chain of signers: whom the hosts shall trust, as the spec repository's `allowed_signers` says.
//!
//! Each change of that file is one commit of the chain, signed by a key that the one before trusts. A release names the
//! commit that it belongs to in a trailer, so that a host notices a change, and fetches the chain only then.

use super::base::Base;
use super::seal::Seal;
use super::source::SpecCommit;
use super::{PublishError, Signing};
use crate::release::{ALLOWED_SIGNERS, SIGNERS, SIGNERS_REF, SPEC_COMMIT};
use crate::sys::git::object::{self, Kind};
use crate::sys::git::pack::Packer;
use crate::sys::git::refs::Edit;
use crate::sys::git::tree::{self, Entry, Mode};
use crate::sys::git::{Objects, Oid, Store};
use crate::trust::allowed::AllowedSigners;

use super::index::find;

/// The link of the chain that a release belongs to.
#[derive(Debug, Default)]
pub(super) struct Signers {
    /// The link.
    pub(super) head: Option<Oid>,
    /// The one that the release which is built upon belongs to.
    before: Option<Oid>,
    /// Where the ref is now.
    old: Option<Oid>,
    /// The objects of a new link: its tree and its commit.
    new: Option<(Vec<u8>, Vec<u8>)>,
}

impl Signers {
    /// Finds the link that says what the spec says, or makes the next one.
    pub(super) fn prepare(
        store: &Store,
        objects: &Objects<'_>,
        spec: &SpecCommit,
        base: &Base,
        seal: &Seal<'_>,
    ) -> Result<Self, PublishError> {
        let Some(signing) = seal.signing else { return Ok(Self::default()) };
        let old = store.tip(SIGNERS_REF)?;
        // The ref is not signed, the trailer of our own release is.
        let before = match base.tip.filter(|_| base.ours) {
            Some(tip) => objects.commit(tip)?.trailer(SIGNERS).and_then(|id| id.parse().ok()),
            None => None,
        };
        let head = before.or(old);
        let now = head.map(|head| named(objects, head)).transpose()?.flatten();
        let Some(wanted) = spec.signers.filter(|wanted| now != Some(*wanted)) else {
            return Ok(Self { head, before, old, new: None });
        };
        check(objects, signing, now, wanted)?;
        let tree = tree::bytes(&mut [Entry::file(ALLOWED_SIGNERS, wanted)]);
        let message = format!("Signers\n\n{SPEC_COMMIT}: {}\n", spec.id);
        let commit = seal.commit(object::id(Kind::Tree, &tree), head.into_iter().collect(), message)?;
        Ok(Self { head: Some(object::id(Kind::Commit, &commit)), before, old, new: Some((tree, commit)) })
    }

    /// Whether the hosts must be told that it is another one than before.
    pub(super) fn moved(&self) -> bool {
        self.head != self.before
    }

    /// Returns the line of a commit's message that names the link.
    pub(super) fn trailer(&self) -> String {
        self.head.map_or_else(String::new, |head| format!("{SIGNERS}: {head}\n"))
    }

    /// Packs a new link.
    pub(super) fn pack(&self, packer: &mut Packer<'_>) {
        if let Some((tree, commit)) = &self.new {
            packer.add(Kind::Tree, tree);
            packer.add(Kind::Commit, commit);
        }
    }

    /// Returns how the ref moves.
    pub(super) fn edit(&self) -> Option<Edit> {
        let new = self.head.filter(|head| Some(*head) != self.old)?;
        Some(Edit { name: SIGNERS_REF.to_owned(), old: self.old, new: Some(new) })
    }
}

/// Returns the file that a link names.
fn named(objects: &Objects<'_>, link: Oid) -> Result<Option<Oid>, PublishError> {
    let entries = objects.tree(objects.commit(link)?.tree)?;
    Ok(find(&entries, ALLOWED_SIGNERS, Mode::File))
}

/// Refuses signers whom no host could follow.
fn check(objects: &Objects<'_>, signing: Signing<'_>, now: Option<Oid>, wanted: Oid) -> Result<(), PublishError> {
    let key = signing.signer.key();
    let read = |id| -> Result<AllowedSigners, PublishError> {
        AllowedSigners::parse(&objects.blob(id)?).map_err(PublishError::Signers)
    };
    let may = |signers: &AllowedSigners| signers.judge(key, &[signing.now]).map(drop);
    may(&read(wanted)?).map_err(|fault| PublishError::NotASigner {
        whose: "the spec's",
        key: key.fingerprint(),
        fault,
    })?;
    if let Some(now) = now {
        may(&read(now)?).map_err(|fault| PublishError::NotASigner {
            whose: "the last release's",
            key: key.fingerprint(),
            fault,
        })?;
    }
    Ok(())
}
