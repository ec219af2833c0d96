//! Asks the rules of one cluster after the other.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use minijinja::value::{Serde, merge_maps};
use minijinja::{Environment, Expression, Template, Value};

use super::level::{Levels, Waived};
use super::rule::{Kind, Rule};
use super::subjects::{self, Asked};
use super::view::View;
use super::{Finding, Rules, Subject, Where, checks, place};
use crate::diag::{Diagnostic, Diagnostics, Severity};
use crate::model::RuleLevel;

/// The rules, compiled: any number of threads may ask them.
#[derive(Debug)]
pub struct Checker<'r> {
    rules: &'r Rules,
    /// The rules of each kind.
    kinds: BTreeMap<Kind, Together<'r>>,
}

/// The rules of one kind, and all of their expressions as one: a list of which rules have something to say. One evaluation
/// costs a fraction of one for each rule.
#[derive(Debug)]
struct Together<'r> {
    rules: Vec<Compiled<'r>>,
    /// None where an expression is so deep that it only just compiles alone.
    all: Option<Expression<'r, 'r>>,
    /// Whether they look at nothing but what they are asked of, so that the whole cluster need not be laid under it.
    alone: bool,
}

#[derive(Debug)]
struct Compiled<'r> {
    rule: &'r Rule,
    when: Option<Expression<'r, 'r>>,
    body: Body<'r>,
    message: Words<'r>,
    help: Words<'r>,
}

/// A template of words, compiled when something is found for the first time.
#[derive(Debug, Default)]
struct Words<'r>(OnceLock<Template<'r, 'r>>);

impl<'r> Words<'r> {
    fn render(
        &self,
        env: &'r Environment<'static>,
        rule: &'r Rule,
        text: &'r str,
        context: &Value,
    ) -> Result<String, minijinja::Error> {
        if let Some(template) = self.0.get() {
            return Ok(one_line(&template.render(context.clone())?));
        }
        let template = env.template_from_named_str(&rule.code.value, text)?;
        Ok(one_line(&self.0.get_or_init(|| template).render(context.clone())?))
    }
}

#[derive(Debug)]
enum Body<'r> {
    Assert(Expression<'r, 'r>),
    Check(checks::Check),
}

impl<'r> Checker<'r> {
    /// Compiles the rules.
    pub fn new(rules: &'r Rules) -> Self {
        let mut kinds: BTreeMap<Kind, Vec<Compiled<'r>>> = BTreeMap::new();
        for rule in rules.iter() {
            kinds.entry(rule.kind).or_default().push(compile(rules.environment(), rule));
        }
        let together = |(kind, of): (Kind, Vec<Compiled<'r>>)| (kind, together(rules.environment(), kind, of));
        Self { rules, kinds: kinds.into_iter().map(together).collect() }
    }

    /// Returns the rules.
    pub fn rules(&self) -> &'r Rules {
        self.rules
    }

    /// Words what clusters have in common: `what`, and the names of the clusters.
    pub fn word(&self, code: &str, what: &str, clusters: &[&str], deny: bool) -> Option<Diagnostic> {
        let rule = self.rules.find(code)?;
        let env = self.rules.environment();
        let vars = minijinja::context! { what, clusters => clusters.iter().copied().collect::<Value>(), count => clusters.len() };
        let render = |text: &str| env.render_named_str(code, text, vars.clone()).map(|text| one_line(&text)).ok();
        let severe = deny || rule.level == RuleLevel::Deny;
        Some(Diagnostic {
            code: Cow::Owned(code.to_owned()),
            severity: if severe { Severity::Error } else { Severity::Warning },
            message: render(&rule.message)?,
            labels: Vec::new(),
            help: rule.help.as_ref().and_then(|help| render(help)),
        })
    }

    /// Asks every rule of one cluster; returns what the spec waives.
    pub fn check(&self, diags: &mut Diagnostics, subject: &Subject<'_>) -> Vec<Waived> {
        let levels = Levels::read(diags, self.rules, &subject.cluster.rules, subject.today);
        let view = Value::from(Serde(View::of(subject)));
        let mut run = Run { checker: self, subject, levels, view, diags, waived: Vec::new(), lowered: BTreeSet::new() };
        for (kind, together) in &self.kinds {
            run.ask_kind(*kind, together);
        }
        let Run { levels, waived, lowered, .. } = run;
        levels.unused(diags, self.rules, &lowered, subject.published.is_some());
        waived
    }
}

