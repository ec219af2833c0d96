//! Feishu and Lark: a card to a group's custom robot, signed where it asks for that, the diff in a panel that is folded.
//!
//! <https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot>,
//! <https://open.larksuite.com/document/uAjLw4CM/ukzMukzMukzM/feishu-cards/card-components/containers/collapsible-panel>

use serde_json::{Value, json};

use super::super::letter::{Letter, Tone};
use super::super::markup::{self, PLAIN};
use super::sign::hmac_sha256;
use super::{Fate, Keys, Post, Request, by_code, letter, url};
use crate::alert::kind::Severity;

/// The longest request, in bytes.
const LONGEST: usize = 20_000;
/// More than 100 messages in a minute or 5 in a second, or too many from everybody.
const BUSY: &[i64] = &[11_232];
/// The address, the signature or the list of addresses is wrong.
const SETUP: &[i64] = &[19_001, 19_021, 19_022];

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
    let (bare, diff) = Letter { links: Vec::new(), ..letter.clone() }.split();
    let mut elements = vec![plain(&markup::body(&bare, &PLAIN))];
    if let Some(diff) = diff {
        let header = json!({ "title": { "tag": "plain_text", "content": "diff" } });
        let panel =
            json!({ "tag": "collapsible_panel", "expanded": false, "header": header, "elements": [plain(&diff)] });
        elements.push(panel);
    }
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

fn plain(text: &str) -> Value {
    json!({ "tag": "div", "text": { "tag": "plain_text", "content": if text.is_empty() { " " } else { text } } })
}

/// The status says nothing, and older webhooks answer with `StatusCode`.
pub(super) fn judge(json: &Value, said: &str) -> Fate {
    let code = json["code"].as_i64().or_else(|| json["StatusCode"].as_i64());
    by_code(code, BUSY, SETUP, said)
}
