//! Deliveries that go wrong: killed at each step, a full disk, a damaged book, receivers that never answer.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::thread;

use serde_json::Value;

use super::life::{SYSCTL, host, told};
use super::receiver::Receiver;
use crate::sync::site::Site;

const BOOK: &str = "/var/lib/rmqgit/alerts.json";
/// The calls by which a run writes the book and sends what waits.
const CALLS: &str = "openat,write,fsync,rename,flock,close,socket,connect,sendto,recvfrom,sendmsg,recvmsg,setsockopt,getsockopt,shutdown";

/// Returns the book as it stands while a target rests no more.
fn rested(site: &Site) -> String {
    let mut book: Value = serde_json::from_str(&site.get(BOOK)).unwrap();
    for (_, queue) in book["outbox"].as_object_mut().unwrap() {
        queue.as_object_mut().unwrap().remove("not_before");
    }
    format!("{book}\n")
}

/// Runs a sync under strace, which looks at the calls on the book and on sockets alone.
fn traced(site: &Site, inject: &str) -> (bool, String) {
    let trace = site.origin.dir.path().join("trace");
    let sync = site.command(&[]);
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-e", &format!("trace={CALLS}"), "-o"]).arg(&trace);
    if !inject.is_empty() {
        strace.args(["-e", inject]);
    }
    let status = strace.arg(sync.get_program()).args(sync.get_args()).output().unwrap().status;
    (status.signal() == Some(9) || status.code() == Some(137), fs::read_to_string(trace).unwrap())
}

/// Returns the calls of a trace from the first that names the book on, each with its number among those of its thread.
fn steps(trace: &str) -> Vec<(String, u32)> {
    let mut counts: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    let (mut steps, mut begun) = (Vec::new(), false);
    for line in trace.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let Some((name, rest)) = call.trim_start().split_once('(') else { continue };
        let count = counts.entry((thread, name)).or_default();
        *count += 1;
        begun |= rest.contains("alerts.json");
        if begun && !steps.contains(&(name.to_owned(), *count)) {
            steps.push((name.to_owned(), *count));
        }
    }
    steps
}

#[test]
fn a_run_that_is_killed_at_any_step_of_a_delivery_loses_nothing() {
    let receiver = Receiver::new();
    let site = host(&receiver, "");
    site.put(SYSCTL, "other\n", 0o644);
    receiver.reply("503 Service Unavailable", "");
    site.sync(&[]);
    let waits = rested(&site);
    receiver.taken();
    let opened = [format!("opened drift {SYSCTL}")];
    let (mut killed, mut twice) = (0, 0);
    // Either the book knows of it already and it is to be sent, or it is not there and begins.
    for before in [Some(waits), None] {
        let put = || match &before {
            Some(text) => site.put(BOOK, text, 0o600),
            None => fs::remove_file(site.live(BOOK)).unwrap(),
        };
        put();
        let (_, trace) = traced(&site, "");
        assert_eq!(told(&receiver.taken()), opened);
        let steps = steps(&trace);
        assert!(steps.len() > 20, "{trace}");
        for (name, nth) in steps {
            put();
            killed += u32::from(traced(&site, &format!("inject={name}:signal=KILL:when={nth}")).0);
            let first = told(&receiver.taken());
            // What is there is whole, whatever was being written.
            let noted = site.live(BOOK).exists()
                && serde_json::from_str::<Value>(&site.get(BOOK)).unwrap()["outbox"]["ops"]["attempts"]
                    .as_array()
                    .is_some_and(|attempts| attempts.last().is_some_and(|last| last["failure"].is_null()));
            assert_eq!(site.sync(&[]).0, 1);
            let second = told(&receiver.taken());
            let at = format!("{name} {nth}: {first:?}, noted: {noted}, {second:?}");
            assert_eq!([first.clone(), second.clone()].concat()[..1], opened, "it is lost: {at}");
            assert!(second.is_empty() == (noted && !first.is_empty()), "{at}");
            twice += u32::from(!first.is_empty() && !second.is_empty());
            site.sync(&[]);
            assert_eq!(told(&receiver.taken()), [""; 0], "what was acknowledged comes again: {at}");
        }
    }
    assert!(killed > 20 && twice > 0, "{killed} runs were killed, {twice} told something twice");
}

