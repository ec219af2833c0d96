//! Builds upon what a remote has, and brings it the release.

use super::{PublishError, Release};
use crate::release::{HOST_REFS, SIGNERS_REF};
use crate::sys::git::{GitError, Oid, Store, lock, program};

/// The chain of signers, as a pattern: a remote may have none.
const SIGNERS_REFS: &str = "refs/rmqgit/signers/*";

/// A remote and where its output branch was before anything was compiled.
pub(super) struct Remote {
    name: String,
    tip: Option<Oid>,
}

/// Takes over the output branch and the refs of the hosts, unless the local branch holds all that the remote has.
pub(super) fn catch_up(store: &Store, remote: &str, branch: &str) -> Result<Remote, PublishError> {
    let tip = program::remote_tip(store.workdir(), remote, branch)?;
    let local = format!("refs/heads/{branch}");
    if let Some(theirs) = tip {
        let ahead = store.tip(&local)?.is_some_and(|ours| store.contains(ours, theirs));
        if !ahead || lock::unfinished(store.dir()) {
            lock::begin(store.dir())?;
            program::fetch(store.workdir(), remote, &[&local, &format!("{HOST_REFS}/*"), SIGNERS_REFS])?;
        }
    }
    Ok(Remote { name: remote.to_owned(), tip })
}

/// So many refs are named one by one in a push; more are named by a pattern, which costs as much as the fleet is large.
const NAMED: usize = 500;

/// Pushes the branch and the refs of the hosts, all or none of them; says whether there was anything to push. `base` is the
/// commit that the release was built upon.
pub(super) fn push(store: &Store, remote: &Remote, base: Option<Oid>, release: &Release) -> Result<bool, PublishError> {
    if remote.tip == Some(release.commit) && !release.moved() {
        return Ok(false);
    }
    let mut refs = vec![format!("refs/heads/{}", release.branch)];
    if remote.tip.is_some() && remote.tip == base && release.changed.len() + release.removed.len() <= NAMED {
        // The remote has all that came before.
        refs.extend(release.changed.iter().map(|host| format!("{HOST_REFS}/{host}")));
        refs.extend(release.signers_moved.then(|| SIGNERS_REF.to_owned()));
        refs.extend(release.removed.iter().map(|host| format!(":{HOST_REFS}/{host}")));
    } else {
        refs.push(format!("{HOST_REFS}/*"));
        refs.push(SIGNERS_REFS.to_owned());
    }
    let pushed = program::push(store.workdir(), &remote.name, &refs);
    if matches!(pushed, Err(GitError::Raced { .. })) {
        // The next run begins with what the other one pushed.
        lock::begin(store.dir())?;
    }
    Ok(pushed.map(|()| true)?)
}
