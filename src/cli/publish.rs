//! `rmqgit publish`.

use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;

use super::check::count;
use super::out::Format;
use super::{Exit, Failure, identity, stderr, stdout};
use crate::diag::{self, Diagnostics, Sources, nearest_few};
use crate::publish::{self, Options, Outcome, PublishError, Release, Signing};
use crate::release::canonical_json;
use crate::sys::clock;
use crate::sys::git::GitError;
use crate::sys::signer::Signer;

/// Compile a committed spec and commit the result to the output branch
///
/// Reads the spec from a commit, never from the working tree, and compiles only what changed since the last release. Writes
/// the output branch and one ref per host; an unchanged spec writes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  $ rmqgit publish
  $ rmqgit publish --sign ~/.ssh/release_key --push origin
  $ rmqgit publish --sign ~/.ssh/release_key --push origin --refresh
  $ rmqgit publish spec.git --rev main")]
pub(super) struct Args {
    /// A directory in the repository of the spec
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// The revision to publish
    #[arg(long, default_value = "HEAD")]
    rev: String,
    /// The output branch, instead of the one that the spec names
    #[arg(long, value_name = "NAME")]
    branch: Option<String>,
    /// Build upon what this remote has, and push the release to it
    #[arg(long, value_name = "REMOTE")]
    push: Option<String>,
    /// How many threads compile; the result does not depend on it
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Accept a release that is empty or loses more than half of the published hosts
    #[arg(long)]
    allow_shrink: bool,
    /// Compile every cluster, changed or not
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    signing: Signatures,
    #[command(flatten)]
    identity: identity::Optional,
    /// How to write the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Who signs.
#[derive(Debug, clap::Args)]
struct Signatures {
    /// Sign the release with this SSH key: the file of a private one, or of a public one, or a fingerprint (SHA256:...) whose
    /// private half an ssh-agent has
    #[arg(long, value_name = "KEY")]
    sign: Option<String>,
    /// Sign everything again, changed or not, so that the hosts see a release of today
    #[arg(long, requires = "sign")]
    refresh: bool,
    /// Let an unsigned release follow a signed one
    #[arg(long, conflicts_with = "sign")]
    allow_unsigned: bool,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let options = Options {
        repository: args.dir.clone(),
        rev: args.rev.clone(),
        branch: args.branch.clone(),
        push: args.push.clone(),
        jobs: jobs(args.jobs),
        allow_shrink: args.allow_shrink,
        full: args.full,
        unsigned: args.signing.allow_unsigned,
        today: clock::today(),
        opener: args.identity.open()?,
    };
    let Signatures { sign, refresh, .. } = &args.signing;
    let signer = sign.as_deref().map(open_signer).transpose()?;
    let now = clock::now().as_second();
    let signing = signer.as_ref().map(|signer| Signing { signer, now, refresh: *refresh });
    let (mut diags, mut sources) = (Diagnostics::new(), Sources::new());
    // A look at the working tree takes as long as the rest where ten thousand files did not change.
    let (uncommitted, outcome) = std::thread::scope(|scope| {
        let look = || if args.rev == "HEAD" { publish::uncommitted(&args.dir) } else { Ok(Vec::new()) };
        let look = scope.spawn(look);
        let outcome = publish::publish(&mut diags, &mut sources, &options, signing);
        (look.join().expect("reading does not panic"), outcome)
    });
    warn_uncommitted(&uncommitted.map_err(|error| explain(&error))?)?;
    let outcome = outcome.map_err(|error| explain(&error))?;
    write!(stderr(), "{}", diag::render(&diags, &sources, diag::Format::Text, true, 100))?;
    let (release, word) = match &outcome {
        Outcome::Invalid => return Ok(Exit::Findings),
        Outcome::Published(release) => (release, "published"),
        Outcome::Unchanged(release) => (release, "unchanged"),
    };
    match args.format {
        Format::Text => tell(release, word)?,
        Format::Json => stdout().write_all(canonical_json(&Published::of(release)).as_bytes())?,
    }
    Ok(Exit::Clean)
}

/// Returns how many threads to use: as many as asked for, or as there are processors.
pub(super) fn jobs(asked: Option<usize>) -> usize {
    asked.or_else(|| std::thread::available_parallelism().ok().map(usize::from)).unwrap_or(1).max(1)
}

fn open_signer(key: &str) -> Result<Signer, Failure> {
    let socket = std::env::var_os("SSH_AUTH_SOCK").map(PathBuf::from);
    Signer::open(key, socket.as_deref()).map_err(|error| {
        let failure = Failure::from_error(&error);
        match error.help() {
            Some(help) => failure.help(help),
            None => failure,
        }
    })
}

fn warn_uncommitted(paths: &[String]) -> Result<(), Failure> {
    if let Some(first) = paths.first() {
        let more = if paths.len() > 1 { format!(" and {} more", paths.len() - 1) } else { String::new() };
        writeln!(stderr(), "rmqgit: `{first}`{more} has changes that are not committed, and are not published")?;
    }
    Ok(())
}

fn tell(release: &Release, word: &str) -> Result<(), Failure> {
    let mut out = stdout();
    let Release { branch, commit, clusters, hosts, changed, removed, .. } = release;
    let size = format!("{}, {}", count(*clusters, "cluster"), count(*hosts, "host"));
    writeln!(out, "{word} {branch} {commit}: {size}")?;
    if release.moved() {
        writeln!(
            out,
            "{} changed, {} removed, {} compiled",
            count(changed.len(), "host"),
            removed.len(),
            count(release.compiled, "cluster")
        )?;
    }
    if release.pushed {
        writeln!(out, "pushed")?;
    }
    Ok(())
}

/// Makes a failure that says what to do.
pub(super) fn explain(error: &PublishError) -> Failure {
    let failure = Failure::from_error(error);
    match error {
        PublishError::Shrunk { .. } | PublishError::Empty => {
            failure.help("if that is what you want, add `--allow-shrink`")
        }
        PublishError::Git(GitError::Raced { .. } | GitError::Moved { .. }) => {
            failure.help("run the command again: it builds upon what is there now")
        }
        PublishError::Git(GitError::Locked(_)) => {
            failure.help("wait for the other program; if none runs, remove the `.lock` file that it left")
        }
        PublishError::Git(GitError::Revision { rev, shallow, .. }) => failure.help(revision(rev, *shallow)),
        PublishError::NoSpec { .. } => {
            failure.help("commit a `rmqgit.yaml` at the root of the repository (`rmqgit init`)")
        }
        PublishError::NotASigner { .. } => failure.help(
            "sign with a key that both the last release and the spec trust; to exchange keys, add the new one first, \
             publish with the old one, then drop the old one and publish with the new one",
        ),
        PublishError::NothingPublished(_) => failure.help("publish one, or fetch the branch"),
        PublishError::NotARelease(_) => failure.help("name a commit of the output branch"),
        PublishError::OtherCompiler { .. } => failure.help("verify it with that version"),
        PublishError::Unsigned(_) => failure
            .help("sign it too (`--sign KEY`): hosts refuse an unsigned one; if yours take it, add `--allow-unsigned`"),
        PublishError::NoCluster { name, known } => failure.help(near(name.as_str(), known)),
        PublishError::Conflicts { .. } => failure.help("merge the two, and review what comes of it"),
        PublishError::MergesSpecs(_) => failure.help("leave `--merged` out"),
        PublishError::CheckedOut(_) => failure.help("check out the branch of the spec"),
        PublishError::Branch(_) => failure.help("give a name such as `rmqgit/output`"),
        _ => failure,
    }
}

/// Says what to do about a revision that is not there.
fn revision(rev: &str, shallow: bool) -> String {
    if let Some((base, head)) = rev.split_once("...").or_else(|| rev.split_once("..")) {
        let (base, head) = (if base.is_empty() { "HEAD" } else { base }, if head.is_empty() { "HEAD" } else { head });
        return format!("give two commits: `$(git merge-base {base} {head}) {head}`");
    }
    if shallow {
        return "this is a shallow clone, which lacks older commits and other branches: fetch all of them (`fetch-depth: 0` in GitHub \
                Actions, `GIT_DEPTH: 0` in GitLab CI, `git fetch --unshallow`)"
            .to_owned();
    }
    "`git log` shows the commits that there are, `git branch --all` and `git tag` their names; fetch what is missing"
        .to_owned()
}

/// Says which clusters there are, or which of them may have been meant.
fn near(name: &str, known: &[String]) -> String {
    let near = nearest_few(name, known.iter().map(String::as_str), 3);
    let quoted = |names: Vec<&str>| names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
    if !near.is_empty() {
        return format!("did you mean {}?", quoted(near).join(" or "));
    }
    let mut all: Vec<&str> = known.iter().map(String::as_str).collect();
    all.sort_unstable();
    all.dedup();
    match all.len() {
        0 => "neither side has a cluster".to_owned(),
        1..=8 => format!("there are {}", quoted(all).join(", ")),
        many => format!("none of the {many} clusters is named alike"),
    }
}

/// What `--format json` prints.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(title = "rmqgit publish")]
pub(super) struct Published {
    /// The version of this document, 1.
    format: u32,
    /// The output branch.
    branch: String,
    /// The commit that the branch holds.
    commit: String,
    /// Its tree.
    tree: String,
    /// The commit of the spec that was asked for.
    spec: String,
    /// The fingerprint of the key that signed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    signer: Option<String>,
    /// The commit of the chain of signers that it belongs to, if the spec names signers.
    #[serde(skip_serializing_if = "Option::is_none")]
    signers: Option<String>,
    /// Whether the commit is new.
    committed: bool,
    /// Whether something was pushed.
    pushed: bool,
    /// How many clusters the release has.
    clusters: usize,
    /// How many hosts the release has.
    hosts: usize,
    /// How many clusters were compiled; the others did not change.
    compiled: usize,
    /// The hosts whose refs moved, as `CLUSTER/HOST`.
    changed: Vec<String>,
    /// The hosts that are gone, as `CLUSTER/HOST`.
    removed: Vec<String>,
}

impl Published {
    fn of(release: &Release) -> Self {
        Self {
            format: 1,
            branch: release.branch.clone(),
            commit: release.commit.to_string(),
            tree: release.tree.to_string(),
            spec: release.spec.to_string(),
            signer: release.signer.clone(),
            signers: release.signers.map(|id| id.to_string()),
            committed: release.committed,
            pushed: release.pushed,
            clusters: release.clusters,
            hosts: release.hosts,
            compiled: release.compiled,
            changed: release.changed.clone(),
            removed: release.removed.clone(),
        }
    }
}
