//! Where a pull request is, from what the CI of each forge says in its environment, and from what a person gives.

use serde_json::Value;

use super::words::plain;

/// A forge, by the API that it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// github.com, GitHub Enterprise.
    GitHub,
    /// gitlab.com, GitLab on a server of one's own.
    GitLab,
    /// Gitea, Forgejo, Codeberg.
    Gitea,
}

impl Kind {
    /// Returns the name that people know.
    pub fn name(self) -> &'static str {
        match self {
            Self::GitHub => "GitHub",
            Self::GitLab => "GitLab",
            Self::Gitea => "Gitea",
        }
    }

    /// The environment variables that may hold the token, the first one that is set counts.
    pub fn tokens(self) -> &'static [&'static str] {
        match self {
            Self::GitHub => &["RMQGIT_FORGE_TOKEN", "GITHUB_TOKEN"],
            Self::GitLab => &["RMQGIT_FORGE_TOKEN", "GITLAB_TOKEN"],
            Self::Gitea => &["RMQGIT_FORGE_TOKEN", "GITEA_TOKEN", "FORGEJO_TOKEN", "GITHUB_TOKEN"],
        }
    }
}

/// A pull request, and where it is talked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The forge.
    pub kind: Kind,
    /// The URL of its API, without a slash at the end. The token goes nowhere else.
    pub api: String,
    /// `owner/name`; on GitLab the number of the project or its path.
    pub project: String,
    /// The number of the pull request.
    pub number: u64,
    /// The commit that gets the status.
    pub head: Option<String>,
    /// The number of the CI run; later runs have larger ones.
    pub run: Option<u64>,
    /// The page of the CI run.
    pub page: Option<String>,
    /// Whether the pull request comes from another repository, which has no token of this one.
    pub fork: bool,
    /// Who the token belongs to, where the forge does not tell.
    pub login: Option<String>,
}

/// What a person gives, instead of what CI says.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// The forge.
    pub kind: Option<Kind>,
    /// The URL of the API.
    pub api: Option<String>,
    /// The project.
    pub project: Option<String>,
    /// The number of the pull request.
    pub number: Option<u64>,
}

/// Says why there is nowhere to post to.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Nowhere {
    /// No CI of a forge that is known.
    #[error("this is no CI run of GitHub, GitLab, Gitea or Forgejo")]
    NoForge,
    /// CI, but not of a pull request.
    #[error("this CI run is for no pull request")]
    NoPullRequest,
    /// CI does not say what it always says.
    #[error("`{0}` is not set, or makes no sense")]
    Missing(&'static str),
    /// The token would travel in the clear.
    #[error("`{0}` is not HTTPS, and a token would go there")]
    Clear(String),
}

/// Finds the pull request of this CI run. `env` looks up a variable; `event` is the text of the file that `GITHUB_EVENT_PATH`
/// names.
pub fn find(env: &dyn Fn(&str) -> Option<String>, event: Option<&str>, given: &Given) -> Result<Place, Nowhere> {
    let env = |name: &str| env(name).filter(|value| !value.is_empty());
    let is = |name: &str| env(name).as_deref() == Some("true");
    // Gitea and Forgejo say that they are GitHub as well.
    let seen = match () {
        () if is("GITEA_ACTIONS") || is("FORGEJO_ACTIONS") => Some(Kind::Gitea),
        () if is("GITLAB_CI") => Some(Kind::GitLab),
        () if is("GITHUB_ACTIONS") => Some(Kind::GitHub),
        () => None,
    };
    let kind = given.kind.or(seen).ok_or(Nowhere::NoForge)?;
    // What another forge's CI says does not count.
    let login = env("RMQGIT_FORGE_USER");
    let env = |name: &str| env(name).filter(|_| seen == Some(kind));
    let said = match kind {
        Kind::GitLab => gitlab(&env),
        Kind::GitHub | Kind::Gitea => actions(&env, event),
    };
    let said_api = said.api.as_ref().map(|api| api.trim_end_matches('/').to_owned());
    let api = match &given.api {
        Some(api) => api.trim_end_matches('/').to_owned(),
        None => safe(said.api.ok_or(Nowhere::Missing(said.api_name))?.trim_end_matches('/'))?.to_owned(),
    };
    let project =
        given.project.clone().or_else(|| said.names.first().cloned()).ok_or(Nowhere::Missing(said.project_name))?;
    let number = given.number.or(said.number).ok_or(Nowhere::NoPullRequest)?;
    let place = Place { kind, api, project, number, head: None, run: None, page: None, fork: false, login };
    // Of another pull request than the one that runs, nothing more is known: not its commit, and no run of it.
    let other = given.number.is_some_and(|given| said.number != Some(given))
        || given.project.as_ref().is_some_and(|given| !said.names.contains(given))
        || given.api.as_ref().is_some_and(|_| said_api.is_none_or(|said| said != place.api));
    if other {
        return Ok(place);
    }
    Ok(Place { head: said.head, run: said.run, page: said.page, fork: said.fork, ..place })
}

