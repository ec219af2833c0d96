//! Holds the checks of the model against specs that have one fault each, and against specs that have none.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Checked, Cluster, check};

/// Checks one `rmqgit.yaml`.
fn run(spec: &str) -> Checked {
    check(&BTreeMap::from([("rmqgit.yaml".to_owned(), spec.as_bytes().to_vec())]))
}

/// Writes diagnostics as one line each, `LINE: code: message`, with the places of further labels.
fn brief(checked: &Checked) -> String {
    let mut text = String::new();
    for diag in &checked.diags {
        let lines: Vec<String> = diag
            .labels
            .iter()
            .map(|label| {
                let position = checked.sources.position(label.span.file, label.span.start);
                format!("{}:{}:{}", checked.sources.name(label.span.file), position.line, position.column)
            })
            .collect();
        writeln!(text, "{} {}: {}", lines.join(" "), diag.code, diag.message).expect("writing to a string");
    }
    text
}

fn one(checked: Checked) -> Cluster {
    assert_eq!(brief(&checked), "");
    let mut clusters = checked.model.expect("a sound spec has a model").clusters;
    assert_eq!(clusters.len(), 1);
    clusters.remove(0)
}

#[test]
fn the_tutorial_is_sound() {
    let cluster = one(run(include_str!("../../fixtures/tutorial/rmqgit.yaml")));
    // Places are those of other tests.
    insta::with_settings!({ filters => [(r"(?s)\n *place: Place \{\s*used: Span \{[^}]*\},\s*defined: None,\s*\},", "")] }, {
        insta::assert_debug_snapshot!(cluster);
    });
}
