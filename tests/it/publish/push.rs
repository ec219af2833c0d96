//! Remotes: building upon what others pushed, and losing a race.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{Fleet, check_whole, refs};
use crate::git::git;

/// Makes an empty bare repository.
fn remote() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    git(dir.path(), &["init", "--quiet", "--bare"]);
    dir
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn releases_of_several_machines_follow_each_other() {
    let remote = remote();
    let fleet = Fleet::new(&["a", "b", "c"]);
    let push = ["--push", text(remote.path())];
    assert_eq!(fleet.publish(&push)["pushed"], true);
    assert_eq!(refs(remote.path()), refs(fleet.path()));
    assert_eq!(fleet.publish(&push)["pushed"], false);

    // Another machine has the spec and nothing that was published.
    fleet.cluster("b", 5680);
    fs::remove_file(fleet.path().join("clusters/c.yaml")).unwrap();
    fleet.commit("Change and remove");
    let other = fleet.clone();
    let release = other.publish(&push);
    assert_eq!((&release["compiled"], &release["pushed"]), (&1.into(), &true.into()), "it builds upon the remote");
    assert_eq!(refs(remote.path()), refs(other.path()));
    assert!(!refs(remote.path()).contains("hosts/c/"), "removed hosts are gone from the remote");

    // The first machine is behind, and made a release of its own meanwhile.
    fleet.publish(&[]);
    fleet.cluster("a", 5690);
    fleet.commit("Go on");
    fleet.publish(&push);
    for dir in [remote.path(), fleet.path()] {
        check_whole(dir);
    }
    assert_eq!(refs(remote.path()), refs(fleet.path()));
    assert_eq!(git(remote.path(), &["rev-list", "--count", "rmqgit/output"]), "3\n");
    assert_eq!(git(remote.path(), &["rev-list", "--count", "refs/rmqgit/hosts/b/one"]), "2\n");

    // A release that was made without a push is pushed by the next run.
    fleet.cluster("a", 5691);
    fleet.commit("First here");
    fleet.publish(&[]);
    let release = fleet.publish(&push);
    assert_eq!((&release["committed"], &release["pushed"]), (&false.into(), &true.into()));
    assert_eq!(refs(remote.path()), refs(fleet.path()));
}

#[test]
fn a_lost_race_loses_nothing() {
    let remote = remote();
    let fleet = Fleet::new(&["a", "b"]);
    let push = ["--push", text(remote.path())];
    fleet.publish(&push);
    // The other machine pushes between our look and our push: the hook does it in its place.
    fleet.cluster("a", 5680);
    fleet.commit("Theirs");
    let other = fleet.clone();
    git(
        other.path(),
        &[
            "fetch",
            "--quiet",
            text(remote.path()),
            "+refs/heads/rmqgit/*:refs/heads/rmqgit/*",
            "+refs/rmqgit/*:refs/rmqgit/*",
        ],
    );
    other.publish(&[]);
    git(
        remote.path(),
        &[
            "fetch",
            "--quiet",
            text(other.path()),
            "+refs/heads/rmqgit/output:refs/theirs/output",
            "+refs/rmqgit/hosts/*:refs/theirs/hosts/*",
        ],
    );
    let hook = remote.path().join("hooks/pre-receive");
    let script = "#!/bin/sh\nunset GIT_QUARANTINE_PATH\nrm \"$0\"\n\
                  git update-ref refs/heads/rmqgit/output refs/theirs/output\n\
                  git update-ref refs/rmqgit/hosts/a/one refs/theirs/hosts/a/one\n\
                  git update-ref refs/rmqgit/hosts/a/two refs/theirs/hosts/a/two\n";
    fs::write(&hook, script).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    fleet.cluster("b", 5690);
    fleet.commit("Ours");
    let (status, err) = fleet.try_publish(&push);
    assert_eq!(status, 3);
    assert!(err.ends_with("  help: run the command again: it builds upon what is there now\n"), "{err}");
    assert_eq!(refs(remote.path()), refs(other.path()), "theirs stands");

    fleet.publish(&push);
    assert_eq!(refs(remote.path()), refs(fleet.path()));
    assert_eq!(git(remote.path(), &["rev-list", "--count", "rmqgit/output"]), "3\n");
    check_whole(remote.path());
    check_whole(fleet.path());
}

#[test]
fn a_remote_that_refuses_or_is_away() {
    let remote = remote();
    let fleet = Fleet::new(&["a"]);
    let away = remote.path().join("away");
    let (status, err) = fleet.try_publish(&["--push", text(&away)]);
    assert_eq!(status, 3);
    let command = format!("rmqgit: `git ls-remote --quiet {} refs/heads/rmqgit/output` failed", text(&away));
    assert_eq!(err.lines().last(), Some(&*command));
    assert_eq!(refs(fleet.path()), "", "nothing is written when the remote is away");

    let hook = remote.path().join("hooks/pre-receive");
    fs::write(&hook, "#!/bin/sh\nexit 1\n").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let (status, err) = fleet.try_publish(&["--push", text(remote.path())]);
    assert_eq!(status, 3);
    assert!(err.contains("rmqgit: the remote refused `refs/"), "{err}");
    assert!(err.ends_with("[remote rejected] (pre-receive hook declined)\n"), "{err}");
    assert_eq!(refs(remote.path()), "");
}
