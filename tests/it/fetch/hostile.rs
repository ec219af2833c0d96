//! Servers that send anything but what they should, and trees that no release holds.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use rmqgit::fetch::{LoadError, load};
use rmqgit::name::ReleaseId;

use super::origin::{Origin, REF, bundle, cluster, git_bytes, host};
use super::script::{ADVERTISEMENT, Answer, RESULT, Script, capabilities, line, pack, refs};

/// Fetches from a script and returns what went wrong; nothing may be left behind by it.
fn check(origin: &Origin, answers: Vec<Answer>) -> String {
    let mut script = Script::start(answers);
    let failure = origin.failure(&script.http(20)).replace(&script.port.to_string(), "PORT");
    script.thread.take().unwrap().join().unwrap();
    let again = origin.store.tip(rmqgit::sys::store::Slot::Fetched, &cluster(), &host()).unwrap();
    assert_eq!(again, None, "after: {failure}");
    failure
}

#[test]
fn garbage_is_refused() {
    let origin = Origin::new();
    let v2 = |text: &str| vec![Answer::http(ADVERTISEMENT, text.as_bytes())];
    let listed = |text: &str| vec![capabilities(), Answer::http(RESULT, text.as_bytes())];
    let head = line("version 2");
    let many = line(&format!("{} refs/x", "1".repeat(40))).repeat(3);
    let mut seen = String::new();
    for (what, answers) in [
        ("nothing", vec![Answer::Bytes(Vec::new())]),
        ("another protocol", vec![Answer::Bytes(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec())]),
        ("an empty body", v2("")),
        ("no packets", v2("<html>")),
        ("an error", v2(&line("ERR no \u{1b}[31msuch service"))),
        ("no capabilities", v2(&(head.clone() + "0000"))),
        ("SHA-256", v2(&(head + &["ls-refs", "fetch", "object-format=sha256"].map(line).concat() + "0000"))),
        ("an old list without capabilities", v2(&(many.clone() + "0000"))),
        ("an old empty list", v2("0000")),
        ("an empty list", listed("0000")),
        ("a list without end", listed(&many)),
        ("a list with nonsense", listed(&(line("nonsense") + &line(&format!("{}{REF}", "x".repeat(41))) + "0000"))),
        ("a null commit", listed(&(line(&format!("{} {REF}", "0".repeat(40))) + "0000"))),
    ] {
        writeln!(seen, "# {what}\n{}\n", check(&origin, answers)).unwrap();
    }
    insta::assert_snapshot!(seen);
}

#[test]
fn broken_packs_are_refused() {
    let origin = Origin::new();
    let tip = origin.publish(1).to_string();
    let objects = |revisions: &str| {
        git_bytes(&origin.path(), &["pack-objects", "--revs", "--stdout", "-q"], revisions.as_bytes())
    };
    let good = objects(&tip);
    // A commit without its tree, and a blob of 3 MB that does not shrink.
    let commit_alone = git_bytes(&origin.path(), &["pack-objects", "--stdout", "-q"], tip.as_bytes());
    let mut state = 1_u32;
    let noise: Vec<u8> = (0..3_000_000)
        .map(|_| {
            // Marsaglia's xorshift.
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_be_bytes()[0]
        })
        .collect();
    let blob = git_bytes(&origin.path(), &["hash-object", "-w", "--stdin"], &noise);
    let large = git_bytes(&origin.path(), &["pack-objects", "--stdout", "-q"], &blob);
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let sent = |body: Vec<u8>| vec![capabilities(), refs(&tip), Answer::http(RESULT, &body)];
    let packed = |bytes: &[u8]| sent(pack(bytes));
    let mut seen = String::new();
    for (what, answers) in [
        ("no pack", sent(b"0000".to_vec())),
        ("an error before the pack", sent(line("ERR upload-pack: not our ref").into_bytes())),
        ("an error in the pack", sent((line("packfile") + "0012\u{3}disk is full\n").into_bytes())),
        ("an unknown band", sent((line("packfile") + "0006\u{4}x0000").into_bytes())),
        ("cut off", sent(pack(&good)[..200].to_vec())),
        ("ended early", packed(&good[..good.len() - 30])),
        ("a flipped bit", packed(&flipped)),
        ("an empty pack", packed(&objects(""))),
        ("no tree", packed(&commit_alone)),
        ("too large", packed(&large)),
        ("too many objects", packed(b"PACK\0\0\0\x02\xff\xff\xff\xff")),
    ] {
        writeln!(seen, "# {what}\n{}\n", check(&origin, answers)).unwrap();
    }
    insta::assert_snapshot!(seen.replace(&tip, "TIP"));
    // The same script with the right pack is accepted.
    let script = Script::start(packed(&good));
    assert_eq!(origin.fetch(&script.http(20)).unwrap().tip.as_str(), tip);
}

