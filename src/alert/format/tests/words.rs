//! Words of somebody else, as the readers of the services' markups see them: they mean nothing but themselves, mention nobody,
//! and not one of them is lost.

use comrak::nodes::{AstNode, NodeValue};
use comrak::{Arena, Options, parse_document};
use proptest::prelude::*;

use super::*;

/// Something of everything that any service reads.
pub(super) const HOSTILE: &str = "<!channel> <@U1> <b>x</b> </code></pre></details> *_~`|[a](javascript:x) ```\n@everyone @all @room <at user_id=\"all\"></at>\u{202e}]()<users/all> &amp; &lt; {{7}} {% x %} \\ \" :tada: #h ||s|| <https://evil.example|x> 🦀";

/// The services whose markup is read here.
const READ: [&str; 11] = [
    "slack",
    "mattermost",
    "mattermost-bot",
    "discord",
    "teams",
    "telegram",
    "google-chat",
    "matrix",
    "dingtalk",
    "feishu",
    "wecom",
];
/// What breaks a name.
const BREAK: char = '\u{200b}';
/// What stands for a character where a service knows no escape.
const ALIKE: [(char, char); 13] = [
    ('∗', '*'),
    ('∼', '~'),
    ('ˋ', '`'),
    ('∖', '\\'),
    ('∶', ':'),
    ('＿', '_'),
    ('＜', '<'),
    ('＞', '>'),
    ('＠', '@'),
    ('［', '['),
    ('］', ']'),
    ('＃', '#'),
    ('｜', '|'),
];

/// What a reader sees.
#[derive(Debug, Default)]
struct Seen {
    /// The text.
    text: String,
    /// What was markup that we have not written.
    faults: Vec<String>,
}

