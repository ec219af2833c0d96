//! What `rmqgit status` shows of incidents: as a document, and on a terminal.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::{Value, json};

use super::life::{SYSCTL, host};
use super::receiver::Receiver;
use crate::sync::site::Site;

fn status(site: &Site) -> Value {
    let (code, out, err) = crate::run(crate::rmqgit().args(["status", "--format", "json", "--root"]).arg(&site.root));
    assert!(err.is_empty() && [0, 1].contains(&code), "{err}");
    let schema = serde_json::from_str(include_str!("../../../schema/report.json")).unwrap();
    let schema = jsonschema::draft202012::new(&schema).unwrap();
    let document = serde_json::from_str(&out).unwrap();
    let faults: Vec<_> = schema.iter_errors(&document).map(|fault| fault.to_string()).collect();
    assert_eq!(faults, [""; 0], "{out}");
    document
}

#[test]
fn incidents_are_in_the_document_with_their_history_and_what_targets_were_told() {
    let receiver = Receiver::new();
    let site = host(&receiver, "");
    site.sync(&[]);
    assert_eq!(status(&site)["incidents"]["open"], json!([]));
    site.put(SYSCTL, "other\n", 0o644);
    receiver.reply("503 Service Unavailable", "");
    site.sync(&[]);
    let shown = &status(&site)["incidents"];
    let open = &shown["open"][0];
    assert_eq!((&open["kind"], &open["object"]), (&json!("drift"), &json!(SYSCTL)));
    assert_eq!((&open["severity"], &open["number"]), (&json!("warning"), &json!(1)));
    assert_eq!(open["history"][0]["stage"], "opened");
    assert!(open["age"].as_i64().is_some() && open["diff"].as_str().unwrap().contains("ip_nonlocal_bind"), "{open}");
    let target = &shown["targets"][0];
    assert_eq!((&target["target"], &target["waiting"], &target["failures"]), (&json!("ops"), &json!(1), &json!(1)));
    assert!(target["not_before"].is_string() && target["attempts"][0]["failure"].as_str().unwrap().contains("503"));
    site.converge();
    let shown = &status(&site)["incidents"];
    assert_eq!(shown["open"], json!([]));
    assert_eq!(shown["over"][0]["history"][1]["stage"], "resolved");

    // A book that cannot be read is said, and a host without alerts has none.
    site.put("/var/lib/rmqgit/alerts.json", "{", 0o600);
    assert!(status(&site)["incidents"]["unreadable"].as_str().unwrap().contains("damaged"));
    let text = crate::run(crate::rmqgit().args(["status", "--root"]).arg(&site.root)).1;
    assert!(text.contains("the incidents are not known"), "{text}");
    site.put("/etc/rmqgit/agent.yaml", "metrics: /m.prom\n", 0o644);
    assert_eq!(status(&site)["incidents"], Value::Null);
    site.sync(&[]);
    assert!(!site.live("/var/lib/rmqgit/alerts.json").exists(), "what nobody asks for is not kept");
    assert!(!site.get("/m.prom").contains("rmqgit_incidents_open"));
}

/// Runs a program on a terminal, waits until it has drawn three times, sends a key, and says how it ended and whether the
/// terminal is as before.
const TERMINAL: &str = r"
import json, os, pty, select, sys, termios, time
key, args = sys.argv[1], sys.argv[2:]
master, slave = pty.openpty()
before = termios.tcgetattr(slave)
pid = os.fork()
if pid == 0:
    os.close(master)
    os.login_tty(slave)
    os.execvp(args[0], args)
drawn, until = b'', time.monotonic() + 60
while drawn.count(b'\x1b[2J') < 3 and time.monotonic() < until:
    if select.select([master], [], [], 1)[0]:
        drawn += os.read(master, 65536)
os.write(master, key.encode())
_, status = os.waitpid(pid, 0)
print(json.dumps([drawn.count(b'\x1b[2J'), os.waitstatus_to_exitcode(status), termios.tcgetattr(slave) == before, drawn.decode()]))
";

