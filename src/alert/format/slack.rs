//! Slack: Block Kit to an incoming webhook, or by `chat.postMessage`, where an incident is one thread.
//!
//! <https://docs.slack.dev/reference/block-kit/blocks/section-block>, <https://docs.slack.dev/reference/methods/chat.postMessage>

use serde_json::{Value, json};

use super::super::markup::{self, SLACK, units};
use super::{Answer, Fate, Keys, Post, Request, at, colour, cut_escaped, letter, secret, thread, token, url};
use crate::alert::target::Chat;

/// The longest text of a section.
const SECTION: usize = 3_000;
/// The longest text before the blocks, where it is not cut.
const TITLE: usize = 3_000;

pub(super) fn request(chat: &Chat, keys: &Keys, post: &Post<'_>) -> Result<Request, String> {
    let body = body(chat, post);
    if chat.token_file.is_none() {
        return Ok(Request::json(url(keys)?, &body));
    }
    let server = chat.server.as_deref().unwrap_or("https://slack.com");
    Ok(Request::json(secret(&at(server, "/api/chat.postMessage")), &body).bearer(&token(keys)?))
}

fn body(chat: &Chat, post: &Post<'_>) -> Value {
    let letter = letter(post).fit(|letter| units(&markup::body(letter, &SLACK)) <= SECTION);
    let text = markup::body(&letter, &SLACK);
    // It stands before the attachment, and is what notifications show.
    let title = (SLACK.bold)(&cut_escaped(&letter.title, TITLE, units, SLACK.escape));
    let mut body = json!({ "text": title, "unfurl_links": false, "unfurl_media": false });
    if !text.is_empty() {
        let section = json!({ "type": "section", "text": { "type": "mrkdwn", "text": text, "verbatim": true } });
        body["attachments"] = json!([{ "color": format!("#{}", colour(letter.tone)), "blocks": [section] }]);
    }
    if let Some(channel) = &chat.channel {
        body["channel"] = json!(channel);
        if let Some(thread) = thread(post) {
            body["thread_ts"] = json!(thread);
        }
    }
    body
}

/// The web API answers 200 whatever happens.
pub(super) fn judge(json: &Value, answer: &Answer) -> Fate {
    if json["ok"] == true {
        return Fate::Accepted(json["ts"].as_str().map(str::to_owned));
    }
    let why = json["error"].as_str().unwrap_or("no reason is given").to_owned();
    match why.as_str() {
        "invalid_blocks" | "invalid_blocks_format" | "invalid_attachments" | "too_many_attachments" | "no_text" => {
            Fate::Refused(why)
        }
        "msg_too_long" | "msg_blocks_too_long" | "thread_not_found" | "cannot_reply_to_message" => Fate::Refused(why),
        _ => Fate::Delayed { why, wait: answer.retry_after },
    }
}
