//! Google Chat: text to a space's webhook, one thread for an incident.
//!
//! <https://developers.google.com/workspace/chat/quickstart/webhooks>, <https://developers.google.com/workspace/chat/format-messages>

use serde_json::json;

use super::super::markup::{self, GOOGLE_CHAT, units};
use super::{Keys, Post, Request, letter, url, with_query};

/// The longest text, in characters.
const LONGEST: usize = 4_096;

pub(super) fn request(keys: &Keys, post: &Post<'_>) -> Result<Request, String> {
    let letter = letter(post).fit(|letter| units(&markup::whole(letter, &GOOGLE_CHAT)) <= LONGEST);
    let mut body = json!({ "text": markup::whole(&letter, &GOOGLE_CHAT) });
    let mut url = url(keys)?;
    if let [entry] = post.batch.entries.as_slice() {
        let sender = post.sender;
        body["thread"] = json!({ "threadKey": format!("{}/{}/{}", sender.cluster, sender.host, entry.case.number) });
        url = with_query(&url, "messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD");
    }
    Ok(Request::json(url, &body))
}
