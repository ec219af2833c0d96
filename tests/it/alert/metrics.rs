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

#[test]
fn a_log_line_is_as_urgent_as_the_worst_that_it_is_about() {
    let site = Site::full();
    site.converge();
    let line = |args: &[&str]| crate::run(site.command(args).args(["--format", "log"])).1;
    assert!(line(&[]).starts_with("<6>rmqgit verdict=in-sync"));
    site.put("/var/lib/rmqgit/pause.json", "garbage", 0o600);
    assert!(line(&[]).starts_with("<4>rmqgit verdict=in-sync"), "{}", line(&[]));
    site.put("/etc/rmqgit/agent.yaml", "alerts: {severities: {broken-pause: critical}}\n", 0o644);
    assert!(line(&[]).starts_with("<3>rmqgit verdict=in-sync"), "{}", line(&[]));
    site.put("/etc/rmqgit/agent.yaml", "alerts: {severities: {broken-pause: info}}\n", 0o644);
    assert!(line(&[]).starts_with("<5>rmqgit verdict=in-sync"), "{}", line(&[]));
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
    assert!(names.len() == 11 && untested.is_empty(), "{untested:?}");
}

/// Returns the alerts that fire, after so long, on a host whose every run writes the same metrics.
fn firing(metrics: &str, minutes: u32) -> Vec<String> {
    let mut file =
        "rule_files: [rules.yml]\nevaluation_interval: 5m\ntests:\n- interval: 5m\n  input_series:\n".to_owned();
    let run = sample(metrics, "rmqgit_last_run_timestamp_seconds", "").to_owned();
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        // The clock of the test begins with the run. What happens in a run happens in each.
        let values = match value {
            value if value == run => "0+300x600".to_owned(),
            _ if series.contains("_timestamp_seconds") => {
                format!("{}x600", value.parse::<i64>().unwrap() - run.parse::<i64>().unwrap())
            }
            value => format!("{value}x600"),
        };
        writeln!(file, "  - {{series: '{series}', values: '{values}'}}").unwrap();
    }
    let expr = "sum by (alertname, cluster, host, kind) (ALERTS{alertstate=\"firing\"})";
    writeln!(file, "  promql_expr_test: [{{eval_time: {minutes}m, expr: '{expr}', exp_samples: [{{labels: '{{a=\"b\"}}', value: 7}}]}}]")
        .unwrap();
    let dir = monitoring();
    let path = dir.path().join("monitoring/real.test.yml");
    fs::write(&path, file).unwrap();
    // What it did not expect, it says.
    let (good, said) = promtool(&["test", "rules", path.to_str().unwrap()], "");
    let got = said.split("got:").nth(1).unwrap_or_else(|| panic!("{good}: {said}"));
    let name =
        regex::Regex::new(r#"alertname="(\w+)"(?:, cluster="orders")(?:, host="rabbit1")?(?:, kind="([a-z-]+)")?"#)
            .unwrap();
    let found = name.captures_iter(got);
    found.map(|one| format!("{} {}", &one[1], one.get(2).map_or("", |kind| kind.as_str())).trim().to_owned()).collect()
}

