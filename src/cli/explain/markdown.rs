//! Explanations as a page.

use std::fmt::Write as _;

use super::{Explanation, RuleFacts};
use crate::policy::Program;

const INTRODUCTION: &str = "\
# Rules and diagnostics

Everything that `rmqgit check` can find, made by `rmqgit explain --all --format markdown` from the files of `policies/`, and kept
equal by a test. `rmqgit explain CODE` prints one of them.

A **rule** looks at a spec that holds together, and says what is knowably wrong with it. Its level is `deny` (an error: nothing
is published), `warn`, or `allow` (off until a spec turns it on). A spec changes levels, for one cluster or in `defaults` for all:

```yaml
rules:
  end-of-life: deny
  copied-virtual-router-id:
    level: allow
    reason: nobody else speaks VRRP on this segment
    until: 2027-03-31
```

Whatever lowers a level is a waiver and gives a reason; from the day after `until` it is an error. What is waived is counted in
the text, listed in the JSON, and a suppressed result in the SARIF. A waiver that holds nothing back is a warning.

Your own rules are files of the same form in the repository's `policies/`: see [Writing rules](writing-rules.md).
";

const FAULTS: &str = "\
## Faults that cannot be waived

A spec with one of these cannot be compiled, or the rules cannot be asked. The types of the spec, the references in it and
the quoting of every value exclude what many checklists ask for: misspelled fields, values that break out of their place, peers
that disagree (one field becomes the same line on every host), scripts that are not executable, cookies with the wrong owner.
";

/// Writes all explanations.
pub(super) fn page(all: &[Explanation]) -> String {
    let mut page = INTRODUCTION.to_owned();
    for about in ["Cluster", "RabbitMQ", "HAProxy", "Keepalived"] {
        let of: Vec<_> =
            all.iter().filter_map(|it| Some((it, it.rule.as_ref().filter(|rule| rule.about == about)?))).collect();
        if of.is_empty() {
            continue;
        }
        write(&mut page, &format!("\n## {about}\n\n| Rule | Level | What |\n|--|--|--|\n"));
        for (it, rule) in &of {
            write(&mut page, &format!("| [{0}](#{0}) | {1} | {2} |\n", it.code, rule.level.as_str(), cell(&it.title)));
        }
        for (it, rule) in of {
            section(&mut page, it, rule);
        }
    }
    write(&mut page, &format!("\n{FAULTS}\n| Code | What | What to do |\n|--|--|--|\n"));
    for it in all.iter().filter(|it| it.rule.is_none()) {
        write(&mut page, &format!("| `{}` | {} | {} |\n", it.code, cell(&it.title), cell(&it.fix)));
    }
    page
}

fn section(page: &mut String, it: &Explanation, rule: &RuleFacts) {
    write(page, &format!("\n### {}\n\n{}\n", it.code, it.why));
    if !it.fix.is_empty() {
        write(page, &format!("\nWhat to do: {}.\n", it.fix.trim_end_matches('.')));
    }
    if let Some(assert) = &rule.assert {
        write(page, &format!("\nMust hold for each {}: `{assert}`\n", rule.kind.as_str()));
    }
    write(page, &format!("\nHas the fault:\n\n```yaml\n{}```\n", it.example));
    if let Some(program) = rule.proof {
        let name = match program {
            Program::Haproxy => "HAProxy",
            Program::Keepalived => "Keepalived",
            Program::Rabbitmq => "RabbitMQ",
        };
        write(page, &format!("\n{name} itself complains about it; the tests hold the rule against it.\n"));
    }
    let sources: Vec<String> = rule.source.iter().map(|source| link(source)).collect();
    write(page, &format!("\nSource: {}\n", sources.join(", ")));
}

/// Makes a source a link: an address, or a measurement in this repository.
fn link(source: &str) -> String {
    match source.strip_prefix("measured: ") {
        Some(path) => format!("measured: [{path}](../{path})"),
        None => format!("<{source}>"),
    }
}

/// Escapes text for a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn write(page: &mut String, text: &str) {
    page.write_str(text).expect("a string takes every write");
}
