//! Secrets: refused when others may read them, never in anything but their files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rmqgit::quote::Syntax;
use rmqgit::report::Verdict;

use super::site::{Site, path, with_secrets};

const STATS: &str = "canary-stats-8461";
const COOKIE: &str = "CANARYCOOKIE5512";
const FOREIGN: &str = "foreign-canary-2209";
const OLD: &str = "old-canary-7730";

/// Fails if a canary is anywhere below a directory but in the files that it belongs to.
fn hunt(dir: &Path, canaries: &[&str], spared: &[&str]) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            hunt(&path, canaries, spared);
        } else if !spared.iter().any(|spared| path.ends_with(spared)) {
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            for canary in canaries {
                assert!(!text.contains(canary), "{canary} is in {}", path.display());
            }
        }
    }
}

fn check_no_leak(site: &Site, output: &str) {
    let canaries = [STATS, COOKIE, FOREIGN, OLD];
    for canary in canaries {
        assert!(!output.contains(canary), "{canary} is in the output:\n{output}");
    }
    hunt(&site.live("/var/lib/rmqgit"), &canaries, &[]);
}

#[test]
fn no_secret_leaves_its_files() {
    let mut site = Site::full();
    let every = |site: &Site, mode: &str| {
        for format in ["text", "json"] {
            for more in [&["--mode", "report"][..], &["--mode", "converge", "--dry-run"], &["--mode", mode]] {
                let mut args = more.to_vec();
                args.extend(["--format", format]);
                check_no_leak(site, &site.text(&args));
            }
        }
        let status = crate::run(crate::rmqgit().args(["status", "--format", "json", "--root"]).arg(&site.root));
        check_no_leak(site, &status.1);
    };
    // A hand-made file with another password, before anything was applied.
    site.put("/etc/haproxy/haproxy.cfg", &format!("listen stats\n  stats auth admin:{FOREIGN}\n"), 0o644);
    site.put("/var/lib/rabbitmq/.erlang.cookie", FOREIGN, 0o400);
    every(&site, "report");
    every(&site, "converge");
    assert_eq!(site.get("/var/lib/rabbitmq/.erlang.cookie"), COOKIE);
    hunt(&site.root, &[STATS, COOKIE], &["haproxy.cfg", ".erlang.cookie", "secrets/stats", "secrets/cookie"]);

    // Somebody edits the line, moves our password elsewhere, adds one of their own.
    for line in [
        format!("  stats auth admin:{FOREIGN}\n"),
        format!("  stats auth root:{FOREIGN}\n  stats auth admin:{STATS}\n"),
        format!("  http-request set-header X-A {FOREIGN}\n"),
        format!("# was {STATS}\n  stats auth admin:{STATS}\n"),
        format!("\tstats   auth admin:{FOREIGN}\n"),
        format!("{FOREIGN}\n"),
    ] {
        let text = format!("global\n  maxconn 100\nlisten stats\n{line}");
        fs::write(site.live("/etc/haproxy/haproxy.cfg"), text).unwrap();
        every(&site, "report");
    }
    insta::assert_snapshot!("masked_diff", site.text(&[]));
    every(&site, "converge");

    // The password changes; then the release drops its line, and somebody's old copy is still in the live file.
    site.secret("stats", OLD);
    every(&site, "converge");
    site.secret("stats", STATS);
    every(&site, "report");
    site.edit("/etc/haproxy/haproxy.cfg", |file| {
        *file = with_secrets("global\n  maxconn 100\nlisten stats\n  bind :1\n", Syntax::Haproxy);
    });
    every(&site, "report");
    insta::assert_snapshot!("old_secret_masked", site.text(&[]));
    every(&site, "converge");
}

#[test]
fn a_missing_or_open_secret_fails_only_its_files() {
    let site = Site::full();
    fs::remove_file(site.live("/etc/rmqgit/secrets/stats")).unwrap();
    fs::set_permissions(site.live("/etc/rmqgit/secrets/cookie"), fs::Permissions::from_mode(0o640)).unwrap();
    insta::assert_snapshot!("missing_and_open", site.text(&["--mode", "converge"]));
    assert!(!site.live("/etc/haproxy/haproxy.cfg").exists());
    assert!(site.live("/etc/sysctl.d/60-rmqgit.conf").exists());
    site.secret("stats", "has\ttab");
    insta::assert_snapshot!("cannot_be_quoted", site.text(&["--mode", "converge"]));
    site.secret("stats", STATS);
    site.secret("cookie", COOKIE);
    assert_eq!(site.converge().1.verdict, Verdict::Converged);
}

#[test]
fn a_secret_of_many_lines_shows_in_no_diff() {
    let mut site = Site::full();
    let key = format!("-----BEGIN-----\n{STATS}\n-----END-----");
    site.secret("key", &key);
    site.files.insert(path("/etc/ssl/all.pem"), with_secrets("# certificate\nab\n<key>\n", Syntax::Raw));
    site.publish();
    site.converge();
    assert_eq!(site.get("/etc/ssl/all.pem"), format!("# certificate\nab\n{key}\n"));
    site.put("/etc/ssl/all.pem", &format!("# certificate\nab\n-----BEGIN-----\n{FOREIGN}\n-----END-----\n"), 0o640);
    check_no_leak(&site, &site.text(&[]));
    insta::assert_snapshot!("key_differs", site.text(&[]));
}
