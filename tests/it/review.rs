//! `rmqgit review` and `rmqgit check --base`, over real repositories.

mod base;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::git::{git, git_command};
use crate::secret::Shelf;
use crate::{rmqgit, run};

const TUTORIAL: &str = include_str!("../../fixtures/tutorial/rmqgit.yaml");

/// A repository with the tutorial's spec on `main`.
struct Repository(tempfile::TempDir);

impl Repository {
    fn new() -> Self {
        let repository = Self(tempfile::tempdir().unwrap());
        git(repository.path(), &["init", "--quiet", "--initial-branch", "main"]);
        repository.commit("rmqgit.yaml", TUTORIAL);
        repository
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn commit(&self, file: &str, text: &str) {
        fs::write(self.path().join(file), text).unwrap();
        git(self.path(), &["add", "--all"]);
        let (status, _, err) = run(git_command(self.path()).args(["commit", "--quiet", "--message", "Change"]));
        assert_eq!(status, 0, "{err}");
    }

    /// Commits the tutorial with some text exchanged.
    fn change(&self, edits: &[(&str, &str)]) {
        let text = edits.iter().fold(TUTORIAL.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replace(from, to)
        });
        self.commit("rmqgit.yaml", &text);
    }

    fn review(&self, args: &[&str]) -> String {
        let (status, out, err) = run(rmqgit().current_dir(self.path()).arg("review").args(args));
        assert_eq!((status, err.as_str()), (0, ""));
        out
    }

    fn json(&self, args: &[&str]) -> Value {
        let value: Value = serde_json::from_str(&self.review(&[args, &["--format", "json"]].concat())).unwrap();
        let schema = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/schema/review.json")).unwrap();
        jsonschema::validate(&serde_json::from_str(&schema).unwrap(), &value).unwrap();
        value
    }
}

#[test]
fn the_same_is_said_whatever_the_sides_are() {
    let repository = Repository::new();
    let publish = || run(rmqgit().current_dir(repository.path()).args(["publish"]));
    assert_eq!(publish().0, 0);
    repository.change(&[("disk_free_limit.absolute: 2GB", "disk_free_limit.absolute: 4GB")]);
    let without_sides = |text: String| text.split_once('\n').unwrap().1.to_owned();
    let specs = without_sides(repository.review(&["HEAD~1", "HEAD"]));
    assert!(specs.starts_with("ROLLING: 3 hosts changed in 1 cluster\n"), "{specs}");
    assert_eq!(without_sides(repository.review(&[])), specs, "the published release against HEAD");
    assert_eq!(publish().0, 0);
    assert_eq!(without_sides(repository.review(&["rmqgit/output~1", "rmqgit/output"])), specs, "two releases");
    let (status, out, err) = run(rmqgit().current_dir(repository.path()).args(["review", "HEAD", "HEAD"]));
    assert_eq!(status, 0);
    assert!(out.ends_with("nothing changes on any host\n"), "{out}");
    assert_eq!(err, "rmqgit: commits are compared: what is not committed is not looked at\n");
}

#[test]
fn the_document_says_what_the_schema_says() {
    let repository = Repository::new();
    repository
        .change(&[("vip: 192.168.1.222", "vip: 192.168.1.223"), ("ha-mode: all", "ha-mode: exactly, ha-params: 2")]);
    let value = repository.json(&["main~1"]);
    assert_eq!(value["class"], "transition");
    assert_eq!(value["counts"], json!({"clusters": 1, "changed": 3, "added": 0, "removed": 0}));
    let cluster = &value["clusters"][0];
    assert_eq!(cluster["transitions"][0]["grant"], "virtual-addresses");
    assert_eq!(cluster["transitions"][0]["granted"], false);
    assert_eq!(cluster["policies"][0]["after"], "ha-all");
    assert_eq!(cluster["services"][0]["service"], "keepalived");
}

