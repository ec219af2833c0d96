//! A host that a person has paused is looked at and not changed, whatever happens to the pause.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use rmqgit::report::{Mode, Report, Verdict};

use super::site::{Site, text};

const PAUSE: &str = "/var/lib/rmqgit/pause.json";

/// Describes a run of a verb by a person who came over SSH and through sudo.
fn command(site: &Site, args: &[&str]) -> Command {
    let mut command = crate::rmqgit();
    command.args(args).arg("--root").arg(&site.root);
    command.env("SUDO_USER", "alice").env("SSH_CONNECTION", "10.0.0.7 51000 10.0.0.1 22");
    command
}

fn pause(site: &Site, reason: &str) -> Command {
    command(site, &["pause", "--for", "2h", "--reason", reason])
}

/// Runs a verb; times are replaced.
fn say(site: &Site, args: &[&str]) -> String {
    let (code, out, err) = crate::run(&mut command(site, args));
    let said = site.redact(&format!("{out}{err}[exit {code}]\n"));
    let mut words: Vec<String> = Vec::new();
    for word in said.split(' ') {
        let time = word.len() > 19 && word.starts_with("20") && word.as_bytes()[10] == b'T';
        words.push(if time { format!("TIME{}", &word[20..]) } else { word.to_owned() });
    }
    words.join(" ")
}

/// A host that has the release before the newest one.
fn behind() -> Site {
    let mut site = Site::full();
    assert_eq!(site.converge().1.verdict, Verdict::Converged);
    site.edit("/etc/sysctl.d/60-rmqgit.conf", |file| file.content = text("net.ipv4.ip_nonlocal_bind = 0\n").content);
    site
}

#[track_caller]
fn check_waits(site: &Site) -> Report {
    let before = site.tree();
    let (code, report) = site.converge();
    assert_eq!((code, report.verdict, report.mode), (1, Verdict::Pending, Mode::Report), "{report:?}");
    assert!(report.paused.is_some(), "{report:?}");
    assert_eq!(site.tree(), before);
    report
}

#[track_caller]
fn check_goes_on(site: &Site) {
    let (code, report) = site.converge();
    assert_eq!((code, report.verdict, report.paused), (0, Verdict::Converged, None));
}

#[test]
fn a_paused_host_is_looked_at_and_not_changed() {
    let site = behind();
    let reason = "the disk is swapped";
    insta::assert_snapshot!("paused", say(&site, &["pause", "--for", "2h", "--reason", reason]));
    let report = check_waits(&site);
    assert_eq!(report.findings, []);
    let paused = report.paused.unwrap();
    let by = paused.by.unwrap();
    assert_eq!((by.name.as_str(), by.from.as_deref(), paused.reason.as_str()), ("alice", Some("10.0.0.7"), reason));
    assert_eq!(paused.until.unwrap().duration_since(paused.since.unwrap()).as_secs(), 7200);
    insta::assert_snapshot!("a_report_while_paused", say(&site, &["status"]));
    let replaced = say(&site, &["pause", "--for", "1d", "--reason", "it takes longer"]);
    insta::assert_snapshot!("paused_again", replaced);
    // A dry run still shows what a run would do, and says that none will.
    let (_, dry) = site.sync(&["--dry-run"]);
    assert_eq!((dry.mode, dry.paused.is_some()), (Mode::DryRun, true));

    insta::assert_snapshot!("resumed", say(&site, &["resume"]));
    assert!(!say(&site, &["status"]).contains("paused"), "the last report is shown without the pause");
    assert_eq!(say(&site, &["resume"]), "the host was not paused\n[exit 0]");
    check_goes_on(&site);
}

#[test]
fn a_pause_that_cannot_be_meant_is_refused() {
    let site = behind();
    for (length, reason) in [("forever", "x"), ("8d", "x"), ("0s", "x"), ("2h", " "), ("2h", "a\nb")] {
        let (code, out, err) = crate::run(&mut command(&site, &["pause", "--for", length, "--reason", reason]));
        assert_eq!((code, out.as_str()), (2, ""), "{err}");
    }
    assert_eq!(crate::run(&mut command(&site, &["pause", "--for", "2h"])).0, 2);
    assert!(!site.live(PAUSE).exists());
}

fn stored(format: u32, since: &str, until: &str) -> String {
    format!(
        "{{\"format\":{format},\"by\":{{\"name\":\"bob\",\"uid\":7}},\"reason\":\"r\",\"since\":\"{since}\",\"until\":\"{until}\"}}"
    )
}

#[test]
fn a_pause_that_cannot_be_read_counts() {
    let site = behind();
    let good = stored(1, "2026-01-01T00:00:00Z", "2026-01-01T02:00:00Z");
    for bad in [
        "",
        "{",
        "null",
        "\0\0\0\0",
        &good[..good.len() / 2],
        &stored(2, "2026-01-01T00:00:00Z", "2026-01-01T02:00:00Z"),
        &stored(1, "2026-01-01T02:00:00Z", "2026-01-01T00:00:00Z"),
        &stored(1, "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"),
    ] {
        site.put(PAUSE, bad, 0o600);
        let report = check_waits(&site);
        let codes: Vec<_> = report.findings.iter().map(|finding| format!("{:?}", finding.code)).collect();
        assert_eq!(codes, ["UnreadablePause"], "{bad:?}");
        assert!(say(&site, &["resume"]).starts_with("lifted the pause the pause cannot be read"), "{bad:?}");
    }
    fs::create_dir(site.live(PAUSE)).unwrap();
    check_waits(&site);
    insta::assert_snapshot!("an_unreadable_pause", say(&site, &["status"]));
    say(&site, &["resume"]);
    check_goes_on(&site);
}

