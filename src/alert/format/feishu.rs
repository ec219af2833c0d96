//! Feishu and Lark: a card to a group's custom robot, signed where it asks for that.
//!
//! <https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot>

use serde_json::{Value, json};

use super::super::letter::{Letter, Tone};
use super::super::markup::{self, PLAIN};
use super::sign::hmac_sha256;
use super::{Keys, Post, Request, letter, url};
use crate::alert::kind::Severity;

/// The longest request, in bytes.
const LONGEST: usize = 20_000;
/// More than 100 messages in a minute, or 5 in a second.
pub(super) const BUSY: &[i64] = &[11_232];

pub(super) fn request(keys: &Keys, post: &Post<'_>) -> Result<Request, String> {
    let signed = |letter: &Letter| {
        let mut message = message(letter);
        if let Some(secret) = &keys.secret {
            let time = post.now.as_second();
            // The secret is part of the key, and there is no message: so the documentation has it.
            message["timestamp"] = json!(time.to_string());
            message["sign"] = json!(hmac_sha256(format!("{time}\n{}", secret.expose()).as_bytes(), b""));
        }
        message
    };
    let letter = letter(post).fit(|letter| signed(letter).to_string().len() <= LONGEST);
    Ok(Request::json(url(keys)?, &signed(&letter)))
}

fn message(letter: &Letter) -> Value {
    let template = match letter.tone {
        Tone::Good => "green",
        Tone::Bad(Severity::Info) => "blue",
        Tone::Bad(Severity::Warning) => "orange",
        Tone::Bad(Severity::Critical) => "red",
    };
    // Plain text has no markup that somebody else's words could use.
    let bare = Letter { links: Vec::new(), ..letter.clone() };
    let text = json!({ "tag": "plain_text", "content": markup::body(&bare, &PLAIN) });
    let mut elements = vec![json!({ "tag": "div", "text": text })];
    let button = |(name, url): &(&str, String)| json!({ "tag": "button", "text": { "tag": "plain_text", "content": name }, "url": url, "type": "default" });
    let buttons: Vec<Value> = letter.links.iter().map(button).collect();
    if !buttons.is_empty() {
        elements.push(json!({ "tag": "action", "actions": buttons }));
    }
    let header = json!({ "title": { "tag": "plain_text", "content": letter.title }, "template": template });
    json!({
        "msg_type": "interactive",
        "card": { "config": { "wide_screen_mode": true }, "header": header, "elements": elements },
    })
}
