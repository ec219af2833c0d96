//! The programs that will read the files, reading them.

use std::path::Path;
use std::process::Command;

use rmqgit::model::Cluster;
use rmqgit::release::Bundle;

use super::{FIXTURES, clusters, compile, compiler, isolated, joined, tutorial, write};
use crate::run;

/// Calls `check` with each host of each fixture, and a directory that its files are in.
fn each_host(check: impl Fn(&Cluster, &Bundle, &Path)) {
    for name in FIXTURES {
        for cluster in clusters(name) {
            for bundle in compiler(name).compile(&cluster).expect("the fixture compiles") {
                let root = tempfile::tempdir().expect("a temporary directory");
                for (path, text) in joined(&bundle) {
                    write(&root.path().join(&path[1..]), &text);
                }
                check(&cluster, &bundle, root.path());
            }
        }
    }
}

/// Runs a program that has nothing to complain about.
fn quiet(command: &mut Command) {
    assert_eq!(run(command), (0, String::new(), String::new()), "{command:?}");
}

#[test]
fn haproxy_accepts_every_configuration_without_a_warning() {
    each_host(|_, _, root| {
        let file = root.join("etc/haproxy/haproxy.cfg");
        if file.exists() {
            let (status, stdout, stderr) = run(Command::new("haproxy").args(["-c", "-dW", "-f"]).arg(&file));
            assert_eq!((status, stdout.as_str(), stderr.as_str()), (0, "Configuration file is valid\n", ""));
        }
    });
}

#[test]
fn keepalived_accepts_every_configuration() {
    each_host(|cluster, bundle, root| {
        let file = root.join("etc/keepalived/keepalived.conf");
        if !file.exists() {
            return;
        }
        let mut script = vec![
            "set -e".to_owned(),
            // Keepalived wants the real path of the script, and none of the directories above it writable for others.
            "mount -t tmpfs tmpfs /usr/libexec".to_owned(),
            format!("cp -r {}/usr/libexec/keepalived /usr/libexec/", root.display()),
            "chmod -R u=rwX,go=rX /usr/libexec && chmod 755 /usr/libexec/keepalived/*".to_owned(),
        ];
        let instances = &cluster.vip.as_ref().expect("it has a keepalived.conf").instances;
        let members = instances.iter().flat_map(|one| &one.members).filter(|one| one.host == bundle.host);
        let mut made = std::collections::BTreeSet::new();
        for member in members.filter(|member| made.insert(&member.interface)) {
            let (name, address) = (&member.interface, member.address);
            let prefix = if address.is_ipv4() { 24 } else { 64 };
            script.push(format!("ip link add {name} type veth peer name peer{}", script.len()));
            script.push(format!("ip addr add {address}/{prefix} dev {name} && ip link set {name} up"));
        }
        script.push(format!("keepalived -t -f {}", file.display()));
        quiet(isolated().args(["bash", "-c", &script.join("\n")]));
    });
}

#[test]
fn bash_and_shellcheck_accept_every_script() {
    each_host(|_, _, root| {
        let script = root.join("usr/libexec/keepalived/check-haproxy");
        if script.exists() {
            quiet(Command::new("bash").arg("-n").arg(&script));
            quiet(Command::new("shellcheck").arg(&script));
        }
        let env = root.join("etc/rabbitmq/rabbitmq-env.conf");
        if env.exists() {
            quiet(Command::new("shellcheck").args(["--shell=sh", "--exclude=SC2034"]).arg(&env));
        }
    });
}

/// Asks the check script in every state of HAProxy, and prints its exit status each time.
const WATCH: &str = "
ip link set lo up
mount -t tmpfs tmpfs /run && mkdir /run/haproxy
ask() { bash \"$1/check\"; echo \"$2: $?\"; }
ask \"$1\" 'not running'
haproxy -db -f \"$1/good.cfg\" >/dev/null 2>&1 &
disown $!
until bash \"$1/check\"; do kill -0 $! || exit; done
ask \"$1\" 'serves'
kill -STOP $!
ask \"$1\" 'hangs'
kill -CONT $!
ask \"$1\" 'serves again'
kill -KILL $!
haproxy -db -f \"$1/bad.cfg\" >/dev/null 2>&1 &
disown $!
# The first answers may come before the first checks of the brokers.
while bash \"$1/check\"; do kill -0 $! || exit; done
ask \"$1\" 'sees no broker'
kill -KILL $!
exit 0
";

#[test]
fn the_check_script_tells_whether_haproxy_serves() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for (name, port) in [("good.cfg", 6000), ("bad.cfg", 6001)] {
        let mut cluster = tutorial();
        let balancer = cluster.balancer.as_mut().expect("the tutorial has one");
        balancer.amqp.server_port = port;
        balancer.amqp.check.inter = "100ms".to_owned();
        for server in &mut balancer.amqp.servers {
            server.address = [127, 0, 0, 1].into();
        }
        balancer.extra = ["listen broker", "    bind 127.0.0.1:6000", "    mode tcp"].map(str::to_owned).to_vec();
        let files = joined(&compile(&cluster)[0]);
        write(&dir.path().join(name), &files["/etc/haproxy/haproxy.cfg"]);
        write(&dir.path().join("check"), &files["/usr/libexec/keepalived/check-haproxy"]);
    }
    let said = run(isolated().args(["bash", "-c", WATCH, "watch"]).arg(dir.path()));
    let expect = "not running: 1\nserves: 0\nhangs: 124\nserves again: 0\nsees no broker: 1\n";
    assert_eq!(said, (0, expect.to_owned(), String::new()));
}
