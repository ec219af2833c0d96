//! What the tests of the formats make messages of, and how the messages look.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::alert::target::{Key, TargetFile};
use crate::alert::{Entry, Identity, Kind, Stage};

mod hold;
mod words;

const STAGES: [Stage; 6] =
    [Stage::Opened, Stage::Changed, Stage::Reminded, Stage::Flapping, Stage::Resolved, Stage::Passed];
const CANARY: &str = "canary-7f3a";

fn target(service: &str) -> Service {
    let text = match service {
        "slack" => r#"{"slack": {"url-file": "/f"}}"#,
        "slack-bot" => r#"{"slack": {"token-file": "/f", "channel": "C024BE91L"}}"#,
        "mattermost" => r#"{"mattermost": {"url-file": "/f"}}"#,
        "mattermost-bot" => {
            r#"{"mattermost": {"token-file": "/f", "channel": "c1", "server": "https://mm.example.org"}}"#
        }
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
        test: false,
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
    Entry { stage, case, at: now(), since: now(), first: false, edition: 0, refusals: 0, not_before: None }
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

#[test]
fn messages_look_like_this() {
    let diff = Some("@@ -1 +1 @@\n-maxconn 100\n+maxconn <b>4000</b>\n".to_owned());
    let mut shown = String::new();
    for service in
        ["slack-bot", "teams", "telegram", "discord", "google-chat", "matrix", "feishu", "alertmanager", "webhook"]
    {
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
    assert_eq!(accepted("mattermost-bot", json!({ "id": "p" })), id("p"));
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