/// What is left of a text when what cannot be seen is taken out.
fn visible(text: &str) -> String {
    let unseen = |c: char| {
        c == BREAK
            || c.is_whitespace()
            || c.is_control()
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let alike = |c: char| match c {
        '＆' => '&',
        c => ALIKE.iter().find(|(other, _)| *other == c).map_or(c, |(_, same)| *same),
    };
    text.chars().filter(|c| !unseen(*c)).map(alike).collect()
}

fn is_ours(url: &str) -> bool {
    url.starts_with("https://git.example.org/") || url.starts_with("https://wiki.example.org/")
}

/// Reads a message as its service does.
fn read(service: &str, message: &Value) -> Seen {
    let text = |pointer: &str| message.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    match service {
        "slack" => {
            let mut seen = slack(text("/attachments/0/blocks/0/text/text"));
            seen.faults.extend(slack(text("/text").trim_matches('*')).faults);
            seen
        }
        "mattermost" => markdown(&translated(text("/text")), &["**", "code", "link", "list"]),
        "mattermost-bot" => markdown(text("/message"), &["**", "code", "link", "list"]),
        "discord" => {
            let mut seen = markdown(text("/embeds/0/description"), &["**", "code", "link", "list"]);
            seen.faults.extend(markdown(text("/embeds/0/title"), &[]).faults);
            seen
        }
        "telegram" => {
            let mut seen = html(text("/text"), &["b", "blockquote", "code", "a"], "expandable");
            seen.faults.extend(names(&seen.text));
            let code = regex::Regex::new("(?s)<code>.*?</code>|<a href=[^>]*>").expect("a pattern");
            seen.faults.extend(code.replace_all(text("/text"), "").contains("://").then(|| "a link".to_owned()));
            seen
        }
        "google-chat" => {
            let mut seen = google(text("/text"));
            let card = html(text("/cardsV2/0/card/sections/0/widgets/0/textParagraph/text"), &["br"], "");
            seen.text += &card.text;
            seen.faults.extend(card.faults);
            seen
        }
        "matrix" => {
            html(text("/formatted_body"), &["b", "br", "details", "summary", "pre", "code", "a"], "language-diff")
        }
        "dingtalk" => markdown(text("/markdown/text"), &["**", "code", "link", "list"]),
        "wecom" => {
            let mut seen = markdown(text("/markdown/content"), &["**", "quote", "link", "list"]);
            seen.faults.extend(text("/markdown/content").contains("<@").then(|| "a mention".to_owned()));
            seen
        }
        // Text runs and plain text have no markup: everything that is shown is of a kind that reads none.
        "teams" => plain(message, "text", &["TextRun"], &["TextBlock"]),
        "feishu" => plain(message, "content", &["plain_text"], &["lark_md", "markdown"]),
        other => panic!("{other} is not read"),
    }
}

/// Collects the texts of a card, and says where one would be read as markup.
fn plain(value: &Value, key: &str, kinds: &[&str], marked: &[&str]) -> Seen {
    let mut seen = Seen::default();
    match value {
        Value::Array(items) => {
            for part in items.iter().map(|item| plain(item, key, kinds, marked)) {
                seen.text += &part.text;
                seen.faults.extend(part.faults);
            }
        }
        Value::Object(map) => {
            let kind = map.get("type").or_else(|| map.get("tag")).and_then(Value::as_str).unwrap_or_default();
            if kinds.contains(&kind) {
                seen.text += map[key].as_str().unwrap_or_default();
            } else if marked.contains(&kind) {
                seen.faults.push(format!("{kind} reads markup"));
            }
            for part in map.values().map(|item| plain(item, key, kinds, marked)) {
                seen.text += &part.text;
                seen.faults.extend(part.faults);
            }
        }
        _ => {}
    }
    seen
}

/// What Mattermost makes of the text of a webhook before anything else.
fn translated(text: &str) -> String {
    let mut text = text.to_owned();
    for name in ["channel", "here", "all"] {
        text = text.replace(&format!("<!{name}>"), &format!("@{name}"));
    }
    let link = regex::Regex::new(r"<([^\n<\|>]+)\|([^\n>]+)>").expect("a pattern");
    let text = link.replace_all(&text, "[$2]($1)").into_owned();
    let user = regex::Regex::new("<@([A-Za-z0-9]+)>").expect("a pattern");
    user.replace_all(&text, "@$1").into_owned()
}

/// Reads Markdown with everything that GitHub knows, which is more than these services do.
fn markdown(text: &str, ours: &[&str]) -> Seen {
    let arena = Arena::new();
    let mut options = Options::default();
    options.extension.table = true;
    options.extension.strikethrough = true;
    options.extension.autolink = true;
    options.extension.tasklist = true;
    options.extension.spoiler = true;
    let mut seen = Seen::default();
    walk(parse_document(&arena, text, &options), ours, &mut seen);
    seen
}

fn walk<'a>(node: &'a AstNode<'a>, ours: &[&str], seen: &mut Seen) {
    let mut bare = true;
    let kind = match &node.data.borrow().value {
        NodeValue::Document | NodeValue::Paragraph => "",
        NodeValue::Text(text) => {
            seen.text += text;
            ""
        }
        NodeValue::SoftBreak | NodeValue::LineBreak => {
            seen.text += "\n";
            ""
        }
        NodeValue::Strong => "**",
        NodeValue::CodeBlock(block) => {
            seen.text += &block.literal;
            "code"
        }
        NodeValue::Link(link) if is_ours(&link.url) => "link",
        NodeValue::List(_) | NodeValue::Item(_) => "list",
        NodeValue::BlockQuote => "quote",
        other => {
            bare = false;
            seen.faults.push(format!("{other:?}"));
            ""
        }
    };
    if bare && !kind.is_empty() && !ours.contains(&kind) {
        seen.faults.push(format!("a {kind} of somebody else's"));
    }
    for child in node.children() {
        walk(child, ours, seen);
    }
}