fn compile<'r>(env: &'r Environment<'static>, rule: &'r Rule) -> Compiled<'r> {
    let expression = |text: &'r str| env.compile_expression(text).expect("the catalogue compiled it before");
    let body = match (&rule.assert, &rule.check) {
        (Some(assert), _) => Body::Assert(expression(assert)),
        (None, check) => {
            let check = check.as_ref().and_then(|check| checks::find(check));
            Body::Check(check.expect("the catalogue holds no rule that says nothing"))
        }
    };
    let when = rule.when.as_ref().map(|when| expression(when));
    Compiled { rule, when, body, message: Words::default(), help: Words::default() }
}

/// Makes the expressions of rules one: true where the rule has something to say, or its built-in check is to be asked.
fn together<'r>(env: &'r Environment<'static>, kind: Kind, rules: Vec<Compiled<'r>>) -> Together<'r> {
    let one = |rule: &Compiled<'_>| match (&rule.rule.when, &rule.rule.assert) {
        (None, None) => "true".to_owned(),
        (Some(when), None) => format!("({})", when.value),
        (None, Some(assert)) => format!("not ({})", assert.value),
        (Some(when), Some(assert)) => format!("(({}) and not ({}))", when.value, assert.value),
    };
    let list: Vec<String> = rules.iter().map(one).collect();
    let all = env.compile_expression_owned(format!("[{}]", list.join(", "))).ok();
    let own = subjects::names(kind);
    let used = all.as_ref().map(|all| all.undeclared_variables(false)).unwrap_or_default();
    let alone = all.is_some() && kind != Kind::Cluster && used.iter().all(|name| own.contains(&name.as_str()));
    Together { rules, all, alone }
}

/// One cluster that is being asked about.
struct Run<'a, 'r, 'd> {
    checker: &'a Checker<'r>,
    subject: &'a Subject<'a>,
    levels: Levels<'a>,
    view: Value,
    diags: &'d mut Diagnostics,
    waived: Vec<Waived>,
    /// The rules of which something was found below their own level.
    lowered: BTreeSet<String>,
}

impl<'r> Run<'_, 'r, '_> {
    fn ask_kind(&mut self, kind: Kind, together: &Together<'r>) {
        for asked in subjects::of(kind, &self.view, self.subject.tree) {
            let own = |asked: &Asked| Value::from_pairs(asked.vars.iter().cloned());
            let seen = if together.alone { own(&asked) } else { self.context(&asked) };
            let hits = together.all.as_ref().and_then(|all| all.eval(seen).ok()?.try_iter().ok());
            let mut hits = hits.map(|hits| hits.map(|hit| hit.is_true()));
            for rule in &together.rules {
                // Where one rule cannot be asked, each is asked alone, to find out which.
                let hit = hits.as_mut().is_none_or(|hits| hits.next().unwrap_or(true));
                if hit && let Err(error) = self.ask(rule, &asked, &self.context(&asked)) {
                    self.broken(rule.rule, &error);
                }
            }
        }
    }

    /// Lays what a rule is asked of over the whole cluster.
    fn context(&self, asked: &Asked) -> Value {
        if asked.vars.is_empty() {
            return self.view.clone();
        }
        over(&self.view, asked.vars.iter().cloned())
    }

    fn ask(&mut self, rule: &Compiled<'r>, asked: &Asked, context: &Value) -> Result<(), minijinja::Error> {
        if self.level(rule.rule) == RuleLevel::Allow && rule.rule.level == RuleLevel::Allow {
            return Ok(());
        }
        if let Some(when) = &rule.when
            && !when.eval(context.clone())?.is_true()
        {
            return Ok(());
        }
        match &rule.body {
            Body::Assert(assert) => {
                if !assert.eval(context.clone())?.is_true() {
                    self.report(rule, asked, context, Finding::new())?;
                }
            }
            Body::Check(check) => {
                for finding in check(self.subject) {
                    let context = over(context, finding.vars.iter().map(|(name, value)| (*name, value.clone())));
                    self.report(rule, asked, &context, finding)?;
                }
            }
        }
        Ok(())
    }

