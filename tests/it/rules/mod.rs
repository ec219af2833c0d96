//! The catalogue of rules: its examples run, and `rmqgit check` treats a repository's own rules like the built-in ones.

mod by_hand;
mod levels;

use rmqgit::check::try_example;
use rmqgit::policy::{Checker, Rules};

#[test]
fn every_example_is_what_it_says() {
    let rules = Rules::built_in();
    let checker = Checker::new(&rules);
    let mut complaints = Vec::new();
    for rule in rules.iter() {
        let code = rule.code.value.as_str();
        let examples = rules.examples(code);
        for fails in [true, false] {
            let mut of_kind = examples.iter().filter(|example| example.fails == fails).enumerate().peekable();
            if of_kind.peek().is_none() {
                complaints.push(format!("{code}: no example with fails: {fails}"));
            }
            for (number, example) in of_kind {
                let found: Vec<String> = match try_example(&checker, example, None) {
                    Ok(tried) => tried.diags.iter().map(|diag| format!("{}: {}", diag.code, diag.message)).collect(),
                    Err(diags) => {
                        let faults: Vec<_> =
                            diags.iter().map(|diag| format!("{}: {}", diag.code, diag.message)).collect();
                        complaints
                            .push(format!("{code}: example {number} (fails: {fails}) is no sound spec: {faults:?}"));
                        continue;
                    }
                };
                if found.iter().any(|found| found.split(':').next() == Some(code)) != fails {
                    complaints.push(format!("{code}: example {number} (fails: {fails}) gives {found:?}"));
                }
            }
        }
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
