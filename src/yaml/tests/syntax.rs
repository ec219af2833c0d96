//! Faults of the text itself, and of what YAML allows but a spec does not.

use serde_json::json;

use super::*;

#[test]
fn a_syntax_error_says_where_and_why() {
    insta::assert_snapshot!(faults::<serde_json::Value>(&[
        "a:\n\tb: 1\n",
        "a: 1\n\tb: 1\n",
        "é:\n  - x\n - y\n",
        "nodes:\n  - name: a\n   address: 1\n",
        "a: b: c\n",
        "a\nb: 1\n",
        "a: \"x\nb: 2\n",
        "a: 'it's'\n",
        "a: \"\\d\"\n",
        "a: [1, 2\nb: 3\n",
        "a: {b: 1\n",
        "a: [1}\n",
        "a: ]\n",
        "a: {b: 1 c: 2}\n",
        "a: @x\n",
        "a: %x\n",
        "a: \0\n",
        "a: \u{1b}[31m\n",
        "a: !e!x y\n",
        "a: & b\n",
        "a: *\n",
        "a: \"x\" # y\nb: \"z\"#c\n",
        "a: |\n  x\n y\n",
        "%YAML 3.0\n---\na\n",
        "a: [- b]\n",
        "兎: 1\nab\n",
    ]));
}

#[test]
fn what_yaml_allows_and_a_spec_does_not() {
    insta::assert_snapshot!(faults::<serde_json::Value>(&[
        "",
        "# only a comment\n",
        "---\n",
        "~\n",
        "a: 1\n---\nb: 2\n",
        "--- a\n...\n--- b\n",
        "a: 1\na: 2\nb: {c: 1, \"c\": 2, c: 3}\n",
        "<<: {a: 1}\n<<: {b: 1}\n",
        "a: &x 1\nb: {<<: *x}\nc: {<<: [*x, {d: 1}]}\n",
        "hosts: &all [a]\nb: *al\nc: *zebra\n",
        "a: &a [x, *a]\n",
        "a: &a {b: {c: *a}}\n",
        "[a]: 1\n{b: c}: 2\n~: 3\n? \n: 4\n",
        "a: !vault x\nb: !!binary aGk=\nc: !<tag:x.org,2000:y> {d: e}\nd: ! [x]\n",
        "a: !!int x\nb: !!float 1\nc: !!bool \"true\"\nd: !!map [x]\n",
    ]));
}

#[test]
fn what_is_read_as_it_should_be() {
    let check = |text: &str, expect: serde_json::Value| {
        let (sources, diags, value) = load::<serde_json::Value>(text);
        assert_eq!((list(&sources, &diags), value), (String::new(), Some(expect)), "{text:?}");
    };
    check("\u{feff}a: 1\r\nb: |\r\n  x\r\n  y\r\n", json!({"a": 1, "b": "x\ny\n"}));
    check("--- # c\na: >-\n  x\n  y\n...\n", json!({"a": "x y"}));
    check(
        "a: &x {b: 1, c: [2]}\nd: *x\n*y : 3\n".replace("*y", "e").as_str(),
        json!({"a": {"b": 1, "c": [2]}, "d": {"b": 1, "c": [2]}, "e": 3}),
    );
    check("a: &k key\n*k : 1\n", json!({"a": "key", "key": 1}));
    check("a: &x 1\nb: &x 2\nc: *x\n", json!({"a": 1, "b": 2, "c": 2}));
    check(
        "b: &b {x: 1, y: 1}\nd: &d {y: 2, z: 2}\nm: {z: 0, <<: [*b, *d], w: 0}\n",
        json!({
            "b": {"x": 1, "y": 1}, "d": {"y": 2, "z": 2}, "m": {"z": 0, "x": 1, "y": 1, "w": 0}
        }),
    );
    check("a: &l [{x: 1}, {y: 1}]\nm: {<<: *l}\n", json!({"a": [{"x": 1}, {"y": 1}], "m": {"x": 1, "y": 1}}));
    check("'<<': 1\n\"~\": 2\n'': 3\n1: 4\ntrue: 5\n", json!({"<<": 1, "~": 2, "": 3, "1": 4, "true": 5}));
    check(
        "a: !!str 25\nb: ! true\nc: !!int 7\nd: !!seq [1]\ne: !!map {}\nf: !!null ~\ng: !!str\n",
        json!({
            "a": "25", "b": "true", "c": 7, "d": [1], "e": {}, "f": null, "g": ""
        }),
    );
    check("[~, , ]".replace(", ,", ",").as_str(), json!([null]));
    check("a:\nb: ''\nc: ~\n", json!({"a": null, "b": "", "c": null}));
}

#[test]
fn many_keys_keep_their_order_and_duplicates_are_found() {
    let mut text = lines(0..100, |i| format!("k{i}: {i}"));
    let (_, diags, value) = load::<serde_json::Map<String, serde_json::Value>>(&text);
    let keys: Vec<String> = value.expect("the text is good").keys().cloned().collect();
    assert_eq!((diags.len(), keys), (0, (0..100).map(|i| format!("k{i}")).collect()));
    text.push_str("k3: again\nk99: again\n");
    let (sources, diags, _) = load::<serde_json::Value>(&text);
    let lines = |i: usize| diags[i].labels.iter().map(|l| sources.position(0, l.span.start).line).collect::<Vec<_>>();
    assert_eq!((diags.len(), lines(0), lines(1)), (2, vec![101, 4], vec![102, 100]));
}

#[test]
fn bytes_that_are_not_text_are_refused_at_their_place() {
    let check = |bytes: &[u8], expect: &str| {
        let (mut sources, mut diags) = (Sources::new(), Diagnostics::new());
        assert!(read(&mut sources, "a.yaml", bytes, &Limits::default(), &mut diags).is_none());
        assert_eq!(list(&sources, &diags).trim_end(), expect);
    };
    check(
        b"a: 1\nname: caf\xe9\nb: 2\n",
        "not-utf8 a.yaml:2:10-2:11 [not UTF-8 from here on] the file is not UTF-8 text: byte 15 is 0xe9 -> save the file as UTF-8",
    );
    check(
        b"\xff\xfea\0:\0",
        "not-utf8 a.yaml:1:1-1:2 [not UTF-8 from here on] the file is not UTF-8 text: byte 1 is 0xff -> this is UTF-16; save the file as UTF-8",
    );
    check(
        b"\x7fELF\0\0\xff",
        "not-utf8 a.yaml:1:7-1:8 [not UTF-8 from here on] the file is not UTF-8 text: byte 7 is 0xff -> this looks like a binary file; check that it is the right one",
    );
    check(
        b"a: \xe5\x8c",
        "not-utf8 a.yaml:1:4-1:5 [not UTF-8 from here on] the file is not UTF-8 text: byte 4 is 0xe5 -> save the file as UTF-8",
    );
}
