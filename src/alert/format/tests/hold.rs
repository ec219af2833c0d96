//! Every message of every service against what the service says it takes, and every answer against what the service means by
//! it: both as `fixtures/alert/services.json` has them.

use super::*;

/// The services, each with its name in the fixture and what a first message is called there.
const HELD: [(&str, &str, &str); 15] = [
    ("slack", "slack", ""),
    ("slack-bot", "slack", "1503435956.000247"),
    ("mattermost", "mattermost", ""),
    ("mattermost-bot", "mattermost", "p1"),
    ("discord", "discord", ""),
    ("discord-forum", "discord", "1100"),
    ("teams", "teams", ""),
    ("telegram", "telegram", "42"),
    ("google-chat", "google-chat", ""),
    ("matrix", "matrix", "$e:example.org"),
    ("dingtalk", "dingtalk", ""),
    ("feishu", "feishu", ""),
    ("wecom", "wecom", ""),
    ("alertmanager", "alertmanager", ""),
    ("webhook", "webhook", ""),
];

/// One service of the fixture.
struct Rules {
    service: &'static str,
    thread: Option<&'static str>,
    said: Value,
    schema: jsonschema::Validator,
}

fn fixture() -> Value {
    serde_json::from_str(include_str!("../../../../fixtures/alert/services.json")).expect("the fixture is JSON")
}

fn rules() -> Vec<Rules> {
    let all = fixture();
    let of = |(service, name, thread): (&'static str, &str, &'static str)| {
        let said = all[name].clone();
        let schema = jsonschema::draft202012::new(&said["schema"]).expect("it is a schema");
        Rules { service, thread: (!thread.is_empty()).then_some(thread), said, schema }
    };
    HELD.map(of).into()
}

fn count(unit: &str, text: &str) -> u64 {
    let count = match unit {
        "utf-16" => text.encode_utf16().count(),
        "characters" => text.chars().count(),
        "bytes" => text.len(),
        other => panic!("{other} is no unit"),
    };
    u64::try_from(count).expect("it is small")
}

impl Rules {
    /// Returns what is wrong with a message.
    fn faults(&self, request: &Request) -> Vec<String> {
        let service = self.service;
        let body = body(request);
        let mut faults: Vec<String> = self
            .schema
            .iter_errors(&body)
            .map(|error| format!("{service}: {}: {error}", error.instance_path()))
            .collect();
        let whole = String::from_utf8(request.body.clone()).expect("it is UTF-8");
        if whole.contains(CANARY) {
            faults.push(format!("{service}: a secret is in the body"));
        }
        let at = |pointer: &str| match pointer {
            "" => Some(whole.as_str()),
            pointer => body.pointer(pointer).and_then(Value::as_str),
        };
        for limit in self.said["limits"].as_array().expect("there are limits") {
            let (pointer, unit) = (limit["at"].as_str().expect("a path"), limit["unit"].as_str().expect("a unit"));
            let length = at(pointer).map_or(0, |text| count(unit, text));
            if length > limit["most"].as_u64().expect("a number") {
                faults.push(format!("{service}: `{pointer}` has {length} {unit}"));
            }
        }
        if let Some(together) = self.said.get("together") {
            let parts = together["at"].as_array().expect("paths").iter().filter_map(Value::as_str).filter_map(at);
            let length: u64 = parts.map(|text| count(together["unit"].as_str().expect("a unit"), text)).sum();
            if length > together["most"].as_u64().expect("a number") {
                faults.push(format!("{service}: {length} together"));
            }
        }
        faults
    }
}

