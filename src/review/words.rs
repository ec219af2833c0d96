//! What every rendering of a review says in the same words.

use super::{Class, HostId, PolicyTarget};

/// Returns a number with its thousands parted.
pub(super) fn number(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Returns how bad something is, for a heading: its class says how it comes into force, not what is lost by it.
pub(super) fn severity(class: Class, loses_data: bool) -> String {
    let lost = if loses_data { ", loses data" } else { "" };
    format!("{}{lost}", class.as_str())
}

impl PolicyTarget {
    /// Returns its words.
    pub fn word(self) -> &'static str {
        match self {
            Self::Queues => "queues",
            Self::ClassicQueues => "classic queues",
            Self::QuorumQueues => "quorum queues",
            Self::Streams => "streams",
            Self::Exchanges => "exchanges",
        }
    }
}

/// Returns up to so many of the names, and how many more there are. A list with one more than that is named in full.
pub(super) fn some<'a, T>(all: &'a [T], most: usize, name: impl Fn(&'a T) -> String) -> (Vec<String>, usize) {
    let shown = if all.len() <= most + 1 { all.len() } else { most };
    (all[..shown].iter().map(name).collect(), all.len() - shown)
}

/// Returns the name of a host where its cluster is known, or else with its cluster.
pub(super) fn host_name(host: &HostId, alone: bool) -> String {
    if alone { host.host.to_string() } else { host.to_string() }
}

/// Returns a name as a sentence holds it: between backticks, of which it has none itself, so that [`sentence`] parts it from the
/// words around it, whatever its author called it.
pub(super) fn quoted(name: impl std::fmt::Display) -> String {
    format!("`{}`", bare(&name.to_string()))
}

/// Returns what a person wrote without backticks: in a sentence, those are ours.
pub(super) fn bare(text: &str) -> String {
    text.replace('`', "\\u{60}")
}

/// Whether the value of a setting is our words for a secret, and nothing that a person wrote.
pub(super) fn names_a_secret(value: &str) -> bool {
    let name = value.strip_prefix("secret `").and_then(|rest| rest.strip_suffix('`'));
    name.is_some_and(|name| !name.contains('`'))
}

/// Parts a sentence at its backticks, between which stands what a person wrote; says of each part whether it is that. A
/// backtick without a partner is an ordinary character.
pub(super) fn sentence(text: &str) -> Vec<(bool, &str)> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((start, end)) =
        rest.find('`').and_then(|start| Some((start, start + 1 + rest[start + 1..].find('`')?)))
    {
        parts.extend([(false, &rest[..start]), (true, &rest[start + 1..end])]);
        rest = &rest[end + 1..];
    }
    parts.push((false, rest));
    parts.retain(|(is_code, part)| *is_code || !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_parted() {
        let all: Vec<String> = [0, 7, 999, 1000, 30_000, 1_234_567].map(number).to_vec();
        assert_eq!(all, ["0", "7", "999", "1,000", "30,000", "1,234,567"]);
        assert_eq!(sentence("a `b``c` `d"), [(false, "a "), (true, "b"), (true, "c"), (false, " `d")]);
        assert_eq!(
            sentence(&format!("{} wins", quoted("p` loses; `"))),
            [(true, "p\\u{60} loses; \\u{60}"), (false, " wins")]
        );
        assert_eq!(some(&[1, 2, 3], 2, ToString::to_string), (vec!["1".into(), "2".into(), "3".into()], 0));
        assert_eq!(some(&[1, 2, 3, 4], 2, ToString::to_string), (vec!["1".into(), "2".into()], 2));
    }
}
