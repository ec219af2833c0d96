//! Every valid fixture with the versions of a suite in it, before the programs of that suite.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use rmqgit::compile::Compiler;
use rmqgit::diag::{self, Severity};
use rmqgit::facts::version::Version;
use rmqgit::model::{self, Cluster};
use rmqgit::release::Bundle;
use rmqgit::spec;
use rmqgit::sys::tree;

use super::session::Case;
use super::suite::Suite;
use super::{ASKED, Asked};

/// The fixtures that are valid for some version.
const FIXTURES: [&str; 6] = ["tutorial", "five-nodes", "separate-balancers", "rhel", "two-vips", "fleet"];

/// What a fixture cannot keep on RabbitMQ of another generation: the fixture, the versions, what is laid over.
type Unfit = (&'static str, fn(Version) -> bool, Value);

fn unfit() -> Vec<Unfit> {
    let no_policies = || json!({ "policies": [] });
    // Mirrored queues are gone in 4.0.
    let no_mirrors = |version: Version| version >= Version::new(4, 0, 0);
    vec![
        ("tutorial", no_mirrors, no_policies()),
        ("separate-balancers", no_mirrors, no_policies()),
        ("rhel", no_mirrors, no_policies()),
        ("fleet", no_mirrors, no_policies()),
        // RAM nodes are gone in 4.3.
        ("rhel", |version| version >= Version::new(4, 3, 0), json!({ "nodes": ["rabbit1", "rabbit2", "rabbit3"] })),
        // Policies for quorum queues alone are new in 3.12.
        ("five-nodes", |version| version < Version::new(3, 12, 0), no_policies()),
        (
            "five-nodes",
            |version| version < Version::new(3, 10, 0),
            json!({ "config": { "queue_leader_locator": null } }),
        ),
        (
            "fleet",
            |version| version < Version::new(4, 1, 0),
            json!({ "config": { "quorum_queue.initial_cluster_size": null } }),
        ),
    ]
}

/// Returns what a fixture must do without on a suite.
fn without(fixture: &str, suite: &Suite) -> Value {
    let version: Version = suite.rabbitmq.parse().expect("a version of RabbitMQ");
    let mut all = json!({});
    for (_, _, over) in unfit().iter().filter(|(name, applies, _)| *name == fixture && applies(version)) {
        all.as_object_mut().expect("it is a mapping").extend(over.as_object().expect("it is a mapping").clone());
    }
    json!({ "rabbitmq": all })
}

/// Returns the hosts of every fixture on a suite.
pub(super) fn cases(suite: &Suite) -> Vec<Case> {
    let mut cases = Vec::new();
    for fixture in FIXTURES {
        let clusters = compiled(fixture, suite, &without(fixture, suite));
        for (cluster, bundles) in clusters.unwrap_or_else(|said| panic!("{fixture} on {}:\n{said}", suite.name)) {
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
    let mut answered = std::collections::BTreeSet::new();
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

/// A cluster with the files of its hosts.
type Compiled = (Cluster, Vec<Bundle>);

/// Compiles a fixture for a suite, with something else laid over its clusters; or returns what is wrong with it there.
pub(super) fn compiled(fixture: &str, suite: &Suite, over: &Value) -> Result<Vec<Compiled>, String> {
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
    let checked = model::check(&files);
    let Some(model) = checked.model.filter(|_| checked.diags.iter().all(|diag| diag.severity != Severity::Error))
    else {
        return Err(diag::render(&checked.diags, &checked.sources, diag::Format::Text, false, 110));
    };
    let compiler = Compiler::new(&[]).expect("the built-in templates are valid");
    let compile = |cluster: Cluster| {
        let bundles = compiler.compile(&cluster).expect("a valid cluster compiles");
        (cluster, bundles)
    };
    Ok(model.clusters.into_iter().map(compile).collect())
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
