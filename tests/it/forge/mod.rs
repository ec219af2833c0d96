//! `rmqgit review --post` against stand-ins that keep to what the forges publish of their APIs.

mod ci;
mod contract;
mod stand_in;
mod tls;

use std::fs;
use std::process::{Command, Stdio};
use std::sync::{Arc, Barrier};

use serde_json::{Value, json};

use crate::publish::Fleet;
use crate::rmqgit;
use contract::Kind;
use stand_in::{Fault, StandIn, TOKEN};

const SHA: &str = "1234567890123456789012345678901234567890";

/// A spec with a change, and the CI of a forge that runs for it.
struct Ci {
    fleet: Fleet,
    forge: StandIn,
    kind: Kind,
}

/// How a run ended.
#[derive(Debug)]
struct Ended {
    status: i32,
    stdout: String,
    stderr: String,
}

impl Ci {
    fn new(kind: Kind) -> Self {
        let fleet = Fleet::new(&["a"]);
        fleet.cluster("a", 5680);
        fleet.commit("Another port");
        Self { fleet, forge: StandIn::start(kind), kind }
    }

    /// Starts the description of a run, with what the forge's runner sets.
    fn command(&self, run: u64) -> Command {
        let mut command = rmqgit();
        command.current_dir(self.fleet.path()).args(["review", "HEAD~1", "--post"]).env("RMQGIT_FORGE_TOKEN", TOKEN);
        let api = self.forge.api();
        if self.kind == Kind::Gitlab {
            return command_of_gitlab(command, run, &api);
        }
        let event = self.fleet.path().join(".git/event.json");
        let side = |sha: &str| json!({"sha": sha, "repo": {"full_name": "acme/spec"}});
        let pull = json!({"number": 5, "head": side(SHA), "base": side(SHA)});
        fs::write(&event, json!({ "pull_request": pull }).to_string()).unwrap();
        command
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_API_URL", api)
            .env("GITHUB_SERVER_URL", "https://forge.example.org")
            .env("GITHUB_REPOSITORY", "acme/spec")
            .env("GITHUB_RUN_ID", run.to_string())
            .env("GITHUB_EVENT_PATH", event);
        if self.kind == Kind::Forgejo {
            command.env("GITEA_ACTIONS", "true").env("FORGEJO_ACTIONS", "true");
        }
        command
    }

    fn post(&self, args: &[&str]) -> Ended {
        let mut command = self.command(10);
        self.end(command.args(args))
    }

    fn end(&self, command: &mut Command) -> Ended {
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap().replace(&self.forge.port.to_string(), "PORT");
        let ended =
            Ended { status: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) };
        assert!(!ended.stdout.contains(TOKEN) && !ended.stderr.contains(TOKEN), "the token is printed: {ended:?}");
        assert_eq!(self.forge.state().complaints, Vec::<String>::new());
        ended
    }

    fn written(&self) -> Option<String> {
        fs::read_to_string(self.fleet.path().join("rmqgit-review.md")).ok()
    }
}

