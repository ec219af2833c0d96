//! Measures rmqgit on generated fleets: `cargo bench --bench fleet -- --help`.
//!
//! Each figure is that of a whole process: wall time, CPU time of its process tree, largest resident set. With `--peer DIR`, where
//! DIR holds a renderer script (`render_jinja.py SPEC OUT PROCESSES`) and its generator (`gen.py HOSTS DIR`), the same number of
//! hosts is rendered and committed by Python and git in turn with rmqgit, and the ratios are printed.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its table")]
#![allow(clippy::disallowed_methods, reason = "a benchmark starts processes and writes files of its own")]
#![allow(missing_docs, reason = "a benchmark exports nothing")]

mod fleet;
mod measure;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser;
use measure::{Cost, MEASURE, median};

/// Measures rmqgit on generated fleets.
#[derive(Parser)]
#[command(name = "fleet")]
struct Options {
    /// The sizes of the fleets, in hosts (three a cluster)
    #[arg(long, value_delimiter = ',', default_value = "3,30,300,3000,30000")]
    hosts: Vec<usize>,
    /// How often each command is run; the median is printed
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Where to write the figures as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// A folder with the Python peer: `gen.py` and `render_jinja.py`
    #[arg(long, value_name = "DIR")]
    peer: Option<PathBuf>,
    /// What `cargo bench` adds to every benchmark's arguments
    #[arg(long, hide = true)]
    bench: bool,
}

/// One row of the table.
#[derive(serde::Serialize)]
struct Row {
    hosts: usize,
    work: &'static str,
    runs: usize,
    median: Cost,
}

/// The largest fleet that is compiled into a directory: half a million files measure the file system.
const MOST_IN_FILES: usize = 3000;

const RMQGIT: &str = env!("CARGO_BIN_EXE_rmqgit");

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).is_some_and(|a| a == MEASURE) {
        return measure::measure(&arguments[2..]);
    }
    let options = Options::parse();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let mut rows = Vec::new();
    println!("{:>7}  {:<34} {:>10} {:>10} {:>9}  runs", "hosts", "work", "wall ms", "cpu ms", "rss MiB");
    for &hosts in &options.hosts {
        let bed = Bed::new(&folder.path().join(hosts.to_string()), hosts);
        bed.all(&options, &mut |row| {
            println!(
                "{:>7}  {:<34} {:>10.1} {:>10.1} {:>9.1}  {}",
                row.hosts,
                row.work,
                row.median.wall * 1e3,
                row.median.cpu * 1e3,
                row.median.rss,
                row.runs
            );
            rows.push(row);
        });
        fs::remove_dir_all(&bed.folder).expect("the benchmark's own folder can be removed");
    }
    if let Some(file) = options.json {
        let text = serde_json::to_string_pretty(&rows).expect("rows are plain values");
        fs::write(&file, text).unwrap_or_else(|error| panic!("cannot write {}: {error}", file.display()));
    }
}

/// One generated fleet, committed in a spec repository.
struct Bed {
    hosts: usize,
    folder: PathBuf,
    spec: PathBuf,
}

impl Bed {
    fn new(folder: &Path, hosts: usize) -> Self {
        let spec = folder.join("spec");
        fleet::write(&spec, hosts);
        git(&spec, &["init", "-q", "-b", "main"]);
        git(&spec, &["add", "-A"]);
        git(&spec, &["commit", "-q", "-m", "fleet"]);
        Self { hosts, folder: folder.to_owned(), spec }
    }

    fn all(&self, options: &Options, report: &mut dyn FnMut(Row)) {
        let runs = if self.hosts > 3000 { options.runs.min(3) } else { options.runs };
        let row = |work, costs: &[Cost]| Row { hosts: self.hosts, work, runs: costs.len(), median: median(costs) };

        let check: Vec<Cost> = (0..runs).map(|_| measure::run(&self.spec, &[RMQGIT, "check"])).collect();
        report(row("check", &check));

        if self.hosts <= MOST_IN_FILES {
            report(row("compile into files", &self.compile(runs)));
        }

        if let Some(peer) = &options.peer {
            self.pairs(peer, runs, report);
        } else {
            let publish: Vec<Cost> = (0..runs).map(|_| self.publish_fresh(&[RMQGIT, "publish"])).collect();
            report(row("publish: spec to commit", &publish));
            let key = self.key();
            let by_file = [RMQGIT, "publish", "--sign", &key];
            let signed: Vec<Cost> = (0..runs).map(|_| self.publish_fresh(&by_file)).collect();
            report(row("publish: the same, signed by a file", &signed));
            let script = format!("ssh-add -q {key} && exec {RMQGIT} publish --sign {key}.pub");
            let by_agent = ["ssh-agent", "sh", "-c", &script];
            let signed: Vec<Cost> = (0..runs).map(|_| self.publish_fresh(&by_agent)).collect();
            report(row("publish: the same, signed by an agent", &signed));
        }

        measure::run(&self.spec, &[RMQGIT, "publish"]);
        let nothing: Vec<Cost> = (0..runs).map(|_| measure::run(&self.spec, &[RMQGIT, "publish"])).collect();
        report(row("publish: nothing changed", &nothing));

        let change: Vec<Cost> = (0..runs)
            .map(|round| {
                fleet::change(&self.spec, round);
                git(&self.spec, &["commit", "-q", "-a", "-m", "change one cluster"]);
                measure::run(&self.spec, &[RMQGIT, "publish"])
            })
            .collect();
        report(row("publish: one cluster changed", &change));

        let one = [RMQGIT, "review", "HEAD~1", "--format", "json"];
        let review: Vec<Cost> = (0..runs).map(|_| measure::run(&self.spec, &one)).collect();
        report(row("review: one cluster changed", &review));
        fleet::change_all(&self.spec);
        git(&self.spec, &["commit", "-q", "-a", "-m", "change a default of all"]);
        let review: Vec<Cost> = (0..runs).map(|_| measure::run(&self.spec, &[RMQGIT, "review", "HEAD~1"])).collect();
        report(row("review: a default of all changed", &review));
        let diff: Vec<Cost> = (0..runs).map(|_| measure::run(&self.spec, &[RMQGIT, "diff", "HEAD~1"])).collect();
        report(row("diff: a default of all changed", &diff));
        fleet::change_each(&self.spec, self.hosts);
        git(&self.spec, &["commit", "-q", "-a", "-m", "change each cluster otherwise"]);
        let review: Vec<Cost> = (0..runs).map(|_| measure::run(&self.spec, &[RMQGIT, "review", "HEAD~1"])).collect();
        report(row("review: each cluster changed otherwise", &review));

        let host = SyncedHost::new(&self.folder.join("host"), &self.spec);
        let first: Vec<Cost> = (0..runs).map(|_| host.first()).collect();
        report(row("sync: first, local remote", &first));
        let no_op: Vec<Cost> = (0..runs.max(20)).map(|_| host.sync()).collect();
        report(row("sync: nothing to do, local remote", &no_op));
    }

