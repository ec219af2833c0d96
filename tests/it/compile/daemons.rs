//! The programs that will read the files, reading them.

use std::path::Path;
use std::process::Command;

use rmqgit::model::Cluster;
use rmqgit::release::Bundle;

use super::{FIXTURES, clusters, compiler, isolated, joined, write};
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
