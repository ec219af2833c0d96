//! One ref per host, so that a host fetches its own few files whatever the size of the fleet.
//!
//! A ref holds a commit of the host's tree; the next one is made on top of it only when that tree changes, or when the
//! commit must be signed again.

use std::collections::BTreeMap;

use crate::name::{ClusterName, HostName};
use crate::release::host_ref;
use crate::sys::git::object::Kind;
use crate::sys::git::pack::Packer;
use crate::sys::git::refs::Edit;
use crate::sys::git::{GitError, Objects, Oid};

use super::seal::Seal;

/// Where the refs of all hosts are now, and what a new commit on one of them says.
pub(super) struct HostRefs<'a> {
    pub(super) objects: &'a Objects<'a>,
    pub(super) now: &'a BTreeMap<String, Oid>,
    pub(super) seal: &'a Seal<'a>,
    pub(super) message: &'a str,
}

impl HostRefs<'_> {
    /// Makes a host's ref hold a tree: packs the commit and returns the edit, or nothing if it does so already.
    pub(super) fn follow(
        &self,
        packer: &mut Packer<'_>,
        cluster: &ClusterName,
        host: &HostName,
        tree: Oid,
    ) -> Result<Option<Edit>, GitError> {
        let name = host_ref(cluster, host);
        let old = self.now.get(&name).copied();
        if let Some(old) = old
            && self.objects.commit(old)?.tree == tree
            && self.seal.keeps(self.objects, old)?
        {
            return Ok(None);
        }
        let message = format!("{cluster}/{host}: {}", self.message);
        let commit = self.seal.commit(tree, old.into_iter().collect(), message)?;
        let new = packer.add(Kind::Commit, &commit);
        Ok(Some(Edit { name, old, new: Some(new) }))
    }
}
