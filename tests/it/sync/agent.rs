//! The agent around a run: its settings, its lock, its last report.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use rmqgit::report::Verdict;

use super::site::Site;

fn rmqgit(site: &Site, args: &[&str]) -> String {
    let (code, out, err) = crate::run(crate::rmqgit().args(args).arg("--root").arg(&site.root));
    site.redact(&format!("{out}{err}[exit {code}]\n"))
}

#[test]
fn settings_come_from_agent_yaml() {
    let site = Site::full();
    site.put(
        "/etc/rmqgit/agent.yaml",
        "remote: nowhere\nclustr: orders\nhost: \"-\"\nmode: both\naccess: {timeout: soon}\n",
        0o644,
    );
    insta::assert_snapshot!("every_fault_of_agent_yaml", rmqgit(&site, &["sync"]));
    site.put("/etc/rmqgit/agent.yaml", "mode: converge\n", 0o644);
    insta::assert_snapshot!("what_is_not_said", rmqgit(&site, &["sync"]));
    let remote = site.origin.path().display().to_string();
    let text = format!(
        "remote: {remote}\ncluster: orders\nhost: rabbit1\nmode: converge\nstate: /var/lib/mine\nsecrets: /etc/mine\n\
         trust: {{signatures: ignored}}\n"
    );
    site.put("/etc/rmqgit/agent.yaml", &text, 0o644);
    fs::rename(site.live("/etc/rmqgit/secrets"), site.live("/etc/mine")).unwrap();
    assert_eq!(
        rmqgit(&site, &["status"]),
        "rmqgit: `DIR/root/var/lib/mine` holds no report: no run has ended on this host yet\n  help: run `rmqgit sync` with the same root first\n[exit 3]"
    );
    assert_eq!(rmqgit(&site, &["sync", "--dry-run"]).lines().last(), Some("[exit 1]"));
    assert!(!site.live("/var/lib/mine/report.json").exists() && !site.live("/etc/haproxy").exists());
    assert_eq!(rmqgit(&site, &["sync"]).lines().last(), Some("[exit 0]"));
    assert_eq!(rmqgit(&site, &["status"]).lines().last(), Some("[exit 0]"));
    assert_eq!(
        rmqgit(&site, &["sync", "--host", "rabbit2"]).lines().next(),
        Some("orders/rabbit2: failed, mode report")
    );
    assert_eq!(rmqgit(&site, &["sync", "--remote", "ftp://x/y"]).lines().last(), Some("[exit 2]"));
    let state = |name: &str| site.stat(&format!("/var/lib/mine{name}")).0;
    assert_eq!([state(""), state("/state.json"), state("/report.json"), state("/lock")], [0o700, 0o600, 0o600, 0o600]);
}

#[test]
fn one_run_at_a_time() {
    let site = Site::full();
    site.converge();
    // A shell holds the lock until its standard input ends.
    let lock = site.live("/var/lib/rmqgit/lock");
    let script = "exec 9>>\"$0\"; flock 9; echo process 4711 since then >&9; echo held; cat > /dev/null";
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(&lock).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut holder = command.spawn().unwrap();
    let mut held = [0; 5];
    std::io::Read::read_exact(holder.stdout.as_mut().unwrap(), &mut held).unwrap();
    let busy = "rmqgit: another run holds `DIR/root/var/lib/rmqgit/lock`: process 4711 since then\n[exit 3]";
    assert_eq!(site.text(&[]), busy);
    let waiting = site.command(&["--wait", "--format", "json"]).stdout(Stdio::piped()).spawn().unwrap();
    assert_eq!(site.text(&[]), busy);
    drop(holder.stdin.take());
    holder.wait().unwrap();
    let output = waiting.wait_with_output().unwrap();
    let report: rmqgit::report::Report = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), report.verdict), (Some(0), Verdict::InSync));
}

