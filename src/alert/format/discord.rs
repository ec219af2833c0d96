//! Discord: an embed to a channel's webhook; in a forum, an incident is one post.
//!
//! <https://discord.com/developers/docs/resources/webhook#execute-webhook>,
//! <https://discord.com/developers/docs/resources/message#embed-object-embed-limits>

use serde_json::{Value, json};

use super::super::markup::{self, DISCORD, units};
use super::{Fate, Keys, Post, Request, colour, cut, cut_escaped, letter, percent, thread, url, with_query};
use crate::alert::target::Discord;

/// The longest title of an embed.
const TITLE: usize = 256;
/// The longest description of an embed.
const DESCRIPTION: usize = 4_096;
/// The longest name of a thread.
const THREAD: usize = 100;

pub(super) fn request(hook: &Discord, keys: &Keys, post: &Post<'_>) -> Result<Request, String> {
    let letter = letter(post).fit(|letter| units(&markup::body(letter, &DISCORD)) <= DESCRIPTION);
    let mut body = json!({
        "embeds": [{
            "title": cut_escaped(&letter.title, TITLE, units, DISCORD.escape),
            "description": markup::body(&letter, &DISCORD),
            "color": u32::from_str_radix(colour(letter.tone), 16).unwrap_or_default(),
        }],
        "allowed_mentions": { "parse": [] },
    });
    let mut url = with_query(&url(keys)?, "wait=true");
    if hook.forum {
        match thread(post) {
            Some(thread) => url = with_query(&url, &format!("thread_id={}", percent(thread))),
            None => body["thread_name"] = json!(cut(&letter.title, THREAD, units)),
        }
    }
    Ok(Request::json(url, &body))
}

/// The post of a forum that was deleted: the next one is made without it.
const UNKNOWN_CHANNEL: i64 = 10_003;

/// Says what an answer means whose status is that nothing is there.
pub(super) fn judge_missing(json: &Value, said: &str) -> Fate {
    match json["code"].as_i64() {
        Some(UNKNOWN_CHANNEL) => Fate::Refused(said.to_owned()),
        _ => Fate::Delayed { why: said.to_owned(), wait: None },
    }
}
