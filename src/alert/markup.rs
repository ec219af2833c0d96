//! Markup of the services: how a letter becomes text in each, and how text that somebody else wrote stays text.

use std::fmt::Write as _;

use super::letter::Letter;

/// A markup.
pub(super) struct Markup {
    /// Text that means nothing but itself.
    pub(super) escape: fn(&str) -> String,
    /// Bold, of text that is escaped.
    pub(super) bold: fn(&str) -> String,
    /// A block of lines that are shown as they are, folded where the service can; the text is not escaped yet.
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
    escape: |text| alike(&no_emoji(&entities(text)), "*_~`"),
    bold: |text| format!("*{text}*"),
    block: |text| format!("```\n{}\n```", inert(&entities(text), &['`'])),
    link: |name, url| format!("<{}|{name}>", entities(&url_of(url))),
    item: "• ",
    newline: "\n",
};

/// Markdown as Mattermost reads it. A webhook's text goes through a translation of Slack's `<…>` before, blocks included.
pub(super) const MATTERMOST: Markup = Markup {
    escape: |text| inert(&entities(&backslashes(text, "\\`*_{}[]()#+-.!|~:")), &['@']),
    bold: |text| format!("**{text}**"),
    block: |text| format!("\n```diff\n{}\n```\n", inert(text, &['`', '<'])),
    link: |name, url| format!("[{name}](<{}>)", url_of(url)),
    item: "- ",
    newline: "\n",
};

/// Markdown as Discord reads it. Mentions are switched off by the message itself.
pub(super) const DISCORD: Markup = Markup {
    escape: |text| inert(&backslashes(text, "\\`*_{}[]()<>#+-.!|~:"), &['@']),
    bold: |text| format!("**{text}**"),
    block: |text| format!("```diff\n{}\n```", inert(text, &['`'])),
    link: |name, url| format!("[{name}](<{}>)", url_of(url)),
    item: "- ",
    newline: "\n",
};

/// Telegram's HTML, by <https://core.telegram.org/bots/api#html-style>. Names and tags in plain text are found without any
/// markup, in code they are not.
pub(super) const TELEGRAM: Markup = Markup {
    escape: |text| inert(&entities(&no_address(text)), &['@', '#']),
    bold: |text| format!("<b>{text}</b>"),
    block: |text| format!("\n<blockquote expandable><code>{}</code></blockquote>", entities(text)),
    link: |name, url| format!("<a href=\"{}\">{name}</a>", attribute(url)),
    item: "• ",
    newline: "\n",
};

/// HTML as Matrix allows it and mail programs show it: those that cannot fold show everything.
pub(super) const HTML: Markup = Markup {
    escape: entities,
    bold: |text| format!("<b>{text}</b>"),
    block: |text| {
        let text = entities(text);
        format!("<details><summary>diff</summary><pre><code class=\"language-diff\">{text}</code></pre></details>")
    },
    link: |name, url| format!("<a href=\"{}\">{name}</a>", attribute(url)),
    item: "• ",
    newline: "<br>\n",
};

/// Google Chat's text, where `<…>` is a link or a mention. The diff is not part of it: see [`card_html`].
pub(super) const GOOGLE_CHAT: Markup = Markup {
    escape: |text| alike(&no_emoji(&no_address(text)), "<*_~`@"),
    bold: |text| format!("*{text}*"),
    block: |text| format!("```\n{}\n```", inert(text, &['`', '<'])),
    link: |name, url| format!("<{}|{name}>", url_of(url)),
    item: "• ",
    newline: "\n",
};

/// What means something in the Markdown of services that know no escape.
const UNESCAPED: &str = "<>*_~`@[]#|&\\";

/// Markdown as DingTalk reads it, which knows no escape and breaks lines at empty ones.
pub(super) const DINGTALK: Markup = Markup {
    escape: |text| alike(&no_address(text), UNESCAPED),
    bold: |text| format!("**{text}**"),
    block: |text| format!("\n```\n{}\n```\n", inert(text, &['`', '<', '@'])),
    link: |name, url| format!("[{name}]({})", url_of(url)),
    item: "- ",
    newline: "\n\n",
};

