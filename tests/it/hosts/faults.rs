//! What goes wrong around a run: the remote, the disk, the run itself, the daemons.

use std::thread;

use serde_json::{Value, json};

use super::bed::HOSTS;
use super::site::{Report, Site};

const HAPROXY: &str = "/etc/haproxy/haproxy.cfg";

/// A server that takes every connection and says nothing.
const SILENT: &str = "
import socket
server, kept = socket.create_server(('192.168.1.10', 22)), []
while True:
    kept.append(server.accept())
";
/// One that begins like SSH and goes on like nothing.
const GARBAGE: &str = "
import os, socket
server = socket.create_server(('192.168.1.10', 22))
while True:
    peer, _ = server.accept()
    try:
        peer.sendall(b'SSH-2.0-x\\r\\n' + os.urandom(99999))
        peer.close()
    except OSError:
        pass
";

/// All of them.
pub(super) fn faults_are_survived(site: &mut Site) {
    site.stop_timers();
    let faults: [super::Proof; 10] = [
        ("remote away", remote_away),
        ("remote silent", remote_silent),
        ("remote with garbage", remote_with_garbage),
        ("disk full", disk_full),
        ("files that cannot be written", read_only),
        ("many runs at once", many_at_once),
        ("a daemon that does not take the new file", refused_by_the_daemon),
        ("killed at any point", killed),
        ("clock", clock),
        ("paused", paused),
    ];
    for (name, prove) in faults {
        let started = std::time::Instant::now();
        prove(site);
        for host in HOSTS {
            let report = site.sync(host, &[]);
            assert_eq!(report.json["verdict"], "in-sync", "after {name}: {:#}", report.json);
        }
        println!("  {name}: {:.1?}", started.elapsed());
    }
    site.start_timers();
}

/// Drift is repaired without the remote: from the last release that was had.
fn repairs_alone(site: &Site) -> Report {
    site.bed.must("rabbit1", &format!("cp -p {HAPROXY} /run/good; echo '# by hand' >>{HAPROXY}"));
    let report = site.sync("rabbit1", &[]);
    assert_eq!(report.code, 3, "{:#}", report.json);
    assert_eq!(report.json["release"]["newest"], false, "{:#}", report.json);
    assert_eq!(report.json["failures"][0]["next"], "retry", "{:#}", report.json);
    site.bed.must("rabbit1", &format!("cmp {HAPROXY} /run/good"));
    report
}

fn remote_away(site: &mut Site) {
    site.git_server_down();
    repairs_alone(site);
    site.git_server_up();
}

fn remote_silent(site: &mut Site) {
    site.git_server_down();
    let silent = site.bed.serve("silent", &["/usr/bin/python3", "-c", SILENT]);
    repairs_alone(site);
    drop(silent);
    site.git_server_up();
}

fn remote_with_garbage(site: &mut Site) {
    site.git_server_down();
    let garbage = site.bed.serve("garbage", &["/usr/bin/python3", "-c", GARBAGE]);
    repairs_alone(site);
    drop(garbage);
    site.git_server_up();
}

/// Publishes a release in which one number of haproxy.cfg is another one.
fn publish(site: &mut Site, maxconn: u32) {
    let line = |n: &str| format!("    hard_stop_after: 1h\n    maxconn: {n}\n");
    let at = site.spec.find("    maxconn: ");
    site.spec = match at {
        Some(at) => {
            let end = at + site.spec[at..].find('\n').unwrap() + 1;
            format!("{}    maxconn: {maxconn}\n{}", &site.spec[..at], &site.spec[end..])
        }
        None => site.spec.replace("    hard_stop_after: 1h\n", &line(&maxconn.to_string())),
    };
    site.publish(&format!("{maxconn} connections"));
}

/// Fails unless HAProxy's file is whole: the one of either release.
fn whole(site: &Site, releases: [u32; 2]) -> u32 {
    let text = site.bed.must("rabbit1", &format!("cat {HAPROXY}"));
    let found = releases.into_iter().find(|n| text.contains(&format!("maxconn {n}\n")));
    assert!(text.contains("listen") && text.ends_with('\n'), "{text}");
    found.unwrap_or_else(|| panic!("neither of {releases:?}:\n{text}"))
}

