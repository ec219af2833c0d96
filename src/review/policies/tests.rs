//! What is said of policies, from their JSON to the sentence.

use super::*;

fn policies(text: &str) -> Vec<Policy> {
    serde_json::from_str::<Vec<serde_json::Value>>(text)
        .expect("JSON")
        .into_iter()
        .map(|given| {
            let mut policy = serde_json::json!({"vhost": "/", "pattern": "^", "apply-to": "queues", "priority": 0});
            policy.as_object_mut().expect("an object").extend(given.as_object().expect("an object").clone());
            serde_json::from_value(policy).expect("a policy")
        })
        .collect()
}

/// Says what changes from some policies and operator policies to others, a line each.
fn said_of(version: &str, old: [&str; 2], new: [&str; 2]) -> String {
    let (old, new) = (old.map(policies), new.map(policies));
    let both = |n: usize| Both { before: old[n].iter().collect(), after: new[n].iter().collect() };
    let question = Question { vhost: "/", version: version.parse().ok(), policies: both(0), operators: both(1) };
    let line = |change: PolicyChange| (if change.loses_data { "LOSES " } else { "" }).to_owned() + &change.text + "\n";
    question.changes().into_iter().map(line).collect()
}

/// Says what another definition of one policy does.
fn said(version: &str, apply_to: &str, old: &str, new: &str) -> String {
    let policy =
        |definition: &str| format!(r#"[{{"name": "p", "apply-to": "{apply_to}", "definition": {definition}}}]"#);
    said_of(version, [&policy(old), "[]"], [&policy(new), "[]"])
}

#[test]
fn streams_know_neither_overflow_nor_dead_letters() {
    let old = r#"{"overflow": "reject-publish", "dead-letter-exchange": "dlx"}"#;
    let new = r#"{"overflow": "reject-publish", "dead-letter-exchange": "dlx", "max-length-bytes": 1000000}"#;
    insta::assert_snapshot!(said("4.0.5", "queues", old, new));
}

#[test]
fn quorum_queues_take_no_overflow_but_two() {
    let new = r#"{"overflow": "reject-publish-dlx", "max-length": 10}"#;
    insta::assert_snapshot!(said("4.0.5", "queues", r#"{"overflow": "reject-publish"}"#, new));
}

#[test]
fn a_delivery_limit_of_minus_one_is_none() {
    let limit = |limit: i64| format!(r#"{{"delivery-limit": {limit}, "max-length": 5}}"#);
    let none = r#"{"max-length": 5}"#;
    let said = |version: &str, old: &str, new: &str| said(version, "quorum_queues", old, new);
    insta::assert_snapshot!(
        [
            said("4.0.5", &limit(-1), &limit(3)),
            said("4.0.5", &limit(3), &limit(-1)),
            said("4.0.5", &limit(-1), none),
            said("4.0.5", &limit(3), none),
            said("3.13.7", &limit(3), none),
        ]
        .concat()
    );
}

#[test]
fn operator_policies_are_put_together_with_policies() {
    let ttl = |ttl: u32| format!(r#"[{{"name": "t", "definition": {{"message-ttl": {ttl}, "max-length": 9}}}}]"#);
    let none = r#"[{"name": "t", "definition": {"max-length": 9}}]"#;
    let kept = r#"[{"name": "t", "definition": {"dead-letter-exchange": "dlx"}}]"#;
    let limit = |ttl: u32| format!(r#"[{{"name": "op", "definition": {{"message-ttl": {ttl}}}}}]"#);
    let said = |old: [&str; 2], new: [&str; 2]| said_of("3.10.8", old, new);
    insta::assert_snapshot!(
        [
            // The operator's limit stands in for the policy's.
            said([&ttl(60_000), "[]"], [none, &limit(60_000)]),
            // The policy's own limit is the smaller one.
            said([&ttl(60_000), &limit(60_000)], [&ttl(60_000), &limit(3_600_000)]),
            said([&ttl(60_000), &limit(60_000)], [none, &limit(60_000)]),
            said([&ttl(60_000), &limit(60_000)], [&ttl(30_000), &limit(60_000)]),
            // Another policy keeps what the operator's drops.
            said([kept, "[]"], [kept, &limit(60_000)]),
            said(["[]", "[]"], ["[]", &limit(60_000)]),
        ]
        .concat()
    );
}

#[test]
fn what_cannot_be_decided_is_said_with_what_it_would_do() {
    let looks = |more: &str| {
        format!(r#"[{{"name": "z", "pattern": "^(?!amq\\.)x", "priority": 9, "definition": {{{more}}}}}]"#)
    };
    let new = |ttl: &str| looks(&format!("\"message-ttl\": {ttl}"));
    let moved = new("5").replace('9', "8");
    insta::assert_snapshot!(
        [
            said_of("4.0.5", ["[]", "[]"], [&new("1000"), "[]"]),
            said_of("4.0.5", [&new("1000"), "[]"], ["[]", "[]"]),
            said_of("4.0.5", [&new("5"), "[]"], [&moved, "[]"]),
            said_of("4.0.5", [&new("5"), "[]"], [&new("5"), &looks("\"expires\": 1000")]),
        ]
        .concat()
    );
}

#[test]
fn what_is_no_longer_taken_is_lost() {
    let exchange = |new: &str| said("4.0.5", "exchanges", r#"{"alternate-exchange": "lost"}"#, new);
    let queues = |old: &str, new: &str| said("3.12.14", "classic_queues", old, new);
    let streams = |old: &str, new: &str| said("4.0.5", "streams", old, new);
    insta::assert_snapshot!([
        exchange("{}"),
        exchange(r#"{"alternate-exchange": "other"}"#),
        streams(r#"{"max-age": "7D"}"#, r#"{"max-age": "1M"}"#),
        streams(r#"{"max-age": "7D"}"#, r#"{"max-age": "24h"}"#),
        streams(r#"{"max-age": "7D", "max-length-bytes": 7}"#, r#"{"max-length-bytes": 7}"#),
        queues(r#"{"overflow": "drop-head", "max-length": 3}"#, r#"{"max-length": 3}"#),
        queues(r#"{"overflow": "reject-publish", "max-length": 3}"#, r#"{"max-length": 3}"#),
        queues(
            r#"{"overflow": "reject-publish", "max-length": 3, "dead-letter-exchange": "d"}"#,
            r#"{"overflow": "drop-head", "max-length": 3, "dead-letter-exchange": "d"}"#,
        ),
        queues(r#"{"max-length": 5}"#, r#"{"max-length": 3.5}"#),
        queues(r#"{"ha-mode": "all"}"#, r#"{"ha-mode": "nodes", "ha-params": ["rabbit@mq3"]}"#),
        queues(
            r#"{"ha-mode": "exactly", "ha-params": 3, "ha-sync-mode": "automatic"}"#,
            r#"{"ha-mode": "exactly", "ha-params": 1}"#,
        ),
        queues(r#"{"ha-mode": "all"}"#, r#"{"ha-mode": "all", "ha-promote-on-shutdown": "always"}"#),
        queues(
            r#"{"ha-mode": "all", "ha-promote-on-failure": "when-synced"}"#,
            r#"{"ha-mode": "all"}"#,
        ),
        said(
            "4.0.5",
            "quorum_queues",
            r#"{"dead-letter-exchange": "d", "dead-letter-strategy": "at-least-once", "overflow": "reject-publish"}"#,
            r#"{"dead-letter-exchange": "d", "overflow": "reject-publish"}"#,
        ),
    ].concat());
}
