//! DingTalk: Markdown to a group's custom robot, signed where it asks for that.
//!
//! <https://open.dingtalk.com/document/orgapp/custom-robots-send-group-messages>,
//! <https://open.dingtalk.com/document/orgapp/customize-robot-security-settings>

use serde_json::{Value, json};

use super::super::markup::{self, DINGTALK};
use super::sign::hmac_sha256;
use super::{Fate, Keys, Post, Request, by_code, cut, letter, percent, url, with_query};

/// The longest message, in bytes.
const LONGEST: usize = 20_000;
/// The longest title, which notifications show, in bytes.
const TITLE: usize = 200;
/// More than 20 messages in a minute: none is taken for the next 10 minutes. Or the service has too much to do.
const BUSY: &[i64] = &[130_101, 410_100, -1];
/// The address or the robot is not there, or was switched off.
const SETUP: &[i64] = &[300_001, 300_005, 400_013, 400_101, 400_102, 400_106];
/// The robot's own checks: a signature, a list of addresses, or words that a message has to hold.
const CHECKED: i64 = 310_000;

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

/// The status says nothing.
pub(super) fn judge(json: &Value, said: &str) -> Fate {
    match json["errcode"].as_i64() {
        // Only the missing word is a fault of the message.
        Some(CHECKED) if !said.contains("keyword") => Fate::Delayed { why: said.to_owned(), wait: None },
        code => by_code(code, BUSY, SETUP, said),
    }
}
