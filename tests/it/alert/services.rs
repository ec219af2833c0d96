//! Real services, end to end: Alertmanager and an SMTP server of Debian.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::receiver::Receiver;
use crate::sync::site::Site;

/// A program that is ended with the test.
pub(super) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Starts a program, and waits until somebody listens on its port.
pub(super) fn start(command: &mut Command, port: u16) -> Running {
    let mut running =
        Running(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(running.0.try_wait().unwrap().is_none(), "{command:?} ended");
        assert!(began.elapsed() < Duration::from_secs(180), "{command:?} does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    running
}

fn host(target: &str) -> Site {
    let site = Site::full();
    site.converge();
    site.put("/etc/rmqgit/agent.yaml", &format!("alerts: {{targets: {{it: {target}}}}}\n"), 0o644);
    site
}

const SYSCTL: &str = "/etc/sysctl.d/60-rmqgit.conf";

fn get(port: u16, path: &str) -> Value {
    let url = format!("http://127.0.0.1:{port}{path}");
    let (code, out, err) = crate::run(Command::new("curl").args(["-sS", "--noproxy", "*", &url]));
    assert_eq!(code, 0, "{err}");
    serde_json::from_str(&out).unwrap()
}

#[test]
fn alertmanager_takes_alerts_and_their_end() {
    let dir = tempfile::tempdir().unwrap();
    let (_running, port) = alertmanager(dir.path(), None);
    let server = format!("http://127.0.0.1:{port}");
    let site = host(&format!("{{alertmanager: {{server: \"{server}\", labels: {{team: queues}}}}}}"));
    site.put(SYSCTL, "other\n", 0o644);
    assert_eq!(site.sync(&[]).0, 1);
    let alerts = get(port, "/api/v2/alerts");
    let alerts = alerts.as_array().unwrap();
    assert_eq!(alerts.len(), 1, "{alerts:?}\n{}", book(&site));
    let expect = serde_json::json!({
        "alertname": "RmqgitDrift", "cluster": "orders", "host": "rabbit1", "kind": "drift", "object": SYSCTL,
        "severity": "warning", "team": "queues",
    });
    assert_eq!(alerts[0]["labels"], expect);
    assert_eq!(alerts[0]["status"]["state"], "active");
    // The same alert again is the same alert, and its end is its end.
    assert_eq!(site.converge().0, 0);
    assert_eq!(get(port, "/api/v2/alerts"), serde_json::json!([]), "{}", book(&site));
}

/// Starts an Alertmanager that tells a webhook, if there is one.
fn alertmanager(dir: &Path, hook: Option<&str>) -> (Running, u16) {
    let config = dir.join("alertmanager.yml");
    let receiver =
        hook.map_or("{name: hook}".to_owned(), |url| format!("{{name: hook, webhook_configs: [{{url: \"{url}\"}}]}}"));
    let times = "group_wait: 3s, group_interval: 1s, repeat_interval: 1h";
    let route = format!("route: {{receiver: hook, group_by: [cluster, kind], {times}}}");
    fs::write(&config, format!("{route}\nreceivers: [{receiver}]\n")).unwrap();
    let port = free_port();
    let mut command = Command::new("prometheus-alertmanager");
    command.arg(format!("--config.file={}", config.display()));
    command.arg(format!("--storage.path={}", dir.join("data").display()));
    command.arg(format!("--web.listen-address=127.0.0.1:{port}")).arg("--cluster.listen-address=");
    (start(&mut command, port), port)
}

#[test]
fn many_hosts_with_the_same_fault_are_one_notification() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::new();
    let (_running, port) = alertmanager(dir.path(), Some(&receiver.url));
    let target = format!("{{alertmanager: {{server: \"http://127.0.0.1:{port}\"}}}}");
    // The remote has a release for one host, and for none of these.
    let sites: Vec<(Site, String)> = (2..=5).map(|number| (Site::full(), format!("rabbit{number}"))).collect();
    for (site, host) in &sites {
        site.put("/etc/rmqgit/agent.yaml", &format!("alerts: {{targets: {{it: {target}}}}}\n"), 0o644);
        let mut command = crate::rmqgit();
        command.args(["sync", "--signatures", "ignored", "--cluster", "orders", "--host", host, "--remote"]);
        let (code, out, err) = crate::run(command.arg(site.origin.path()).arg("--root").arg(&site.root));
        assert_eq!(code, 3, "{out}{err}");
    }
    let groups = get(port, "/api/v2/alerts/groups");
    assert_eq!(groups.as_array().unwrap().len(), 1, "{groups}");
    assert_eq!(groups[0]["labels"], serde_json::json!({ "cluster": "orders", "kind": "no-release" }));
    assert_eq!(groups[0]["alerts"].as_array().unwrap().len(), sites.len(), "{groups}");
    // What people get is about all of them.
    let began = Instant::now();
    let mut told: Vec<Value> = Vec::new();
    while told.last().is_none_or(|last| last["alerts"].as_array().unwrap().len() < sites.len()) {
        assert!(began.elapsed() < Duration::from_secs(60), "{told:?}");
        std::thread::sleep(Duration::from_millis(100));
        told.extend(receiver.taken().iter().map(|taken| serde_json::from_str::<Value>(&taken.body).unwrap()));
    }
    let key = &told[0]["groupKey"];
    assert!(told.iter().all(|one| one["groupKey"] == *key && one["status"] == "firing"), "{told:?}");
}

#[test]
fn an_alert_that_becomes_worse_is_one_alert() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::new();
    let (_running, port) = alertmanager(dir.path(), Some(&receiver.url));
    let target = format!("{{alertmanager: {{server: \"http://127.0.0.1:{port}\"}}}}");
    let site = host(&target);
    site.put(SYSCTL, "other\n", 0o644);
    assert_eq!(site.sync(&[]).0, 1);
    let severities = || {
        let alerts = get(port, "/api/v2/alerts");
        alerts.as_array().unwrap().iter().map(|alert| alert["labels"]["severity"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(severities(), ["warning"]);
    let worse = format!("alerts: {{severities: {{drift: critical}}, targets: {{it: {target}}}}}\n");
    site.put("/etc/rmqgit/agent.yaml", &worse, 0o644);
    site.put(SYSCTL, "another\n", 0o644);
    assert_eq!(site.sync(&[]).0, 1);
    assert_eq!(severities(), ["critical"], "{}", book(&site));
}

pub(super) fn book(site: &Site) -> String {
    fs::read_to_string(site.live("/var/lib/rmqgit/alerts.json")).unwrap_or_default()
}

/// Writes every mail into a file of its own, as it came.
const MAILBOX: &str = "
import sys, os
from aiosmtpd.controller import Controller
class Keep:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith('gone'):
            return '550 5.1.1 nobody here'
        if address.startswith('later'):
            return '451 4.2.0 try again'
        envelope.rcpt_tos.append(address)
        return '250 OK'
    async def handle_DATA(self, server, session, envelope):
        n = len([f for f in os.listdir(sys.argv[2]) if f.startswith('mail')])
        with open(os.path.join(sys.argv[2], 'new'), 'wb') as f:
            f.write(envelope.content)
        os.rename(os.path.join(sys.argv[2], 'new'), os.path.join(sys.argv[2], f'mail{n}'))
        return '250 kept'
c = Controller(Keep(), hostname='127.0.0.1', port=int(sys.argv[1]))
c.start()
import threading
threading.Event().wait()
";

#[test]
fn a_mail_server_takes_mail_in_one_thread() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-c", MAILBOX, &port.to_string()]).arg(dir.path());
    let _running = start(&mut command, port);
    let target = format!(
        "{{email: {{server: 127.0.0.1, port: {port}, encryption: none, from: \"rmqgit <rmqgit@example.org>\", to: [\"Ops Ümlaut <ops@example.org>\"]}}}}"
    );
    let site = host(&target);
    site.put(SYSCTL, "other\n", 0o644);
    assert_eq!(site.sync(&[]).0, 1);
    assert_eq!(site.converge().0, 0);
    // Python's own reader of mail says what came.
    let read = "import sys, email, email.policy, json\nfor f in sys.argv[1:]:\n m = email.message_from_bytes(open(f,'rb').read(), policy=email.policy.default)\n print(json.dumps([m['subject'], m['to'], m['message-id'], m['in-reply-to'], m['auto-submitted'], [p.get_content_type() for p in m.walk()], m.get_body(('plain',)).get_content()]))";
    let mails: Vec<Value> = ["mail0", "mail1"].map(|name| mail(read, &dir.path().join(name), &site)).into();
    let (first, last) = (&mails[0], &mails[1]);
    assert_eq!(first[0], format!("warning: drift {SYSCTL} on orders/rabbit1"));
    assert_eq!(first[1], "Ops Ümlaut <ops@example.org>");
    assert_eq!(first[5], serde_json::json!(["multipart/alternative", "text/plain", "text/html"]));
    assert!(first[6].as_str().unwrap().contains("+net.ipv4.ip_nonlocal_bind = 1"), "{first}");
    assert!(last[0].as_str().unwrap().starts_with("resolved after"), "{last}");
    assert_eq!((&first[3], &first[4]), (&Value::Null, &Value::from("auto-generated")));
    assert_eq!(last[3], first[2]);
}

#[test]
fn a_mailbox_that_is_gone_keeps_a_mail_from_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-c", MAILBOX, &port.to_string()]).arg(dir.path());
    let _running = start(&mut command, port);
    let came = || fs::read_dir(dir.path()).unwrap().count();
    let to = |to: &str| {
        let target = format!("{{server: 127.0.0.1, port: {port}, encryption: none, from: r@example.org, to: [{to}]}}");
        let site = host(&format!("{{email: {target}}}"));
        site.put(SYSCTL, "other\n", 0o644);
        assert_eq!(site.sync(&[]).0, 1);
        let book: Value = serde_json::from_str(&book(&site)).unwrap();
        let queue = &book["outbox"]["it"];
        let refusals = queue["entries"].get(0).map(|entry| entry["refusals"].clone());
        (queue["failures"].clone(), refusals)
    };
    assert_eq!(to("ops@example.org, gone@example.org, later@example.org"), (Value::from(0), None));
    assert_eq!(came(), 1);
    // Nobody takes it: that is no fault of the mail, which waits with all that it says.
    assert_eq!(to("gone@example.org, later@example.org"), (Value::from(1), Some(Value::from(0))));
    assert_eq!(to("gone@example.org"), (Value::from(1), Some(Value::from(0))));
    assert_eq!(came(), 1);
}

fn mail(read: &str, path: &Path, site: &Site) -> Value {
    assert!(path.exists(), "{}", book(site));
    let (code, out, err) = crate::run(Command::new("/usr/bin/python3").args(["-c", read]).arg(path));
    assert_eq!(code, 0, "{err}");
    serde_json::from_str(&out).unwrap()
}