/// What the environment says, each part if it says it.
struct Said {
    api: Option<String>,
    api_name: &'static str,
    /// What the project is called, first the way it is asked for.
    names: Vec<String>,
    project_name: &'static str,
    number: Option<u64>,
    head: Option<String>,
    run: Option<u64>,
    page: Option<String>,
    fork: bool,
}

/// Reads what GitHub, Gitea and Forgejo say.
fn actions(env: &dyn Fn(&str) -> Option<String>, event: Option<&str>) -> Said {
    let event: Value = event.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let pull = &event["pull_request"];
    let by_ref = || env("GITHUB_REF")?.strip_prefix("refs/pull/")?.split('/').next()?.parse().ok();
    let (server, repository) = (env("GITHUB_SERVER_URL"), env("GITHUB_REPOSITORY"));
    let run = env("GITHUB_RUN_ID");
    let page = match (&server, &repository, &run) {
        (Some(server), Some(repository), Some(run)) => {
            Some(format!("{}/{repository}/actions/runs/{run}", server.trim_end_matches('/')))
        }
        _ => None,
    };
    let repository_of = |side: &str| pull[side]["repo"]["full_name"].as_str().map(str::to_owned);
    Said {
        api: env("GITHUB_API_URL"),
        api_name: "GITHUB_API_URL",
        // The repository that the request is made to, not the fork where a run may be.
        names: repository_of("base").or(repository).into_iter().collect(),
        project_name: "GITHUB_REPOSITORY",
        number: pull["number"].as_u64().or_else(by_ref),
        // `GITHUB_SHA` is a merge that nobody will ever look at.
        head: pull["head"]["sha"].as_str().filter(|sha| is_commit(sha)).map(str::to_owned),
        run: run.and_then(|run| run.parse().ok()),
        page,
        fork: pull.is_object() && repository_of("head") != repository_of("base"),
    }
}

