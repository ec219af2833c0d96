//! A run that is killed at any point leaves every file old or new, and the next run completes what was begun.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};

use rmqgit::release::Owner;
use rmqgit::report::Verdict;

use super::site::{Site, path, text, unit};

const RUNS: u32 = 240;

/// Returns what the files hold in the `n`-th release: text, mode, user. A file that the release does not have is absent.
fn release(n: u32) -> BTreeMap<&'static str, (String, u32, &'static str)> {
    let body = |name: &str| format!("# {name}\n{}", format!("value {n}\n").repeat(2000));
    let mut files = BTreeMap::from([
        ("/etc/a.conf", (body("a"), 0o644, "root")),
        ("/etc/b/b.conf", (body("b"), if n.is_multiple_of(2) { 0o600 } else { 0o640 }, "rabbitmq")),
        ("/etc/only-mode", ("same\n".to_owned(), if n.is_multiple_of(2) { 0o600 } else { 0o644 }, "root")),
        ("/etc/only-owner", ("same\n".to_owned(), 0o644, if n.is_multiple_of(2) { "root" } else { "rabbitmq" })),
    ]);
    if !n.is_multiple_of(3) {
        files.insert("/etc/c/d/e.conf", (body("e"), 0o644, "root"));
    }
    files
}

fn publish(site: &mut Site, n: u32) {
    site.files = release(n)
        .into_iter()
        .map(|(name, (body, mode, user))| {
            let mut file = text(&body);
            file.mode = mode;
            file.owner = Owner { user: user.to_owned(), group: user.to_owned() };
            file.on_change = rmqgit::release::OnChange::Reload(unit("haproxy.service"));
            (path(name), file)
        })
        .collect();
    site.publish();
}

/// Fails unless every file is exactly as one of the releases has it.
fn check_whole(site: &Site, releases: std::ops::RangeInclusive<u32>) {
    for name in ["/etc/a.conf", "/etc/b/b.conf", "/etc/only-mode", "/etc/only-owner", "/etc/c/d/e.conf"] {
        let whole = releases.clone().any(|n| match release(n).get(name) {
            None => !site.live(name).exists(),
            Some((body, mode, user)) => {
                let (uid, gid) = if *user == "root" { (0, 0) } else { (106, 112) };
                fs::read_to_string(site.live(name)).is_ok_and(|text| text == *body)
                    && site.stat(name) == (*mode, uid, gid)
            }
        });
        assert!(whole, "{name} is neither of {releases:?}");
    }
}

/// The calls by which a run changes the disk; it is killed on its way into one of them.
const CALLS: &str = "openat,openat2,write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,fchmod,fchmodat,fchown,\
                     unlink,unlinkat,mkdir,mkdirat,ftruncate,flock,close";

/// Runs a sync under strace, which kills it on its way into the `nth` call of a name; says whether it was killed, and
/// returns the calls it made, each with its number among those of its name.
fn sync_killed_at(site: &Site, name: &str, nth: u32) -> (bool, Vec<(String, u32)>) {
    let trace = site.origin.dir.path().join("trace");
    let sync = site.command(&["--mode", "converge"]);
    let mut strace = Command::new("strace");
    strace.args(["-f", "-e", &format!("trace={CALLS}"), "-e", &format!("inject={name}:signal=KILL:when={nth}"), "-o"]);
    let status = strace.arg(&trace).arg(sync.get_program()).args(sync.get_args()).output().unwrap().status;
    let mut counts = BTreeMap::new();
    let mut calls = Vec::new();
    for line in fs::read_to_string(trace).unwrap().lines() {
        if let Some((head, _)) = line.split_once('(') {
            let name = head.rsplit(' ').next().unwrap().to_owned();
            let count = counts.entry(name.clone()).or_insert(0);
            *count += 1;
            // What is printed at the end is not on the host.
            if !line.contains(" write(1, ") {
                calls.push((name, *count));
            }
        }
    }
    (status.signal() == Some(9) || status.code() == Some(137), calls)
}

#[test]
fn a_killed_run_leaves_every_file_old_or_new() {
    let mut site = Site::new();
    publish(&mut site, 0);
    assert_eq!(site.converge().1.verdict, Verdict::Converged);
    publish(&mut site, 1);
    let (killed, calls) = sync_killed_at(&site, "rename", 9999);
    assert!(!killed && calls.len() > 100, "{calls:?}");
    let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let (mut killed, mut writing, mut last) = (0, 0, 1);
    for n in 2..=RUNS {
        publish(&mut site, n);
        let (name, nth) = &calls[random.next_u32() as usize % calls.len()];
        killed += u32::from(sync_killed_at(&site, name, *nth).0);
        check_whole(&site, last..=n);
        let state = fs::read_to_string(site.live("/var/lib/rmqgit/state.json")).unwrap();
        writing += u32::from(state.contains("\"intent\""));
        if !n.is_multiple_of(4) {
            continue;
        }
        let (_, report) = site.sync(&["--mode", "report"]);
        assert!(matches!(report.verdict, Verdict::Pending | Verdict::InSync), "release {n}: {report:?}");
        let (code, report) = site.converge();
        assert_eq!(code, 0, "release {n}: {report:?}");
        check_whole(&site, n..=n);
        assert_eq!(site.sync(&[]).1.verdict, Verdict::InSync);
        assert_eq!(leftovers(&site.root.join("etc")), [""; 0], "release {n}");
        last = n;
    }
    assert!(
        killed > RUNS * 3 / 4 && writing > RUNS / 10,
        "{killed} of {RUNS} runs were killed, {writing} while writing"
    );
}

/// Returns the candidates that lie around.
fn leftovers(dir: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(leftovers(&path));
        } else if path.to_string_lossy().ends_with(".rmqgit-new") {
            found.push(path.display().to_string());
        }
    }
    found
}
