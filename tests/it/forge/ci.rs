//! The CI files of `rmqgit init`: their shell really runs, in the order and with the variables of each forge's runner, against a
//! repository and a stand-in of the forge.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use serde_yaml::Value;

use super::contract::Kind;
use super::stand_in::{StandIn, TOKEN};
use crate::git::git;
use crate::{rmqgit, run};

/// What `curl` does in these tests: it brings the program under test from wherever it is asked to, if it is asked with care.
const CURL: &str = r#"#!/bin/bash
case " $* " in *" --proto =https --tlsv1.2 -fsSL "*) ;; *) exit 9 ;; esac
case "${!#}" in https://*) ;; *) exit 8 ;; esac
while [ "$1" != -o ]; do shift; done
cp "$PROGRAM" "$2"
"#;

/// A runner with a clone of a spec repository that `rmqgit init` made, and a change in it.
struct Runner {
    dir: tempfile::TempDir,
    forge: StandIn,
    kind: Kind,
    /// Variables that a step left for those after it.
    kept: BTreeMap<String, String>,
}

impl Runner {
    fn new(kind: Kind) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let runner = Self { dir, forge: StandIn::start(kind), kind, kept: BTreeMap::new() };
        for name in ["bin", "home", "temp", "work"] {
            fs::create_dir(runner.path(name)).unwrap();
        }
        executable(&runner.path("bin/curl"), CURL.as_bytes());
        let work = runner.path("work");
        let url = "https://example.org/rmqgit";
        assert_eq!(run(rmqgit().args(["init", ".", "--program", url]).current_dir(&work)).0, 0);
        git(&work, &["add", "--all"]);
        git(&work, &["commit", "--quiet", "--message", "Begin"]);
        git(runner.dir.path(), &["clone", "--quiet", "--bare", "work", "origin.git"]);
        git(&work, &["remote", "add", "origin", runner.path("origin.git").to_str().unwrap()]);
        git(&work, &["fetch", "--quiet", "origin"]);
        git(&work, &["checkout", "--quiet", "-b", "change"]);
        let spec = fs::read_to_string(work.join("rmqgit.yaml")).unwrap();
        let changed = spec.replacen("disk_free_limit.absolute: 2GB", "disk_free_limit.absolute: 3GB", 1);
        assert_ne!(spec, changed);
        fs::write(work.join("rmqgit.yaml"), changed).unwrap();
        git(&work, &["commit", "--quiet", "--all", "--message", "More free space"]);
        if kind == Kind::Github {
            // GitHub's runs have the merge.
            git(&work, &["checkout", "--quiet", "--detach", "main"]);
            git(&work, &["merge", "--quiet", "--no-ff", "--message", "Merge", "change"]);
        }
        runner
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Returns the commit that the change was made from.
    fn base(&self) -> String {
        git(&self.path("work"), &["rev-parse", "main"]).trim().to_owned()
    }

    fn head(&self) -> String {
        git(&self.path("work"), &["rev-parse", "change"]).trim().to_owned()
    }

    /// Runs a script the way a runner does.
    fn shell(&mut self, script: &str, env: &BTreeMap<String, String>) -> (i32, String, String) {
        let file = self.path("temp/script");
        fs::write(&file, script).unwrap();
        let mut path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        for added in fs::read_to_string(self.path("temp/path")).unwrap_or_default().lines() {
            path = format!("{added}:{path}");
        }
        let mut bash = Command::new("bash");
        bash.args(["--noprofile", "--norc", "-e"]).arg(&file).current_dir(self.path("work")).env_clear();
        bash.env("PATH", path).env("HOME", self.path("home")).env("RMQGIT_TODAY", "2026-06-01");
        bash.env("PROGRAM", assert_cmd::cargo::cargo_bin!("rmqgit")).envs(env).envs(&self.kept);
        bash.env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_AUTHOR_NAME", "ci")
            .env("GIT_AUTHOR_EMAIL", "ci@example.org");
        bash.env("GIT_COMMITTER_NAME", "ci").env("GIT_COMMITTER_EMAIL", "ci@example.org");
        let ended = run(&mut bash);
        for line in fs::read_to_string(self.path("temp/env")).unwrap_or_default().lines() {
            let (name, value) = line.split_once('=').unwrap();
            self.kept.insert(name.to_owned(), value.to_owned());
        }
        assert!(!ended.1.contains(TOKEN) && !ended.2.contains(TOKEN), "the token is printed");
        ended
    }

