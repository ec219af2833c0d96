//! Signed releases, held against real Git and OpenSSH.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{Fleet, check_whole, refs};
use crate::git::{git, git_command};
use crate::signing::{Agent, Keys};
use crate::{rmqgit, run};

/// The refs of a release.
const REFS: &str = "refs/heads/rmqgit refs/rmqgit/hosts";

/// Returns what `git verify-commit` says of every commit that a ref of the release names, one word a ref.
fn verdicts(dir: &Path, allowed: &Path) -> Vec<String> {
    let args: Vec<&str> = ["for-each-ref", "--format=%(objectname)"].into_iter().chain(REFS.split(' ')).collect();
    let ids = git(dir, &args);
    assert!(!ids.is_empty());
    let judge = |id: &str| {
        let mut command = git_command(dir);
        command.args(["-c", &format!("gpg.ssh.allowedSignersFile={}", allowed.display())]);
        let (status, _, err) = run(command.args(["verify-commit", "-v", id]));
        assert_eq!(status == 0, err.starts_with("Good \"git\" signature for "), "{err}");
        err.lines().next().and_then(|line| line.split(' ').nth(4)).unwrap_or_default().to_owned()
    };
    ids.lines().map(judge).collect()
}

fn publish_with(fleet: &Fleet, agent: Option<&Agent>, args: &[&str]) -> (i32, String) {
    let mut command = rmqgit();
    command.current_dir(fleet.path()).arg("publish").args(args);
    if let Some(agent) = agent {
        command.env("SSH_AUTH_SOCK", &agent.socket);
    }
    let (status, _, err) = run(&mut command);
    (status, err)
}

#[test]
fn git_says_good_of_every_commit_whoever_signed() {
    let keys = Keys::new(&["ann"]);
    keys.make("p256", &["-t", "ecdsa", "-b", "256", "-N", ""]);
    keys.make("p521", &["-t", "ecdsa", "-b", "521", "-N", ""]);
    let allowed = keys.allow(&["ann", "p256", "p521"]);
    for key in ["ann", "p256", "p521"] {
        let fleet = Fleet::new(&["a"]);
        fleet.publish(&["--sign", &keys.arg(key)]);
        assert_eq!(verdicts(fleet.path(), &allowed), vec![format!("{key}@example.org"); 3]);
        check_whole(fleet.path());
        // The signature is where Git puts it.
        let text = git(fleet.path(), &["cat-file", "commit", "rmqgit/output"]);
        let head = text.split("\n\n").next().unwrap();
        assert_eq!(head.lines().nth(3), Some("gpgsig -----BEGIN SSH SIGNATURE-----"), "{head}");
        // What was written is the spec's, what was signed is of now.
        assert!(head.contains("author rmqgit <rmqgit@localhost> 1700000000 +0000\n"), "{head}");
        assert!(!head.contains("committer rmqgit <rmqgit@localhost> 1700000000 +0000\n"), "{head}");
    }
}

