//! The automata beside Erlang's verdicts, the `regex` crate, and every short name.

use proptest::prelude::*;
use regex::bytes::{Regex, RegexBuilder};

use super::automaton::{Answer, any, beyond, common};
use super::syntax::{Reading, read};

#[test]
fn what_erlang_says_to_each_construct() {
    // `tests/it` asks Erlang again.
    for line in include_str!("erlang.tsv").lines().filter(|line| !line.starts_with('#')).skip(1) {
        let (pattern, verdict) = line.split_once('\t').expect("a pattern and what Erlang says");
        match read(pattern) {
            Reading::Regular => assert_eq!(verdict, "ok", "{pattern}"),
            Reading::Invalid { .. } => assert!(verdict.starts_with("error"), "{pattern}: {verdict}"),
            Reading::Foreign(_) => {}
        }
    }
}

#[test]
fn a_fault_has_a_place() {
    let check = |pattern: &str, expect: (&'static str, usize)| {
        assert_eq!(read(pattern), Reading::Invalid { why: expect.0, at: expect.1 }, "{pattern}");
    };
    check("*", ("there is nothing to repeat", 1));
    check("^orders.**", ("there is nothing to repeat", 10));
    check("^*", ("there is nothing to repeat", 2));
    check("^(orders", ("the `(` is not closed", 2));
    check("orders)", ("the `)` closes nothing", 7));
    check("[a-", ("the `[` is not closed", 1));
    check("[z-a]", ("the range goes backwards", 2));
    check("a{2,1}", ("the count goes backwards", 2));
    check("a\\", ("nothing follows the backslash", 2));
}

#[test]
fn names_that_both_match() {
    let check = |a: &str, b: &str, expect: Option<&str>| {
        let found = common(a, b);
        assert_eq!(found, expect.map_or(Answer::No, |name| Answer::Yes(name.to_owned())), "{a} and {b}");
    };
    check("^", ".*", Some("a"));
    check("^orders\\.", "^events\\.", None);
    check("^orders\\.", "\\.dlq$", Some("orders.dlq"));
    check("^(orders|billing)\\.", "^(audit|bill)", Some("billing."));
    check("^(orders|bills)\\.", "^(audit|events)\\.", None);
    check("^ab?$", "^a$", Some("a"));
    check("^abc*$", "^ab$", Some("ab"));
    check("^a|b", "^c", Some("cb"));
    check("(?i)^ORDERS$", "^orders$", Some("orders"));
    check("^[^.]+$", "\\.", None);
    check("^$", "^", None);
    check("ha", "^share$", Some("share"));
    check("^a{300}$", "^a", None);
    check("\\bha\\b", "^a\\.", Some("a.ha"));
    assert_eq!(common("(?=a)", "^"), Answer::Unknown("it looks ahead or behind"));
    assert_eq!(common("(a{1,1000}){1,1000}b", "^(a|b){1000}"), Answer::Unknown("it is too large"));
}

#[test]
fn names_that_only_the_first_matches() {
    assert_eq!(beyond("^orders\\.", "^"), Answer::No);
    assert_eq!(beyond("^.*$", "^"), Answer::No);
    assert_eq!(beyond("^", ".*"), Answer::No);
    assert_eq!(beyond("^orders", "^orders\\."), Answer::Yes("orders".to_owned()));
    assert_eq!(beyond("ha", "^ha"), Answer::Yes("aha".to_owned()));
    assert_eq!(any("^$"), Answer::No);
    assert_eq!(any("a^"), Answer::No);
    assert_eq!(any("^x+$"), Answer::Yes("x".to_owned()));
}

/// Patterns over a small alphabet, from the constructs that both readers know.
fn pattern() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => "[ab.]".prop_map(|text| if text == "." { "\\.".to_owned() } else { text }),
        1 => Just(".".to_owned()),
        1 => Just("[^a]".to_owned()),
        1 => Just("\\b".to_owned()),
    ];
    let body = leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), "[*+?]").prop_map(|(one, op)| format!("(?:{one}){op}")),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|all| all.concat()),
            prop::collection::vec(inner, 2..3).prop_map(|all| format!("({})", all.join("|"))),
        ]
    });
    (prop_oneof![Just("^"), Just("")], body, prop_oneof![Just("$"), Just("")])
        .prop_map(|(start, body, end)| format!("{start}{body}{end}"))
}

/// Every name of up to five letters.
fn short_names() -> Vec<String> {
    let mut all = vec![String::new()];
    for length in 0..5 {
        let longer: Vec<String> = all
            .iter()
            .filter(|name| name.len() == length)
            .flat_map(|name| ["a", "b", "."].map(|letter| format!("{name}{letter}")))
            .collect();
        all.extend(longer);
    }
    all.split_off(1)
}

fn compiled(pattern: &str) -> Regex {
    RegexBuilder::new(pattern).unicode(false).build().expect("the pattern is valid")
}

fn matches(pattern: &str, name: &str) -> bool {
    compiled(pattern).is_match(name.as_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_witness_matches_both_and_where_there_is_none_no_short_name_does(a in pattern(), b in pattern()) {
        match common(&a, &b) {
            Answer::Yes(name) => prop_assert!(matches(&a, &name) && matches(&b, &name), "{:?}", name),
            Answer::No => {
                let (one, two) = (compiled(&a), compiled(&b));
                let both = short_names().into_iter().find(|it| one.is_match(it.as_bytes()) && two.is_match(it.as_bytes()));
                prop_assert_eq!(both, None);
            }
            Answer::Unknown(why) => prop_assert!(false, "{}", why),
        }
        match beyond(&a, &b) {
            Answer::Yes(name) => prop_assert!(matches(&a, &name) && !matches(&b, &name), "{:?}", name),
            Answer::No => {
                let (one, two) = (compiled(&a), compiled(&b));
                let only = short_names().into_iter().find(|it| one.is_match(it.as_bytes()) && !two.is_match(it.as_bytes()));
                prop_assert_eq!(only, None);
            }
            Answer::Unknown(why) => prop_assert!(false, "{}", why),
        }
    }
}