/// Reads HTML; every tag is one of `ours` and is closed in its turn.
fn html(text: &str, ours: &[&str], attribute: &str) -> Seen {
    let mut seen = Seen::default();
    let mut open: Vec<String> = Vec::new();
    for token in html5gum::Tokenizer::new(text) {
        match token.expect("reading text does not fail") {
            html5gum::Token::StartTag(tag) => {
                let name = String::from_utf8_lossy(&tag.name).into_owned();
                for (key, value) in &tag.attributes {
                    let (key, value) = (String::from_utf8_lossy(key), String::from_utf8_lossy(value));
                    let good = (key == "href" && is_ours(&value)) || key == attribute || value == attribute;
                    if !good {
                        seen.faults.push(format!("{name} {key}={value}"));
                    }
                }
                if !ours.contains(&name.as_str()) {
                    seen.faults.push(format!("<{name}>"));
                }
                if name == "br" {
                    seen.text.push('\n');
                } else {
                    open.push(name);
                }
            }
            html5gum::Token::EndTag(tag) => {
                let name = String::from_utf8_lossy(&tag.name).into_owned();
                if open.pop().as_ref() != Some(&name) {
                    seen.faults.push(format!("</{name}>"));
                }
            }
            html5gum::Token::String(text) => {
                // A name in code mentions nobody.
                let text = String::from_utf8_lossy(&text).into_owned();
                let inside = open.iter().any(|name| name == "code");
                seen.text += &if inside { text.replace(['@', '#'], &format!("@{BREAK}")) } else { text };
            }
            other => seen.faults.push(format!("{other:?}")),
        }
    }
    if !open.is_empty() {
        seen.faults.push(format!("{open:?} are open"));
    }
    seen
}

/// Looks for what Telegram makes links of in plain text.
fn names(text: &str) -> Vec<String> {
    let names = text.match_indices(['@', '#']).filter(|(at, name)| !text[at + name.len()..].starts_with(BREAK));
    names.map(|(at, _)| format!("a name at {at}")).collect()
}

/// Takes out what we write: the names of facts, links, and one block.
fn without_ours(text: &str, faults: &mut Vec<String>) -> (String, String) {
    let names = regex::Regex::new(r"(?m)^\*(what|since|cause|release|help):\*").expect("a pattern");
    let links =
        regex::Regex::new(r"<https://(git|wiki)\.example\.org/[^|>\s]*\|(release|runbook)>").expect("a pattern");
    let text = links.replace_all(&names.replace_all(text, ""), "").into_owned();
    let mut parts = text.split("```");
    let (prose, block, rest) = (parts.next(), parts.next(), parts.next());
    if parts.next().is_some() || (block.is_some() && rest.is_none()) {
        faults.push("a block of somebody else's".to_owned());
    }
    let prose = format!("{}\n{}", prose.unwrap_or_default(), rest.unwrap_or_default());
    (prose, block.unwrap_or_default().to_owned())
}

/// Looks for marks; an underscore inside of a word is none.
fn marks(text: &str, marks: &[char], faults: &mut Vec<String>) {
    let word = regex::Regex::new(r"[^\W_](_[^\W_]+)+").expect("a pattern");
    if let Some(at) = word.replace_all(text, "").find(marks) {
        faults.push(format!("a mark at {at} in {text}"));
    }
    // Two digits are a time.
    let emoji = regex::Regex::new(r":([a-z0-9_+'-]*[a-z_+'-][a-z0-9_+'-]*|[0-9]{3,}):").expect("a pattern");
    faults.extend(emoji.find(text).map(|found| format!("an emoji: {}", found.as_str())));
}

/// Reads Slack's mrkdwn.
fn slack(text: &str) -> Seen {
    let mut seen = Seen::default();
    let (prose, block) = without_ours(text, &mut seen.faults);
    marks(&prose, &['*', '_', '~', '`'], &mut seen.faults);
    if prose.contains(['<', '>']) || block.contains(['<', '>']) {
        seen.faults.push("a tag".to_owned());
    }
    if prose.lines().any(|line| line.starts_with("&gt;")) {
        seen.faults.push("a quotation".to_owned());
    }
    let entity = regex::Regex::new("&(amp|lt|gt);").expect("a pattern");
    if entity.replace_all(&format!("{prose}{block}"), "").contains('&') {
        seen.faults.push("half an entity".to_owned());
    }
    seen.text = format!("{prose}{block}").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    seen
}

