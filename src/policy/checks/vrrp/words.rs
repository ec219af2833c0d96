//! Tells a scenario in one line: what failed, who holds the address, and the arithmetic.

use super::scenario::Fault;
use super::simulate::{Scenario, Set, members};
use crate::model::Instance;

/// The names of the members.
pub(super) struct Names<'a>(Vec<&'a str>);

impl<'a> Names<'a> {
    /// Takes the names of an instance's members.
    pub(super) fn of(instance: &'a Instance) -> Self {
        Self(instance.members.iter().map(|member| member.host.as_str()).collect())
    }

    /// Returns a set of members as a list: `` `rabbit1`, `rabbit2` or `rabbit3` ``.
    pub(super) fn list(&self, set: Set, word: &str) -> String {
        let named: Vec<String> =
            members(set).filter_map(|member| self.0.get(member)).map(|name| format!("`{name}`")).collect();
        match named.split_last() {
            None => "nobody".to_owned(),
            Some((last, [])) => last.clone(),
            Some((last, rest)) => format!("{} {word} {last}", rest.join(", ")),
        }
    }

    /// Returns what failed as a clause: `` HAProxy on `rabbit1` dies, then `rabbit2` loses power ``.
    pub(super) fn failure(&self, faults: &[Fault]) -> String {
        let clause = |fault: &Fault| match fault {
            Fault::Haproxy(member) => format!("HAProxy on `{}` dies", self.0[*member]),
            Fault::Host(member) => format!("`{}` loses power", self.0[*member]),
            Fault::Everywhere => "the check fails everywhere".to_owned(),
            Fault::Partition(side) => format!("the network cuts {} off", self.list(*side, "and")),
        };
        faults.iter().map(clause).collect::<Vec<_>>().join(", then ")
    }

    /// Returns the priorities in force: `rabbit1 150-4=146, rabbit2 140`.
    pub(super) fn arithmetic(&self, instance: &Instance, weight: i16, scenario: &Scenario) -> String {
        let term = |member: usize| {
            let (name, base) = (self.0[member], instance.members[member].priority.value);
            match scenario.effective[member] {
                None => format!("{name} in FAULT"),
                Some(effective) if effective == base => format!("{name} {base}"),
                Some(effective) if i32::from(effective) == i32::from(base) + i32::from(weight) => {
                    format!("{name} {base}{weight:+}={effective}")
                }
                Some(effective) => format!("{name} {base}{weight:+}={effective} (the least)"),
            }
        };
        members(scenario.among).map(term).collect::<Vec<_>>().join(", ")
    }
}
