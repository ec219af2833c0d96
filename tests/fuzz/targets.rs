//! What is fuzzed: everything that reads bytes which somebody else may have written.
//!
//! Each target takes any bytes, must not panic, and holds what was read against what it must be. The same functions are run by
//! libFuzzer (`tests/fuzz/run`) and, on a few thousand changed seeds, by the ordinary tests (`tests/it/fuzz.rs`).

use std::collections::BTreeMap;
use std::sync::OnceLock;

use rmqgit::check::{Format, Input, check, render};
use rmqgit::definitions::Definitions;
use rmqgit::plan::Base;
use rmqgit::release::{Bundle, MANIFEST, StoredFiles};
use rmqgit::report::{Look, Report, text};
use rmqgit::secret::{Opener, PublicKey, Sealed};
use rmqgit::sys::remote::{Remote, RemoteOptions};
use rmqgit::sys::store::bounds::{Bounds, Gauge, gauge};
use rmqgit::trust::allowed::{AllowedSigners, Revoked};
use rmqgit::trust::{commit, signature as trusted};
use russh::keys::PrivateKey;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::Ed25519Keypair;

/// A target.
pub(crate) type Target = fn(&[u8]);

/// The targets by name, as `cargo fuzz run` knows them.
pub(crate) const TARGETS: &[(&str, Target)] = &[
    ("definitions", definitions),
    ("manifest", manifest),
    ("pack", pack),
    ("remote", remote),
    ("report", report),
    ("rule", rule),
    ("sealed", sealed),
    ("signature", signature),
    ("spec", spec),
    ("state", state),
];

/// The line that begins another file of a repository in one input: `==> clusters/orders.yaml`.
const FILE: &str = "==> ";

/// A spec repository: parsed, lowered, compiled, asked, every fault rendered in every way. What compiles can be stored and
/// read back.
pub(crate) fn spec(data: &[u8]) {
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::from([("rmqgit.yaml".to_owned(), Vec::new())]);
    let mut current = "rmqgit.yaml".to_owned();
    for line in data.split_inclusive(|byte| *byte == b'\n') {
        match std::str::from_utf8(line).ok().and_then(|line| line.strip_prefix(FILE)) {
            Some(path) => path.trim().clone_into(&mut current),
            None => files.entry(current.clone()).or_default().extend_from_slice(line),
        }
    }
    judge(&files);
}

fn judge(files: &BTreeMap<String, Vec<u8>>) {
    let published = BTreeMap::new();
    let input = Input { files, published: &published, opener: None, today: jiff::civil::date(2026, 6, 1) };
    let checked = check(&input, |_, bundles| {
        for bundle in bundles {
            let again = Bundle::load(bundle.store()).expect("what was compiled can be read");
            assert!(again == bundle, "what is stored is not what was compiled");
        }
    });
    for format in [Format::Text, Format::Json, Format::Github, Format::Sarif] {
        assert!(!render(&checked, format, true, 100).contains('\0'), "a report holds a NUL");
    }
}

/// A rule file of a repository's own, by the name that it gives itself: read, held against its examples, asked of a cluster.
pub(crate) fn rule(data: &[u8]) {
    const TUTORIAL: &[u8] = include_bytes!("../../fixtures/tutorial/rmqgit.yaml");
    let text = String::from_utf8_lossy(data);
    let code = text.lines().find_map(|line| line.strip_prefix("code: ")).unwrap_or("x").trim();
    let path = format!("policies/{}.yaml", code.replace('/', "_"));
    judge(&BTreeMap::from([("rmqgit.yaml".to_owned(), TUTORIAL.to_vec()), (path, data.to_vec())]));
}

