//! Who holds each virtual address.

use crate::live::{Observed, Place, Probe};
use crate::name::UnitName;

use super::desired::Desired;
use super::unknown::HOLDER;
use super::{Finding, FindingCode, Plan, Unknown};

/// Adds a finding for each virtual address that nobody holds, or more than one host, or a host whose Keepalived does not
/// run.
pub(super) fn compare(plan: &mut Plan, desired: &Desired, observed: &Observed) {
    for address in &desired.role.addresses {
        let ip = address.ip();
        let about = ip.to_string();
        let holders = match observed.addresses.get(&ip) {
            Some(Probe::Seen(holders)) => holders,
            Some(Probe::Failed(why)) => {
                plan.unknown.push(Unknown::beside(&about, HOLDER, why));
                continue;
            }
            None if observed.place == Place::Machine => {
                plan.unknown.push(Unknown::beside(&about, HOLDER, "it was not looked at"));
                continue;
            }
            Some(Probe::Absent) | None => continue,
        };
        let keeps = |unit: &UnitName| unit.as_str() == "keepalived.service";
        let keepalived = observed.units.iter().find(|(unit, _)| keeps(unit)).map(|(_, probe)| probe);
        if let Some(Probe::Failed(why)) = keepalived.filter(|_| holders.here) {
            let why = format!("it is up here, and whether Keepalived runs is not known: {why}");
            plan.unknown.push(Unknown::beside(&about, HOLDER, &why));
        }
        if holders.here && keepalived.and_then(Probe::seen).is_some_and(|unit| !unit.active) {
            let message = format!("{ip} is up on this host, though Keepalived does not run here");
            let help = format!("ip address del {} dev {}", address.address, address.interface);
            plan.findings.push(Finding { code: FindingCode::ForeignAddress, about: about.clone(), message, help });
        }
        match &holders.others {
            Probe::Seen(others) => {
                let count = others + usize::from(holders.here);
                if count > 1 {
                    let message = format!("{count} hosts answer for {ip}");
                    let help = "see `ip address` on the Keepalived hosts: VRRP between them may be blocked, or somebody added \
                                the address by hand";
                    let help = help.to_owned();
                    plan.findings.push(Finding { code: FindingCode::TwoHolders, about, message, help });
                } else if count == 0 {
                    let message = format!("nobody answers for {ip}");
                    let help = "see `systemctl status keepalived haproxy` on the Keepalived hosts".to_owned();
                    plan.findings.push(Finding { code: FindingCode::NoHolder, about, message, help });
                }
            }
            Probe::Failed(why) => plan.unknown.push(Unknown::beside(&about, HOLDER, why)),
            Probe::Absent => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::{Holders, UnitState};

    #[test]
    fn none_two_and_a_stranger() {
        let role = serde_json::from_value(
            serde_json::json!({ "addresses": [{ "address": "10.0.0.9/32", "interface": "eth0" }] }),
        );
        let desired = Desired { role: role.expect("it is a role"), ..Desired::default() };
        let shown = |here: bool, others: Probe<usize>, keepalived: bool| {
            let mut observed = Observed::empty("2026-01-02T03:00:00Z".parse().expect("a time"));
            observed.addresses.insert("10.0.0.9".parse().expect("an address"), Probe::Seen(Holders { here, others }));
            let unit = UnitState { active: keepalived, ..UnitState::default() };
            observed.units.insert("keepalived.service".parse().expect("a unit"), Probe::Seen(unit));
            let mut plan = Plan::default();
            compare(&mut plan, &desired, &observed);
            let unknown = plan.unknown.iter().map(|unknown| unknown.why.clone());
            plan.findings.iter().map(|finding| finding.message.clone()).chain(unknown).collect::<Vec<_>>()
        };
        assert_eq!(shown(true, Probe::Seen(0), true), [""; 0]);
        assert_eq!(shown(false, Probe::Seen(1), true), [""; 0]);
        assert_eq!(shown(false, Probe::Seen(0), true), ["nobody answers for 10.0.0.9"]);
        assert_eq!(shown(true, Probe::Seen(1), true), ["2 hosts answer for 10.0.0.9"]);
        assert_eq!(
            shown(true, Probe::Seen(0), false),
            ["10.0.0.9 is up on this host, though Keepalived does not run here"]
        );
        assert_eq!(shown(true, Probe::Failed("no arping".to_owned()), true), ["no arping"]);
    }
}
