//! Drives the fuzz targets on stable Rust: every seed, and seeds that were changed, for a few seconds each.
//!
//! `tests/fuzz/run` lets libFuzzer do the same with coverage, for as long as one likes.

#[path = "../fuzz/targets.rs"]
mod targets;

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::fetch::origin::{Origin, git_bytes};
use crate::sync::site::Site;

/// How long each target is driven, unless `RMQGIT_FUZZ_SECONDS` says otherwise.
const SECONDS: u64 = 3;

/// The longest input, in bytes.
const LONGEST: usize = 64 << 10;

/// What mutations put in: numbers at their ends, words of the formats.
const WORDS: &[&[u8]] = &[
    b"\0",
    b"\xff\xff\xff\xff",
    b"\x80",
    b"-1",
    b"0",
    b"18446744073709551616",
    b"1e999",
    b"NaN",
    b"null",
    b"{}",
    b"[]",
    b"\"\"",
    b"~",
    b"&a ",
    b"*a",
    b"<<: ",
    b"!!str ",
    b"? ",
    b"- ",
    b": ",
    b"\n",
    b"\n\n  ",
    b"\t",
    b"'",
    b"\"",
    b"#",
    b"{{",
    b"}}",
    b"{%",
    b"%}",
    b"%{secret:",
    b"../",
    b"/",
    b"\\u0000",
    b"\\ud800",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"9999-99-99",
    b"==> clusters/x.yaml\n",
    b"x\x9c",
    b"PACK",
    b"-----BEGIN SSH SIGNATURE-----",
    b"gpgsig ",
    b"valid-before=\"",
    b"cert-authority ",
    b"-> ssh-ed25519 ",
    b"--- ",
];

type Seeds = BTreeMap<&'static str, Vec<Vec<u8>>>;

fn below(dir: &str, name: &str) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut dirs = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(dir)];
    while let Some(dir) = dirs.pop() {
        let mut entries: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                dirs.push(path);
            } else if path.to_string_lossy().ends_with(name) {
                found.push(fs::read(path).unwrap());
            }
        }
    }
    assert!(!found.is_empty(), "{dir} has no {name}");
    found
}

/// Every kind of input as the program itself, Git or a person writes it.
fn seeds() -> Seeds {
    let site = Site::full();
    site.sync(&["--mode", "report"]);
    let before = fs::read(site.live("/var/lib/rmqgit/report.json")).unwrap();
    site.converge();
    let state = site.get("/var/lib/rmqgit/state.json");
    let state: serde_json::Value = serde_json::from_str(&state).unwrap();
    let after = fs::read(site.live("/var/lib/rmqgit/report.json")).unwrap();
    let origin = Origin::new();
    (1..5).for_each(|n| _ = origin.publish(n));
    let pack = |args: &[&str]| {
        let args = [&["pack-objects", "--revs", "--all", "--stdout", "-q", "--delta-base-offset"], args].concat();
        git_bytes(&origin.path(), &args, b"")
    };
    let mut manifests = below("fixtures/tutorial/golden", "manifest.json");
    manifests.push(with_two_files());
    BTreeMap::from([
        ("definitions", below("fixtures", "definitions.json")),
        ("manifest", manifests),
        ("pack", vec![pack(&[]), pack(&["--depth=0"])]),
        (
            "remote",
            [
                "/srv/out.git",
                "https://ci@git.example.org:8443/a.git",
                "ssh://me@[::1]:2222/~/a",
                "git@host:a.git",
                "https://u:hunter2@h/a",
            ]
            .map(|text| text.as_bytes().to_vec())
            .into(),
        ),
        ("report", vec![before, after]),
        ("rule", below("policies", ".yaml")),
        ("sealed", vec![sealed()]),
        ("signature", vec![signed(), signers()]),
        ("spec", below("fixtures", ".yaml")),
        ("state", vec![state["base"].to_string().into_bytes()]),
    ])
}

/// A manifest that fits the two files of its target.
fn with_two_files() -> Vec<u8> {
    let mut bundle = crate::fetch::origin::bundle(1);
    let mut artifacts = std::mem::take(&mut bundle.artifacts).into_values();
    for (path, text) in [("/etc/a", "one\n"), ("/etc/b", "x <stats> y\n")] {
        let artifact = crate::sync::site::with_secrets(text, rmqgit::quote::Syntax::Raw);
        let artifact = rmqgit::release::Artifact { content: artifact.content, ..artifacts.next().unwrap() };
        bundle.artifacts.insert(crate::sync::site::path(path), artifact);
    }
    bundle.store().remove(rmqgit::release::MANIFEST).unwrap()
}

/// A secret for the key of its target.
fn sealed() -> Vec<u8> {
    let envelope = rmqgit::secret::Envelope {
        cluster: crate::fetch::origin::cluster(),
        name: rmqgit::name::SecretRef::parse("stats").unwrap(),
        hosts: [crate::fetch::origin::host()].into(),
    };
    let reader = targets::key().public_key().to_openssh().unwrap();
    let reader = rmqgit::secret::PublicKey::parse(&reader).unwrap();
    let secret = rmqgit::secret::Secret::new("s3cret".to_owned().into());
    rmqgit::secret::seal(&envelope, &secret, &[reader])
}

