//! An explanation for a terminal.

use super::Explanation;

/// Writes one explanation.
pub(super) fn render(it: &Explanation) -> String {
    let mut parts = vec![format!("\x1b[1m{}\x1b[0m: {}", it.code, it.title)];
    if let Some(rule) = &it.rule {
        parts.push(fold(&format!("A rule about {}; its level is `{}`.", rule.about, rule.level.as_str())));
    }
    if it.why.trim_end_matches('.') != it.title {
        parts.push(fold(&it.why));
    }
    if !it.fix.is_empty() {
        let fix = fold(&format!("What to do: {}", it.fix));
        parts.push(format!("\x1b[1mWhat to do:\x1b[0m {}", fix.trim_start_matches("What to do: ")));
    }
    let example: Vec<String> = it.example.lines().map(|line| format!("    {line}")).collect();
    parts.push(format!("\x1b[1mExample:\x1b[0m\n{}", example.join("\n")));
    if let Some(rule) = &it.rule {
        parts.push(format!("\x1b[1mSource:\x1b[0m {}", rule.source.join("\n        ")));
    }
    parts.join("\n\n") + "\n"
}

/// Breaks a paragraph into lines of at most 80 characters, where it has words that short.
fn fold(paragraph: &str) -> String {
    let mut lines = vec![String::new()];
    for word in paragraph.split_whitespace() {
        let line = lines.last_mut().expect("there is always a line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= 80 {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.join("\n")
}