/// Reads what GitLab says.
fn gitlab(env: &dyn Fn(&str) -> Option<String>) -> Said {
    let (here, there) = (env("CI_PROJECT_ID"), env("CI_MERGE_REQUEST_PROJECT_ID"));
    // In a pipeline of merged results, `CI_COMMIT_SHA` is the merge.
    let head = env("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA").or_else(|| env("CI_COMMIT_SHA"));
    let source = env("CI_MERGE_REQUEST_SOURCE_PROJECT_ID").or_else(|| here.clone());
    Said {
        api: env("CI_API_V4_URL"),
        api_name: "CI_API_V4_URL",
        fork: there.is_some() && source != there,
        names: there.or(here).into_iter().chain(env("CI_MERGE_REQUEST_PROJECT_PATH")).collect(),
        project_name: "CI_MERGE_REQUEST_PROJECT_ID",
        number: env("CI_MERGE_REQUEST_IID").and_then(|number| number.parse().ok()),
        head: head.filter(|sha| is_commit(sha)),
        run: env("CI_PIPELINE_ID").and_then(|run| run.parse().ok()),
        page: env("CI_JOB_URL").or_else(|| env("CI_PIPELINE_URL")),
    }
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Accepts HTTPS, and plain HTTP on this machine. Whoever wants a token to go in the clear names the address.
fn safe(api: &str) -> Result<&str, Nowhere> {
    let clear = api.strip_prefix("http://");
    let host = clear.map(|rest| rest.split(['/', ':']).next().unwrap_or_default());
    let here = host.is_some_and(|host| host == "127.0.0.1" || host == "localhost");
    if api.starts_with("https://") || here { Ok(api) } else { Err(Nowhere::Clear(plain(api, 200))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "1234567890123456789012345678901234567890";

    fn look(env: &[(&str, &str)], event: Option<&str>, given: &Given) -> Result<Place, Nowhere> {
        let find_one = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        find(&find_one, event, given)
    }

    const GITHUB: &[(&str, &str)] = &[
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_API_URL", "https://api.github.com"),
        ("GITHUB_SERVER_URL", "https://github.com"),
        ("GITHUB_REPOSITORY", "acme/spec"),
        ("GITHUB_RUN_ID", "77"),
        ("GITHUB_REF", "refs/pull/5/merge"),
    ];

    fn event(head: &str) -> String {
        serde_json::json!({"pull_request": {"number": 5, "head": {"sha": SHA, "repo": {"full_name": head}},
            "base": {"repo": {"full_name": "acme/spec"}}}})
        .to_string()
    }

    fn github() -> Place {
        Place {
            kind: Kind::GitHub,
            api: "https://api.github.com".into(),
            project: "acme/spec".into(),
            number: 5,
            head: Some(SHA.into()),
            run: Some(77),
            page: Some("https://github.com/acme/spec/actions/runs/77".into()),
            fork: false,
            login: None,
        }
    }

    #[test]
    fn a_run_of_github() {
        assert_eq!(look(GITHUB, Some(&event("acme/spec")), &Given::default()), Ok(github()));
        let fork = look(GITHUB, Some(&event("mallory/spec")), &Given::default());
        assert_eq!(fork, Ok(Place { fork: true, ..github() }));
        // Without the event, the ref tells the number.
        assert_eq!(look(GITHUB, None, &Given::default()), Ok(Place { head: None, ..github() }));
        // Of a fork that is gone, only the head is left.
        let gone =
            event("acme/spec").replace(r#","repo":{"full_name":"acme/spec"}},"base""#, r#","repo":null},"base""#);
        assert_eq!(look(GITHUB, Some(&gone), &Given::default()), Ok(Place { fork: true, ..github() }));
        let push: Vec<_> = GITHUB.iter().copied().filter(|(name, _)| *name != "GITHUB_REF").collect();
        assert_eq!(look(&push, Some("{}"), &Given::default()), Err(Nowhere::NoPullRequest));
        let given = Given { number: Some(9), ..Given::default() };
        let bare = Place { head: None, run: None, page: None, ..github() };
        assert_eq!(look(&push, Some("{}"), &given), Ok(Place { number: 9, ..bare.clone() }));
        // The run is for one pull request, and a person names another one: its commit is not this one.
        let of = |given: &Given| look(GITHUB, Some(&event("mallory/spec")), given);
        assert_eq!(of(&given), Ok(Place { number: 9, ..bare.clone() }));
        let given = Given { project: Some("acme/other".into()), ..Given::default() };
        assert_eq!(of(&given), Ok(Place { project: "acme/other".into(), ..bare.clone() }));
        let given = Given { api: Some("https://git.example.org/api".into()), ..Given::default() };
        assert_eq!(of(&given), Ok(Place { api: "https://git.example.org/api".into(), ..bare }));
        // What a person says as CI does is the same pull request.
        let given = Given {
            number: Some(5),
            project: Some("acme/spec".into()),
            api: Some("https://api.github.com/".into()),
            ..Given::default()
        };
        assert_eq!(of(&given), Ok(Place { fork: true, ..github() }));
    }

    #[test]
    fn gitea_says_that_it_is_github_too() {
        let mut env = GITHUB.to_vec();
        env.extend([("GITEA_ACTIONS", "true"), ("RMQGIT_FORGE_USER", "bot")]);
        env[1] = ("GITHUB_API_URL", "https://git.example.org/api/v1/");
        let place = look(&env, Some(&event("acme/spec")), &Given::default()).expect("a place");
        assert_eq!((place.kind, place.api.as_str()), (Kind::Gitea, "https://git.example.org/api/v1"));
        assert_eq!(place.login.as_deref(), Some("bot"));
    }

    #[test]
    fn a_pipeline_of_gitlab() {
        let env = [
            ("GITLAB_CI", "true"),
            ("CI_API_V4_URL", "https://gitlab.com/api/v4"),
            ("CI_PROJECT_ID", "41"),
            ("CI_MERGE_REQUEST_PROJECT_ID", "40"),
            ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "41"),
            ("CI_MERGE_REQUEST_IID", "5"),
            ("CI_COMMIT_SHA", SHA),
            ("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", ""),
            ("CI_PIPELINE_ID", "900"),
            ("CI_JOB_URL", "https://gitlab.com/acme/spec/-/jobs/1"),
        ];
        let place = Place {
            kind: Kind::GitLab,
            api: "https://gitlab.com/api/v4".into(),
            project: "40".into(),
            number: 5,
            head: Some(SHA.into()),
            run: Some(900),
            page: Some("https://gitlab.com/acme/spec/-/jobs/1".into()),
            fork: true,
            login: None,
        };
        assert_eq!(look(&env, None, &Given::default()), Ok(place));
    }

    #[test]
    fn a_token_does_not_go_in_the_clear_unless_somebody_says_so() {
        let clear = |url: &'static str| {
            let mut env = GITHUB.to_vec();
            env[1] = ("GITHUB_API_URL", url);
            look(&env, Some(&event("acme/spec")), &Given::default()).map(|place| place.api)
        };
        assert_eq!(clear("http://git.lan/api/v1"), Err(Nowhere::Clear("http://git.lan/api/v1".into())));
        assert_eq!(
            clear("http://localhost.evil.example/"),
            Err(Nowhere::Clear("http://localhost.evil.example".into()))
        );
        assert_eq!(clear("http://127.0.0.1:3000/api/v1"), Ok("http://127.0.0.1:3000/api/v1".into()));
        let given = Given { api: Some("http://git.lan/api/v1/".into()), ..Given::default() };
        let place = look(GITHUB, Some(&event("acme/spec")), &given).expect("a place");
        assert_eq!(place.api, "http://git.lan/api/v1");
    }

    #[test]
    fn nowhere() {
        assert_eq!(look(&[], None, &Given::default()), Err(Nowhere::NoForge));
        let given = Given { kind: Some(Kind::GitLab), ..Given::default() };
        // GitHub's environment says nothing of a GitLab.
        assert_eq!(look(GITHUB, None, &given), Err(Nowhere::Missing("CI_API_V4_URL")));
        let given = Given {
            kind: Some(Kind::GitLab),
            api: Some("https://gitlab.com/api/v4".into()),
            project: Some("acme/spec".into()),
            number: Some(1),
        };
        let place = look(&[], None, &given).expect("a place");
        assert_eq!((place.project.as_str(), place.number, place.run), ("acme/spec", 1, None));
    }
}
