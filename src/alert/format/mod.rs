//! The formats of the services: what is sent to each, and what its answer means.
//!
//! The limits are the services' own, as their documentation gives them, each beside its constant. Where a service does not
//! say in which unit it counts, it is the one that makes the text shorter.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::secret::Secret;

use super::kind::Severity;
use super::ledger::Case;
use super::letter::{Letter, Sender, Tone, clean};
use super::outbox::{Batch, Fate};
use super::target::{Keys, Service};

mod alertmanager;
mod dingtalk;
mod discord;
mod email;
mod feishu;
mod google_chat;
mod matrix;
mod mattermost;
mod sign;
mod slack;
mod teams;
mod telegram;
mod template;
mod webhook;
mod wecom;

#[cfg(test)]
mod tests;

pub use email::Mail;
pub(super) use template::try_template;

/// One message on its way to a service.
#[derive(Debug)]
pub enum Outgoing {
    /// Over HTTP.
    Http(Request),
    /// Over SMTP.
    Mail(Mail),
}

/// A request. What could be a secret in it cannot be printed.
#[derive(Debug)]
pub struct Request {
    /// Whether it is a PUT; otherwise it is a POST.
    pub put: bool,
    /// Where it goes.
    pub url: Secret,
    /// Its headers, beside the length.
    pub headers: Vec<(&'static str, Secret)>,
    /// Its body.
    pub body: Vec<u8>,
    /// Whether neither its address nor its headers are secret, so that it may go in plain text.
    pub bare: bool,
}

/// What a service answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// The status of HTTP.
    pub status: u16,
    /// What `Retry-After` says.
    pub retry_after: Option<SignedDuration>,
    /// The body.
    pub body: Vec<u8>,
}

/// What a message is made from.
#[derive(Debug, Clone, Copy)]
pub struct Post<'a> {
    /// Who tells.
    pub sender: &'a Sender,
    /// What is told.
    pub batch: &'a Batch,
    /// The service's name for the first message of the incident, where there is one.
    pub thread: Option<&'a str>,
    /// Everything that is open and that the target knows.
    pub open: &'a [Case],
    /// The time.
    pub now: Timestamp,
}

/// Writes a message in the format of a service, or says why that cannot be done.
pub fn outgoing(service: &Service, keys: &Keys, post: &Post<'_>) -> Result<Outgoing, String> {
    let request = match service {
        Service::Slack(chat) => slack::request(chat, keys, post),
        Service::Mattermost(chat) => mattermost::request(chat, keys, post),
        Service::Discord(hook) => discord::request(hook, keys, post),
        Service::Teams(_) => teams::request(keys, post),
        Service::Telegram(bot) => telegram::request(bot, keys, post),
        Service::GoogleChat(_) => google_chat::request(keys, post),
        Service::Matrix(user) => matrix::request(user, keys, post),
        Service::DingTalk(_) => dingtalk::request(keys, post),
        Service::Feishu(_) => feishu::request(keys, post),
        Service::WeCom(_) => wecom::request(keys, post),
        Service::Webhook(hook) => webhook::request(hook, keys, post),
        Service::Alertmanager(server) => Ok(alertmanager::request(server, keys, post)),
        Service::Email(mail) => return Ok(Outgoing::Mail(email::mail(mail, post))),
    };
    request.map(Outgoing::Http)
}

/// Says what a service's answer means.
pub fn judge(service: &Service, answer: &Answer) -> Fate {
    let json: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    let said = words(answer, &json);
    if let Some(fate) = by_words(service, answer, &json, &said) {
        return fate;
    }
    match answer.status {
        200..=299 => accepted(service, answer, &json, &said),
        429 => Fate::Delayed { why: said, wait: wish(answer, &json) },
        400 | 413 | 422 => Fate::Refused(said),
        _ => Fate::Delayed { why: said, wait: answer.retry_after },
    }
}

/// Reads the answer of who has taken a message. A proxy's page with status 200 is not one.
fn accepted(service: &Service, answer: &Answer, json: &Value, said: &str) -> Fate {
    let text = String::from_utf8_lossy(&answer.body);
    let text = text.trim();
    let named = |key: &str| text_of(json, key).map(|name| Fate::Accepted(Some(name)));
    let plain = |good: bool| good.then_some(Fate::Accepted(None));
    let fate = match service {
        Service::Mattermost(chat) if chat.token_file.is_some() => named("id"),
        // A webhook says `ok`; what only speaks their language, something like it.
        Service::Slack(_) | Service::Mattermost(_) => {
            plain(text == "ok" || json["ok"] == true || json["success"] == true)
        }
        Service::Discord(hook) if hook.forum => named("channel_id"),
        Service::Discord(_) => plain(text.is_empty() || json["id"].is_string()),
        Service::Matrix(_) => named("event_id"),
        Service::GoogleChat(_) => plain(json["name"].is_string()),
        Service::Teams(_) | Service::Alertmanager(_) => plain(!text.starts_with('<')),
        _ => plain(true),
    };
    fate.unwrap_or_else(|| Fate::Delayed { why: format!("an answer that is not the service's: {said}"), wait: None })
}

