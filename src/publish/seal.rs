//! Signs the commits of a release, and tells which of those that are there must be made again.

use super::Signing;
use crate::sys::git::object::commit_bytes;
use crate::sys::git::{Commit, GitError, Objects, Oid};
use crate::sys::signer::Signer;
use crate::trust::signature;

/// Which commits are made although their tree is published already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Renew {
    /// None.
    Nothing,
    /// Those without a signature of the key that signs now.
    Foreign,
    /// All of them.
    Everything,
}

/// How the commits of a release are made.
pub(super) struct Seal<'a> {
    /// Who signs them; `None` leaves them unsigned.
    pub(super) signing: Option<Signing<'a>>,
    /// The time of the spec commit, in seconds since 1970.
    pub(super) authored: i64,
    /// Which commits are made again.
    pub(super) renew: Renew,
}

impl Seal<'_> {
    /// Returns the bytes of a commit. An unsigned one is the same on every machine; a signed one says when it was signed.
    pub(super) fn commit(&self, tree: Oid, parents: Vec<Oid>, message: String) -> Result<Vec<u8>, GitError> {
        let time = self.signing.map_or(self.authored, |signing| signing.now);
        let bytes = commit_bytes(&Commit { tree, parents, authored: self.authored, time, message });
        match self.signing {
            Some(signing) => signing.signer.sign(&bytes).map_err(GitError::Sign),
            None => Ok(bytes),
        }
    }

    /// Says whether a commit stays although its tree is the wanted one.
    pub(super) fn keeps(&self, objects: &Objects<'_>, id: Oid) -> Result<bool, GitError> {
        Ok(match (self.renew, self.signing) {
            (Renew::Nothing, _) | (Renew::Foreign, None) => true,
            (Renew::Foreign, Some(signing)) => is_by(objects, id, signing.signer)?,
            (Renew::Everything, _) => false,
        })
    }
}

/// Says whether a commit has a valid signature of a key.
pub(super) fn is_by(objects: &Objects<'_>, id: Oid, signer: &Signer) -> Result<bool, GitError> {
    Ok(signature::verify(&objects.commit_bytes(id)?).is_ok_and(|signed| signed.key == *signer.key()))
}
