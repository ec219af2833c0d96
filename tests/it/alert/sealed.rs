//! Secrets of targets that are sealed for the host, and settings that are wrong.

use std::process::Command;

use rmqgit::name::SecretRef;
use rmqgit::secret::{Envelope, PublicKey, Secret, seal};
use serde_json::Value;

use super::life::{SYSCTL, host, told};
use super::receiver::Receiver;

#[test]
fn a_target_whose_address_is_sealed_for_this_host_is_told() {
    let receiver = Receiver::new();
    let site = host(&receiver, "");
    site.put(SYSCTL, "other\n", 0o644);
    site.put("/etc/ssh/x", "", 0o600);
    let key = |path: &str| {
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(site.live(path));
        assert_eq!(crate::run(&mut command).0, 0);
        PublicKey::parse(&site.get(&format!("{path}.pub"))).unwrap()
    };
    let (own, other) = (key("/etc/ssh/ssh_host_ed25519_key"), key("/etc/ssh/other"));
    let put = |name: &str, cluster: &str, of: &str, reader: &PublicKey| {
        let envelope = Envelope {
            cluster: cluster.parse().unwrap(),
            name: SecretRef::parse(name).unwrap(),
            hosts: [of.parse().unwrap()].into(),
        };
        let sealed = seal(&envelope, &Secret::new(receiver.url.clone().into()), std::slice::from_ref(reader));
        site.put("/etc/rmqgit/alerts/ops-hook.age", &String::from_utf8(sealed).unwrap(), 0o600);
        let settings = "alerts: {targets: {ops: {webhook: {url-file: /etc/rmqgit/alerts/ops-hook.age}}}}\n";
        site.put("/etc/rmqgit/agent.yaml", settings, 0o644);
        drop(std::fs::remove_file(site.live("/var/lib/rmqgit/alerts.json")));
        assert_eq!(site.sync(&[]).0, 1);
        let book: Value = serde_json::from_str(&site.get("/var/lib/rmqgit/alerts.json")).unwrap();
        assert!(!book.to_string().contains("canary"), "{book}");
        book["outbox"]["ops"]["attempts"][0]["failure"].as_str().unwrap_or("taken").to_owned()
    };
    assert_eq!(put("ops-hook", "orders", "rabbit1", &own), "taken");
    assert_eq!(told(&receiver.taken()), [format!("opened drift {SYSCTL}")]);
    for (name, cluster, of, reader) in [
        ("ops-hook", "orders", "rabbit1", &other),
        ("ops-hook", "orders", "rabbit2", &own),
        ("ops-hook", "billing", "rabbit1", &own),
        ("other-hook", "orders", "rabbit1", &own),
    ] {
        let said = put(name, cluster, of, reader);
        assert!(said.contains("cannot be opened"), "{name} {cluster} {of}: {said}");
    }
    assert_eq!(receiver.taken().len(), 0);
}

#[test]
fn a_target_that_is_none_stops_neither_the_run_nor_the_others() {
    let receiver = Receiver::new();
    let site = host(&receiver, "");
    let settings = "alerts:\n  deadline: 0\n  targets:\n    ops: {webhook: {url-file: /etc/rmqgit/alerts/ops}}\n    \
                    bad: {slack: {channel: x}}\n    night: {teams: {url-file: /f}, quiet: {timezone: UTC, windows: []}}\n";
    site.put("/etc/rmqgit/agent.yaml", settings, 0o644);
    site.put(SYSCTL, "other\n", 0o644);
    let (code, _, err) = crate::run(&mut site.command(&["--mode", "converge"]));
    assert_eq!(code, 0, "drift is repaired: {err}");
    for fault in ["`deadline` of alerts", "the alert target `bad`", "the alert target `night`"] {
        assert!(err.contains(fault), "{err}");
    }
    let heard = told(&receiver.taken());
    assert_eq!(heard, ["opened failed-run agent.yaml".to_owned(), format!("passed drift {SYSCTL}")]);
    let whole = "remote: /nowhere\ncluster: orders\nhost: rabbit1\n";
    site.put("/etc/rmqgit/agent.yaml", &format!("{whole}{settings}"), 0o644);
    let (code, _, err) = crate::run(crate::rmqgit().args(["alert", "test", "--root"]).arg(&site.root));
    assert!(code == 3 && err.contains("the alert target `bad`") && err.contains("`night`"), "{err}");
    site.put(
        "/etc/rmqgit/agent.yaml",
        "alerts: {targets: {ops: {webhook: {url-file: /etc/rmqgit/alerts/ops}}}}\n",
        0o644,
    );
    site.sync(&[]);
    assert_eq!(told(&receiver.taken()), ["resolved failed-run agent.yaml"]);
}
