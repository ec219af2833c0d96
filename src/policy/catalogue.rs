//! The catalogue: the built-in rules, and those of a repository's own `policies/`.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use minijinja::Environment;

use super::expression::environment;
use super::rule::Rule;
use super::{checks, view};
use crate::diag::{At, Diagnostic, Diagnostics, Place, Sources, Span, codes, excerpt, nearest};
use crate::yaml::{self, Limits, Node};

include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));

/// The built-in rules without their examples, as the build script read them.
const READ: &str = include_str!(concat!(env!("OUT_DIR"), "/catalogue.json"));

/// A file of a repository's own `policies/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFile {
    /// Its path in the repository, such as `policies/queue-name.yaml`.
    pub path: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// All rules, sorted by code, ready to be asked.
#[derive(Debug)]
pub struct Rules {
    all: Vec<Known>,
    index: BTreeMap<String, usize>,
    env: Environment<'static>,
}

/// A rule and where it comes from.
#[derive(Debug)]
struct Known {
    rule: Rule,
    text: Cow<'static, str>,
    own: bool,
}

impl Rules {
    /// Reads the built-in rules and a repository's own; reports what is wrong with the latter.
    pub fn load(diags: &mut Diagnostics, sources: &mut Sources, own: &[RuleFile]) -> Self {
        let mut rules = Self { all: built_in(), index: BTreeMap::new(), env: environment() };
        rules.sort();
        for file in own {
            if let Some(known) = rules.read_own(diags, sources, file) {
                rules.index.insert(known.rule.code.value.clone(), rules.all.len());
                rules.all.push(known);
            }
        }
        rules.sort();
        rules
    }

    /// Reads the built-in rules alone.
    pub fn built_in() -> Self {
        Self::load(&mut Diagnostics::new(), &mut Sources::new(), &[])
    }

    fn sort(&mut self) {
        self.all.sort_by(|a, b| a.rule.code.value.cmp(&b.rule.code.value));
        self.index = self.all.iter().enumerate().map(|(i, known)| (known.rule.code.value.clone(), i)).collect();
    }

    fn read_own(&self, diags: &mut Diagnostics, sources: &mut Sources, file: &RuleFile) -> Option<Known> {
        let tree = yaml::read(sources, file.path.as_str(), &file.bytes, &Limits::default(), diags)?;
        let rule: Rule = yaml::decode(&tree, diags)?;
        let mut found = faults(&rule, &self.env);
        let stem = file.path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map_or("", |(stem, _)| stem);
        if stem != rule.code.value {
            let message = format!("the rule `{}` stands in `{}`", excerpt(&rule.code), file.path);
            let help = format!("name the file `policies/{}.yaml`", rule.code.value);
            found.push(invalid(message, rule.code.place, "another name").help(help));
        }
        if self.find(&rule.code).is_some() || codes::find(&rule.code).is_some() {
            let message = format!("there is a rule `{}` already", excerpt(&rule.code));
            let help = "choose another code; the level of a built-in rule is set under `rules` in the spec";
            found.push(
                Diagnostic::error("duplicate-rule", message).at(rule.code.place, "this code is taken").help(help),
            );
        }
        let sound = found.is_empty();
        diags.append(&mut found);
        let text = String::from_utf8_lossy(&file.bytes).into_owned();
        sound.then_some(Known { rule, text: Cow::Owned(text), own: true })
    }

    /// Finds a rule by its code.
    pub fn find(&self, code: &str) -> Option<&Rule> {
        self.index.get(code).map(|index| &self.all[*index].rule)
    }

    /// Walks all rules in the order of their codes.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Rule> {
        self.all.iter().map(|known| &known.rule)
    }

    /// Walks the rules of the repository itself.
    pub fn own(&self) -> impl Iterator<Item = &Rule> {
        self.all.iter().filter(|known| known.own).map(|known| &known.rule)
    }

    /// Returns the tree of a rule's file.
    pub(super) fn tree(&self, code: &str) -> Option<Node> {
        let text = self.text(code)?;
        yaml::read(&mut Sources::new(), code, text.as_bytes(), &Limits::default(), &mut Diagnostics::new())
    }

    /// Returns the text of the file of a rule.
    pub(super) fn text(&self, code: &str) -> Option<&str> {
        self.index.get(code).map(|index| &*self.all[*index].text)
    }

    /// Tells whether a rule is the repository's own, so that its places can be shown.
    pub(super) fn is_own(&self, code: &str) -> bool {
        self.index.get(code).is_some_and(|index| self.all[*index].own)
    }

    pub(super) fn environment(&self) -> &Environment<'static> {
        &self.env
    }
}

