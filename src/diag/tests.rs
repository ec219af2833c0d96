//! What people see, whole.

use super::*;

/// Returns the place of the `nth` occurrence of some text in a file.
fn find(sources: &Sources, file: u32, text: &str, nth: usize) -> Span {
    let source = sources.text(file);
    let (start, found) = source.match_indices(text).nth(nth).expect("the test names text that is there");
    let byte = |at: usize| u32::try_from(at).expect("test files are small");
    Span { file, start: byte(start), end: byte(start + found.len()) }
}

fn here(span: Span) -> Place {
    Place { used: span, defined: None }
}

fn spec() -> (Sources, Diagnostics) {
    let mut sources = Sources::new();
    let file = sources.add(
        "rmqgit.yaml",
        "cluster:\n  name: métropole-北京🐇\n  hosts:\n    rabbit1: {address: 10.0.0.1} # é北\n    兎二: {address: 10.0.0.2}\n    \
         rabbit3:\n      address: \"10.0.0.2\"\n  port: 99999\n",
    );
    let other = sources.add("clusters/a.yaml", "name: a\r\nhosts: {}\r\n");
    let first = here(find(&sources, file, "10.0.0.2", 0));
    let second = here(find(&sources, file, "\"10.0.0.2\"", 0));
    let diags = vec![
        Diagnostic::error("wrong-type", "`port`: expected a whole number from 0 to 65535, found `99999`").at(
            Place { used: find(&sources, other, "name", 0), defined: Some(find(&sources, file, "99999", 0)) },
            "used here",
        ),
        Diagnostic::error("duplicate-address", "`rabbit3` and `兎二` have the same address `10.0.0.2`")
            .at(second, "used again by `rabbit3`")
            .at(first, "first used by `兎二`")
            .help("give every host an address of its own"),
        Diagnostic::warning("odd-name", "`métropole-北京🐇` is an odd name")
            .at(here(find(&sources, file, "métropole-北京🐇", 0)), "here"),
        Diagnostic::error("yaml-syntax", "a quoted text is not closed")
            .at(Place { used: Span { file: other, start: 20, end: 20 }, defined: None }, "the file ends here"),
        Diagnostic::error("no-place", "something is wrong\u{1b}[31m everywhere\nand nowhere, 100%")
            .help("do\n\u{7}two things"),
    ];
    (sources, diags)
}

#[test]
fn text_is_for_people() {
    let (sources, diags) = spec();
    insta::assert_snapshot!(render(&diags, &sources, Format::Text, false, 100));
    assert_eq!(render(&[], &sources, Format::Text, false, 100), "");
}

#[test]
fn colour_only_adds_escapes() {
    let (sources, diags) = spec();
    let plain = render(&diags, &sources, Format::Text, false, 100);
    let coloured = render(&diags, &sources, Format::Text, true, 100);
    assert_ne!(plain, coloured);
    assert!(!plain.contains('\u{1b}'));
    assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain);
}

#[test]
fn json_is_versioned_and_complete() {
    let (sources, diags) = spec();
    insta::assert_snapshot!(render(&diags, &sources, Format::Json, false, 100));
}

#[test]
fn json_matches_its_schema() {
    let (sources, diags) = spec();
    let schema = serde_json::to_value(schemars::schema_for!(json::Report)).expect("a schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is valid");
    for diags in [&*diags, &[]] {
        let text = render(diags, &sources, Format::Json, false, 100);
        let value = serde_json::from_str(&text).expect("the report is JSON");
        assert!(validator.is_valid(&value), "{text}");
    }
}

#[test]
fn github_annotations_are_escaped() {
    let (mut sources, mut diags) = spec();
    let odd = sources.add("a,b:c%.yaml", "x: 1\n");
    diags.push(Diagnostic::error("x", "m, 1:2").at(here(find(&sources, odd, "1", 0)), "l"));
    insta::assert_snapshot!(render(&diags, &sources, Format::Github, false, 100));
}

#[test]
fn one_default_of_many_clusters_is_one_report() {
    let mut sources = Sources::new();
    let base = sources.add("rmqgit.yaml", "defaults:\n  port: 99999\n  vip: 1.1.1.1\n");
    let (port, vip) = (find(&sources, base, "99999", 0), find(&sources, base, "1.1.1.1", 0));
    let mut diags = Diagnostics::new();
    for i in 0..1000 {
        let file = sources.add(format!("clusters/{i:03}.yaml"), "name: a\n");
        let used = find(&sources, file, "name", 0);
        diags.push(Diagnostic::error("wrong-type", "wrong").at(here(port), "not a port").used_at(used));
        diags.push(Diagnostic::error("shared-vip", "shared").at(Place { used, defined: Some(vip) }, "used by many"));
    }
    insta::assert_snapshot!(render(&diags, &sources, Format::Text, false, 100));
}

#[test]
fn hostile_sources_are_shown_safely_and_shortly() {
    let long = format!("{{a: {}, \u{1b}[31mb: 1\u{202e}, c: {}, a: 2}}", "x".repeat(100_000), "y".repeat(100_000));
    let mut sources = Sources::new();
    let file = sources.add("evil\u{1b}]0;\u{7}.yaml", format!("{long}\n{long}\n").as_str());
    let end = u32::try_from(long.len()).expect("the test file is small");
    let diags = vec![
        Diagnostic::error("duplicate-key", "key `a` is given twice")
            .at(here(find(&sources, file, "a: 2", 0)), "given again here")
            .at(here(find(&sources, file, "a", 0)), "first given here"),
        Diagnostic::error("x", "a long value").at(here(Span { file, start: 4, end }), "this\u{1b}[0m"),
        Diagnostic::error("x", "a hostile key").at(here(find(&sources, file, "b: 1", 0)), "here"),
        Diagnostic::error("x", "outside").at(here(Span { file, start: u32::MAX - 1, end: u32::MAX }), "here"),
        Diagnostic::error("x", "no such file").at(here(Span { file: 9, start: 7, end: 3 }), "here"),
    ];
    insta::assert_snapshot!(render(&diags, &sources, Format::Text, false, 100));
}