#[test]
fn a_server_that_stalls_is_left() {
    let origin = Origin::new();
    let Answer::Bytes(half) = Answer::http(ADVERTISEMENT, line("version 2").as_bytes()) else { unreachable!() };
    let begun = Instant::now();
    for answers in [vec![Answer::Silence(Vec::new())], vec![Answer::Silence(half)]] {
        let script = Script::start(answers);
        let failure = origin.failure(&script.http(1)).replace(&script.port.to_string(), "PORT");
        let expect =
            "http://127.0.0.1:PORT/origin.git did not finish within 1 s; raise `timeout` if the line is that slow";
        assert_eq!(failure, expect);
    }
    assert!(begun.elapsed() < Duration::from_secs(30), "the deadline is not kept");
}

#[test]
fn trees_that_no_release_holds_are_refused() {
    let origin = Origin::new();
    let remote = origin.remote();
    let files = origin.commit("refs/heads/plain", None, &bundle(1).store());
    let blob = origin.git(&["rev-parse", &format!("{files}:manifest.json")]);
    let tree = |entries: &str| {
        String::from_utf8(git_bytes(&origin.path(), &["mktree", "--missing"], entries.as_bytes()))
            .unwrap()
            .trim()
            .to_owned()
    };
    // Raw bytes: git itself would not write these names.
    let raw = |mode: &str, name: &[u8], object: &str| {
        let id: Vec<u8> = (0..20).map(|i| u8::from_str_radix(&object[2 * i..2 * i + 2], 16).unwrap()).collect();
        let bytes = [mode.as_bytes(), b" ", name, b"\0", &id].concat();
        String::from_utf8(git_bytes(
            &origin.path(),
            &["hash-object", "-w", "-t", "tree", "--literally", "--stdin"],
            &bytes,
        ))
        .unwrap()
        .trim()
        .to_owned()
    };
    let deep =
        (0..60).fold(tree(&format!("100644 blob {blob}\tx")), |below, _| tree(&format!("040000 tree {below}\td")));
    let wide = (0..10_001).fold(String::new(), |text, n| text + &format!("100644 blob {blob}\tf{n:05}\n"));
    let other = {
        let mut other = bundle(1);
        other.host = "rabbit2".parse().unwrap();
        origin.commit("refs/heads/other", None, &other.store())
    };
    let mut seen = String::new();
    for (what, tree) in [
        ("an empty tree", tree("")),
        ("no manifest", tree(&format!("100644 blob {blob}\tx"))),
        ("only a manifest", tree(&format!("100644 blob {blob}\tmanifest.json"))),
        ("a link", tree(&format!("120000 blob {blob}\trootfs"))),
        ("a submodule", tree(&format!("160000 commit {files}\trootfs"))),
        ("a mode", raw("100666", b"x", &blob)),
        ("a file that is a directory", raw("100644", b"x", &deep)),
        ("up", raw("100644", b"..", &blob)),
        ("a slash", raw("100644", b"a/b", &blob)),
        (".git", raw("40000", b".GIT", &deep)),
        ("not UTF-8", raw("100644", b"\xff\n", &blob)),
        ("deep", deep.clone()),
        ("wide", tree(&wide)),
        ("another host", origin.git(&["rev-parse", &format!("{other}^{{tree}}")])),
    ] {
        let text = format!("tree {tree}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\n{what}\n");
        let commit = git_bytes(&origin.path(), &["hash-object", "-w", "-t", "commit", "--stdin"], text.as_bytes());
        let commit = ReleaseId::parse(String::from_utf8(commit).unwrap().trim()).unwrap();
        origin.git(&["update-ref", REF, commit.as_str()]);
        let fresh = Origin::new();
        let failure = match fresh.fetch(&remote) {
            Err(error) => origin.describe(&error),
            Ok(fetched) => {
                let error: LoadError = load(&fresh.store, &fetched.tip, &cluster(), &host()).unwrap_err();
                origin.describe(&error).replace(commit.as_str(), "TIP")
            }
        };
        writeln!(seen, "# {what}\n{}\n", failure.replace(&blob, "BLOB").replace(&deep, "DEEP")).unwrap();
    }
    insta::assert_snapshot!(seen);
}
