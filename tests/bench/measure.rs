//! Runs commands as whole processes and reads what the kernel says they cost.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};

/// What one run of a command cost, children included.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Cost {
    /// Seconds from start to end.
    pub(crate) wall: f64,
    /// Seconds of user and system time of the whole process tree.
    pub(crate) cpu: f64,
    /// The largest resident set of any one process of the tree, in MiB.
    pub(crate) rss: f64,
}

/// The argument that turns this program into the one that measures.
pub(crate) const MEASURE: &str = "--measure-one";

/// Runs `command` in a process of its own that measures it, so that the largest resident set is that command's alone.
pub(crate) fn run(dir: &Path, command: &[&str]) -> Cost {
    let program = std::env::current_exe().expect("the benchmark knows its own path");
    let output = Command::new(program)
        .arg(MEASURE)
        .args(command)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .expect("the benchmark can start itself");
    assert!(output.status.success(), "`{}` failed", command.join(" "));
    serde_json::from_slice(&output.stdout).expect("the measuring process prints one cost")
}

/// The measuring process: runs the command, prints its cost as JSON.
pub(crate) fn measure(command: &[String]) {
    let before = children();
    let start = Instant::now();
    let output = Command::new(&command[0]).args(&command[1..]).output();
    let wall = start.elapsed().as_secs_f64();
    let output = output.unwrap_or_else(|error| panic!("cannot start `{}`: {error}", command[0]));
    if !output.status.success() {
        eprintln!("{}", String::from_utf8_lossy(&output.stdout));
        eprintln!("{}", String::from_utf8_lossy(&output.stderr));
        std::process::exit(1);
    }
    let after = children();
    let cost = Cost { wall, cpu: after.0 - before.0, rss: after.1 };
    println!("{}", serde_json::to_string(&cost).expect("a cost is three numbers"));
}

fn children() -> (f64, f64) {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("RUSAGE_CHILDREN is always readable");
    let seconds = |time: nix::sys::time::TimeVal| {
        #[expect(clippy::cast_precision_loss, reason = "seconds of a benchmark fit a float")]
        let seconds = time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
        seconds
    };
    #[expect(clippy::cast_precision_loss, reason = "kibibytes of a process fit a float")]
    let rss = usage.max_rss() as f64 / 1024.0;
    (seconds(usage.user_time()) + seconds(usage.system_time()), rss)
}

/// The median of some costs, each figure by itself.
pub(crate) fn median(costs: &[Cost]) -> Cost {
    let middle = |figure: fn(&Cost) -> f64| {
        let mut figures: Vec<f64> = costs.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    Cost { wall: middle(|c| c.wall), cpu: middle(|c| c.cpu), rss: middle(|c| c.rss) }
}