    fn level(&self, rule: &Rule) -> RuleLevel {
        self.levels.of(&rule.code).map_or(rule.level, |setting| setting.level.value)
    }

    fn report(
        &mut self,
        compiled: &Compiled<'r>,
        asked: &Asked,
        context: &Value,
        finding: Finding,
    ) -> Result<(), minijinja::Error> {
        let env = self.checker.rules.environment();
        let rule = compiled.rule;
        let level = self.level(rule);
        // What is held back keeps the word that it would have had.
        let shown = if level == RuleLevel::Allow { rule.level } else { level };
        let severity = if shown == RuleLevel::Deny { Severity::Error } else { Severity::Warning };
        let mut diag = Diagnostic {
            code: Cow::Owned(rule.code.value.clone()),
            severity,
            message: compiled.message.render(env, rule, &rule.message, context)?,
            labels: Vec::new(),
            help: None,
        };
        if let Some(help) = &rule.help {
            diag.help = Some(compiled.help.render(env, rule, help, context)?);
        }
        for (place, label) in self.places(rule, asked, finding) {
            diag = diag.at(place, label);
        }
        match self.levels.of(&rule.code).filter(|setting| setting.level.value < rule.level) {
            Some(setting) if level == RuleLevel::Allow => {
                self.lowered.insert(rule.code.value.clone());
                let reason = setting.reason.clone().unwrap_or_default();
                self.waived.push(Waived { diag, reason, until: setting.until });
            }
            setting => {
                self.lowered.extend(setting.map(|_| rule.code.value.clone()));
                self.diags.push(diag);
            }
        }
        Ok(())
    }

    /// Returns where a finding is shown: its own places, else that of the rule, else the cluster's name.
    fn places(&self, rule: &Rule, asked: &Asked, finding: Finding) -> Vec<(crate::diag::Place, String)> {
        let tree = self.subject.tree;
        let mut places: Vec<_> =
            finding.at.into_iter().filter_map(|(wanted, label)| Some((place::find(tree, &wanted)?, label))).collect();
        if places.is_empty() {
            let below = rule.at.split('.').filter(|step| !step.is_empty()).map(str::to_owned);
            let path = asked.path.iter().cloned().chain(below).collect();
            let found = place::find(tree, &Where::Path(path)).filter(|found| *found != tree.place());
            places.push((found.unwrap_or(self.subject.cluster.name.place), "here".to_owned()));
        }
        places
    }

    /// Reports a rule that cannot be asked.
    fn broken(&mut self, rule: &Rule, error: &minijinja::Error) {
        let why = error.detail().map_or_else(|| error.kind().to_string(), |why| format!("{}: {why}", error.kind()));
        let message =
            format!("the rule `{}` cannot be asked of `{}`: {why}", rule.code.value, self.subject.cluster.name.value);
        let mut diag = Diagnostic::error("broken-rule", message);
        if self.checker.rules.is_own(&rule.code) {
            let expression = rule.assert.as_ref().or(rule.when.as_ref()).unwrap_or(&rule.message);
            diag = diag.at(expression.place, "this rule");
        }
        diag = diag.help("`rmqgit schema model` shows what a rule sees; what may be missing needs `|default(...)`");
        if !self.diags.contains(&diag) {
            self.diags.push(diag);
        }
    }
}

/// Lays values over what expressions see; of two values of one name the laid one counts.
fn over(below: &Value, vars: impl Iterator<Item = (&'static str, Value)>) -> Value {
    merge_maps([below.clone(), Value::from_pairs(vars)])
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_laid_over_wins() {
        let below = Value::from_pairs([("name", "orders"), ("platform", "debian")]);
        let both = over(&below, [("name", Value::from("x"))].into_iter());
        let seen = |name: &str| both.get_attr(name).expect("it is there").to_string();
        assert_eq!((seen("name"), seen("platform")), ("x".to_owned(), "debian".to_owned()));
    }
}