#[test]
fn the_rules_fire_for_what_runs_really_write() {
    let receiver = super::receiver::Receiver::new();
    let site = Site::full();
    site.put("/etc/rmqgit/alerts/ops", &format!("{}\n", receiver.url), 0o600);
    let settings = "metrics: /m.prom\nalerts: {targets: {ops: {webhook: {url-file: /etc/rmqgit/alerts/ops}}}}\n";
    site.put("/etc/rmqgit/agent.yaml", settings, 0o644);
    let none = [""; 0];
    // A host that was never right: the release waits to be applied.
    site.sync(&[]);
    assert_eq!(firing(&site.get("/m.prom"), 60), none);
    assert_eq!(firing(&site.get("/m.prom"), 26 * 60), ["RmqgitNeverSucceeded"]);
    // One that is, for two days.
    site.converge();
    site.sync(&[]);
    assert_eq!(firing(&site.get("/m.prom"), 48 * 60), none);
    // Somebody changed it, and the run that sees it is not of the same second: its success is told from its time.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    site.put("/etc/sysctl.d/60-rmqgit.conf", "other\n", 0o644);
    site.sync(&[]);
    assert_eq!(firing(&site.get("/m.prom"), 60), ["RmqgitDrift"]);
    assert_eq!(firing(&site.get("/m.prom"), 26 * 60), ["RmqgitDrift", "RmqgitNoSuccess"]);
    // Nobody can be told, because the disk is full.
    fs::remove_file(site.live("/var/lib/rmqgit/alerts.json")).unwrap();
    let sync = site.command(&[]);
    let mut strace = Command::new("strace");
    strace.args(["-f", "-o", "/dev/null", "-P"]).arg(site.live("/var/lib/rmqgit/.alerts.json.new"));
    strace.args(["-e", "trace=write", "-e", "inject=write:error=ENOSPC"]).arg(sync.get_program()).args(sync.get_args());
    assert_eq!(crate::run(&mut strace).0, 1);
    assert_eq!(firing(&site.get("/m.prom"), 60), ["RmqgitAlertsBroken", "RmqgitDrift"]);
    site.converge();
    // What else is wrong with the host, and with its settings.
    site.put("/etc/rmqgit/agent.yaml", &format!("{settings}#").replace("targets", "deadline: 0, targets"), 0o644);
    site.put("/var/lib/rmqgit/pause.json", "garbage", 0o600);
    assert_eq!(crate::run(&mut site.command(&[])).0, 1);
    assert_eq!(firing(&site.get("/m.prom"), 90), ["RmqgitWarning broken-alerts", "RmqgitWarning broken-pause"]);
    fs::remove_file(site.live("/var/lib/rmqgit/pause.json")).unwrap();
    site.put("/etc/rmqgit/agent.yaml", settings, 0o644);
    // A run that cannot begin knows nothing of the host.
    let state = site.get("/var/lib/rmqgit/state.json");
    site.put("/var/lib/rmqgit/state.json", "garbage", 0o600);
    assert!(site.text(&[]).ends_with("[exit 3]"));
    assert_eq!(firing(&site.get("/m.prom"), 60), ["RmqgitRunFailed"]);
    assert!(!site.get("/m.prom").contains("kind=\"two-holders\""));
    site.put("/var/lib/rmqgit/state.json", &state, 0o600);
    // What nobody looked at is not nothing: the remote is away, and there is no release to compare with.
    let away = site.origin.dir.path().join("away");
    fs::rename(site.origin.path(), &away).unwrap();
    site.sync(&[]);
    fs::rename(&away, site.origin.path()).unwrap();
    let text = site.get("/m.prom");
    assert!(!text.contains("kind=\"refused-release\"") && text.contains("kind=\"two-holders\"} 0"), "{text}");
    assert_eq!(firing(&text, 90), ["RmqgitRunFailed", "RmqgitWarning unreachable-remote"]);
}

#[test]
fn every_kind_that_somebody_should_look_at_has_a_rule() {
    use rmqgit::alert::{Kind, Severity};
    let rules = fs::read_to_string(monitoring().path().join("monitoring/rules.yml")).unwrap();
    let list = regex::Regex::new(r#"kind=~"([a-z|-]+)""#).unwrap();
    let named: Vec<&str> = list.captures_iter(&rules).flat_map(|one| one.extract::<1>().1[0].split('|')).collect();
    // These are verdicts, which have rules of their own.
    let verdicts = [Kind::Drift, Kind::Pending, Kind::Unknown, Kind::FailedRun];
    for (kind, severity) in Kind::ALL {
        let count = named.iter().filter(|name| **name == kind.to_string()).count();
        let expect = usize::from(severity > Severity::Info && !verdicts.contains(&kind));
        assert_eq!(count, expect, "{kind}");
    }
    assert_eq!(named.len(), named.iter().collect::<BTreeSet<_>>().len());
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
