//! Alertmanager: every incident is an alert with labels that stay the same, so that it can group them across a fleet.
//!
//! <https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>. An alert that nobody repeats ends by itself: one
//! that is open is sent again every [`REFRESH`], and ends after three times that if the host says no more. The severity is a
//! label, so one that changes makes another alert: with each, those of the other severities end.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{Keys, Post, Request, at, secret};
use crate::alert::kind::{Identity, Severity};
use crate::alert::ledger::{Case, Stage};
use crate::alert::letter::{LEGEND, Sender, clean};
use crate::alert::outbox::REFRESH;
use crate::alert::target::Alertmanager;

/// How long something that is over already is shown.
const PASSED: SignedDuration = SignedDuration::from_mins(10);

pub(super) fn request(server: &Alertmanager, keys: &Keys, post: &Post<'_>) -> Request {
    let open = |identity: &Identity| post.open.iter().any(|case| case.identity == *identity);
    let mut alerts = Vec::new();
    for entry in &post.batch.entries {
        let case = &entry.case;
        // What has come back meanwhile is sent as what it is now.
        if !open(&case.identity) {
            let ends = match entry.stage {
                // A test ends at once, so that it pages nobody.
                Stage::Passed if !post.sender.test => later(post.now, PASSED),
                Stage::Resolved | Stage::Passed => post.now,
                _ => later(post.now, REFRESH * 3),
            };
            alerts.extend(alerts_of(server, post, case, ends));
        }
    }
    alerts.extend(post.open.iter().flat_map(|case| alerts_of(server, post, case, later(post.now, REFRESH * 3))));
    let url = secret(&at(&server.server, "/api/v2/alerts"));
    let mut request = Request { bare: keys.token.is_none(), ..Request::json(url, &Value::Array(alerts)) };
    if let Some(token) = &keys.token {
        let token = token.expose();
        let value =
            if token.contains(':') { format!("Basic {}", STANDARD.encode(token)) } else { format!("Bearer {token}") };
        request.headers.push(("authorization", secret(&value)));
    }
    request
}

/// Returns the alert of an incident, and the end of those that it would be with another severity.
fn alerts_of(server: &Alertmanager, post: &Post<'_>, case: &Case, ends: Timestamp) -> [Value; 3] {
    let mut others = [Severity::Info, Severity::Warning, Severity::Critical];
    others.sort_by_key(|severity| *severity != case.severity);
    others.map(|severity| {
        let ends = if severity == case.severity { ends } else { post.now };
        alert(server, post.sender, &Case { severity, ..case.clone() }, ends)
    })
}

fn alert(server: &Alertmanager, sender: &Sender, case: &Case, ends: Timestamp) -> Value {
    let mut labels: Map<String, Value> =
        server.labels.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let name = if sender.test { "RmqgitTest".to_owned() } else { name(&case.identity) };
    labels.insert("alertname".to_owned(), json!(name));
    labels.insert("cluster".to_owned(), json!(sender.cluster));
    labels.insert("host".to_owned(), json!(sender.host));
    labels.insert("kind".to_owned(), json!(case.identity.kind));
    labels.insert("severity".to_owned(), json!(case.severity));
    let object = clean(&case.identity.object);
    if !object.is_empty() {
        labels.insert("object".to_owned(), json!(object));
    }
    let annotations = [
        ("summary", Some(case.summary.clone())),
        ("description", Some(case.help.clone())),
        ("cause", Some(case.cause.clone())),
        ("diff", case.diff.as_ref().map(|diff| format!("{LEGEND}\n{diff}"))),
        ("runbook_url", sender.runbook_of(&case.identity)),
    ];
    let annotations = annotations.into_iter().filter_map(|(name, text)| {
        let text = text.map(|text| clean(&text)).filter(|text| !text.is_empty())?;
        Some((name.to_owned(), json!(text)))
    });
    let annotations: Map<String, Value> = annotations.collect();
    let mut alert = json!({
        "labels": labels,
        "annotations": annotations,
        "startsAt": case.first_seen.min(ends).to_string(),
        "endsAt": ends.to_string(),
    });
    if let Some(link) = sender.release_page() {
        alert["generatorURL"] = json!(link);
    }
    alert
}

/// Returns the name of an alert, such as `RmqgitMemberDown`.
fn name(identity: &Identity) -> String {
    let kind = identity.kind.to_string();
    let words = kind.split('-').map(|word| word[..1].to_uppercase() + &word[1..]);
    format!("Rmqgit{}", words.collect::<String>())
}

fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}