#[test]
fn a_run_with_nothing_to_do_writes_its_report_and_nothing_else() {
    let site = Site::full();
    site.converge();
    let written = || {
        let mut found: Vec<_> = crate::fetch::origin::git(
            site.origin.dir.path(),
            &["-c", "alias.x=!find . -newer root/var/lib/rmqgit/mark -not -type d", "x"],
            b"",
        )
        .lines()
        .map(str::to_owned)
        .collect();
        found.sort();
        found
    };
    fs::write(site.live("/var/lib/rmqgit/mark"), "").unwrap();
    assert_eq!(site.converge().1.verdict, Verdict::InSync);
    assert_eq!(written(), ["./root/var/lib/rmqgit/lock", "./root/var/lib/rmqgit/report.json"]);
    // Not one of them waits for the disk.
    let sync = site.command(&["--mode", "converge"]);
    let trace = site.origin.dir.path().join("trace");
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-e", "trace=fsync,fdatasync,sync,syncfs", "-o"])
        .arg(&trace)
        .arg(sync.get_program())
        .args(sync.get_args());
    assert_eq!(crate::run(&mut strace).0, 0);
    let calls = fs::read_to_string(&trace).unwrap();
    assert_eq!(calls.lines().filter(|line| line.contains("sync")).count(), 0, "{calls}");
}

#[test]
fn a_state_that_is_not_ours_is_refused() {
    let site = Site::full();
    site.converge();
    site.put("/var/lib/rmqgit/state.json", "{\"format\":2}", 0o600);
    insta::assert_snapshot!("unreadable_state", site.text(&["--mode", "converge"]));
    site.put("/var/lib/rmqgit/report.json", "{}", 0o600);
    insta::assert_snapshot!("unreadable_report", rmqgit(&site, &["status"]));
}

#[test]
fn the_callers_umask_means_nothing() {
    let trees = ["000", "022", "077", "777"].map(|umask| {
        let mut site = Site::full();
        site.files.insert(super::site::path("/etc/made/by/us.conf"), super::site::text("x\n"));
        site.publish();
        let sync = site.command(&["--mode", "converge"]);
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("umask {umask} && exec \"$@\""), "sh"])
            .arg(sync.get_program())
            .args(sync.get_args());
        assert_eq!(crate::run(&mut command).0, 0);
        let state = ["", "/repo.git", "/repo.git/objects/pack", "/state.json", "/report.json", "/lock"];
        let modes = state.map(|name| site.stat(&format!("/var/lib/rmqgit{name}")).0);
        (modes, site.stat("/etc/made").0, site.stat("/etc/made/by").0, site.stat("/etc/made/by/us.conf").0)
    });
    let expect = ([0o700, 0o700, 0o700, 0o600, 0o600, 0o600], 0o755, 0o755, 0o644);
    assert_eq!(trees, [expect; 4]);
}

#[test]
fn a_state_directory_is_closed_to_others() {
    let site = Site::full();
    site.converge();
    let dir = site.live("/var/lib/rmqgit");
    let set = |mode| fs::set_permissions(&dir, fs::Permissions::from_mode(mode)).unwrap();
    set(0o755);
    assert_eq!((site.converge().0, site.stat("/var/lib/rmqgit").0), (0, 0o700));
    for mode in [0o770, 0o702, 0o777, 0o1777] {
        set(mode);
        let expect = format!(
            "rmqgit: `DIR/root/var/lib/rmqgit` could be written by others (mode {mode:04o}), so what is in it may be theirs: look at it, or remove it; then `chmod 0700` it\n[exit 3]"
        );
        assert_eq!(site.text(&[]), expect);
    }
    set(0o700);
    // Links that somebody planted while it was open are not written through.
    let target = site.live("/etc/target");
    for name in [".report.json.new", ".state.json.new", "lock"] {
        let _ = fs::remove_file(dir.join(name));
        std::os::unix::fs::symlink(&target, dir.join(name)).unwrap();
        site.text(&["--mode", "converge"]);
        assert!(!target.exists(), "{name} was followed");
        fs::remove_file(dir.join(name)).unwrap();
    }
}
