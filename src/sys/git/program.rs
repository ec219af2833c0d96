//! Fetches and pushes with the author's own `git`: its credentials, ssh configuration and proxies are the author's.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::{GitError, Oid};

/// Returns where a branch of a remote is; `None` if the remote has no such branch.
pub fn remote_tip(repository: &Path, remote: &str, branch: &str) -> Result<Option<Oid>, GitError> {
    let wanted = format!("refs/heads/{branch}");
    let output = run(repository, &["ls-remote", "--quiet", remote, &wanted])?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .find(|(_, name)| *name == wanted)
        .and_then(|(id, _)| id.parse().ok()))
}

/// Makes local refs what they are on a remote: all of them, or none. Refs below a `*` that the remote lacks are removed.
pub fn fetch(repository: &Path, remote: &str, refs: &[&str]) -> Result<(), GitError> {
    let specs: Vec<String> = refs.iter().map(|name| format!("+{name}:{name}")).collect();
    let mut args = vec!["fetch", "--quiet", "--atomic", "--prune", "--no-tags", "--no-write-fetch-head", remote];
    args.extend(specs.iter().map(String::as_str));
    run(repository, &args).map(drop)
}

/// Makes refs of a remote what they are here: all of them, or none, and never by losing a commit of theirs. A name that is
/// preceded by `:` is removed there; below a name with `*`, so is every ref that is not here.
pub fn push(repository: &Path, remote: &str, refs: &[String]) -> Result<(), GitError> {
    let spec = |name: &String| if name.starts_with(':') { name.clone() } else { format!("{name}:{name}") };
    let specs: Vec<String> = refs.iter().map(spec).collect();
    let mut args = vec!["push", "--quiet", "--porcelain", "--atomic", "--no-verify"];
    args.extend(refs.iter().any(|name| name.contains('*')).then_some("--prune"));
    args.push(remote);
    args.extend(specs.iter().map(String::as_str));
    let output = start(repository, &args)?;
    if output.status.success() {
        return Ok(());
    }
    Err(refusal(&String::from_utf8_lossy(&output.stdout)).unwrap_or_else(|| GitError::Remote { command: shown(&args) }))
}

/// Reads `git push --porcelain`: a refused ref is a line `!<TAB>FROM:TO<TAB>[rejected] (REASON)`.
fn refusal(porcelain: &str) -> Option<GitError> {
    let refused: Vec<(String, String)> = porcelain
        .lines()
        .filter_map(|line| {
            let (names, reason) = line.strip_prefix("!\t")?.split_once('\t')?;
            let name = names.rsplit(':').next().expect("rsplit yields at least one part");
            Some((name.to_owned(), reason.to_owned()))
        })
        .collect();
    // The others are refused only because one of them was.
    let (name, reason) = refused.iter().find(|(_, why)| !why.contains("atomic")).or(refused.first())?.clone();
    // The last one is all that a remote says of a ref that it could not lock where we had seen it.
    let moved = [
        "fetch first",
        "non-fast-forward",
        "stale info",
        "cannot lock ref",
        "incorrect old value",
        "already exists",
        "atomic transaction failed",
    ];
    if moved.iter().any(|why| reason.contains(why)) {
        Some(GitError::Raced { name })
    } else {
        Some(GitError::Refused { name, reason })
    }
}

fn run(repository: &Path, args: &[&str]) -> Result<Output, GitError> {
    let output = start(repository, args)?;
    if output.status.success() { Ok(output) } else { Err(GitError::Remote { command: shown(args) }) }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a person may have to type a passphrase here, so that there is no deadline and the terminal stays connected"
)]
fn start(repository: &Path, args: &[&str]) -> Result<Output, GitError> {
    let mut command = Command::new("git");
    command.arg("-C").arg(repository).args(args);
    // A hook that runs us sets these for its own repository.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"] {
        command.env_remove(name);
    }
    // Reasons are recognised in English.
    command.env("LC_ALL", "C").stdin(Stdio::inherit()).stderr(Stdio::inherit()).output().map_err(GitError::Program)
}

fn shown(args: &[&str]) -> String {
    let words = std::iter::once("git").chain(args.iter().copied());
    shlex::try_join(words).unwrap_or_else(|_| "git".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_a_lost_race_from_a_refusal() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(refusal(text).map(|error| error.to_string()).as_deref(), expect);
        };
        check("To /srv/x\nDone\n", None);
        check(
            "To /srv/x\n!\trefs/rmqgit/hosts/a/b:refs/rmqgit/hosts/a/b\t[rejected] (atomic push failed)\n\
             !\trefs/heads/o:refs/heads/o\t[rejected] (fetch first)\n",
            Some("somebody else pushed to `refs/heads/o` meanwhile"),
        );
        check(
            "!\trefs/heads/o:refs/heads/o\t[remote rejected] (pre-receive hook declined)\n",
            Some("the remote refused `refs/heads/o`: [remote rejected] (pre-receive hook declined)"),
        );
    }
}
