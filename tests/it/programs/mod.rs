//! Compiled files before the real programs of several Debian releases.
//!
//! `RMQGIT_SUITES="bullseye bookworm trixie sid" cargo test --test it programs` asks four generations of HAProxy, Keepalived
//! and RabbitMQ; without the variable, the two newest are asked. `tests/rootfs` builds what they run in.

mod broker;
mod fixtures;
mod live;
mod rules;
mod session;

use std::sync::LazyLock;

use crate::suite::Suite;
use session::Answers;

/// The suites that have every generation of the programs.
const ALL: [&str; 4] = ["bullseye", "bookworm", "trixie", "sid"];

/// The suites that are asked when nobody says otherwise.
const NEWEST: &str = "trixie sid";

/// What the programs of one suite answered.
struct Asked {
    suite: Suite,
    answers: Answers,
}

/// All suites with their answers: a session each, two at a time.
#[allow(clippy::print_stdout, reason = "the times are for whoever runs this with --nocapture")]
static ASKED: LazyLock<Vec<Asked>> = LazyLock::new(|| {
    let ask = |name: &'static str| {
        let suite = Suite::build(name);
        let cases: Vec<_> = fixtures::cases(&suite).into_iter().chain(rules::cases(&suite)).collect();
        let started = std::time::Instant::now();
        let answers = session::run(&suite, &cases, &broker::boot(&suite));
        println!("{name}: {} cases, {} answers in {:.1?}", cases.len(), answers.len(), started.elapsed());
        Asked { suite, answers }
    };
    let names = names();
    let (one, two): (Vec<_>, Vec<_>) = names.iter().enumerate().partition(|(number, _)| number % 2 == 0);
    let lane = |lane: Vec<(usize, &&'static str)>| lane.into_iter().map(|(_, name)| ask(name)).collect::<Vec<_>>();
    let mut asked = std::thread::scope(|scope| {
        let two = scope.spawn(|| lane(two));
        let mut asked = lane(one);
        asked.extend(two.join().expect("the other suites were asked"));
        asked
    });
    asked.sort_by_key(|asked| names.iter().position(|name| *name == asked.suite.name));
    asked
});

/// Returns the suites that are asked for.
fn names() -> &'static [&'static str] {
    static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
        let given = std::env::var("RMQGIT_SUITES").unwrap_or_else(|_| NEWEST.to_owned());
        given.leak().split_whitespace().collect()
    });
    assert!(!NAMES.is_empty(), "RMQGIT_SUITES names no suite");
    &NAMES
}
