//! A bare repository that holds releases, made with git.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rmqgit::fetch::{FetchError, Fetched, fetch, load, offer_signers};
use rmqgit::name::{ClusterName, HostName, HostPath, ReleaseId};
use rmqgit::release::{Artifact, Bundle, OnChange, Owner, Part, Piece, Role, SIGNERS_REF, StoredFiles};
use rmqgit::sys::remote::{Remote, RemoteOptions};
use rmqgit::sys::store::Store;
use tempfile::TempDir;

/// The ref of the host that the tests fetch for.
pub(crate) const REF: &str = "refs/rmqgit/hosts/orders/rabbit1";

/// A bare repository and the store of a host that fetches from it.
pub(crate) struct Origin {
    pub(crate) dir: TempDir,
    pub(crate) store: Store,
}

impl Origin {
    pub(crate) fn new() -> Self {
        let dir = TempDir::new().unwrap();
        git(dir.path(), &["init", "-q", "--bare", "origin.git"], b"");
        let store = Store::open(&dir.path().join("state")).unwrap();
        Self { dir, store }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("origin.git")
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        git(&self.path(), args, b"")
    }

    /// Commits files to a ref, after `parent`, and returns the commit.
    pub(crate) fn commit(&self, reference: &str, parent: Option<&str>, files: &StoredFiles) -> ReleaseId {
        let mut stream = Vec::new();
        append(&mut stream, reference, parent, files);
        git(&self.path(), &["fast-import", "--quiet", "--force"], &stream);
        ReleaseId::parse(&self.git(&["rev-parse", reference])).unwrap()
    }

    /// Publishes the `n`-th release of the host after the one before.
    pub(crate) fn publish(&self, n: u32) -> ReleaseId {
        let parent = self.git(&["for-each-ref", "--format=%(objectname)", REF]);
        self.commit(REF, Some(parent.as_str()).filter(|id| !id.is_empty()), &bundle(n).store())
    }

    /// Adds links to the chain of signers, and returns all of it from its newest link to its first.
    pub(crate) fn sign(&self, links: u32) -> Vec<ReleaseId> {
        for n in 0..links {
            let parent = self.git(&["for-each-ref", "--format=%(objectname)", SIGNERS_REF]);
            self.commit(SIGNERS_REF, Some(parent.as_str()).filter(|id| !id.is_empty()), &bundle(500 + n).store());
        }
        self.git(&["rev-list", SIGNERS_REF]).lines().map(|id| ReleaseId::parse(id).unwrap()).collect()
    }

    /// Returns the chain of signers as the host has it, from a link to the first.
    pub(crate) fn chain(&self, from: &ReleaseId) -> Vec<ReleaseId> {
        let links = git(&self.dir.path().join("state/repo.git"), &["rev-list", from.as_str()], b"");
        links.lines().map(|id| ReleaseId::parse(id).unwrap()).collect()
    }

    pub(crate) fn remote(&self) -> Remote {
        Remote::parse(self.path().to_str().unwrap(), RemoteOptions::default()).unwrap()
    }

    pub(crate) fn fetch(&self, remote: &Remote) -> Result<Fetched, FetchError> {
        fetch(&self.store, remote, &cluster(), &host())
    }

    /// Fetches, and returns what went wrong with its causes, temporary paths and commit ids replaced.
    pub(crate) fn failure(&self, remote: &Remote) -> String {
        self.describe(&self.fetch(remote).unwrap_err())
    }

    pub(crate) fn describe(&self, error: &dyn std::error::Error) -> String {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            write!(text, ": {error}").unwrap();
            cause = error.source();
        }
        text.replace(self.dir.path().to_str().unwrap(), "DIR")
    }
}

