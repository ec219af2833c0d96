//! Brings this host's ref into the local store and reads the bundle it holds.
//!
//! Input: the store, a remote, the names of a cluster and a host. Output: the newest commit of the host's own ref, and the
//! [`Bundle`] in its tree. Must not: apply anything, or remember what was applied; move a tip to a commit that does not
//! come after the one before, or that nobody has verified ([`offer`] brings objects, [`accept`] moves the tip).

use crate::name::{ClusterName, HostName, ReleaseId};
use crate::release::{Bundle, BundleError, SIGNERS_REF, host_ref};
use crate::sys::remote::{Remote, RemoteError, Session};
use crate::sys::store::{self, Slot, Store, StoreError, TreeError, Want};

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
    #[error("{remote} moved `{reference}` to {offered}, which does not come after {previous}")]
    NotADescendant {
        /// The remote.
        remote: String,
        /// The ref.
        reference: String,
        /// The commit that the ref names now.
        offered: ReleaseId,
        /// The commit that it named before.
        previous: ReleaseId,
        /// Whether it is one that came before, as far as the host knows.
        rewound: bool,
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

/// Brings the newest commit of a host's own ref into the store and moves the tip to it, whoever made it.
pub fn fetch(store: &Store, remote: &Remote, cluster: &ClusterName, host: &HostName) -> Result<Fetched, FetchError> {
    let offered = offer(store, remote, cluster, host)?;
    accept(store, &offered, cluster, host)?;
    Ok(offered)
}

/// Moves the tip to what was offered.
pub fn accept(store: &Store, offered: &Fetched, cluster: &ClusterName, host: &HostName) -> Result<(), StoreError> {
    if offered.moved {
        store.set_tip(Slot::Fetched, cluster, host, &offered.tip)?;
        store.tidy()?;
    }
    Ok(())
}

/// Brings the newest commit of a host's own ref into the store. The tip stays where it is.
pub fn offer(store: &Store, remote: &Remote, cluster: &ClusterName, host: &HostName) -> Result<Fetched, FetchError> {
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
    let descends = receive(store, remote, &mut session, &want)?;
    session.close();
    if let Some(previous) = previous.clone().filter(|_| moved && !descends) {
        let accept = store.tip_path(Slot::Fetched, cluster, host).display().to_string();
        // Where the history between is not kept, nobody can tell.
        let rewound = store.descends(&previous, &offered).unwrap_or(false);
        let remote = remote.to_string();
        return Err(FetchError::NotADescendant { remote, reference, offered, previous, rewound, accept });
    }
    Ok(Fetched { tip: offered, previous, moved })
}

/// Brings the chain of signers into the store, all of it; the tip that is remembered of it stays where it is.
pub fn offer_signers(store: &Store, remote: &Remote) -> Result<(), FetchError> {
    let mut session = remote.connect(SIGNERS_REF)?;
    let Some(tip) = session.tip() else {
        session.close();
        let reference = SIGNERS_REF.to_owned();
        return Err(FetchError::MissingRef { remote: remote.to_string(), reference });
    };
    receive(store, remote, &mut session, &Want { tip, previous: None, have: None, alone: false })?;
    session.close();
    Ok(())
}

/// Brings what is wanted, unless it is there; says whether the previous commit was met.
fn receive(store: &Store, remote: &Remote, session: &mut Session<'_>, want: &Want) -> Result<bool, FetchError> {
    if let Some(closure) = store.holds(want)? {
        return Ok(closure.met_previous);
    }
    let mut incoming = store.incoming(u64::from(remote.options().max_pack) << 20)?;
    let cut = session.receive(want, store, &mut incoming)?;
    Ok(incoming.finish(want, &cut).map_err(|error| RemoteError::pack(remote, error))?.met_previous)
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
    /// Who signed it, if that was verified.
    pub signer: Option<String>,
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
        /// Whether it is of the same cluster.
        own_cluster: bool,
    },
}

/// Reads the bundle of a fetched commit, which must be that of the named host.
pub fn load(store: &Store, release: &ReleaseId, cluster: &ClusterName, host: &HostName) -> Result<Loaded, LoadError> {
    let commit = store.read(release).map_err(|source| LoadError::Tree { release: release.clone(), source })?;
    let bundle = Bundle::load(commit.files).map_err(|source| LoadError::Bundle { release: release.clone(), source })?;
    if bundle.cluster != *cluster || bundle.host != *host {
        let own_cluster = bundle.cluster == *cluster;
        let (cluster, host) = (bundle.cluster, bundle.host);
        return Err(LoadError::Stranger { release: release.clone(), cluster, host, own_cluster });
    }
    Ok(Loaded {
        bundle,
        release: release.clone(),
        spec_commit: store::trailer(&commit.message, "Spec-Commit"),
        subject: commit.message.lines().next().unwrap_or_default().to_owned(),
        time: commit.time,
        signer: None,
    })
}
