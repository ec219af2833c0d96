//! Secrets of targets that are sealed for the host, and settings that are wrong.

use std::io::Write as _;
use std::process::{Command, Stdio};

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
    let left_out = "rmqgit: left out of `alerts` in agent.yaml: `deadline` (line 2: invalid-value), the target `bad` (line 5: \
                    invalid-value), the target `night` (line 6: empty-list); `rmqgit alert check` says what is wrong\n";
    assert_eq!(err, left_out);
    let taken = receiver.taken();
    let mut heard = told(&taken);
    heard.sort();
    assert_eq!(heard, ["opened broken-alerts ".to_owned(), format!("passed drift {SYSCTL}")]);
    let bodies: String = taken.iter().map(|taken| taken.body.as_str()).collect();
    assert!(
        bodies.contains("`deadline` (line 2: invalid-value), the target `bad` (line 5: invalid-value)"),
        "{bodies}"
    );
    let status = crate::run(crate::rmqgit().args(["status", "--root"]).arg(&site.root));
    assert!(status.1.contains("broken-alerts") && status.2 == left_out, "{}{}", status.1, status.2);
    for verb in ["test", "check"] {
        let (code, out, err) = crate::run(crate::rmqgit().args(["alert", verb, "--root"]).arg(&site.root));
        assert!(code == 3 && out.is_empty() && err.contains("3 errors") && err.contains(":5:"), "{out}{err}");
    }
    assert_eq!(receiver.taken().len(), 0);
    site.put(
        "/etc/rmqgit/agent.yaml",
        "alerts: {targets: {ops: {webhook: {url-file: /etc/rmqgit/alerts/ops}}}}\n",
        0o644,
    );
    site.sync(&[]);
    assert_eq!(told(&receiver.taken()), ["resolved broken-alerts "]);
}

#[test]
fn a_secret_that_a_person_sealed_for_the_host_is_opened_there() {
    let receiver = Receiver::new();
    let site = host(&receiver, "");
    site.put("/etc/ssh/x", "", 0o600);
    let key = site.live("/etc/ssh/ssh_host_ed25519_key");
    assert_eq!(crate::run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key)).0, 0);
    let seal = |host: &str, value: &str| {
        let mut command = crate::rmqgit();
        command.args(["alert", "seal", "ops-hook", "--cluster", "orders", "--host", host, "--key"]);
        command.arg(key.with_extension("pub")).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(value.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code().unwrap(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let (code, sealed) = seal("rabbit1", &format!("{}\n", receiver.url));
    assert!(code == 0 && !sealed.contains("canary") && sealed.starts_with("-----BEGIN AGE"), "{sealed}");
    site.put("/etc/rmqgit/alerts/ops-hook.age", &sealed, 0o600);
    let settings = "alerts: {targets: {ops: {webhook: {url-file: /etc/rmqgit/alerts/ops-hook.age}}}}\n";
    site.put("/etc/rmqgit/agent.yaml", settings, 0o644);
    let check = || crate::run(crate::rmqgit().args(["alert", "check", "--root"]).arg(&site.root));
    let (code, out, err) = check();
    assert_eq!((code, out.as_str(), err.as_str()), (0, "ops: webhook: can be tried\n", ""));
    site.put(SYSCTL, "other\n", 0o644);
    site.sync(&[]);
    assert_eq!(told(&receiver.taken()), [format!("opened drift {SYSCTL}")]);

    // One for another host, one that is not there, and one that is no address are found before anything happens.
    site.put("/etc/rmqgit/alerts/ops-hook.age", &seal("rabbit2", &receiver.url).1, 0o600);
    let (code, out, _) = check();
    assert!(code == 3 && out.contains("it is not for the host `rabbit1`"), "{out}");
    std::fs::remove_file(site.live("/etc/rmqgit/alerts/ops-hook.age")).unwrap();
    let (code, out, _) = check();
    assert!(code == 3 && out.contains("there is no file"), "{out}");
    site.put("/etc/rmqgit/alerts/ops-hook.age", "http://hooks.example.org/canary\n", 0o600);
    let (code, out, _) = check();
    assert!(code == 3 && out.contains("holds no address of https") && !out.contains("canary"), "{out}");
    // What an editor leaves around an address is no part of it.
    site.put("/etc/rmqgit/alerts/ops-hook.age", &format!("\u{feff}{} \r\n", receiver.url), 0o600);
    assert_eq!(check().0, 0);
    for empty in ["", "\n", "a\nb\n"] {
        let (code, said) = seal("rabbit1", empty);
        assert!(code == 3 && said.contains("not one line"), "{said}");
    }
}

#[test]
fn a_file_of_certificates_that_cannot_be_used_is_a_failure_of_each_target() {
    let receiver = Receiver::new();
    let site = host(&receiver, "");
    let settings =
        "alerts: {ca-file: /etc/nowhere.pem, targets: {ops: {webhook: {url-file: /etc/rmqgit/alerts/ops}}}}\n";
    site.put("/etc/rmqgit/agent.yaml", settings, 0o644);
    let status = || crate::run(crate::rmqgit().args(["status", "--root"]).arg(&site.root)).1;
    site.sync(&[]);
    assert!(status().contains("untried   ops"), "{}", status());
    site.put(SYSCTL, "other\n", 0o644);
    let (code, _, err) = crate::run(&mut site.command(&["--format", "log"]));
    assert!(
        code == 1 && err.contains("the alert target `ops` is not told: cannot use") && err.lines().count() == 1,
        "{err}"
    );
    assert!(status().contains("failing   ops, 1 to be told"), "{}", status());
    let (code, out, _) = crate::run(crate::rmqgit().args(["alert", "check", "--root"]).arg(&site.root));
    assert!(code == 3 && out.contains("cannot use"), "{out}");
    assert_eq!(receiver.taken().len(), 0);
}
