//! Telegram: a bot's message in HTML; what follows on an incident answers its first message.
//!
//! <https://core.telegram.org/bots/api#sendmessage>, <https://core.telegram.org/bots/api#html-style>

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::super::markup::{self, TELEGRAM, units};
use super::{Fate, Keys, Post, Request, at, letter, secret, thread, token};
use crate::alert::target::Telegram;

/// The longest text, after its tags and entities are read; we count them too.
const LONGEST: usize = 4_096;

pub(super) fn request(bot: &Telegram, keys: &Keys, post: &Post<'_>) -> Result<Request, String> {
    let letter = letter(post).fit(|letter| units(&markup::whole(letter, &TELEGRAM)) <= LONGEST);
    let mut body = json!({
        "chat_id": bot.chat,
        "text": markup::whole(&letter, &TELEGRAM),
        "parse_mode": "HTML",
        "link_preview_options": { "is_disabled": true },
    });
    if let Some(topic) = bot.topic {
        body["message_thread_id"] = json!(topic);
    }
    if let Some(first) = thread(post).and_then(|thread| thread.parse::<i64>().ok()) {
        body["reply_parameters"] = json!({ "message_id": first, "allow_sending_without_reply": true });
    }
    let server = bot.server.as_deref().unwrap_or("https://api.telegram.org");
    let url = at(server, &format!("/bot{}/sendMessage", token(keys)?.expose()));
    Ok(Request::json(secret(&url), &body))
}

/// What is wrong with the chat, not with the message.
const SETUP: [&str; 3] = ["chat not found", "not enough rights", "upgraded to a supergroup"];

pub(super) fn judge(json: &Value, said: &str, status: u16) -> Fate {
    let later = |why: String| {
        let wait = json["parameters"]["retry_after"].as_i64().map(SignedDuration::from_secs);
        Fate::Delayed { why, wait }
    };
    if json["ok"] == true {
        return Fate::Accepted(json["result"]["message_id"].as_i64().map(|id| id.to_string()));
    }
    if let Some(chat) = json["parameters"]["migrate_to_chat_id"].as_i64() {
        return later(format!("{said}; its number is {chat} now: write that as `chat`"));
    }
    if status == 400 && !SETUP.iter().any(|part| said.contains(part)) {
        return Fate::Refused(said.to_owned());
    }
    later(said.to_owned())
}
