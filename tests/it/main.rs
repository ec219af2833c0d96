//! The integration tests: the built program, real Git repositories, the real daemons.
#![allow(clippy::disallowed_methods, reason = "tests run programs, write files and read the environment as people do")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cli;
mod codes;
mod compile;
mod demo;
mod fetch;
mod git;
mod init;
mod patterns;
mod probes;
mod programs;
mod publish;
mod reference;
mod rules;
mod spec;
mod sync;
mod tidy;
mod vrrp;

use std::process::Command;

/// Starts the description of a run of the built program; nothing of the caller's environment reaches it but `PATH`, and
/// support does not end from one day to the next.
fn rmqgit() -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("rmqgit"));
    command.env_clear().env("PATH", std::env::var_os("PATH").expect("PATH is set")).env("RMQGIT_TODAY", "2026-06-01");
    command
}

/// Leaves the warnings out of findings, for tests of something else than the rules.
fn without_warnings(text: &str) -> String {
    let errors: Vec<&str> = text.split("\n\n").filter(|finding| !finding.starts_with("warning[")).collect();
    let is_count =
        |line: &&str| line.strip_suffix(['s']).unwrap_or(line).ends_with(" warning") && !line.contains("error");
    let lines = errors.join("\n\n");
    lines.lines().filter(|line| !is_count(line)).fold(String::new(), |text, line| {
        text + line.split_once(" error, ").map_or(line, |(count, _)| count)
            + if line.contains(" error, ") { " error\n" } else { "\n" }
    })
}

/// Runs a command to its end; returns its exit status, standard output and standard error.
fn run(command: &mut Command) -> (i32, String, String) {
    let output = command.output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
    (output.status.code().expect("it ends by itself"), text(output.stdout), text(output.stderr))
}
