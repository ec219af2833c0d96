//! How findings become incidents: how bad each kind is, how long it has to last, when people are reminded.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::kind::{Kind, Severity};
use super::lapse::Lapse;
use super::sighting::Problem;

/// How findings become incidents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// After how long people are reminded of an open incident; none is never.
    pub remind_after: Lapse,
    /// How long something has to last before it is an incident, where that is not as usual.
    pub after: BTreeMap<Kind, Lapse>,
    /// How bad something is, where that is not as usual.
    pub severities: BTreeMap<Kind, Severity>,
}

impl Default for Rules {
    fn default() -> Self {
        Self { remind_after: Lapse::hours(24), after: BTreeMap::new(), severities: BTreeMap::new() }
    }
}

impl Rules {
    /// Returns how long something has to last before it is an incident.
    pub fn after(&self, kind: Kind) -> SignedDuration {
        let usual = match kind {
            Kind::Pending => Lapse::hours(4),
            Kind::RestartWaits => Lapse::hours(24),
            Kind::UnreachableRemote | Kind::Unknown => Lapse::minutes(15),
            // A broker that somebody restarts is back by then.
            Kind::MemberDown | Kind::CutOff => Lapse::minutes(5),
            // And a host that somebody restarts.
            Kind::PeerSilent => Lapse::minutes(10),
            _ => Lapse::minutes(0),
        };
        self.after.get(&kind).copied().unwrap_or(usual).length()
    }

    /// Returns how bad a problem is: what somebody says of its kind goes before what is known of it.
    pub fn severity(&self, problem: &Problem) -> Severity {
        let kind = problem.identity.kind;
        self.severities.get(&kind).copied().unwrap_or_else(|| problem.severity.unwrap_or_else(|| kind.severity()))
    }

    /// Whether it is time to remind people of something that was last told so long ago.
    pub fn remind(&self, told: SignedDuration) -> bool {
        !self.remind_after.is_none() && told >= self.remind_after.length()
    }
}
