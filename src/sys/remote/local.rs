//! A repository on this machine, read directly: one ref is looked up, a few objects are copied.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use git2::{ErrorCode, ObjectType, Odb, Oid, PackBuilder, Repository};

use super::{Remote, RemoteError};
use crate::sys::store::{Incoming, Store, Want};

/// An open repository on this machine.
pub(crate) struct Local<'r> {
    remote: &'r Remote,
    repo: Repository,
    tip: Option<Oid>,
}

impl<'r> Local<'r> {
    /// Opens the repository and looks one ref up: a file, else a binary search in `packed-refs`; no other ref is read.
    pub(super) fn open(remote: &'r Remote, path: &Path, reference: &str) -> Result<Self, RemoteError> {
        // As git does: the repository itself, or the one inside a work tree, or the name without its `.git`. The owner of
        // the directory does not matter, because nothing in it is run and its objects are checked by their names.
        let beside = path.with_extension("git");
        let inside = path.join(".git");
        let mut first = None;
        for candidate in [path, &inside, &beside] {
            match Repository::open_bare(candidate) {
                Ok(repo) => {
                    let tip = match repo.refname_to_id(reference) {
                        Ok(id) => Some(id),
                        Err(error) if error.code() == ErrorCode::NotFound => None,
                        Err(source) => return Err(RemoteError::Damaged { remote: remote.to_string(), source }),
                    };
                    return Ok(Self { remote, repo, tip });
                }
                Err(error) => first.get_or_insert(error),
            };
        }
        let error = first.expect("three places were tried");
        Err(RemoteError::no_repository(remote, error.message()))
    }

    pub(super) fn tip(&self) -> Option<Oid> {
        self.tip
    }

    /// Copies the commits and their objects that the store lacks; when the tip is wanted
    /// alone, nothing of its history.
    pub(super) fn receive(
        &self,
        want: &Want,
        store: &Store,
        incoming: &mut Incoming<'_>,
    ) -> Result<BTreeSet<Oid>, RemoteError> {
        let mut cut = BTreeSet::new();
        let mut pack = self.pack(want, store, &mut cut).map_err(|source| self.damaged(source))?;
        let mut failure = None;
        let sent = pack.foreach(|bytes| match incoming.write_all(bytes) {
            Ok(()) => true,
            Err(error) => {
                failure = Some(error);
                false
            }
        });
        match (sent, failure) {
            (Ok(()), None) => Ok(cut),
            (_, Some(error)) => Err(RemoteError::write(self.remote, error)),
            (Err(source), None) => Err(self.damaged(source)),
        }
    }

    fn pack(&self, want: &Want, store: &Store, cut: &mut BTreeSet<Oid>) -> Result<PackBuilder<'_>, git2::Error> {
        let known = store.repo().odb()?;
        let mut pack = self.repo.packbuilder()?;
        pack.set_threads(1);
        let mut seen = BTreeSet::from([want.tip]);
        let mut commits = vec![want.tip];
        while let Some(id) = commits.pop() {
            let commit = self.repo.find_commit(id)?;
            pack.insert_object(id, None)?;
            self.insert_tree(commit.tree_id(), &known, &mut seen, &mut pack)?;
            if !want.alone {
                commits.extend(commit.parent_ids().filter(|parent| !known.exists(*parent) && seen.insert(*parent)));
            } else if commit.parent_count() > 0 {
                cut.insert(id);
            }
        }
        Ok(pack)
    }

    fn insert_tree(
        &self,
        root: Oid,
        known: &Odb<'_>,
        seen: &mut BTreeSet<Oid>,
        pack: &mut PackBuilder<'_>,
    ) -> Result<(), git2::Error> {
        let mut trees = vec![root];
        while let Some(id) = trees.pop() {
            if !seen.insert(id) || known.exists(id) {
                continue;
            }
            pack.insert_object(id, None)?;
            for entry in &self.repo.find_tree(id)? {
                match entry.kind() {
                    Some(ObjectType::Tree) => trees.push(entry.id()),
                    Some(ObjectType::Blob) if seen.insert(entry.id()) && !known.exists(entry.id()) => {
                        pack.insert_object(entry.id(), None)?;
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn damaged(&self, source: git2::Error) -> RemoteError {
        RemoteError::Damaged { remote: self.remote.to_string(), source }
    }
}
