//! `rmqgit init`: what it writes is whole, valid, and never in the place of something else.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::{rmqgit, run};

const FILES: &[&str] = &[
    "rmqgit.yaml",
    "README.md",
    ".gitignore",
    ".github/workflows/rmqgit.yml",
    ".gitea/workflows/rmqgit.yml",
    ".gitlab-ci.yml",
    ".rmqgit/spec.schema.json",
];

/// Makes a spec repository and returns its directory.
fn init(args: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let (status, stdout, stderr) = run(rmqgit().arg("init").args(args).current_dir(dir.path()));
    assert_eq!(status, 0, "{stderr}");
    assert_eq!(stdout.lines().collect::<Vec<_>>(), FILES.iter().map(|name| format!("./{name}")).collect::<Vec<_>>());
    dir
}

#[test]
fn a_repository_on_main_without_a_commit() {
    let dir = init(&["--cluster", "orders"]);
    let git = |args: &[&str]| run(Command::new("git").args(args).current_dir(dir.path()));
    assert_eq!(git(&["symbolic-ref", "HEAD"]).1, "refs/heads/main\n");
    let (_, status, _) = git(&["status", "--porcelain", "--untracked-files=all"]);
    let mut files: Vec<_> = status.lines().map(|line| line.strip_prefix("?? ").unwrap_or(line)).collect();
    files.sort_by_key(|name| FILES.iter().position(|file| file == name));
    assert_eq!(files, FILES, "every file is there, and none is ignored");
    let spec = fs::read_to_string(dir.path().join("rmqgit.yaml")).unwrap();
    assert!(spec.contains("\n  name: orders\n"));
    assert_eq!(spec.lines().next(), Some("# yaml-language-server: $schema=.rmqgit/spec.schema.json"));
    let left: Vec<_> =
        FILES.iter().filter(|name| fs::read_to_string(dir.path().join(name)).unwrap().contains("CLUSTER")).collect();
    assert!(left.is_empty(), "{left:?}");
    // What CI runs is what wrote its files.
    let (_, sum, _) = run(Command::new("sha256sum").arg(assert_cmd::cargo::cargo_bin!("rmqgit")));
    let sum = sum.split(' ').next().unwrap();
    for name in &FILES[3..6] {
        let text = fs::read_to_string(dir.path().join(name)).unwrap();
        assert!(text.contains(&format!("  RMQGIT_SHA256: {sum}\n")), "{name}");
        assert!(text.contains("  RMQGIT_URL: \"\"\n") && !text.contains("PROGRAM"), "{name}");
    }
    let other = tempfile::tempdir().unwrap();
    let url = "https://example.org/v1/rmqgit";
    let (status, _, said) = run(rmqgit().args(["init", "--program", url]).current_dir(other.path()));
    assert_eq!((status, said.contains("RMQGIT_URL")), (0, false), "{said}");
    for name in &FILES[3..6] {
        assert!(fs::read_to_string(other.path().join(name)).unwrap().contains(&format!("  RMQGIT_URL: {url}\n")));
    }
}

#[test]
fn nothing_is_replaced() {
    let dir = init(&[]);
    fs::write(dir.path().join("rmqgit.yaml"), "mine").unwrap();
    fs::remove_file(dir.path().join(".gitignore")).unwrap();
    let (status, stdout, stderr) = run(rmqgit().arg("init").current_dir(dir.path()));
    let said = "rmqgit: nothing was written, because these files exist: `./rmqgit.yaml`, `./README.md`, \
                `./.github/workflows/rmqgit.yml`, `./.gitea/workflows/rmqgit.yml`, `./.gitlab-ci.yml`, \
                `./.rmqgit/spec.schema.json`\n  \
                help: move them away, or give another directory\n";
    assert_eq!((status, stdout.as_str(), stderr.as_str()), (3, "", said));
    assert_eq!(fs::read_to_string(dir.path().join("rmqgit.yaml")).unwrap(), "mine");
    assert!(!dir.path().join(".gitignore").exists());
}

#[test]
fn a_wrong_place_or_name_is_refused() {
    let dir = init(&[]);
    let root = dir.path().canonicalize().unwrap();
    let (status, _, stderr) = run(rmqgit().args(["init", "sub"]).current_dir(&root));
    let said = format!(
        "rmqgit: `sub` is inside the repository `{}/`\n  help: a spec and its CI files stand at the root of a repository of their own\n",
        root.display()
    );
    assert_eq!((status, stderr), (2, said));
    assert!(!root.join("sub").exists());
    assert_eq!(run(rmqgit().args(["init", "sub", "--cluster", "../x"]).current_dir(&root)).0, 2);
    for program in ["http://example.org/rmqgit", "https://example.org/$(id)", "https://example.org/a b", "rmqgit"] {
        let (status, _, stderr) = run(rmqgit().args(["init", "../sub", "--program", program]).current_dir(&root));
        assert_eq!((status, stderr.contains("is not the HTTPS URL of a file")), (2, true), "{program}: {stderr}");
    }
}

