//! How two commits are related, and what merging them would give, without writing anything.

use git2::Oid;

use super::{GitError, Store};

/// The priority of the objects in memory: before all that are on the disk, so that whatever is written goes there.
const FIRST: i32 = 1000;

/// What merging two commits gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merged {
    /// The tree of the merge.
    Tree(Oid),
    /// Both sides changed the same lines of these files, or one changed what the other removed.
    Conflicts(Vec<String>),
}

impl Store {
    /// Returns how many commits `one` has that `other` does not come from; `None` where the history is not all here.
    pub fn beyond(&self, one: Oid, other: Oid) -> Option<usize> {
        self.repo.graph_ahead_behind(one, other).map(|(ahead, _)| ahead).ok()
    }

    /// Returns the commit where two parted; `None` if this repository knows of no commit that both have.
    pub fn merge_base(&self, one: Oid, other: Oid) -> Option<Oid> {
        self.repo.merge_base(one, other).ok()
    }

    /// Merges two commits in memory. The tree that comes of it can be read from this store, and is gone with it: nothing is
    /// written to the repository.
    pub fn merge(&self, ours: Oid, theirs: Oid) -> Result<Merged, GitError> {
        let unread = |source| GitError::Object { id: theirs, source };
        let odb = self.repo.odb().map_err(unread)?;
        odb.add_new_mempack_backend(FIRST).map_err(unread)?;
        let (one, other) =
            (self.repo.find_commit(ours).map_err(unread)?, self.repo.find_commit(theirs).map_err(unread)?);
        let mut index = self.repo.merge_commits(&one, &other, None).map_err(unread)?;
        if index.has_conflicts() {
            let mut paths = Vec::new();
            for conflict in index.conflicts().map_err(unread)? {
                let conflict = conflict.map_err(unread)?;
                let entry = conflict.our.or(conflict.their).or(conflict.ancestor);
                paths.extend(entry.map(|entry| String::from_utf8_lossy(&entry.path).into_owned()));
            }
            paths.sort();
            paths.dedup();
            return Ok(Merged::Conflicts(paths));
        }
        index.write_tree_to(&self.repo).map(Merged::Tree).map_err(unread)
    }
}
