//! A unified diff as rows of two sides.

use serde::Serialize;

use crate::review::visible::visible;

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub(super) enum Row {
    /// Where the next lines stand.
    Hunk {
        /// The numbers of their first lines, such as `old line 12, new line 14`.
        text: String,
    },
    /// A line that both sides have.
    Same {
        /// Its number on the old side.
        old: usize,
        /// Its number on the new side.
        new: usize,
        /// What it says.
        text: String,
    },
    /// A line of either side, or of both.
    Changed {
        /// The old side's.
        old: Option<Cell>,
        /// The new side's.
        new: Option<Cell>,
    },
    /// What is said of the line above.
    Note {
        /// What it says.
        text: String,
    },
}

/// A line of one side, in three parts: the middle one is what differs from the line beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Cell {
    number: usize,
    before: String,
    middle: String,
    after: String,
}

/// Returns the rows of a unified diff without a header.
pub(super) fn rows(diff: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let (mut old, mut new) = (0, 0);
    let mut gone: Vec<(usize, &str)> = Vec::new();
    let mut come: Vec<(usize, &str)> = Vec::new();
    for line in diff.split_terminator('\n') {
        let (sign, text) = line.split_at(line.chars().next().map_or(0, char::len_utf8));
        match sign {
            "-" => {
                gone.push((old, text));
                old += 1;
            }
            "+" => {
                come.push((new, text));
                new += 1;
            }
            _ => {
                pair(&mut rows, &mut gone, &mut come);
                match sign {
                    "@" => {
                        (old, new) = starts(line);
                        rows.push(Row::Hunk { text: format!("old line {old}, new line {new}") });
                    }
                    "\\" => rows.push(Row::Note { text: shown(text.trim()) }),
                    _ => {
                        rows.push(Row::Same { old, new, text: shown(text) });
                        (old, new) = (old + 1, new + 1);
                    }
                }
            }
        }
    }
    pair(&mut rows, &mut gone, &mut come);
    rows
}

/// Returns the numbers of the first lines in `@@ -OLD,COUNT +NEW,COUNT @@`.
fn starts(line: &str) -> (usize, usize) {
    let mut words = line.split(' ').skip(1);
    let mut start = || {
        let word = words.next().unwrap_or_default().trim_start_matches(['-', '+']);
        word.split(',').next().and_then(|number| number.parse().ok()).unwrap_or(1)
    };
    (start(), start())
}

/// Puts the lines that go beside those that come.
fn pair(rows: &mut Vec<Row>, gone: &mut Vec<(usize, &str)>, come: &mut Vec<(usize, &str)>) {
    for n in 0..gone.len().max(come.len()) {
        let (old, new) = (gone.get(n), come.get(n));
        let (start, end) = match (old, new) {
            (Some((_, old)), Some((_, new))) => common(old, new),
            _ => (0, 0),
        };
        let cell = |side: Option<&(usize, &str)>| {
            side.map(|(number, text)| {
                let alone = old.is_none() || new.is_none();
                let (start, end) = if alone { (text.len(), text.len()) } else { (start, text.len() - end) };
                let [before, middle, after] = [&text[..start], &text[start..end], &text[end..]].map(shown);
                Cell { number: *number, before, middle, after }
            })
        };
        rows.push(Row::Changed { old: cell(old), new: cell(new) });
    }
    gone.clear();
    come.clear();
}

/// Returns how many bytes two lines share at their starts and at their ends. Lines with little in common share nothing: to
/// mark a letter here and there would hide what happened.
fn common(old: &str, new: &str) -> (usize, usize) {
    let start: usize = old.chars().zip(new.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    let (old_rest, new_rest) = (&old[start..], &new[start..]);
    let ends = old_rest.chars().rev().zip(new_rest.chars().rev());
    let end: usize = ends.take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    // A word that changes is shown as a whole.
    let is_part = |c: char| c.is_alphanumeric();
    let start = old[..start].trim_end_matches(is_part).len();
    let end = old[old.len() - end..].trim_start_matches(is_part).len();
    let blank = old.len() - old.trim_start().len();
    if start.saturating_sub(blank) + end < old.len().max(new.len()) / 3 { (0, 0) } else { (start, end) }
}

/// Shows tabs as they are; what else is hidden is written out.
fn shown(text: &str) -> String {
    let parts: Vec<String> = text.split('\t').map(visible).collect();
    parts.join("\t")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stand_beside_each_other() {
        let diff = "@@ -3,4 +3,4 @@\n a\n-weight 10 check\n-gone\n+weight 20 check\n \n\\ No newline at end of file\n";
        let cell = |number, before: &str, middle: &str, after: &str| {
            Some(Cell { number, before: before.into(), middle: middle.into(), after: after.into() })
        };
        let expected = [
            Row::Hunk { text: "old line 3, new line 3".into() },
            Row::Same { old: 3, new: 3, text: "a".into() },
            Row::Changed { old: cell(4, "weight ", "10", " check"), new: cell(4, "weight ", "20", " check") },
            Row::Changed { old: cell(5, "gone", "", ""), new: None },
            Row::Same { old: 6, new: 5, text: String::new() },
            Row::Note { text: "No newline at end of file".into() },
        ];
        assert_eq!(rows(diff), expected);
    }

    #[test]
    fn lines_that_have_little_in_common_are_not_mixed() {
        assert_eq!(common("server a", "balance b"), (0, 0));
        assert_eq!(common("é-1-x", "é-2-x"), ("é-".len(), 2));
        assert_eq!(common("- aaa", "- aa"), (2, 0));
    }
}