#[test]
fn a_pause_ends_by_the_clock_and_survives_its_jumps() {
    let site = behind();
    site.put(PAUSE, &stored(1, "2099-01-01T00:00:00Z", "2099-01-01T02:00:00Z"), 0o600);
    let report = check_waits(&site);
    let codes: Vec<_> = report.findings.iter().map(|finding| format!("{:?}", finding.code)).collect();
    assert_eq!(codes, ["PauseInFuture"]);
    site.put(PAUSE, &stored(1, "2026-01-01T00:00:00Z", "2026-01-01T02:00:00Z"), 0o600);
    check_goes_on(&site);
    insta::assert_snapshot!("a_pause_that_had_ended", say(&site, &["resume"]));
}

#[test]
fn a_killed_pause_is_the_old_one_or_the_new_one() {
    let site = behind();
    let trace = site.origin.dir.path().join("trace");
    let mut seen = [0, 0];
    for (call, most) in [("openat", 40), ("write", 6), ("fsync", 3), ("rename", 2), ("flock", 4), ("close", 40)] {
        for nth in 1..=most {
            site.put(PAUSE, &stored(1, "2099-01-01T00:00:00Z", "2099-01-01T02:00:00Z"), 0o600);
            let pause = pause(&site, "new");
            let mut strace = Command::new("strace");
            strace.args(["-f", "-e", &format!("trace={call}"), "-e", &format!("inject={call}:signal=KILL:when={nth}")]);
            strace.arg("-o").arg(&trace).arg(pause.get_program()).args(pause.get_args());
            strace.output().unwrap();
            let reason = check_waits(&site).paused.unwrap().reason;
            let which = ["r", "new"].iter().position(|known| **known == reason);
            seen[which.unwrap_or_else(|| panic!("{call} {nth}: {reason}"))] += 1;
        }
    }
    assert!(seen[0] > 10 && seen[1] > 5, "{seen:?}");
}

#[test]
fn a_run_that_is_under_way_is_waited_for() {
    let site = behind();
    // A shell holds the lock of a run until its standard input ends.
    let lock = site.live("/var/lib/rmqgit/lock");
    let script = "exec 9>>\"$0\"; flock 9; echo process 4711 since then >&9; echo held; cat > /dev/null";
    let mut holder = Command::new("sh");
    let mut holder =
        holder.args(["-c", script]).arg(&lock).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    holder.stdout.as_mut().unwrap().read_exact(&mut [0; 5]).unwrap();
    let (code, _, err) = crate::run(pause(&site, "at once").arg("--no-wait"));
    assert_eq!((code, err.as_str()), (0, ""));
    let mut waiting = pause(&site, "with patience").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(waiting.stderr.as_mut().unwrap()).read_line(&mut said).unwrap();
    assert_eq!(
        said,
        "a run is under way and may still change the host; waiting for its end: process 4711 since then\n"
    );
    // It is in force before the run has ended.
    assert!(site.get(PAUSE).contains("with patience"));
    assert_eq!(waiting.try_wait().unwrap(), None);
    drop(holder.stdin.take());
    holder.wait().unwrap();
    assert!(waiting.wait().unwrap().success());
    check_waits(&site);
}

/// A run is stopped while it looks at the host, and the host is paused: the run changes nothing when it goes on.
#[test]
fn a_pause_reaches_a_run_before_its_first_step() {
    let site = behind();
    let before = site.tree();
    let sync = site.command(&["--mode", "converge", "--format", "json"]);
    let mut strace = Command::new("strace");
    strace.args(["-f", "-e", "trace=openat2", "-e", "inject=openat2:signal=STOP:when=1"]);
    strace.arg(sync.get_program()).args(sync.get_args()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut strace = strace.spawn().unwrap();
    let mut lines = BufReader::new(strace.stderr.take().unwrap()).lines();
    lines.find(|line| line.as_ref().unwrap().contains("stopped by SIGSTOP")).expect("the run stops").unwrap();
    assert_eq!(crate::run(pause(&site, "wait a moment").arg("--no-wait")).0, 0);
    let id = strace.id();
    let run = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
    assert!(Command::new("kill").args(["-CONT", run.trim()]).status().unwrap().success());
    lines.for_each(drop);
    let output = strace.wait_with_output().unwrap();
    let report: Report = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), report.verdict, report.mode), (Some(1), Verdict::Pending, Mode::Report));
    assert_eq!(report.paused.unwrap().reason, "wait a moment");
    assert_eq!(site.tree(), before);
}

#[test]
fn a_restart_is_asked_for_where_it_can_happen() {
    let site = behind();
    let said = "rmqgit: `--now` restarts a broker, and the mode is `report`\n  help: add `--mode converge`, or `--dry-run` to see what it would do\n[exit 2]";
    assert_eq!(site.text(&["--now"]), said);
    assert_eq!(site.sync(&["--now", "--dry-run"]).1.verdict, Verdict::Pending);
    // A host without a broker that waits has nothing to restart.
    let (code, report) = site.sync(&["--now", "--mode", "converge"]);
    assert_eq!((code, report.verdict), (0, Verdict::Converged));
    assert_eq!(site.text(&["--outside-window"]).lines().last(), Some("[exit 2]"));
}
