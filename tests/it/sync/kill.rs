//! A run that is killed at any point leaves every file old or new, and the next run completes what was begun.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::Instant;

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};

use rmqgit::release::Owner;
use rmqgit::report::Verdict;

use super::site::{Site, path, text, unit};

const RUNS: u32 = 300;

/// Returns what the files hold in the `n`-th release: text, mode, user. A file that the release does not have is absent.
fn release(n: u32) -> BTreeMap<&'static str, (String, u32, &'static str)> {
    let body = |name: &str| format!("# {name}\n{}", format!("value {n}\n").repeat(2000));
    let mut files = BTreeMap::from([
        ("/etc/a.conf", (body("a"), 0o644, "root")),
        ("/etc/b/b.conf", (body("b"), if n % 2 == 0 { 0o600 } else { 0o640 }, "rabbitmq")),
        ("/etc/only-mode", ("same\n".to_owned(), if n % 2 == 0 { 0o600 } else { 0o644 }, "root")),
        ("/etc/only-owner", ("same\n".to_owned(), 0o644, if n % 2 == 0 { "root" } else { "rabbitmq" })),
    ]);
    if n % 3 != 0 {
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

#[test]
fn a_killed_run_leaves_every_file_old_or_new() {
    let mut site = Site::new();
    publish(&mut site, 0);
    let begun = Instant::now();
    assert_eq!(site.converge().1.verdict, Verdict::Converged);
    let whole_run = begun.elapsed();
    let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let (mut killed, mut recovered, mut last) = (0, 0, 0);
    for n in 1..=RUNS {
        publish(&mut site, n);
        let delay = whole_run.as_secs_f64() * 1.2 * f64::from(random.next_u32()) / f64::from(u32::MAX);
        let sync = site.command(&["--mode", "converge"]);
        // `timeout` ends itself with the signal that it sends.
        let mut command = Command::new("timeout");
        command.args(["-s", "KILL", &format!("{delay:.6}")]).arg(sync.get_program()).args(sync.get_args());
        let status = command.output().unwrap().status;
        killed += u32::from(status.signal() == Some(9) || status.code() == Some(137));
        check_whole(&site, last..=n);
        let state = fs::read_to_string(site.live("/var/lib/rmqgit/state.json")).unwrap();
        recovered += u32::from(state.contains("\"intent\""));
        if n % 4 != 0 {
            continue;
        }
        let (_, report) = site.sync(&["--mode", "report"]);
        assert!(matches!(report.verdict, Verdict::Pending | Verdict::InSync), "release {n}: {report:?}");
        let (code, report) = site.converge();
        assert_eq!(code, 0, "release {n}: {report:?}");
        check_whole(&site, n..=n);
        assert_eq!(site.sync(&[]).1.verdict, Verdict::InSync);
        let leftovers: Vec<_> = walk(&site.root.join("etc"));
        assert_eq!(leftovers, [""; 0], "release {n}");
        last = n;
    }
    assert!(
        killed > RUNS / 5 && recovered > 0,
        "{killed} of {RUNS} runs were killed, {recovered} of them while writing"
    );
}

/// Returns the candidates that lie around.
fn walk(dir: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walk(&path));
        } else if path.to_string_lossy().ends_with(".rmqgit-new") {
            found.push(path.display().to_string());
        }
    }
    found
}
