//! VRRP as RFC 5798 writes it, timer by timer: what the arithmetic is held against.

use super::scenario::State;
use super::simulate::{Group, Set, members};

/// Time between advertisements, in units of which the skew takes one for each step of priority.
const ADVERT: u32 = 256;
/// The longest that a run may take to settle: a few times the longest timer.
const SETTLED: u32 = 16 * ADVERT;

/// What a member does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// It waits until no advertisement came for so many milliseconds.
    Backup(u32),
    /// It advertises again in so many milliseconds.
    Master(u32),
    /// It takes no part.
    Out,
}

/// A run of the protocol.
#[derive(Debug)]
pub(super) struct Run<'a> {
    group: &'a Group,
    roles: Vec<Role>,
}

impl<'a> Run<'a> {
    /// Starts all members at once, or, where whoever comes first does not keep the address, within `phase` of each other.
    pub(super) fn new(group: &'a Group, phase: u32) -> Self {
        let mut run = Self { group, roles: Vec::new() };
        for member in 0..group.priorities.len() {
            let late = u32::try_from(member).expect("it is small") * phase % ADVERT;
            run.roles.push(Role::Backup(run.down_time(member, false) + if group.nopreempt { 0 } else { late }));
        }
        run
    }

    /// Lets the clock run until all timers have ended several times; returns the masters.
    pub(super) fn settled(&mut self, state: &State) -> Set {
        for _ in 0..SETTLED {
            for role in &mut self.roles {
                match role {
                    Role::Backup(left) | Role::Master(left) => *left -= 1,
                    Role::Out => {}
                }
            }
            for member in 0..self.roles.len() {
                self.act(member, state);
            }
        }
        let master = |member: &usize| matches!(self.roles.get(*member), Some(Role::Master(_)));
        members(Set::MAX).filter(master).fold(0, |set, one| set | 1 << one)
    }

    /// The time without advertisements after which a member takes over: three intervals and the skew.
    fn down_time(&self, member: usize, deaf: bool) -> u32 {
        let priority = self.group.effective(member, deaf).map_or(0, u32::from);
        3 * ADVERT + 256 - priority
    }

    /// Does what a member does when its timer has ended, or when it can take no part any more.
    fn act(&mut self, member: usize, state: &State) {
        let able = state.everyone() & (1 << member) != 0;
        let Some(priority) = self.group.effective(member, state.is_deaf(member)).filter(|_| able) else {
            self.roles[member] = Role::Out;
            return;
        };
        if let Role::Backup(0) | Role::Master(0) = self.roles[member] {
            self.roles[member] = Role::Master(ADVERT);
            let part = state.parts().find(|part| part & (1 << member) != 0).unwrap_or(0);
            for other in members(part & !(1 << member)) {
                self.hear(other, state, (member, priority));
            }
        }
    }

    /// What a member does about an advertisement. Of two masters with one priority the higher address wins, here the
    /// later member.
    fn hear(&mut self, member: usize, state: &State, (sender, priority): (usize, u8)) {
        let deaf = state.is_deaf(member);
        let Some(own) = self.group.effective(member, deaf) else { return };
        let wait = Role::Backup(self.down_time(member, deaf));
        match self.roles[member] {
            Role::Backup(_) if priority >= own || self.group.nopreempt => self.roles[member] = wait,
            Role::Master(_) if (priority, sender) > (own, member) => self.roles[member] = wait,
            _ => {}
        }
    }
}
