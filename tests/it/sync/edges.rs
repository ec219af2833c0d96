//! What stands in the way: links, directories, damaged blocks, lost and foreign files, releases that shrink.

use std::fs;
use std::os::unix::fs::symlink;

use rmqgit::plan::GRANT_SHRINK;
use rmqgit::release::{Owner, Part};
use rmqgit::report::Verdict;

use super::site::{Site, path, text};

#[test]
fn a_link_is_replaced_and_its_target_stays() {
    let site = Site::full();
    site.put("/etc/elsewhere", "mine\n", 0o600);
    fs::create_dir_all(site.live("/etc/sysctl.d")).unwrap();
    symlink("../elsewhere", site.live("/etc/sysctl.d/60-rmqgit.conf")).unwrap();
    let (code, report) = site.converge();
    assert_eq!((code, report.verdict), (0, Verdict::Converged));
    assert_eq!(site.get("/etc/elsewhere"), "mine\n");
    assert_eq!(site.get("/etc/sysctl.d/60-rmqgit.conf"), "net.ipv4.ip_nonlocal_bind = 1\n");
    assert_eq!(site.stat("/etc/sysctl.d/60-rmqgit.conf"), (0o644, 0, 0));
}

#[test]
fn no_link_above_a_file_leads_out_of_the_root() {
    let site = Site::full();
    let outside = site.origin.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    symlink(&outside, site.live("/etc/haproxy")).unwrap();
    symlink("../../../../outside", site.live("/etc/sysctl.d")).unwrap();
    insta::assert_snapshot!(site.text(&["--mode", "converge"]));
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn a_directory_in_the_way_stops_only_its_file() {
    let site = Site::full();
    site.put("/etc/sysctl.d/60-rmqgit.conf/keep", "mine\n", 0o600);
    insta::assert_snapshot!(site.text(&["--mode", "converge"]));
    assert_eq!(site.get("/etc/sysctl.d/60-rmqgit.conf/keep"), "mine\n");
    assert_eq!(site.get("/etc/haproxy/haproxy.cfg").lines().count(), 4);
}

#[test]
fn a_file_as_a_parent_fails_only_its_files() {
    let site = Site::full();
    site.put("/usr/libexec/keepalived", "not a directory\n", 0o644);
    insta::assert_snapshot!(site.text(&["--mode", "converge"]));
}

#[test]
fn a_directory_that_cannot_be_written_fails_and_leaves_the_file() {
    let mut site = Site::full();
    site.converge();
    site.edit("/etc/haproxy/haproxy.cfg", |file| file.mode = 0o600);
    site.edit("/etc/sysctl.d/60-rmqgit.conf", |file| *file = text("net.ipv4.ip_nonlocal_bind = 0\n"));
    let dir = site.live("/etc/sysctl.d");
    let script = "mount --bind \"$0\" \"$0\" && mount -o remount,ro,bind \"$0\" && exec \"$@\"";
    let sync = site.command(&["--mode", "converge"]);
    let mut command = std::process::Command::new("unshare");
    command.args(["-m", "sh", "-c", script]).arg(dir).arg(sync.get_program()).args(sync.get_args());
    let (code, out, err) = crate::run(&mut command);
    insta::assert_snapshot!(site.redact(&format!("{out}{err}[exit {code}]\n")));
    assert_eq!(site.get("/etc/sysctl.d/60-rmqgit.conf"), "net.ipv4.ip_nonlocal_bind = 1\n");
    assert_eq!(site.stat("/etc/haproxy/haproxy.cfg"), (0o600, 0, 0));
    assert_eq!(site.converge().1.verdict, Verdict::Converged);
}

#[test]
fn a_shared_file_keeps_what_is_not_ours() {
    let mut site = Site::full();
    site.put("/etc/hosts", "127.0.0.1 localhost\r\n\r\n10.0.0.1 other", 0o600);
    assert_eq!(site.converge().0, 0);
    let begin = rmqgit::release::BLOCK_BEGIN;
    let after = format!("127.0.0.1 localhost\r\n\r\n10.0.0.1 other\n{begin}\n192.168.1.219 rabbit1\n# END rmqgit\n");
    assert_eq!(site.get("/etc/hosts"), after);
    assert_eq!(site.stat("/etc/hosts"), (0o600, 0, 0));

    fs::write(site.live("/etc/hosts"), after.replace("# END rmqgit\n", "")).unwrap();
    insta::assert_snapshot!("unterminated_block", site.text(&["--mode", "converge"]));
    assert_eq!(site.get("/etc/hosts"), after.replace("# END rmqgit\n", ""));

    fs::write(site.live("/etc/hosts"), format!("{after}10.0.0.2 later\n")).unwrap();
    site.files.remove(&path("/etc/hosts"));
    site.publish();
    assert_eq!(site.converge().1.verdict, Verdict::Converged);
    assert_eq!(site.get("/etc/hosts"), "127.0.0.1 localhost\r\n\r\n10.0.0.1 other\n10.0.0.2 later\n");
    assert_eq!(site.sync(&[]).1.verdict, Verdict::InSync);
}

#[test]
fn a_file_that_the_release_lost_goes_only_if_nobody_changed_it() {
    let mut site = Site::full();
    site.converge();
    site.files.remove(&path("/etc/sysctl.d/60-rmqgit.conf"));
    site.files.remove(&path("/usr/libexec/keepalived/check_haproxy"));
    site.publish();
    site.put("/usr/libexec/keepalived/check_haproxy", "#!/bin/bash\nexit 1\n", 0o755);
    insta::assert_snapshot!(site.text(&["--mode", "converge"]));
    assert!(!site.live("/etc/sysctl.d/60-rmqgit.conf").exists());
    assert_eq!(site.get("/usr/libexec/keepalived/check_haproxy"), "#!/bin/bash\nexit 1\n");
    // It is reported until somebody removes it, and then forgotten.
    assert_eq!(site.converge().0, 1);
    fs::remove_file(site.live("/usr/libexec/keepalived/check_haproxy")).unwrap();
    assert_eq!(site.converge().1.verdict, Verdict::InSync);
    site.put("/usr/libexec/keepalived/check_haproxy", "somebody else's\n", 0o755);
    assert_eq!(site.converge().1.verdict, Verdict::InSync);
}

#[test]
fn an_empty_or_shrunken_release_changes_nothing() {
    let mut site = Site::full();
    site.converge();
    let before = site.tree();
    let all = site.files.clone();
    site.files.clear();
    site.publish();
    insta::assert_snapshot!("empty_release", site.text(&["--mode", "converge"]));
    assert_eq!(site.tree(), before);
    site.files = all.into_iter().take(2).collect();
    site.publish();
    site.put("/etc/sysctl.d/60-rmqgit.conf", "net.ipv4.ip_nonlocal_bind = 7\n", 0o644);
    insta::assert_snapshot!("shrunken_release", site.text(&["--mode", "converge"]));
    // Drift is repaired all the same, from the last release that was applied.
    assert_eq!(site.tree(), before);
    site.grants = vec![GRANT_SHRINK.to_owned()];
    site.publish();
    assert_eq!(site.converge().1.verdict, Verdict::Converged);
    assert!(!site.live("/var/lib/rabbitmq/.erlang.cookie").exists());
}

#[test]
fn owners_that_nobody_can_tell_are_not_drift() {
    let mut site = Site::full();
    site.put("/etc/passwd", "root:x:0:0::/root:/bin/sh\n", 0o644);
    insta::assert_snapshot!("sandbox_without_the_user", site.text(&["--mode", "converge"]));
    assert_eq!(site.stat("/var/lib/rabbitmq/.erlang.cookie"), (0o400, 0, 0));
    assert_eq!(site.converge().1.verdict, Verdict::InSync);
    // A user that appears makes it a difference, and a run repairs it.
    site.put("/etc/passwd", "root:x:0:0::/root:/bin/sh\nrabbitmq:x:106:112::/:/bin/false\n", 0o644);
    assert_eq!(site.converge().1.verdict, Verdict::Converged);
    assert_eq!(site.stat("/var/lib/rabbitmq/.erlang.cookie"), (0o400, 106, 112));
    site.edit("/etc/haproxy/haproxy.cfg", |file| {
        file.owner = Owner { user: "rabbitmq".to_owned(), group: "root".to_owned() };
        file.part = Part::Whole;
    });
    assert_eq!(site.converge().1.verdict, Verdict::Converged);
    assert_eq!(site.stat("/etc/haproxy/haproxy.cfg"), (0o640, 106, 0));
}

#[test]
fn a_user_that_is_not_root_syncs_a_sandbox_of_its_own() {
    let site = Site::full();
    site.put("/etc/passwd", "root:x:65534:65534::/:/bin/sh\nrabbitmq:x:106:112::/:/bin/false\n", 0o644);
    site.put("/etc/group", "root:x:65534:\nrabbitmq:x:112:\n", 0o644);
    let (code, _, err) =
        crate::run(std::process::Command::new("chown").args(["-R", "65534:65534"]).arg(site.origin.dir.path()));
    assert_eq!((code, err.as_str()), (0, ""));
    let sync = |args: &[&str]| {
        let sync = site.command(args);
        let mut command = std::process::Command::new("setpriv");
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(sync.get_program())
            .args(sync.get_args());
        let (code, out, err) = crate::run(&mut command);
        site.redact(&format!("{out}{err}[exit {code}]\n"))
    };
    insta::assert_snapshot!("not_root_converges", sync(&["--mode", "converge"]));
    insta::assert_snapshot!("not_root_in_sync", sync(&[]));
}