#[test]
fn every_message_is_one_that_its_service_takes() {
    let line = |i: usize, words: &str| format!("+line {i} {words}\n");
    let long = (0..200).map(|i| line(i, words::HOSTILE)).collect::<String>();
    let wide = (0..60).map(|i| line(i, &"🦀\"\\".repeat(12))).collect::<String>();
    let mut all = Vec::new();
    for rules in rules() {
        for words in ["/etc/hosts", words::HOSTILE, &"ü🦀".repeat(700), &"\"\\".repeat(900), ""] {
            for stage in STAGES {
                for diff in [None, Some("-a\n+b\n".to_owned()), Some(long.clone()), Some(wide.clone())] {
                    let request = sent(rules.service, &[entry(stage, 1, words, diff)], rules.thread);
                    all.extend(rules.faults(&request));
                }
            }
            let many: Vec<Entry> = (0..1_000).map(|i| entry(STAGES[i % 6], i as u64, words, None)).collect();
            if !matches!(rules.service, "alertmanager" | "webhook") {
                all.extend(rules.faults(&sent(rules.service, &many, None)));
            }
        }
    }
    assert!(all.is_empty(), "{} faults, such as\n{}", all.len(), all[..all.len().min(5)].join("\n"));
}

#[test]
fn as_much_of_a_diff_is_shown_as_has_room() {
    let line = |i: usize| format!("+line {i} of a file, with {} in it\n", "words".repeat(i % 7));
    let diff = (0..1_500).map(line).collect::<String>();
    for (service, least) in [
        ("slack", 2_000),
        ("mattermost", 2_800),
        ("discord", 2_800),
        ("teams", 14_000),
        ("telegram", 2_800),
        ("google-chat", 14_000),
        ("dingtalk", 10_000),
        ("feishu", 10_000),
        ("wecom", 2_000),
    ] {
        let rules = rules().into_iter().find(|rules| rules.service == service).expect("it is held");
        let request = sent(service, &[entry(Stage::Opened, 1, "/etc/hosts", Some(diff.clone()))], None);
        assert_eq!(rules.faults(&request), Vec::<String>::new());
        let text = body(&request).to_string();
        assert!(text.contains("more lines"), "{service} does not say that it was cut");
        assert!(text.len() >= least, "{service} shows only {} bytes", text.len());
    }
}

#[test]
fn the_checks_of_this_file_can_fail() {
    let rules = rules().into_iter().find(|rules| rules.service == "telegram").expect("it is held");
    let wrong = json!({ "text": format!("{CANARY}{}", "🦀".repeat(2_100)), "chat_id": 1, "other": 2 });
    let faults = rules.faults(&Request::json(secret("https://x"), &wrong));
    assert_eq!(faults.len(), 3, "{faults:?}");
}

#[test]
fn every_row_of_the_fixture_says_where_it_is_from() {
    for (name, row) in fixture().as_object().expect("an object").iter().filter(|(name, _)| !name.starts_with('$')) {
        assert!(HELD.iter().any(|(_, held, _)| held == name), "{name} is held against nothing");
        let sources = row["sources"].as_array().expect("sources");
        let whole = |source: &Value| {
            ["says", "url", "read"].iter().all(|key| source[*key].as_str().is_some_and(|t| !t.is_empty()))
        };
        assert!(!sources.is_empty() && sources.iter().all(whole), "{name}");
        assert!(!row["answers"].as_array().expect("answers").is_empty(), "{name}");
    }
}

