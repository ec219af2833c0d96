//! Any text, and any value written by another program.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Serialize;

use super::*;
use crate::diag::{At, Format, render};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sample {
    text: String,
    whole: i64,
    big: u64,
    float: f64,
    flag: bool,
    maybe: Option<String>,
    list: Vec<String>,
    map: BTreeMap<String, Choice>,
    nested: Option<Box<Sample>>,
    free: serde_json::Value,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Choice {
    One,
    Two(String),
    Three { a: u8, b: Vec<bool> },
}

/// Line breaks of YAML 1.1 that YAML 1.2 does not know; the writer folds them as such, and they do not come back.
const BREAKS: [char; 3] = ['\u{85}', '\u{2028}', '\u{2029}'];

/// Text that YAML has opinions about. Not `<<`, which the writer does not quote where it is a key.
fn text() -> impl Strategy<Value = String> {
    let odd = const {
        &[
            "",
            "~",
            "null",
            "true",
            "no",
            "3.10",
            "0640",
            "0x1F",
            "1e3",
            ".inf",
            "- a",
            "a: b",
            "<<",
            "*x",
            "&x",
            "!x",
            "# c",
            "a #b",
            "'",
            "\"",
            "\\",
            "\n",
            " a ",
            "\t",
            "a\n\nb\n",
            "%a",
            "@a",
            "`",
            "|",
            ">",
            "[",
            "{",
            "?",
            ":",
            "---",
            "...",
            "北京🐇",
            "\u{85}",
            "\u{2028}",
            "\u{feff}",
            "\u{7f}",
            "\0",
            "12:30",
            "2024-01-01",
            "=",
        ]
    };
    prop_oneof![proptest::sample::select(odd.as_slice()).prop_map(str::to_owned), any::<String>()]
        .prop_map(|text| if text == "<<" { text.repeat(2) } else { text.replace(BREAKS, " ") })
}

fn choice() -> impl Strategy<Value = Choice> {
    prop_oneof![
        Just(Choice::One),
        text().prop_map(Choice::Two),
        (any::<u8>(), prop::collection::vec(any::<bool>(), 0..3)).prop_map(|(a, b)| Choice::Three { a, b }),
    ]
}

fn free() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        (-1e9..1e9).prop_map(serde_json::Value::from),
        text().prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::vec((text(), inner), 0..4)
                .prop_map(|entries| serde_json::Value::Object(entries.into_iter().collect())),
        ]
    })
}

fn sample() -> impl Strategy<Value = Sample> {
    let flat = (text(), any::<i64>(), any::<u64>(), -1e12..1e12, any::<bool>(), prop::option::of(text()));
    let deep = (prop::collection::vec(text(), 0..4), prop::collection::btree_map(text(), choice(), 0..4), free());
    let one = (flat, deep).prop_map(|((text, whole, big, float, flag, maybe), (list, map, free))| Sample {
        text,
        whole,
        big,
        float,
        flag,
        maybe,
        list,
        map,
        nested: None,
        free,
    });
    one.prop_recursive(3, 3, 1, |inner| {
        (inner.clone(), inner).prop_map(|(outer, inner)| Sample { nested: Some(Box::new(inner)), ..outer })
    })
}

/// Pieces that make YAML when they happen to fit together.
fn yamlish() -> impl Strategy<Value = String> {
    let pieces = const {
        &[
            "a",
            "b",
            ": ",
            ":",
            "\n",
            "\n  ",
            "\n    ",
            "- ",
            "[",
            "]",
            "{",
            "}",
            ", ",
            "&a ",
            "*a",
            "<<: ",
            "!t ",
            "!!str ",
            "'",
            "\"",
            "|\n",
            ">\n",
            "# c\n",
            "---\n",
            "...\n",
            "? ",
            "\t",
            "1",
            "true",
            "~",
            "%YAML 1.2\n",
            "\u{feff}",
            "北",
            "\r\n",
            "\0",
        ]
    };
    prop::collection::vec(proptest::sample::select(pieces.as_slice()), 0..40).prop_map(|pieces| pieces.concat())
}

fn survives(bytes: &[u8]) {
    let (mut sources, mut diags) = (Sources::new(), Diagnostics::new());
    let limits = Limits { visits: 1000, ..Limits::default() };
    let tree = read(&mut sources, "a.yaml", bytes, &limits, &mut diags);
    assert!(tree.is_some() || !diags.is_empty(), "nothing came of it, and nobody said why");
    if let Some(tree) = tree {
        let before = diags.len();
        let any = decode::<At<serde_json::Value>>(&tree, &mut diags);
        assert!(any.is_some() || !diags.is_empty(), "nothing was decoded, and nobody said why");
        assert!(any.is_none() || before == diags.len(), "a good value has no faults");
        let _ = decode::<Sample>(&Node::merge(&tree, &tree), &mut diags);
    }
    for format in [Format::Text, Format::Json, Format::Github] {
        let shown = render(&diags, &sources, format, false, 80);
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
    }
}

/// Writes a value with the project's writer of YAML, enums as `{name: value}`.
fn write(sample: &Sample) -> String {
    let mut bytes = Vec::new();
    let mut serializer = serde_yaml::Serializer::new(&mut bytes);
    serde_yaml::with::singleton_map_recursive::serialize(sample, &mut serializer).expect("the value is plain data");
    String::from_utf8(bytes).expect("YAML is written as UTF-8")
}

proptest! {
    #[test]
    fn any_bytes_survive(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        survives(&bytes);
    }

    #[test]
    fn any_text_survives(text in "\\PC*") {
        survives(text.as_bytes());
    }

    #[test]
    fn yamlish_text_survives(text in yamlish()) {
        survives(text.as_bytes());
    }

    #[test]
    fn what_another_program_writes_comes_back(sample in sample()) {
        let text = write(&sample);
        let (sources, diags, value) = load::<Sample>(&text);
        prop_assert_eq!((list(&sources, &diags), value), (String::new(), Some(sample)), "{}", text);
    }
}
