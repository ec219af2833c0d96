//! Signers come and go: published by rmqgit, followed by hosts that have missed some of it.

use std::path::PathBuf;

use serde_json::Value;

use super::{Fleet, check_whole, refs};
use crate::git::git;
use crate::signing::Keys;
use crate::{rmqgit, run};

/// A fleet, its remote, and whoever may sign for it.
struct Team {
    fleet: Fleet,
    origin: tempfile::TempDir,
    hosts: tempfile::TempDir,
    keys: Keys,
}

impl Team {
    fn new(keys: &[&str]) -> Self {
        let origin = tempfile::tempdir().unwrap();
        git(origin.path(), &["init", "--quiet", "--bare"]);
        Self { fleet: Fleet::new(&["a"]), origin, hosts: tempfile::tempdir().unwrap(), keys: Keys::new(keys) }
    }

    /// Lets the spec name signers.
    fn name(&self, signers: &[&str]) {
        let lines: String = signers.iter().map(|name| self.keys.line(name)).collect();
        self.fleet.write("allowed_signers", &lines);
        self.fleet.commit(&format!("Signers are {}", signers.join(", ")));
    }

    fn publish(&self, key: &str) -> Value {
        self.fleet.publish(&["--push", self.origin.path().to_str().unwrap(), "--sign", &self.keys.arg(key)])
    }

    fn try_publish(&self, key: &str) -> (i32, String) {
        self.fleet.try_publish(&["--push", self.origin.path().to_str().unwrap(), "--sign", &self.keys.arg(key)])
    }

    /// Makes a host with a file of its own signers.
    fn host(&self, name: &str, anchor: &[&str]) -> PathBuf {
        let root = self.hosts.path().join(name);
        let etc = root.join("etc/rmqgit");
        std::fs::create_dir_all(&etc).unwrap();
        let lines: String = anchor.iter().map(|name| self.keys.line(name)).collect();
        std::fs::write(etc.join("allowed_signers"), lines).unwrap();
        root
    }

    /// Runs a host, and returns its report.
    fn report(&self, root: &PathBuf) -> Value {
        let mut command = rmqgit();
        command.args(["sync", "--cluster", "a", "--host", "one", "--format", "json", "--root"]).arg(root);
        let (_, out, err) = run(command.arg("--remote").arg(self.origin.path()));
        assert_eq!(err, "");
        serde_json::from_str(&out).unwrap()
    }

    /// Runs a host; returns who signed what it follows as the newest, or the code of the finding and its message.
    fn sync(&self, root: &PathBuf) -> Result<String, (String, String)> {
        let report = self.report(root);
        if let Some(signer) = report["release"]["signer"].as_str() {
            Ok(signer.split('@').next().unwrap().to_owned())
        } else {
            let finding = &report["findings"][0];
            let text = |field: &str| finding[field].as_str().unwrap_or_else(|| panic!("{report:#}")).to_owned();
            Err((text("code"), text("message")))
        }
    }

    fn refusal(&self, root: &PathBuf) -> String {
        self.sync(root).unwrap_err().0
    }
}