fn disk_full(site: &mut Site) {
    publish(site, 4000);
    assert!(site.sync("rabbit1", &[]).is_fine());
    for (number, dir) in ["/etc/haproxy", "/var/lib/rmqgit"].into_iter().enumerate() {
        let wanted = 4001 + u32::try_from(number).unwrap();
        publish(site, wanted);
        // The directory on a disk of its own, which is full to the last byte.
        site.bed.must(
            "rabbit1",
            &format!(
                "cp -a {dir} /run/kept; mount -t tmpfs -o size=2m,mode=$(stat -c %a {dir}) tmpfs {dir}; cp -a /run/kept/. {dir}
                 dd if=/dev/zero of={dir}/filler bs=4k 2>/dev/null; rm -r /run/kept; test -s {dir}/filler"
            ),
        );
        let said = site.bed.sh("rabbit1", "timeout 60 rmqgit sync");
        assert_eq!(said.code, 3, "{dir}: {}{}", said.out, said.err);
        assert!(format!("{}{}", said.out, said.err).contains("No space left on device"), "{}{}", said.out, said.err);
        whole(site, [wanted - 1, wanted]);
        site.bed.must("rabbit1", "systemctl is-active haproxy");
        let back =
            format!("rm {dir}/filler; cp -a {dir} /run/kept; umount {dir}; cp -a /run/kept/. {dir}; rm -r /run/kept");
        site.bed.must("rabbit1", &back);
        let report = site.sync("rabbit1", &[]);
        assert!(report.is_fine(), "{:#}", report.json);
        assert_eq!(whole(site, [wanted, wanted]), wanted);
        for host in ["rabbit2", "rabbit3"] {
            site.sync(host, &[]);
        }
    }
}

fn read_only(site: &mut Site) {
    publish(site, 4010);
    let others = "sed -i '/BEGIN rmqgit/,$ s/^192.168.1.220/192.168.1.99/' /etc/hosts";
    site.bed.must(
        "rabbit1",
        &format!("mount --bind /etc/haproxy /etc/haproxy; mount -o remount,bind,ro /etc/haproxy; {others}"),
    );
    let report = site.sync("rabbit1", &[]);
    assert_eq!((report.code, &report.json["verdict"]), (3, &json!("failed")), "{:#}", report.json);
    let said = report.json.to_string();
    assert!(said.contains("Read-only file system"), "{said}");
    assert_eq!(whole(site, [4002, 4010]), 4002);
    // One file that cannot be written does not stop the others.
    site.bed.must("rabbit1", "! grep -q 192.168.1.99 /etc/hosts; umount /etc/haproxy");
    for host in HOSTS {
        assert!(site.sync(host, &[]).is_fine());
    }
    assert_eq!(whole(site, [4010, 4010]), 4010);
}

fn many_at_once(site: &mut Site) {
    publish(site, 4020);
    let said = site.bed.must(
        "rabbit1",
        "for n in 1 2 3 4 5 6; do { rmqgit sync >/run/run$n 2>&1; echo $?; } & done; wait; cat /run/run? | grep -ci 'another run' || true",
    );
    let codes: Vec<_> = said.lines().collect();
    assert!(codes[..6].contains(&"0"), "{said}");
    assert!(codes[..6].iter().all(|code| ["0", "3"].contains(code)), "{said}");
    assert_eq!(codes[..6].iter().filter(|code| **code == "3").count().to_string(), codes[6], "{said}");
    assert_eq!(whole(site, [4020, 4020]), 4020);
    for host in HOSTS {
        site.sync(host, &[]);
    }
}

/// HAProxy's own checker does not bind: a port that sshd has is found out by the reload.
fn refused_by_the_daemon(site: &mut Site) {
    let good = site.spec.clone();
    let was = site.bed.must("rabbit1", &format!("sha256sum {HAPROXY}"));
    assert!(good.contains("management: {port: 15673"));
    site.spec = good.replace("management: {port: 15673", "management: {port: 22");
    site.publish("A port that is taken");
    let report = site.sync("rabbit1", &[]);
    assert_eq!((report.code, &report.json["verdict"]), (3, &json!("failed")), "{:#}", report.json);
    assert_eq!(site.bed.must("rabbit1", &format!("sha256sum {HAPROXY}")), was, "{:#}", report.json);
    site.bed.must("rabbit1", "systemctl is-active haproxy");
    super::bed::until("the virtual address stays", 20, || site.held_by("rabbit1"));

    // The release is not tried again.
    let trace = "stat -c '%i %y' /etc/haproxy/haproxy.cfg; systemctl show haproxy -p MainPID,NRestarts,StateChangeTimestampMonotonic";
    let before = site.bed.must("rabbit1", trace);
    let report = site.sync("rabbit1", &[]);
    assert_ne!(report.code, 0, "{:#}", report.json);
    assert_eq!(report.json["steps"], Value::Null, "{:#}", report.json);
    assert_eq!(site.bed.must("rabbit1", trace), before);

    site.spec = good;
    site.publish("The port of before");
    for host in HOSTS {
        let report = site.sync(host, &[]);
        assert!(report.is_fine(), "{:#}", report.json);
    }
}

