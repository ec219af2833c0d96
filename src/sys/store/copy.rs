//! Copies commits out of one object directory as a pack that stands for itself.
//!
//! libgit2's pack builder would do it too, but it reads the configuration of the user, and every ref of the repository.

use std::collections::BTreeSet;

use git2::{ObjectType, Odb, Oid, Repository};

use crate::sys::git::object::Kind;
use crate::sys::git::pack::{Known, Packer};

use super::bounds::Bounds;

/// Objects on their way into a pack.
pub(crate) struct Copy<'r> {
    repo: &'r Repository,
    odb: Odb<'r>,
    objects: Vec<(Oid, Kind)>,
    seen: BTreeSet<Oid>,
}

impl<'r> Copy<'r> {
    /// Begins with nothing.
    pub(crate) fn from(repo: &'r Repository) -> Result<Self, git2::Error> {
        Ok(Self { repo, odb: repo.odb()?, objects: Vec::new(), seen: BTreeSet::new() })
    }

    /// Adds a commit and its tree, without what `known` has; returns the commit's parents.
    pub(crate) fn add(&mut self, commit: Oid, known: Option<&Odb<'_>>) -> Result<Vec<Oid>, git2::Error> {
        self.bound(commit, Bounds::HOST.other)?;
        let found = self.repo.find_commit(commit)?;
        if self.seen.insert(commit) {
            self.objects.push((commit, Kind::Commit));
        }
        let mut trees = vec![found.tree_id()];
        while let Some(id) = trees.pop() {
            if !self.is_new(id, Kind::Tree, known) {
                continue;
            }
            self.bound(id, Bounds::HOST.other)?;
            for entry in &self.repo.find_tree(id)? {
                match entry.kind() {
                    Some(ObjectType::Tree) => trees.push(entry.id()),
                    Some(ObjectType::Blob) => {
                        self.is_new(entry.id(), Kind::Blob, known);
                    }
                    _ => {}
                }
            }
        }
        Ok(found.parent_ids().collect())
    }

    /// Refuses what is larger than any release's before it is read: the repository may be somebody else's.
    fn bound(&self, id: Oid, limit: u64) -> Result<(), git2::Error> {
        let (size, kind) = self.odb.read_header(id)?;
        if size as u64 > limit {
            let text = format!("{kind} {id} has {size} bytes, and at most {limit} are read");
            return Err(git2::Error::from_str(&text));
        }
        if self.seen.len() > Bounds::HOST.objects as usize {
            return Err(git2::Error::from_str(&format!("more than {} objects are new", Bounds::HOST.objects)));
        }
        Ok(())
    }

    fn is_new(&mut self, id: Oid, kind: Kind, known: Option<&Odb<'_>>) -> bool {
        let new = self.seen.insert(id) && !known.is_some_and(|known| known.exists(id));
        if new {
            self.objects.push((id, kind));
        }
        new
    }

    /// Returns the pack, or nothing if its objects have more than `limit` bytes.
    pub(crate) fn pack(self, limit: u64) -> Result<Option<Vec<u8>>, git2::Error> {
        let mut bytes = 0;
        for (id, _) in &self.objects {
            self.bound(*id, Bounds::HOST.blob)?;
            bytes += self.odb.read_header(*id)?.0 as u64;
        }
        if bytes > limit {
            return Ok(None);
        }
        let known = Known::default();
        let mut packer = Packer::new(&known);
        for (id, kind) in &self.objects {
            packer.add(*kind, self.odb.read(*id)?.data());
        }
        Ok(Some(packer.take().into_pack()))
    }
}
