//! What is left out, and what stays.

use super::*;

const TEXT: &str = "\
mode: report
alerts:
  remind-after: soon
  after: {drfit: 1h}
  deadline: 0
  surplus: 1
  targets:
    good: {webhook: {url-file: /f}}
    typo: {webhok: {url-file: /f}}
    none: {}
    half: {email: {server: mail}}
    zone: {webhook: {url-file: /f}, quiet: {timezone: Mars/Base, windows: [{from: 8pm, to: \"07:00\"}]}}
    all: {webhook: {url-file: /f}, kinds: [], clusters: []}
";

fn sifted(text: &str) -> (Option<AlertsFile>, Vec<String>, Vec<String>) {
    let (mut sources, mut diags) = (Sources::new(), Diagnostics::new());
    let node = yaml::read(&mut sources, "agent.yaml", text.as_bytes(), &yaml::Limits::default(), &mut diags);
    let sifted = sift(&node.expect("it is YAML"), &sources);
    let alerts = sifted
        .node
        .get("alerts")
        .filter(|node| !node.is_null())
        .map(|node| yaml::decode(node, &mut diags).expect("what is left is sound"));
    let place = |diag: &Diagnostic| {
        let at = sources.position(diag.labels[0].span.file, diag.labels[0].span.start);
        format!("{}:{} {}", at.line, at.column, diag.code)
    };
    (alerts, sifted.diags.iter().map(place).collect(), sifted.lines)
}

#[test]
fn what_is_wrong_is_left_out_and_nothing_else() {
    let (alerts, places, lines) = sifted(TEXT);
    let alerts = alerts.expect("alerts stay");
    assert_eq!(alerts.targets.keys().collect::<Vec<_>>(), ["good"]);
    assert_eq!((alerts.remind_after, alerts.deadline, alerts.after.len()), (None, None, 0));
    assert_eq!(
        places,
        [
            "3:17 invalid-value",
            "4:11 unknown-value",
            "6:3 unknown-field",
            "9:12 unknown-field",
            "11:12 missing-field",
            "11:12 missing-field",
            "13:43 empty-list",
            "13:57 empty-list",
            "5:13 invalid-value",
            "10:11 invalid-value",
            "12:55 unknown-time-zone",
            "12:83 invalid-value"
        ]
    );
    assert_eq!(
        lines,
        [
            "`remind-after` (line 3: invalid-value)",
            "`after` (line 4: unknown-value)",
            "`surplus` (line 6: unknown-field)",
            "the target `typo` (line 9: unknown-field)",
            "the target `half` (line 11: missing-field)",
            "the target `all` (line 13: empty-list)",
            "`deadline` (line 5: invalid-value)",
            "the target `none` (line 10: invalid-value)",
            "the target `zone` (line 12: unknown-time-zone)",
            "the target `zone` (line 12: invalid-value)"
        ]
    );
}

#[test]
fn where_nothing_can_be_used_nothing_is() {
    for text in ["alerts: 5\n", "alerts: [a]\n", "alerts: {targets: 7}\n"] {
        let (alerts, places, lines) = sifted(text);
        assert!(alerts.is_none_or(|alerts| alerts.targets.is_empty()), "{text}");
        assert!(!places.is_empty() && lines.iter().all(|line| !line.contains("line 0")), "{text}");
    }
    for text in ["mode: report\n", "alerts:\n", "alerts: {}\n", "alerts: {targets: {a: {teams: {url-file: /f}}}}\n"] {
        let (_, places, lines) = sifted(text);
        assert_eq!((places, lines), (vec![], vec![]), "{text}");
    }
}

#[test]
fn what_an_anchor_brought_is_left_out_where_it_is_used() {
    let text = "alerts:\n  targets:\n    a: &a {webhook: {url-file: f}}\n    b: *a\n    c: {webhook: {url-file: /f}}\n";
    let (alerts, _, lines) = sifted(text);
    assert_eq!(alerts.expect("alerts stay").targets.into_keys().collect::<Vec<_>>(), ["c"]);
    assert_eq!(lines.len(), 2, "{lines:?}");
}

#[test]
fn no_message_takes_another_way_than_the_one_that_was_meant() {
    let rest = "targets: {a: {teams: {url-file: /f}}}}\n";
    let (alerts, _, lines) = sifted(&format!("alerts: {{proxy: 'socks5://127.0.0.1:1080', ca-file: ca.pem, {rest}"));
    let alerts = alerts.expect("alerts stay");
    assert_eq!((alerts.proxy.as_deref(), alerts.targets.len()), (Some("socks5://127.0.0.1:1080"), 1));
    assert_eq!(lines, ["`proxy` (line 1: invalid-value)", "`ca-file` (line 1: invalid-value)"]);
    let (alerts, _, lines) = sifted(&format!("alerts: {{proxy: [a], {rest}"));
    assert!(alerts.is_none() && lines == ["all of it (line 1: wrong-type)"], "{lines:?}");
}
