//! Every stage of a life to every service over the wire: a receiver on this machine holds what comes against
//! `fixtures/alert/services.json`, and Microsoft's own reader of cards reads what Teams would get.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::receiver::{Receiver, Taken};
use crate::sync::site::Site;

/// The services: the name in the fixture, the settings with `URL` where the receiver is, and how the request begins.
const SERVICES: [(&str, &str, &str); 15] = [
    ("slack", "slack: {url-file: /etc/rmqgit/alerts/url}", "POST /hook/"),
    ("slack", "slack: {token-file: /etc/rmqgit/alerts/key, channel: C1, server: URL}", "POST /api/chat.postMessage"),
    ("mattermost", "mattermost: {url-file: /etc/rmqgit/alerts/url}", "POST /hook/"),
    ("mattermost", "mattermost: {token-file: /etc/rmqgit/alerts/key, channel: c1, server: URL}", "POST /api/v4/posts"),
    ("discord", "discord: {url-file: /etc/rmqgit/alerts/url}", "POST /hook/canary-token-5521?wait=true"),
    ("discord", "discord: {url-file: /etc/rmqgit/alerts/url, forum: true}", "POST /hook/canary-token-5521?wait=true"),
    ("teams", "teams: {url-file: /etc/rmqgit/alerts/url}", "POST /hook/"),
    (
        "telegram",
        "telegram: {token-file: /etc/rmqgit/alerts/key, chat: '-100', server: URL}",
        "POST /botcanary-key/sendMessage",
    ),
    ("google-chat", "google-chat: {url-file: /etc/rmqgit/alerts/url}", "POST /hook/canary-token-5521?requestId="),
    (
        "matrix",
        "matrix: {server: URL, token-file: /etc/rmqgit/alerts/key, room: '!a:b'}",
        "PUT /_matrix/client/v3/rooms/%21a%3Ab/send/m.room.message/",
    ),
    (
        "dingtalk",
        "dingtalk: {url-file: /etc/rmqgit/alerts/url, secret-file: /etc/rmqgit/alerts/key}",
        "POST /hook/canary-token-5521?timestamp=",
    ),
    ("feishu", "feishu: {url-file: /etc/rmqgit/alerts/url, secret-file: /etc/rmqgit/alerts/key}", "POST /hook/"),
    ("wecom", "wecom: {url-file: /etc/rmqgit/alerts/url}", "POST /hook/"),
    ("alertmanager", "alertmanager: {server: URL}", "POST /api/v2/alerts"),
    ("webhook", "webhook: {url-file: /etc/rmqgit/alerts/url, secret-file: /etc/rmqgit/alerts/key}", "POST /hook/"),
];
/// How many messages a test of a target is.
const STAGES: usize = 7;

fn length(unit: &str, text: &str) -> usize {
    match unit {
        "utf-16" => text.encode_utf16().count(),
        "characters" => text.chars().count(),
        _ => text.len(),
    }
}

/// Returns what is wrong with a message.
fn faults(rules: &Value, taken: &Taken) -> Vec<String> {
    let body: Value = serde_json::from_str(&taken.body).unwrap();
    let schema = jsonschema::draft202012::new(&rules["schema"]).unwrap();
    let mut faults: Vec<String> =
        schema.iter_errors(&body).map(|error| format!("{}: {error}", error.instance_path())).collect();
    for limit in rules["limits"].as_array().unwrap() {
        let (at, unit) = (limit["at"].as_str().unwrap(), limit["unit"].as_str().unwrap());
        let text = if at.is_empty() { Some(taken.body.as_str()) } else { body.pointer(at).and_then(Value::as_str) };
        let length = text.map_or(0, |text| length(unit, text));
        if length > usize::try_from(limit["most"].as_u64().unwrap()).unwrap() {
            faults.push(format!("`{at}` has {length} {unit}"));
        }
    }
    faults
}

/// Sends every stage to a target, and returns what came.
fn sent(name: &str, target: &str, rules: &Value) -> Vec<Taken> {
    let receiver = Receiver::new();
    let server = receiver.url.split_once("/hook").unwrap().0.to_owned();
    let bot = target.contains("token-file") && matches!(name, "slack" | "mattermost");
    let good = |row: &&Value| row["fate"] == "accepted" && (row.get("id").is_some() || !target.contains("token-file"));
    let answer = rules[if bot { "bot-answers" } else { "answers" }].as_array().unwrap().iter().find(good).unwrap();
    let body = answer["body"].as_str().map_or_else(|| answer["body"].to_string(), str::to_owned);
    for _ in 0..STAGES {
        receiver.reply(&format!("{} OK", answer["status"]), &body);
    }
    let site = Site::new();
    site.put("/etc/rmqgit/alerts/url", &format!("{}\n", receiver.url), 0o600);
    site.put("/etc/rmqgit/alerts/key", "canary-key\n", 0o600);
    let target = target.replace("URL", &format!("\"{server}\""));
    let settings =
        format!("remote: /nowhere\ncluster: orders\nhost: rabbit1\nalerts: {{targets: {{it: {{{target}}}}}}}\n");
    site.put("/etc/rmqgit/agent.yaml", &settings, 0o644);
    let (code, out, err) = crate::run(crate::rmqgit().args(["alert", "test", "it", "--root"]).arg(&site.root));
    assert_eq!(code, 0, "{target}: {out}{err}");
    receiver.taken()
}

#[test]
fn every_stage_over_the_wire_is_what_its_service_takes() {
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/alert/services.json");
    let fixture: Value = serde_json::from_str(&fs::read_to_string(fixture).unwrap()).unwrap();
    let mut cards = Vec::new();
    for (name, target, line) in SERVICES {
        let taken = sent(name, target, &fixture[name]);
        assert_eq!(taken.len(), STAGES, "{target}");
        for message in &taken {
            assert_eq!(faults(&fixture[name], message), [""; 0], "{target}: {}", message.body);
            assert!(message.line.starts_with(line), "{target}: {}", message.line);
            assert!(!message.body.contains("canary"), "{target}: {}", message.body);
        }
        if name == "teams" {
            cards = taken.iter().map(|message| serde_json::from_str::<Value>(&message.body).unwrap()).collect();
        }
    }
    let cards: Vec<Value> = cards.iter().map(|message| message["attachments"][0]["content"].clone()).collect();
    assert_eq!(judged(&cards), json!(vec![json!([]); STAGES]));
    // The judge sees what is wrong.
    let mut wrong = cards[0].clone();
    wrong["body"][0]["items"][0]["inlines"][0]["size"] = json!("tiny");
    wrong["actions"][0]["type"] = json!("Action.Fold");
    assert_eq!(judged(&[wrong])[0].as_array().unwrap().len(), 2);
}

/// Reads cards with Microsoft's library, and returns what it says of each.
const JUDGE: &str = "
const cards = require('/usr/local/lib/rmqgit-tests/adaptivecards.min.js');
const judge = (json) => {
    const context = new cards.SerializationContext();
    const card = new cards.AdaptiveCard();
    card.parse(json, context);
    const said = [];
    for (let i = 0; i < context.eventCount; i++) said.push(context.getEventAt(i).message);
    return said.concat(card.validateProperties().validationEvents.map((event) => event.message));
};
const text = require('fs').readFileSync(0, 'utf8');
console.log(JSON.stringify(JSON.parse(text).map(judge)));
";

fn judged(cards: &[Value]) -> Value {
    let mut command = Command::new("node");
    let command = command.args(["-e", JUDGE]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(json!(cards).to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
