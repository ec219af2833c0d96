//! Google Chat: text to a space's webhook, one thread for an incident, the diff in a card that is folded.
//!
//! <https://developers.google.com/workspace/chat/quickstart/webhooks>, <https://developers.google.com/workspace/chat/format-messages>,
//! <https://developers.google.com/workspace/chat/api/reference/rest/v1/spaces.messages/create>

use serde_json::{Value, json};

use super::super::letter::Letter;
use super::super::markup::{self, GOOGLE_CHAT, units};
use super::{Keys, Post, Request, letter, percent, url, with_query};

/// The longest text, in characters: older documentation has this limit, newer only that of a message.
const TEXT: usize = 4_096;
/// The longest message, text and cards together, in bytes.
const LONGEST: usize = 32_000;
/// What the name of a thread takes at most, in bytes.
const THREAD: usize = 600;

pub(super) fn request(keys: &Keys, post: &Post<'_>) -> Result<Request, String> {
    let fits = |letter: &Letter| {
        let message = message(letter);
        units(message["text"].as_str().unwrap_or_default()) <= TEXT && message.to_string().len() + THREAD <= LONGEST
    };
    let mut body = message(&letter(post).fit(fits));
    // What is sent again has the same name, and makes no second message.
    let mut url = with_query(&url(keys)?, &format!("requestId={}", percent(&super::webhook::id(post))));
    if let [entry] = post.batch.entries.as_slice() {
        let sender = post.sender;
        body["thread"] = json!({ "threadKey": format!("{}/{}/{}", sender.cluster, sender.host, entry.case.number) });
        url = with_query(&url, "messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD");
    }
    Ok(Request::json(url, &body))
}

fn message(letter: &Letter) -> Value {
    let (letter, diff) = letter.split();
    let mut message = json!({ "text": markup::whole(&letter, &GOOGLE_CHAT) });
    if let Some(diff) = diff {
        let paragraph = json!({ "textParagraph": { "text": markup::card_html(&diff) } });
        let section =
            json!({ "header": "diff", "collapsible": true, "uncollapsibleWidgetsCount": 0, "widgets": [paragraph] });
        message["cardsV2"] = json!([{ "cardId": "diff", "card": { "sections": [section] } }]);
    }
    message
}