#[test]
fn signers_change_without_a_visit_to_the_hosts() {
    let team = Team::new(&["k1", "k2", "k3", "k9"]);
    let (always, away) = (team.host("always", &["k1"]), team.host("away", &["k1"]));
    // Before the spec names anybody, the hosts' own files count.
    team.publish("k1");
    assert_eq!(team.sync(&always), Ok("k1".to_owned()));
    assert_eq!(team.sync(&away), Ok("k1".to_owned()));
    team.name(&["k1"]);
    assert_eq!(team.publish("k1")["changed"].as_array().unwrap().len(), 2, "every host learns of it");
    assert_eq!(team.publish("k1")["committed"], Value::Bool(false));
    assert_eq!(team.sync(&always), Ok("k1".to_owned()));
    // Two rotations: the next key is introduced, and the old one dropped.
    for (old, new) in [("k1", "k2"), ("k2", "k3")] {
        team.name(&[old, new]);
        team.publish(old);
        assert_eq!(team.sync(&always), Ok(old.to_owned()));
        team.name(&[new]);
        team.publish(new);
        assert_eq!(team.sync(&always), Ok(new.to_owned()));
    }
    check_whole(team.fleet.path());
    check_whole(team.origin.path());
    assert_eq!(git(team.origin.path(), &["rev-list", "--count", "refs/rmqgit/signers/main"]), "5\n");
    // Who missed all of that, who comes new with an old image, and who comes with a new one.
    assert_eq!(team.sync(&away), Ok("k3".to_owned()));
    for anchor in ["k1", "k2", "k3"] {
        assert_eq!(team.sync(&team.host(&format!("new-{anchor}"), &[anchor])), Ok("k3".to_owned()), "{anchor}");
    }
    assert_eq!(team.refusal(&team.host("strange", &["k9"])), "unknown-signer");
    // A key that was dropped signs no more, although it stands in the hosts' own files.
    let whole = refs(team.origin.path());
    let head = git(team.origin.path(), &["rev-parse", "refs/rmqgit/hosts/a/one"]);
    let again = resign(&team, head.trim(), "k1");
    git(team.origin.path(), &["update-ref", "refs/rmqgit/hosts/a/one", &again]);
    for host in [&always, &away] {
        assert_eq!(team.refusal(host), "dropped-signer");
    }
    // The publisher notices that the ref is not its own, and the hosts go on.
    git(team.origin.path(), &["update-ref", "refs/rmqgit/hosts/a/one", head.trim()]);
    assert_eq!(refs(team.origin.path()), whole);
    assert_eq!(team.sync(&always), Ok("k3".to_owned()));
}

/// Makes a commit after another, of its tree and with its message, with real Git.
fn resign(team: &Team, parent: &str, key: &str) -> String {
    let dir = team.origin.path();
    let message = git(dir, &["show", "--no-patch", "--format=%B", parent]);
    let key = format!("user.signingKey={}", team.keys.arg(key));
    let tree = format!("{parent}^{{tree}}");
    let args = ["-c", "gpg.format=ssh", "-c", &key, "commit-tree", "-S", "-p", parent, "-m", message.trim(), &tree];
    git(dir, &args).trim().to_owned()
}

#[test]
fn a_key_that_no_host_would_follow_does_not_publish() {
    let team = Team::new(&["k1", "k2"]);
    team.publish("k1");
    let refused = |key: &str, whose: &str| {
        let before = refs(team.origin.path());
        let (status, err) = team.try_publish(key);
        assert_eq!(status, 3, "{err}");
        assert!(err.contains("may not sign: nobody who is trusted here has that key"), "{err}");
        assert!(err.contains(whose), "{err}");
        assert_eq!(refs(team.origin.path()), before);
    };
    team.name(&["k2"]);
    refused("k1", "(the spec's `allowed_signers`)");
    team.name(&["k1"]);
    team.publish("k1");
    team.name(&["k1", "k2"]);
    refused("k2", "(the last release's `allowed_signers`)");
    team.fleet.write("allowed_signers", "* what\n");
    team.fleet.commit("Nonsense");
    let (status, err) = team.try_publish("k1");
    assert_eq!(status, 1);
    assert!(err.contains("malformed-signer") && err.contains("allowed_signers:1:1"), "{err}");
}

/// Whoever can push, and has no key or one that was dropped, cannot move the chain of signers.
#[test]
fn the_chain_of_signers_goes_forward_only() {
    let team = Team::new(&["k1", "k2"]);
    let host = team.host("host", &["k1"]);
    team.name(&["k1"]);
    team.publish("k1");
    assert_eq!(team.sync(&host), Ok("k1".to_owned()));
    let first = git(team.origin.path(), &["rev-parse", "refs/rmqgit/signers/main"]);
    team.name(&["k1", "k2"]);
    team.publish("k1");
    // The ref is gone: the release names what nobody can bring.
    git(team.origin.path(), &["update-ref", "refs/rmqgit/signers/main", first.trim()]);
    let (code, message) = team.sync(&host).unwrap_err();
    assert_eq!(code, "broken-signers");
    assert!(message.ends_with("which the remote does not have"), "{message}");
    // The publisher goes by the trailer of its own release, and puts the ref right.
    team.name(&["k2"]);
    team.publish("k2");
    assert_eq!(team.sync(&host), Ok("k2".to_owned()));
    assert_eq!(git(team.origin.path(), &["rev-list", "--count", "refs/rmqgit/signers/main"]), "3\n");
    // A release of the first signers after that: its key is still in the host's own file.
    let head = git(team.origin.path(), &["rev-parse", "refs/rmqgit/hosts/a/one"]);
    let message = format!("a/one: back\n\nSpec-Commit: {first}Signers: {first}");
    let key = format!("user.signingKey={}", team.keys.arg("k1"));
    let tree = format!("{}^{{tree}}", head.trim());
    let args =
        ["-c", "gpg.format=ssh", "-c", &key, "commit-tree", "-S", "-p", head.trim(), "-m", message.trim(), &tree];
    let back = git(team.origin.path(), &args);
    git(team.origin.path(), &["update-ref", "refs/rmqgit/hosts/a/one", back.trim()]);
    let (code, message) = team.sync(&host).unwrap_err();
    assert_eq!(code, "broken-signers");
    assert!(message.contains("which do not come after those that this host knows"), "{message}");
}