/// Says what an answer means of a service whose status does not say it, or not all of it.
fn by_words(service: &Service, answer: &Answer, json: &Value, said: &str) -> Option<Fate> {
    let status = answer.status;
    match (service, status) {
        (Service::Slack(chat), 200..=299) if chat.token_file.is_some() => Some(slack::judge(json, answer)),
        (Service::Telegram(_), 200..=299 | 400) => Some(telegram::judge(json, said, status)),
        (Service::DingTalk(_), 200..=299 | 400) => Some(dingtalk::judge(json, said)),
        (Service::WeCom(_), 200..=299 | 400) => Some(wecom::judge(json, said)),
        (Service::Feishu(_), 200..=299 | 400) => Some(feishu::judge(json, said)),
        (Service::Discord(_), 404) => Some(discord::judge_missing(json, said)),
        (Service::Teams(_), 200..=299) => teams::judge(said),
        _ => None,
    }
}

/// Reads a code: 0 is good, one of `busy` asks to wait, one of `setup` is about the target and not about the message, and
/// where there is none, somebody else has answered.
fn by_code(code: Option<i64>, busy: &[i64], setup: &[i64], said: &str) -> Fate {
    let later = |wait| Fate::Delayed { why: said.to_owned(), wait };
    match code {
        Some(0) => Fate::Accepted(None),
        Some(code) if busy.contains(&code) => later(Some(SignedDuration::from_mins(10))),
        Some(code) if !setup.contains(&code) => Fate::Refused(said.to_owned()),
        _ => later(None),
    }
}

/// How long a service asks to wait: by the header, or as Discord, Telegram and Matrix say it.
fn wish(answer: &Answer, json: &Value) -> Option<SignedDuration> {
    let seconds = json["retry_after"].as_f64().or_else(|| json["parameters"]["retry_after"].as_f64());
    let millis = json["retry_after_ms"].as_f64().map(|millis| millis / 1_000.0);
    let said = seconds.or(millis).filter(|seconds| seconds.is_finite() && (0.0..1e9).contains(seconds));
    answer.retry_after.max(said.and_then(|seconds| SignedDuration::try_from_secs_f64(seconds.ceil()).ok()))
}

/// Returns an answer for people, in a line. What it repeats of an address or a token was masked before, and no more than this is kept.
fn words(answer: &Answer, json: &Value) -> String {
    let keys = ["description", "message", "errmsg", "msg", "error", "title"];
    let said = keys.iter().find_map(|key| json[*key].as_str().filter(|text| !text.is_empty()));
    let text = said.map_or_else(|| String::from_utf8_lossy(&answer.body).into_owned(), str::to_owned);
    let text = clean(&text.replace(['\n', '\r'], " ").chars().take(160).collect::<String>());
    if text.trim().is_empty() { format!("HTTP {}", answer.status) } else { format!("HTTP {}: {text}", answer.status) }
}

fn text_of(json: &Value, key: &str) -> Option<String> {
    json[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

impl Request {
    /// A POST of JSON to the address of the target.
    fn json(url: Secret, body: &Value) -> Self {
        let headers = vec![("content-type", secret("application/json; charset=utf-8"))];
        Self { put: false, url, headers, body: body.to_string().into_bytes(), bare: false }
    }

    fn bearer(mut self, token: &Secret) -> Self {
        self.headers.push(("authorization", secret(&format!("Bearer {}", token.expose()))));
        self
    }
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned().into())
}

fn url(keys: &Keys) -> Result<Secret, String> {
    keys.url.clone().ok_or_else(|| "the file of the address was not read".to_owned())
}

fn token(keys: &Keys) -> Result<Secret, String> {
    keys.token.clone().ok_or_else(|| "the file of the token was not read".to_owned())
}

/// Adds a query to an address.
fn with_query(url: &Secret, query: &str) -> Secret {
    let sign = if url.expose().contains('?') { '&' } else { '?' };
    secret(&format!("{}{sign}{query}", url.expose()))
}

/// Puts a path behind the address of a server.
fn at(server: &str, path: &str) -> String {
    format!("{}{path}", server.trim_end_matches('/'))
}

/// Writes text so that it can be part of a path or a query.
fn percent(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// Returns a colour as six hexadecimal digits.
fn colour(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "2EB67D",
        Tone::Bad(Severity::Info) => "1264A3",
        Tone::Bad(Severity::Warning) => "ECB22E",
        Tone::Bad(Severity::Critical) => "E01E5A",
    }
}

fn letter(post: &Post<'_>) -> Letter {
    Letter::of(post.sender, post.batch, post.now)
}

/// Returns the thread that a message belongs to. What was refused goes without, as the thread may be what is refused.
fn thread<'a>(post: &Post<'a>) -> Option<&'a str> {
    post.thread.filter(|_| post.batch.entries.iter().all(|entry| entry.refusals == 0))
}

/// Escapes as much of a text as has room in a number of units that `count` counts: an escape is never cut.
fn cut_escaped(text: &str, most: usize, count: fn(&str) -> usize, escape: fn(&str) -> String) -> String {
    let mut keep = most;
    loop {
        let escaped = escape(&cut(text, keep, count));
        let over = count(&escaped).saturating_sub(most);
        if over == 0 || keep == 0 {
            return escaped;
        }
        keep = keep.saturating_sub(over.div_ceil(2));
    }
}

/// Cuts a text to a number of units that `count` counts.
fn cut(text: &str, most: usize, count: fn(&str) -> usize) -> String {
    if count(text) <= most {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = count("…");
    for c in text.chars() {
        used += count(c.encode_utf8(&mut [0; 4]));
        if used > most {
            break;
        }
        kept.push(c);
    }
    kept.push('…');
    kept
}
