//! Makes visible what a reader would not see: control characters, and those that turn or hide the text around them.

use std::fmt::Write as _;

/// Returns the text with every character that cannot be seen, or that moves others, written as `\u{HEX}`. Line ends and tabs
/// are written so too.
pub(super) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            write!(out, "\\u{{{:x}}}", u32::from(c)).expect("a string takes any text");
        } else {
            out.push(c);
        }
    }
    out
}

/// Whether a character shows nothing by itself: controls, the format characters that turn the direction, join or part
/// letters without a width, tags, variation selectors, and what Unicode reserves for no character at all.
///
/// Source: Unicode Standard Annex 9 (explicit directional formatting), and the character database's category Cf.
pub(super) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            u32::from(c),
            0xAD | 0x34F
                | 0x61C
                | 0x115F..=0x1160
                | 0x17B4..=0x17B5
                | 0x180B..=0x180F
                | 0x200B..=0x200F
                | 0x2028..=0x202E
                | 0x2060..=0x206F
                | 0x3164
                | 0xFE00..=0xFE0F
                | 0xFEFF
                | 0xFFA0
                | 0xFFF0..=0xFFFB
                | 0x1_BCA0..=0x1_BCA3
                | 0x1_D173..=0x1_D17A
                | 0xE_0000..=0xE_0FFF
        )
        || u32::from(c) & 0xFFFE == 0xFFFE
        || (0xFDD0..=0xFDEF).contains(&u32::from(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_stays_hidden() {
        assert_eq!(visible("a\u{202e}b\u{200b}c\td\u{7}\n"), "a\\u{202e}b\\u{200b}c\\u{9}d\\u{7}\\u{a}");
        assert_eq!(visible("\u{fffe}\u{1ffff}\u{e0041}"), "\\u{fffe}\\u{1ffff}\\u{e0041}");
        assert_eq!(visible("兎二 é → “x” 🐇"), "兎二 é → “x” 🐇");
    }
}
