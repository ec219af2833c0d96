//! Every valid fixture with the versions of a suite in it, before the programs of that suite.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use rmqgit::check::{Input, check};
use rmqgit::diag::{self, Severity};
use rmqgit::facts::version::Version;
use rmqgit::model::Cluster;
use rmqgit::release::Bundle;
use rmqgit::spec;
use rmqgit::sys::tree::{self, Files};

use super::session::Case;
use super::{ASKED, Asked};
use crate::suite::Suite;

/// Debian runs RabbitMQ on newer Erlang than its vendor promises to support, and this is about what it runs.
const FOREIGN: &str = "erlang-too-new";

/// The day of the checks.
const DAY: jiff::civil::Date = jiff::civil::date(2026, 6, 1);

/// The fixtures that are valid for some version.
const FIXTURES: [&str; 6] = ["tutorial", "five-nodes", "separate-balancers", "rhel", "two-vips", "fleet"];

/// What a fixture cannot keep on RabbitMQ of another generation.
struct Misfit {
    /// The fixture.
    fixture: &'static str,
    /// The first version that it does not fit, or 0.
    since: Version,
    /// The first one that it fits again.
    before: Version,
    /// The rule that says so.
    code: &'static str,
    /// What is laid over.
    over: Value,
}

const OLDEST: Version = Version::new(0, 0, 0);
const NEWEST: Version = Version::new(u16::MAX, 0, 0);

/// Returns what a fixture must do without on a suite.
fn misfits(fixture: &str, suite: &Suite) -> impl Iterator<Item = Misfit> {
    let version: Version = suite.rabbitmq.parse().expect("a version of RabbitMQ");
    let misfit = |fixture, since, before, code, over| Misfit { fixture, since, before, code, over };
    let no_policies = || json!({ "policies": [] });
    let no_key = |key: &str| json!({ "config": { key: null } });
    // A fault of the spec itself keeps the rules from being asked.
    let disc_nodes = json!({ "nodes": ["rabbit1", "rabbit2", "rabbit3"], "policies": [] });
    let (v3_10, v3_12) = (Version::new(3, 10, 0), Version::new(3, 12, 0));
    let (v4_0, v4_1, v4_3) = (Version::new(4, 0, 0), Version::new(4, 1, 0), Version::new(4, 3, 0));
    let all = [
        misfit("tutorial", v4_0, NEWEST, "mirroring-removed", no_policies()),
        misfit("separate-balancers", v4_0, NEWEST, "mirroring-removed", no_policies()),
        misfit("rhel", v4_0, v4_3, "mirroring-removed", no_policies()),
        misfit("fleet", v4_0, NEWEST, "mirroring-removed", no_policies()),
        misfit("rhel", v4_3, NEWEST, "ram-node", disc_nodes),
        misfit("five-nodes", OLDEST, v3_12, "policy-apply-to-outside-version", no_policies()),
        misfit("five-nodes", OLDEST, v3_10, "config-key-of-later-version", no_key("queue_leader_locator")),
        misfit("fleet", OLDEST, v4_1, "config-key-of-later-version", no_key("quorum_queue.initial_cluster_size")),
    ];
    let own = all.into_iter().filter(|one| one.fixture == fixture).collect::<Vec<_>>();
    own.into_iter().filter(move |one| one.since <= version && version < one.before)
}

/// Returns what makes a fixture fit a suite.
fn fit(fixture: &str, suite: &Suite) -> Value {
    let mut all = serde_json::Map::new();
    for misfit in misfits(fixture, suite) {
        all.extend(misfit.over.as_object().expect("it is a mapping").clone());
    }
    json!({ "rabbitmq": all })
}

/// Returns the hosts of every fixture on a suite.
pub(super) fn cases(suite: &Suite) -> Vec<Case> {
    let mut cases = Vec::new();
    for fixture in FIXTURES {
        let clusters = compiled(fixture, suite, &fit(fixture, suite));
        let clusters = clusters.unwrap_or_else(|faults| panic!("{fixture} on {}:\n{}", suite.name, faults.shown));
        for (cluster, bundles) in clusters {
            let label = |bundle: &Bundle| format!("{fixture}.{}.{}", cluster.name.value, bundle.host);
            let case = |bundle: &Bundle| Case::new(label(bundle), &cluster, bundle).declared(&cluster);
            cases.extend(bundles.iter().map(case));
        }
    }
    cases
}