/// Markdown as WeCom reads it, which knows no escape and no blocks.
pub(super) const WECOM: Markup = Markup {
    escape: |text| alike(&no_address(text), UNESCAPED),
    bold: |text| format!("**{text}**"),
    block: |text| text.lines().map(|line| format!("> \u{200b}{}\n", (WECOM.escape)(line))).collect::<Vec<_>>().concat(),
    link: |name, url| format!("[{name}]({})", url_of(url)),
    item: "- ",
    newline: "\n",
};

/// Writes a letter in a markup, without its title.
pub(super) fn body(letter: &Letter, markup: &Markup) -> String {
    let mut out = String::new();
    let newline = markup.newline;
    for (name, text) in &letter.facts {
        let text: Vec<String> =
            text.lines().enumerate().map(|(number, line)| later_line(number, line, markup)).collect();
        let _ = write!(out, "{} {}{newline}", (markup.bold)(&format!("{name}:")), text.join(newline));
    }
    for line in &letter.list {
        let _ = write!(out, "{}{}{newline}", markup.item, (markup.escape)(line));
    }
    if letter.left > 0 {
        let _ = write!(out, "{}and {} more{newline}", markup.item, letter.left);
    }
    if let Some(diff) = letter.diff_text() {
        let _ = write!(out, "{}{newline}", (markup.block)(&diff));
    } else if let Some(note) = letter.diff_note() {
        let _ = write!(out, "{note}{newline}");
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

/// Escapes a line of a fact. What stands at the beginning of a line can be a heading or a list there, so no later line of
/// somebody else's begins with itself.
fn later_line(number: usize, line: &str, markup: &Markup) -> String {
    let mark = if number > 0 && markup.newline != HTML.newline { "\u{200b}" } else { "" };
    format!("{mark}{}", (markup.escape)(line))
}

/// Writes lines as the text of a widget of Google Chat's cards, where spaces at the beginning of a line would vanish.
pub(super) fn card_html(text: &str) -> String {
    let line = |line: &str| {
        let words = line.trim_start_matches(' ');
        format!("{}{}", "\u{a0}".repeat(line.len() - words.len()), entities(words))
    };
    text.lines().map(line).collect::<Vec<_>>().join("<br>")
}

/// Writes the characters that open a tag or an entity as entities.
pub(super) fn entities(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn attribute(text: &str) -> String {
    entities(text).replace('"', "&quot;")
}

/// Puts a backslash before everything that means something in Markdown.
fn backslashes(text: &str, characters: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if characters.contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Breaks what would be shown as an emoji, such as `:rabbit:`; other colons stay as they are, so that addresses can be copied.
fn no_emoji(text: &str) -> String {
    let mut out = String::new();
    for (at, c) in text.char_indices() {
        out.push(c);
        let rest = &text[at + c.len_utf8()..];
        let length = rest.find(|c: char| !(c.is_alphanumeric() || "_+-'".contains(c))).unwrap_or(rest.len());
        // Two digits are a time of the day or a part of an address.
        let is_name = length > 2 || rest[..length].chars().any(|c| !c.is_ascii_digit());
        if c == ':' && is_name && length > 0 && rest[length..].starts_with(':') {
            out.push('\u{200b}');
        }
    }
    out
}

/// Writes characters as others that look like them and mean nothing: for services that know no escape, and whose rules for what
/// begins markup nobody has written down. An underscore in a word begins nothing anywhere, and stays.
fn alike(text: &str, characters: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let is_word = |at: Option<usize>| at.and_then(|at| chars.get(at)).is_some_and(|c| c.is_alphanumeric());
    let other = |(at, c): (usize, &char)| match c {
        c if !characters.contains(*c) => *c,
        '_' if is_word(at.checked_sub(1)) && is_word(Some(at + 1)) => '_',
        '*' => '∗',
        '~' => '∼',
        '`' => 'ˋ',
        '\\' => '∖',
        // The full-width form of the same character.
        c => char::from_u32(*c as u32 + 0xfee0).unwrap_or(*c),
    };
    chars.iter().enumerate().map(other).collect()
}

/// Breaks addresses, which some services make links of.
fn no_address(text: &str) -> String {
    text.replace("://", "∶//")
}

/// Puts a zero-width space behind characters, so that several of them are nothing together, and one begins no name.
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
