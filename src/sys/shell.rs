//! Runs a line of shell as a person would type it, connected to the person's own terminal.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{Command, ExitStatus};

/// Runs a line in a directory with some variables set or (`None`) removed, and waits for its end.
#[expect(
    clippy::disallowed_methods,
    reason = "the line is the program's own demonstration: its output belongs to the terminal, and a person may stop it"
)]
pub fn type_line(line: &str, dir: &Path, env: &[(&str, Option<&OsStr>)]) -> io::Result<ExitStatus> {
    let mut command = Command::new("sh");
    command.arg("-c").arg(line).current_dir(dir);
    for (name, value) in env {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.status()
}
