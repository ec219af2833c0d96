//! Who holds a virtual address after which failures, by the arithmetic of Keepalived.
//!
//! Input: the members of one VRRP instance and the weights of its scripts. Output: the smallest scenario of each kind of
//! fault. What a script takes or adds, the clamp, FAULT, preemption and ties are Keepalived's: man keepalived.conf,
//! `vrrp_script` and `vrrp_instance`; RFC 5798, 6.4.2 and 6.4.3; `vrrp_state_backup` of keepalived/vrrp/vrrp.c.

use super::scenario::{Fault, State, faults};

/// A set of members: bit `n` is the `n`th.
pub(super) type Set = u32;

/// More members than this are not simulated; no VRRP instance in use comes near.
pub(super) const MOST_MEMBERS: usize = 16;

/// One VRRP instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    /// The priorities of the members as they are written, 1 to 254.
    pub(super) priorities: Vec<u8>,
    /// The weights of the scripts that each member tracks; all of them ask its HAProxy.
    pub(super) weights: Vec<i16>,
    /// Whether no member takes the address from another one that announces it.
    pub(super) nopreempt: bool,
    /// The members that the advertisements of the others never reach.
    pub(super) apart: Set,
}

/// What is wrong with who holds the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A member whose HAProxy is dead, beside one whose HAProxy lives.
    Wrong,
    /// No member, although some of them run.
    Nobody,
    /// Two members, although nothing has failed.
    Two,
}

/// A scenario that ends badly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scenario {
    /// How it ends.
    pub(super) kind: Kind,
    /// What failed, in this order.
    pub(super) faults: Vec<Fault>,
    /// The members that reach each other where it ends badly, and run.
    pub(super) among: Set,
    /// Who may hold the address there.
    pub(super) holders: Set,
    /// Whether it always ends so; otherwise it depends on whose timer ends first.
    pub(super) certain: bool,
    /// Those of them whose HAProxy is dead.
    pub(super) wrong: Set,
    /// The priorities in force at the end; `None` is FAULT.
    pub(super) effective: Vec<Option<u8>>,
}

/// Goes through every failure and every pair of failures; returns the smallest scenario of each kind that ends badly.
pub(super) fn simulate(group: &Group) -> Vec<Scenario> {
    let mut found: Vec<Scenario> = Vec::new();
    if group.priorities.is_empty() || group.priorities.len() > MOST_MEMBERS {
        return found;
    }
    let start = State::new(group);
    let holders = group.settle(&start, None);
    if start.parts().filter(|part| part & holders != 0).count() > 1 {
        let scenario = group.scenario(Kind::Two, &[], &start, start.everyone(), holders, true);
        return vec![scenario];
    }
    let single: Vec<Fault> = faults(group.priorities.len());
    for first in &single {
        let state = start.after(*first);
        let then = group.settle(&state, Some((&start, holders)));
        group.judge(&mut found, &[*first], &state, then);
    }
    for first in &single {
        let state = start.after(*first);
        let then = group.settle(&state, Some((&start, holders)));
        for second in single.iter().filter(|second| first.leaves(**second)) {
            let last = state.after(*second);
            let end = group.settle(&last, Some((&state, then)));
            group.judge(&mut found, &[*first, *second], &last, end);
        }
    }
    found
}

impl Group {
    /// Returns the priority in force of a member whose HAProxy is dead or lives, or nothing where it is in FAULT.
    pub(super) fn effective(&self, member: usize, dead: bool) -> Option<u8> {
        if dead && self.weights.contains(&0) {
            return None;
        }
        let counts = |weight: &&i16| if dead { **weight < 0 } else { **weight > 0 };
        let change: i32 = self.weights.iter().filter(counts).map(|weight| i32::from(*weight)).sum();
        let sum = i32::from(self.priorities[member]) + change;
        Some(u8::try_from(sum.clamp(1, 254)).expect("the clamp is within a byte"))
    }

    /// Returns who may hold the address once all timers have ended: in each part of a partition one of them, or nobody.
    /// `before` is the state that this one follows, and who might hold the address there.
    pub(super) fn settle(&self, state: &State, before: Option<(&State, Set)>) -> Set {
        state.parts().fold(0, |all, part| all | self.settle_part(state, part, before))
    }

    fn settle_part(&self, state: &State, part: Set, before: Option<(&State, Set)>) -> Set {
        let (mut best, mut top, mut able) = (0, 0, 0);
        for member in members(part) {
            let Some(effective) = self.effective(member, state.is_deaf(member)) else { continue };
            able |= 1 << member;
            if effective > best {
                (best, top) = (effective, 0);
            }
            if effective == best {
                top |= 1 << member;
            }
        }
        let Some((was, held)) = before.filter(|_| self.nopreempt) else { return top };
        // Without preemption whoever announces the address keeps it; the others elect only where nobody does.
        let kept = held & able;
        let wider = was.parts().find(|wider| wider & part != 0).unwrap_or(part);
        if held & wider & !able == 0 && kept != 0 { kept } else { kept | top }
    }

    /// Notes how a scenario ends in each part of a partition, if it ends badly and none that is as small did so before.
    fn judge(&self, found: &mut Vec<Scenario>, faults: &[Fault], state: &State, holders: Set) {
        for part in state.parts() {
            let holders = holders & part;
            let live = part & !state.deaf();
            let wrong = holders & state.deaf();
            let kind = match (holders, live, wrong) {
                (0, _, _) => Kind::Nobody,
                (_, 1.., 1..) => Kind::Wrong,
                _ => continue,
            };
            let certain = kind == Kind::Nobody || holders == wrong;
            let known = found.iter().position(|other| other.kind == kind);
            if known.is_none_or(|at| certain && !found[at].certain && found[at].faults.len() == faults.len()) {
                let scenario = self.scenario(kind, faults, state, part, holders, certain);
                match known {
                    Some(at) => found[at] = scenario,
                    None => found.push(scenario),
                }
            }
        }
    }

    fn scenario(
        &self,
        kind: Kind,
        faults: &[Fault],
        state: &State,
        among: Set,
        holders: Set,
        certain: bool,
    ) -> Scenario {
        let effective = |member| self.effective(member, state.is_deaf(member));
        let effective = (0..self.priorities.len()).map(effective).collect();
        Scenario { kind, faults: faults.to_vec(), among, holders, wrong: holders & state.deaf(), certain, effective }
    }
}

/// Returns the members of a set, in order.
pub(super) fn members(set: Set) -> impl Iterator<Item = usize> {
    (0..MOST_MEMBERS).filter(move |member| set & (1 << member) != 0)
}
