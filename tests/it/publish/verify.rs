//! What stands on the output branch and was not compiled is found and shown.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use super::Fleet;
use crate::git::git;
use crate::signing::Keys;
use crate::{rmqgit, run};

/// Runs `rmqgit verify`; commit ids, but the first of each kind, are of no interest here.
fn verify(fleet: &Fleet, args: &[&str]) -> (i32, String) {
    let (status, out, err) = run(rmqgit().current_dir(fleet.path()).arg("verify").args(args));
    (status, out + &err)
}

fn json(fleet: &Fleet, args: &[&str]) -> Value {
    let (_, out, err) = run(rmqgit().current_dir(fleet.path()).args(["verify", "--format", "json"]).args(args));
    let value: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"));
    let schema = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/schema/verify.json")).unwrap();
    jsonschema::validate(&serde_json::from_str(&schema).unwrap(), &value).unwrap();
    value
}

/// Commits a change of the output branch by hand, with a message.
fn by_hand(fleet: &Fleet, message: &str, change: impl Fn(&std::path::Path)) {
    git(fleet.path(), &["worktree", "add", "--quiet", "--force", "hand", "rmqgit/output"]);
    let tree = fleet.path().join("hand");
    change(&tree);
    git(&tree, &["add", "--all"]);
    git(&tree, &["commit", "--quiet", "-m", message]);
    git(fleet.path(), &["worktree", "remove", "--force", "hand"]);
}

const CONFIG: &str = "a/one/rootfs/etc/haproxy/haproxy.cfg";

#[test]
fn a_release_is_what_its_spec_compiles_to() {
    let keys = Keys::new(&["ann", "eve"]);
    let allowed = keys.allow(&["ann"]);
    let fleet = Fleet::new(&["a", "b"]);
    let nothing = verify(&fleet, &[]);
    assert_eq!(nothing.0, 3, "{}", nothing.1);
    assert!(nothing.1.starts_with("rmqgit: `rmqgit/output` holds no release\n"), "{}", nothing.1);
    fleet.publish(&["--sign", &keys.arg("ann")]);
    fleet.cluster("b", 5680);
    fleet.commit("Another port");
    fleet.publish(&["--sign", &keys.arg("ann")]);
    for rev in [&[][..], &["rmqgit/output~1"]] {
        let (status, said) = verify(&fleet, rev);
        assert_eq!((status, said.contains(": exactly what ")), (0, true), "{said}");
    }
    let args = ["--allowed-signers", allowed.to_str().unwrap()];
    let found = json(&fleet, &args);
    assert_eq!((&found["tree"], &found["hosts"]), (&found["compiled"], &Value::Bool(true)));
    assert!(found["signer"].as_str().unwrap().starts_with("ann@example.org SHA256:"), "{found}");
    // Other people may sign: neither the branch nor the refs are theirs.
    keys.allow(&["eve"]);
    let (status, said) = verify(&fleet, &args);
    assert_eq!((status, said.matches("nobody who is trusted here has that key").count()), (1, 5), "{said}");
    let (status, said) = verify(&fleet, &["HEAD"]);
    assert_eq!(status, 3);
    assert!(said.contains("no commit of it says what it was compiled from"), "{said}");
}

#[test]
fn a_hand_on_the_output_branch_is_shown() {
    let fleet = Fleet::new(&["a", "b"]);
    fleet.publish(&[]);
    by_hand(&fleet, "A quick fix", |tree| {
        let text = fs::read_to_string(tree.join(CONFIG)).unwrap();
        fs::write(tree.join(CONFIG), text.replacen("global\n", "global\n  # \u{1b}[2Jby hand\n", 1)).unwrap();
        fs::write(tree.join("b/two/extra"), "extra\n").unwrap();
        fs::remove_file(tree.join("README.md")).unwrap();
    });
    let (status, said) = verify(&fleet, &[]);
    assert_eq!(status, 1, "{said}");
    for part in [
        "by hand   ",
        &format!("changed   {CONFIG}\n@@ "),
        "\n+  # \\u{1b}[2Jby hand\n",
        "added     b/two/extra\n@@ -0,0 +1 @@\n+extra\n",
        "removed   README.md\n",
        "wrong     refs/rmqgit/hosts/a/one: it holds other files than the release\n",
        ": 3 files not as ",
    ] {
        assert!(said.contains(part), "{part:?} is not in\n{said}");
    }
    let found = json(&fleet, &[]);
    let paths: Vec<_> =
        found["differences"].as_array().unwrap().iter().map(|one| one["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["README.md", CONFIG, "b/two/extra"]);
    assert_eq!(found["by_hand"].as_array().unwrap().len(), 1);
}

/// Without signatures, what a hand did in rmqgit's name is kept by the next release; it is found all the same.
#[test]
fn a_hand_in_another_name_is_found_after_later_releases() {
    let fleet = Fleet::new(&["a", "b"]);
    fleet.publish(&[]);
    let message = git(fleet.path(), &["show", "--no-patch", "--format=%B", "rmqgit/output"]);
    by_hand(&fleet, &message, |tree| {
        fs::write(tree.join(CONFIG), "global\n").unwrap();
        let script = tree.join("b/README.md");
        fs::set_permissions(script, fs::Permissions::from_mode(0o755)).unwrap();
    });
    fleet.write("rmqgit.yaml.bak", "");
    fleet.commit("Something else");
    fleet.publish(&[]);
    let found = json(&fleet, &[]);
    let paths: Vec<_> =
        found["differences"].as_array().unwrap().iter().map(|one| one["path"].as_str().unwrap()).collect();
    assert_eq!(paths, [CONFIG, "b"]);
    fleet.publish(&["--full"]);
    assert_eq!(verify(&fleet, &[]).0, 0);
}

#[test]
fn refs_of_hosts_are_held_against_the_branch() {
    let fleet = Fleet::new(&["a"]);
    fleet.publish(&[]);
    let dir = fleet.path();
    git(dir, &["update-ref", "refs/rmqgit/hosts/a/gone", "refs/rmqgit/hosts/a/one"]);
    git(dir, &["update-ref", "refs/rmqgit/hosts/a/one", "refs/rmqgit/hosts/a/two"]);
    git(dir, &["update-ref", "-d", "refs/rmqgit/hosts/a/two"]);
    let (status, said) = verify(&fleet, &[]);
    assert_eq!(status, 1);
    let lines: Vec<_> = said.lines().filter(|line| line.starts_with("wrong")).collect();
    assert_eq!(
        lines,
        [
            "wrong     refs/rmqgit/hosts/a/gone: the release has no such host",
            "wrong     refs/rmqgit/hosts/a/one: it holds other files than the release",
            "wrong     refs/rmqgit/hosts/a/two: there is no such ref",
        ]
    );
}