#[test]
fn an_agent_signs_what_it_holds() {
    let keys = Keys::new(&["ann"]);
    keys.make("locked", &["-t", "ed25519", "-N", "a passphrase"]);
    keys.make("rsa", &["-t", "rsa", "-N", ""]);
    let allowed = keys.allow(&["ann"]);
    let agent = Agent::start(keys.dir.path());
    agent.add(&keys.path("ann"));
    let (_, print, _) = run(Command::new("ssh-keygen").arg("-lf").arg(keys.path("ann")));
    let print = print.split(' ').nth(1).unwrap().to_owned();
    for key in [format!("{}.pub", keys.arg("ann")), print] {
        let fleet = Fleet::new(&["a"]);
        let (status, err) = publish_with(&fleet, None, &["--sign", &key]);
        assert_eq!(status, 3, "{err}");
        assert!(err.contains("no ssh-agent can be asked for its private half"), "{err}");
        let (status, err) = publish_with(&fleet, Some(&agent), &["--sign", &key]);
        assert_eq!(status, 0, "{err}");
        assert_eq!(verdicts(fleet.path(), &allowed), ["ann@example.org"; 3]);
    }
    let fleet = Fleet::new(&["a"]);
    let refused = |key: &str, why: &str| {
        let (status, err) = publish_with(&fleet, Some(&agent), &["--sign", key]);
        assert_eq!(status, 3, "{err}");
        assert!(err.contains(why), "{err}");
    };
    refused(&keys.arg("locked"), "has a passphrase, and no ssh-agent has it open\n  help: start an agent");
    refused(&format!("{}.pub", keys.arg("locked")), "the ssh-agent does not have the key");
    refused("SHA256:nobody", "the ssh-agent does not have the key");
    refused(&keys.arg("rsa"), "is a key of type ssh-rsa, which rmqgit does not sign with\n  help: make one with");
    refused("nowhere", "cannot read the key `nowhere`");
    refused("rmqgit.yaml", "holds neither a private key of OpenSSH nor a public one");
    std::fs::set_permissions(keys.path("ann"), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    refused(&keys.arg("ann"), "others may read the private key");
    assert_eq!(refs(fleet.path()), "");
}

#[test]
fn only_what_changed_is_signed_again() {
    let keys = Keys::new(&["ann", "bob"]);
    let allowed = keys.allow(&["ann", "bob"]);
    let (ann, bob) = (keys.arg("ann"), keys.arg("bob"));
    let fleet = Fleet::new(&["a", "b"]);
    fleet.publish(&[]);
    // Signing begins: all of it, though nothing changed.
    let release = fleet.publish(&["--sign", &ann]);
    assert_eq!(release["changed"].as_array().unwrap().len(), 4);
    assert_eq!(verdicts(fleet.path(), &allowed), ["ann@example.org"; 5]);
    let before = refs(fleet.path());
    assert_eq!(fleet.publish(&["--sign", &ann])["committed"], Value::Bool(false));
    assert_eq!(fleet.publish(&["--sign", &ann, "--full"])["committed"], Value::Bool(false));
    assert_eq!(refs(fleet.path()), before);
    // One cluster changes: the other one's commits stay.
    fleet.cluster("b", 5680);
    fleet.commit("Another port");
    let release = fleet.publish(&["--sign", &ann]);
    assert_eq!((&release["compiled"], release["changed"].as_array().unwrap().len()), (&Value::from(1), 2));
    assert_eq!(verdicts(fleet.path(), &allowed), ["ann@example.org"; 5]);
    // Another key signs: everything, on top of what was there.
    let before = git(fleet.path(), &["rev-parse", "rmqgit/output", "refs/rmqgit/hosts/a/one"]);
    fleet.publish(&["--sign", &bob]);
    assert_eq!(verdicts(fleet.path(), &allowed), ["bob@example.org"; 5]);
    let parents = git(fleet.path(), &["rev-parse", "rmqgit/output~1", "refs/rmqgit/hosts/a/one~1"]);
    assert_eq!(parents, before);
    // A refresh makes new commits of the same trees.
    let trees =
        || git(fleet.path(), &["for-each-ref", "--format=%(refname) %(tree)", "refs/heads/rmqgit", "refs/rmqgit"]);
    let (old_trees, old_refs) = (trees(), refs(fleet.path()));
    let release = fleet.publish(&["--sign", &bob, "--refresh"]);
    assert_eq!((&release["compiled"], release["changed"].as_array().unwrap().len()), (&Value::from(0), 4));
    assert_eq!(trees(), old_trees);
    assert!(old_refs.lines().all(|line| !refs(fleet.path()).contains(line)), "every ref has moved");
    assert_eq!(verdicts(fleet.path(), &allowed), ["bob@example.org"; 5]);
    check_whole(fleet.path());
}

#[test]
fn a_signed_branch_does_not_become_unsigned_by_accident() {
    let keys = Keys::new(&["ann"]);
    let fleet = Fleet::new(&["a"]);
    fleet.publish(&["--sign", &keys.arg("ann")]);
    let before = refs(fleet.path());
    let (status, err) = fleet.try_publish(&[]);
    assert_eq!(status, 3);
    assert!(err.starts_with("rmqgit: the release on `rmqgit/output` is signed, and this one would not be\n"), "{err}");
    assert_eq!(refs(fleet.path()), before);
    fleet.cluster("a", 5680);
    fleet.commit("Another port");
    assert_eq!(fleet.publish(&["--allow-unsigned"])["committed"], Value::Bool(true));
}

/// Whoever can push to the output branch must not get a signature under what the compiler did not make.
#[test]
fn nothing_is_signed_that_somebody_else_put_there() {
    let keys = Keys::new(&["ann", "eve"]);
    let allowed = keys.allow(&["ann"]);
    let fleet = Fleet::new(&["a", "b"]);
    fleet.publish(&["--sign", &keys.arg("ann")]);
    let whole = git(fleet.path(), &["rev-parse", "rmqgit/output^{tree}"]);
    // The branch as its own compiler would have left it, with one file changed, signed by a stranger or not at all.
    let eve = format!("user.signingKey={}", keys.arg("eve"));
    for extra in [&["-c", "gpg.format=ssh", "-c", &eve, "-c", "commit.gpgSign=true"][..], &[]] {
        git(fleet.path(), &["worktree", "add", "--quiet", "--force", "eve", "rmqgit/output"]);
        let tree = fleet.path().join("eve");
        std::fs::write(tree.join("a/one/rootfs/etc/haproxy/haproxy.cfg"), "global\n").unwrap();
        let message = git(&tree, &["show", "--no-patch", "--format=%B", "HEAD"]);
        let args: Vec<&str> = extra.iter().copied().chain(["commit", "--quiet", "-am", &message]).collect();
        git(&tree, &args);
        git(fleet.path(), &["worktree", "remove", "--force", "eve"]);
        let release = fleet.publish(&["--sign", &keys.arg("ann")]);
        assert_eq!(release["tree"], Value::from(whole.trim()));
        assert_eq!(verdicts(fleet.path(), &allowed), ["ann@example.org"; 5]);
        check_whole(fleet.path());
    }
}