#[test]
fn the_change_that_brings_the_spec_is_one_like_any_other() {
    let repository = Repository(tempfile::tempdir().unwrap());
    git(repository.path(), &["init", "--quiet", "--initial-branch", "main"]);
    repository.commit("README", "nothing yet\n");
    repository.commit("rmqgit.yaml", TUTORIAL);
    let value = repository.json(&["main~1"]);
    assert_eq!(value["counts"], json!({"clusters": 1, "changed": 0, "added": 3, "removed": 0}));
    assert_eq!(value["base"]["rev"], "main~1");
    let checked = run(rmqgit().current_dir(repository.path()).args(["check", "--base", "main~1"]));
    assert_eq!((checked.0, checked.2.as_str()), (0, ""), "{}", checked.1);
    // The other way round, there is nothing to say.
    assert_eq!(run(rmqgit().current_dir(repository.path()).args(["review", "main", "main~1"])).0, 3);
}

#[test]
fn a_transition_without_its_grant_is_refused() {
    let repository = Repository::new();
    let check = |args: &[&str]| run(rmqgit().current_dir(repository.path()).arg("check").args(args));
    repository.change(&[("vip: 192.168.1.222", "vip: 192.168.1.223")]);
    assert_eq!(check(&[]).0, 0);
    let (status, out, _) = check(&["--base", "main~1"]);
    assert_eq!(status, 1, "{out}");
    insta::assert_snapshot!("refused", out);
    repository.change(&[
        ("vip: 192.168.1.222", "vip: 192.168.1.223"),
        ("  rules:\n", "  grants: [virtual-addresses]\n  rules:\n"),
    ]);
    let (status, out, err) = check(&["--base", "main~2"]);
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    // What is not committed counts too.
    fs::write(
        repository.path().join("rmqgit.yaml"),
        TUTORIAL.replace("[rabbit1, rabbit2, rabbit3] ", "[rabbit1, rabbit2] "),
    )
    .unwrap();
    let (status, out, _) = check(&["--base", "main~2", "--format", "json"]);
    assert_eq!(status, 1, "{out}");
    assert!(out.contains("add `forget-node:rabbit@rabbit3` to `grants`"), "{out}");
}

#[test]
fn a_hotfix_on_a_host_is_shown_before_it_is_lost() {
    let repository = Repository::new();
    repository.change(&[("balance: leastconn", "balance: source")]);
    let reports = repository.path().join("reports");
    fs::create_dir(&reports).unwrap();
    let report = json!({
        "format": 1, "cluster": "orders", "host": "rabbit1", "root": "/", "mode": "report", "at": "2026-06-01T12:00:00Z",
        "verdict": "drifted", "remote": "/srv/out.git", "changes": [{
            "subject": {"kind": "file", "path": "/etc/haproxy/haproxy.cfg"}, "action": "replace", "cause": "drift",
            "class": "reload", "differs": [{"aspect": "content", "secret": false}], "since": "2026-06-01T10:00:00Z",
        }],
    });
    fs::write(reports.join("rabbit1.json"), report.to_string()).unwrap();
    let (status, out, _) = run(rmqgit().current_dir(repository.path()).args(["plan", "--report", "reports", "main~1"]));
    assert_eq!(status, 0);
    assert!(out.contains("orders/rabbit1: somebody changed /etc/haproxy/haproxy.cfg there by hand"), "{out}");
    assert!(out.contains("orders/rabbit2: there is no report of it"), "{out}");
    fs::write(reports.join("rabbit2.json"), "{}").unwrap();
    let (status, _, err) = run(rmqgit().current_dir(repository.path()).args(["plan", "--report", "reports", "main~1"]));
    assert_eq!(status, 3);
    assert!(err.contains("rabbit2.json` is not a report"), "{err}");
}

