//! Every message of every service against what the service says it takes: shape, limits in its own unit, and words that
//! somebody else wrote.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::alert::target::{Key, TargetFile};
use crate::alert::{Entry, Identity, Kind, Stage};

const STAGES: [Stage; 6] =
    [Stage::Opened, Stage::Changed, Stage::Reminded, Stage::Flapping, Stage::Resolved, Stage::Passed];
const CANARY: &str = "canary-7f3a";

fn target(service: &str) -> Service {
    let text = match service {
        "slack" => r#"{"slack": {"url-file": "/f"}}"#,
        "slack-bot" => r#"{"slack": {"token-file": "/f", "channel": "C024BE91L"}}"#,
        "mattermost" => r#"{"mattermost": {"url-file": "/f"}}"#,
        "discord" => r#"{"discord": {"url-file": "/f"}}"#,
        "discord-forum" => r#"{"discord": {"url-file": "/f", "forum": true}}"#,
        "teams" => r#"{"teams": {"url-file": "/f"}}"#,
        "telegram" => r#"{"telegram": {"token-file": "/f", "chat": "-100123", "topic": 4}}"#,
        "google-chat" => r#"{"google-chat": {"url-file": "/f"}}"#,
        "matrix" => r#"{"matrix": {"server": "https://m.example.org", "token-file": "/f", "room": "!a:example.org"}}"#,
        "dingtalk" => r#"{"dingtalk": {"url-file": "/f", "secret-file": "/s"}}"#,
        "feishu" => r#"{"feishu": {"url-file": "/f", "secret-file": "/s"}}"#,
        "wecom" => r#"{"wecom": {"url-file": "/f"}}"#,
        "alertmanager" => r#"{"alertmanager": {"server": "http://127.0.0.1:9093", "labels": {"team": "queues"}}}"#,
        "webhook" => r#"{"webhook": {"url-file": "/f", "secret-file": "/s"}}"#,
        "email" => r#"{"email": {"server": "mail", "from": "rmqgit <r@example.org>", "to": ["ops@example.org"]}}"#,
        other => panic!("{other} is no service"),
    };
    let file: TargetFile = serde_json::from_str(text).expect("it is a target");
    file.target().expect("it is sound").service
}

fn keys() -> Keys {
    Keys {
        url: Some(secret(&format!("https://hooks.example.org/{CANARY}"))),
        token: Some(secret(CANARY)),
        secret: Some(secret(CANARY)),
    }
}

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().expect("a time")
}

fn sender() -> Sender {
    Sender {
        cluster: crate::name::ClusterName::parse("orders").expect("a name"),
        host: crate::name::HostName::parse("rabbit1").expect("a name"),
        release: Some(("0123456789abcdef".to_owned(), None)),
        release_link: Some("https://git.example.org/out/commit/{commit}?a=1&b=2".to_owned()),
        runbook: Some("https://wiki.example.org/{kind}".to_owned()),
    }
}

fn entry(stage: Stage, number: u64, words: &str, diff: Option<String>) -> Entry {
    let case = Case {
        number,
        identity: Identity::new(Kind::Drift, words),
        severity: Severity::Warning,
        cause: words.to_owned(),
        summary: format!("replace {words}"),
        help: words.to_owned(),
        diff,
        first_seen: now(),
    };
    Entry { stage, case, at: now(), first: false, edition: 0, refusals: 0 }
}

fn sent(service: &str, entries: &[Entry], thread: Option<&str>) -> Request {
    let batch = Batch { entries: entries.to_vec(), plain: false };
    let sender = sender();
    let post = Post { sender: &sender, batch: &batch, thread, open: &[], now: now() };
    match outgoing(&target(service), &keys(), &post).expect("it can be written") {
        Outgoing::Http(request) => request,
        Outgoing::Mail(mail) => panic!("{mail:?} is no request"),
    }
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).expect("it is JSON")
}

/// The services with a schema, each with the name of that and what a first message is called there.
const HELD: [(&str, &str, &str); 13] = [
    ("slack", "slack", ""),
    ("slack-bot", "slack", "1503435956.000247"),
    ("mattermost", "mattermost", ""),
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
];

fn validators() -> BTreeMap<&'static str, jsonschema::Validator> {
    let schemas: Value =
        serde_json::from_str(include_str!("../../../fixtures/alert/services.json")).expect("the fixture is JSON");
    let validator = |name: &str| jsonschema::draft202012::new(&schemas[name]).expect("it is a schema");
    HELD.iter().map(|(_, name, _)| (*name, validator(name))).collect()
}

