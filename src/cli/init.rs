//! `rmqgit init`: a spec repository that a person can start from.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::{Exit, Failure, schema, stderr, stdout};
use crate::name::{ClusterName, Digest};
use crate::sys::git::make;
use crate::sys::workspace;

/// Make a spec repository to start from
///
/// Writes a spec with comments, a README with the next steps, and CI files for GitHub, GitLab and Gitea or Forgejo. Replaces
/// nothing: if one of the files exists, none is written.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  $ rmqgit init
  $ rmqgit init rabbitmq-spec --cluster orders
  $ rmqgit init --program https://example.org/rmqgit/v1/rmqgit-linux-amd64
  $ rmqgit init --monitoring                        # alert rules for Prometheus and a dashboard for Grafana")]
pub(super) struct Args {
    /// The directory, made if it does not exist
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// The name of the cluster
    #[arg(long, value_name = "NAME", default_value = "messages")]
    cluster: ClusterName,
    /// Where CI gets the released program from; the CI files run it only if it is this very program
    #[arg(long, value_name = "URL")]
    program: Option<String>,
    /// Write only the alert rules for Prometheus and the dashboard for Grafana, to monitoring/
    #[arg(long)]
    monitoring: bool,
}

/// The schema that the first line of the spec names, for editors.
const SCHEMA: &str = ".rmqgit/spec.schema.json";

/// The files, with `CLUSTER` in the place of the cluster's name, and `PROGRAM_URL` and `PROGRAM_SHA256` in the places of what CI runs.
const FILES: &[(&str, &str)] = &[
    ("rmqgit.yaml", include_str!("init/rmqgit.yaml")),
    ("README.md", include_str!("init/README.md")),
    (".gitignore", include_str!("init/gitignore")),
    (".github/workflows/rmqgit.yml", include_str!("init/github.yml")),
    (".gitea/workflows/rmqgit.yml", include_str!("init/gitea.yml")),
    (".gitlab-ci.yml", include_str!("init/gitlab.yml")),
];

/// The files about the metrics of agents.
const MONITORING: &[(&str, &str)] = &[
    ("monitoring/rules.yml", include_str!("init/monitoring/rules.yml")),
    ("monitoring/dashboard.json", include_str!("init/monitoring/dashboard.json")),
];

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let dir = &args.dir;
    if args.monitoring {
        let files: Vec<_> = MONITORING.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
        return write(dir, &files);
    }
    let around = make::around(dir);
    if let Some(root) = &around
        && !same(root, dir)
    {
        let message = format!("`{}` is inside the repository `{}`", dir.display(), root.display());
        return Err(
            Failure::usage(message).help("a spec and its CI files stand at the root of a repository of their own")
        );
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/%+".contains(c);
    if let Some(program) = args.program.as_ref().filter(|url| !url.starts_with("https://") || !url.chars().all(plain)) {
        let message = format!("`{}` is not the HTTPS URL of a file", program.escape_debug());
        return Err(Failure::usage(message).help("give --program the URL of the released program, without a query"));
    }
    let digest = own_digest()?;
    let fill = |text: &str| {
        let program = args.program.as_deref().unwrap_or("\"\"");
        let text = text.replace("PROGRAM_URL", program).replace("PROGRAM_SHA256", &digest);
        text.replace("CLUSTER", args.cluster.as_str())
    };
    let mut files: Vec<_> = FILES.iter().map(|(name, text)| (*name, fill(text))).collect();
    files.push((SCHEMA, schema::schema(schema::Document::Spec)));
    write(dir, &files)?;
    let mut stderr = stderr();
    if around.is_none() {
        make::init(dir, false).map_err(|e| Failure::from_error(&e))?;
        writeln!(stderr, "Made a Git repository on branch main; nothing is committed yet.")?;
    }
    writeln!(
        stderr,
        "Next: fill in {}, then run `rmqgit check`. README.md says the rest.",
        dir.join("rmqgit.yaml").display()
    )?;
    if args.program.is_none() {
        writeln!(stderr, "CI fails until RMQGIT_URL, at the top of its file, says where it gets the program from.")?;
    }
    Ok(Exit::Clean)
}

/// Returns the SHA-256 of the program that runs, as sha256sum writes it.
fn own_digest() -> Result<String, Failure> {
    let path = std::env::current_exe()?;
    let bytes = workspace::read(&path).map_err(|error| Failure::from_error(&error))?;
    Ok(Digest::of(&bytes).to_string())
}

/// Writes files and names them; if one exists, none is written.
fn write(dir: &Path, files: &[(&str, String)]) -> Result<Exit, Failure> {
    let taken: Vec<_> = files.iter().filter(|(name, _)| workspace::exists(&dir.join(name))).collect();
    if !taken.is_empty() {
        let names: Vec<_> = taken.iter().map(|(name, _)| format!("`{}`", dir.join(name).display())).collect();
        let message = format!("nothing was written, because these files exist: {}", names.join(", "));
        return Err(Failure::new(message).help("move them away, or give another directory"));
    }
    let failed = |error: workspace::WorkspaceError| Failure::from_error(&error);
    for (name, text) in files {
        workspace::create(&dir.join(name), text.as_bytes(), 0o644).map_err(failed)?;
    }
    let mut stdout = stdout();
    for (name, _) in files {
        writeln!(stdout, "{}", dir.join(name).display())?;
    }
    Ok(Exit::Clean)
}

/// Says whether two paths are one directory.
fn same(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}
