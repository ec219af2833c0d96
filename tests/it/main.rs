//! The integration tests: the built program, real Git repositories, the real daemons.
#![allow(clippy::disallowed_methods, reason = "tests run programs, write files and read the environment as people do")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod alert;
mod cli;
mod codes;
mod compile;
mod demo;
mod facts;
mod fetch;
mod forge;
mod fuzz;
mod git;
mod hosts;
mod init;
mod install;
mod page;
mod patterns;
mod probes;
mod programs;
mod publish;
mod reference;
mod review;
mod rules;
mod secret;
mod signing;
mod spec;
mod suite;
mod sync;
mod terminal;
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
    let mut kept = String::new();
    let mut inside = false;
    for line in text.lines() {
        inside |= line.starts_with("warning[");
        let count = line.ends_with(" warning") || line.ends_with(" warnings");
        let errors = line.split_once(", ").filter(|_| count).map(|(errors, _)| errors);
        if !inside && (!count || errors.is_some()) {
            kept.push_str(errors.unwrap_or(line));
            kept.push('\n');
        }
        inside &= !line.is_empty();
    }
    kept
}

/// Runs a command to its end; returns its exit status, standard output and standard error.
fn run(command: &mut Command) -> (i32, String, String) {
    let output = command.output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
    (output.status.code().expect("it ends by itself"), text(output.stdout), text(output.stderr))
}
