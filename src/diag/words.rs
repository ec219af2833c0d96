//! How the user's own words stand in a message.

/// The characters of the user's text that a message shows.
const SHOWN: usize = 60;

/// Returns text as a message shows it between backticks: on one line, without control characters, not too long.
pub fn excerpt(text: &str) -> String {
    let mut shown = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == SHOWN {
            shown.push('…');
            break;
        }
        escape(c, &mut shown);
    }
    shown
}

/// Writes a character so that a terminal only ever shows it.
pub(super) fn escape(c: char, out: &mut String) {
    if is_hidden(c) { out.extend(c.escape_default()) } else { out.push(c) }
}

/// Tells whether a character moves the cursor, changes the direction of text, or hides something.
pub(super) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Returns the known name that is nearest to what was written, if one is near.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    near(written, known).into_iter().min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// Returns up to so many of the known names that are near to what was written, the nearest first.
pub fn nearest_few<'a>(written: &str, known: impl IntoIterator<Item = &'a str>, most: usize) -> Vec<&'a str> {
    let mut near = near(written, known);
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(most).map(|(_, name)| name).collect()
}

/// Returns the names that are near, with how far they are.
fn near<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<(usize, &'a str)> {
    let written = written.to_lowercase();
    let length = written.chars().count();
    if length > 64 {
        return Vec::new();
    }
    let near = known.into_iter().filter_map(|name| {
        let distance = strsim::osa_distance(&written, &name.to_lowercase());
        (distance <= 1 + length.max(name.len()).min(24) / 4 && distance < length.max(name.len()))
            .then_some((distance, name))
    });
    near.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_only_when_near() {
        let known = ["hosts", "vip", "virtual_router_id", "stats", "address"];
        let check = |written, expect| assert_eq!(nearest(written, known), expect, "{written}");
        check("host", Some("hosts"));
        check("adress", Some("address"));
        check("Hosts", Some("hosts"));
        check("virtual_router", Some("virtual_router_id"));
        check("vpi", Some("vip"));
        check("x", None);
        check("policies", None);
        check(&"hosts".repeat(100), None);
    }

    #[test]
    fn excerpts_are_safe_and_short() {
        assert_eq!(excerpt("兎 rabbit"), "兎 rabbit");
        assert_eq!(excerpt("a\n\u{1b}[31m\u{202e}"), "a\\n\\u{1b}[31m\\u{202e}");
        assert_eq!(excerpt(&"x".repeat(99)), "x".repeat(60) + "…");
    }
}