    /// Makes a key to sign with, and returns its file.
    fn key(&self) -> String {
        let key = text(&self.folder.join("key"));
        let status = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &key]).status();
        assert!(status.expect("ssh-keygen is installed").success(), "ssh-keygen failed");
        key
    }

    /// Compiles into a directory that is not there yet.
    fn compile(&self, runs: usize) -> Vec<Cost> {
        let out = self.folder.join("out");
        let once = |_| {
            let cost = measure::run(&self.spec, &[RMQGIT, "compile", "--out", &text(&out)]);
            fs::remove_dir_all(&out).expect("the benchmark's own folder can be removed");
            cost
        };
        (0..runs.min(3)).map(once).collect()
    }

    /// Publishes from a copy of the spec repository that has no output branch.
    fn publish_fresh(&self, command: &[&str]) -> Cost {
        let copy = self.folder.join("fresh.git");
        let _ = fs::remove_dir_all(&copy);
        git(&self.folder, &["clone", "-q", "--bare", &text(&self.spec), &text(&copy)]);
        let cost = measure::run(&copy, command);
        fs::remove_dir_all(&copy).expect("the benchmark's own folder can be removed");
        cost
    }

    /// Runs rmqgit and the Python peer in turn, and prints the ratio pair by pair.
    fn pairs(&self, peer: &Path, runs: usize, report: &mut dyn FnMut(Row)) {
        let data = self.folder.join("peer");
        let made = Command::new("python3")
            .args([&text(&peer.join("gen.py")), &self.hosts.to_string(), &text(&data), "--peers", "none"])
            .status()
            .expect("python3 is installed");
        assert!(made.success(), "the peer's generator failed");
        let tree = self.folder.join("peer-out");
        let script = format!(
            "python3 {} {} {} 2 && git add -A && git commit -qm release",
            text(&peer.join("render_jinja.py")),
            text(&data.join("fleet.yaml")),
            text(&tree)
        );
        let mut ours = Vec::new();
        let mut theirs = Vec::new();
        for _ in 0..runs {
            ours.push(self.publish_fresh(&[RMQGIT, "publish"]));
            let _ = fs::remove_dir_all(&tree);
            fs::create_dir_all(&tree).expect("the benchmark's own folder can be made");
            git(&tree, &["init", "-q", "-b", "main"]);
            theirs.push(measure::run(&tree, &["sh", "-c", &script]));
        }
        let _ = fs::remove_dir_all(&tree);
        report(Row { hosts: self.hosts, work: "publish: spec to commit", runs, median: median(&ours) });
        report(Row { hosts: self.hosts, work: "peer: Python (2 processes) and git", runs, median: median(&theirs) });
        let mut ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(a, b)| b.wall / a.wall).collect();
        ratios.sort_by(f64::total_cmp);
        let (low, middle, high) = (ratios[0], ratios[ratios.len() / 2], ratios[ratios.len() - 1]);
        println!("{:>7}  the peer takes {middle:.1} times as long [{low:.1} to {high:.1}]", self.hosts);
    }
}

/// A host in a root of its own that syncs from the spec repository.
struct SyncedHost {
    root: PathBuf,
    remote: PathBuf,
}

impl SyncedHost {
    fn new(root: &Path, remote: &Path) -> Self {
        Self { root: root.to_owned(), remote: remote.to_owned() }
    }

    fn first(&self) -> Cost {
        let _ = fs::remove_dir_all(&self.root);
        fleet::write_root(&self.root);
        self.sync()
    }

    fn sync(&self) -> Cost {
        let (cluster, host) = fleet::first_host();
        let (remote, root) = (text(&self.remote), text(&self.root));
        let mode = ["--mode", "converge", "--signatures", "ignored"];
        let flags = ["sync", "--remote", &remote, "--root", &root, "--cluster", &cluster, "--host", &host];
        let command: Vec<&str> = std::iter::once(RMQGIT).chain(flags).chain(mode).collect();
        measure::run(&self.remote, &command)
    }
}

fn git(dir: &Path, arguments: &[&str]) {
    let identity = ["-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "gc.auto=0"];
    let status =
        Command::new("git").args(identity).args(arguments).current_dir(dir).status().expect("git is installed");
    assert!(status.success(), "git {} failed", arguments.join(" "));
}

fn text(path: &Path) -> String {
    path.to_str().expect("temporary folders have UTF-8 names").to_owned()
}
