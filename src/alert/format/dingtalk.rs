//! DingTalk: Markdown to a group's custom robot, signed where it asks for that.
//!
//! <https://open.dingtalk.com/document/orgapp/custom-robots-send-group-messages>,
//! <https://open.dingtalk.com/document/orgapp/customize-robot-security-settings>

use serde_json::json;

use super::super::markup::{self, DINGTALK};
use super::sign::hmac_sha256;
use super::{Keys, Post, Request, cut, letter, percent, url, with_query};

/// The longest message, in bytes.
const LONGEST: usize = 20_000;
/// The longest title, which notifications show, in bytes.
const TITLE: usize = 200;
/// More than 20 messages in a minute: none is taken for the next 10 minutes.
pub(super) const BUSY: &[i64] = &[130_101, 410_100, -1];

pub(super) fn request(keys: &Keys, post: &Post<'_>) -> Result<Request, String> {
    let message = |letter: &_| {
        let text = markup::whole(letter, &DINGTALK);
        let title = cut(&letter.title, TITLE, str::len);
        json!({ "msgtype": "markdown", "markdown": { "title": title, "text": text }, "at": { "isAtAll": false } })
    };
    let letter = letter(post).fit(|letter| message(letter).to_string().len() <= LONGEST);
    let mut url = url(keys)?;
    if let Some(secret) = &keys.secret {
        let time = post.now.as_millisecond();
        let sign = hmac_sha256(secret.expose().as_bytes(), format!("{time}\n{}", secret.expose()).as_bytes());
        url = with_query(&url, &format!("timestamp={time}&sign={}", percent(&sign)));
    }
    Ok(Request::json(url, &message(&letter)))
}
