//! Writes a release to Git: one pack, one commit on the output branch, one ref per host.
//!
//! Input: a spec commit. Output: a commit whose tree depends on the spec and the compiler's version alone, the refs of the
//! hosts whose files changed, or nothing at all. Must not: read the working tree, or leave a branch half written: objects
//! come first, then the refs of the hosts, and the branch last.
//!
//! Git is the cache: the release that is built upon says which file each cluster was compiled from, and a file that is
//! still the same object is neither parsed nor compiled again ([`index`]).

use std::path::{Path, PathBuf};

mod base;
mod before;
mod build;
mod compare;
mod fleet;
mod hosts;
mod index;
mod judge;
mod last;
pub mod page;
mod pairs;
mod parted;
mod remote;
mod seal;
mod signers;
mod source;
mod verify;
mod write;

pub use self::before::{Before, before};
pub use self::compare::{Compared, Comparison, Differing, Said, compare};
pub use self::last::last;
pub use self::parted::parted_from_head;
pub use self::source::{ROOT, SpecCommit, SpecFile, spec_commit};
pub use self::verify::{Difference, DifferenceKind, Fault, Question, Verified, verify};

use jiff::civil::Date;

use crate::check::{self, POLICIES, TEMPLATES};
use crate::diag::{Diagnostics, Severity, Sources};
use crate::name::ClusterName;
use crate::policy::Checker;
use crate::release::{ALLOWED_SIGNERS, BundleError, SECRETS};
use crate::secret::Opener;
use crate::sys::git::lock::{self, Turnstile};
use crate::sys::git::{GitError, Objects, Oid, Store, pack};
use crate::sys::signer::Signer;
use crate::trust::allowed::{KeyFault, LineError};
use crate::trust::signature;

use self::base::Base;
use self::fleet::{Fleet, Rulings};
use self::seal::{Renew, Seal};
use self::signers::Signers;
use self::write::Desk;

/// The version of the compiler, as releases name it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What to publish, and how.
#[derive(Debug)]
pub struct Options {
    /// A directory in the repository.
    pub repository: PathBuf,
    /// The revision of the spec, such as `HEAD`.
    pub rev: String,
    /// The output branch, if it is not the one that the spec names.
    pub branch: Option<String>,
    /// The remote to build upon and to push to.
    pub push: Option<String>,
    /// How many threads compile.
    pub jobs: usize,
    /// Whether a release may have no host, or lose more than half of them.
    pub allow_shrink: bool,
    /// Whether everything is compiled, whatever the last release remembers.
    pub full: bool,
    /// Whether an unsigned release may follow a signed one.
    pub unsigned: bool,
    /// The day that waivers and end-of-life dates are compared with.
    pub today: Date,
    /// A private key, if the values of secrets are to be looked for in the compiled files.
    pub opener: Option<Opener>,
}

/// Who signs a release, and what of it.
#[derive(Clone, Copy)]
pub struct Signing<'a> {
    /// The key.
    pub signer: &'a Signer,
    /// The time, in seconds since 1970.
    pub now: i64,
    /// Whether every commit is made and signed again, whatever is published already.
    pub refresh: bool,
}

