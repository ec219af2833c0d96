//! The built-in catalogue is sound, and the machinery around it: levels, waivers, own rules.

use std::collections::BTreeSet;

use super::*;
use crate::diag::{At, Diagnostics, Sources, codes};
use crate::yaml::{self, Limits};

/// The build script reads the files with another parser; what it read is what this program's parser reads.
#[test]
fn the_build_read_every_file_as_this_program_does() {
    let rules = Rules::built_in();
    let plain = |rule: &Rule| {
        let text = |at: &Option<At<String>>| at.as_ref().map(|at| at.value.clone());
        let words =
            [Some(rule.code.value.clone()), Some(rule.message.value.clone()), text(&rule.help), Some(rule.why.clone())];
        let body = [text(&rule.when), text(&rule.assert), text(&rule.check), Some(rule.at.clone())];
        (words, body, rule.level, rule.kind, rule.proof, rule.source.value.clone())
    };
    for (name, text) in catalogue::files() {
        let mut diags = Diagnostics::new();
        let tree = yaml::read(&mut Sources::new(), *name, text.as_bytes(), &Limits::default(), &mut diags);
        let read: Option<Rule> = tree.and_then(|tree| yaml::decode(&tree, &mut diags));
        assert_eq!(diags, [], "policies/{name}.yaml");
        assert_eq!(rules.find(name).map(plain), read.as_ref().map(plain), "policies/{name}.yaml");
    }
}

#[test]
fn every_rule_is_sound() {
    let rules = Rules::built_in();
    let mut complaints = Vec::new();
    for rule in rules.iter() {
        complaints.extend(
            catalogue::faults(rule, rules.environment())
                .into_iter()
                .map(|diag| format!("{}: {}", rule.code.value, diag.message)),
        );
        if codes::find(&rule.code).is_some() {
            complaints.push(format!("{}: a diagnostic of the compiler has this code", rule.code.value));
        }
        for source in &rule.source.value {
            if !source.starts_with("https://") && !source.starts_with("measured: ") {
                complaints.push(format!("{}: `{source}` is no source", rule.code.value));
            }
        }
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn every_file_is_named_after_its_rule() {
    let rules = Rules::built_in();
    let codes: BTreeSet<&str> = rules.iter().map(|rule| rule.code.as_str()).collect();
    assert_eq!(codes, catalogue::files().iter().map(|(name, _)| *name).collect());
}

#[test]
fn every_built_in_check_is_used() {
    let rules = Rules::built_in();
    let used: BTreeSet<&str> =
        rules.iter().filter_map(|rule| rule.check.as_ref()).map(|check| check.as_str()).collect();
    assert_eq!(used, checks::names().collect());
}

/// Reads one rule of a repository and returns what is wrong with it.
fn own(text: &str) -> Vec<String> {
    let mut diags = Diagnostics::new();
    let file = RuleFile { path: "policies/short-name.yaml".to_owned(), bytes: text.as_bytes().to_vec() };
    Rules::load(&mut diags, &mut Sources::new(), &[file]);
    diags.into_iter().map(|diag| format!("{}: {}", diag.code, diag.message)).collect()
}

/// A sound rule with one line changed.
fn with(from: &str, to: &str) -> Vec<String> {
    let text = "code: short-name\nlevel: warn\nfor: host\nassert: host.name|length > 3\nmessage: \"`{{ host.name }}` is short\"\n\
                why: Nobody can find it.\nsource: [\"https://example.org/names\"]\nexamples:\n  fails: [{}]\n  passes: [{}]\n";
    assert!(text.contains(from), "{from}");
    own(&text.replace(from, to))
}

#[test]
fn a_broken_rule_file_is_a_diagnostic() {
    assert_eq!(with("code: short-name", "code: short-name"), [""; 0]);
    for (from, to, expect) in [
        ("code: short-name", "code: Short_Name", "invalid-rule: `Short_Name` is not the code of a rule"),
        (
            "assert: host.name|length > 3",
            "assert: host.name|",
            "invalid-rule: syntax error: unexpected end of input, expected identifier",
        ),
        (
            "assert: host.name|length > 3",
            "assert: hots.name == 1",
            "invalid-rule: there is no `hots` in a rule for `host`",
        ),
        ("assert: host.name|length > 3", "check: nothing", "invalid-rule: there is no built-in check `nothing`"),
        ("assert: host.name|length > 3\n", "", "invalid-rule: the rule says nothing"),
        ("for: host", "for: hosts", "unknown-value: `for`: unknown value `hosts`"),
        ("{{ host.name }}", "{{ host.name }", "invalid-rule: syntax error"),
        ("[\"https://example.org/names\"]", "[]", "invalid-rule: the rule has no source"),
        ("level: warn", "level: warn\ncolour: red", "unknown-field: unknown field `colour`"),
    ] {
        let found = with(from, to);
        assert!(found.iter().any(|found| found.starts_with(expect)), "{to}: {found:?}");
    }
}
