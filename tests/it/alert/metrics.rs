//! Metrics, rules and the dashboard, as Prometheus' own tool judges them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::sync::site::Site;

const FILE: &str = "/var/lib/node-exporter/rmqgit.prom";

fn promtool(args: &[&str], input: &str) -> (bool, String) {
    let mut command = Command::new("promtool");
    let mut child =
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

/// Returns the value of a sample whose labels hold a text.
fn sample<'a>(text: &'a str, metric: &str, label: &str) -> &'a str {
    let mut lines = text.lines().filter(|line| line.starts_with(&format!("{metric}{{")) && line.contains(label));
    lines.next().unwrap_or_else(|| panic!("no {metric} {label}\n{text}")).rsplit_once(' ').unwrap().1
}

#[test]
fn metrics_are_what_promtool_takes() {
    let site = Site::full();
    site.put("/etc/rmqgit/agent.yaml", &format!("metrics: {FILE}\nalerts: {{}}\n"), 0o644);
    fs::create_dir_all(site.live("/var/lib/node-exporter")).unwrap();
    assert_eq!(site.sync(&["--dry-run"]).0, 1);
    assert!(!site.live(FILE).exists());
    let applied = site.converge().1.applied.len().to_string();
    let text = site.get(FILE);
    assert_eq!(promtool(&["check", "metrics"], &text), (true, String::new()));
    assert_eq!(site.stat(FILE).0, 0o644);
    assert_eq!(sample(&text, "rmqgit_verdict", "verdict=\"converged\""), "1");
    assert_eq!(sample(&text, "rmqgit_changes_applied_total", "host=\"rabbit1\""), applied);
    let succeeded = sample(&text, "rmqgit_last_success_timestamp_seconds", "").to_owned();
    for stage in ["fetch", "look", "apply", "total"] {
        assert!(sample(&text, "rmqgit_run_duration_seconds", stage).parse::<f64>().unwrap() >= 0.0);
    }
    let released = site.origin.git(&["log", "-1", "--format=%ct", crate::fetch::origin::REF]);
    assert_eq!(sample(&text, "rmqgit_release_timestamp_seconds", ""), released);

    // A run that finds drift, and one that fails, keep what was known.
    site.put("/etc/sysctl.d/60-rmqgit.conf", "other\n", 0o644);
    let away = site.origin.dir.path().join("away");
    fs::rename(site.origin.path(), &away).unwrap();
    assert_eq!(site.sync(&[]).0, 3);
    fs::rename(&away, site.origin.path()).unwrap();
    let text = site.get(FILE);
    assert_eq!(promtool(&["check", "metrics"], &text), (true, String::new()));
    assert_eq!(sample(&text, "rmqgit_verdict", "verdict=\"failed\""), "1");
    assert_eq!(sample(&text, "rmqgit_last_success_timestamp_seconds", ""), succeeded);
    assert_eq!(sample(&text, "rmqgit_changes_applied_total", ""), applied);
    assert_eq!(sample(&text, "rmqgit_findings", "kind=\"drift\""), "1");
    assert_eq!(sample(&text, "rmqgit_incidents_open", "severity=\"warning\""), "1");
    let names: Vec<_> = fs::read_dir(site.live("/var/lib/node-exporter")).unwrap().collect();
    assert_eq!(names.len(), 1, "nothing is left beside the file");

    // A directory that is not there is said, and changes nothing about the run.
    fs::remove_dir_all(site.live("/var/lib/node-exporter")).unwrap();
    let said = site.text(&["--mode", "converge", "--format", "json"]);
    assert!(said.contains("cannot write the metrics") && said.ends_with("[exit 0]"), "{said}");
}

#[test]
fn a_run_that_could_not_begin_has_metrics_too() {
    let site = Site::full();
    site.put("/etc/rmqgit/agent.yaml", &format!("metrics: {FILE}\nalerts: {{}}\n"), 0o644);
    fs::create_dir_all(site.live("/var/lib/node-exporter")).unwrap();
    site.converge();
    let before = site.get(FILE);
    site.put("/var/lib/rmqgit/state.json", "garbage", 0o600);
    assert!(site.text(&[]).ends_with("[exit 3]"));
    let text = site.get(FILE);
    assert_eq!(promtool(&["check", "metrics"], &text), (true, String::new()));
    assert_eq!(sample(&text, "rmqgit_verdict", "verdict=\"failed\""), "1");
    assert_eq!(sample(&text, "rmqgit_verdict", "verdict=\"converged\""), "0");
    assert_eq!(sample(&text, "rmqgit_findings", "kind=\"failed-run\""), "1");
    for kept in ["rmqgit_last_success_timestamp_seconds", "rmqgit_changes_applied_total"] {
        assert_eq!(sample(&text, kept, ""), sample(&before, kept, ""));
    }
    assert_eq!(sample(&text, "rmqgit_incidents_open", "severity=\"warning\""), "1");
}

