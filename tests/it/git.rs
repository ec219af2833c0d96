//! Packs and refs that the real Git accepts and agrees with.

use std::fs;
use std::path::Path;
use std::process::Command;

use rmqgit::sys::git::object::{self, Kind};
use rmqgit::sys::git::pack::{self, Known, PackWriter, Packer};
use rmqgit::sys::git::refs::{self, Edit};
use rmqgit::sys::git::tree::{self, Entry};
use rmqgit::sys::git::{Commit, GitError, Oid, Store, lock};

/// Runs git in a directory and returns what it printed; its configuration is the test's own.
pub(crate) fn git(dir: &Path, args: &[&str]) -> String {
    let (status, out, err) = crate::run(git_command(dir).args(args));
    assert_eq!(status, 0, "git {args:?}: {err}");
    out
}

/// Starts a git command whose configuration is the test's own.
pub(crate) fn git_command(dir: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(dir).env_clear().env("PATH", std::env::var_os("PATH").expect("PATH is set"));
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("HOME", "/nonexistent");
    command.args([
        "-c",
        "user.name=Ann",
        "-c",
        "user.email=ann@example.org",
        "-c",
        "init.defaultBranch=main",
        "-c",
        "gc.auto=0",
    ]);
    command
}

fn bare() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    git(dir.path(), &["init", "--quiet", "--bare"]);
    let store = Store::discover(dir.path()).expect("a repository");
    (dir, store)
}

/// Writes one pack with a commit of some files in a directory.
fn commit(store: &Store, files: &[(&str, &[u8])], parents: Vec<Oid>) -> Oid {
    let known = Known::default();
    let mut packer = Packer::new(&known);
    let mut writer = PackWriter::create(store.dir()).expect("writable");
    let mut entries: Vec<_> =
        files.iter().map(|(name, bytes)| Entry::file(*name, packer.add(Kind::Blob, bytes))).collect();
    let below = packer.add(Kind::Tree, &tree::bytes(&mut entries));
    let tree = packer.add(Kind::Tree, &tree::bytes(&mut [Entry::tree("below", below)]));
    let commit = Commit {
        tree,
        parents,
        authored: 1_600_000_000,
        time: 1_700_000_000,
        message: "Release\n\nSpec-Commit: x\n".to_owned(),
    };
    let id = packer.add(Kind::Commit, &object::commit_bytes(&commit));
    writer.append(&packer.take()).expect("writable");
    writer.finish().expect("writable");
    assert_eq!(store.objects().expect("opened").commit(id).expect("stored"), commit);
    id
}

fn edit(name: &str, old: Option<Oid>, new: Option<Oid>) -> Edit {
    Edit { name: name.to_owned(), old, new }
}

#[test]
fn git_reads_what_we_pack() {
    let (dir, store) = bare();
    let mut state = 1_u32;
    let mut noise = |len: usize| -> Vec<u8> {
        let byte = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        };
        (0..len).map(byte).collect()
    };
    let (large, small) = (noise(3_000_000), noise(40_000));
    let zeros = vec![0; 5_000_000];
    let files: [(&str, &[u8]); 7] = [
        ("empty", b""),
        ("fifteen", &small[..15]),
        ("sixteen", &small[..16]),
        ("large", &large),
        ("same as large", &large),
        ("zeros", &zeros),
        ("text", b"line\n"),
    ];
    let id = commit(&store, &files, Vec::new());
    refs::apply(store.dir(), vec![edit("refs/heads/out", None, Some(id))]).expect("a free ref");

    assert_eq!(git(dir.path(), &["fsck", "--full", "--strict", "--no-dangling"]), "");
    for (name, bytes) in files {
        let output = git_command(dir.path()).args(["show", &format!("out:below/{name}")]).output().expect("git runs");
        assert_eq!(output.stdout, bytes, "{name}");
    }
    assert_eq!(
        git(dir.path(), &["log", "-1", "--format=%an <%ae> %ct %(trailers)", "out"]).trim_end(),
        "rmqgit <rmqgit@localhost> 1700000000 Spec-Commit: x"
    );
    let packed: Vec<_> = fs::read_dir(dir.path().join("objects/pack")).expect("packs").collect();
    assert_eq!(packed.len(), 2, "one pack, one index: {packed:?}");
    assert_eq!(git(dir.path(), &["count-objects", "-v"]).lines().next(), Some("count: 0"));
    git(dir.path(), &["gc", "--quiet"]);
    let read = store.objects().expect("opened").files(id_of_tree(&store, id)).expect("readable");
    assert_eq!(read.len(), 7);
    assert_eq!(read["below/zeros"], zeros);
}

fn id_of_tree(store: &Store, commit: Oid) -> Oid {
    store.objects().expect("opened").commit(commit).expect("stored").tree
}