/// A manifest beside two files.
pub(crate) fn manifest(data: &[u8]) {
    let files = StoredFiles::from([
        (MANIFEST.to_owned(), data.to_vec()),
        ("rootfs/etc/a".to_owned(), b"one\n".to_vec()),
        ("rootfs/etc/b".to_owned(), b"x %{secret:stats} y\n".to_vec()),
    ]);
    if let Ok(bundle) = Bundle::load(files) {
        let again = Bundle::load(bundle.store()).expect("what was read can be written and read");
        assert!(again == bundle, "a bundle changes by being stored");
    }
}

/// What a broker shall hold.
pub(crate) fn definitions(data: &[u8]) {
    if let Ok(definitions) = serde_json::from_slice::<Definitions>(data) {
        let text = definitions.to_canonical_json();
        let again: Definitions = serde_json::from_str(&text).expect("the canonical text can be read");
        assert_eq!(again.to_canonical_json(), text, "the canonical text is not canonical");
    }
}

/// What a run remembers.
pub(crate) fn state(data: &[u8]) {
    if let Ok(base) = serde_json::from_slice::<Base>(data) {
        let text = serde_json::to_string(&base).expect("a base can be written");
        assert!(serde_json::from_str::<Base>(&text).expect("and read") == base, "a base changes by being stored");
    }
}

/// A stored report, and its text for people.
pub(crate) fn report(data: &[u8]) {
    if let Ok(report) = serde_json::from_slice::<Report>(data) {
        let mut changed = report.clone();
        changed.keep_since(Some(&report));
        changed.judge();
        text(&changed, Look { now: Some(jiff::Timestamp::UNIX_EPOCH), diffs: true });
        rmqgit::release::canonical_json(&report);
    }
}

/// A pack, in one piece and in several: the same verdict, and never more than the bounds.
pub(crate) fn pack(data: &[u8]) {
    const SMALL: Bounds =
        Bounds { objects: 50, blob: 1 << 16, other: 1 << 12, total: 1 << 18, depth: 5, work: 1 << 20 };
    let whole = gauge(data, SMALL);
    let size = data.first().map_or(1, |byte| usize::from(*byte) + 1);
    let mut gauge = Gauge::new(SMALL);
    let fed = data.chunks(size).try_for_each(|piece| gauge.feed(piece));
    // Of two faults at one place, either may be the first.
    assert_eq!(fed.and_then(|()| gauge.finish()).ok(), whole.as_ref().ok().copied(), "the pieces matter");
    if let Ok(found) = whole {
        assert!(found.objects <= SMALL.objects && found.total <= SMALL.total, "{found:?}");
        assert!(found.depth <= SMALL.depth && found.work <= SMALL.work, "{found:?}");
    }
}

/// The URL of a remote: what is shown of it never holds a password.
pub(crate) fn remote(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Remote::parse(text, RemoteOptions::default()) {
        Ok(remote) => assert_eq!(remote.to_string(), text),
        Err(error) => assert!(!(error.to_string().contains("hunter2") && text.contains("://u:hunter2@")), "{error}"),
    }
}

/// The raw bytes of a commit and the signature in it; a file of allowed signers, and one of revoked keys.
pub(crate) fn signature(data: &[u8]) {
    let _ = (commit::split(data), AllowedSigners::parse(data), Revoked::parse(data));
    if let Ok(signed) = trusted::verify(data) {
        assert!(signed.key.fingerprint().starts_with("SHA256:"), "{signed:?}");
    }
}

/// The key that seeds of `sealed` are for; nobody's.
pub(crate) fn key() -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&[7; 32]))
}

/// A sealed secret, as its header is read and as its reader opens it; a public key.
pub(crate) fn sealed(data: &[u8]) {
    static OPENER: OnceLock<Opener> = OnceLock::new();
    let opener = OPENER.get_or_init(|| {
        let text = key().to_openssh(LineEnding::LF).expect("a key can be written");
        Opener::new(text.as_bytes(), || None).expect("and read")
    });
    // age takes armor that a compile refuses, so the two need not agree.
    let _ = (Sealed::parse(data), opener.open(data));
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = PublicKey::parse(text);
    }
}
