//! Measures a run that has nothing to do, on a live host: `BED=NAME BED_STATE=DIR cargo bench --bench sync`.
//!
//! The host is one of a test-bed that is up and in sync, such as the one that the tests of real hosts leave with
//! `RMQGIT_BED_KEEP=1`; stop its timers first. Each figure is that of a whole process tree. The way to the host costs something
//! too: that is the row `true`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its table")]
#![allow(clippy::disallowed_methods, reason = "a benchmark starts processes and writes files of its own")]
#![allow(missing_docs, reason = "a benchmark exports nothing")]

mod measure;

use std::path::Path;

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
    println!("{:<28} {:>9} {:>9} {:>9}", "on the host", "wall ms", "cpu ms", "rss MiB");
    for work in ["true", "rmqgit status", "rmqgit sync --mode report", "rmqgit sync"] {
        let mut command = vec![exec, &options.host];
        command.extend(work.split(' '));
        let costs: Vec<Cost> = (0..options.runs).map(|_| measure::run(Path::new("/"), &command)).collect();
        let cost = median(&costs);
        println!("{work:<28} {:>9.1} {:>9.1} {:>9.1}", cost.wall * 1e3, cost.cpu * 1e3, cost.rss);
    }
}
