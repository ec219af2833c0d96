//! Puts text into Markdown so that it stays text on GitHub, GitLab, Gitea and Forgejo: it starts no markup and no HTML,
//! names nobody, refers to nothing and ends no block.
//!
//! Sources: the CommonMark specification 0.31 (entity and numeric character references, "cannot be used in place of symbols
//! indicating structure in CommonMark documents"; fenced code blocks; HTML blocks), the GitHub Flavored Markdown
//! specification 0.29 (tables, autolinks).

use std::fmt::Write as _;

use crate::review::visible::visible;
use crate::review::words::sentence;

/// Nothing that is longer is read by anybody; the rest is cut.
const LONGEST: usize = 300;

/// The forges look for `@name`, `#1` and the like in what a page says, whichever way it was written. A space without width
/// parts the sign from the name.
const APART: &str = "&#8203;";

/// Returns prose as Markdown. Between backticks stands what a person wrote: it becomes code.
pub(super) fn prose(text: &str) -> String {
    sentence(text.trim()).iter().map(|(is_code, text)| if *is_code { code(text) } else { plain(text) }).collect()
}

/// Returns a text that a person wrote as a piece of code, which is never looked at for names.
pub(super) fn code(text: &str) -> String {
    let simple = |c: char| c.is_ascii_alphanumeric() || " ._-/:,=+@*()[]{}#;%".contains(c);
    let bare = !text.is_empty() && text.trim() == text && text.chars().all(simple) && text.len() <= LONGEST;
    if bare { format!("`{text}`") } else { element(text) }
}

/// The same as an HTML element: for texts with characters that end a piece of code or a cell of a table, and for places
/// where only HTML counts, such as a `<summary>`.
pub(super) fn element(text: &str) -> String {
    let mut out = "<code>".to_owned();
    let text = cut(&visible(text));
    // A piece of code that says nothing would not be seen.
    let text = if text.is_empty() { " ".to_owned() } else { text };
    let www = text.to_ascii_lowercase().contains("www");
    for c in text.chars() {
        let harmless = c == '/' || c == '-' || c == '.' && !www;
        if c.is_ascii_punctuation() && !harmless || c == ' ' && text.trim() != text {
            put(&mut out, format_args!("&#{};", u32::from(c)));
            // GitHub makes links of mail addresses after it has read such signs.
            out.push_str(if c == '@' { APART } else { "" });
        } else {
            out.push(c);
        }
    }
    out + "</code>"
}

/// Returns prose in which nothing is markup.
fn plain(text: &str) -> String {
    let text = visible(text);
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut before = String::new();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied().unwrap_or(' ');
        match c {
            // A number and a dot start a list.
            '.' | ')' if !before.is_empty() && before.chars().all(|c| c.is_ascii_digit()) => {
                put(&mut out, format_args!("&#{};", u32::from(c)));
            }
            '.' if before.to_ascii_lowercase().ends_with("www") => out.push_str("&#8203;."),
            ',' | '.' | ';' | '(' | ')' | '\'' | '/' => out.push(c),
            // Without a blank, it may belong to an address or to the name of a sign.
            ':' if next.is_whitespace() => out.push(c),
            // `GH-1` is an issue.
            '-' if !before.is_empty() && next != '-' && !next.is_ascii_digit() => out.push(c),
            _ if c.is_ascii_punctuation() => {
                put(&mut out, format_args!("&#{};", u32::from(c)));
                if !next.is_whitespace() {
                    out.push_str(APART);
                }
            }
            _ => out.push(c),
        }
        before.push(c);
    }
    out
}

/// Returns lines as a code block of a language; nothing in them can end it.
pub(super) fn fence(language: &str, text: &str) -> String {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let ticks = "`".repeat((longest + 1).max(3));
    let mut out = format!("{ticks}{language}\n");
    for line in text.split_terminator('\n') {
        // A tab is seen; whatever else moves or hides text is written out.
        let line: Vec<String> = line.split('\t').map(visible).collect();
        put(&mut out, format_args!("{}\n", line.join("\t")));
    }
    out + &ticks + "\n"
}

/// Returns an address as the target of a link, or nothing if it is not one that a browser opens on a page.
pub(super) fn target(url: &str) -> Option<String> {
    if !(url.starts_with("https://") || url.starts_with("http://")) {
        return None;
    }
    let mut out = String::with_capacity(url.len());
    for byte in url.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:/?#@!$&'*+,;=%".contains(&byte) {
            out.push(char::from(byte));
        } else {
            put(&mut out, format_args!("%{byte:02X}"));
        }
    }
    Some(out)
}

fn cut(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}

fn put(text: &mut String, args: std::fmt::Arguments<'_>) {
    text.write_fmt(args).expect("a string takes any text");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_code_where_it_can_be() {
        assert_eq!(code("rabbit@rabbit1"), "`rabbit@rabbit1`");
        assert_eq!(code("a|b`c"), "<code>a&#124;b&#96;c</code>");
        assert_eq!(code("^orders\\."), "<code>&#94;orders&#92;.</code>");
        assert_eq!(code(" x\u{202e}\n"), "<code>&#32;x&#92;u&#123;202e&#125;&#92;u&#123;a&#125;</code>");
        assert_eq!(code("a@b.c`"), "<code>a&#64;&#8203;b.c&#96;</code>");
        assert_eq!(code(""), "<code>&#32;</code>");
        assert_eq!(code(&"x".repeat(400)).chars().count(), "<code></code>".len() + LONGEST);
    }

    #[test]
    fn prose_names_nobody() {
        let text = prose("policy `ttl` wins, @root #1 GH-2 one-by-one www.x https://y");
        assert_eq!(
            text,
            "policy `ttl` wins, &#64;&#8203;root &#35;&#8203;1 GH&#45;&#8203;2 one-by-one www&#8203;.x https&#58;&#8203;//y"
        );
        assert_eq!(prose("1. a `b"), "1&#46; a &#96;&#8203;b");
    }

    #[test]
    fn a_fence_is_longer_than_what_it_holds() {
        assert_eq!(fence("diff", "+```\n-\u{7}\t````\r\n"), "`````diff\n+```\n-\\u{7}\t````\\u{d}\n`````\n");
        assert_eq!(target("https://x/a b)>").as_deref(), Some("https://x/a%20b%29%3E"));
        assert_eq!(target("javascript:alert(1)"), None);
    }
}
