//! Measures a run that has nothing to do, on a live host: `BED=NAME BED_STATE=DIR cargo bench --bench sync`.
//!
//! The host is one of a test-bed that is up and in sync, such as the one that the tests of real hosts leave with
//! `RMQGIT_BED_KEEP=1`. Their sshd is started again, by which the host reaches its remote, and the host's own timer is
//! stopped. Each figure is that of a whole process tree. The way to the host costs something too: that is the row `true`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its table")]
#![allow(clippy::disallowed_methods, reason = "a benchmark starts processes and writes files of its own")]
#![allow(missing_docs, reason = "a benchmark exports nothing")]

mod measure;

use std::path::Path;
use std::process::{Child, Command};

use clap::Parser;
use measure::{Cost, MEASURE, median};

/// Measures a run that has nothing to do.
#[derive(Parser)]
#[command(name = "sync")]
struct Options {
    /// The host
    #[arg(long, default_value = "rabbit1")]
    host: String,
    /// How often each command is run; the median is printed
    #[arg(long, default_value_t = 21)]
    runs: usize,
    /// What `cargo bench` adds to every benchmark's arguments
    #[arg(long, hide = true)]
    bench: bool,
}

/// A process that ends with the benchmark.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Starts the sshd again that the tests put at the hosts' remote.
fn serve(exec: &str) -> Server {
    let state = std::env::var("BED_STATE").expect("BED_STATE names the directory of the test-bed");
    let config = format!("{}.files/sshd_config", state.trim_end_matches('/'));
    assert!(Path::new(&config).exists(), "there is no {config}: the bed is not one of the tests of real hosts");
    Server(Command::new(exec).args(["client", "/usr/sbin/sshd", "-D", "-f", &config]).spawn().expect("exec starts"))
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).is_some_and(|a| a == MEASURE) {
        return measure::measure(&arguments[2..]);
    }
    let options = Options::parse();
    if std::env::var_os("BED").is_none() {
        println!("BED names no test-bed: there is no host to measure");
        return;
    }
    let exec = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bed/exec");
    let _remote = serve(exec);
    let stopped = Command::new(exec).args([&options.host, "systemctl", "stop", "rmqgit-sync.timer"]).status();
    assert!(stopped.is_ok_and(|status| status.success()), "the timer of {} does not stop", options.host);
    println!("{:<28} {:>9} {:>9} {:>9}", "on the host", "wall ms", "cpu ms", "rss MiB");
    for work in ["true", "rmqgit status", "rmqgit sync --mode report", "rmqgit sync"] {
        let mut command = vec![exec, &options.host];
        command.extend(work.split(' '));
        let costs: Vec<Cost> = (0..options.runs).map(|_| measure::run(Path::new("/"), &command)).collect();
        let cost = median(&costs);
        println!("{work:<28} {:>9.1} {:>9.1} {:>9.1}", cost.wall * 1e3, cost.cpu * 1e3, cost.rss);
    }
}
