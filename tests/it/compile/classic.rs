//! RabbitMQ 3.6's keys, held against what a newer RabbitMQ makes of the same keys.

use std::process::Command;

use rmqgit::diag::{At, Place};
use rmqgit::facts::classic_config::{KEYS, Key, Shape};
use rmqgit::facts::version::Version;
use rmqgit::model::ConfigValue;

use super::{compile, joined, tutorial, write};
use crate::run;

/// Returns a key with a word for its `$`, and a value of its shape.
fn sample(known: &Key) -> (String, ConfigValue) {
    let text = |text: &str| ConfigValue::Text(text.to_owned());
    let value = match known.shape {
        Shape::Int | Shape::Linger(1) => ConfigValue::Int(123),
        Shape::Number | Shape::Ratio(_) => ConfigValue::Float("0.7".to_owned()),
        Shape::Bool | Shape::AtomFlags | Shape::BinaryFlags | Shape::Linger(_) => ConfigValue::Bool(true),
        Shape::Sized(_) => text("2GB"),
        Shape::Nothing => text("none"),
        Shape::Listeners => text("127.0.0.1:5999"),
        Shape::Backends => text("ldap"),
        Shape::Atom | Shape::Atoms | Shape::PauseIfAllDown => text(match known.key {
            "ssl_options.verify" => "verify_peer",
            "ssl_cert_login_from" => "common_name",
            "cluster_partition_handling" => "autoheal",
            "cluster_partition_handling.pause_if_all_down.recover" => "ignore",
            "collect_statistics" => "fine",
            "management.rates_mode" => "basic",
            "auth_ldap.log" => "network",
            key if key.starts_with("log.") => "warning",
            _ => "a_word",
        }),
        Shape::Text if known.path.last() == Some(&"ip") => text("127.0.0.1"),
        // A file that RabbitMQ's own checks find.
        Shape::Text | Shape::Texts => text("/etc/hosts"),
        Shape::Binary | Shape::Place(..) => text("a word"),
    };
    let word = if matches!(known.shape, Shape::Backends) { "1" } else { "guest" };
    (known.key.replace('$', word), value)
}

/// Puts each key into the first round where no other key says the same thing in another way.
fn rounds() -> Vec<Vec<&'static Key>> {
    let joins = |shape| matches!(shape, Shape::Place(..) | Shape::Linger(_) | Shape::PauseIfAllDown);
    let mut rounds: Vec<Vec<&Key>> = Vec::new();
    for known in KEYS {
        let rival = |other: &&Key| (other.app, other.path) == (known.app, known.path);
        let free = |round: &&mut Vec<&Key>| {
            round.iter().filter(|other| rival(other)).all(|other| joins(other.shape) && joins(known.shape))
        };
        match rounds.iter_mut().find(free) {
            Some(round) => round.push(known),
            None => rounds.push(vec![known]),
        }
    }
    rounds
}

#[test]
fn both_spellings_mean_the_same() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut said = String::new();
    for (number, round) in rounds().into_iter().enumerate() {
        let mut cluster = tutorial();
        let mut samples: Vec<_> = round.iter().map(|known| sample(known)).collect();
        if round.iter().any(|known| known.shape == Shape::PauseIfAllDown) {
            let (key, strategy) = ("cluster_partition_handling", "pause_if_all_down");
            samples.push((key.to_owned(), ConfigValue::Text(strategy.to_owned())));
        }
        cluster.broker.config =
            samples.into_iter().map(|(key, value)| (key, At::new(value, Place::default()))).collect();
        let mut file = |version, path: &str, name: &str| {
            cluster.broker.version.value = version;
            let file = dir.path().join(format!("{number}-{name}"));
            write(&file, &joined(&compile(&cluster)[0])[path]);
            file
        };
        let new = file(Version::new(3, 10, 8), "/etc/rabbitmq/rabbitmq.conf", "new");
        let old = file(Version::new(3, 6, 12), "/etc/rabbitmq/rabbitmq.config", "old");
        let paths = round.iter().map(|known| format!("{}.{}", known.app, known.path.join(".")));
        let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/compile/read.escript");
        let mut agree = Command::new("escript");
        agree.arg(script).arg("agree").args([&new, &old]).args(paths);
        let (status, stdout, stderr) = run(&mut agree);
        assert_eq!((status, stderr.as_str()), (0, ""), "{stdout}");
        said.push_str(&stdout);
    }
    insta::assert_snapshot!(said);
}
