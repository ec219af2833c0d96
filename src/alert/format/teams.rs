//! Microsoft Teams: an Adaptive Card to a workflow that posts what comes to its webhook.
//!
//! <https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using>,
//! <https://adaptivecards.io/explorer/>. Text blocks read Markdown; text runs do not, so whatever somebody else wrote is in runs.

use serde_json::{Value, json};

use super::super::letter::{Letter, Tone};
use super::{Keys, Post, Request, letter, url};
use crate::alert::kind::Severity;

/// The longest message, in bytes: 28 KB, with room for what the workflow adds.
const LONGEST: usize = 25_000;

pub(super) fn request(keys: &Keys, post: &Post<'_>) -> Result<Request, String> {
    let letter = letter(post).fit(|letter| message(letter).to_string().len() <= LONGEST);
    Ok(Request::json(url(keys)?, &message(&letter)))
}

fn message(letter: &Letter) -> Value {
    let mut body = vec![json!({
        "type": "Container",
        "style": style(letter.tone),
        "bleed": true,
        "items": [runs(&[json!({ "type": "TextRun", "text": letter.title, "weight": "Bolder", "size": "Medium" })])],
    })];
    for (name, text) in &letter.facts {
        let name = json!({ "type": "TextRun", "text": format!("{name}: "), "weight": "Bolder" });
        body.push(runs(&[name, json!({ "type": "TextRun", "text": text })]));
    }
    for line in &letter.list {
        body.push(runs(&[json!({ "type": "TextRun", "text": format!("• {line}") })]));
    }
    if letter.left > 0 {
        body.push(runs(&[json!({ "type": "TextRun", "text": format!("• and {} more", letter.left) })]));
    }
    let more = (letter.diff_left > 0).then(|| format!("… {} more lines", letter.diff_left));
    for line in letter.diff.iter().chain(more.as_ref()) {
        let line = if line.is_empty() { " " } else { line };
        let run = json!({ "type": "TextRun", "text": line, "fontType": "Monospace", "size": "Small" });
        body.push(json!({ "type": "RichTextBlock", "inlines": [run], "spacing": "None" }));
    }
    let actions = letter.links.iter().map(|(name, url)| json!({ "type": "Action.OpenUrl", "title": name, "url": url }));
    let card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        "actions": actions.collect::<Vec<_>>(),
    });
    let attachment =
        json!({ "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card });
    json!({ "type": "message", "attachments": [attachment] })
}

fn runs(inlines: &[Value]) -> Value {
    json!({ "type": "RichTextBlock", "inlines": inlines })
}

fn style(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Bad(Severity::Info) => "emphasis",
        Tone::Bad(Severity::Warning) => "warning",
        Tone::Bad(Severity::Critical) => "attention",
    }
}
