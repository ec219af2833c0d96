//! Markup of the services: how a letter becomes text in each, and how text that somebody else wrote stays text.

use std::fmt::Write as _;

use super::letter::Letter;

/// A markup.
pub(super) struct Markup {
    /// Text that means nothing but itself.
    pub(super) escape: fn(&str) -> String,
    /// Bold, of text that is escaped.
    pub(super) bold: fn(&str) -> String,
    /// A block of lines that are shown as they are; the text is not escaped yet.
    pub(super) block: fn(&str) -> String,
    /// A link with its name, which needs no escape.
    pub(super) link: fn(&str, &str) -> String,
    /// What stands before each line of a list.
    pub(super) item: &'static str,
    /// What ends a line.
    pub(super) newline: &'static str,
}

/// Text without any markup.
pub(super) const PLAIN: Markup = Markup {
    escape: str::to_owned,
    bold: str::to_owned,
    block: |text| format!("\n{text}\n"),
    link: |name, url| format!("{name}: {url}"),
    item: "- ",
    newline: "\n",
};

/// Slack's mrkdwn: three characters are control characters, by <https://docs.slack.dev/messaging/formatting-message-text>.
pub(super) const SLACK: Markup = Markup {
    escape: |text| inert(&entities(text), &['*', '_', '~', '`']),
    bold: |text| format!("*{text}*"),
    block: |text| format!("```\n{}\n```", inert(&entities(text), &['`'])),
    link: |name, url| format!("<{}|{name}>", entities(&url_of(url))),
    item: "• ",
    newline: "\n",
};

/// Markdown as Mattermost reads it.
pub(super) const MATTERMOST: Markup = Markup {
    escape: |text| inert(&backslashes(text), &['@']),
    bold: |text| format!("**{text}**"),
    block: |text| format!("\n```diff\n{}\n```\n", inert(text, &['`'])),
    link: |name, url| format!("[{name}](<{}>)", url_of(url)),
    item: "- ",
    newline: "\n",
};

/// Markdown as Discord reads it. Mentions are switched off by the message itself.
pub(super) const DISCORD: Markup = Markup {
    escape: |text| inert(&backslashes(text), &['@']),
    bold: |text| format!("**{text}**"),
    block: |text| format!("```diff\n{}\n```", inert(text, &['`'])),
    link: |name, url| format!("[{name}](<{}>)", url_of(url)),
    item: "- ",
    newline: "\n",
};

/// Telegram's HTML, by <https://core.telegram.org/bots/api#html-style>.
pub(super) const TELEGRAM: Markup = Markup {
    escape: entities,
    bold: |text| format!("<b>{text}</b>"),
    block: |text| format!("<pre><code class=\"language-diff\">{}</code></pre>", entities(text)),
    link: |name, url| format!("<a href=\"{}\">{name}</a>", attribute(url)),
    item: "• ",
    newline: "\n",
};

/// HTML as Matrix allows it and mail programs show it.
pub(super) const HTML: Markup = Markup {
    escape: entities,
    bold: |text| format!("<b>{text}</b>"),
    block: |text| format!("<pre><code class=\"language-diff\">{}</code></pre>", entities(text)),
    link: |name, url| format!("<a href=\"{}\">{name}</a>", attribute(url)),
    item: "• ",
    newline: "<br>\n",
};

/// Google Chat's text, where `<…>` is a link or a mention.
pub(super) const GOOGLE_CHAT: Markup = Markup {
    escape: |text| inert(text, &['<', '*', '_', '~', '`', '@']),
    bold: |text| format!("*{text}*"),
    block: |text| format!("```\n{}\n```", inert(text, &['`', '<'])),
    link: |name, url| format!("<{}|{name}>", url_of(url)),
    item: "• ",
    newline: "\n",
};

/// Markdown as DingTalk reads it, which knows no escape and breaks lines at empty ones.
pub(super) const DINGTALK: Markup = Markup {
    escape: |text| inert(text, &['<', '*', '_', '~', '`', '@', '[', ']', '!', '#', '|']),
    bold: |text| format!("**{text}**"),
    block: |text| format!("\n```\n{}\n```\n", inert(text, &['`', '<', '@'])),
    link: |name, url| format!("[{name}]({})", url_of(url)),
    item: "- ",
    newline: "\n\n",
};

/// Markdown as WeCom reads it, which knows no escape and no blocks.
pub(super) const WECOM: Markup = Markup {
    escape: |text| inert(text, &['<', '*', '_', '~', '`', '@', '[', ']', '#']),
    bold: |text| format!("**{text}**"),
    block: |text| text.lines().map(|line| format!("> {}\n", (WECOM.escape)(line))).collect::<Vec<_>>().concat(),
    link: |name, url| format!("[{name}]({})", url_of(url)),
    item: "- ",
    newline: "\n",
};

/// Writes a letter in a markup, without its title.
pub(super) fn body(letter: &Letter, markup: &Markup) -> String {
    let mut out = String::new();
    let newline = markup.newline;
    for (name, text) in &letter.facts {
        let text: Vec<String> = text.lines().map(|line| (markup.escape)(line)).collect();
        let _ = write!(out, "{} {}{newline}", (markup.bold)(&format!("{name}:")), text.join(newline));
    }
    for line in &letter.list {
        let _ = write!(out, "{}{}{newline}", markup.item, (markup.escape)(line));
    }
    if letter.left > 0 {
        let _ = write!(out, "{}and {} more{newline}", markup.item, letter.left);
    }
    if !letter.diff.is_empty() {
        let mut diff = letter.diff.join("\n");
        if letter.diff_left > 0 {
            let _ = write!(diff, "\n… {} more lines", letter.diff_left);
        }
        let _ = write!(out, "{}{newline}", (markup.block)(&diff));
    } else if letter.diff_left > 0 {
        let _ = write!(out, "(a diff of {} lines: see `rmqgit status` on the host){newline}", letter.diff_left);
    }
    let links: Vec<String> = letter.links.iter().map(|(name, url)| (markup.link)(name, url)).collect();
    if !links.is_empty() {
        out.push_str(&links.join(" · "));
    }
    out.trim_end().to_owned()
}

/// Writes a letter in a markup, the title in bold before it.
pub(super) fn whole(letter: &Letter, markup: &Markup) -> String {
    let title = (markup.bold)(&(markup.escape)(&letter.title));
    format!("{title}{}{}", markup.newline, body(letter, markup))
}

/// Writes the characters that open a tag or an entity as entities.
pub(super) fn entities(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn attribute(text: &str) -> String {
    entities(text).replace('"', "&quot;")
}

/// Puts a backslash before everything that means something in Markdown.
fn backslashes(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if "\\`*_{}[]()<>#+-.!|~:>".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Puts a zero-width space behind characters, so that they begin nothing: for services that know no escape.
fn inert(text: &str, characters: &[char]) -> String {
    let mut out = String::new();
    for c in text.chars() {
        out.push(c);
        if characters.contains(&c) {
            out.push('\u{200b}');
        }
    }
    out
}

/// Writes what ends a link or a Markdown target as percent escapes.
fn url_of(url: &str) -> String {
    let mut out = String::new();
    for c in url.chars() {
        match c {
            '<' | '>' | '|' | '(' | ')' | ' ' | '"' | '\\' => {
                let _ = write!(out, "%{:02X}", c as u32);
            }
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// How many UTF-16 units a text has: what most services count.
pub(super) fn units(text: &str) -> usize {
    text.encode_utf16().count()
}
