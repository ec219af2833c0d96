//! Real hosts: three of them with systemd, RabbitMQ, HAProxy and Keepalived, run by Git alone.
//!
//! `RMQGIT_BED="bullseye bookworm trixie sid" cargo test --release --test it hosts:: -- --nocapture` proves everything on four
//! generations; without the variable, the core is proved on the oldest and the newest. `RMQGIT_PROOFS="tutorial drift"` picks proofs.
//! `RMQGIT_BED_KEEP=1` leaves the bed up for whoever wants to look, and goes on with one that is up.
#![allow(clippy::print_stdout, reason = "the times are for whoever runs this with --nocapture")]

mod bed;
mod drift;
mod failover;
mod faults;
mod killed;
mod leaks;
mod person;
mod rebuild;
mod secrets;
mod site;
mod transitions;
mod tutorial;

use bed::Bed;
use site::Site;

use crate::suite::Suite;

/// A proof: its name, and what it does with a cluster that runs. It leaves the cluster as it found it.
type Proof = (&'static str, fn(&mut Site));

/// The proofs, in the order in which they are run. The first ones are the core.
const PROOFS: [Proof; 12] = [
    ("tutorial", tutorial::three_blank_hosts_become_a_cluster),
    ("quiet", tutorial::nothing_to_do),
    ("drift", drift::every_drift_is_reported_and_repaired),
    ("faults", faults::faults_are_survived),
    ("killed", killed::killed_runs_are_completed),
    ("person", person::the_agent_heeds_a_person),
    ("now", person::a_broker_restarts_when_a_person_says_so),
    ("failover", failover::the_address_moves_and_nothing_is_lost),
    ("transitions", transitions::transitions_wait_for_their_grant),
    ("secrets", secrets::every_secret_is_rotated_through_git),
    ("rebuild", rebuild::a_rebuilt_host_joins_again),
    ("late", rebuild::a_late_host_joins),
];
/// How many of them every `cargo test` asks for.
const CORE: usize = 2;

/// Returns the value of a variable, in words.
fn words(variable: &str) -> Option<Vec<&'static str>> {
    let value = std::env::var(variable).ok()?;
    Some(value.leak().split_whitespace().collect())
}

#[test]
fn hosts_are_run_by_git() {
    let asked = words("RMQGIT_BED");
    let core = if asked.is_some() { PROOFS.len() } else { CORE };
    let suites = asked.unwrap_or_else(|| vec!["bullseye", "sid"]);
    let wanted = words("RMQGIT_PROOFS");
    assert!(!suites.is_empty(), "RMQGIT_BED names no suite");
    let known: Vec<_> = PROOFS.iter().map(|(name, _)| *name).collect();
    for name in wanted.iter().flatten() {
        assert!(known.contains(name), "there is no proof `{name}`: {known:?}");
    }
    for suite in suites {
        let started = std::time::Instant::now();
        let bed = Bed::up(Suite::build(suite));
        let enrolled = bed.sh("rabbit1", "test -e /etc/rmqgit").code == 0;
        let mut site = Site::new(bed);
        if enrolled {
            site.start_timers();
        }
        println!("{suite}: three blank hosts after {:.1?}", started.elapsed());
        for (number, (name, prove)) in PROOFS[..core].iter().enumerate() {
            // Without the first one there is no cluster, and a bed that was kept has one.
            if (number == 0 && !enrolled) || wanted.as_ref().is_none_or(|wanted| wanted.contains(name)) {
                let started = std::time::Instant::now();
                prove(&mut site);
                println!("{suite}: {name} in {:.1?}", started.elapsed());
            }
        }
    }
}
