//! The life of a host: adopt, converge, drift, pending, both, a remote that is away.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rmqgit::report::Verdict;

use super::site::{Site, text};

#[test]
fn the_life_of_a_host() {
    let mut site = Site::full();
    insta::assert_snapshot!("report_of_a_blank_host", site.text(&[]));
    insta::assert_snapshot!("dry_run_of_a_blank_host", site.text(&["--mode", "converge", "--dry-run"]));
    insta::assert_snapshot!("first_converge", site.text(&["--mode", "converge"]));
    insta::assert_snapshot!("tree_after_first_converge", site.tree());
    insta::assert_snapshot!("nothing_to_do", site.text(&["--mode", "converge"]));

    let cfg = site.get("/etc/haproxy/haproxy.cfg").replace("maxconn 100", "maxconn 7");
    fs::write(site.live("/etc/haproxy/haproxy.cfg"), cfg).unwrap();
    fs::set_permissions(site.live("/usr/libexec/keepalived/check_haproxy"), PermissionsExt::from_mode(0o4775)).unwrap();
    insta::assert_snapshot!("drift", site.text(&["--mode", "report"]));

    site.edit("/etc/sysctl.d/60-rmqgit.conf", |file| *file = text("net.ipv4.ip_nonlocal_bind = 0\n"));
    insta::assert_snapshot!("drift_and_pending", site.text(&[]));
    insta::assert_snapshot!("converged", site.text(&["--mode", "converge"]));
    insta::assert_snapshot!("in_sync", site.text(&[]));
    let status = crate::run(crate::rmqgit().args(["status", "--root"]).arg(&site.root));
    assert_eq!(
        (status.0, site.redact(&status.1)),
        (0, "orders/rabbit1: in sync, release COMMIT, mode report, AGO".to_owned())
    );
}

#[test]
fn a_remote_that_is_away_fails_but_drift_is_repaired() {
    let site = Site::full();
    assert_eq!(site.converge().1.verdict, Verdict::Converged);
    let before = site.tree();
    fs::write(site.live("/etc/haproxy/haproxy.cfg"), "rubbish\n").unwrap();
    fs::rename(site.origin.path(), site.origin.dir.path().join("away.git")).unwrap();
    insta::assert_snapshot!(site.text(&["--mode", "converge"]));
    assert_eq!(site.tree(), before);
}
