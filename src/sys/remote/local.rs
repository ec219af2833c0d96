//! A repository on this machine, read directly: one ref is looked up, a few objects are copied.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use git2::{ErrorCode, Oid, Repository};

use super::{Remote, RemoteError};
use crate::sys::store::{Copy, Incoming, Store, Want, open_objects};

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
        let objects = open_objects(&[&self.repo.commondir().join("objects")])?;
        let limit = u64::from(self.remote.options().max_pack) << 20;
        let mut cut = BTreeSet::new();
        let copied = copy(&objects, want, store, &mut cut).and_then(|copy| copy.pack(limit));
        match copied.map_err(|source| self.damaged(source))? {
            Some(pack) => incoming.write_all(&pack).map_err(|error| RemoteError::write(self.remote, error))?,
            None => return Err(RemoteError::too_large(self.remote)),
        }
        Ok(cut)
    }

    fn damaged(&self, source: git2::Error) -> RemoteError {
        RemoteError::Damaged { remote: self.remote.to_string(), source }
    }
}

fn copy<'r>(
    objects: &'r Repository,
    want: &Want,
    store: &Store,
    cut: &mut BTreeSet<Oid>,
) -> Result<Copy<'r>, git2::Error> {
    let known = store.repo().odb()?;
    let mut copy = Copy::from(objects)?;
    let mut seen = BTreeSet::from([want.tip]);
    let mut commits = vec![want.tip];
    while let Some(id) = commits.pop() {
        let parents = copy.add(id, Some(&known))?;
        if !want.alone {
            commits.extend(parents.into_iter().filter(|parent| !known.exists(*parent) && seen.insert(*parent)));
        } else if !parents.is_empty() {
            cut.insert(id);
        }
    }
    Ok(copy)
}
