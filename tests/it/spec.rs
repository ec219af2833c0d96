//! A spec as its author meets it: `rmqgit check` on the fixtures, and the schema that editors check it against.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cli::assert_follows_schema;
use crate::{rmqgit, run};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// The fixtures that are sound.
const SOUND: [&str; 6] = ["five-nodes", "fleet", "rhel", "separate-balancers", "tutorial", "two-vips"];

#[test]
fn a_sound_spec_is_found_wherever_one_stands() {
    let said = "rmqgit.yaml: 1 cluster, 3 hosts: no findings\n2 findings waived by the spec\n".to_owned();
    let tutorial = fixture("tutorial");
    assert_eq!(run(rmqgit().arg("check").arg(&tutorial)), (0, said.clone(), String::new()));
    let file = tutorial.join("rmqgit.yaml");
    assert_eq!(run(rmqgit().arg("check").arg(file)), (0, said.clone(), String::new()));
    assert_eq!(run(rmqgit().arg("check").current_dir(&tutorial)), (0, said, String::new()));
}

/// What the rules say of the sound specs is true, and none of it stops a release.
#[test]
fn sound_specs_have_no_errors() {
    let mut said = String::new();
    for name in SOUND {
        let day = ["--today", "2026-06-01", "--format", "json"];
        let (status, json, stderr) = run(rmqgit().arg("check").arg(fixture(name)).args(day));
        assert_eq!((status, stderr.as_str()), (0, ""), "{name}: {json}");
        let document: Value = serde_json::from_str(&json).unwrap();
        for diag in document["diagnostics"].as_array().unwrap() {
            let text = |key: &str| diag[key].as_str().unwrap();
            writeln!(said, "{name}: {} [{}] {}", text("severity"), text("code"), text("message")).unwrap();
        }
    }
    insta::assert_snapshot!(said);
}

#[test]
fn findings_are_data_in_three_formats() {
    let check = |format: &str| {
        let (status, stdout, stderr) = run(rmqgit().arg("check").arg(fixture("broken")).args(["--format", format]));
        assert_eq!((status, stderr.as_str()), (1, ""), "{format}");
        stdout
    };
    let text = check("text");
    let json = check("json");
    assert_follows_schema("diagnostics", &json);
    let document: Value = serde_json::from_str(&json).unwrap();
    let count = document["diagnostics"].as_array().expect("a list").len();
    assert!(text.ends_with(&format!("\n{count} errors\n")), "{text}");
    let github = check("github");
    assert_eq!(
        github.lines().filter(|line| line.starts_with("::error file=rmqgit.yaml,line=")).count(),
        count,
        "{github}"
    );
    assert_eq!(github.lines().count(), count, "{github}");
}

/// Every line of `allowed_signers` that no host could use is told at once, with its place.
#[test]
fn signers_are_checked_with_the_spec() {
    let dir = tempfile::tempdir().unwrap();
    fs::copy(fixture("tutorial").join("rmqgit.yaml"), dir.path().join("rmqgit.yaml")).unwrap();
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICpwfEH9UZ22s8fFPDvU5Eaf9en9nxuji7I5o1HV10X5";
    let rsa = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAwEAAQ==";
    let mut seen = String::new();
    for (what, lines) in [
        ("two that sign", format!("# ours\n\nci {key}\nann {key} ann@example.org\n")),
        ("some that do not", format!("ci {key}\n  old valid-before=\"20200101\" {key}\nrobot {rsa}\n")),
        ("faults", format!("ci {key}\nann cert-authority {key}\n\nbob ssh-ed25519 AAAA\n* what\n")),
        ("nobody", format!("old valid-before=\"20200101\" {key}\n")),
        ("nothing", String::new()),
    ] {
        fs::write(dir.path().join("allowed_signers"), lines).unwrap();
        let (status, stdout, stderr) = run(rmqgit().arg("check").arg(dir.path()).args(["--today", "2026-06-01"]));
        writeln!(seen, "# {what}: status {status}\n{stdout}{stderr}").unwrap();
    }
    insta::assert_snapshot!(seen.replace(dir.path().to_str().unwrap(), "DIR"));
}

#[test]
fn what_is_no_spec_is_a_failure() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().display();
    let said = format!(
        "rmqgit: there is no `{path}/rmqgit.yaml`\n  help: `rmqgit init DIR` makes a spec repository to start from\n"
    );
    assert_eq!(run(rmqgit().arg("check").arg(dir.path())), (3, String::new(), said));
    fs::write(dir.path().join("other.yaml"), "").unwrap();
    let said = format!(
        "rmqgit: `{path}/other.yaml` is not the root of a spec\n  help: give a directory, or the `rmqgit.yaml` in it\n"
    );
    assert_eq!(run(rmqgit().arg("check").arg(dir.path().join("other.yaml"))), (2, String::new(), said));
}

fn validator(document: &str) -> jsonschema::Validator {
    let (_, schema, _) = run(rmqgit().args(["schema", document]));
    jsonschema::draft202012::new(&serde_json::from_str(&schema).unwrap()).unwrap()
}

fn value(path: &Path) -> Value {
    serde_yaml::from_str(&fs::read_to_string(path).unwrap()).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn the_schema_accepts_the_fixtures() {
    let (spec, cluster) = (validator("spec"), validator("cluster"));
    let mut seen = 0;
    for name in SOUND {
        let clusters = fs::read_dir(fixture(name).join("clusters")).into_iter().flatten();
        let files = clusters.map(|entry| (&cluster, entry.unwrap().path()));
        for (schema, path) in files.chain([(&spec, fixture(name).join("rmqgit.yaml"))]) {
            let value = value(&path);
            let faults: Vec<_> = schema.iter_errors(&value).map(|e| format!("{}: {e}", e.instance_path())).collect();
            assert!(faults.is_empty(), "{}: {}", path.display(), faults.join("\n"));
            seen += 1;
        }
    }
    assert_eq!(seen, 9);
}

#[test]
fn the_schema_refuses_what_the_program_refuses() {
    let schema = validator("spec");
    let sound = value(&fixture("tutorial/rmqgit.yaml"));
    let cases = [
        ("/version", json!(2)),
        ("/cluster/platform", json!("debain")),
        ("/cluster/hosts/rabbit1", json!("192.168.1.219")),
        ("/cluster/hosts/rabbit1/adress", json!("192.168.1.219")),
        ("/cluster/rabbitmq/cookie", json!("QWERTYUIOPASDFGHJKLZ")),
        ("/cluster/rabbitmq/nodes", json!("rabbit1")),
        ("/cluster/rabbitmq/users/admin/password", json!("hunter2")),
        ("/cluster/rabbitmq/policies/0/apply-to", json!("queue")),
        ("/cluster/rabbitmq/config/heartbeat", json!([60])),
        ("/cluster/haproxy/amqp/port", json!(70000)),
        ("/cluster/haproxy/amqp/check/type", json!("ping")),
        ("/cluster/keepalived/vip", json!(["192.168.1.222"])),
    ];
    for (pointer, wrong) in cases {
        let mut spec = sound.clone();
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        let parent = spec.pointer_mut(parent).unwrap_or_else(|| panic!("{pointer} is not in the tutorial"));
        parent.as_object_mut().expect("a mapping").insert(key.to_owned(), wrong);
        assert!(!schema.is_valid(&spec), "{pointer} was accepted");
        // The program agrees: a JSON document is a YAML document.
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("rmqgit.yaml"), spec.to_string()).unwrap();
        let (status, stdout, _) = run(rmqgit().arg("check").arg(dir.path()));
        assert_eq!(status, 1, "{pointer}: {stdout}");
    }
}
