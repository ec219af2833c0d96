//! `rmqgit review --post`: the review on the pull request that this CI run is for.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use zeroize::Zeroizing;

use super::{Exit, Failure, stderr};
use crate::forge::{self, Commented, Given, Instance, Kind, Nowhere, Place, PostError, Posted, Verdict};
use crate::review::markdown::{self, Limits, Unit};
use crate::review::{Review, Transition};
use crate::secret::Secret;
use crate::sys::web::Connection;
use crate::sys::workspace;

/// What GitHub shows of a job's summary, in bytes, with room for what other steps wrote.
const SUMMARY: usize = 900_000;

/// The options of posting.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Posting")]
pub(super) struct Posting {
    /// Keep one comment, and a commit status, on the pull request that this CI run is for
    #[arg(long)]
    post: bool,
    /// The forge, where CI does not tell
    #[arg(long, value_enum, value_name = "KIND", requires = "post")]
    forge: Option<Forge>,
    /// The URL of the forge's API, where CI does not tell
    #[arg(long, value_name = "URL", env = "RMQGIT_FORGE_URL")]
    forge_url: Option<String>,
    /// The project on the forge, OWNER/NAME
    #[arg(long, value_name = "PROJECT", requires = "post")]
    project: Option<String>,
    /// The number of the pull request
    #[arg(long, value_name = "N", requires = "post")]
    pull_request: Option<u64>,
    /// A name, where one pull request has several reviews: each name has its own comment
    #[arg(long, value_name = "NAME", requires = "post")]
    instance: Option<Instance>,
    /// Where the whole review can be read, to be linked
    #[arg(long, value_name = "URL", env = "RMQGIT_ARTIFACT_URL")]
    artifact_url: Option<String>,
    /// Where to write the review if it cannot be posted
    #[arg(long, value_name = "FILE", default_value = "rmqgit-review.md", requires = "post")]
    post_file: PathBuf,
    /// For how long to try
    #[arg(long, value_name = "SECONDS", default_value_t = 300, requires = "post")]
    post_timeout: u64,
    /// Exit with status 3 if something could not be posted
    #[arg(long, requires = "post")]
    fail_on_post: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Forge {
    /// github.com, GitHub Enterprise
    Github,
    /// gitlab.com, GitLab on a server of one's own
    Gitlab,
    /// Gitea, Forgejo, Codeberg
    Gitea,
}

/// Posts a review if that was asked for. A review that cannot be posted is written into a file, and fails nothing.
pub(super) fn run(args: &Posting, review: &Review) -> Result<Exit, Failure> {
    if !args.post {
        return Ok(Exit::Clean);
    }
    let place = match place(args) {
        Ok(place) => place,
        Err(Nowhere::NoForge) => {
            let help = "give --forge, --forge-url, --project and --pull-request, and a token in RMQGIT_FORGE_TOKEN";
            return Err(Failure::usage(Nowhere::NoForge).help(help));
        }
        Err(nowhere) => return instead(args, review, &nowhere.to_string()),
    };
    let Some(token) = token(place.kind) else {
        let names = place.kind.tokens().join("` or `");
        let why = if place.fork {
            "the pull request comes from a fork, whose runs have no token".to_owned()
        } else {
            format!("there is no token in `{names}`")
        };
        return instead(args, review, &why);
    };
    let mut web = match Connection::open(&place, &token) {
        Ok(web) => web,
        Err(error) => return instead(args, review, &error.to_string()),
    };
    let whole = whole(args);
    // What `rmqgit check --base` refuses.
    let mut transitions = review.clusters.iter().flat_map(|one| &one.transitions);
    let blocked = transitions.any(Transition::is_held);
    let instance = args.instance.clone().unwrap_or_default();
    let posted = forge::post(
        &mut web,
        &place,
        &forge::Review {
            instance: &instance,
            text: &|room| markdown(review, room, whole),
            headline: &summary(review),
            verdict: if blocked { Verdict::Blocked } else { Verdict::Fine },
            whole,
        },
        Duration::from_secs(args.post_timeout),
    );
    tell(args, review, &place, posted)
}

/// Says what became of it.
fn tell(args: &Posting, review: &Review, place: &Place, posted: Posted) -> Result<Exit, Failure> {
    let Place { number, project, .. } = place;
    let newer = posted.comment == Ok(Commented::Newer);
    let done = match posted.comment {
        Ok(Commented::Created) => "the review is a new comment",
        Ok(Commented::Updated) => "the comment says the new review",
        Ok(Commented::Unchanged) => "the comment says all that already",
        Ok(Commented::Newer) => "a newer run has commented already, and its words and status stay",
        Err(error) => {
            let ended = instead(args, review, &told(&error))?;
            if let Some(Err(error)) = posted.status {
                writeln!(stderr(), "  nor is there a commit status: {}", told(&error))?;
            }
            return Ok(ended);
        }
    };
    writeln!(stderr(), "Pull request {number} of {project}: {done}.")?;
    match posted.status {
        None if newer => Ok(Exit::Clean),
        None => {
            writeln!(
                stderr(),
                "There is no commit status: this run does not tell which commit that pull request has."
            )?;
            Ok(Exit::Clean)
        }
        Some(Err(error)) => {
            writeln!(stderr(), "rmqgit: the commit status could not be set: {}", told(&error))?;
            Ok(failed(args))
        }
        Some(Ok(())) => Ok(Exit::Clean),
    }
}

/// Says in one line how bad the worst is, where, and what it is.
fn summary(review: &Review) -> String {
    let severity = review.severity();
    match review.counts.clusters {
        0 => review.headline.clone(),
        1 => format!("{severity}: {}", review.headline),
        many => format!("{severity}, {many} clusters: {}", review.headline),
    }
}

fn told(error: &PostError) -> String {
    Failure::from_error(error).message
}

/// Writes the review where people find it without the forge's help. What cannot be written there fails no build either.
fn instead(args: &Posting, review: &Review, why: &str) -> Result<Exit, Failure> {
    let whole = whole(args);
    let text = |room| markdown(review, room, whole).into_bytes();
    let mut stderr = stderr();
    writeln!(stderr, "rmqgit: the review was not posted: {why}")?;
    let file = args.post_file.as_path();
    let mut tries = vec![(format!("`{}`", file.display()), workspace::replace(file, &text(usize::MAX), 0o644))];
    if let Some(summary) = variable("GITHUB_STEP_SUMMARY") {
        let written = workspace::append(summary.as_ref(), &text(SUMMARY));
        tries.push(("the summary of the job".to_owned(), written));
    }
    for (place, written) in tries {
        match written {
            Ok(()) => writeln!(stderr, "  it is in {place}")?,
            Err(error) => writeln!(stderr, "  nor is it in {place}: {}", Failure::from_error(&error).message)?,
        }
    }
    Ok(failed(args))
}

fn failed(args: &Posting) -> Exit {
    if args.fail_on_post { Exit::Failed } else { Exit::Clean }
}

fn place(args: &Posting) -> Result<Place, Nowhere> {
    let given = Given {
        kind: args.forge.map(|forge| match forge {
            Forge::Github => Kind::GitHub,
            Forge::Gitlab => Kind::GitLab,
            Forge::Gitea => Kind::Gitea,
        }),
        api: args.forge_url.clone().filter(|url| !url.is_empty()),
        project: args.project.clone(),
        number: args.pull_request,
    };
    // An event that cannot be read says nothing; the other variables still do.
    let event = variable("GITHUB_EVENT_PATH").and_then(|path| workspace::read(path.as_ref()).ok());
    let event = event.and_then(|bytes| String::from_utf8(bytes).ok());
    forge::find(&|name| variable(name), event.as_deref(), &given)
}

/// Renders the review in at most so many bytes.
fn markdown(review: &Review, room: usize, whole: Option<&str>) -> String {
    markdown::render(review, Limits { size: room, unit: Unit::Bytes, full: whole })
}

/// Returns where the whole review can be read.
pub(super) fn whole(args: &Posting) -> Option<&str> {
    args.artifact_url.as_deref().filter(|url| !url.is_empty())
}

fn token(kind: Kind) -> Option<Secret> {
    let text = kind.tokens().iter().find_map(|name| variable(name))?;
    Some(Secret::new(Zeroizing::new(text)))
}

/// Returns a variable of the environment that is set to something.
fn variable(name: &str) -> Option<String> {
    let value = std::env::var_os(name)?.into_string().ok()?;
    (!value.is_empty()).then_some(value)
}
