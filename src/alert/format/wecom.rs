//! WeCom: Markdown to a group's robot.
//!
//! <https://developer.work.weixin.qq.com/document/path/91770>

use serde_json::{Value, json};

use super::super::markup::{self, WECOM};
use super::{Fate, Keys, Post, Request, by_code, letter, url};

/// The longest text, in bytes of UTF-8.
const LONGEST: usize = 4_096;
/// More than 20 messages in a minute, too many at once, or the service has too much to do.
const BUSY: &[i64] = &[45_009, 45_033, -1];
/// The address is wrong.
const SETUP: &[i64] = &[93_000];

pub(super) fn request(keys: &Keys, post: &Post<'_>) -> Result<Request, String> {
    let letter = letter(post).fit(|letter| markup::whole(letter, &WECOM).len() <= LONGEST);
    let body = json!({ "msgtype": "markdown", "markdown": { "content": markup::whole(&letter, &WECOM) } });
    Ok(Request::json(url(keys)?, &body))
}

/// The status says nothing.
pub(super) fn judge(json: &Value, said: &str) -> Fate {
    by_code(json["errcode"].as_i64(), BUSY, SETUP, said)
}