/// The calls on whose way in a run is killed: of those by which it changes something, and of those that start a program.
const CALLS: [&str; 8] = ["openat", "write", "fsync", "rename", "renameat", "fchmod", "unlink", "clone3"];

fn killed(site: &mut Site) {
    let (mut last, mut killed) = (4020, 0);
    for n in 0..24_usize {
        let wanted = 5000 + u32::try_from(n).unwrap();
        publish(site, wanted);
        // A file of each kind: reloaded, not reloaded, part of another.
        site.bed.must("rabbit1", "sed -i '/BEGIN rmqgit/,$ s/^192.168.1.220/192.168.1.99/' /etc/hosts; chmod 600 /usr/libexec/keepalived/check-haproxy");
        let call = CALLS[n % CALLS.len()];
        let nth = if call == "openat" { 40 + 13 * n } else { 1 + n / CALLS.len() * 2 + n % 3 };
        let script = format!(
            "strace -f -o /run/trace -e trace={call} -e inject={call}:signal=KILL:when={nth} rmqgit sync >/dev/null 2>&1; echo $?"
        );
        let code = site.bed.must("rabbit1", &script);
        killed += u32::from(code.trim() == "137");
        whole(site, [last, wanted]);
        site.bed.must("rabbit1", "systemctl is-active haproxy keepalived rabbitmq-server");
        let report = site.sync("rabbit1", &[]);
        assert!(report.is_fine(), "killed at {call} {nth}: {:#}", report.json);
        let report = site.sync("rabbit1", &["--mode", "report"]);
        assert_eq!(report.json["verdict"], "in-sync", "killed at {call} {nth}: {:#}", report.json);
        assert_eq!(site.bed.must("rabbit1", "find /etc /usr/libexec -name '*rmqgit-new*'"), "");
        last = wanted;
    }
    println!("    {killed} of 24 runs were killed");
    assert!(killed > 12, "{killed}");
    for host in HOSTS {
        site.sync(host, &[]);
    }
}

/// A host's clock is this machine's and cannot jump; what a run remembers can be from any time.
fn clock(site: &mut Site) {
    for year in ["1999", "2199"] {
        let script = format!(
            "cd /var/lib/rmqgit; sed -i -E 's/\"20[0-9]{{2}}-([0-9T:.-]+Z)/\"{year}-\\1/g' *.json; rmqgit status >/dev/null"
        );
        site.bed.must("rabbit1", &script);
        site.bed.must("rabbit1", &format!("echo '# by hand' >>{HAPROXY}; touch -d {year}-01-01 {HAPROXY}"));
        let report = site.sync("rabbit1", &[]);
        assert!(report.is_fine(), "{year}: {:#}", report.json);
    }
}

fn paused(site: &mut Site) {
    site.bed.must("rabbit1", "rmqgit pause --for 2h --reason 'a hand is at work'");
    site.bed.must("rabbit1", &format!("echo '# by hand' >>{HAPROXY}"));
    let report = site.sync("rabbit1", &[]);
    assert!(report.json.to_string().contains("a hand is at work"), "{:#}", report.json);
    site.bed.must("rabbit1", &format!("tail -n 1 {HAPROXY} | grep -qx '# by hand'"));
    site.bed.must("rabbit1", "rmqgit resume");
    assert_eq!(site.sync("rabbit1", &[]).json["verdict"], "converged");
    // Two at once on two hosts: the second is not the first's business.
    let both = thread::scope(|scope| {
        HOSTS.map(|host| scope.spawn(|| site.sync(host, &[]).is_fine())).map(|run| run.join().unwrap())
    });
    assert_eq!(both, [true; 3]);
}
