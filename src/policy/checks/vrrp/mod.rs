//! VRRP under failure: who holds each virtual address when HAProxy, a host, the check or the network fails.
//!
//! `simulate` tries every failure and every pair of them; `words` tells one such scenario in a line. The checks here turn
//! what it finds into findings, one for each instance and kind of fault.

#[cfg(test)]
mod protocol;
mod scenario;
mod simulate;
mod takeover;
#[cfg(test)]
mod tests;
mod words;

use ipnet::IpNet;

use self::simulate::{Group, Kind, Scenario, Set, simulate};
use self::words::Names;
use super::super::{Finding, Subject};
use crate::model::{Instance, TrackScript};

pub(super) use self::takeover::slow_takeover;

/// A member whose HAProxy is dead holds the address, while HAProxy lives on another one.
pub(super) fn wrong_holder(subject: &Subject<'_>) -> Vec<Finding> {
    each(subject, |instance, check| {
        if pinned(instance, check) || surely_moves(instance, check) {
            return None;
        }
        let names = Names::of(instance);
        let scenario = worst(instance, check, Kind::Wrong)?;
        let wrong = scenario.wrong;
        let gap = gap(instance);
        let place = instance.members[widest(instance)].priority.place;
        let finding = scenario_of(instance, check, &scenario)
            .with("holder", names.list(wrong, "or"))
            .with("holds", if scenario.certain { "still holds" } else { "may still hold" })
            .with("gap", gap)
            .with("weight", check.weight)
            .with("enough", u16::from(gap) + 1)
            .at_place(place, format!("the priorities differ by {gap}"));
        Some(finding.at(&["keepalived", "check", "weight"], format!("a failed check takes {}", -check.weight)))
    })
}

/// The members never take the address from one that announces it, so a lower priority moves nothing.
pub(super) fn pinned_address(subject: &Subject<'_>) -> Vec<Finding> {
    each(subject, |instance, check| {
        if !pinned(instance, check) {
            return None;
        }
        let scenario = worst(instance, check, Kind::Wrong)?;
        let finding = scenario_of(instance, check, &scenario)
            .with("holder", Names::of(instance).list(scenario.wrong, "or"))
            .with("weight", check.weight);
        let label = "nobody takes the address from a host that announces it";
        Some(finding.at(&["keepalived", "instances", &instance.name, "nopreempt"], label))
    })
}

/// All checks fail, and no member holds the address.
pub(super) fn no_holder(subject: &Subject<'_>) -> Vec<Finding> {
    each(subject, |instance, check| {
        // Where a host keeps the address or waits for it, only weight 0 moves it at all.
        if check.weight != 0 || instance.nopreempt || instance.preempt_delay.is_some() {
            return None;
        }
        let scenario = worst(instance, check, Kind::Nobody)?;
        let finding = scenario_of(instance, check, &scenario);
        Some(finding.at(&["keepalived", "check", "weight"], "a failed check puts the host into FAULT"))
    })
}

/// Members that multicast never reaches, so that each side holds the address.
pub(super) fn two_holders(subject: &Subject<'_>) -> Vec<Finding> {
    each(subject, |instance, check| {
        let apart = apart(instance);
        if apart == 0 {
            return None;
        }
        let scenario = worst(instance, check, Kind::Two)?;
        let names = Names::of(instance);
        let far = (0..instance.members.len()).find(|member| apart & (1 << member) != 0)?;
        let member = &instance.members[far];
        let network = instance.addresses.first()?.value.trunc();
        let finding = Finding::new()
            .with("instance", instance.name.as_str())
            .with("holders", names.list(scenario.holders, "and"))
            .with("member", member.host.as_str())
            .with("network", network.to_string());
        let host = &subject.cluster.hosts[&member.host];
        Some(
            finding
                .at_place(host.address.place, format!("`{}` is not in `{network}`", member.host))
                .at_place(instance.addresses[0].place, "the virtual address and its network"),
        )
    })
}