#[test]
fn answers_are_understood() {
    let all = fixture();
    let mut checked = 0;
    for (service, name, _) in HELD {
        let key = if service.ends_with("-bot") { "bot-answers" } else { "answers" };
        for row in all[name][key].as_array().expect("answers") {
            let body = row["body"].as_str().map_or_else(|| row["body"].to_string(), str::to_owned);
            let status = u16::try_from(row["status"].as_u64().expect("a status")).expect("a status");
            let retry_after = row["retry-after"].as_i64().map(SignedDuration::from_secs);
            let answer = Answer { status, retry_after, body: body.into_bytes() };
            let fate = judge(&target(service), &answer);
            let (said, wait, id, why) = match &fate {
                Fate::Accepted(id) => ("accepted", None, id.as_deref(), ""),
                Fate::Refused(why) => ("refused", None, None, why.as_str()),
                Fate::Delayed { why, wait } => ("later", wait.map(|wait| wait.as_secs()), None, why.as_str()),
            };
            assert_eq!(said, row["fate"], "{service}: {row}");
            assert_eq!(wait, row["wait"].as_i64(), "{service}: {row}");
            // Only where threads are kept the name matters.
            if let Some(expected) = row["id"].as_str().filter(|_| service != "discord") {
                assert_eq!(id, Some(expected), "{service}: {row}");
            }
            assert!(why.contains(row["says"].as_str().unwrap_or_default()), "{service}: {why}");
            checked += 1;
        }
    }
    assert!(checked > 70, "only {checked} answers were checked");
}

#[test]
fn what_a_service_says_turns_no_words_of_ours() {
    let body = json!({ "message": "no\u{202e}\u{7}\nway" }).to_string().into_bytes();
    let fate = judge(&target("webhook"), &Answer { status: 422, retry_after: None, body });
    assert_eq!(fate, Fate::Refused("HTTP 422: no   way".to_owned()));
}

#[test]
fn what_was_refused_goes_without_its_thread() {
    let sender = sender();
    for (service, _, thread) in HELD.iter().filter(|(_, _, thread)| !thread.is_empty()) {
        let sent = |refused: bool| {
            let entry = Entry { refusals: u32::from(refused), ..entry(Stage::Resolved, 7, "/x", None) };
            let batch = Batch { entries: vec![entry], plain: false };
            let post = Post { sender: &sender, batch: &batch, thread: Some(thread), open: &[], now: now() };
            match outgoing(&target(service), &keys(), &post) {
                Ok(Outgoing::Http(request)) => {
                    format!("{}{}", request.url.expose(), String::from_utf8_lossy(&request.body))
                }
                other => panic!("{other:?}"),
            }
        };
        let name = thread.trim_start_matches('$');
        let name = if *service == "telegram" { "reply_parameters" } else { name };
        let name = if *service == "mattermost-bot" { "root_id" } else { name };
        assert!(sent(false).contains(name) && !sent(true).contains(name), "{service}");
    }
}

#[test]
fn a_test_says_that_it_is_one_and_ends_no_real_alert() {
    let of = |test| {
        let sender = Sender { test, ..sender() };
        let batch = Batch { entries: vec![entry(Stage::Passed, 7, "/x", None)], plain: false };
        let post = Post { sender: &sender, batch: &batch, thread: None, open: &[], now: now() };
        let [alert, title] =
            ["alertmanager", "webhook"].map(|service| match outgoing(&target(service), &keys(), &post) {
                Ok(Outgoing::Http(request)) => body(&request),
                other => panic!("{other:?}"),
            });
        let name = alert[0]["labels"]["alertname"].as_str().expect("a name").to_owned();
        (name, alert[0]["endsAt"] == alert[1]["endsAt"], title["title"].as_str().expect("a title").to_owned())
    };
    let (real, test) = (of(false), of(true));
    assert_eq!((real.0.as_str(), real.1, real.2.starts_with("test: ")), ("RmqgitDrift", false, false));
    assert_eq!((test.0.as_str(), test.1, test.2.starts_with("test: ")), ("RmqgitTest", true, true));
}

#[test]
fn an_alert_of_another_severity_is_ended() {
    let request = sent("alertmanager", &[entry(Stage::Changed, 7, "/x", None)], None);
    let alerts = body(&request);
    let ends = |severity: &str| {
        let mut found = alerts.as_array().expect("alerts").iter();
        found.find(|alert| alert["labels"]["severity"] == severity).expect("it is there")["endsAt"].clone()
    };
    let now = now().to_string();
    assert!(ends("warning") != *now && ends("info") == *now && ends("critical") == *now, "{alerts}");
}
