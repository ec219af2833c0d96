//! Servers that stall, drip, flood and send bombs: the program itself, with little memory and little time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::origin::bundle;
use super::packs::{BLOB, COMMIT, COPY_64K, Maker, TREE, delta, name, tree_entry, zeros};
use super::script::{ADVERTISEMENT, Answer, RESULT, Script, capabilities, line, pack, refs};

/// What the program may have of memory, code and stack included, in KiB.
const MEMORY: u32 = 512 << 10;

/// The most that a state directory may have after a pack was refused, in bytes.
const STATE: u64 = 1 << 20;

/// A host in a directory that runs the program.
struct Host {
    _dir: TempDir,
    root: PathBuf,
}

impl Host {
    fn new(timeout: u32) -> Self {
        let dir = TempDir::new().unwrap();
        let root = dir.path().join("root");
        fs::create_dir_all(root.join("etc/rmqgit")).unwrap();
        fs::write(root.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\n").unwrap();
        fs::write(root.join("etc/group"), "root:x:0:\n").unwrap();
        let settings = format!("cluster: orders\nhost: rabbit1\nmode: converge\naccess: {{timeout: {timeout}}}\n");
        fs::write(root.join("etc/rmqgit/agent.yaml"), settings).unwrap();
        Self { _dir: dir, root }
    }

    /// Runs `rmqgit sync` with little memory; returns its status and what it says of the remote.
    fn sync(&self, remote: &str) -> (i32, String) {
        let program = assert_cmd::cargo::cargo_bin!("rmqgit");
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -v {MEMORY} && exec \"$@\""), "sh"]).arg(program);
        command
            .args(["sync", "--signatures", "ignored", "--format", "json", "--remote", remote, "--root"])
            .arg(&self.root);
        let (code, out, err) = crate::run(&mut command);
        assert_eq!(err, "", "{out}");
        let report: serde_json::Value = serde_json::from_str(&out).unwrap();
        let said = |list: &str| {
            let all = report[list].as_array().into_iter().flatten();
            all.map(|one| one["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        // A release that is refused has its reason in a finding.
        let reasons = [said("findings"), said("failures")].concat();
        let reasons: Vec<_> = reasons.into_iter().filter(|reason| reason != "the release is refused").collect();
        (code, reasons.join("\n"))
    }

    /// Lets the program meet a server and returns what it says; no more than so many bytes of state may be left of it.
    fn meets(&self, answers: Vec<Answer>, most: u64) -> String {
        let script = Script::start(answers);
        let (code, said) = self.sync(&format!("http://127.0.0.1:{}/origin.git", script.port));
        assert_eq!(code, 3, "{said}");
        let state = self.root.join("var/lib/rmqgit");
        assert!(size(&state) < most, "{} bytes of state are left after: {said}", size(&state));
        assert!(!state.join("repo.git/incoming").exists(), "the quarantine is left after: {said}");
        said.replace(&script.port.to_string(), "PORT")
    }
}

fn size(path: &Path) -> u64 {
    let meta = fs::symlink_metadata(path).unwrap();
    let below =
        if meta.is_dir() { fs::read_dir(path).unwrap().map(|entry| size(&entry.unwrap().path())).sum() } else { 0 };
    meta.len() + below
}

/// Lets hosts meet servers, several at a time, and returns what each said.
fn meet_all(timeout: u32, most: u64, servers: Vec<(String, Vec<Answer>)>) -> String {
    let said: Vec<_> = std::thread::scope(|scope| {
        let meet = |(what, answers): (String, Vec<Answer>)| {
            scope.spawn(move || format!("# {what}\n{}\n\n", Host::new(timeout).meets(answers, most)))
        };
        servers.into_iter().map(meet).collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    said.concat()
}

fn head(kind: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n").into_bytes()
}

/// The places at which a server may stop: its name, the answers before it, and the beginning of the last answer.
fn phases(tip: &str) -> Vec<(&'static str, Vec<Answer>, Vec<u8>)> {
    let after = |kind: &str, text: &str| [head(kind), text.as_bytes().to_vec()].concat();
    let packfile = line("packfile");
    vec![
        ("before a word", vec![], Vec::new()),
        ("in the head", vec![], b"HTTP/1.1 200 OK\r\ncontent-type: ".to_vec()),
        ("before the capabilities", vec![], head(ADVERTISEMENT)),
        ("in the capabilities", vec![], after(ADVERTISEMENT, &(line("version 2") + "fff0"))),
        ("in the refs", vec![capabilities()], after(RESULT, "fff0")),
        ("before the sections", vec![capabilities(), refs(tip)], head(RESULT)),
        ("in the sections", vec![capabilities(), refs(tip)], after(RESULT, "fff0")),
        ("before the pack", vec![capabilities(), refs(tip)], after(RESULT, &packfile)),
        ("in the progress", vec![capabilities(), refs(tip)], after(RESULT, &(packfile.clone() + "fff0\u{2}"))),
        ("in the pack", vec![capabilities(), refs(tip)], after(RESULT, &(packfile + "fff0\u{1}PACK\0\0\0\u{2}"))),
    ]
}

#[test]
fn servers_that_stop_anywhere_are_left() {
    let tip = "1".repeat(40);
    let mut servers = Vec::new();
    for (what, before, last) in phases(&tip) {
        servers.push((format!("stalls {what}"), [before, vec![Answer::Silence(last)]].into_iter().flatten().collect()));
    }
    for (what, mut before, last) in phases(&tip) {
        before.push(Answer::Drip(last, b"x".to_vec()));
        servers.push((format!("drips {what}"), before));
    }
    for (what, mut before, last) in phases(&tip) {
        before.push(Answer::Bytes(last));
        servers.push((format!("hangs up {what}"), before));
    }
    insta::assert_snapshot!(meet_all(2, STATE, servers));
}

#[test]
fn servers_that_never_end_are_left() {
    let tip = "1".repeat(40);
    let flood = |kind: &str, start: &str, again: &str| {
        let start = [head(kind), start.as_bytes().to_vec()].concat();
        Answer::Flood(start, again.repeat((64 << 10) / again.len()).into_bytes())
    };
    let first = |answer| vec![answer];
    let listed = |answer| vec![capabilities(), answer];
    let fetched = |answer| vec![capabilities(), refs(&tip), answer];
    let packfile = line("packfile");
    // A pack whose first object goes on and on: blocks of nothing, each five bytes long.
    let banded = |bytes: &[u8]| [format!("{:04x}\u{1}", bytes.len() + 5).as_bytes(), bytes].concat();
    let (begun, blocks) = (banded(b"PACK\0\0\0\x02\0\0\0\x01\x31\x78\x01"), banded(&b"\0\0\0\xff\xff".repeat(10_000)));
    let old = line(&format!("{tip} refs/a\0side-band-64k ofs-delta"));
    let other = line(&format!("{tip} refs/x"));
    let servers = vec![
        ("a head", first(Answer::Flood(b"HTTP/1.1 200 OK\r\n".to_vec(), b"x-a: b\r\n".repeat(1000)))),
        ("version 1", first(flood(ADVERTISEMENT, "", &line("version 1")))),
        ("capabilities", first(flood(ADVERTISEMENT, &line("version 2"), &line("x")))),
        ("nothing in packets", first(flood(ADVERTISEMENT, &line("version 2"), "0004"))),
        ("old refs", first(flood(ADVERTISEMENT, &old, &other))),
        ("refs", listed(flood(RESULT, "", &other))),
        ("sections", fetched(flood(RESULT, "", &line("acknowledgments")))),
        ("cut commits", fetched(Answer::Flood(head(RESULT), cuts()))),
        ("progress", fetched(flood(RESULT, &packfile, "0009\u{2}abcd"))),
        ("a pack", fetched(Answer::Flood([head(RESULT), packfile.clone().into_bytes(), begun].concat(), blocks))),
        ("a pack of nothing", fetched(flood(RESULT, &packfile, "0005\u{1}"))),
    ];
    let servers = servers.into_iter().map(|(what, answers)| (what.to_owned(), answers)).collect();
    insta::assert_snapshot!(meet_all(300, STATE, servers));
}

/// Commits that are cut off, each with a name of its own.
fn cuts() -> Vec<u8> {
    (1..3000).map(|n| line(&format!("shallow {n:040x}"))).collect::<String>().into_bytes()
}

#[test]
fn bombs_do_not_go_off() {
    let blob = bundle(1).store().remove("manifest.json").unwrap();
    let honest = Maker::new().raw(BLOB, 5 << 30, &[], &zeros(5 << 10)).seal();
    let liar = Maker::new().raw(BLOB, 10, &[], &zeros(5 << 10)).seal();
    let mut copies = Maker::new();
    copies.whole(BLOB, &vec![1; 65_536]).delta(0, &delta(65_536, 5 << 30, &[COPY_64K].repeat(80 << 10)));
    let mut wide = Maker::new();
    wide.whole(
        TREE,
        &(0..1_000_000).flat_map(|n| tree_entry(0o100_644, &format!("f{n:07}"), &[7; 20])).collect::<Vec<_>>(),
    );
    let mut many = Maker::new();
    (0..200_000_u32).for_each(|n| _ = many.whole(BLOB, &n.to_be_bytes()));
    let mut heavy = Maker::new();
    heavy.whole(BLOB, &vec![0; 32 << 20]);
    // One byte of its own, then 32 MiB less that one byte from the base.
    let commands = |n: u8| [&[1, n][..], &[COPY_64K; 511], &[COPY_64K | 0x30, 0xff, 0xff]].concat();
    (1..7).for_each(|n| _ = heavy.delta(usize::from(n) - 1, &delta(32 << 20, 32 << 20, &commands(n))));
    // Objects that are too large for libgit2 to remember between two deltas, each over all those before it.
    let mut long = Maker::new();
    long.whole(BLOB, &vec![0; (1 << 20) + 1]);
    let commands = |n: u8| [&[1, n][..], &[COPY_64K; 16]].concat();
    (1..126).for_each(|n| _ = long.delta(usize::from(n) - 1, &delta((1 << 20) + 1, (1 << 20) + 1, &commands(n))));
    let mut twice = Maker::new();
    twice.whole(BLOB, &blob).whole(BLOB, &blob);
    let tip = "1".repeat(40);
    let sent = |what: &str, bytes: &[u8]| {
        (what.to_owned(), vec![capabilities(), refs(&tip), Answer::http(RESULT, &pack(bytes))])
    };
    let servers = vec![
        sent("a blob of 5 GB", &honest),
        sent("a blob of 5 GB that says 10 bytes", &liar),
        sent("a delta to 5 GB", &copies.seal()),
        sent("a tree of a million entries", &wide.seal()),
        sent("200,000 objects that nobody asked for", &many.seal()),
        sent("as much as is taken", &heavy.seal()),
        sent("chains as long as are taken", &long.seal()),
        sent("an object twice", &twice.seal()),
    ];
    insta::assert_snapshot!(meet_all(300, STATE, servers));
}

/// A pack with one commit, whose tree is the last object, and the commit's name.
fn committed(mut pack: Maker, tree: &[u8]) -> (Vec<u8>, String) {
    let hex = |id: [u8; 20]| git2::Oid::from_bytes(&id).unwrap().to_string();
    let tree = hex(name("tree", tree));
    let commit = format!("tree {tree}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nx\n");
    pack.whole(COMMIT, commit.as_bytes());
    (pack.seal(), hex(name("commit", commit.as_bytes())))
}

/// A release whose manifest holds these bytes.
fn with_manifest(bytes: &[u8]) -> (Vec<u8>, String) {
    let tree = tree_entry(0o100_644, "manifest.json", &name("blob", bytes));
    let mut pack = Maker::new();
    pack.whole(BLOB, bytes).whole(TREE, &tree);
    committed(pack, &tree)
}

#[test]
fn releases_that_are_too_much_are_refused() {
    let empty = tree_entry(0o100_644, "x", &name("blob", b""));
    let mut deep = Maker::new();
    deep.whole(BLOB, b"").whole(TREE, &empty);
    let mut last = empty;
    for _ in 0..100_000 {
        last = tree_entry(0o40_000, "d", &name("tree", &last));
        deep.whole(TREE, &last);
    }
    let long = tree_entry(0o40_000, &"n".repeat(4096), &name("tree", &tree_entry(0o100_644, "x", &name("blob", b""))));
    let mut named = Maker::new();
    named.whole(BLOB, b"").whole(TREE, &tree_entry(0o100_644, "x", &name("blob", b""))).whole(TREE, &long);
    let sent = |what: &str, (bytes, tip): (Vec<u8>, String)| {
        let said = meet_all(
            60,
            16 << 20,
            vec![(what.to_owned(), vec![capabilities(), refs(&tip), Answer::http(RESULT, &pack(&bytes))])],
        );
        said.replace(&tip, "TIP")
    };
    let seen = [
        sent("100,000 levels", committed(deep, &last)),
        sent("a name of 4096 bytes", committed(named, &long)),
        sent("a manifest of 30 MB", with_manifest(&[b"[".to_vec(), b"[],".repeat(10_000_000)].concat())),
        sent("a manifest of 3 MB", with_manifest(&[b"[".to_vec(), b"[],".repeat(1_000_000), b"[]]".to_vec()].concat())),
        sent("JSON of 100,000 levels", with_manifest(&b"[".repeat(100_000))),
    ];
    insta::assert_snapshot!(seen.concat());
}
