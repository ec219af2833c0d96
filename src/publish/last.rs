//! What the last release had of each cluster, for a check that compares with it.

use std::collections::BTreeMap;
use std::path::Path;

use super::PublishError;
use super::base::Base;
use crate::model::fleet::Published;
use crate::name::ClusterName;
use crate::sys::git::{Oid, Store};

/// Reads what the last release of the spec in a directory had of each cluster: from the output branch, or from what was
/// last fetched of it. It is empty where the directory is not the root of a repository, or nothing is published.
pub fn last(dir: &Path, branch: &str) -> Result<BTreeMap<ClusterName, Published>, PublishError> {
    let none = Ok(BTreeMap::new());
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    let Ok(store) = Store::discover(dir) else { return none };
    if !store.is_root(dir) {
        return none;
    }
    let Some(tip) = tip(&store, branch)? else { return none };
    let objects = store.objects()?;
    let mut base = Base::of(&objects, tip)?;
    base.remember(&objects, None)?;
    Ok(base.published())
}

/// Returns the output branch, or what a remote had of it, `origin` first.
fn tip(store: &Store, branch: &str) -> Result<Option<Oid>, PublishError> {
    if let Some(tip) = store.tip(&format!("refs/heads/{branch}"))? {
        return Ok(Some(tip));
    }
    for remote in store.remotes()? {
        if let Some(tip) = store.tip(&format!("refs/remotes/{remote}/{branch}"))? {
            return Ok(Some(tip));
        }
    }
    Ok(None)
}