#[test]
fn a_base_that_went_on_is_said_and_merged_in_memory() {
    let repository = Repository::new();
    let path = repository.path();
    git(path, &["checkout", "--quiet", "-b", "topic"]);
    let balance = ("balance: leastconn", "balance: source");
    repository.change(&[balance]);
    git(path, &["checkout", "--quiet", "main"]);
    let more = "    rabbit3: {address: 192.168.1.221}\n";
    let node = (more, &*format!("{more}    rabbit4: {{address: 192.168.1.223}}\n"));
    repository.change(&[node, ("[rabbit1, rabbit2, rabbit3] ", "[rabbit1, rabbit2, rabbit3, rabbit4] ")]);
    git(path, &["checkout", "--quiet", "topic"]);
    let base = run(git_command(path).args(["merge-base", "main", "topic"])).1;
    let short = &base[..12];
    let remark = format!(
        "`main` has 1 commit that `topic` does not have: what changed there looks undone here, though merging undoes nothing. Add \
         `--merged` to review what merging makes of both, or give `{short}` as BASE, where the two parted."
    );
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let of = |args: &[&str]| run(rmqgit().current_dir(path).arg("review").args(args));
    // The text says it above the headline, the other formats in their way, and on standard error too.
    let (_, text, err) = of(&["main", "topic"]);
    assert_eq!(err, "");
    let (at, held) =
        (one_line(&text).find(&remark).unwrap(), one_line(&text).find("node rabbit@rabbit4 leaves").unwrap());
    assert!(at < held, "{text}");
    let (_, json, err) = of(&["main", "topic", "--format", "json"]);
    let value: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["diverged"], json!({"commits": 1, "merge_base": base.trim(), "text": remark}));
    assert_eq!(err, format!("rmqgit: {remark}\n"));
    assert!(of(&["main", "topic", "--format", "markdown"]).1.contains("\n> **Careful:** `main` has 1 commit"));
    assert!(of(&["main", "topic", "--format", "html"]).1.contains("Careful:</strong> <code>main</code> has 1 commit"));
    // A trial merge takes nothing back, and leaves nothing behind.
    let objects = || run(git_command(path).args(["count-objects", "-v"])).1;
    let before = objects();
    let merged = repository.review(&["--merged", "main", "topic"]);
    assert_eq!(objects(), before);
    assert!(merged.contains(" → topic merged into main (") && merged.contains("RELOAD: "), "{merged}");
    assert!(!merged.contains("leaves the cluster") && !merged.contains("does not have"), "{merged}");
    assert!(of(&["topic", "main~1"]).1.contains("is older than `topic`"));
    // `check --base` names what helps.
    let (status, _, err) = run(rmqgit().current_dir(path).args(["check", "--base", "main"]));
    assert!(status == 1 && err.contains(&format!("`--base {short}`")), "{err}");
    let (status, out, err) = run(rmqgit().current_dir(path).args(["check", "--base", short]));
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    // What Git cannot merge is named.
    repository.change(&[("balance: leastconn", "balance: first")]);
    git(path, &["checkout", "--quiet", "-b", "other", "topic~1"]);
    repository.change(&[("balance: leastconn", "balance: roundrobin")]);
    let (status, _, err) = of(&["--merged", "topic", "other"]);
    assert!(status == 3 && err.contains("gives conflicts in rmqgit.yaml"), "{err}");
}

#[test]
fn a_rotated_secret_says_what_it_is_for() {
    let shelf = Shelf::new();
    shelf.fill();
    shelf.publish("first");
    shelf.must(&["secret", "generate", "stats-password"]);
    shelf.must(&["secret", "generate", "erlang-cookie"]);
    shelf.commit("rotated");
    let value: Value = serde_json::from_str(&shelf.must(&["review", "HEAD~1", "--format", "json"])).unwrap();
    let cluster = &value["clusters"][0];
    assert_eq!(cluster["transitions"][0]["grant"], "rotate-cookie");
    let texts: Vec<&str> =
        cluster["consequences"].as_array().unwrap().iter().filter_map(|one| one["text"].as_str()).collect();
    assert!(texts.iter().any(|text| text.starts_with("HAProxy reloads on 2 hosts")), "{texts:?}");
    assert!(!texts.iter().any(|text| text.contains("RabbitMQ restarts")), "a running node takes the cookie: {texts:?}");
    let names: Vec<&str> =
        cluster["secrets"].as_array().unwrap().iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, ["erlang-cookie", "stats-password"]);
    let used: Vec<&str> =
        cluster["secrets"][1]["used_for"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(used, ["it stands in /etc/haproxy/haproxy.cfg (haproxy.service reloads)"]);
}
