//! `rmqgit agent install` and `uninstall`, in a directory that stands for a host; systemd's own programs judge the units.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use crate::run;

const SERVICE: &str = "etc/systemd/system/rmqgit-sync.service";
const TIMER: &str = "etc/systemd/system/rmqgit-sync.timer";
const WANTED: &str = "etc/systemd/system/timers.target.wants/rmqgit-sync.timer";
const CRON: &str = "etc/cron.d/rmqgit";
const SETTINGS: &str = "etc/rmqgit/agent.yaml";

/// A root with a program at a path that the machine has too, so that systemd finds it.
struct Host(tempfile::TempDir);

impl Host {
    fn new() -> Self {
        let host = Self(tempfile::tempdir().unwrap());
        host.put("usr/bin/env", "#!/bin/sh\n");
        fs::set_permissions(host.path("usr/bin/env"), fs::Permissions::from_mode(0o755)).unwrap();
        host
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    fn get(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Runs `rmqgit agent` and returns all it said, with its exit status.
    fn agent(&self, args: &[&str]) -> String {
        let (code, out, err) = run(crate::rmqgit().arg("agent").args(args).arg("--root").arg(self.0.path()));
        format!("{out}{err}[exit {code}]\n").replace(self.0.path().to_str().unwrap(), "ROOT")
    }

    fn install(&self, args: &[&str]) -> String {
        self.agent(&[&["install", "--program", "/usr/bin/env"], args].concat())
    }

    /// The files that are there, links among them.
    fn files(&self) -> Vec<&'static str> {
        let all = [SETTINGS, SERVICE, TIMER, WANTED, CRON];
        all.into_iter().filter(|name| self.path(name).symlink_metadata().is_ok()).collect()
    }
}

const TOLD: [&str; 6] = ["--remote", "https://git.example.org/out.git", "--cluster", "orders", "--host", "rabbit1"];

#[test]
fn what_is_not_said_is_said_at_once() {
    let host = Host::new();
    insta::assert_snapshot!("nothing_is_said", host.install(&[]));
    insta::assert_snapshot!(
        "a_relative_remote",
        host.install(&["--cluster", "a", "--host", "b", "--remote", "out.git"])
    );
    insta::assert_snapshot!("no_program", host.agent(&[&["install"], &TOLD[..]].concat()));
    insta::assert_snapshot!(
        "a_program_with_a_blank",
        host.agent(&[&["install", "--program", "/a b"], &TOLD[..]].concat())
    );
    assert_eq!(host.files(), [""; 0]);
}

#[test]
fn a_timer_is_installed_once_and_taken_away() {
    let host = Host::new();
    let first = host.install(&TOLD);
    insta::assert_snapshot!("installed", first);
    assert_eq!(host.files(), [SETTINGS, SERVICE, TIMER, WANTED]);
    insta::assert_snapshot!(
        "written",
        [SETTINGS, SERVICE, TIMER].map(|name| format!("==> {name}\n{}", host.get(name))).join("\n")
    );
    let (code, out, err) =
        run(Command::new("systemd-analyze").arg("verify").args([host.path(SERVICE), host.path(TIMER)]));
    assert_eq!((code, out.as_str(), err.as_str()), (0, "", ""));
    let (_, out, err) =
        run(Command::new("systemd-analyze").args(["security", "--offline=yes"]).arg(host.path(SERVICE)));
    let score = out.lines().last().and_then(|line| line.split_once(": ")).map(|(_, score)| &score[..3]);
    let documented = include_str!("../../docs/agent.md").split_once("exposure is ").map(|(_, text)| &text[..3]);
    assert_eq!((score, err.as_str()), (documented, ""), "{out}");

    let told: Vec<&str> = first.lines().rev().skip(1).take(2).collect();
    let same = format!("nothing to do\n{}\n{}\n[exit 0]\n", told[1], told[0]);
    assert_eq!(host.install(&TOLD), same);
    assert_eq!(host.install(&[]), same);
    // A hand that changed a unit, its mode or took the link away.
    host.put(TIMER, &host.get(TIMER).replace("1s", "1h"));
    fs::set_permissions(host.path(SERVICE), fs::Permissions::from_mode(0o666)).unwrap();
    fs::remove_file(host.path(WANTED)).unwrap();
    let repaired = first.replace("wrote     /etc/rmqgit/agent.yaml\n", "").replace("wrote   ", "replaced");
    assert_eq!(host.install(&[]), repaired);
    assert_eq!(host.install(&[]), same);

    insta::assert_snapshot!("uninstalled", host.agent(&["uninstall"]));
    assert_eq!(host.files(), [SETTINGS]);
    assert_eq!(host.agent(&["uninstall"]), "nothing to do\n[exit 0]\n");
}

#[test]
fn one_starter_takes_the_place_of_the_other() {
    let host = Host::new();
    host.install(&TOLD);
    insta::assert_snapshot!("cron_instead", host.install(&["--cron", "--interval", "1h"]));
    assert_eq!(host.files(), [SETTINGS, CRON]);
    assert_eq!(fs::metadata(host.path(CRON)).unwrap().permissions().mode() & 0o777, 0o644);
    insta::assert_snapshot!("cron_line", host.get(CRON));
    assert!(host.install(&["--cron", "--interval", "1h"]).starts_with("nothing to do\n"));
    host.install(&[]);
    assert_eq!(host.files(), [SETTINGS, SERVICE, TIMER, WANTED]);
}

#[test]
fn what_others_wrote_stays() {
    let host = Host::new();
    host.put(SETTINGS, "remote: /srv/out.git\ncluster: orders\nhost: rabbit1\n");
    insta::assert_snapshot!("settings_that_differ", host.install(&[&TOLD[..], &["--mode", "converge"]].concat()));
    host.put(TIMER, "[Timer]\nOnCalendar=daily\n");
    insta::assert_snapshot!("a_foreign_timer", host.install(&[]));
    assert_eq!(host.files(), [SETTINGS, TIMER]);
    fs::remove_file(host.path(TIMER)).unwrap();
    std::os::unix::fs::symlink("/dev/null", host.path(TIMER)).unwrap();
    insta::assert_snapshot!("a_masked_timer", host.install(&[]));
    assert_eq!(host.agent(&["uninstall"]), "nothing to do\n[exit 0]\n");
    assert_eq!(host.files(), [SETTINGS, TIMER]);
    assert_eq!(host.get(SETTINGS), "remote: /srv/out.git\ncluster: orders\nhost: rabbit1\n");
}

/// The minutes of a day at which five fields of cron match, for lists without months and days.
fn cron_minutes(fields: &str) -> BTreeSet<u32> {
    let fields: Vec<&str> = fields.split(' ').collect();
    assert_eq!(fields[2..], ["*", "*", "*"]);
    let matches = |field: &str, number: u32| match field.split_once('/') {
        None => field == "*" || field.parse() == Ok(number),
        Some((range, step)) => {
            let (from, to) = range.split_once('-').unwrap();
            let (from, to, step): (u32, u32, u32) = (from.parse().unwrap(), to.parse().unwrap(), step.parse().unwrap());
            (from..=to).contains(&number) && (number - from).is_multiple_of(step)
        }
    };
    (0..1440).filter(|minute| matches(fields[1], minute / 60) && matches(fields[0], minute % 60)).collect()
}

/// The times of a day, as `HH:MM:SS`, at which systemd starts a timer.
fn systemd_times(expression: &str) -> Vec<String> {
    let mut command = Command::new("systemd-analyze");
    command.args(["calendar", "--base-time=2026-03-28 23:59:59 UTC", "--iterations=1440", expression]);
    let (code, out, err) = run(command.env("TZ", "UTC"));
    assert_eq!((code, err.as_str()), (0, ""), "{expression}");
    let times = out.lines().filter_map(|line| line.split_once(": Sun 2026-03-29 "));
    times.map(|(_, time)| time.strip_suffix(" UTC").unwrap().to_owned()).collect()
}

#[test]
fn timer_and_cron_line_run_at_the_same_times() {
    let host = Host::new();
    for (interval, runs) in [("1m", 1440), ("2m", 720), ("5m", 288), ("30m", 48), ("1h", 24), ("6h", 4), ("24h", 1)] {
        let args = [&TOLD[..], &["--interval", interval, "--print"]].concat();
        let (timer, cron) = (host.install(&args), host.install(&[&args[..], &["--cron"]].concat()));
        let calendar = timer.lines().find_map(|line| line.strip_prefix("OnCalendar=")).unwrap();
        let line = cron.lines().find(|line| line.contains(" root sleep ")).unwrap();
        let (fields, rest) = line.split_once(" root sleep ").unwrap();
        let seconds: u32 = rest.split_once(';').unwrap().0.parse().unwrap();
        let minutes = cron_minutes(fields);
        let at: Vec<_> = minutes.iter().map(|m| format!("{:02}:{:02}:{seconds:02}", m / 60, m % 60)).collect();
        assert_eq!(systemd_times(calendar), at, "{calendar} and {fields}");
        assert_eq!(at.len(), runs, "{interval}");
    }
    assert_eq!(host.files(), [""; 0]);
}