/// Lives through everything that happens to a ref on a healthy server, and holds the store against it.
pub(crate) fn check_life(origin: &Origin, remote: &Remote) {
    assert_eq!(
        origin.failure(remote),
        format!("{remote} has no ref `{REF}`: is the host in the spec, and was the release published?")
            .replace(origin.dir.path().to_str().unwrap(), "DIR")
    );
    let one = origin.publish(1);
    // Names that begin like the host's own, before and after it.
    for other in ["aaa", "rabbit", "rabbit10"] {
        origin.commit(&format!("refs/rmqgit/hosts/orders/{other}"), None, &bundle(99).store());
    }
    let first = Fetched { tip: one.clone(), previous: None, moved: true };
    assert_eq!(origin.fetch(remote).unwrap(), first);
    let same = Fetched { tip: one.clone(), previous: Some(one.clone()), moved: false };
    assert_eq!(origin.fetch(remote).unwrap(), same);
    // The chain of signers comes whole, whatever the host has of it, and beside the release.
    match offer_signers(&origin.store, remote).unwrap_err() {
        FetchError::MissingRef { reference, .. } => assert_eq!(reference, SIGNERS_REF),
        error => panic!("{error}"),
    }
    for links in [1, 5] {
        let chain = origin.sign(links);
        offer_signers(&origin.store, remote).unwrap();
        assert_eq!(origin.chain(&chain[0]), chain);
    }
    let two = origin.publish(2);
    let three = origin.publish(3);
    let moved = Fetched { tip: three.clone(), previous: Some(one.clone()), moved: true };
    assert_eq!(origin.fetch(remote).unwrap(), moved);
    assert_eq!(load(&origin.store, &three, &cluster(), &host()).unwrap().bundle, bundle(3));
    // Back, and to the side: refused, and nothing moves.
    let side = origin.commit(REF, Some(two.as_str()), &bundle(4).store());
    for offered in [&two, &side] {
        origin.git(&["update-ref", REF, offered.as_str()]);
        match origin.fetch(remote).unwrap_err() {
            FetchError::NotADescendant { offered: found, previous, .. } => {
                assert_eq!((&found, &previous), (offered, &three));
            }
            error => panic!("{error}"),
        }
    }
    origin.git(&["update-ref", REF, three.as_str()]);
    let tip = (4..60).fold(three.clone(), |_, n| origin.publish(n));
    assert_eq!(origin.fetch(remote).unwrap(), Fetched { tip: tip.clone(), previous: Some(three), moved: true });
    assert_eq!(load(&origin.store, &tip, &cluster(), &host()).unwrap().bundle, bundle(59));
    git(&origin.dir.path().join("state/repo.git"), &["fsck", "--full", "--strict"], b"");
    // The first fetch did not bring the history before it.
    let fresh = Store::open(&origin.dir.path().join("fresh")).unwrap();
    fetch(&fresh, remote, &cluster(), &host()).unwrap();
    let commits = git(&origin.dir.path().join("fresh/repo.git"), &["rev-list", "--all", "--count"], b"");
    assert_eq!(commits, "1");
}

pub(crate) fn cluster() -> ClusterName {
    ClusterName::parse("orders").unwrap()
}

pub(crate) fn host() -> HostName {
    HostName::parse("rabbit1").unwrap()
}

/// Returns a bundle with eight files; one line of one file is the `n`-th.
pub(crate) fn bundle(n: u32) -> Bundle {
    let artifact = |name: &str| {
        let lines = (0..80)
            .fold(format!("# {name}\n"), |text, line| text + &format!("setting.{name}.{line} = {}\n", line * 7919));
        let text = if name == "haproxy" { format!("{lines}port = {n}\n") } else { lines };
        let path = HostPath::parse(&format!("/etc/{name}/{name}.cfg")).unwrap();
        let artifact = Artifact {
            content: vec![Piece::Text(text)],
            mode: 0o644,
            owner: Owner::root(),
            check: None,
            on_change: OnChange::Nothing,
            part: Part::Whole,
        };
        (path, artifact)
    };
    let names = ["haproxy", "keepalived", "rabbitmq", "erlang", "sysctl", "limits", "hosts", "check"];
    Bundle {
        cluster: cluster(),
        host: host(),
        order: vec![host()],
        artifacts: names.map(artifact).into(),
        definitions: None,
        secrets: std::collections::BTreeMap::new(),
        role: Role::default(),
        maintenance: None,
        grants: Vec::new(),
    }
}

/// Runs git with some input and returns the text that it printed.
pub(crate) fn git(dir: &Path, args: &[&str], input: &[u8]) -> String {
    String::from_utf8(git_bytes(dir, args, input)).unwrap().trim_end().to_owned()
}

/// Runs git with some input and returns what it printed.
pub(crate) fn git_bytes(dir: &Path, args: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("git")
        .args(args)
        .current_dir(dir)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("git is installed");
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn append(stream: &mut Vec<u8>, reference: &str, parent: Option<&str>, files: &StoredFiles) {
    // `feature done` would be nicer to read; this is what every git since 1.7 takes.
    write!(stream, "reset {reference}\ncommit {reference}\ncommitter A <a@b> 1700000000 +0000\n").unwrap();
    let message = format!("orders/rabbit1: release\n\nSpec-Commit: {}\n", "1".repeat(40));
    write!(stream, "data {}\n{message}\n", message.len()).unwrap();
    if let Some(parent) = parent {
        write!(stream, "from {parent}\ndeleteall\n").unwrap();
    }
    for (path, bytes) in files {
        write!(stream, "M 100644 inline {path}\ndata {}\n", bytes.len()).unwrap();
        stream.extend_from_slice(bytes);
        stream.push(b'\n');
    }
}
