//! From a problem of a compiled text to a finding at the line of the spec that made it.

use crate::policy::text::{Problem, SECRET, Text, Verdict};
use crate::policy::{Finding, Subject};
use crate::yaml::{Node, View};

/// Returns a finding for each problem that `wanted` takes; one that several texts or lines share is found once.
pub(super) fn findings<J, K: PartialEq>(
    subject: &Subject<'_>,
    section: &'static str,
    texts: &[Text<J>],
    wanted: impl Fn(&J) -> &[Problem<K>],
    kind: &K,
) -> Vec<Finding> {
    let mut seen: Vec<(&str, &str)> = Vec::new();
    let mut findings = Vec::new();
    for text in texts {
        for problem in wanted(&text.judged).iter().filter(|problem| problem.kind == *kind) {
            let line = line(&text.text, problem.line);
            if seen.contains(&(line, &problem.word)) {
                continue;
            }
            seen.push((line, &problem.word));
            let finding = Finding::new()
                .with("word", problem.word.replace(SECRET, "(secret)"))
                .with("more", problem.more.as_str())
                .with("section", problem.section.as_str())
                .with("text", line.replace(SECRET, "(secret)"))
                .with("line", problem.line)
                .with("version", format!("{}.{}", text.version.major, text.version.minor))
                .with("refused", problem.verdict == Verdict::Refused)
                .with("silent", problem.verdict == Verdict::Silent);
            findings.push(at_line(subject, section, line, finding));
        }
    }
    findings
}

/// Returns a line of a text, without the blanks around it.
pub(super) fn line(text: &str, number: u32) -> &str {
    let index = usize::try_from(number).unwrap_or(0).wrapping_sub(1);
    text.split('\n').nth(index).map_or("", str::trim)
}

/// Puts a finding at the scalar of the spec that holds a line, or at the section of the spec.
pub(super) fn at_line(subject: &Subject<'_>, section: &'static str, line: &str, finding: Finding) -> Finding {
    let holder = subject.tree.get(section).filter(|_| !line.is_empty()).and_then(|node| holder(node, line));
    match holder {
        Some(node) => finding.at_place(node.place(), "this line"),
        None => finding.at(&[section], "in what is made of this"),
    }
}

fn holder<'n>(node: &'n Node, line: &str) -> Option<&'n Node> {
    match node.view() {
        View::Scalar(text, _) => text.split('\n').any(|one| one.trim() == line).then_some(node),
        View::List(items) => items.iter().find_map(|item| holder(item, line)),
        View::Mapping(entries) => entries.iter().find_map(|entry| holder(entry.value(), line)),
        View::Broken => None,
    }
}