/// Virtual addresses that stand for a whole network, or for everyone on it.
pub(super) fn reserved_address(subject: &Subject<'_>) -> Vec<Finding> {
    let instances = subject.cluster.vip.iter().flat_map(|vip| &vip.instances);
    let reserved = instances.flat_map(|instance| &instance.addresses).filter_map(|net| {
        let IpNet::V4(wide) = net.value else { return None };
        let what = match wide.addr() {
            _ if wide.prefix_len() > 30 => return None,
            address if address == wide.network() => "the network itself",
            address if address == wide.broadcast() => "everyone on the network",
            _ => return None,
        };
        let finding = Finding::new().with("address", wide.to_string()).with("what", what);
        Some(finding.at_place(net.place, what))
    });
    reserved.collect()
}

/// Asks about each instance of a cluster that two hosts or more take part in.
fn each(subject: &Subject<'_>, ask: impl Fn(&Instance, &TrackScript) -> Option<Finding>) -> Vec<Finding> {
    let Some(vip) = &subject.cluster.vip else { return Vec::new() };
    let shared = vip.instances.iter().filter(|instance| instance.members.len() > 1);
    shared.filter_map(|instance| ask(instance, &vip.check)).collect()
}

/// Tells whether priorities decide nothing, because nobody preempts and a failed check only lowers the priority.
fn pinned(instance: &Instance, check: &TrackScript) -> bool {
    instance.nopreempt && check.weight != 0
}

/// Tells at once what `simulate` would find out: the address always moves where all priorities differ by less than a
/// failed check takes, and nobody's falls below 1. A property in `tests` holds it.
fn surely_moves(instance: &Instance, check: &TrackScript) -> bool {
    let lowest = instance.members.iter().map(|member| member.priority.value).min();
    apart(instance) == 0 && lowest > Some(1) && u16::from(gap(instance)) < check.weight.unsigned_abs()
}

/// Returns the widest difference between two priorities.
fn gap(instance: &Instance) -> u8 {
    let priorities = || instance.members.iter().map(|member| member.priority.value);
    priorities().max().unwrap_or(0) - priorities().min().unwrap_or(0)
}

/// Returns the member with the lowest priority.
fn widest(instance: &Instance) -> usize {
    let lowest = instance.members.iter().enumerate().min_by_key(|(_, member)| member.priority.value);
    lowest.map_or(0, |(index, _)| index)
}

/// Returns the members outside the network of the virtual address, where others are inside: multicast does not cross a
/// router.
fn apart(instance: &Instance) -> Set {
    let Some(net) = instance.addresses.first().map(|net| net.value).filter(|net| !is_single(net)) else { return 0 };
    if instance.unicast {
        return 0;
    }
    let outside = instance.members.iter().enumerate().filter(|(_, member)| !net.contains(&member.address));
    let outside = outside
        .fold(0, |set: Set, (index, _)| set | 1_u32.checked_shl(u32::try_from(index).unwrap_or(32)).unwrap_or(0));
    if outside.count_ones() as usize == instance.members.len() { 0 } else { outside }
}

/// Tells whether a prefix says nothing about the network.
pub(super) fn is_single(net: &IpNet) -> bool {
    net.prefix_len() == net.max_prefix_len()
}

/// Returns the smallest scenario of a kind.
fn worst(instance: &Instance, check: &TrackScript, kind: Kind) -> Option<Scenario> {
    let group = Group {
        priorities: instance.members.iter().map(|member| member.priority.value).collect(),
        weights: vec![check.weight],
        nopreempt: instance.nopreempt,
        apart: apart(instance),
    };
    simulate(&group).into_iter().find(|scenario| scenario.kind == kind)
}

/// Starts a finding with the scenario that shows the fault.
fn scenario_of(instance: &Instance, check: &TrackScript, scenario: &Scenario) -> Finding {
    let names = Names::of(instance);
    Finding::new()
        .with("instance", instance.name.as_str())
        .with("address", instance.addresses.first().map(|net| net.addr().to_string()).unwrap_or_default())
        .with("failure", names.failure(&scenario.faults))
        .with("arithmetic", names.arithmetic(instance, check.weight, scenario))
}