/// Says why nothing, or not everything, was published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Git could not do something.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The revision has no spec.
    #[error("`{rev}` holds no `{ROOT}`")]
    NoSpec {
        /// The revision as it was given.
        rev: String,
    },
    /// The release would lose too many hosts.
    #[error(
        "the spec has {left} of the {published} published hosts left; a release that loses more than half is refused"
    )]
    Shrunk {
        /// How many hosts are published now.
        published: usize,
        /// How many of them the spec still has.
        left: usize,
    },
    /// The spec has no host at all.
    #[error("the spec has no cluster; an empty release is refused")]
    Empty,
    /// A name of the spec is taken in the release.
    #[error("`{0}` cannot be the name of a cluster or a host: a page of the release has it")]
    Reserved(String),
    /// The output branch is what the working tree shows.
    #[error("`{0}` is checked out here; only rmqgit writes it")]
    CheckedOut(String),
    /// A stored host cannot be read.
    #[error("the release's files of `{host}` cannot be read")]
    Bundle {
        /// The host, as `CLUSTER/HOST`.
        host: String,
        /// Why.
        source: BundleError,
    },
    /// Nothing signs, and the last release is signed.
    #[error("the release on `{0}` is signed, and this one would not be")]
    Unsigned(String),
    /// The spec's file of allowed signers, or that of the last release, cannot be read.
    #[error("`{ALLOWED_SIGNERS}`, {0}")]
    Signers(LineError),
    /// The key that signs is not one that the hosts will take.
    #[error("the key {key} may not sign: {fault} ({whose} `{ALLOWED_SIGNERS}`)")]
    NotASigner {
        /// Whose file says so.
        whose: &'static str,
        /// The key.
        key: String,
        /// Why.
        fault: KeyFault,
    },
    /// No side of a comparison has the cluster.
    #[error("there is no cluster `{name}` on either side")]
    NoCluster {
        /// The cluster as it was asked for.
        name: ClusterName,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A merge was asked for of something that nobody merges.
    #[error("`{0}` is a release; only specs are merged")]
    MergesSpecs(String),
    /// Git cannot merge the two sides alone.
    #[error("merging `{head}` into `{base}` gives conflicts in {}", paths.join(", "))]
    Conflicts {
        /// The old side as it was given.
        base: String,
        /// The new side.
        head: String,
        /// The files.
        paths: Vec<String>,
    },
    /// The output branch is not there.
    #[error("`{0}` holds no release")]
    NothingPublished(String),
    /// No commit says what it was compiled from.
    #[error("`{0}` is not a release: no commit of it says what it was compiled from, and by which rmqgit")]
    NotARelease(String),
    /// Another version compiled the release, and compiles it otherwise.
    #[error("the release was compiled by rmqgit {theirs}, and this is rmqgit {VERSION}, which compiles it otherwise")]
    OtherCompiler {
        /// The version that compiled it.
        theirs: String,
    },
    /// The name of the output branch is not one.
    #[error("`{0}` cannot be the name of a branch")]
    Branch(String),
}

/// What came of publishing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The spec is wrong; the diagnostics say how. Nothing was written.
    Invalid,
    /// The branch has a new commit, or the refs of hosts were completed.
    Published(Release),
    /// The branch holds this spec already.
    Unchanged(Release),
}

/// The release that the branch holds now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The output branch.
    pub branch: String,
    /// Its commit.
    pub commit: Oid,
    /// Its tree.
    pub tree: Oid,
    /// The spec commit that was asked for.
    pub spec: Oid,
    /// How many clusters it has.
    pub clusters: usize,
    /// How many hosts it has.
    pub hosts: usize,
    /// How many clusters were compiled.
    pub compiled: usize,
    /// The hosts whose refs moved, as `CLUSTER/HOST`.
    pub changed: Vec<String>,
    /// The hosts that are gone, as `CLUSTER/HOST`.
    pub removed: Vec<String>,
    /// Whether the branch has a new commit.
    pub committed: bool,
    /// The key that signed it.
    pub signer: Option<String>,
    /// The commit of the chain of signers that it belongs to.
    pub signers: Option<Oid>,
    /// Whether that is a new one.
    pub signers_moved: bool,
    /// Whether something was pushed.
    pub pushed: bool,
}