#[test]
fn programs_accept_every_fixture() {
    let mut said = String::new();
    let mut answered = BTreeSet::new();
    for Asked { suite, answers } in &*ASKED {
        for ((case, program), answer) in
            answers.iter().filter(|((case, _), _)| case != "boot" && !case.starts_with("rule."))
        {
            answered.insert(program.as_str());
            if !answer.is_quiet() {
                let _ =
                    writeln!(said, "{}: {program} on {case}: status {}\n{}", suite.name, answer.status, answer.text);
            }
        }
    }
    assert!(said.is_empty(), "{said}");
    assert_eq!(
        answered.into_iter().collect::<Vec<_>>(),
        ["bash", "haproxy", "keepalived", "rabbitmq", "sh", "shellcheck", "systemd"]
    );
}

#[test]
fn rules_know_what_fits() {
    for Asked { suite, .. } in &*ASKED {
        for fixture in FIXTURES {
            let found = compiled(fixture, suite, &json!({})).map_or_else(|faults| faults.codes, |_| BTreeSet::new());
            let expect: BTreeSet<String> = misfits(fixture, suite).map(|misfit| misfit.code.to_owned()).collect();
            assert_eq!(found, expect, "{fixture} on {}", suite.name);
        }
    }
}

/// What is wrong with a fixture.
#[derive(Debug)]
struct Faults {
    /// The codes of the errors.
    codes: BTreeSet<String>,
    /// All of it, for people.
    shown: String,
}

/// A cluster with the files of its hosts.
type Compiled = (Cluster, Vec<Bundle>);

/// Returns the files of a fixture with the versions of a suite, and something else, laid over its clusters.
pub(super) fn files(fixture: &str, suite: &Suite, over: &Value) -> Files {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(fixture);
    let mut files = tree::read(&dir, spec::FILE, spec::include_dirs).expect("the fixture is there");
    for (path, bytes) in
        files.iter_mut().filter(|(path, _)| path.as_str() == spec::FILE || path.starts_with("clusters/"))
    {
        let mut document: Value = serde_yaml::from_slice(bytes).expect("the fixture is YAML");
        for part in parts(path, &mut document) {
            lay(part, &suite.versions());
            lay(part, over);
        }
        *bytes = serde_yaml::to_string(&document).expect("JSON can be written as YAML").into_bytes();
    }
    files
}

/// Compiles a fixture for a suite; or returns what is wrong with it there.
fn compiled(fixture: &str, suite: &Suite, over: &Value) -> Result<Vec<Compiled>, Faults> {
    let files = files(fixture, suite, over);
    let input = Input { files: &files, published: &BTreeMap::new(), today: DAY, opener: None };
    let mut clusters = Vec::new();
    let checked = check(&input, |cluster, bundles| clusters.push((cluster.clone(), bundles)));
    let errors = checked.diags.iter().filter(|diag| diag.severity == Severity::Error);
    let codes: BTreeSet<String> = errors.map(|diag| diag.code.to_string()).filter(|code| code != FOREIGN).collect();
    if codes.is_empty() {
        return Ok(clusters);
    }
    Err(Faults { codes, shown: diag::render(&checked.diags, &checked.sources, diag::Format::Text, false, 110) })
}

/// Returns the parts of a file in which versions may stand.
fn parts<'a>(path: &str, document: &'a mut Value) -> Vec<&'a mut Value> {
    if path != spec::FILE {
        return vec![document];
    }
    let sections = document.as_object_mut().expect("a spec is a mapping").iter_mut();
    let parts = sections.filter_map(|(key, value)| match key.as_str() {
        "cluster" | "defaults" => Some(vec![value]),
        "profiles" => Some(value.as_object_mut()?.values_mut().collect()),
        _ => None,
    });
    parts.flatten().collect()
}

/// Lays one value over another; `null` removes. Sections that are not there are not made.
fn lay(under: &mut Value, over: &Value) {
    for (section, fields) in over.as_object().into_iter().flatten() {
        if let Some(under) = under.get_mut(section) {
            lay_fields(under, fields);
        }
    }
}

fn lay_fields(under: &mut Value, over: &Value) {
    let Some(over) = over.as_object() else {
        *under = over.clone();
        return;
    };
    if !under.is_object() {
        *under = json!({});
    }
    let under = under.as_object_mut().expect("it was just made one");
    for (key, value) in over {
        if value.is_null() {
            under.shift_remove(key);
        } else {
            lay_fields(under.entry(key.as_str()).or_insert(Value::Null), value);
        }
    }
}