#[test]
fn on_a_full_disk_nothing_is_sent_that_could_not_be_noted() {
    let receiver = Receiver::new();
    let site = host(&receiver, "");
    site.put(SYSCTL, "other\n", 0o644);
    let full = |site: &Site| {
        let sync = site.command(&[]);
        let mut strace = Command::new("strace");
        strace.args(["-f", "-o", "/dev/null", "-P"]).arg(site.live("/var/lib/rmqgit/.alerts.json.new"));
        strace.args(["-e", "trace=write", "-e", "inject=write:error=ENOSPC"]);
        crate::run(strace.arg(sync.get_program()).args(sync.get_args()))
    };
    let (code, _, err) = full(&site);
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("incidents of this run are not kept") && err.contains("No space left"), "{err}");
    assert!(!site.live(BOOK).exists());
    assert_eq!(told(&receiver.taken()), [""; 0]);
    // There is room again, and the receiver is away; then the disk is full when it is back.
    receiver.reply("503 Service Unavailable", "");
    site.sync(&[]);
    receiver.taken();
    let waits = rested(&site);
    site.put(BOOK, &waits, 0o600);
    let (code, _, err) = full(&site);
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("the targets are not told") && err.contains("No space left"), "{err}");
    assert_eq!((site.get(BOOK), told(&receiver.taken())), (waits, vec![]));
    assert_eq!(site.sync(&[]).0, 1);
    assert_eq!(told(&receiver.taken()), [format!("opened drift {SYSCTL}")]);
}

#[test]
fn a_damaged_book_is_said_and_kept_aside() {
    let receiver = Receiver::new();
    let site = host(&receiver, "");
    site.put(SYSCTL, "other\n", 0o644);
    site.sync(&[]);
    receiver.taken();
    let whole = site.get(BOOK);
    for damaged in [
        "",
        "{\"format\":1,\"ledger\"",
        &whole[..whole.len() / 2],
        "[]",
        &whole.replace("\"format\":1", "\"format\":9"),
    ] {
        site.put(BOOK, damaged, 0o600);
        let (code, _, err) = crate::run(&mut site.command(&[]));
        assert_eq!(code, 1);
        assert!(err.contains("the book of incidents began anew") && err.lines().count() == 1, "{err}");
        assert_eq!(site.get("/var/lib/rmqgit/alerts.json.damaged"), damaged);
        // What is still wrong is told once more, in one message.
        assert_eq!(told(&receiver.taken()), [format!("opened drift {SYSCTL}")]);
        assert_eq!(site.sync(&[]).0, 1);
        assert_eq!(receiver.taken().len(), 0);
    }
}

/// Takes connections, and never comes to the end of an answer: after a beginning it sends a byte now and then, or nothing.
fn silent(beginning: Option<&'static str>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let mut open = beginning.is_none_or(|text| stream.write_all(text.as_bytes()).is_ok());
                while open {
                    open = beginning.is_none() || stream.write_all(b"2").is_ok();
                    thread::park_timeout(std::time::Duration::from_millis(500));
                }
            });
        }
    });
    port
}

