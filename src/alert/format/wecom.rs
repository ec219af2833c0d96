//! WeCom: Markdown to a group's robot.
//!
//! <https://developer.work.weixin.qq.com/document/path/91770>

use serde_json::json;

use super::super::markup::{self, WECOM};
use super::{Keys, Post, Request, letter, url};

/// The longest text, in bytes of UTF-8.
const LONGEST: usize = 4_096;
/// More than 20 messages in a minute.
pub(super) const BUSY: &[i64] = &[45_009, -1];

pub(super) fn request(keys: &Keys, post: &Post<'_>) -> Result<Request, String> {
    let letter = letter(post).fit(|letter| markup::whole(letter, &WECOM).len() <= LONGEST);
    let body = json!({ "msgtype": "markdown", "markdown": { "content": markup::whole(&letter, &WECOM) } });
    Ok(Request::json(url(keys)?, &body))
}