/// Reads the text of Google Chat.
fn google(text: &str) -> Seen {
    let mut seen = Seen::default();
    // The title is a line in bold.
    let (title, rest) = text.split_once('\n').unwrap_or((text, ""));
    let title = title.strip_prefix('*').and_then(|title| title.strip_suffix('*')).unwrap_or("no title *");
    let (prose, block) = without_ours(rest, &mut seen.faults);
    for part in [title, &prose] {
        marks(part, &['<', '*', '_', '~', '`', '@'], &mut seen.faults);
    }
    if !block.is_empty() || prose.lines().any(|line| line.starts_with("- ")) {
        seen.faults.push("a block or a list".to_owned());
    }
    seen.text = prose;
    seen
}

/// Sends words as everything that somebody else can have written, and returns what is wrong with the message.
fn faults(service: &str, words: &str, diff: Option<&str>) -> Vec<String> {
    let entry = Entry { ..entry(Stage::Opened, 1, words, diff.map(str::to_owned)) };
    let seen = read(service, &body(&sent(service, &[entry], None)));
    let mut faults: Vec<String> = seen.faults.iter().map(|fault| format!("{service}: {fault}")).collect();
    let shown = visible(&seen.text);
    // What Telegram shows in code is changed by the reader above, as is what Mattermost translates.
    if !shown.contains(&visible(words)) {
        faults.push(format!("{service}: `{words}` is not to be seen in {}", seen.text));
    }
    faults
}

#[test]
fn hostile_words_mean_nothing_but_themselves() {
    let diff = format!("@@ -1 +1 @@\n-{HOSTILE}\n+{}\n   indented\n```\n# h\n", HOSTILE.replace('\n', "\n+"));
    let mut all = Vec::new();
    for service in READ {
        for words in
            [HOSTILE, "> quote\n# heading\n- list\n1. one\n    code\n---\n===", "a\\", "\\", "*", "_a_", ":a:b:"]
        {
            all.extend(faults(service, words, Some(&diff)));
        }
    }
    assert!(all.is_empty(), "{} faults, such as\n{}", all.len(), all[..all.len().min(8)].join("\n"));
}

/// Writes a mail of words of somebody else.
fn mail(words: &str, diff: Option<&str>) -> Mail {
    let batch = Batch { entries: vec![entry(Stage::Opened, 1, words, diff.map(str::to_owned))], plain: false };
    let sender = sender();
    let post = Post { sender: &sender, batch: &batch, thread: None, open: &[], now: now() };
    match outgoing(&target("email"), &keys(), &post) {
        Ok(Outgoing::Mail(mail)) => mail,
        other => panic!("{other:?} is no mail"),
    }
}

fn faults_of_mail(words: &str, diff: Option<&str>) -> Vec<String> {
    let mail = mail(words, diff);
    let tags = ["html", "body", "b", "br", "details", "summary", "pre", "code", "a"];
    let mut seen = html(&mail.html, &tags, "language-diff");
    for text in [&seen.text, &mail.text] {
        if !visible(text).contains(&visible(words)) {
            seen.faults.push(format!("`{words}` is not to be seen in {text}"));
        }
    }
    if mail.subject.contains(char::is_control) {
        seen.faults.push(format!("the subject has more than a line: {}", mail.subject));
    }
    seen.faults
}