#[test]
fn a_log_has_one_line_a_run() {
    let site = Site::full();
    let line = |args: &[&str]| {
        let (_, out, err) = crate::run(site.command(args).args(["--format", "log"]));
        let line = format!("{out}{err}");
        let (head, tail) = line.split_once("release=").unwrap();
        assert_eq!(line.lines().count(), 1, "{line}");
        format!("{head}release=COMMIT{}", &tail[10..])
    };
    insta::assert_snapshot!([line(&[]), line(&["--mode", "converge"]), line(&["--mode", "converge"])].concat());
}

/// Makes the files of `rmqgit init --monitoring`.
fn monitoring() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let (code, out, err) = crate::run(crate::rmqgit().args(["init", "--monitoring"]).arg(dir.path()));
    assert_eq!((code, out.lines().count(), err.as_str()), (0, 2, ""));
    assert_eq!(crate::run(crate::rmqgit().args(["init", "--monitoring"]).arg(dir.path())).0, 3, "nothing is replaced");
    dir
}

#[test]
fn the_rules_say_what_their_tests_expect() {
    let dir = monitoring();
    let rules = dir.path().join("monitoring/rules.yml");
    let tests = dir.path().join("monitoring/rules.test.yml");
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/metrics/rules.test.yml"), &tests).unwrap();
    for args in [["check", "rules", rules.to_str().unwrap()], ["test", "rules", tests.to_str().unwrap()]] {
        let (good, said) = promtool(&args, "");
        assert!(good, "{said}");
    }
    // Each rule has a test.
    let (rules, tests) = (fs::read_to_string(rules).unwrap(), fs::read_to_string(tests).unwrap());
    let names: Vec<_> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let untested: Vec<_> = names.iter().filter(|name| !tests.contains(&format!("alertname: {name}"))).collect();
    assert!(names.len() == 9 && untested.is_empty(), "{untested:?}");
}

#[test]
fn rules_and_dashboard_ask_for_metrics_that_exist() {
    let site = Site::full();
    site.put("/etc/rmqgit/alerts/ops", "http://127.0.0.1:1/x\n", 0o600);
    let settings = "metrics: /m.prom\nalerts: {targets: {ops: {webhook: {url-file: /etc/rmqgit/alerts/ops}}}}\n";
    site.put("/etc/rmqgit/agent.yaml", settings, 0o644);
    site.converge();
    site.put("/etc/sysctl.d/60-rmqgit.conf", "other\n", 0o644);
    site.sync(&[]);
    let metrics = site.get("/m.prom");
    let known: BTreeSet<_> =
        metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();

    let dir = monitoring();
    let rules = fs::read_to_string(dir.path().join("monitoring/rules.yml")).unwrap();
    let dashboard = fs::read_to_string(dir.path().join("monitoring/dashboard.json")).unwrap();
    let word = regex::Regex::new(r"rmqgit_[a-z_]+").unwrap();
    let asked: BTreeSet<_> =
        word.find_iter(&rules).chain(word.find_iter(&dashboard)).map(|found| found.as_str()).collect();
    assert_eq!(asked.difference(&known).collect::<Vec<_>>(), Vec::<&&str>::new());
    assert!(asked.len() > 8, "{asked:?}");

    // Every query of the dashboard is one that Prometheus reads.
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let mut file = "groups: [{name: d, rules: [".to_owned();
    let panels = dashboard["panels"].as_array().unwrap();
    for (number, query) in panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap()).enumerate() {
        let expr = query["expr"].as_str().unwrap().replace("$cluster", ".*").replace("$host", ".*");
        write!(file, "{{record: 'r{number}', expr: '{expr}'}},").unwrap();
    }
    file += "]}]\n";
    let path = dir.path().join("queries.yml");
    fs::write(&path, file).unwrap();
    let (good, said) = promtool(&["check", "rules", path.to_str().unwrap()], "");
    assert!(good, "{said}");
}
