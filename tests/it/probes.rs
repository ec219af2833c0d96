//! Holds what `rmqgit` predicts HAProxy and Keepalived say to a text against what the real programs of many versions said.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rmqgit::facts::version::Version;
use rmqgit::policy::text::{Verdict, haproxy, keepalived};

/// The probes whose verdict depends on the machine, and on what.
const ON_THE_MACHINE: &[(&str, &str)] = &[
    ("bind_ssl_nocrt", "the programs were built without TLS"),
    ("iface_missing", "the interface does not exist there"),
    ("script_missing", "the script does not exist there"),
    ("script_user_missing", "the user does not exist there"),
    ("script_world_writable_nosec", "who may write the script"),
    ("script_world_writable_sec", "who may write the script"),
    ("unknown_user", "the user does not exist there"),
    ("unresolvable", "the name does not resolve there"),
    ("unresolvable_initaddr_none", "the name does not resolve there"),
];

/// Compares every probe of a program with every version of its table.
fn hold(program: &str, extension: &str, judge: fn(&str, Version) -> Option<Verdict>) {
    let probes = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/probes");
    let table = fs::read_to_string(probes.join(format!("{program}.tsv"))).expect("the table");
    let mut rows = table.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t'));
    let header: Vec<&str> = rows.next().expect("a header").collect();
    let versions = &header[1..header.len() - 1];
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for row in rows {
        let cells: Vec<&str> = row.collect();
        let probe = cells[0];
        seen.insert(format!("{probe}.{extension}"));
        let text = fs::read_to_string(probes.join(program).join(format!("{probe}.{extension}"))).expect("the probe");
        if ON_THE_MACHINE.iter().any(|(known, _)| *known == probe) {
            continue;
        }
        for (version, measured) in versions.iter().zip(&cells[1..]) {
            let predicted = match judge(&text, version.parse().expect("a version")) {
                None | Some(Verdict::Silent) => "accept",
                Some(Verdict::Warned) => "warn",
                Some(Verdict::Refused) => "refuse",
            };
            if predicted != *measured {
                wrong.push(format!("{program} {version}, {probe}: {predicted}, but it was {measured}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    let files = fs::read_dir(probes.join(program)).expect("the probes");
    let files: BTreeSet<String> =
        files.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned()).collect();
    assert_eq!(files, seen, "each probe has a row");
}

#[test]
fn haproxy_says_what_is_predicted() {
    hold("haproxy", "cfg", |text, version| {
        haproxy::judge(text, version).problems.iter().map(|problem| problem.verdict).max()
    });
}

#[test]
fn keepalived_says_what_is_predicted() {
    hold("keepalived", "conf", |text, version| {
        keepalived::judge(text, version).problems.iter().map(|problem| problem.verdict).max()
    });
}
