//! What a spec makes of the rules: levels, and waivers that give a reason and may end.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::{Rule, Rules};
use crate::diag::{At, Diagnostic, Diagnostics, excerpt, nearest};
use crate::model::RuleSetting;

/// A finding that a spec holds back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waived {
    /// The finding.
    pub diag: Diagnostic,
    /// Why it is held back.
    pub reason: String,
    /// The last day on which it is.
    pub until: Option<Date>,
}

/// The levels that are in force for one cluster.
#[derive(Debug, Default)]
pub(super) struct Levels<'a> {
    own: BTreeMap<&'a str, &'a RuleSetting>,
}

impl<'a> Levels<'a> {
    /// Reads what the spec says; reports codes that no rule has, waivers without a reason and waivers that have ended.
    pub(super) fn read(
        diags: &mut Diagnostics,
        rules: &Rules,
        settings: &'a [(At<String>, RuleSetting)],
        today: Date,
    ) -> Self {
        let mut own = BTreeMap::new();
        for (code, setting) in settings {
            let Some(rule) = rules.find(code) else {
                diags.push(unknown(rules, code));
                continue;
            };
            let waiver = setting.level.value < rule.level;
            if waiver && setting.reason.as_ref().is_none_or(|reason| reason.trim().is_empty()) {
                let message = format!("the waiver of `{}` gives no reason", code.value);
                let help = format!(
                    "write `{}: {{level: {}, reason: \"...\"}}`, and `until: YEAR-MONTH-DAY` if it shall end",
                    code.value,
                    setting.level.value.as_str(),
                );
                let fault = Diagnostic::error("waiver-without-reason", message);
                diags.push(fault.at(setting.level.place, "lowered here").help(help));
                continue;
            }
            if let Some(until) = setting.until.filter(|until| *until < today) {
                let fault =
                    Diagnostic::error("expired-waiver", format!("what is said of `{}` ended on {until}", code.value));
                let help = "correct what the rule finds, or give a later day and say why";
                diags.push(fault.at(setting.level.place, "this has ended").help(help));
                continue;
            }
            own.insert(code.as_str(), setting);
        }
        Self { own }
    }

    /// Reports waivers that held nothing back, where the cluster itself gives them. `published` says whether there was a
    /// release to compare with.
    pub(super) fn unused(&self, diags: &mut Diagnostics, rules: &Rules, lowered: &BTreeSet<String>, published: bool) {
        for (code, setting) in &self.own {
            // What clusters have in common is not known yet.
            let alone = |rule: &&Rule| rule.check.as_ref().is_none_or(|check| check.value != "fleet");
            let waiver = rules.find(code).filter(alone).is_some_and(|rule| setting.level.value < rule.level);
            let own = setting.level.place.defined.is_none();
            // Without a release to compare with, a rule about the way from it cannot find anything.
            let asked = || published || !rules.examples(code).iter().any(super::Example::needs_published);
            if waiver && own && !lowered.contains(*code) && asked() {
                let fault = Diagnostic::warning("unused-waiver", format!("`{code}` finds nothing here"));
                let help = "remove the waiver, so that it cannot hide a later fault";
                diags.push(fault.at(setting.level.place, "this waiver holds nothing back").help(help));
            }
        }
    }

    /// Returns what the spec says of a rule.
    pub(super) fn of(&self, code: &str) -> Option<&'a RuleSetting> {
        self.own.get(code).copied()
    }
}

fn unknown(rules: &Rules, code: &At<String>) -> Diagnostic {
    let fixed = crate::diag::codes::find(code).is_some();
    let message = if fixed {
        format!("`{}` is not a rule: a spec that has it cannot be compiled", excerpt(code))
    } else {
        format!("there is no rule `{}`", excerpt(code))
    };
    let help = match nearest(code, rules.iter().map(|rule| rule.code.as_str())) {
        Some(near) if !fixed => format!("did you mean `{near}`?"),
        _ => "`rmqgit explain --all` lists every rule".to_owned(),
    };
    Diagnostic::error("unknown-rule", message).at(code.place, "here").help(help)
}
