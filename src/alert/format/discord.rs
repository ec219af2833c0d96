//! Discord: an embed to a channel's webhook; in a forum, an incident is one post.
//!
//! <https://discord.com/developers/docs/resources/webhook#execute-webhook>,
//! <https://discord.com/developers/docs/resources/message#embed-object-embed-limits>

use serde_json::json;

use super::super::markup::{self, DISCORD, units};
use super::{Keys, Post, Request, colour, cut, letter, percent, url, with_query};
use crate::alert::target::Discord;

/// The longest title of an embed.
const TITLE: usize = 256;
/// The longest description of an embed.
const DESCRIPTION: usize = 4_096;
/// The longest name of a thread.
const THREAD: usize = 100;

pub(super) fn request(hook: &Discord, keys: &Keys, post: &Post<'_>) -> Result<Request, String> {
    let letter = letter(post).fit(|letter| units(&markup::body(letter, &DISCORD)) <= DESCRIPTION);
    let title = cut(&letter.title, TITLE - TITLE / 4, units);
    let mut body = json!({
        "embeds": [{
            "title": cut(&(DISCORD.escape)(&title), TITLE, units),
            "description": markup::body(&letter, &DISCORD),
            "color": u32::from_str_radix(colour(letter.tone), 16).unwrap_or_default(),
        }],
        "allowed_mentions": { "parse": [] },
    });
    let mut url = with_query(&url(keys)?, "wait=true");
    if hook.forum {
        match post.thread {
            Some(thread) => url = with_query(&url, &format!("thread_id={}", percent(thread))),
            None => body["thread_name"] = json!(cut(&letter.title, THREAD, units)),
        }
    }
    Ok(Request::json(url, &body))
}
