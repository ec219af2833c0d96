//! Brings this host's ref into the local store and reads the bundle it holds.
//!
//! Input: the store, a remote, the names of a cluster and a host. Output: the newest commit of the host's own ref, and the
//! [`Bundle`] in its tree. Must not: apply anything, or remember what was applied; move a tip to a commit that does not
//! come after the one before.

use crate::name::{ClusterName, HostName, ReleaseId};
use crate::release::{Bundle, BundleError, host_ref};
use crate::sys::remote::{Remote, RemoteError};
use crate::sys::store::{self, Slot, Store, StoreError, TreeError};

/// What a fetch found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The commit that the host's ref names now.
    pub tip: ReleaseId,
    /// The commit that it named at the last fetch.
    pub previous: Option<ReleaseId>,
    /// Whether the two differ.
    pub moved: bool,
}

/// Says why nothing was fetched; the store keeps the tip it had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The remote has no ref of this host.
    #[error("{remote} has no ref `{reference}`: is the host in the spec, and was the release published?")]
    MissingRef {
        /// The remote.
        remote: String,
        /// The ref.
        reference: String,
    },
    /// The ref went back or to another line of history.
    #[error(
        "{remote} moved `{reference}` to {offered}, which does not come after {previous}; releases only go forward: \
         publish a new one, or, if the history was replaced on purpose, remove `{accept}` on this host"
    )]
    NotADescendant {
        /// The remote.
        remote: String,
        /// The ref.
        reference: String,
        /// The commit that the ref names now.
        offered: ReleaseId,
        /// The commit that it named before.
        previous: ReleaseId,
        /// The file whose removal makes the host accept any commit.
        accept: String,
    },
    /// The remote failed.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Brings the newest commit of a host's own ref into the store.
pub fn fetch(store: &Store, remote: &Remote, cluster: &ClusterName, host: &HostName) -> Result<Fetched, FetchError> {
    let reference = host_ref(cluster, host);
    let previous = store.tip(Slot::Fetched, cluster, host)?;
    let mut session = remote.connect(&reference)?;
    let Some(tip) = session.tip() else {
        session.close();
        return Err(FetchError::MissingRef { remote: remote.to_string(), reference });
    };
    let offered = store::release_id(tip);
    let moved = previous.as_ref() != Some(&offered);
    let want = store.want(tip, previous.as_ref().map(store::oid));
    // A commit that was refused before is there already, and is not brought again.
    let descends = if let Some(closure) = store.holds(&want)? {
        closure.met_previous
    } else {
        let mut incoming = store.incoming(u64::from(remote.options().max_pack) << 20)?;
        let cut = session.receive(&want, store, &mut incoming)?;
        incoming.finish(&want, &cut).map_err(|error| RemoteError::pack(remote, error))?.met_previous
    };
    session.close();
    if !moved {
        return Ok(Fetched { tip: offered, previous, moved });
    }
    if let Some(previous) = previous.clone().filter(|_| !descends) {
        // What was brought in vain is not kept for ever: a server that offers another line each time fills no disk.
        store.tidy()?;
        let accept = store.tip_path(Slot::Fetched, cluster, host).display().to_string();
        return Err(FetchError::NotADescendant { remote: remote.to_string(), reference, offered, previous, accept });
    }
    store.set_tip(Slot::Fetched, cluster, host, &offered)?;
    store.tidy()?;
    Ok(Fetched { tip: offered, previous, moved })
}

/// A release as one host sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The host's artifacts and definitions.
    pub bundle: Bundle,
    /// The commit of the host's own ref.
    pub release: ReleaseId,
    /// The commit of the spec that the release was compiled from, as its trailer `Spec-Commit` says.
    pub spec_commit: Option<String>,
    /// The first line of the commit's message.
    pub subject: String,
    /// When the release was committed, in seconds since 1970.
    pub time: i64,
}

/// Says why a stored commit is not a bundle of this host.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The tree holds what no release holds, or could not be read.
    #[error("release {release} cannot be read")]
    Tree {
        /// The commit.
        release: ReleaseId,
        /// Why.
        source: TreeError,
    },
    /// The files are not a bundle.
    #[error("release {release} is not a bundle")]
    Bundle {
        /// The commit.
        release: ReleaseId,
        /// Why.
        source: BundleError,
    },
    /// The bundle is that of another host.
    #[error("release {release} is for host `{cluster}/{host}`, not for this one")]
    Stranger {
        /// The commit.
        release: ReleaseId,
        /// The cluster of its manifest.
        cluster: ClusterName,
        /// The host of its manifest.
        host: HostName,
    },
}

/// Reads the bundle of a fetched commit, which must be that of the named host.
pub fn load(store: &Store, release: &ReleaseId, cluster: &ClusterName, host: &HostName) -> Result<Loaded, LoadError> {
    let commit = store.read(release).map_err(|source| LoadError::Tree { release: release.clone(), source })?;
    let bundle = Bundle::load(commit.files).map_err(|source| LoadError::Bundle { release: release.clone(), source })?;
    if bundle.cluster != *cluster || bundle.host != *host {
        return Err(LoadError::Stranger { release: release.clone(), cluster: bundle.cluster, host: bundle.host });
    }
    Ok(Loaded {
        bundle,
        release: release.clone(),
        spec_commit: store::trailer(&commit.message, "Spec-Commit"),
        subject: commit.message.lines().next().unwrap_or_default().to_owned(),
        time: commit.time,
    })
}
