//! Mattermost: an incoming webhook, or a bot's post, where an incident is one thread.
//!
//! <https://developers.mattermost.com/integrate/webhooks/incoming/>, <https://developers.mattermost.com/api-documentation/#/operations/CreatePost>

use serde_json::json;

use super::super::markup::{self, MATTERMOST, units};
use super::{Keys, Post, Request, at, letter, secret, thread, token, url};
use crate::alert::target::Chat;

/// The longest post, in characters; one that is longer is split by a webhook and refused from a bot. A server that was never
/// migrated from version 4 takes no more than this, others 16,383.
const LONGEST: usize = 4_000;

pub(super) fn request(chat: &Chat, keys: &Keys, post: &Post<'_>) -> Result<Request, String> {
    let letter = letter(post).fit(|letter| units(&markup::whole(letter, &MATTERMOST)) <= LONGEST);
    let text = markup::whole(&letter, &MATTERMOST);
    let (Some(channel), Some(server)) = (&chat.channel, &chat.server) else {
        return Ok(Request::json(url(keys)?, &json!({ "text": text })));
    };
    let mut body = json!({ "channel_id": channel, "message": text });
    if let Some(thread) = thread(post) {
        body["root_id"] = json!(thread);
    }
    Ok(Request::json(secret(&at(server, "/api/v4/posts")), &body).bearer(&token(keys)?))
}
