//! What Erlang makes of patterns, which RabbitMQ leaves to it.

use std::fs;
use std::process::Command;

use crate::run;

#[test]
fn erlang_says_what_is_recorded() {
    let recorded = include_str!("../../src/policy/checks/patterns/erlang.tsv");
    let recorded: Vec<&str> = recorded.lines().filter(|line| !line.starts_with('#')).skip(1).collect();
    let patterns: String =
        recorded.iter().map(|line| line.split('\t').next().unwrap_or_default().to_owned() + "\n").collect();
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(file.path(), patterns).expect("it is written");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/patterns.escript");
    let (status, said, errors) = run(Command::new("escript").arg(script).arg(file.path()));
    assert_eq!((status, errors.as_str()), (0, ""), "{said}");
    assert_eq!(said.lines().collect::<Vec<_>>(), recorded);
}
