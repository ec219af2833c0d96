//! `rabbitmq-env.conf`, as RabbitMQ sources it.

use std::process::Command;

use super::{accepted, batches, text};
use crate::compile::{compile, joined, tutorial, write};
use crate::run;

#[test]
fn the_shell_reads_every_variable_back() {
    batches(4, 120, text(), |texts| {
        let put = |cluster: &mut rmqgit::model::Cluster, number: usize, text: &str| {
            cluster.broker.env.insert(format!("V{number}"), text.to_owned());
        };
        let (mut cluster, texts) = (tutorial(), accepted(texts, |cluster, text| put(cluster, 0, text)));
        for (number, text) in texts.iter().enumerate() {
            put(&mut cluster, number, text);
        }
        let files = joined(&compile(&cluster)[0]);
        let dir = tempfile::tempdir().expect("a temporary directory");
        let file = dir.path().join("rabbitmq-env.conf");
        write(&file, &files["/etc/rabbitmq/rabbitmq-env.conf"]);
        let show: Vec<String> = (0..texts.len()).map(|number| format!("printf '%s\\n' \"$V{number}\"")).collect();
        // RabbitMQ runs the file under `-e`, and ignores all of it when a command fails.
        let script = format!("set -e\n. {}\n{}", file.display(), show.join("\n"));
        let (status, stdout, stderr) = run(Command::new("sh").args(["-c", &script]));
        let expect = texts.join("\n") + if texts.is_empty() { "" } else { "\n" };
        assert_eq!((status, stdout, stderr), (0, expect, String::new()));
    });
}
