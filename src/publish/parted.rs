//! An old side that the new one does not come from: what only the old one has looks undone, though merging undoes nothing.

use std::path::Path;

use super::PublishError;
use super::index;
use crate::review::Diverged;
use crate::sys::git::merge::Merged;
use crate::sys::git::{Objects, Oid, Store};

/// Says what a revision of the spec has that the commit that is checked out does not come from, if there is something.
pub fn parted_from_head(repository: &Path, rev: &str) -> Result<Option<Diverged>, PublishError> {
    let store = Store::discover(repository)?;
    let objects = store.objects()?;
    // Before the first commit there is no HEAD, and where nothing was pushed before, forges name no commit.
    let (Ok(base), Ok(head)) = (store.resolve(rev), store.resolve("HEAD")) else { return Ok(None) };
    let is_spec = !is_release(&objects, base)?;
    Ok(is_spec.then(|| parted(&store, (rev, base), ("HEAD", head))).flatten())
}

/// Says what the commit `old` has that `new` does not come from, if there is something.
pub(super) fn parted(store: &Store, (base, old): (&str, Oid), (head, new): (&str, Oid)) -> Option<Diverged> {
    if store.contains(new, old) {
        return None;
    }
    let parted = store.merge_base(old, new).map(|id| id.to_string());
    Some(Diverged::new((base, head), store.beyond(old, new), (parted, &new.to_string())))
}

/// Returns the tree of a merge of both, made in memory.
pub(super) fn merge(store: &Store, objects: &Objects<'_>, (base, head): (&str, &str)) -> Result<Oid, PublishError> {
    let (ours, theirs) = (store.resolve(base)?, store.resolve(head)?);
    for (rev, id) in [(base, ours), (head, theirs)] {
        if is_release(objects, id)? {
            return Err(PublishError::MergesSpecs(rev.to_owned()));
        }
    }
    match store.merge(ours, theirs)? {
        Merged::Tree(tree) => Ok(tree),
        Merged::Conflicts(paths) => {
            Err(PublishError::Conflicts { base: base.to_owned(), head: head.to_owned(), paths })
        }
    }
}

fn is_release(objects: &Objects<'_>, id: Oid) -> Result<bool, PublishError> {
    Ok(index::is_release(objects, &objects.tree(objects.commit(id)?.tree)?))
}