/// Returns the built-in rules.
fn built_in() -> Vec<Known> {
    let read: Vec<Rule> = serde_json::from_str(READ).expect("the unit tests read every built-in rule");
    let known =
        |(rule, (_, text)): (Rule, &(&str, &'static str))| Known { rule, text: Cow::Borrowed(*text), own: false };
    read.into_iter().zip(FILES).map(known).collect()
}

/// Returns what is wrong with a rule beside its structure.
pub(super) fn faults(rule: &Rule, env: &Environment<'_>) -> Diagnostics {
    let mut diags = Diagnostics::new();
    let code = &rule.code;
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if code.is_empty() || code.len() > 64 || !code.bytes().all(plain) || code.starts_with('-') || code.ends_with('-') {
        let message = format!("`{}` is not the code of a rule", excerpt(code));
        diags.push(
            invalid(message, code.place, "here").help("write small letters, digits and `-`: a noun of the fault"),
        );
    }
    match (&rule.assert, &rule.check) {
        (Some(_), Some(check)) => {
            let help = "keep the expression, or the built-in check";
            diags.push(
                invalid("a rule has `assert` or `check`, not both".to_owned(), check.place, "and this").help(help),
            );
        }
        (None, None) => {
            let help = "add `assert: EXPRESSION`, which must hold";
            diags.push(invalid("the rule says nothing".to_owned(), code.place, "this rule").help(help));
        }
        _ => {}
    }
    if let Some(check) = rule.check.as_ref().filter(|check| checks::find(check).is_none()) {
        let message = format!("there is no built-in check `{}`", excerpt(check));
        let help = match nearest(check, checks::names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write an expression under `assert`".to_owned(),
        };
        diags.push(invalid(message, check.place, "here").help(help));
    }
    for expression in rule.when.iter().chain(&rule.assert) {
        diags.extend(expression_fault(rule, expression, env));
    }
    for template in std::iter::once(&rule.message).chain(&rule.help) {
        diags.extend(template_fault(rule, template, env));
    }
    if rule.source.value.is_empty() {
        diags.push(
            invalid("the rule has no source".to_owned(), rule.source.place, "here")
                .help("say where the fact comes from"),
        );
    }
    diags
}

fn invalid(message: String, place: Place, label: &str) -> Diagnostic {
    Diagnostic::error("invalid-rule", message).at(place, label)
}

fn expression_fault(rule: &Rule, text: &At<String>, env: &Environment<'_>) -> Option<Diagnostic> {
    match env.compile_expression(&text.value) {
        Ok(expression) => unknown_name(rule, text, &expression.undeclared_variables(false).into_iter().collect()),
        Err(error) => Some(invalid(reason(&error), narrow(text, &error), "in this expression")),
    }
}

fn template_fault(rule: &Rule, text: &At<String>, env: &Environment<'_>) -> Option<Diagnostic> {
    match env.template_from_str(&text.value) {
        // What a built-in check hands over is its own affair.
        Ok(_) if rule.check.is_some() => None,
        Ok(template) => unknown_name(rule, text, &template.undeclared_variables(false).into_iter().collect()),
        Err(error) => Some(invalid(reason(&error), narrow(text, &error), "in this template")),
    }
}

/// Refuses names that no rule of this kind is given.
fn unknown_name(rule: &Rule, text: &At<String>, used: &BTreeSet<String>) -> Option<Diagnostic> {
    let known: Vec<&str> =
        view::NAMES.iter().copied().chain(super::subjects::names(rule.kind).iter().copied()).collect();
    let name = used.iter().find(|name| !known.contains(&name.as_str()))?;
    let message = format!("there is no `{}` in a rule for `{}`", excerpt(name), rule.kind.as_str());
    let help = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there is {}", known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
    };
    Some(invalid(message, text.place, "here").help(help))
}

fn reason(error: &minijinja::Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()))
}

/// Narrows the place of a text that stands unquoted on one line to what an error is about.
fn narrow(text: &At<String>, error: &minijinja::Error) -> Place {
    let span = text.place.used;
    let verbatim = (span.end - span.start) as usize == text.value.len();
    match error.range().filter(|range| verbatim && range.end <= text.value.len() && range.start < range.end) {
        Some(range) => {
            let at = |byte: usize| span.start + u32::try_from(byte).unwrap_or(0);
            Place { used: Span { start: at(range.start), end: at(range.end), ..span }, ..text.place }
        }
        None => text.place,
    }
}

/// Returns the names of the files of the built-in rules, without their ending, and their texts.
#[cfg(test)]
pub(super) fn files() -> &'static [(&'static str, &'static str)] {
    FILES
}