    /// Returns what GitHub's and Gitea's runners set.
    fn actions(&self, event: &str) -> BTreeMap<String, String> {
        let temp = |name: &str| self.path("temp").join(name).display().to_string();
        let (number, base, head) = (5, self.base(), self.head());
        let side = |sha: &str| json!({"sha": sha, "ref": "main", "repo": {"full_name": "acme/spec"}});
        let pull = json!({"number": number, "head": side(&head), "base": side(&base)});
        let text = if event == "push" { json!({}) } else { json!({ "pull_request": pull }) };
        fs::write(self.path("temp/event.json"), text.to_string()).unwrap();
        let mut env: BTreeMap<_, _> = [
            ("CI", "true".to_owned()),
            ("GITHUB_ACTIONS", "true".to_owned()),
            ("GITHUB_API_URL", self.forge.api()),
            ("GITHUB_SERVER_URL", "https://forge.example.org".to_owned()),
            ("GITHUB_REPOSITORY", "acme/spec".to_owned()),
            ("GITHUB_RUN_ID", "10".to_owned()),
            ("GITHUB_EVENT_PATH", temp("event.json")),
            ("GITHUB_PATH", temp("path")),
            ("GITHUB_ENV", temp("env")),
            ("GITHUB_STEP_SUMMARY", temp("summary")),
            ("RUNNER_TEMP", self.path("temp").display().to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        if self.kind == Kind::Forgejo {
            env.insert("GITEA_ACTIONS".into(), "true".into());
        }
        env
    }

    /// Replaces the expressions of a workflow.
    fn expand(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${{") {
            let (expression, behind) = after.split_once("}}").unwrap();
            out.push_str(before);
            out.push_str(&match expression.trim() {
                "github.token" => TOKEN.to_owned(),
                "github.server_url" => "https://forge.example.org".to_owned(),
                "github.repository" => "acme/spec".to_owned(),
                "github.run_number" => "3".to_owned(),
                "github.event.pull_request.base.ref" => "main".to_owned(),
                "steps.keep.outputs.artifact-url" => "https://forge.example.org/artifact/1".to_owned(),
                "secrets.RMQGIT_SIGNING_KEY" => fs::read_to_string(self.path("key")).unwrap().trim_end().to_owned(),
                other => panic!("`{other}` is not what a test knows"),
            });
            rest = behind;
        }
        out + rest
    }

    /// Runs a job of a workflow up to its end, or to the first step that fails; returns what was said.
    fn job(&mut self, file: &str, job: &str, event: &str) -> (i32, String) {
        let workflow = read(&self.path("work").join(file));
        let mut said = String::new();
        let given = self.actions(event);
        let variables = |value: &Value| -> BTreeMap<String, String> {
            let map = value["env"].as_mapping().cloned().unwrap_or_default();
            map.iter().map(|(k, v)| (k.as_str().unwrap().to_owned(), self.expand(v.as_str().unwrap()))).collect()
        };
        let outer: Vec<_> = [&workflow, &workflow["jobs"][job]].map(variables).into_iter().flatten().collect();
        let steps: Vec<_> = workflow["jobs"][job]["steps"].as_sequence().unwrap().clone();
        let steps: Vec<_> = steps.iter().map(|step| (step.clone(), variables(step))).collect();
        for (step, own) in steps {
            let Some(script) = step["run"].as_str() else {
                if step["with"]["path"].is_string() {
                    assert!(self.path("work").join(step["with"]["path"].as_str().unwrap()).exists(), "nothing to keep");
                }
                continue;
            };
            assert!(!script.contains("${{"), "an expression in a script is a way to inject another: {script}");
            let mut env = given.clone();
            env.extend(outer.clone());
            env.extend(own);
            let (status, out, err) = self.shell(script, &env);
            said.push_str(&out);
            said.push_str(&err);
            if status != 0 {
                return (status, said);
            }
        }
        (0, said)
    }

    /// Says that there is one comment with the change, and a status.
    fn check_posted(&self, said: &str) {
        let state = self.forge.state();
        assert_eq!(state.complaints, Vec::<String>::new());
        assert_eq!((state.comments.len(), state.statuses.len()), (1, 1), "{said}");
        assert!(state.comments[0].2.contains("disk_free_limit.absolute"), "{}", state.comments[0].2);
        assert!(said.contains("the review is a new comment"), "{said}");
        let page = fs::read_to_string(self.path("work/review.html")).unwrap();
        assert!(page.starts_with("<!DOCTYPE html>") && page.contains("disk_free_limit.absolute"));
    }

    /// Makes the key that signs, and what hosts know of it.
    fn key(&self) -> String {
        let key = self.path("key");
        let args = ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key.to_str().unwrap()];
        assert_eq!(run(Command::new("ssh-keygen").args(args)).0, 0);
        fs::read_to_string(&key).unwrap()
    }

    fn check_published(&self, said: &str) {
        let refs = git(&self.path("origin.git"), &["for-each-ref", "--format=%(refname)"]);
        let ours = refs.lines().filter(|line| line.contains("rmqgit/")).count();
        assert!(ours >= 4, "an output branch and a ref per host: {refs}\n{said}");
    }
}

fn executable(path: &Path, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn read(path: &Path) -> Value {
    serde_yaml::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

const GITHUB: &str = ".github/workflows/rmqgit.yml";
const GITEA: &str = ".gitea/workflows/rmqgit.yml";

#[test]
fn github_and_gitea_review_and_publish() {
    for (kind, file) in [(Kind::Github, GITHUB), (Kind::Forgejo, GITEA)] {
        let mut runner = Runner::new(kind);
        let (status, said) = runner.job(file, "review", "pull_request");
        assert_eq!(status, 0, "{said}");
        runner.check_posted(&said);

        let mut runner = Runner::new(kind);
        runner.key();
        let (status, said) = runner.job(file, "publish", "push");
        assert_eq!(status, 0, "{said}");
        runner.check_published(&said);
        assert!(!runner.path("temp/signing_key").exists(), "the key is left on the runner");
    }
}

#[test]
fn another_program_is_not_run() {
    for (kind, file) in [(Kind::Github, GITHUB), (Kind::Forgejo, GITEA)] {
        let mut runner = Runner::new(kind);
        executable(&runner.path("bin/curl"), CURL.replace("cp \"$PROGRAM\"", "cp /bin/true").as_bytes());
        let (status, said) = runner.job(file, "review", "pull_request");
        assert!(status != 0 && said.contains("FAILED"), "{said}");
        assert!(!runner.path("home/.local/bin/rmqgit").exists());
    }
}

#[test]
fn a_file_without_the_address_says_so() {
    let said = |file: &str| {
        format!("RMQGIT_URL: is empty. At the top of {file}, say from which HTTPS address CI gets the program rmqgit\n")
    };
    let forget = |runner: &Runner, file: &str| {
        let path = runner.path("work").join(file);
        let text = fs::read_to_string(&path).unwrap();
        let forgotten = text.replace("RMQGIT_URL: https://example.org/rmqgit", "RMQGIT_URL: \"\"");
        assert_ne!(text, forgotten);
        fs::write(&path, forgotten).unwrap();
    };
    for (kind, file) in [(Kind::Github, GITHUB), (Kind::Forgejo, GITEA)] {
        let mut runner = Runner::new(kind);
        runner.key();
        forget(&runner, file);
        for (job, event) in [("review", "pull_request"), ("publish", "push")] {
            let (status, words) = runner.job(file, job, event);
            assert!(status != 0 && words.ends_with(&said(file)), "{words}");
        }
    }
    let mut runner = Runner::new(Kind::Gitlab);
    forget(&runner, ".gitlab-ci.yml");
    for job in ["review", "publish"] {
        let (status, words) = gitlab(&mut runner, job, &[]);
        assert!(status != 0 && words.ends_with(&said(".gitlab-ci.yml")), "{words}");
    }
}

/// Runs a job of GitLab's file.
fn gitlab(runner: &mut Runner, job: &str, more: &[(&str, String)]) -> (i32, String) {
    let file = read(&runner.path("work/.gitlab-ci.yml"));
    let lines = |value: &Value| -> Vec<String> {
        value.as_sequence().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect()
    };
    let script = [lines(&file["default"]["before_script"]), lines(&file[job]["script"])].concat().join("\n");
    let mut env: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in file["variables"].as_mapping().unwrap() {
        env.insert(name.as_str().unwrap().to_owned(), value.as_str().unwrap().to_owned());
    }
    env.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    let (status, out, err) = runner.shell(&script, &env);
    (status, out + &err)
}

#[test]
fn gitlab_reviews_and_publishes() {
    let mut runner = Runner::new(Kind::Gitlab);
    let merge_request = [
        ("GITLAB_CI", "true".to_owned()),
        ("CI_API_V4_URL", runner.forge.api()),
        ("CI_PROJECT_ID", "40".to_owned()),
        ("CI_MERGE_REQUEST_PROJECT_ID", "40".to_owned()),
        ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "40".to_owned()),
        ("CI_MERGE_REQUEST_IID", "5".to_owned()),
        ("CI_MERGE_REQUEST_DIFF_BASE_SHA", runner.base()),
        ("CI_COMMIT_SHA", runner.head()),
        ("CI_PIPELINE_ID", "10".to_owned()),
        ("CI_JOB_URL", "https://forge.example.org/acme/spec/-/jobs/1".to_owned()),
        ("RMQGIT_FORGE_TOKEN", TOKEN.to_owned()),
    ];
    let (status, said) = gitlab(&mut runner, "review", &merge_request);
    assert_eq!(status, 0, "{said}");
    runner.check_posted(&said);

    let mut runner = Runner::new(Kind::Gitlab);
    runner.key();
    // The push goes to GitLab over HTTPS; here, git is told where that is.
    let instead = format!("url.{}.insteadOf", runner.path("origin.git").display());
    let main = [
        ("GIT_CONFIG_COUNT", "1".to_owned()),
        ("GIT_CONFIG_KEY_0", instead),
        ("GIT_CONFIG_VALUE_0", "https://rmqgit:push-token@gitlab.example.org/acme/spec.git".to_owned()),
        ("CI_SERVER_HOST", "gitlab.example.org".to_owned()),
        ("CI_PROJECT_PATH", "acme/spec".to_owned()),
        ("RMQGIT_TOKEN", "push-token".to_owned()),
        ("RMQGIT_SIGNING_KEY", runner.path("key").display().to_string()),
    ];
    let (status, said) = gitlab(&mut runner, "publish", &main);
    assert_eq!(status, 0, "{said}");
    runner.check_published(&said);
}
