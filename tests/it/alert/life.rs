//! The life of an incident on one host, as a receiver hears of it.

use std::fmt::Write as _;
use std::fs;

use serde_json::Value;

use super::receiver::{Receiver, Taken};
use crate::sync::site::Site;

/// A host that tells a webhook of its incidents.
pub(super) fn host(receiver: &Receiver, more: &str) -> Site {
    let site = Site::full();
    site.converge();
    site.put("/etc/rmqgit/alerts/ops", &format!("{}\n", receiver.url), 0o600);
    site.put(
        "/etc/rmqgit/agent.yaml",
        &format!("alerts:\n  targets:\n    ops: {{webhook: {{url-file: /etc/rmqgit/alerts/ops}}}}\n{more}"),
        0o644,
    );
    site
}

/// What was told, as `stage kind object`.
pub(super) fn told(taken: &[Taken]) -> Vec<String> {
    let mut told = Vec::new();
    for message in taken {
        let json: Value = serde_json::from_str(&message.body).unwrap();
        for incident in json["incidents"].as_array().unwrap() {
            let word = |key: &str| incident[key].as_str().unwrap().to_owned();
            told.push(format!("{} {} {}", word("stage"), word("kind"), word("object")));
        }
    }
    told
}

pub(super) const SYSCTL: &str = "/etc/sysctl.d/60-rmqgit.conf";

#[test]
fn a_receiver_hears_when_it_opens_and_when_it_ends_and_nothing_between() {
    let receiver = Receiver::new();
    let site = host(&receiver, "");
    assert_eq!(site.sync(&[]).0, 0);
    assert_eq!(told(&receiver.taken()), [""; 0]);
    site.put(SYSCTL, "net.ipv4.ip_nonlocal_bind = 0\n", 0o644);
    assert_eq!(site.sync(&[]).0, 1);
    let taken = receiver.taken();
    assert_eq!(told(&taken), [format!("opened drift {SYSCTL}")]);
    assert_eq!(taken[0].line, "POST /hook/canary-token-5521");
    let document: Value = serde_json::from_str(&taken[0].body).unwrap();
    assert!(document["incidents"][0]["diff"].as_str().unwrap().contains("+net.ipv4.ip_nonlocal_bind = 1"));

    // While nothing is new, nothing is sent, and nothing but the report is written.
    let book = site.live("/var/lib/rmqgit/alerts.json");
    let before = (fs::metadata(&book).unwrap().modified().unwrap(), fs::read(&book).unwrap());
    assert_eq!((site.sync(&[]).0, site.sync(&[]).0), (1, 1));
    assert_eq!((fs::metadata(&book).unwrap().modified().unwrap(), fs::read(&book).unwrap()), before);
    assert_eq!(receiver.taken().len(), 0);

    assert_eq!(site.converge().0, 0);
    assert_eq!(told(&receiver.taken()), [format!("resolved drift {SYSCTL}")]);
    // A run that converges repairs what it finds: one message says both.
    site.put(SYSCTL, "other\n", 0o644);
    assert_eq!(site.converge().0, 0);
    assert_eq!(told(&receiver.taken()), [format!("passed drift {SYSCTL}")]);
    let (code, out, _) = crate::run(crate::rmqgit().arg("status").arg("--root").arg(&site.root));
    assert_eq!(code, 0);
    assert!(out.contains("incidents that are over") && out.contains("works     ops"), "{out}");
}

#[test]
fn a_receiver_that_fails_changes_nothing_about_the_run_and_hears_of_it_later() {
    let receiver = Receiver::new();
    let site = host(&receiver, "");
    site.put(SYSCTL, "other\n", 0o644);
    receiver.reply("503 Service Unavailable", "");
    receiver.reply("429 Too Many Requests\r\nretry-after: 7200", "");
    assert_eq!(site.sync(&[]).0, 1);
    let first = receiver.taken();
    assert_eq!(told(&first), [format!("opened drift {SYSCTL}")]);
    // It rests for a minute: a run in between asks nothing.
    assert_eq!(site.sync(&[]).0, 1);
    assert_eq!(receiver.taken().len(), 0);
    let rested = || {
        let path = site.live("/var/lib/rmqgit/alerts.json");
        let mut book: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let not_before = book["outbox"]["ops"]["not_before"].take();
        fs::write(&path, book.to_string()).unwrap();
        not_before.as_str().unwrap().parse::<jiff::Timestamp>().unwrap()
    };
    rested();
    site.sync(&[]);
    assert_eq!(told(&receiver.taken()), told(&first));
    let wait = rested().duration_since(jiff::Timestamp::now()).as_secs();
    assert!((7_000..=7_200).contains(&wait), "it asked for two hours, and rests for {wait} s");
    let status = crate::run(crate::rmqgit().arg("status").arg("--root").arg(&site.root)).1;
    assert!(status.contains("failing") && status.contains("HTTP 503") && status.contains("HTTP 429"), "{status}");
    // What was told in the end has the same name each time, so that a receiver knows what came twice.
    site.sync(&[]);
    let last = receiver.taken();
    assert_eq!(last[0].headers["webhook-id"], first[0].headers["webhook-id"]);
    assert_eq!(site.converge().0, 0);
    assert_eq!(told(&receiver.taken()), [format!("resolved drift {SYSCTL}")]);
    // The address is nowhere but in its file.
    let state = fs::read_to_string(site.live("/var/lib/rmqgit/alerts.json")).unwrap();
    assert!(!state.contains("canary") && !status.contains("canary"));
}

