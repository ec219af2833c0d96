//! Hostile values in every free-text field, and what the real parsers read there.
//!
//! Each property renders a batch of values, because a program that starts once for sixty values tells as much as one that
//! starts sixty times. A value that the compiler refuses is never written; one that it accepts is read back unchanged.

mod erlang;
mod haproxy;
mod keepalived;
mod shell;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rmqgit::compile::Compiler;
use rmqgit::model::Cluster;

use super::tutorial;

/// Words that mean something to one of the parsers.
const WORDS: [&str; 22] = [
    "${HOME}",
    "$(id)",
    "`id`",
    "$HOME",
    "#",
    "!",
    "'",
    "\"",
    "\\",
    "\\\"",
    "'\\''",
    "{",
    "}",
    "\\n",
    "%{secret:x}",
    ";",
    "&&",
    "listen x",
    "@^x",
    "include /etc/passwd",
    "~SEQ(a,1,2)",
    "|",
];

/// A short text that tries to break out.
fn short() -> impl Strategy<Value = String> {
    let word = prop::sample::select(WORDS.as_slice()).prop_map(str::to_owned);
    let ascii = prop::char::range(' ', '~').prop_map(String::from);
    let other = prop::sample::select(&['\n', '\r', '\t', '\0', '\u{1}', '\u{2}', '\u{7f}', '\u{85}'][..]);
    let wide = prop::sample::select(&['é', 'ß', '兎', '🐰', '\u{a0}', '\u{2028}', '\u{feff}'][..]);
    let part = prop_oneof![
        4 => word,
        4 => ascii,
        1 => other.prop_map(String::from),
        1 => wide.prop_map(String::from),
    ];
    prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
}

/// A text that tries to break out; now and then of 64 KiB.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        60 => short(),
        1 => short().prop_map(|text| text.repeat(65536 / text.len().max(1) + 1)),
    ]
}

/// Checks a property of some batches of texts.
fn batches<S: Strategy<Value = String>>(count: u32, size: usize, texts: S, check: impl Fn(&[String])) {
    // The seed is fixed: what is run here is run everywhere, and a failure can be repeated.
    let config = Config { cases: count, failure_persistence: None, max_shrink_iters: 16, ..Config::default() };
    let rng = proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let result = runner.run(&prop::collection::vec(texts, size), |texts| {
        check(&texts);
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

/// Returns the texts that the compiler takes in a field; those that it refuses are refused as what cannot be written.
fn accepted(texts: &[String], put: impl Fn(&mut Cluster, &str)) -> Vec<&str> {
    let compiler = Compiler::new(&[]).expect("the built-in templates are valid");
    let takes = |text: &&str| {
        let mut cluster = tutorial();
        put(&mut cluster, text);
        match compiler.compile(&cluster) {
            Ok(_) => true,
            Err(diags) => {
                let codes: Vec<&str> = diags.iter().map(|diag| &*diag.code).collect();
                assert!(codes.iter().all(|code| *code == "unquotable-value"), "{text:?}: {codes:?}");
                false
            }
        }
    };
    texts.iter().map(String::as_str).filter(takes).collect()
}
