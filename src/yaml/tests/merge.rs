//! Laying one tree over another.

use serde_json::json;

use super::*;

fn merged(base: &str, over: &str) -> (Sources, Diagnostics, Node) {
    let (mut sources, mut diags) = (Sources::new(), Diagnostics::new());
    let limits = Limits::default();
    let base = read(&mut sources, "rmqgit.yaml", base.as_bytes(), &limits, &mut diags).expect("the base is good");
    let over =
        read(&mut sources, "clusters/a.yaml", over.as_bytes(), &limits, &mut diags).expect("the overlay is good");
    (sources, diags, Node::merge(&base, &over))
}

#[test]
fn mappings_are_merged_and_the_rest_replaced() {
    let check = |base: &str, over: &str, expect: serde_json::Value| {
        let (_, mut diags, node) = merged(base, over);
        assert_eq!(
            (decode::<serde_json::Value>(&node, &mut diags), diags.len()),
            (Some(expect), 0),
            "{base:?} under {over:?}"
        );
    };
    check(
        "a: 1\nb: {c: 1, d: [1, 2]}\n",
        "b: {d: [3], e: 4}\nf: 5\n",
        json!({"a": 1, "b": {"c": 1, "d": [3], "e": 4}, "f": 5}),
    );
    check("a: {b: 1}\nc: {d: 1}\n", "a: ~\nc: x\n", json!({"a": null, "c": "x"}));
    check("a: 1\n", "a: {b: 1}\n", json!({"a": {"b": 1}}));
    check("[1]", "a: 1\n", json!({"a": 1}));
    check("a: &a {x: 1}\nb: *a\n", "b: {y: 2}\n", json!({"a": {"x": 1}, "b": {"x": 1, "y": 2}}));
    let many = lines(0..40, |i| format!("k{i}: {i}"));
    let (_, mut diags, node) = merged(&many, &many.replace(": 7\n", ": seven\n"));
    let keys: Vec<&str> = node.entries().iter().map(Entry::key).collect();
    assert_eq!(keys, (0..40).map(|i| format!("k{i}")).collect::<Vec<_>>());
    assert_eq!(decode::<serde_json::Value>(&node, &mut diags).expect("it is good")["k7"], "seven");
}

#[test]
fn nulls_can_be_taken_out() {
    let (_, mut diags, node) =
        merged("a: {b: 1, c: 2}\nd: [{e: 3}, 4]\n", "a: {b: ~}\nd: [{e: }, ~]\nf: null\ng: \"\"\n");
    let expect = json!({"a": {"c": 2}, "d": [{}, null], "g": ""});
    assert_eq!(decode::<serde_json::Value>(&node.without_nulls(), &mut diags), Some(expect));
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only faults are looked at")]
struct Cluster {
    name: String,
    amqp: Amqp,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only faults are looked at")]
struct Amqp {
    port: u16,
    check: String,
    balance: String,
}

#[test]
fn a_fault_in_a_default_names_both_files() {
    let (sources, mut diags, node) = merged("amqp:\n  port: 99999\n  chek: 5s\n", "name: a\namqp:\n  balance: first\n");
    assert!(decode::<Cluster>(&node, &mut diags).is_none());
    insta::assert_snapshot!(crate::diag::render(&diags, &sources, crate::diag::Format::Text, false, 100));
}
