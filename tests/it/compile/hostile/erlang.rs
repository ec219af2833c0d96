//! RabbitMQ's files, as Erlang and RabbitMQ's own configuration parser read them.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rmqgit::diag::{At, Place};
use rmqgit::facts::version::Version;
use rmqgit::model::{Cluster, ConfigValue};

use super::{accepted, batches, short, text};
use crate::compile::{compile, joined, tutorial, write};
use crate::run;

/// Runs `read.escript`, and returns the texts that it prints.
fn read(args: &[&str], file: &Path) -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/compile/read.escript");
    let (status, stdout, stderr) = run(Command::new("escript").arg(script).args(args).arg(file));
    assert_eq!((status, stderr.as_str()), (0, ""), "{stdout}");
    let decode = |line| String::from_utf8(STANDARD.decode(line).expect("it prints Base64")).expect("of UTF-8");
    stdout.lines().map(decode).collect()
}

fn put(cluster: &mut Cluster, key: &str, text: &str) {
    let value = At::new(ConfigValue::Text(text.to_owned()), Place::default());
    cluster.broker.config.insert(key.to_owned(), value);
}

/// Writes one file of the first host.
fn written(cluster: &Cluster, path: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("file");
    write(&file, &joined(&compile(cluster)[0])[path]);
    (dir, file)
}

#[test]
fn rabbitmq_conf_is_read_back() {
    // cuttlefish needs minutes for a line of 64 KiB.
    batches(2, 300, short(), |texts| {
        let texts = accepted(texts, |cluster, text| put(cluster, "x", text));
        let mut cluster = tutorial();
        cluster.broker.config.clear();
        let mut expect = Vec::new();
        for (number, text) in texts.iter().enumerate() {
            put(&mut cluster, &format!("x.{number}"), text);
            expect.extend([format!("x.{number}"), (*text).to_owned()]);
        }
        let (_dir, file) = written(&cluster, "/etc/rabbitmq/rabbitmq.conf");
        let read = read(&["conf"], &file);
        let ours = read.iter().position(|key| key == "x.0").expect("the first key is there");
        assert_eq!(read[ours..], expect);
        assert_eq!(ours, 2 * 5, "cluster_name, the discovery and three nodes: {read:?}");
    });
}

#[test]
fn rabbitmq_config_is_read_back() {
    batches(2, 200, text(), |texts| {
        let mut cluster = tutorial();
        cluster.broker.version.value = Version::new(3, 6, 12);
        for (number, text) in texts.iter().enumerate() {
            put(&mut cluster, &format!("auth_ldap.servers.{number}"), text);
        }
        put(&mut cluster, "default_user", &texts[0]);
        let (_dir, file) = written(&cluster, "/etc/rabbitmq/rabbitmq.config");
        assert_eq!(read(&["term", "rabbitmq_auth_backend_ldap", "servers"], &file), texts);
        assert_eq!(read(&["term", "rabbit", "default_user"], &file), texts[..1]);
        assert_eq!(read(&["term", "rabbit"], &file).len(), 5, "nodes, user, partitions, disk, memory");
    });
}

#[test]
fn enabled_plugins_are_read_back() {
    batches(2, 100, text(), |texts| {
        let plugin = |cluster: &mut Cluster, text: &str| {
            cluster.broker.plugins.push(At::new(text.to_owned(), Place::default()));
        };
        let texts = accepted(texts, |cluster, text| plugin(cluster, text));
        let mut cluster = tutorial();
        cluster.broker.plugins.clear();
        for text in &texts {
            plugin(&mut cluster, text);
        }
        let (_dir, file) = written(&cluster, "/etc/rabbitmq/enabled_plugins");
        assert_eq!(read(&["list"], &file), texts);
    });
}