/// Returns what is wrong with a message.
fn faults(service: &str, schema: &jsonschema::Validator, request: &Request) -> Vec<String> {
    let body = body(request);
    let mut faults: Vec<String> =
        schema.iter_errors(&body).map(|error| format!("{service}: {}: {error}", error.instance_path())).collect();
    let mut text = String::from_utf8(request.body.clone()).expect("it is UTF-8");
    if text.contains(CANARY) {
        faults.push(format!("{service}: a secret is in the body"));
    }
    let units = |text: &str| text.encode_utf16().count();
    let bytes = request.body.len();
    let shown = |path: &str| body.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let within = match service {
        "slack" | "slack-bot" => units(&shown("/attachments/0/blocks/1/text/text")) <= 3_000,
        "discord" | "discord-forum" => {
            units(&shown("/embeds/0/title")) <= 256
                && units(&shown("/embeds/0/description")) <= 4_096
                && units(&shown("/embeds/0/title")) + units(&shown("/embeds/0/description")) <= 6_000
        }
        "teams" => bytes <= 28 << 10,
        "telegram" | "google-chat" => units(&shown("/text")) <= 4_096,
        "matrix" => bytes <= 60_000,
        "dingtalk" | "feishu" => bytes <= 20_000,
        "wecom" => shown("/markdown/content").len() <= 4_096,
        _ => true,
    };
    if !within {
        faults.push(format!("{service}: it is too long: {bytes} bytes"));
    }
    text = match service {
        "slack" | "slack-bot" => shown("/attachments/0/blocks/1/text/text"),
        "mattermost" | "telegram" | "google-chat" => shown("/text"),
        "matrix" => shown("/formatted_body"),
        "wecom" => shown("/markdown/content"),
        "dingtalk" => shown("/markdown/text"),
        _ => String::new(),
    };
    if let Some(fault) = escapes(service, &text) {
        faults.push(format!("{service}: {fault} in {text}"));
    }
    faults
}

/// Looks for markup that only words of somebody else could have brought.
fn escapes(service: &str, text: &str) -> Option<String> {
    let ours = [
        "<https://",
        "<b>",
        "</b>",
        "<pre>",
        "</pre>",
        "<code class=\"language-diff\">",
        "</code>",
        "<a href=\"https://",
        "</a>",
        "<br>",
    ];
    match service {
        "slack" | "slack-bot" | "telegram" | "matrix" | "google-chat" | "wecom" | "dingtalk" => {
            for (at, _) in text.match_indices('<') {
                let rest = &text[at..];
                let inert = rest[1..].starts_with('\u{200b}');
                if !inert && !ours.iter().any(|tag| rest.starts_with(tag)) {
                    return Some(format!("`{}`", rest.chars().take(20).collect::<String>()));
                }
            }
            for tag in ["b", "pre", "code", "a"] {
                let opens = text.matches(&format!("<{tag}>")).count() + text.matches(&format!("<{tag} ")).count();
                if opens != text.matches(&format!("</{tag}>")).count() {
                    return Some(format!("unbalanced <{tag}>"));
                }
            }
            None
        }
        "mattermost" => {
            let prose = text.split("```").step_by(2).collect::<String>();
            let mention = prose.match_indices('@').find(|(at, _)| !prose[at + 1..].starts_with('\u{200b}'));
            let fences = text.matches("```").count();
            mention.map(|_| "a mention".to_owned()).or_else(|| (fences % 2 == 1).then(|| "an open block".to_owned()))
        }
        _ => None,
    }
}

const HOSTILE: &str = "<!channel> <@U1> <b>x</b> </code></pre> *_~`|[a](javascript:x) ```\n@everyone @all\u{202e}]()<users/all> &amp; {{7}} {% x %} \\ \"";

#[test]
fn every_message_is_one_that_its_service_takes() {
    let validators = validators();
    let long = (0..200).map(|i| format!("+line {i} {HOSTILE}\n")).collect::<Vec<_>>().concat();
    let mut all = Vec::new();
    for (service, schema, thread) in HELD {
        let schema = &validators[schema];
        let thread = (!thread.is_empty()).then_some(thread);
        for words in ["/etc/hosts", HOSTILE, &"ü🦀".repeat(700), ""] {
            for stage in STAGES {
                for diff in [None, Some("-a\n+b\n".to_owned()), Some(long.clone())] {
                    let request = sent(service, &[entry(stage, 1, words, diff)], thread);
                    all.extend(faults(service, schema, &request));
                }
            }
            let many: Vec<Entry> = (0..1_000).map(|i| entry(STAGES[i % 6], i as u64, words, None)).collect();
            if service != "alertmanager" {
                all.extend(faults(service, schema, &sent(service, &many, None)));
            }
        }
    }
    assert!(all.is_empty(), "{} faults, such as\n{}", all.len(), all[..all.len().min(5)].join("\n"));
}

