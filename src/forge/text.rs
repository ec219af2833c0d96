//! How long a comment may be, and the text that fits.

use super::Review;
use super::api::percent;
use super::marker;
use super::place::{Kind, Place};

/// What even the shortest comment needs.
const LEAST: usize = 2_000;

/// Returns how many bytes a comment of a forge may have. `docs/forges.md` has the sources. The forges count characters, of which
/// there are never more than bytes.
pub fn limit(kind: Kind) -> usize {
    match kind {
        Kind::GitHub => 65_536,
        Kind::GitLab => 1_000_000,
        Kind::Gitea => 250_000,
    }
}

/// Returns the whole comment in at most `limit` bytes: the marker and the review.
pub(super) fn fit(review: &Review<'_>, place: &Place, limit: usize) -> String {
    let marker = marker::line(review.instance, place.run);
    let room = limit.saturating_sub(marker.len());
    let mut text = harmless(place.kind, (review.text)(room));
    if let Some(over) = text.len().checked_sub(room).filter(|over| *over > 0) {
        text = harmless(place.kind, (review.text)(room.saturating_sub(2 * over)));
    }
    if text.len() > room {
        text = short(review, room);
    }
    marker + &text
}

/// Returns the next smaller limit to try, after a forge refused a text that should have fitted.
pub(super) fn smaller(limit: usize) -> Option<usize> {
    let half = limit / 2;
    (half >= LEAST).then_some(half)
}

/// Keeps GitLab from taking a line such as `/merge` for a command to it. In code it takes none.
fn harmless(kind: Kind, text: String) -> String {
    if kind != Kind::GitLab || !text.lines().any(|line| line.trim_start().starts_with('/')) {
        return text;
    }
    let mut fence: Option<&str> = None;
    let mut safe = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let start = line.trim_start();
        let mark = start.find(|c| c != '`' && c != '~').map_or("", |end| &start[..end]);
        match fence {
            Some(open) if mark.starts_with(open) && start.trim_end() == mark => fence = None,
            None if mark.len() >= 3 => fence = Some(mark),
            None if start.starts_with('/') => safe.push('\\'),
            _ => {}
        }
        safe.push_str(if safe.ends_with('\\') { start } else { line });
    }
    safe
}

/// What is left when nothing fits: the sentence, that there is more, and where.
fn short(review: &Review<'_>, room: usize) -> String {
    let whole = review.whole.and_then(address);
    let link = whole.map_or_else(String::new, |url| format!(" [The whole review]({url})"));
    let said = format!("\n\nThe review is too long for a comment of this forge.{link}\n");
    let mut text = review.headline.replace(['\n', '\r'], " ");
    let mut cut = room.saturating_sub(said.len()).min(text.len());
    while !text.is_char_boundary(cut) {
        cut -= 1;
    }
    text.truncate(cut);
    text + &said
}

/// Returns an address as a forge takes it, in a link or with a status; nothing if it is not one of a page.
pub(super) fn address(url: &str) -> Option<String> {
    if !(url.starts_with("https://") || url.starts_with("http://")) {
        return None;
    }
    let mut safe = String::new();
    for byte in url.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'*+,;=%".contains(&byte) {
            safe.push(byte.into());
        } else {
            safe.extend(percent(byte));
        }
    }
    Some(safe)
}

#[cfg(test)]
mod tests {
    use super::super::{Instance, Verdict};
    use super::*;

    fn place(kind: Kind) -> Place {
        Place {
            kind,
            api: String::new(),
            project: String::new(),
            number: 1,
            head: None,
            run: Some(3),
            page: None,
            fork: false,
            login: None,
        }
    }

    #[test]
    fn no_line_commands_gitlab() {
        let text = "/merge\n\n  /close now\n```sh\n/etc/x\n````\n``` more\n/etc/y\n```\n/etc/z\na /b";
        let safe = "\\/merge\n\n\\/close now\n```sh\n/etc/x\n````\n``` more\n/etc/y\n```\n\\/etc/z\na /b";
        assert_eq!(harmless(Kind::GitLab, text.to_owned()), safe);
        assert_eq!(harmless(Kind::GitHub, text.to_owned()), text);
    }

    fn check(text: &dyn Fn(usize) -> String, limit: usize, expect: &str) {
        let instance = Instance::default();
        let review = Review {
            instance: &instance,
            text,
            headline: "rolling: größer",
            verdict: Verdict::Fine,
            whole: Some("https://ci.example.org/a (1)"),
        };
        let whole = fit(&review, &place(Kind::GitHub), limit);
        assert_eq!(whole, expect);
        assert!(whole.len() <= limit);
    }

    #[test]
    fn the_renderer_is_asked_for_what_fits() {
        check(&|room| "x".repeat(room), 120, &format!("<!-- rmqgit/review run=3 -->\n{}", "x".repeat(91)));
        check(&|_| "text\n".to_owned(), 1000, "<!-- rmqgit/review run=3 -->\ntext\n");
    }

    #[test]
    fn what_does_not_fit_is_one_sentence() {
        let link = "[The whole review](https://ci.example.org/a%20%281%29)";
        let said = format!("\n\nThe review is too long for a comment of this forge. {link}\n");
        let text = |cut: &str| format!("<!-- rmqgit/review run=3 -->\n{cut}{said}");
        check(&|_| "x".repeat(1000), 500, &text("rolling: größer"));
        // In the middle of a letter.
        check(&|_| "x".repeat(1000), text("rolling: gr").len() + 1, &text("rolling: gr"));
    }

    #[test]
    fn an_address_is_one_of_a_page() {
        assert_eq!(address("javascript:alert(1)"), None);
        assert_eq!(address("https://ci/x?a=1#b").as_deref(), Some("https://ci/x?a=1#b"));
        assert_eq!(address("https://x/a b)@ö\n").as_deref(), Some("https://x/a%20b%29@%C3%B6%0A"));
    }

    #[test]
    fn halves_end() {
        let mut limits = vec![limit(Kind::GitHub)];
        while let Some(next) = smaller(limits[limits.len() - 1]) {
            limits.push(next);
        }
        assert_eq!(limits, [65_536, 32_768, 16_384, 8_192, 4_096, 2_048]);
    }
}