#[test]
fn nobody_there_and_nobody_listening() {
    let receiver = Receiver::new();
    let site = host(&receiver, "");
    // A port on which nobody listens.
    site.put("/etc/rmqgit/alerts/ops", "http://127.0.0.1:1/canary-token\n", 0o600);
    site.put(SYSCTL, "other\n", 0o644);
    assert_eq!(site.sync(&[]).0, 1);
    // A file that others can read is not used.
    site.put("/etc/rmqgit/alerts/ops", &receiver.url, 0o644);
    let path = site.live("/var/lib/rmqgit/alerts.json");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("cannot reach the server") && !text.contains("canary"), "{text}");
    let mut book: Value = serde_json::from_str(&text).unwrap();
    book["outbox"]["ops"]["not_before"].take();
    fs::write(&path, book.to_string()).unwrap();
    assert_eq!(site.sync(&[]).0, 1);
    assert!(fs::read_to_string(&path).unwrap().contains("can be read by others"));
    assert_eq!(receiver.taken().len(), 0);
}

#[test]
fn without_alerts_nothing_is_kept_and_a_dry_run_tells_nobody() {
    let receiver = Receiver::new();
    let site = host(&receiver, "");
    site.put(SYSCTL, "other\n", 0o644);
    assert_eq!(site.sync(&["--dry-run"]).0, 1);
    assert!(!site.live("/var/lib/rmqgit/alerts.json").exists());
    site.put("/etc/rmqgit/agent.yaml", "{}\n", 0o644);
    assert_eq!(site.sync(&[]).0, 1);
    let state: Vec<_> = fs::read_dir(site.live("/var/lib/rmqgit")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!state.iter().any(|name| name.to_string_lossy().contains("alerts")), "{state:?}");
    assert_eq!(receiver.taken().len(), 0);
}

#[test]
fn a_person_can_try_a_target() {
    let receiver = Receiver::new();
    let site = host(&receiver, "remote: /nowhere\ncluster: orders\nhost: rabbit1\n");
    let run = |args: &[&str]| {
        let (code, out, err) =
            crate::run(crate::rmqgit().args(["alert", "test"]).args(args).arg("--root").arg(&site.root));
        format!("{out}{err}[exit {code}]")
    };
    let stages = ["opened", "changed", "reminded", "flapping", "resolved", "passed", "many"];
    let good: String = stages.iter().map(|stage| format!("ops: {stage}: taken\n")).collect::<Vec<_>>().concat();
    assert_eq!(run(&["ops"]), format!("{good}[exit 0]"));
    assert_eq!(receiver.taken().len(), 7);
    receiver.reply("403 Forbidden", "who are you");
    let said = run(&[]);
    assert!(
        said.starts_with("ops: opened: not taken: HTTP 403: who are you\n") && said.ends_with("[exit 3]"),
        "{said}"
    );
    assert!(run(&["other"]).contains("names no target `other`"));
}

#[test]
fn settings_of_targets_are_checked() {
    let receiver = Receiver::new();
    let site = host(&receiver, "");
    let said = |targets: &str| {
        site.put("/etc/rmqgit/agent.yaml", &format!("alerts: {{targets: {{ops: {targets}}}}}\n"), 0o644);
        let (code, out, err) = crate::run(crate::rmqgit().args(["alert", "check", "--root"]).arg(&site.root));
        site.text(&[]) + "\n" + &site.redact(&format!("{out}{err}[exit {code}]\n"))
    };
    let mut all = String::new();
    for targets in [
        "{}",
        "{slack: {url-file: /f}, teams: {url-file: /f}}",
        "{slack: {url: 'https://hooks.slack.com/x'}}",
        "{mattermost: {token-file: /f, channel: c}}",
        "{email: {server: mail, from: a@b, to: []}}",
        "{alertmanager: {server: 'http://user:canary@am:9093'}}",
        "{telegram: {token-file: /f, chat: c, server: 'https://t.example.org/x?y#z'}}",
        "{wecom: {url-file: /f}, kinds: [drfit], severity: bad}",
    ] {
        writeln!(all, "## {targets}\n{}", said(targets)).unwrap();
    }
    insta::assert_snapshot!(all);
}