/// Publishes the spec of a revision, signed by a key if there is one.
pub fn publish(
    diags: &mut Diagnostics,
    sources: &mut Sources,
    options: &Options,
    signing: Option<Signing<'_>>,
) -> Result<Outcome, PublishError> {
    let store = Store::discover(&options.repository)?;
    let _inside = Turnstile::enter(store.dir())?;
    lock::recover(store.dir())?;
    pack::sweep(store.dir())?;
    let objects = store.objects()?;
    let spec = spec_commit(&store, &objects, &options.rev)?;
    let Some(fleet) = Fleet::read(diags, sources, &objects, &spec)? else { return Ok(Outcome::Invalid) };
    if let Some(file) = spec.signers {
        check::signers::check(diags, sources, &objects.blob(file)?, options.today);
    }
    let sound = diags.iter().all(|diag| diag.severity != Severity::Error);
    let branch = output_branch(&store, options, fleet.branch())?;
    let remote = match &options.push {
        Some(remote) => Some(remote::catch_up(&store, remote, &branch)?),
        None => None,
    };
    // What was fetched is in packs that an opened database has not seen.
    let objects = store.objects()?;
    let mut base = Base::read(&store, &objects, &branch, &spec, options.full)?;
    let renew = renew(&objects, &mut base, &branch, options, signing)?;
    let mut seal = Seal { signing, authored: spec.time, renew };
    // What cannot be read is told with everything else that is wrong.
    let signers = if sound { Signers::prepare(&store, &objects, &spec, &base, &seal)? } else { Signers::default() };
    if signers.moved() {
        seal.renew = Renew::Everything;
    }
    let published = base.published();
    let work = base.work(&fleet, options.today);
    let desk = Desk {
        store: &store,
        objects: &objects,
        spec: &spec,
        fleet: &fleet,
        base: &base,
        seal: &seal,
        signers: &signers,
        jobs: options.jobs,
    };
    let rulings = Rulings {
        checker: Checker::new(fleet.rules()),
        published: &published,
        today: options.today,
        opener: options.opener.as_ref(),
    };
    let Some(draft) = desk.compile(diags, sources, work, &rulings)? else { return Ok(Outcome::Invalid) };
    draft.check_names()?;
    if !options.allow_shrink {
        draft.check_size(&base)?;
    }
    let mut release = desk.finish(&branch, draft)?;
    if let Some(remote) = remote {
        release.pushed = remote::push(&store, &remote, base.tip, &release)?;
    }
    let new = release.moved() || release.pushed;
    Ok(if new { Outcome::Published(release) } else { Outcome::Unchanged(release) })
}

/// Tells which commits are made again. A signed release vouches for all that it keeps of the one before: that must be by
/// the same key, or nothing of it is kept unseen.
fn renew(
    objects: &Objects<'_>,
    base: &mut Base,
    branch: &str,
    options: &Options,
    signing: Option<Signing<'_>>,
) -> Result<Renew, PublishError> {
    let Some(tip) = base.tip else { return Ok(Renew::Nothing) };
    let Some(Signing { signer, refresh, .. }) = signing else {
        let was_signed = signature::verify(&objects.commit_bytes(tip)?).is_ok();
        let refused = was_signed && !options.unsigned;
        return if refused { Err(PublishError::Unsigned(branch.to_owned())) } else { Ok(Renew::Nothing) };
    };
    let ours = seal::is_by(objects, tip, signer)?;
    base.ours = ours;
    base.fresh &= ours;
    Ok(match ours {
        _ if refresh => Renew::Everything,
        true => Renew::Nothing,
        false => Renew::Foreign,
    })
}

/// Returns the files of the spec in the working tree that are not as they were committed.
pub fn uncommitted(repository: &Path) -> Result<Vec<String>, PublishError> {
    let store = Store::discover(repository)?;
    Ok(store.dirty(&[ROOT, "clusters", TEMPLATES, POLICIES, SECRETS])?)
}

fn output_branch(store: &Store, options: &Options, of_spec: &str) -> Result<String, PublishError> {
    let name = options.branch.as_deref().unwrap_or(of_spec);
    if !Store::is_branch_name(name) {
        return Err(PublishError::Branch(name.to_owned()));
    }
    match store.checked_out() {
        Some(head) if head == format!("refs/heads/{name}") => Err(PublishError::CheckedOut(name.to_owned())),
        _ => Ok(name.to_owned()),
    }
}

impl Release {
    /// Says whether the branch or a ref of a host moved.
    pub fn moved(&self) -> bool {
        self.committed || self.signers_moved || !self.changed.is_empty() || !self.removed.is_empty()
    }
}
