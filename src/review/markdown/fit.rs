//! Fits a page into the size that a forge takes: drops detail in a stated order, and says what it dropped.

use super::quote;
use crate::review::words::number;

/// How long a page may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits<'a> {
    /// The most that the whole text has.
    pub size: usize,
    /// What is counted.
    pub unit: Unit,
    /// Where the whole page is, for those who want to read what was dropped.
    pub full: Option<&'a str>,
}

/// What a forge counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes of UTF-8.
    Bytes,
    /// Characters of Unicode.
    Characters,
}

impl Limits<'_> {
    /// No limit at all.
    pub const NONE: Self = Self { size: usize::MAX, unit: Unit::Bytes, full: None };

    fn length(&self, text: &str) -> usize {
        match self.unit {
            Unit::Bytes => text.len(),
            Unit::Characters => text.chars().count(),
        }
    }
}

/// The kinds of detail, in the order in which they are dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Detail {
    /// The diffs of files that disturb nobody.
    QuietDiff,
    /// The other diffs.
    Diff,
    /// The pictures.
    Picture,
    /// Settings of daemons, one by one.
    Settings,
    /// Objects of the broker and secrets.
    Objects,
    /// Policies by who wins.
    Policies,
    /// The list of files.
    Files,
    /// What hosts last said.
    Live,
    /// What happens in a cluster.
    Cluster,
    /// What is held back until the spec grants it.
    HeldBack,
    /// What the page is about.
    Headline,
}

/// Every kind in the order of dropping, with its words for one and for several.
const ORDER: [(Detail, &str, &str); 10] = [
    (Detail::QuietDiff, "quiet diff", "quiet diffs"),
    (Detail::Diff, "diff", "diffs"),
    (Detail::Picture, "picture", "pictures"),
    (Detail::Settings, "table of settings", "tables of settings"),
    (Detail::Objects, "table of objects", "tables of objects"),
    (Detail::Policies, "table of policies", "tables of policies"),
    (Detail::Files, "file", "files"),
    (Detail::Live, "report of hosts", "reports of hosts"),
    (Detail::Cluster, "cluster", "clusters"),
    (Detail::HeldBack, "transition", "transitions"),
];

/// A piece of the page, ending in a newline.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) detail: Detail,
    pub(super) text: String,
    /// What stands there once it is dropped, and what that counts as.
    pub(super) instead: Option<(Detail, String)>,
}

impl Piece {
    /// Returns a piece that nothing stands for.
    pub(super) fn new(detail: Detail, text: String) -> Self {
        Self { detail, text, instead: None }
    }
}

/// Joins the pieces; within a kind, the last ones are dropped first.
pub(super) fn fit(mut pieces: Vec<Piece>, limits: Limits<'_>) -> String {
    let mut total: usize = pieces.iter().map(|piece| limits.length(&piece.text)).sum();
    let mut dropped = [0; ORDER.len()];
    let mut end = footer(&dropped, limits);
    'fits: for (n, (detail, ..)) in ORDER.iter().enumerate() {
        for piece in pieces.iter_mut().rev().filter(|piece| piece.detail == *detail) {
            if total.saturating_add(limits.length(&end)) <= limits.size {
                break 'fits;
            }
            total -= limits.length(&piece.text);
            (piece.detail, piece.text) = piece.instead.take().unwrap_or((Detail::Headline, String::new()));
            total += limits.length(&piece.text);
            dropped[n] += 1;
            end = footer(&dropped, limits);
        }
    }
    let mut text: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
    text.push_str(&end);
    shorten(text, limits)
}

fn footer(dropped: &[usize], limits: Limits<'_>) -> String {
    let counts: Vec<String> = ORDER
        .iter()
        .zip(dropped)
        .filter(|(_, count)| **count > 0)
        .map(|((_, one, many), count)| format!("{} {}", number(*count), if *count == 1 { one } else { many }))
        .collect();
    let link = limits.full.and_then(quote::target);
    match (counts.is_empty(), link) {
        (true, None) => String::new(),
        (true, Some(link)) => format!("\n[The whole review]({link})\n"),
        (false, None) => format!("\nLeft out, because it would not fit here: {}.\n", counts.join(", ")),
        (false, Some(link)) => {
            format!("\nLeft out, because it would not fit here: {}. [The whole review]({link})\n", counts.join(", "))
        }
    }
}

/// Cuts what even without detail is too long, at the end of a line if there is one.
fn shorten(text: String, limits: Limits<'_>) -> String {
    if limits.length(&text) <= limits.size {
        return text;
    }
    let end = match limits.unit {
        Unit::Bytes => (0..=limits.size).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0),
        Unit::Characters => text.char_indices().nth(limits.size).map_or(text.len(), |(at, _)| at),
    };
    let text = &text[..end];
    text.rfind('\n').map_or(String::new(), |at| text[..=at].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces() -> Vec<Piece> {
        vec![
            Piece::new(Detail::Headline, "head\n".to_owned()),
            Piece {
                instead: Some((Detail::Files, "file ä\n".to_owned())),
                ..Piece::new(Detail::Diff, "a diff ä\n".repeat(20))
            },
            Piece::new(Detail::QuietDiff, "quiet\n".repeat(20)),
            Piece::new(Detail::QuietDiff, "quieter\n".repeat(20)),
        ]
    }

    #[test]
    fn detail_is_dropped_in_the_stated_order() {
        let mut seen = Vec::new();
        for size in (0..700).rev() {
            for unit in [Unit::Bytes, Unit::Characters] {
                let limits = Limits { size, unit, full: Some("https://ci.example.org/review.html") };
                let text = fit(pieces(), limits);
                assert!(limits.length(&text) <= size, "{size}: {text}");
                let end = text.lines().last().unwrap_or_default().to_owned();
                if !seen.contains(&end) {
                    seen.push(end);
                }
            }
        }
        insta::assert_snapshot!(seen.join("\n"));
        assert_eq!(fit(pieces(), Limits::NONE), pieces().into_iter().map(|piece| piece.text).collect::<String>());
    }
}
