//! A cluster built by hand from a web page of 2018, as closely as a spec can say it: what is wrong with it is found, and what is
//! right is not called wrong.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{rmqgit, run};

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/by-hand")
}

/// Returns the codes of everything that is found in the fixture after some words of it were replaced.
fn codes(replaced: &[(&str, &str)]) -> BTreeSet<String> {
    let mut spec = fs::read_to_string(fixture().join("rmqgit.yaml")).unwrap();
    for (from, to) in replaced {
        assert!(spec.contains(from), "{from}");
        spec = spec.replace(from, to);
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("rmqgit.yaml"), spec).unwrap();
    let (_, json, stderr) = run(rmqgit().arg("check").arg(dir.path()).args(["--format", "json"]));
    assert_eq!(stderr, "");
    let document: Value = serde_json::from_str(&json).unwrap();
    let found = document["diagnostics"].as_array().unwrap();
    found.iter().map(|diag| diag["code"].as_str().unwrap().to_owned()).collect()
}

fn set(codes: &[&str]) -> BTreeSet<String> {
    codes.iter().map(|&code| code.to_owned()).collect()
}

/// What the page gets wrong, and no more.
#[test]
fn what_the_page_gets_wrong_is_found() {
    let expect = set(&[
        // The brokers: out of support, open to anyone, and silent when the network splits.
        "end-of-life",
        "plugin-not-shipped",
        "few-open-files",
        "node-name-of-another-host",
        "ram-node-in-use",
        "guest-user",
        "administrator-as-application",
        "application-with-all-permissions",
        "partitions-ignored",
        "mirror-never-synchronised",
        "disk-limit-low",
        // The balancers: the page of statistics and the management page for everyone, servers that nobody checks.
        "haproxy-end-of-life",
        "haproxy-needs-http-mode",
        "haproxy-dropped-words",
        "stats-on-every-address",
        "guessable-stats-user",
        "shown-haproxy-version",
        "management-on-every-address",
        "haproxy-unchecked-server",
        "slow-connect",
        "round-robin-of-connections",
        // The virtual address: it stays on the host whose HAProxy died.
        "vrrp-wrong-holder",
        "copied-virtual-router-id",
        "source-of-another-host",
        "shared-router-id",
        "flapping-vrrp-check",
        "placeholder-mail-address",
        "placeholder-mail-server",
        // All of it on the same three hosts.
        "shared-hosts",
    ]);
    let found = codes(&[]);
    let missed: Vec<_> = expect.difference(&found).collect();
    let invented: Vec<_> = found.difference(&expect).collect();
    assert!(missed.is_empty() && invented.is_empty(), "missed {missed:?}, invented {invented:?}");
}

/// What comes with the next step from there.
#[test]
fn the_next_step_is_judged_too() {
    for (replaced, code) in [
        // A patch release that the installed Erlang cannot run.
        (&[("version: 3.6.12", "version: 3.6.15")][..], "erlang-too-old"),
        // A HAProxy that reads no address beside the name of a section.
        (&[("version: 1.5.18", "version: 1.8.27")], "haproxy-inline-address"),
        // A Keepalived for which a pause of nothing is no number.
        (&[("version: 1.3.5", "version: 2.2.7")], "keepalived-bad-number"),
    ] {
        assert!(codes(replaced).contains(code), "{code}");
        assert!(!codes(&[]).contains(code), "{code} is found before the step");
    }
}

/// Its password survives HAProxy's comment sign, its VRRP password is short enough, three hours are more than two heartbeats,
/// and three nodes are an odd number.
#[test]
fn what_the_page_gets_right_is_not_called_wrong() {
    let found = codes(&[]);
    for right in ["haproxy-glued-comment", "keepalived-long-password", "timeout-below-heartbeat", "even-node-count"] {
        assert!(!found.contains(right), "{right}");
        assert_eq!(run(rmqgit().args(["explain", right])).0, 0, "{right} is no rule any more");
    }
}

/// Another name for a node that holds data makes an empty one.
#[test]
fn a_renamed_node_is_found_beside_the_last_release() {
    let dir = tempfile::tempdir().unwrap();
    let spec = fs::read_to_string(fixture().join("rmqgit.yaml")).unwrap();
    // What stops a release is not what is asked here.
    let sound = spec.replace("weight: -2}", "weight: -20}").replace("      instance: mcast_src_ip 192.168.1.219\n", "");
    let git = |args: &[&str]| {
        let config = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"];
        let (status, stdout, stderr) =
            run(std::process::Command::new("git").current_dir(dir.path()).args(config).args(args));
        assert_eq!(status, 0, "git {args:?}: {stdout}{stderr}");
    };
    fs::write(dir.path().join("rmqgit.yaml"), &sound).unwrap();
    git(&["init", "--quiet"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "one"]);
    let (status, _, stderr) = run(rmqgit().arg("publish").arg(dir.path()));
    assert_eq!(status, 0, "{stderr}");
    let check = || {
        let (_, json, _) = run(rmqgit().arg("check").arg(dir.path()).args(["--format", "json"]));
        let document: Value = serde_json::from_str(&json).unwrap();
        let found = document["diagnostics"].as_array().unwrap().clone();
        found.iter().any(|diag| diag["code"] == "node-renamed")
    };
    assert!(!check());
    fs::write(dir.path().join("rmqgit.yaml"), sound.replace("name: rabbit@rabbit3, ", "")).unwrap();
    assert!(check());
    // And it is not published.
    git(&["commit", "--quiet", "--all", "--message", "two"]);
    let (status, _, stderr) = run(rmqgit().arg("publish").arg(dir.path()));
    assert_eq!(status, 1, "{stderr}");
    assert!(stderr.contains("error[node-renamed]"), "{stderr}");
}