#[test]
fn mail_and_alerts_hold_words_as_they_are() {
    assert_eq!(faults_of_mail(HOSTILE, Some(HOSTILE)), Vec::<String>::new());
    let alerts = body(&sent("alertmanager", &[entry(Stage::Opened, 1, HOSTILE, Some(HOSTILE.to_owned()))], None));
    let alert = &alerts[0];
    for (name, text) in ["labels", "annotations"].iter().flat_map(|key| alert[*key].as_object().expect("an object")) {
        let text = text.as_str().expect("a text");
        let turns =
            |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}') || (c.is_control() && c != '\n');
        assert!(!text.contains(turns), "{name}: {text}");
    }
    // It is cut to a length that a label can have.
    let object = visible(alert["labels"]["object"].as_str().expect("a text"));
    assert!(visible(HOSTILE).starts_with(object.trim_end_matches('…')) && object.len() > 150, "{object}");
}

#[test]
fn what_is_cut_is_cut_between_characters_and_between_escapes() {
    for unit in ["🦀", "*", "ü*", "_a"] {
        let request = sent("discord", &[entry(Stage::Opened, 1, &unit.repeat(200), None)], None);
        let title = body(&request)["embeds"][0]["title"].as_str().expect("a title").to_owned();
        let seen = markdown(&title, &[]);
        assert_eq!(seen.faults, Vec::<String>::new(), "{title}");
        assert!(seen.text.ends_with('…') && !seen.text.contains('\\'), "{title}");
        let plain = format!("warning: drift {}", unit.repeat(200).chars().take(199).collect::<String>());
        assert!(visible(&plain).starts_with(visible(&seen.text).trim_end_matches('…')), "{title}");
        let used = title.encode_utf16().count();
        assert!((250..=256).contains(&used), "{used}");
    }
}

#[test]
fn the_readers_of_this_file_see_what_they_are_there_for() {
    let check =
        |service: &str, message: Value| assert!(!read(service, &message).faults.is_empty(), "{service} {message}");
    for text in ["<!channel>", "*b*", "`c`", ":tada:", "```a```b```", "&", "&gt; q", "<https://evil.example/|x>"] {
        check("slack", json!({ "attachments": [{ "blocks": [{ "text": { "text": text } }] }] }));
    }
    for text in ["<b>x</b>", "# h", "> q", "`c`", "[a](https://evil.example)", "~~x~~", "https://evil.example", "*x*"] {
        check("mattermost", json!({ "text": text }));
        check("discord", json!({ "embeds": [{ "description": text }] }));
        check("discord", json!({ "embeds": [{ "title": text }] }));
        check("dingtalk", json!({ "markdown": { "text": text } }));
    }
    check("mattermost", json!({ "text": "<https://evil.example|x>" }));
    for text in
        ["<i>x</i>", "<b>x", "</b>", "<b><code></b></code>", "<a href=\"https://evil.example\">x</a>", "@a", "#a"]
    {
        check("telegram", json!({ "text": text }));
    }
    for text in ["<script>x</script>", "<img src=x>", "<!-- x -->", "<b onclick=x>y</b>"] {
        check("matrix", json!({ "formatted_body": text }));
    }
    for text in ["<users/all>", "*t*\n*b*", "*t*\n```x```", "*t*\n@all"] {
        check("google-chat", json!({ "text": text }));
    }
    check("wecom", json!({ "markdown": { "content": "<@u1>" } }));
    check("teams", json!([{ "type": "TextBlock", "text": "*x*" }]));
    check("feishu", json!([{ "tag": "lark_md", "content": "*x*" }]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_words_break_out(
        words in "[<>@&*_`~|\\[\\](){}!#:;/\\\\\"'a b1ü🦀\u{202e}\u{200f}\n.=+-]{0,100}",
        diff in prop::option::of("[-+<>&`@#*|: a\\\\🦀\n]{0,300}"),
    ) {
        for service in READ {
            let found = faults(service, &words, diff.as_deref());
            prop_assert!(found.is_empty(), "{:?}", found);
        }
        let found = faults_of_mail(&words, diff.as_deref());
        prop_assert!(found.is_empty(), "{:?}", found);
    }
}
