//! `rmqgit demo`: the whole pipeline on the embedded example, in one directory, with every command for the reader to type.
//!
//! Input: a directory. Output: what the commands print, each under a heading that says why it runs.
//! Must not: need root, a network, a home directory or a Git identity; do in secret what a printed command says.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::out::Color;
use super::{Exit, Failure, stdout};
use crate::sys::{random, shell, workspace};

pub(super) mod script;
mod stage;

/// Show the whole pipeline on the embedded example
///
/// Makes a spec repository, a bare Git remote beside it and the roots of three hosts in one directory, then runs rmqgit on
/// them and prints every command, so that you can type them yourself. Needs no root and no network, and touches nothing
/// outside of the directory.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  $ rmqgit demo
  $ rmqgit demo /tmp/rmqgit --prepare")]
pub(super) struct Args {
    /// The directory, empty or not there yet [default: a new one below the system's temporary directory]
    dir: Option<PathBuf>,
    /// Only make the directory, and print the commands to type in it
    #[arg(long)]
    prepare: bool,
}

pub(super) fn run(args: &Args, color: Color) -> Result<Exit, Failure> {
    let dir = directory(args)?;
    stage::set(&dir)?;
    let mut stdout = stdout();
    let show = shlex::try_quote(&dir.to_string_lossy()).map_or_else(|_| dir.display().to_string(), Into::into);
    writeln!(stdout, "{}", script::OVERTURE)?;
    writeln!(stdout, "\x1b[1;36m$ cd {show} && PATH=\"$PWD/bin:$PATH\"\x1b[0m")?;
    for (number, step) in script::STEPS.iter().enumerate() {
        writeln!(stdout, "\n\x1b[1m{}. {}\x1b[0m\n{}", number + 1, step.title, step.why)?;
        for (command, expect) in step.commands {
            writeln!(stdout, "\n\x1b[1;36m$ {command}\x1b[0m")?;
            stdout.flush()?;
            if args.prepare {
                continue;
            }
            let status = play(command, &dir, color)?;
            if status != Some(*expect) {
                let message =
                    format!("the demonstration stopped: `{command}` ended with {status:?}, not with {expect}");
                return Err(Failure::new(message).help(format!("everything that it made is in {show}")));
            }
            if *expect != 0 {
                writeln!(stdout, "\x1b[2m(exit status {expect})\x1b[0m")?;
            }
        }
    }
    writeln!(stdout, "\n{}", script::EPILOGUE.replace("DIR", &show))?;
    Ok(Exit::Clean)
}

/// Returns the directory of the demonstration, absolute and empty.
fn directory(args: &Args) -> Result<PathBuf, Failure> {
    let dir = match &args.dir {
        Some(dir) => std::path::absolute(dir)?,
        None => std::env::temp_dir().join(format!("rmqgit-demo-{}", random::hexadecimal(3)?)),
    };
    let names = workspace::names(&dir).map_err(|e| Failure::from_error(&e))?;
    if !names.is_empty() {
        let message = format!("`{}` is not empty", dir.display());
        return Err(Failure::usage(message).help("give a new directory; the demonstration makes it"));
    }
    Ok(dir)
}

/// Runs a command as the reader would, and returns its exit status.
fn play(command: &str, dir: &Path, color: Color) -> Result<Option<i32>, Failure> {
    let mut path = OsString::from(dir.join("bin"));
    if let Some(rest) = std::env::var_os("PATH") {
        path.push(":");
        path.push(rest);
    }
    let mut env = vec![
        ("PATH", Some(path.as_os_str())),
        // A hook that runs us sets these for its own repository.
        ("GIT_DIR", None),
        ("GIT_WORK_TREE", None),
        ("GIT_INDEX_FILE", None),
    ];
    match color {
        Color::Auto => {}
        Color::Always => env.push(("CLICOLOR_FORCE", Some(OsStr::new("1")))),
        Color::Never => env.push(("NO_COLOR", Some(OsStr::new("1")))),
    }
    let status = shell::type_line(command, dir, &env).map_err(|e| Failure::new(format!("cannot run `sh`: {e}")))?;
    Ok(status.code())
}