/// A file of allowed signers with what its lines can hold.
fn signers() -> Vec<u8> {
    let key = targets::key().public_key().to_openssh().unwrap();
    let options = "namespaces=\"git\",valid-after=\"20260101\",valid-before=\"20280101Z\"";
    let text = format!("# who signs\nci@example.org {key}\n\nann@example.org {options} {key} ann\n");
    rmqgit::trust::allowed::AllowedSigners::parse(text.as_bytes()).expect("the lines are sound");
    text.into_bytes()
}

/// A commit that git signed with a key of its own.
fn signed() -> Vec<u8> {
    let origin = Origin::new();
    let dir = origin.dir.path();
    let key = dir.join("key");
    crate::fetch::server::run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key.to_str().unwrap()]);
    let sign = format!("user.signingkey={}", key.display());
    let tree = String::from_utf8(git_bytes(&origin.path(), &["mktree"], b"")).unwrap();
    let args = [
        "-c",
        "user.name=A",
        "-c",
        "user.email=a@b",
        "-c",
        "gpg.format=ssh",
        "-c",
        &sign,
        "commit-tree",
        "-S",
        "-m",
        "x",
        tree.trim(),
    ];
    let commit = String::from_utf8(git_bytes(&origin.path(), &args, b"")).unwrap();
    let commit = git_bytes(&origin.path(), &["cat-file", "commit", commit.trim()], b"");
    rmqgit::trust::signature::verify(&commit).expect("git's signature is one");
    commit
}

/// Marsaglia's xorshift: the same inputs on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.roll() % limit.max(1) as u64).unwrap()
    }

    fn change(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(4) {
            let (at, length) = (self.below(bytes.len() + 1), self.below(40));
            let end = (at + length).min(bytes.len());
            match self.below(8) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                1 if at < bytes.len() => bytes[at] = u8::try_from(self.below(256)).unwrap(),
                2 => drop(bytes.drain(at..end)),
                3 => {
                    let piece = bytes[at..end].to_vec();
                    let to = self.below(bytes.len() + 1);
                    bytes.splice(to..to, piece.repeat(self.below(20) + 1));
                }
                4 => bytes.truncate(at),
                5 => {
                    let other = &seeds[self.below(seeds.len())];
                    let from = self.below(other.len() + 1);
                    bytes.splice(at.., other[from..].iter().copied());
                }
                _ => {
                    drop(bytes.splice(at..end.min(at + self.below(8)), WORDS[self.below(WORDS.len())].iter().copied()));
                }
            }
        }
        bytes.truncate(LONGEST);
        bytes
    }
}

/// Gives an input to a target; one that it cannot take is kept as a file.
fn drive(name: &str, target: targets::Target, input: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| target(input))).is_err() {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{name}"));
        fs::write(&path, input).unwrap();
        panic!("`{name}` does not take {}", path.display());
    }
}

#[test]
fn targets_take_seeds_and_what_becomes_of_them() {
    let seconds = std::env::var("RMQGIT_FUZZ_SECONDS").map_or(SECONDS, |text| text.parse().unwrap());
    let seeds = seeds();
    let names: Vec<_> = targets::TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(seeds.keys().copied().collect::<Vec<_>>(), names, "a target has no seeds");
    for (name, target) in targets::TARGETS {
        let seeds = &seeds[name];
        for seed in seeds {
            drive(name, *target, seed);
        }
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
        let end = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < end {
            drive(name, *target, &dice.change(seeds));
        }
    }
}

/// Writes the seeds for libFuzzer where `RMQGIT_FUZZ_CORPUS` says.
#[test]
fn seeds_are_written() {
    let temporary = tempfile::TempDir::new().unwrap();
    let corpus = std::env::var_os("RMQGIT_FUZZ_CORPUS").map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    for (name, seeds) in seeds() {
        let dir = corpus.join(name);
        fs::create_dir_all(&dir).unwrap();
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(dir.join(format!("seed-{number:03}")), seed).unwrap();
        }
        assert!(fs::read_dir(dir).unwrap().count() >= seeds.len());
    }
}

#[test]
fn the_fuzz_crate_has_every_target() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    let (manifest, run) =
        (fs::read_to_string(dir.join("Cargo.toml")).unwrap(), fs::read_to_string(dir.join("run")).unwrap());
    let names: Vec<_> = targets::TARGETS.iter().map(|(name, _)| *name).collect();
    assert!(run.contains(&format!("targets=({})", names.join(" "))), "tests/fuzz/run has other targets than {names:?}");
    for name in names {
        assert!(
            manifest.contains(&format!("[[bin]]\nname = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"\n")),
            "{name}"
        );
        assert!(
            fs::read_to_string(dir.join(format!("fuzz_targets/{name}.rs")))
                .unwrap()
                .contains(&format!("targets::{name}(data)"))
        );
    }
}