#[test]
fn a_person_watches_and_the_terminal_is_as_before() {
    let receiver = Receiver::new();
    let site = host(&receiver, "");
    site.put(SYSCTL, "other\n", 0o644);
    site.sync(&[]);
    let python = Command::new("python3").args(["-c", "import os; os.login_tty"]).status().unwrap();
    assert!(python.success(), "this needs Python 3.11");
    for key in ["q", "\u{3}"] {
        let mut command = Command::new("timeout");
        command.args(["90", "python3", "-c", TERMINAL, key]).arg(assert_cmd::cargo::cargo_bin!("rmqgit"));
        command.args(["status", "--watch", "--root"]).arg(&site.root);
        let (code, out, err) = crate::run(&mut command);
        assert_eq!(code, 0, "{err}");
        let ended: Value = serde_json::from_str(&out).unwrap();
        assert!(ended[0].as_u64().unwrap() >= 3, "it is drawn again: {ended}");
        assert_eq!((&ended[1], &ended[2]), (&json!(1), &json!(true)), "{key:?}: {ended}");
        assert!(ended[3].as_str().unwrap().contains("open incidents"), "{ended}");
    }
    let (code, _, err) = crate::run(crate::rmqgit().args(["status", "--watch", "--root"]).arg(&site.root));
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("needs a terminal"), "{err}");
}

#[test]
fn a_run_that_failed_before_its_report_is_not_hidden_by_an_older_one() {
    let site = Site::full();
    let status = |format: &str| {
        let mut command = crate::rmqgit();
        let (code, out, err) = crate::run(command.args(["status", "--format", format, "--root"]).arg(&site.root));
        (code, format!("{out}{err}"))
    };
    let state = site.live("/var/lib/rmqgit");
    site.put("/var/lib/rmqgit/state.json", "garbage", 0o600);
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o700)).unwrap();
    assert!(site.text(&[]).ends_with("[exit 3]"));
    let (code, said) = status("text");
    assert!(code == 3 && said.contains("could not work") && said.contains("state.json"), "{said}");
    std::fs::remove_file(site.live("/var/lib/rmqgit/state.json")).unwrap();
    site.converge();
    assert_eq!(status("text").0, 0);

    // The state is damaged: the last run says so.
    let whole = site.get("/var/lib/rmqgit/state.json");
    site.put("/var/lib/rmqgit/state.json", "garbage", 0o600);
    assert!(site.text(&[]).ends_with("[exit 3]"));
    let (code, said) = status("text");
    assert!(code == 3 && said.contains("failed") && said.contains("no run can work: `"), "{said}");
    let document: Value = serde_json::from_str(&status("json").1).unwrap();
    assert_eq!(document["verdict"], "failed");
    // A dry run remembers nothing, and one that works ends it.
    site.put("/var/lib/rmqgit/state.json", &whole, 0o600);
    site.sync(&["--dry-run"]);
    assert_eq!(status("text").0, 3);
    site.sync(&[]);
    assert_eq!(status("text").0, 0);
    assert!(!site.live("/var/lib/rmqgit/failed-run.json").exists());

    // The state cannot be used at all, so that nothing could be noted.
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o777)).unwrap();
    assert!(site.text(&[]).ends_with("[exit 3]"));
    let (code, said) = status("text");
    assert!(code == 3 && said.contains("could be written by others"), "{said}");
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(status("text").0, 0);
    assert_eq!(
        std::fs::read_dir(&state)
            .unwrap()
            .filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().contains("probe"))
            .count(),
        0
    );
}

#[test]
fn a_target_that_takes_nothing_is_said_in_the_log() {
    let receiver = Receiver::new();
    let site = host(&receiver, "");
    site.put(SYSCTL, "other\n", 0o644);
    receiver.reply("503 Service Unavailable", "no\u{202e}w");
    let (_, out, err) = crate::run(site.command(&[]).args(["--format", "log"]));
    assert_eq!(
        (out.lines().count(), err.as_str()),
        (1, "<4>rmqgit: the alert target `ops` is not told: HTTP 503: no w\n")
    );
    // While it rests nothing is tried, and nothing said.
    assert_eq!(crate::run(&mut site.command(&[])).2, "");
}

#[test]
fn a_test_waits_where_a_service_asks_for_it() {
    let receiver = Receiver::new();
    let site = host(&receiver, "");
    site.sync(&[]);
    receiver.reply("429 Too Many Requests\r\nretry-after: 0", "");
    // The timer may say who the host is: its last report knows.
    let (code, out, err) = crate::run(crate::rmqgit().args(["alert", "test", "--root"]).arg(&site.root));
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(receiver.taken().len() == 8 && out.lines().all(|line| line.ends_with(": taken")), "{out}");
}
