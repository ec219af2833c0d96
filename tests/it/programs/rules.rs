//! Rules whose fault a program sees itself: it complains exactly where the rule has a finding.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::json;

use rmqgit::check::{Tried, try_example};
use rmqgit::facts::version::Version;
use rmqgit::policy::{Checker, Program, Rules};

use super::session::Case;
use super::{ALL, ASKED, Asked};
use crate::suite::Suite;

/// Programs that do not see what a rule sees: Keepalived speaks of a lost peer since 2.2.4.
const BLIND: [(&str, &str); 1] = [("keepalived-unicast-without-peer", "bullseye")];

/// What a rule has to say about its examples on a suite.
struct Finding {
    /// The rule.
    code: String,
    /// The program that sees the fault too.
    program: Program,
    /// The start of the labels of the example's cases.
    label: String,
    /// Whether the rule has a finding.
    fires: bool,
    /// What else the program may see: other rules that it proves, and the compiler's own codes.
    others: BTreeSet<String>,
}

/// How often the program agreed with a rule.
#[derive(Default)]
struct Tally {
    fires: usize,
    quiet: usize,
    other: usize,
}

/// Returns the examples of all rules that a program can see, as hosts of a suite.
pub(super) fn cases(suite: &Suite) -> Vec<Case> {
    let rules = Rules::built_in();
    let checker = Checker::new(&rules);
    let mut cases = Vec::new();
    examples(suite, &checker, |finding, tried| {
        let cluster = &tried.case.cluster;
        let mut own: Vec<Case> = Vec::new();
        for bundle in &tried.bundles {
            let case = Case::new(format!("{}.{}", finding.label, bundle.host), cluster, bundle).only(finding.program);
            if own.iter().all(|known| !known.is_like(&case)) {
                own.push(case);
            }
        }
        cases.append(&mut own);
    });
    cases
}

/// Tries each example with the versions of a suite. One that is not even a spec with those versions is passed over.
fn examples(suite: &Suite, checker: &Checker<'_>, mut take: impl FnMut(Finding, Tried)) {
    let over = over(suite);
    for rule in checker.rules().iter() {
        let Some(program) = rule.proof else { continue };
        let code = &rule.code.value;
        for (number, example) in checker.rules().examples(code).iter().enumerate() {
            let Ok(tried) = try_example(checker, example, Some(&over)) else { continue };
            let fires = tried.diags.iter().any(|diag| diag.code == code.as_str());
            let same = |other: &str| checker.rules().find(other).is_none_or(|rule| rule.proof == Some(program));
            let others =
                tried.diags.iter().map(|diag| diag.code.to_string()).filter(|other| other != code && same(other));
            let others = others.collect();
            let word = if example.fails { "fails" } else { "passes" };
            let label = format!("rule.{code}.{number}-{word}");
            take(Finding { code: code.clone(), program, label, fires, others }, tried);
        }
    }
}

/// Returns what makes the examples' sound cluster one of a suite.
fn over(suite: &Suite) -> String {
    let version: Version = suite.rabbitmq.parse().expect("a version of RabbitMQ");
    let mut over = suite.versions();
    if version < Version::new(3, 13, 3) {
        over["rabbitmq"]["config"] = json!({ "default_queue_type": null });
    }
    over.to_string()
}

/// Returns what the program said about the cases of an example.
fn complaints(asked: &Asked, finding: &Finding) -> Vec<String> {
    let programs: &[&str] = match finding.program {
        Program::Haproxy => &["haproxy"],
        Program::Keepalived => &["keepalived"],
        Program::Rabbitmq => &["rabbitmq", "sh"],
    };
    let start = format!("{}.", finding.label);
    let own = asked
        .answers
        .iter()
        .filter(|((case, program), _)| case.starts_with(&start) && programs.contains(&program.as_str()));
    own.filter(|(_, answer)| !answer.is_quiet()).map(|(_, answer)| answer.text.clone()).collect()
}

#[test]
fn programs_agree_with_the_rules() {
    let rules = Rules::built_in();
    let checker = Checker::new(&rules);
    let mut table: BTreeMap<(String, &str), Tally> = BTreeMap::new();
    let mut wrong = String::new();
    for asked in &*ASKED {
        let suite = &asked.suite;
        examples(suite, &checker, |finding, tried| {
            let said = complaints(asked, &finding);
            let tally = table.entry((finding.code.clone(), suite.name)).or_default();
            match (finding.fires, !said.is_empty()) {
                _ if finding.others.contains("broken-rule") => disagree(&mut wrong, suite, &finding, &tried, &said),
                (true, true) => tally.fires += 1,
                (false, false) => tally.quiet += 1,
                (true, false) if BLIND.contains(&(finding.code.as_str(), suite.name)) => tally.quiet += 1,
                (false, true) if !finding.others.is_empty() => tally.other += 1,
                _ => disagree(&mut wrong, suite, &finding, &tried, &said),
            }
        });
    }
    let shown = print(&checker, &table);
    assert!(wrong.is_empty(), "{wrong}");
    // Only all generations together show every fault.
    if ALL.iter().all(|name| ASKED.iter().any(|asked| asked.suite.name == *name)) {
        let unseen: Vec<&str> = proven(&checker).filter(|code| !shown.contains(*code)).collect();
        assert_eq!(unseen, [""; 0], "no program complains about these faults");
    }
}

/// Writes what a rule found, and what the program said.
fn disagree(wrong: &mut String, suite: &Suite, finding: &Finding, tried: &Tried, said: &[String]) {
    let word = if finding.fires { "the rule has a finding" } else { "the rule has none" };
    let _ = writeln!(wrong, "{}: {}: {word}; the program said {said:#?}; all findings:", suite.name, finding.label);
    for diag in &tried.diags {
        let _ = writeln!(wrong, "    {}: {}", diag.code, diag.message);
    }
}

fn proven<'a>(checker: &'a Checker<'_>) -> impl Iterator<Item = &'a str> {
    checker.rules().iter().filter(|rule| rule.proof.is_some()).map(|rule| rule.code.as_str())
}

/// Prints a row a rule, and returns the rules whose fault a program saw.
#[allow(clippy::print_stdout, reason = "the table is for whoever runs this with --nocapture")]
fn print(checker: &Checker<'_>, table: &BTreeMap<(String, &str), Tally>) -> BTreeSet<String> {
    let mut shown = BTreeSet::new();
    print!("{:<40}", "seen/quiet/other fault");
    for asked in &*ASKED {
        print!(" {:>10}", asked.suite.name);
    }
    println!();
    for code in proven(checker) {
        print!("{code:<40}");
        for asked in &*ASKED {
            let tally = table.get(&(code.to_owned(), asked.suite.name));
            let cell = tally.map_or("-".to_owned(), |tally| format!("{}/{}/{}", tally.fires, tally.quiet, tally.other));
            print!(" {cell:>10}");
            if tally.is_some_and(|tally| tally.fires > 0) {
                shown.insert(code.to_owned());
            }
        }
        println!();
    }
    shown
}