#[test]
fn a_receiver_that_never_answers_ends_with_the_deadline_and_keeps_no_other_waiting() {
    let receiver = Receiver::new();
    let site = host(&receiver, "");
    site.put("/etc/rmqgit/alerts/never", &format!("http://127.0.0.1:{}/x\n", silent(None)), 0o600);
    site.put(
        "/etc/rmqgit/alerts/drip",
        &format!("http://127.0.0.1:{}/x\n", silent(Some("HTTP/1.1 200 OK\r\nx-slow: "))),
        0o600,
    );
    let mail = silent(Some("2"));
    let settings = format!(
        "alerts:\n  deadline: 3\n  targets:\n    a: {{webhook: {{url-file: /etc/rmqgit/alerts/never}}}}\n    \
         b: {{webhook: {{url-file: /etc/rmqgit/alerts/drip}}}}\n    \
         c: {{email: {{server: 127.0.0.1, port: {mail}, encryption: none, from: a@example.org, to: [b@example.org]}}}}\n    \
         ops: {{webhook: {{url-file: /etc/rmqgit/alerts/ops}}}}\n"
    );
    site.put("/etc/rmqgit/agent.yaml", &settings, 0o644);
    site.put(SYSCTL, "other\n", 0o644);
    let sync = site.command(&[]);
    let mut limited = Command::new("timeout");
    // The status of a run that had to be killed is 124.
    let (code, _, err) = crate::run(limited.arg("60").arg(sync.get_program()).args(sync.get_args()));
    assert_eq!((code, err.as_str()), (1, ""));
    assert_eq!(told(&receiver.taken()), [format!("opened drift {SYSCTL}")]);
    let book: Value = serde_json::from_str(&site.get(BOOK)).unwrap();
    for target in ["a", "b", "c"] {
        assert_eq!(book["outbox"][target]["attempts"][0]["failure"], "no answer in time", "{target}: {book}");
    }
}

#[test]
fn a_wish_to_wait_can_be_a_date() {
    let receiver = Receiver::new();
    let site = host(&receiver, "");
    site.put(SYSCTL, "other\n", 0o644);
    let date = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(3);
    let date = date.strftime("%a, %d %b %Y %H:%M:%S GMT");
    receiver.reply(&format!("429 Too Many Requests\r\nretry-after: {date}"), "");
    site.sync(&[]);
    let book: Value = serde_json::from_str(&site.get(BOOK)).unwrap();
    let rests: jiff::Timestamp = book["outbox"]["ops"]["not_before"].as_str().unwrap().parse().unwrap();
    let wait = rests.duration_since(jiff::Timestamp::now()).as_mins();
    assert!((175..=180).contains(&wait), "it asked for three hours, and rests for {wait} min");
}

#[test]
fn a_server_that_repeats_the_address_does_not_bring_it_into_the_book() {
    let receiver = Receiver::new();
    let site = host(&receiver, "");
    site.put(SYSCTL, "other\n", 0o644);
    let page = format!("{}Cannot POST /hook/canary-token-5521", "<p>".repeat(48));
    receiver.reply("404 Not Found", &page);
    site.sync(&[]);
    let status = crate::run(crate::rmqgit().arg("status").arg("--root").arg(&site.root)).1;
    assert!(status.contains("HTTP 404") && status.contains("Cannot POST"), "{status}");
    assert!(!status.contains("canar") && !site.get(BOOK).contains("canar"), "{status}");
}

#[test]
fn a_run_in_which_nothing_is_new_asks_no_network_and_writes_its_report_alone() {
    let receiver = Receiver::new();
    let site = host(&receiver, "");
    site.put(SYSCTL, "other\n", 0o644);
    site.sync(&[]);
    assert_eq!(receiver.taken().len(), 1);
    let mark = site.live("/var/lib/rmqgit/mark");
    fs::write(&mark, "").unwrap();
    let trace = site.origin.dir.path().join("trace");
    let sync = site.command(&[]);
    let mut strace = Command::new("strace");
    strace.args(["-f", "-e", "trace=%network,fsync,fdatasync,rename,renameat,renameat2,unlink,clone,clone3", "-o"]);
    assert_eq!(crate::run(strace.arg(&trace).arg(sync.get_program()).args(sync.get_args())).0, 1);
    let calls = fs::read_to_string(&trace).unwrap();
    let renamed: Vec<&str> = calls.lines().filter(|line| line.contains("rename")).collect();
    assert!(renamed.len() == 1 && renamed[0].contains("report.json"), "{calls}");
    assert!(!calls.contains("sync(") && !calls.contains("AF_INET"), "{calls}");
    let mut find = Command::new("find");
    find.arg(&site.root).arg("-newer").arg(&mark).args(["-type", "f", "-printf", "%f\n"]);
    let mut newer: Vec<String> = crate::run(&mut find).1.lines().map(str::to_owned).collect();
    newer.sort();
    assert_eq!(newer, ["lock", "report.json"]);
}
