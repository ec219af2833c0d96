//! What is compared with: releases, tags, revisions that are wrong, locked, older than the spec or not there; and one cluster of many.

use std::fs;

use super::{Repository, TUTORIAL, git};
use crate::secret::Shelf;
use crate::{rmqgit, run};

impl Repository {
    fn check(&self, args: &[&str]) -> (i32, String, String) {
        run(rmqgit().current_dir(self.path()).arg("check").args(args))
    }

    fn fails(&self, args: &[&str]) -> (i32, String) {
        let (status, out, err) = run(rmqgit().current_dir(self.path()).args(args));
        assert_eq!(out, "", "{args:?}");
        (status, err)
    }
}

const OTHER_ADDRESS: (&str, &str) = ("vip: 192.168.1.222", "vip: 192.168.1.223");

#[test]
fn a_release_is_a_base() {
    let repository = Repository::new();
    assert_eq!(run(rmqgit().current_dir(repository.path()).arg("publish")).0, 0);
    repository.change(&[OTHER_ADDRESS]);
    let (status, out, err) = repository.check(&["--base", "rmqgit/output"]);
    assert_eq!((status, &*err), (1, ""), "{out}");
    assert!(out.contains("add `virtual-addresses` to `grants`"), "{out}");
}

#[test]
fn tags_name_both_sides() {
    let repository = Repository::new();
    git(repository.path(), &["tag", "one"]);
    repository.change(&[OTHER_ADDRESS]);
    git(repository.path(), &["tag", "--annotate", "--message", "Two", "two"]);
    repository.change(&[]);
    let text = repository.review(&["one", "two"]);
    assert!(text.starts_with("one ("), "{text}");
    assert!(text.contains("\nTRANSITION: 2 hosts changed in 1 cluster\n"), "{text}");
    // The files that lie here are those of the first tag again.
    assert_eq!(repository.check(&["--base", "one"]).0, 0);
    assert_eq!(repository.check(&["--base", "two"]).0, 1);
}

#[test]
fn a_base_that_is_wrong_is_said_to_be_and_stops_nobody_who_mends_it() {
    let repository = Repository::new();
    repository.commit("rmqgit.yaml", &TUTORIAL.replace("version: 3.10.8", "versoin: 3.10.8"));
    repository.change(&[OTHER_ADDRESS]);
    let (status, out, err) = repository.check(&["--base", "HEAD~1"]);
    assert_eq!(status, 0, "{out}{err}");
    assert!(err.starts_with("the spec at `HEAD~1`:\n\nerror[unknown-field]"), "{err}");
    assert!(out.starts_with("warning[base-not-compared]"), "{out}");
    // A change that is wrong itself fails all the same.
    fs::write(
        repository.path().join("rmqgit.yaml"),
        TUTORIAL.replace("hosts: [rabbit1, rabbit2] ", "hosts: [rabbit9] "),
    )
    .unwrap();
    assert_eq!(repository.check(&["--base", "HEAD~1"]).0, 1);
    // A review has nothing to compare.
    let (status, err) = repository.fails(&["review", "HEAD~1", "HEAD"]);
    assert_eq!(status, 1);
    assert!(err.starts_with("the spec at `HEAD~1`:\n\n"), "{err}");
}

#[test]
fn a_base_from_before_the_spec_is_empty() {
    let repository = Repository::new();
    git(repository.path(), &["checkout", "--quiet", "--orphan", "new"]);
    git(repository.path(), &["rm", "--quiet", "--cached", "rmqgit.yaml"]);
    fs::remove_file(repository.path().join("rmqgit.yaml")).unwrap();
    repository.commit("README.md", "Nothing yet\n");
    repository.commit("rmqgit.yaml", TUTORIAL);
    // What CI names where a branch is pushed for the first time.
    for base in ["new~1", &"0".repeat(40)] {
        let (status, out, err) = repository.check(&["--base", base]);
        assert_eq!((status, &*err), (0, ""), "{out}");
        assert!(repository.review(&[base]).contains("3 hosts added in 1 cluster"), "{base}");
    }
}