#[test]
fn the_checks_of_this_file_can_fail() {
    for (service, text) in [
        ("slack", "hi <!channel>"),
        ("telegram", "<b>x"),
        ("telegram", "<script>"),
        ("google-chat", "<users/all>"),
        ("mattermost", "@all"),
        ("mattermost", "```"),
    ] {
        assert!(escapes(service, text).is_some(), "{service}: {text}");
    }
    let wrong = Request::json(secret("https://x"), &json!({ "text": CANARY, "chat_id": 1, "other": 2 }));
    assert_eq!(faults("telegram", &validators()["telegram"], &wrong).len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_words_break_out(words in "[<>@&*_`~|\\[\\](){}!#:/\\\\\"a ü\u{202e}\n-]{0,120}", diff in prop::option::of("[-+<>&`@ a\n]{0,400}")) {
        let validators = validators();
        for (service, schema, _) in HELD {
            let found = faults(service, &validators[schema], &sent(service, &[entry(Stage::Opened, 1, &words, diff.clone())], None));
            prop_assert!(found.is_empty(), "{:?}", found);
        }
    }
}

#[test]
fn messages_look_like_this() {
    let diff = Some("@@ -1 +1 @@\n-maxconn 100\n+maxconn <b>4000</b>\n".to_owned());
    let mut shown = String::new();
    for service in ["slack-bot", "teams", "telegram", "discord", "matrix", "feishu", "alertmanager", "webhook"] {
        let request = sent(service, &[entry(Stage::Opened, 7, "/etc/haproxy/haproxy.cfg", diff.clone())], None);
        let text = serde_json::to_string_pretty(&body(&request)).expect("it is JSON");
        writeln!(shown, "# {service}\n{text}\n").expect("a string takes everything");
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn an_incident_is_one_thread() {
    let of = |service: &str, thread: &str, pointer: &str| {
        let request = sent(service, &[entry(Stage::Resolved, 7, "/x", None)], Some(thread));
        body(&request).pointer(pointer).cloned().unwrap_or_default()
    };
    assert_eq!(of("slack-bot", "15.02", "/thread_ts"), "15.02");
    assert_eq!(of("telegram", "42", "/reply_parameters/message_id"), 42);
    assert_eq!(of("matrix", "$e", "/m.relates_to/event_id"), "$e");
    assert_eq!(of("google-chat", "", "/thread/threadKey"), "orders/rabbit1/7");
    let forum = sent("discord-forum", &[entry(Stage::Resolved, 7, "/x", None)], Some("1100"));
    assert!(forum.url.expose().ends_with("?wait=true&thread_id=1100") && body(&forum).get("thread_name").is_none());
    let accepted = |service: &str, answer: Value| {
        judge(&target(service), &Answer { status: 200, retry_after: None, body: answer.to_string().into_bytes() })
    };
    let id = |id: &str| Fate::Accepted(Some(id.to_owned()));
    assert_eq!(accepted("slack-bot", json!({ "ok": true, "ts": "15.02" })), id("15.02"));
    assert_eq!(accepted("telegram", json!({ "ok": true, "result": { "message_id": 42 } })), id("42"));
    assert_eq!(accepted("matrix", json!({ "event_id": "$e" })), id("$e"));
    assert_eq!(accepted("discord-forum", json!({ "channel_id": "1100" })), id("1100"));
    assert_eq!(accepted("mattermost", json!({ "id": "p" })), id("p"));
}

#[test]
fn mail_is_one_thread_too() {
    let mail = |stage| {
        let batch = Batch { entries: vec![entry(stage, 7, "/x\r\nBcc: a@b", None)], plain: false };
        let sender = sender();
        let post = Post { sender: &sender, batch: &batch, thread: None, open: &[], now: now() };
        match outgoing(&target("email"), &keys(), &post) {
            Ok(Outgoing::Mail(mail)) => mail,
            other => panic!("{other:?} is no mail"),
        }
    };
    let (first, last) = (mail(Stage::Opened), mail(Stage::Resolved));
    assert_eq!(first.id, format!("<rmqgit.orders.rabbit1.7.{}@example.org>", now().as_second()));
    assert_eq!((first.answers, last.answers), (None, Some(first.id.clone())));
    assert!(last.id != first.id && !first.subject.contains(['\r', '\n']), "{}", first.subject);
}

#[test]
fn answers_are_understood() {
    let check = |service: &str, status: u16, body: Value, expect: Fate| {
        let answer = Answer { status, retry_after: None, body: body.to_string().into_bytes() };
        assert_eq!(judge(&target(service), &answer), expect, "{service} {status} {body}");
    };
    let later =
        |why: &str, wait: Option<i64>| Fate::Delayed { why: why.to_owned(), wait: wait.map(SignedDuration::from_secs) };
    let no = |why: &str| Fate::Refused(why.to_owned());
    check("slack", 404, json!("no_service"), later("HTTP 404: \"no_service\"", None));
    check("slack-bot", 200, json!({ "ok": false, "error": "invalid_auth" }), later("invalid_auth", None));
    check("slack-bot", 200, json!({ "ok": false, "error": "invalid_blocks" }), no("invalid_blocks"));
    check("discord", 429, json!({ "message": "slow", "retry_after": 1.3 }), later("HTTP 429: slow", Some(2)));
    let slow = json!({ "ok": false, "description": "Too Many Requests", "parameters": { "retry_after": 35 } });
    check("telegram", 429, slow, later("HTTP 429: Too Many Requests", Some(35)));
    check("matrix", 429, json!({ "error": "Too many", "retry_after_ms": 2_500 }), later("HTTP 429: Too many", Some(3)));
    check("dingtalk", 200, json!({ "errcode": 0, "errmsg": "ok" }), Fate::Accepted(None));
    check(
        "dingtalk",
        200,
        json!({ "errcode": 130_101, "errmsg": "send too fast" }),
        later("HTTP 200: send too fast", Some(600)),
    );
    check("dingtalk", 200, json!({ "errcode": 310_000, "errmsg": "sign not match" }), no("HTTP 200: sign not match"));
    check("wecom", 200, json!({ "errcode": 45_009, "errmsg": "api freq" }), later("HTTP 200: api freq", Some(600)));
    check("feishu", 200, json!({ "code": 0 }), Fate::Accepted(None));
    check("feishu", 200, json!({ "StatusCode": 0, "StatusMessage": "success" }), Fate::Accepted(None));
    check("feishu", 200, json!({ "code": 19_021, "msg": "sign match fail" }), no("HTTP 200: sign match fail"));
    check("teams", 202, json!(null), Fate::Accepted(None));
    check("webhook", 503, json!(null), later("HTTP 503: null", None));
    check("webhook", 301, json!(""), later("HTTP 301: \"\"", None));
    check("alertmanager", 400, json!("bad"), no("HTTP 400: \"bad\""));
}

#[test]
fn signatures_are_as_documented() {
    let dingtalk = sent("dingtalk", &[entry(Stage::Opened, 1, "/x", None)], None);
    let time = now().as_millisecond();
    let sign = sign::hmac_sha256(CANARY.as_bytes(), format!("{time}\n{CANARY}").as_bytes());
    assert!(dingtalk.url.expose().ends_with(&format!("?timestamp={time}&sign={}", percent(&sign))));
    let feishu = body(&sent("feishu", &[entry(Stage::Opened, 1, "/x", None)], None));
    assert_eq!(feishu["timestamp"], now().as_second().to_string());
    assert_eq!(feishu["sign"], sign::hmac_sha256(format!("{}\n{CANARY}", now().as_second()).as_bytes(), b""));
    // The example of the Standard Webhooks specification's reference libraries.
    let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("it is base64");
    let message = "msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}";
    assert_eq!(sign::hmac_sha256(&key, message.as_bytes()), "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

#[test]
fn a_template_makes_any_body() {
    let with = |template: &str| {
        let Service::Webhook(hook) = target("webhook") else { panic!("it is one") };
        let hook = Service::Webhook(crate::alert::Custom { template: Some(template.to_owned()), ..hook });
        let batch = Batch { entries: vec![entry(Stage::Opened, 1, "a \"b\"", None)], plain: false };
        let sender = sender();
        let post = Post { sender: &sender, batch: &batch, thread: None, open: &[], now: now() };
        match outgoing(&hook, &keys(), &post)? {
            Outgoing::Http(request) => Ok(String::from_utf8(request.body).expect("it is text")),
            Outgoing::Mail(_) => Err("mail".to_owned()),
        }
    };
    let good = r#"{"message": {{ incidents[0].summary|tojson }}, "host": {{ host|tojson }}}"#;
    assert_eq!(with(good).as_deref(), Ok(r#"{"message": "replace a \"b\"", "host": "rabbit1"}"#));
    assert!(with("{{ nothing }}").is_err_and(|why| why.contains("template")), "what is not there is said");
    assert!(with("{% for i in range(100000000) %}x{% endfor %}").is_err(), "a template ends");
}

#[test]
fn secrets_are_named_by_file_and_never_printed() {
    assert_eq!(target("feishu").files().iter().map(|(key, _)| *key).collect::<Vec<_>>(), [Key::Url, Key::Secret]);
    let request = sent("telegram", &[entry(Stage::Opened, 1, "/x", None)], None);
    assert!(request.url.expose().contains(CANARY) && !format!("{request:?} {:?}", keys()).contains(CANARY));
}