/// Returns every shell script of a CI file, and complains about actions that are not pinned to a commit.
fn scripts(value: &serde_yaml::Value, found: &mut Vec<String>) {
    match value {
        serde_yaml::Value::Mapping(map) => {
            for (key, value) in map {
                match (key.as_str(), value) {
                    (Some("run"), serde_yaml::Value::String(script)) => found.push(script.clone()),
                    (Some("script" | "before_script"), serde_yaml::Value::Sequence(lines)) => {
                        found.push(
                            lines.iter().map(|line| line.as_str().expect("a line")).collect::<Vec<_>>().join("\n"),
                        );
                    }
                    (Some("uses"), action) => {
                        let (_, pin) =
                            action.as_str().and_then(|action| action.split_once('@')).expect("an action with a pin");
                        assert!(pin.len() == 40 && pin.bytes().all(|b| b.is_ascii_hexdigit()), "{pin} is not a commit");
                    }
                    _ => scripts(value, found),
                }
            }
        }
        serde_yaml::Value::Sequence(values) => values.iter().for_each(|value| scripts(value, found)),
        _ => {}
    }
}

#[test]
fn ci_files_are_valid() {
    let dir = init(&[]);
    for name in FILES.iter().filter(|name| Path::new(name).extension().is_some_and(|e| e == "yml")) {
        let text = fs::read_to_string(dir.path().join(name)).unwrap();
        let mut found = Vec::new();
        scripts(&serde_yaml::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}")), &mut found);
        let all = found.join("\n");
        for verb in ["rmqgit check", "--format html >review.html", " HEAD --post", "rmqgit publish --sign "] {
            assert!(all.contains(verb), "{name} does not run `{verb}`");
        }
        for script in found {
            let path = dir.path().join("script");
            fs::write(&path, format!("#!/bin/bash\nset -e\n{script}\n")).unwrap();
            let (status, complaints, _) = run(Command::new("shellcheck").arg(&path));
            assert_eq!((status, complaints.as_str()), (0, ""), "{name}: {script}");
        }
    }
}

/// Complains about a CI file that its forge would refuse.
fn refusals(schema: &str, text: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/forge").join(schema);
    let schema = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let value: serde_json::Value = serde_yaml::from_str(text).unwrap();
    let validator = jsonschema::draft7::new(&schema).unwrap();
    validator.iter_errors(&value).map(|error| error.to_string()).collect()
}

#[test]
fn ci_files_keep_to_the_schemas_of_their_forges() {
    let dir = init(&[]);
    for (name, schema, good, bad) in [
        (FILES[3], "workflow.schema.json", "timeout-minutes: 30", "timeout-minutes: soon"),
        (FILES[4], "workflow.schema.json", "statuses: write", "statuses: maybe"),
        (FILES[5], "gitlab-ci.schema.json", "interruptible: true", "interruptible: perhaps"),
    ] {
        let text = fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(refusals(schema, &text), Vec::<String>::new(), "{name}");
        assert!(text.contains(good) && !refusals(schema, &text.replacen(good, bad, 1)).is_empty(), "{name}");
    }
}

#[test]
fn strangers_get_nothing_from_ci() {
    let dir = init(&[]);
    for name in &FILES[3..5] {
        let text = fs::read_to_string(dir.path().join(name)).unwrap();
        let value: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
        assert!(!text.contains("pull_request_target") && !text.contains("workflow_run"), "{name}");
        // What every job has, unless it says otherwise, can change nothing.
        assert!(value["permissions"].as_mapping().unwrap().iter().all(|(_, level)| level == "read"), "{name}");
        let review = &value["jobs"]["review"];
        assert_eq!(review["permissions"]["contents"], "read", "{name}");
        assert_eq!(review["steps"][0]["with"]["persist-credentials"], false, "{name}");
        let said = serde_yaml::to_string(review).unwrap();
        assert!(!said.contains("secrets."), "{name}: the review of a branch sees a secret");
        assert_eq!(value["jobs"]["publish"]["if"], "github.event_name == 'push'", "{name}");
    }
}

#[test]
fn the_spec_is_one_to_start_from() {
    let dir = init(&[]);
    let checked = run(rmqgit().arg("check").current_dir(dir.path()));
    assert_eq!(checked, (0, "rmqgit.yaml: 1 cluster, 3 hosts: no findings\n".to_owned(), String::new()));
    let compiled = run(rmqgit().args(["compile", "--out", "out"]).current_dir(dir.path()));
    assert_eq!(compiled, (0, "messages: 3 hosts in out/messages\n".to_owned(), String::new()));
    let (_, ignored, _) = run(Command::new("git").args(["check-ignore", "out"]).current_dir(dir.path()));
    assert_eq!(ignored, "out\n");
    let refused = run(rmqgit().args(["compile", "--out", ".github"]).current_dir(dir.path()));
    let said = "rmqgit: `.github` holds files that `rmqgit compile` did not write\n  \
                help: give a directory that is empty or not there yet\n";
    assert_eq!(refused, (2, String::new(), said.to_owned()));
}
