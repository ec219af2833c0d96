//! Levels, waivers and a repository's own rules, as the author of a spec meets them.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::cli::assert_follows_schema;
use crate::{rmqgit, run};

/// A cluster in which one rule finds something: the statistics page listens everywhere.
const SPEC: &str = "\
version: 1
cluster:
  name: orders
  hosts:
    rabbit1: {address: 192.168.1.219, interface: eth0}
    rabbit2: {address: 192.168.1.220, interface: eth0}
    rabbit3: {address: 192.168.1.221, interface: eth0}
  rabbitmq:
    version: 4.2.9
    erlang: \"27.3\"
    cookie: {secret: orders-cookie}
    plugins: [rabbitmq_management]
    config: {cluster_partition_handling: pause_minority, disk_free_limit.absolute: 2GB, default_queue_type: quorum}
    vhosts: {orders: {default_queue_type: quorum}}
    users:
      admin: {tags: [administrator], password: {secret: admin-password}, permissions: {orders: all}}
      app: {password: {secret: app-password}, permissions: {orders: {configure: ^orders, write: ^orders, read: ^orders}}}
    policies: [{name: dead, vhost: orders, pattern: ^orders, apply-to: queues, definition: {dead-letter-exchange: dead}}]
    prune: [users]
  haproxy:
    version: 3.2.0
    hosts: [rabbit1, rabbit2]
    hard_stop_after: 12h
    amqp: {port: 5673}
    stats: {bind: \"*:1080\", user: ops, password: {secret: stats-password}}
  keepalived:
    version: 2.3.3
    hosts: [rabbit1, rabbit2]
    vip: 192.168.1.222/24
    virtual_router_id: 87
    auth: {secret: orders-vrrp}
";

const CODE: &str = "stats-on-every-address";

fn repository(spec: &str, files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files.iter().chain(&[("rmqgit.yaml", spec)]) {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

/// Adds a `rules` section to the cluster.
fn with_rules(rules: &str) -> String {
    format!("{SPEC}  rules:\n    {rules}\n")
}

fn check(dir: &Path, format: &str) -> (i32, String) {
    let (status, stdout, stderr) = run(rmqgit().arg("check").arg(dir).args(["--format", format]));
    assert_eq!(stderr, "");
    (status, stdout)
}

/// Returns the status, and the severity and code of every finding.
fn found(spec: &str, files: &[(&str, &str)]) -> (i32, Vec<String>) {
    let dir = repository(spec, files);
    let (status, json) = check(dir.path(), "json");
    assert_follows_schema("diagnostics", &json);
    let document: Value = serde_json::from_str(&json).unwrap();
    let item = |item: &Value, word: &str| {
        format!("{word}{} {}", item["severity"].as_str().unwrap(), item["code"].as_str().unwrap())
    };
    let found = document["diagnostics"].as_array().unwrap().iter().map(|it| item(it, ""));
    let waived = document["waived"].as_array().into_iter().flatten().map(|it| item(&it["finding"], "waived "));
    (status, found.chain(waived).collect())
}

#[track_caller]
fn expect(rules: &str, status: i32, codes: &[&str]) {
    assert_eq!(
        found(&with_rules(rules), &[]),
        (status, codes.iter().map(|&code| code.to_owned()).collect()),
        "{rules}"
    );
}

#[test]
fn a_spec_sets_levels() {
    assert_eq!(found(SPEC, &[]), (0, vec![format!("warning {CODE}")]));
    expect(&format!("{CODE}: deny"), 1, &[&format!("error {CODE}")]);
    expect(&format!("{CODE}: warn"), 0, &[&format!("warning {CODE}")]);
    expect(&format!("{CODE}: {{level: allow, reason: a closed network}}"), 0, &[&format!("waived warning {CODE}")]);
}

#[test]
fn a_waiver_has_a_reason_and_an_end() {
    let warning = format!("warning {CODE}");
    expect(&format!("{CODE}: allow"), 1, &[&warning, "error waiver-without-reason"]);
    expect(&format!("{CODE}: {{level: allow, reason: \" \"}}"), 1, &[&warning, "error waiver-without-reason"]);
    let until = |day: &str| format!("{CODE}: {{level: allow, reason: moving, until: {day}}}");
    expect(&until("2020-02-29"), 1, &[&warning, "error expired-waiver"]);
    expect(&until("9999-12-31"), 0, &[&format!("waived {warning}")]);
    expect(&until("2021-02-29"), 1, &["error invalid-value"]);
    expect("no-such-rule: deny", 1, &[&warning, "error unknown-rule"]);
    expect("duplicate-address: allow", 1, &[&warning, "error unknown-rule"]);
    let clean = with_rules(&format!("{CODE}: {{level: allow, reason: none}}")).replace("*:1080", "127.0.0.1:1080");
    assert_eq!(found(&clean, &[]), (0, vec!["warning unused-waiver".to_owned()]));
}

#[test]
fn a_waiver_says_why_in_every_format() {
    let dir =
        repository(&with_rules(&format!("{CODE}: {{level: allow, reason: a closed network, until: 9999-12-31}}")), &[]);
    assert_eq!(
        check(dir.path(), "text"),
        (0, "rmqgit.yaml: 1 cluster, 3 hosts: no findings\n1 finding waived by the spec\n".to_owned())
    );
    let json: Value = serde_json::from_str(&check(dir.path(), "json").1).unwrap();
    assert_eq!(
        (&json["waived"][0]["reason"], &json["waived"][0]["until"]),
        (&"a closed network".into(), &"9999-12-31".into())
    );
    let sarif: Value = serde_json::from_str(&check(dir.path(), "sarif").1).unwrap();
    let suppressed = &sarif["runs"][0]["results"][0]["suppressions"][0];
    assert_eq!((&suppressed["kind"], &suppressed["justification"]), (&"external".into(), &"a closed network".into()));
    assert_eq!(check(dir.path(), "github"), (0, String::new()));
}

#[test]
fn sarif_follows_its_schema() {
    let schema =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/sarif/sarif-schema-2.1.0.json")).unwrap();
    let schema = jsonschema::draft4::new(&serde_json::from_str(&schema).unwrap()).unwrap();
    let broken = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/broken");
    let warned = repository(SPEC, &[]);
    let waived = repository(&with_rules(&format!("{CODE}: {{level: allow, reason: a closed network}}")), &[]);
    let clean = repository(&SPEC.replace("*:1080", "127.0.0.1:1080"), &[]);
    let nothing = repository("", &[]);
    for (dir, status, results) in [
        (broken.as_path(), 1, None),
        (warned.path(), 0, Some(1)),
        (waived.path(), 0, Some(1)),
        (clean.path(), 0, Some(0)),
        (nothing.path(), 1, Some(1)),
    ] {
        let (code, text) = check(dir, "sarif");
        assert_eq!(code, status, "{text}");
        let log: Value = serde_json::from_str(&text).unwrap();
        let faults: Vec<_> = schema.iter_errors(&log).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(faults.is_empty(), "{}\n{text}", faults.join("\n"));
        let found = log["runs"][0]["results"].as_array().unwrap();
        assert!(results.is_none_or(|results| found.len() == results), "{text}");
        let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
        for result in found {
            let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
            assert_eq!(rule["id"], result["ruleId"]);
        }
    }
    let (_, text) = check(warned.path(), "sarif");
    insta::assert_snapshot!(text);
}

/// A rule of a repository: hosts are named after what they are.
const OWN: &str = "\
code: host-name
level: deny
for: host
assert: host.name is matching(\"^rabbit[0-9]+$\")
message: \"the host `{{ host.name }}` is not named after what it is\"
help: name it `rabbit` and a number
why: The person on call reads names at night.
source: [\"https://example.org/names\"]
examples:
  fails:
    - hosts: {bunny: {address: 192.168.1.223}}
  passes:
    - {}
";

#[test]
fn a_repository_has_its_own_rules() {
    let clean = SPEC.replace("*:1080", "127.0.0.1:1080");
    let own = [("policies/host-name.yaml", OWN)];
    assert_eq!(found(&clean, &own), (0, vec![]));
    let named = clean.replace("rabbit3: {", "bunny: {");
    assert_eq!(found(&named, &own), (1, vec!["error host-name".to_owned()]));
    let waived = format!("{named}  rules:\n    host-name: {{level: warn, reason: until it is renamed}}\n");
    assert_eq!(found(&waived, &own), (0, vec!["warning host-name".to_owned()]));
    let dir = repository(&named, &own);
    let (status, text, _) = run(rmqgit().args(["explain", "host-name", "-C"]).arg(dir.path()));
    assert_eq!(status, 0);
    insta::assert_snapshot!(text);
}

#[test]
fn a_broken_rule_is_a_finding_with_its_place() {
    let clean = SPEC.replace("*:1080", "127.0.0.1:1080");
    let texts = [
        ("no-yaml.yaml", OWN.replace("code: host-name", "code: no-yaml\nlevel: [")),
        (
            "no-name.yaml",
            OWN.replace("code: host-name", "code: no-name").replace("assert: host.name", "assert: hots.name"),
        ),
        (
            "no-check.yaml",
            OWN.replace("code: host-name", "code: no-check")
                .replace("assert: host.name is matching(\"^rabbit[0-9]+$\")", "check: vrrp"),
        ),
        ("not-found.yaml", OWN.replace("code: host-name", "code: not-found").replace("bunny:", "rabbit9:")),
        ("not-asked.yaml", OWN.replace("code: host-name", "code: not-asked").replace("host.name is", "host.nmae is")),
        ("other-name.yaml", OWN.to_owned()),
        ("stats-on-every-address.yaml", OWN.replace("code: host-name", "code: stats-on-every-address")),
    ];
    let files: Vec<_> = texts.iter().map(|(name, text)| (format!("policies/{name}"), text.as_str())).collect();
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    let dir = repository(&clean, &files);
    let (status, text) = check(dir.path(), "text");
    assert_eq!(status, 1);
    insta::assert_snapshot!(text);
}

/// Policies of one name stand in several vhosts; a finding shows the one that it is about.
#[test]
fn a_finding_is_at_the_policy_of_its_vhost() {
    let policy = |vhost: &str, pattern: &str| {
        format!("      - {{name: ttl, vhost: {vhost}, pattern: \"{pattern}\", definition: {{message-ttl: 0}}}}\n")
    };
    let policies = format!("    policies:\n{}{}", policy("billing", "^b\\\\."), policy("orders", "^o\\\\."));
    let spec =
        SPEC.replace("vhosts: {", "vhosts: {billing: {}, ").replace("    users:\n", &format!("{policies}    users:\n"));
    let rule = "code: orders-alone\nlevel: deny\nfor: policy\nassert: policy.vhost != \"orders\"\nat: pattern\nmessage: no policy\n\
                why: A test.\nsource: [\"https://example.org\"]\nexamples:\n  fails: [{}]\n  passes: [{rabbitmq: {policies: []}}]\n";
    let dir = repository(&spec, &[("policies/orders-alone.yaml", rule)]);
    let json: Value = serde_json::from_str(&check(dir.path(), "json").1).unwrap();
    let found = json["diagnostics"].as_array().unwrap();
    let diag = found.iter().find(|diag| diag["code"] == "orders-alone").expect("the rule finds the policy");
    let line = usize::try_from(diag["labels"][0]["line"].as_u64().unwrap()).unwrap();
    assert!(spec.lines().nth(line - 1).unwrap().contains("vhost: orders"), "line {line}:\n{spec}");
}

/// What the check refuses is not published, a waiver opens the way, and a rule file that cannot be read closes it.
#[test]
fn publish_asks_the_rules_of_the_commit() {
    let clean = SPEC.replace("*:1080", "127.0.0.1:1080").replace("rabbit3: {", "bunny: {");
    let dir = repository(&clean, &[("policies/host-name.yaml", OWN)]);
    let commit = || {
        for args in [&["init", "--quiet"][..], &["add", "--all"], &["commit", "--quiet", "--message", "spec"]] {
            let names = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"];
            let mut git = std::process::Command::new("git");
            let (status, stdout, stderr) = run(git.current_dir(dir.path()).args(names).args(args));
            assert_eq!(status, 0, "git {args:?}: {stdout}{stderr}");
        }
    };
    let publish = || {
        let (status, _, stderr) = run(rmqgit().arg("publish").arg(dir.path()));
        let codes = stderr.lines().filter_map(|line| line.split_once("]: ").map(|(head, _)| format!("{head}]")));
        // A release is made today, and support ends some day.
        (status, codes.filter(|code| !code.contains("end-of-life")).collect::<Vec<_>>())
    };
    commit();
    assert_eq!(publish(), (1, vec!["error[host-name]".to_owned()]));
    let waived = format!("{clean}  rules:\n    host-name: {{level: warn, reason: until it is renamed}}\n");
    fs::write(dir.path().join("rmqgit.yaml"), waived).unwrap();
    commit();
    assert_eq!(publish(), (0, vec!["warning[host-name]".to_owned()]));
    fs::write(dir.path().join("policies/host-name.yaml"), OWN.replace("level: deny", "level: daring")).unwrap();
    commit();
    // Without the rule, its waiver names nothing.
    assert_eq!(publish(), (1, vec!["error[unknown-rule]".to_owned(), "error[unknown-value]".to_owned()]));
}
