//! Microsoft Teams: an Adaptive Card to a workflow that posts what comes to its webhook, the diff hidden until somebody asks for it.
//!
//! <https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using>,
//! <https://adaptivecards.io/explorer/>. Text blocks read Markdown; text runs do not, so whatever somebody else wrote is in runs.

use serde_json::{Value, json};

use super::super::letter::{Letter, Tone};
use super::{Fate, Keys, Post, Request, letter, url};
use crate::alert::kind::Severity;

/// What the diff is called in the card.
const DIFF: &str = "diff";
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
    if let Some(note) = letter.diff_note() {
        body.push(runs(&[json!({ "type": "TextRun", "text": note })]));
    }
    let mut actions = Vec::new();
    if let Some(diff) = letter.diff_text() {
        let lines: Vec<Value> = diff.lines().map(diff_line).collect();
        body.push(json!({ "type": "Container", "id": DIFF, "isVisible": false, "items": lines }));
        actions.push(json!({ "type": "Action.ToggleVisibility", "title": "diff", "targetElements": [DIFF] }));
    }
    actions
        .extend(letter.links.iter().map(|(name, url)| json!({ "type": "Action.OpenUrl", "title": name, "url": url })));
    let card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        "actions": actions,
    });
    let attachment =
        json!({ "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card });
    json!({ "type": "message", "attachments": [attachment] })
}

fn diff_line(line: &str) -> Value {
    let line = if line.is_empty() { " " } else { line };
    let run = json!({ "type": "TextRun", "text": line, "fontType": "Monospace", "size": "Small" });
    json!({ "type": "RichTextBlock", "inlines": [run], "spacing": "None" })
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

/// A webhook of the old kind answers 200 when Teams has refused, and says so in words.
pub(super) fn judge(said: &str) -> Option<Fate> {
    let (_, status) = said.split_once("endpoint returned HTTP error ")?;
    let why = said.to_owned();
    Some(if status.starts_with("413") { Fate::Refused(why) } else { Fate::Delayed { why, wait: None } })
}