/// Somebody has used a stolen key to take the hosts over; what the documentation says brings them back.
#[test]
fn a_fleet_is_taken_back_from_a_thief() {
    let team = Team::new(&["k1", "k2", "thief"]);
    let (followed, away) = (team.host("followed", &["k1", "k2"]), team.host("away", &["k1", "k2"]));
    team.name(&["k1", "k2"]);
    team.publish("k1");
    for host in [&followed, &away] {
        assert_eq!(team.sync(host), Ok("k1".to_owned()));
    }
    let good = refs(team.origin.path());

    // With k1, the thief brings a key of their own and drops the others.
    let robbed = Team { fleet: Fleet::new(&["a"]), origin: team.origin, hosts: team.hosts, keys: team.keys };
    robbed.name(&["k1", "thief"]);
    robbed.publish("k1");
    assert_eq!(robbed.sync(&followed), Ok("k1".to_owned()));
    robbed.name(&["thief"]);
    robbed.publish("thief");
    assert_eq!(robbed.sync(&followed), Ok("thief".to_owned()));
    let team = Team { fleet: team.fleet, origin: robbed.origin, hosts: robbed.hosts, keys: robbed.keys };

    // On each host: the stolen key is revoked, and a good one named. From now on the thief has no say.
    for host in [&followed, &away] {
        std::fs::write(host.join("etc/rmqgit/revoked_keys"), team.keys.line("k1").split_once(' ').unwrap().1).unwrap();
        std::fs::write(host.join("etc/rmqgit/allowed_signers"), team.keys.line("k2")).unwrap();
    }
    assert_eq!(team.refusal(&away), "unknown-signer");
    assert_eq!(team.refusal(&followed), "unknown-signer");

    // In the repository: the refs go back, and the good key goes on from there.
    for line in refs(team.origin.path()).lines() {
        let name = line.split_whitespace().next_back().unwrap();
        git(team.origin.path(), &["update-ref", "-d", name]);
    }
    for line in good.lines() {
        let (id, name) = line.split_once(' ').unwrap();
        git(team.origin.path(), &["update-ref", name.trim(), id]);
    }
    team.name(&["k2"]);
    team.publish("k2");
    assert_eq!(team.sync(&away), Ok("k2".to_owned()));
    // A host that has followed the thief names what to remove.
    let (code, _) = team.sync(&followed).unwrap_err();
    assert_eq!(code, "forked-release");
    let help = team.report(&followed)["findings"][0]["help"].as_str().unwrap().to_owned();
    let tip = help.split('`').find(|word| word.starts_with(followed.to_str().unwrap())).expect(&help);
    std::fs::remove_file(tip).unwrap();
    assert_eq!(team.sync(&followed), Ok("k2".to_owned()));
    // The thief tries again.
    let head = git(team.origin.path(), &["rev-parse", "refs/rmqgit/hosts/a/one"]);
    for key in ["k1", "thief"] {
        let again = resign(&team, head.trim(), key);
        git(team.origin.path(), &["update-ref", "refs/rmqgit/hosts/a/one", &again]);
        for host in [&followed, &away] {
            assert!(["revoked-signer", "unknown-signer"].contains(&team.refusal(host).as_str()), "{key}");
        }
    }
}
