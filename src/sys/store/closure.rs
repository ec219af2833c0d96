//! Walks what a commit needs, and says whether all of it is there.

use std::collections::BTreeSet;
use std::{fs, io};

use git2::{ObjectType, Odb, Oid, Repository};

use super::{Store, StoreError, git, io_error, is_missing, replace};
use crate::name::ReleaseId;

/// The most objects that one walk looks at; a host's release has about twenty.
const MAX_OBJECTS: usize = 200_000;

/// The largest commit or tree that is read: a tree of ten thousand entries has 0.5 MB.
const MAX_OBJECT_BYTES: usize = 4 << 20;

/// What a remote shall send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Want {
    /// The commit that is wanted.
    pub(crate) tip: Oid,
    /// The commit that was fetched before, if that is another.
    pub(crate) previous: Option<Oid>,
    /// The commit that the remote need not send, with all that it needs.
    pub(crate) have: Option<Oid>,
    /// Whether the history of the tip is of no use.
    pub(crate) alone: bool,
}

/// What a complete walk saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Closure {
    /// Whether the walk met the commit at which it was to stop.
    pub(crate) met_previous: bool,
}

impl Store {
    /// Says what a remote shall send of `tip`.
    pub(crate) fn want(&self, tip: Oid, previous: Option<Oid>) -> Want {
        let before = previous.filter(|id| *id != tip);
        // Where the previous commit was lost, the whole history is asked for: it still tells whether the tip comes after.
        let have = before.filter(|id| self.repo.find_commit(*id).is_ok());
        Want { tip, previous: before, have, alone: before.is_none() }
    }

    /// Returns what a walk sees if nothing is missing for it.
    pub(crate) fn holds(&self, want: &Want) -> Result<Option<Closure>, StoreError> {
        let cut = if want.alone { BTreeSet::from([want.tip]) } else { BTreeSet::new() };
        match self.closure(&self.repo, want.tip, want.previous, &cut) {
            Ok(closure) => Ok(Some(closure)),
            Err(StoreError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Says whether `descendant` is `ancestor` or comes after it, as far as the history is kept.
    pub fn descends(&self, descendant: &ReleaseId, ancestor: &ReleaseId) -> Result<bool, StoreError> {
        let closure = self.closure(&self.repo, super::oid(descendant), Some(super::oid(ancestor)), &BTreeSet::new())?;
        Ok(closure.met_previous)
    }

    /// Walks from `tip` to `previous`, to the ends of the history and to the commits that are `cut` from it, and fails
    /// where something is missing in `repo`.
    pub(crate) fn closure(
        &self,
        repo: &Repository,
        tip: Oid,
        previous: Option<Oid>,
        cut: &BTreeSet<Oid>,
    ) -> Result<Closure, StoreError> {
        let shallow = self.shallow()?;
        let odb = repo.odb().map_err(git("open its objects"))?;
        let mut seen = BTreeSet::from([tip]);
        let mut commits = vec![tip];
        let mut met_previous = false;
        while let Some(id) = commits.pop() {
            if Some(id) == previous {
                met_previous = true;
                continue;
            }
            check(&odb, id, ObjectType::Commit)?;
            let commit = repo.find_commit(id).map_err(git("read a commit"))?;
            if !shallow.contains(&id) && !cut.contains(&id) {
                commits.extend(commit.parent_ids().filter(|parent| seen.insert(*parent)));
            }
            walk_tree(repo, &odb, tip, commit.tree_id(), &mut seen)?;
        }
        Ok(Closure { met_previous })
    }

    /// Returns the commits whose parents are not kept.
    pub(crate) fn shallow(&self) -> Result<BTreeSet<Oid>, StoreError> {
        let path = self.path.join("shallow");
        match fs::read_to_string(&path) {
            Ok(text) => text
                .lines()
                .map(|line| Oid::from_str(line).map_err(|_| StoreError::Tip { path: path.clone() }))
                .collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
            Err(error) => Err(io_error("read", &path)(error)),
        }
    }

    pub(super) fn set_shallow(&self, commits: &BTreeSet<Oid>) -> Result<(), StoreError> {
        let text = commits.iter().fold(String::new(), |text, id| text + &id.to_string() + "\n");
        replace(&self.path.join("shallow"), text.as_bytes())
    }
}

fn walk_tree(
    repo: &Repository,
    odb: &Odb<'_>,
    tip: Oid,
    root: Oid,
    seen: &mut BTreeSet<Oid>,
) -> Result<(), StoreError> {
    if !seen.insert(root) {
        return Ok(());
    }
    let mut trees = vec![root];
    while let Some(id) = trees.pop() {
        check(odb, id, ObjectType::Tree)?;
        let tree = repo.find_tree(id).map_err(git("read a tree"))?;
        for entry in &tree {
            if !seen.insert(entry.id()) {
                continue;
            }
            match entry.kind() {
                Some(ObjectType::Tree) => trees.push(entry.id()),
                Some(ObjectType::Blob) => check(odb, entry.id(), ObjectType::Blob)?,
                // A gitlink names a commit of another repository; `load` refuses the tree that holds it.
                _ => {}
            }
        }
        if seen.len() > MAX_OBJECTS {
            return Err(StoreError::Endless { tip, limit: MAX_OBJECTS });
        }
    }
    Ok(())
}

fn check(odb: &Odb<'_>, id: Oid, kind: ObjectType) -> Result<(), StoreError> {
    let missing = || StoreError::Missing { object: id, kind: kind.str() };
    match odb.read_header(id) {
        Ok((size, found)) if found == kind && (kind == ObjectType::Blob || size <= MAX_OBJECT_BYTES) => Ok(()),
        Ok(_) => Err(missing()),
        Err(error) if is_missing(&error) => Err(missing()),
        Err(error) => Err(git("read an object")(error)),
    }
}
