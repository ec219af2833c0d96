//! Tries the examples of rules: a failing one has the fault, a passing one has not.

use std::cell::OnceCell;

use jiff::civil::Date;

use crate::compile::Compiler;
use crate::diag::{Diagnostic, Diagnostics};
use crate::model::fleet::{self, Facts};
use crate::policy::{Case, Checker, Example, Rule, Subject};
use crate::release::Bundle;

/// The day on which examples are tried, so that an end of life that comes later changes nothing.
const DAY: Date = jiff::civil::date(2026, 6, 1);

/// What came of trying an example.
#[derive(Debug)]
pub struct Tried {
    /// The cluster of the example and what is around it.
    pub case: Case,
    /// The files of its hosts; none where they cannot be written.
    pub bundles: Vec<Bundle>,
    /// Everything that the compiler, the rules and the fleet find.
    pub diags: Diagnostics,
}

/// Tries an example with the built-in templates; `over` is a part of a cluster that is laid over it, such as the versions of
/// a host. An example that is not a sound spec gives its faults.
pub fn try_example(checker: &Checker<'_>, example: &Example, over: Option<&str>) -> Result<Tried, Diagnostics> {
    let case = example.case(over)?;
    let compiler = Compiler::new(&[])?;
    let mut diags = Diagnostics::new();
    let bundles = compiler.compile(&case.cluster).unwrap_or_else(|mut found| {
        diags.append(&mut found);
        Vec::new()
    });
    let published = case.published.as_ref();
    let subject = Subject {
        cluster: &case.cluster,
        tree: &case.tree,
        bundles: &bundles,
        published,
        today: DAY,
        texts: OnceCell::new(),
    };
    checker.check(&mut diags, &subject);
    let all = std::iter::once(&case.cluster).chain(&case.beside);
    let facts: Vec<Facts> = all.map(|cluster| Facts::of(cluster, "example")).collect();
    diags.extend(fleet::check(&facts));
    diags.extend(super::common(checker, &facts));
    Ok(Tried { case, bundles, diags })
}

/// Reports examples of a rule that are not what they say.
pub(super) fn hold(diags: &mut Diagnostics, checker: &Checker<'_>, rule: &Rule) {
    let mut fails = 0;
    let mut passes = 0;
    for example in checker.rules().examples(&rule.code) {
        let (word, number, place) = if example.fails {
            fails += 1;
            ("fail", fails, rule.examples.fails.place)
        } else {
            passes += 1;
            ("pass", passes, rule.examples.passes.place)
        };
        let complaint = match try_example(checker, &example, None) {
            Err(found) => {
                let first = found.first().map_or("it cannot be read", |diag| diag.message.as_str());
                Some(format!("is not a sound spec: {first}"))
            }
            Ok(tried) => {
                let found = tried.diags.iter().any(|diag| diag.code == rule.code.value);
                (found != example.fails).then(|| format!("does not {word}"))
            }
        };
        if let Some(complaint) = complaint {
            let message = format!("example {number} of `{}` that shall {word} {complaint}", rule.code.value);
            let help = "correct the rule or its example; examples are laid over a sound cluster of three nodes";
            diags.push(Diagnostic::error("wrong-example", message).at(place, "in this list").help(help));
        }
    }
    for (word, count, place) in
        [("fails", fails, rule.examples.fails.place), ("passes", passes, rule.examples.passes.place)]
    {
        if count == 0 {
            let message = format!("the rule `{}` has no example that {word}", rule.code.value);
            let help = "add one: it is run with every check";
            diags.push(Diagnostic::error("wrong-example", message).at(place, "here").help(help));
        }
    }
}