#[test]
fn a_revision_that_is_not_there_says_what_to_do() {
    let repository = Repository::new();
    for (rev, help) in [
        ("nowhere", "`git log` shows"),
        ("HEAD~1", "`git log` shows"),
        ("main...HEAD", "$(git merge-base main HEAD) HEAD"),
    ] {
        for verb in [&["check", "--base", rev][..], &["review", rev]] {
            let (status, err) = repository.fails(verb);
            assert_eq!(status, 3, "{err}");
            assert!(err.starts_with(&format!("rmqgit: `{rev}` names no commit")) && err.contains(help), "{err}");
        }
    }
    repository.change(&[OTHER_ADDRESS]);
    let shallow = tempfile::tempdir().unwrap();
    let from = format!("file://{}", repository.path().display());
    git(shallow.path(), &["clone", "--quiet", "--depth", "1", &from, "here"]);
    let (status, _, err) = run(rmqgit().current_dir(shallow.path().join("here")).args(["check", "--base", "HEAD~1"]));
    assert_eq!(status, 3);
    assert!(err.contains("this is a shallow clone") && err.contains("fetch-depth: 0"), "{err}");
}

#[test]
fn nobody_needs_a_key_to_compare_sealed_secrets() {
    let shelf = Shelf::new();
    shelf.fill();
    shelf.commit("first");
    shelf.must(&["secret", "generate", "erlang-cookie"]);
    shelf.commit("another cookie");
    let check =
        || run(rmqgit().current_dir(shelf.repo()).env("HOME", "/nonexistent").args(["check", "--base", "HEAD~1"]));
    for name in ["alice", "bob", "rabbit1", "rabbit2", "rabbit3", "stranger"] {
        fs::remove_file(shelf.key(name)).unwrap();
    }
    let (status, out, err) = check();
    assert_eq!((status, &*err), (1, ""), "{out}");
    assert!(out.contains("add `rotate-cookie` to `grants`"), "{out}");
}

/// A repository with three clusters, two of which change alike.
fn three() -> Repository {
    let repository = Repository::new();
    fs::create_dir(repository.path().join("clusters")).unwrap();
    let root = |port: u16| {
        format!(
            "version: 1\ndefaults:\n  rabbitmq: {{version: 3.10.8, cookie: {{secret: c}}, plugins: [rabbitmq_management]}}\n  haproxy: \
             {{amqp: {{port: {port}}}}}\n"
        )
    };
    for (n, name) in ["audit", "billing", "orders"].into_iter().enumerate() {
        let pinned = if name == "audit" { ", amqp: {port: 5673}" } else { "" };
        let text = format!(
            "hosts: {{{name}1: {{address: 10.0.{n}.1, interface: eth0}}, {name}2: {{address: 10.0.{n}.2, interface: eth0}}}}\nhaproxy: \
             {{hosts: [{name}1, {name}2]{pinned}}}\n"
        );
        fs::write(repository.path().join(format!("clusters/{name}.yaml")), text).unwrap();
    }
    repository.commit("rmqgit.yaml", &root(5673));
    repository.commit("rmqgit.yaml", &root(5674));
    repository
}

#[test]
fn one_cluster_is_shown_in_every_format() {
    let repository = three();
    assert!(repository.review(&["HEAD~1"]).contains("2 clusters: billing, orders"));
    for format in ["text", "json", "markdown", "html", "svg"] {
        let shown = repository.review(&["HEAD~1", "--format", format, "--cluster", "orders"]);
        assert!(shown.contains("orders"), "{shown}");
        assert!(!shown.contains("billing"), "{shown}");
        let nothing = run(rmqgit().current_dir(repository.path()).args([
            "review",
            "HEAD~1",
            "--format",
            format,
            "--cluster",
            "audit",
        ]));
        assert_eq!(nothing.0, 0, "{}", nothing.2);
        for (wrong, help) in
            [("order", "did you mean `orders`?"), ("warehouse", "there are `audit`, `billing`, `orders`")]
        {
            let (status, err) = repository.fails(&["review", "HEAD~1", "--format", format, "--cluster", wrong]);
            assert_eq!(status, 3, "{err}");
            assert!(err.contains(&format!("no cluster `{wrong}` on either side")) && err.contains(help), "{err}");
        }
    }
    // A part of a review is no verdict on the pull request.
    let (status, _, err) =
        run(rmqgit().current_dir(repository.path()).args(["review", "HEAD~1", "--cluster", "orders", "--post"]));
    assert_eq!(status, 2, "{err}");
}