#[test]
fn nothing_is_left_of_an_empty_or_abandoned_pack() {
    let (dir, store) = bare();
    let packs = dir.path().join("objects/pack");
    PackWriter::create(store.dir()).expect("writable").finish().expect("nothing to do");
    drop(PackWriter::create(store.dir()).expect("writable"));
    fs::write(packs.join("tmp_rmqgit_1.pack"), "a killed run").expect("writable");
    fs::write(packs.join("tmp_pack_git"), "a running git").expect("writable");
    pack::sweep(store.dir()).expect("swept");
    let left: Vec<_> = fs::read_dir(packs).expect("readable").map(|e| e.expect("readable").file_name()).collect();
    assert_eq!(left, ["tmp_pack_git"]);
}

#[test]
fn few_and_many_refs_move_under_the_eyes_of_git() {
    let (dir, store) = bare();
    let one = commit(&store, &[("a", b"1")], Vec::new());
    let two = commit(&store, &[("a", b"2")], vec![one]);
    let name = |n: usize| format!("refs/rmqgit/hosts/c/h{n}");
    let listed = || git(dir.path(), &["for-each-ref", "--format=%(objectname) %(refname)"]);
    let expect = |ids: &[(usize, Oid)]| -> String {
        let mut lines: Vec<_> = ids.iter().map(|(n, id)| (name(*n), id)).collect();
        lines.sort();
        lines.iter().map(|(name, id)| format!("{id} {name}\n")).collect::<Vec<_>>().concat()
    };

    // Few: loose files.
    refs::apply(store.dir(), (0..3).map(|n| edit(&name(n), None, Some(one))).collect()).expect("free");
    assert_eq!(listed(), expect(&[(0, one), (1, one), (2, one)]));
    // Many, over the loose ones and a tag of git's, which must stay.
    git(dir.path(), &["-c", "user.name=Ann", "tag", "-a", "-m", "t", "t", &one.to_string()]);
    git(dir.path(), &["pack-refs", "--all"]);
    refs::apply(store.dir(), vec![edit(&name(2), Some(one), Some(two))]).expect("where it was");
    let old = |n: usize| match n {
        0 | 1 => Some(one),
        2 => Some(two),
        _ => None,
    };
    refs::apply(store.dir(), (0..200).map(|n| edit(&name(n), old(n), Some(two))).collect()).expect("where they were");
    assert_eq!(git(dir.path(), &["rev-parse", "t^{commit}"]).trim(), one.to_string());
    git(dir.path(), &["tag", "-d", "t"]);
    let all: Vec<_> = (0..200).map(|n| (n, two)).collect();
    assert_eq!(listed(), expect(&all));
    assert!(!dir.path().join(name(2)).exists(), "no loose file shadows the packed line");
    // Removal, packed and loose.
    refs::apply(store.dir(), vec![edit(&name(5), Some(two), Some(one))]).expect("where it was");
    let gone = vec![edit(&name(5), Some(one), None), edit(&name(6), Some(two), None)];
    refs::apply(store.dir(), gone).expect("where they were");
    let rest: Vec<_> = all.iter().copied().filter(|(n, _)| !matches!(n, 5 | 6)).collect();
    assert_eq!(listed(), expect(&rest));
    // The same through our own reader.
    let read = refs::read(store.dir(), "refs/rmqgit/hosts").expect("readable");
    assert_eq!(read, rest.iter().map(|(n, id)| (name(*n), *id)).collect());
    assert_eq!(git(dir.path(), &["fsck", "--full", "--strict", "--no-dangling"]), "");
}

#[test]
fn a_ref_that_moved_stays_where_it_is() {
    let (dir, store) = bare();
    let one = commit(&store, &[("a", b"1")], Vec::new());
    let two = commit(&store, &[("a", b"2")], vec![one]);
    git(dir.path(), &["update-ref", "refs/heads/out", &one.to_string()]);
    let many = |old: Option<Oid>| {
        let others = (0..100).map(|n| edit(&format!("refs/heads/other{n}"), None, Some(two)));
        others.chain([edit("refs/heads/out", old, Some(two))]).collect::<Vec<_>>()
    };
    for edits in [vec![edit("refs/heads/out", None, Some(two))], vec![edit("refs/heads/out", Some(two), Some(one))]] {
        assert!(matches!(refs::apply(store.dir(), edits), Err(GitError::Moved { .. })));
    }
    assert!(matches!(refs::apply(store.dir(), many(None)), Err(GitError::Moved { .. })));
    assert_eq!(
        git(dir.path(), &["for-each-ref", "--format=%(objectname) %(refname)"]),
        format!("{one} refs/heads/out\n")
    );
    fs::write(dir.path().join("packed-refs.lock"), "").expect("writable");
    lock::recover(store.dir()).expect("nothing of ours to recover");
    assert!(matches!(refs::apply(store.dir(), many(Some(one))), Err(GitError::Locked(_))), "git holds the lock");
}