fn command_of_gitlab(mut command: Command, run: u64, api: &str) -> Command {
    command
        .env("GITLAB_CI", "true")
        .env("CI_API_V4_URL", api)
        .env("CI_PROJECT_ID", "40")
        .env("CI_MERGE_REQUEST_PROJECT_ID", "40")
        .env("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "40")
        .env("CI_MERGE_REQUEST_IID", "5")
        .env("CI_COMMIT_SHA", SHA)
        .env("CI_PIPELINE_ID", run.to_string())
        .env("CI_JOB_URL", "https://forge.example.org/acme/spec/-/jobs/1");
    command
}

#[test]
fn each_forge_gets_one_comment_and_a_status() {
    for kind in Kind::ALL {
        let ci = Ci::new(kind);
        let project = if kind == Kind::Gitlab { "40" } else { "acme/spec" };
        let says = |what: &str| format!("Pull request 5 of {project}: {what}.\n");
        for n in 0..205 {
            ci.forge.state().comment(8, &format!("<!-- rmqgit/review -->\n{n}: not ours"));
        }
        let url = "https://forge.example.org/page.html";
        let made = ci.post(&["--artifact-url", url]);
        assert_eq!((made.status, made.stderr), (0, says("the review is a new comment")), "{kind:?}");
        assert!(made.stdout.contains("1 cluster"), "the review is printed too: {}", made.stdout);
        let again = ci.post(&["--artifact-url", url]);
        assert_eq!((again.status, again.stderr), (0, says("the comment says all that already")));
        let other = ci.post(&["--artifact-url", url, "--instance", "second"]);
        assert_eq!((other.status, other.stderr), (0, says("the review is a new comment")));
        ci.fleet.cluster("a", 5681);
        ci.fleet.commit("Yet another");
        let changed = ci.post(&["--artifact-url", url]);
        assert_eq!((changed.status, changed.stderr), (0, says("the comment says the new review")));

        let state = ci.forge.state();
        let ours: Vec<_> = state.comments.iter().filter(|(_, author, _)| *author == 7).collect();
        assert_eq!(ours.len(), 2, "{kind:?}");
        assert!(ours[0].2.starts_with("<!-- rmqgit/review run=10 -->\n"), "{}", ours[0].2);
        assert!(ours[0].2.contains("5681") && ours[0].2.contains(url), "{}", ours[0].2);
        assert!(ours[1].2.starts_with("<!-- rmqgit/review/second run=10 -->\n"), "{}", ours[1].2);
        let pages = state.log.iter().filter(|line| line.contains("page=3")).count();
        assert!(kind == Kind::Forgejo || pages >= 4, "{:?}", state.log);
        let name = if kind == Kind::Gitlab { "name" } else { "context" };
        let status = &state.statuses[0];
        assert_eq!((&status["state"], &status[name]), (&json!("success"), &json!("rmqgit/review")));
        assert_eq!(status["target_url"], url);
        assert!(status["description"].as_str().unwrap().starts_with("rolling: in a: "), "{status}");
        assert_eq!(state.statuses.len(), 4);
        assert_eq!(ci.written(), None);
    }
}

#[test]
fn what_passes_is_waited_for() {
    let ci = Ci::new(Kind::Github);
    let fault = |status, headers| Fault::Answer(status, headers, json!({"message": "not now"}));
    ci.forge.state().faults.extend([
        ("/user", fault(502, "")),
        ("GET /repos", Fault::Cut),
        // The comment is made, and nobody hears of it.
        ("POST", Fault::Cut),
        ("/statuses", fault(429, "Retry-After: 1\r\n")),
    ]);
    let ended = ci.post(&["--fail-on-post"]);
    let says = "Pull request 5 of acme/spec: the comment says all that already.\n";
    assert_eq!((ended.status, ended.stderr.as_str()), (0, says));
    let state = ci.forge.state();
    assert!(state.faults.is_empty());
    assert_eq!((state.comments.len(), state.statuses.len()), (1, 1));
}

#[test]
fn what_cannot_be_posted_is_written_and_told() {
    let refused = |status, words: &str| Fault::Answer(status, "", json!({ "message": words }));
    let led = |header| Fault::Answer(301, header, Value::Null);
    let limited = "Retry-After: 3000\r\n";
    let long = json!({"message": "Validation Failed", "documentation_url": "https://forge.example.org/docs",
        "errors": [{"resource": "IssueComment", "code": "unprocessable", "field": "data",
            "message": "Body is too long (maximum is 65536 characters)"}]});
    let faults: Vec<(&str, Kind, &str, Vec<Fault>)> = vec![
        ("a bad token", Kind::Github, "/user", vec![refused(401, "Bad credentials")]),
        ("a weak token", Kind::Gitlab, "POST", vec![refused(403, "insufficient_scope")]),
        ("no such pull request", Kind::Forgejo, "GET /repos", vec![refused(404, "not found")]),
        (
            "a long rest",
            Kind::Github,
            "POST",
            vec![Fault::Answer(403, limited, json!({"message": "secondary rate limit"}))],
        ),
        ("elsewhere", Kind::Github, "/user", vec![led("Location: http://127.0.0.2:9/api/user?x=1\r\n")]),
        ("a locked door", Kind::Gitlab, "/user", vec![led("Location: /users/sign_in\r\n")]),
        (
            "nothing is short enough",
            Kind::Github,
            "POST",
            (0..6).map(|_| Fault::Answer(422, "", long.clone())).collect(),
        ),
        ("silence", Kind::Github, "/user", vec![Fault::Silence]),
    ];
    let mut told = Vec::new();
    for (name, kind, at, faults) in faults {
        let ci = Ci::new(kind);
        ci.forge.state().faults.extend(faults.into_iter().map(|fault| (at, fault)));
        let ended = ci.post(if name == "silence" { &["--post-timeout", "2"] } else { &[] });
        assert_eq!(ended.status, 0, "{ended:?}");
        assert!(ci.written().unwrap().contains("5680"));
        assert!(ci.forge.state().faults.is_empty(), "{name}");
        told.push(format!("# {name}\n{}", ended.stderr));
    }
    insta::assert_snapshot!(told.join("\n"));
    let ci = Ci::new(Kind::Github);
    ci.forge.state().faults.push_back(("/user", refused(401, "Bad credentials")));
    assert_eq!(ci.post(&["--fail-on-post"]).status, 3);
}

#[test]
fn a_fork_without_a_token_gets_a_file_and_a_summary() {
    let ci = Ci::new(Kind::Github);
    let summary = ci.fleet.path().join("summary.md");
    fs::write(&summary, "# before\n").unwrap();
    let mut command = ci.command(10);
    let event = fs::read_to_string(ci.fleet.path().join(".git/event.json")).unwrap();
    let fork = event.replacen("acme/spec", "mallory/spec", 1);
    assert_ne!(fork, event);
    fs::write(ci.fleet.path().join(".git/event.json"), fork).unwrap();
    command.env_remove("RMQGIT_FORGE_TOKEN").env("GITHUB_TOKEN", "").env("GITHUB_STEP_SUMMARY", &summary);
    let ended = ci.end(&mut command);
    let says = "rmqgit: the review was not posted: the pull request comes from a fork, whose runs have no token\n  \
                it is in `rmqgit-review.md`\n  it is in the summary of the job\n";
    assert_eq!((ended.status, ended.stderr.as_str()), (0, says));
    assert_eq!(fs::read_to_string(&summary).unwrap(), format!("# before\n{}", ci.written().unwrap()));
    assert!(ci.forge.state().log.is_empty());
    // Not even a file that cannot be written fails the build.
    let ended = ci.end(command.args(["--post-file", "/proc/nowhere/review.md"]));
    assert_eq!(ended.status, 0);
    assert!(ended.stderr.contains("  nor is it in `/proc/nowhere/review.md`: cannot"), "{}", ended.stderr);
}

#[test]
fn outside_of_ci_a_person_says_where() {
    let ci = Ci::new(Kind::Forgejo);
    let mut command = rmqgit();
    command.current_dir(ci.fleet.path()).args(["review", "HEAD~1", "--post"]).env("RMQGIT_FORGE_TOKEN", TOKEN);
    let lost = ci.end(&mut command);
    let says = "rmqgit: this is no CI run of GitHub, GitLab, Gitea or Forgejo\n  help: give --forge, --forge-url, --project \
                and --pull-request, and a token in RMQGIT_FORGE_TOKEN\n";
    assert_eq!((lost.status, lost.stderr.as_str()), (2, says));
    let api = ci.forge.api();
    command.args(["--forge", "gitea", "--forge-url", &api, "--project", "acme/spec", "--pull-request", "5"]);
    let found = ci.end(&mut command);
    assert_eq!(
        (found.status, found.stderr.as_str()),
        (
            0,
            "Pull request 5 of acme/spec: the review is a new comment.\n\
             There is no commit status: this run does not tell which commit that pull request has.\n"
        )
    );
    assert!(ci.forge.state().comments[0].2.starts_with("<!-- rmqgit/review -->\n"));
    command.env("RMQGIT_FORGE_TOKEN", format!("{TOKEN}\n"));
    let wrong = ci.end(&mut command);
    assert!(wrong.stderr.starts_with("rmqgit: the review was not posted: the token has blanks"), "{}", wrong.stderr);
}

#[test]
fn two_runs_at_once_leave_one_comment() {
    for user in [Some(7), None] {
        let ci = Ci::new(Kind::Github);
        ci.forge.state().user = user;
        // Both see that there is no comment before either makes one.
        ci.forge.state().together = Some(Arc::new(Barrier::new(2)));
        let runs: Vec<_> = [10, 11]
            .map(|run| {
                let mut command = ci.command(run);
                command.args(["--fail-on-post", "--post-timeout", "60"]).stdout(Stdio::null()).stderr(Stdio::piped());
                command.spawn().unwrap()
            })
            .into_iter()
            .map(|child| child.wait_with_output().unwrap())
            .collect();
        for output in runs {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        let state = ci.forge.state();
        assert_eq!(state.complaints, Vec::<String>::new());
        assert_eq!(state.log.iter().filter(|line| line.starts_with("POST") && line.contains("comments")).count(), 2);
        assert_eq!(state.comments.len(), 1, "{:?}", state.comments);
        assert!(state.comments[0].2.starts_with("<!-- rmqgit/review run=11 -->\n"), "{:?}", state.comments);
    }
}
