//! Lets a file's own program judge the candidate beside it, before the candidate may replace it.

use std::time::Duration;

use crate::live::Place;
use crate::name::HostPath;
use crate::plan::{Candidate, StepResult, printable};
use crate::release::Check;
use crate::sys::accounts;
use crate::sys::files::{Root, candidate_path};
use crate::sys::process::{self, Ended, PROGRAM_DIRS, ProcessError};

/// How long a check may take: `keepalived -t` resolves names.
const DEADLINE: Duration = Duration::from_secs(30);
/// The most lines of a program's words that a report carries.
const MOST_LINES: usize = 20;

/// Runs the program on the candidate, which is already beside the file.
pub(super) fn judge(root: &Root, check: Check, path: &HostPath, candidate: &Candidate) -> StepResult {
    let beside = candidate_path(path);
    let (program, args) = command(check, &beside);
    let ended = match root.place() {
        Place::Machine => process::run(program, &args, DEADLINE),
        Place::Sandbox => match in_sandbox(root, program, &args) {
            Ok(ended) => ended,
            Err(why) => return StepResult::Unchecked { why },
        },
    };
    match ended {
        Ok(Ended { code: Some(0), .. }) => StepResult::Done,
        // keepalived before 2.0.4 cannot test a configuration (`git tag --contains` of the commit that adds `--config-test`).
        Ok(Ended { output, .. }) if check == Check::Keepalived && is_too_old(&output) => {
            StepResult::Unchecked { why: "this keepalived is older than 2.0.4 and cannot test a file".to_owned() }
        }
        Ok(Ended { code, output }) => {
            let words = candidate.mask(&output).replace(&beside, path.as_str());
            let mut lines: Vec<String> =
                words.lines().map(printable).filter(|line| !line.trim().is_empty()).take(MOST_LINES).collect();
            if lines.is_empty() {
                lines.push(code.map_or_else(|| "ended by a signal".to_owned(), |code| format!("exit status {code}")));
            }
            StepResult::Refused { output: lines.join("\n") }
        }
        Err(error @ ProcessError::NotInstalled(_)) => StepResult::Unchecked { why: error.to_string() },
        Err(error) => StepResult::Failed { why: super::chain(&error) },
    }
}

/// The commands, each of which ends with 0 only for a file that is right: `haproxy -c` ends with 1 for errors and 2 for
/// a file without a listener, `keepalived -t` with 2 to 6 for faults that it would start with all the same.
fn command(check: Check, file: &str) -> (&'static str, Vec<&str>) {
    match check {
        Check::Haproxy => ("haproxy", vec!["-c", "-f", file]),
        Check::Keepalived => ("keepalived", vec!["-t", "-f", file]),
        Check::Bash => ("bash", vec!["-n", file]),
    }
}

fn is_too_old(output: &str) -> bool {
    output.contains("invalid option") || output.contains("unrecognized option")
}

/// Runs a program that the sandbox brings, with the sandbox for its root.
fn in_sandbox(root: &Root, program: &str, args: &[&str]) -> Result<Result<Ended, ProcessError>, String> {
    let inside = PROGRAM_DIRS.iter().map(|dir| format!("{dir}/{program}")).find(|path| root.has_program(path));
    let inside = inside.ok_or_else(|| format!("the sandbox root has no `{program}`"))?;
    if accounts::own_user() != 0 {
        return Err(format!("only root can run the `{program}` of a sandbox root"));
    }
    let dir = root.path().to_str().ok_or_else(|| "the path of the sandbox root is not UTF-8".to_owned())?;
    let mut all = vec![dir, inside.as_str()];
    all.extend(args);
    Ok(process::run("chroot", &all, DEADLINE))
}
