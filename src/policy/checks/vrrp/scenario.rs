//! What can fail, and what is left after it.

use super::simulate::{Group, Set};

/// Up to so many members every partition into two sides is tried; above it, each member against the rest.
const ALL_PARTITIONS: usize = 5;

/// One failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// HAProxy of one member is dead; its host runs.
    Haproxy(usize),
    /// A host is dead, or cut off from everything.
    Host(usize),
    /// The check script fails everywhere, as when no broker serves.
    Everywhere,
    /// The network is cut between these members and the rest.
    Partition(Set),
}

impl Fault {
    /// Tells whether the second failure still says something after this one: a dead host cannot fail again.
    pub(super) fn leaves(self, second: Self) -> bool {
        match (self, second) {
            (Self::Host(one) | Self::Haproxy(one), Self::Host(two) | Self::Haproxy(two)) => one != two,
            _ => self != second,
        }
    }
}

/// Returns every single failure of a group of so many members, the likeliest first.
pub(super) fn faults(count: usize) -> Vec<Fault> {
    let mut all: Vec<Fault> = (0..count).map(Fault::Haproxy).collect();
    all.extend((0..count).map(Fault::Host));
    all.push(Fault::Everywhere);
    let whole: Set = (1 << count) - 1;
    if count <= ALL_PARTITIONS {
        // The side without the first member names the partition, so that none is tried twice.
        all.extend((1..whole).filter(|side| side & 1 == 0).map(Fault::Partition));
    } else {
        all.extend((0..count).map(|member| Fault::Partition(1 << member)));
    }
    all
}

/// What runs, and who reaches whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    up: Set,
    deaf: Set,
    /// The cuts through the network: members on one side of each of them reach each other.
    cuts: [Set; 3],
}

impl State {
    /// Everything runs.
    pub(super) fn new(group: &Group) -> Self {
        Self { up: (1 << group.priorities.len()) - 1, deaf: 0, cuts: [group.apart, 0, 0] }
    }

    /// Returns what is left after a failure.
    pub(super) fn after(mut self, fault: Fault) -> Self {
        match fault {
            Fault::Haproxy(member) => self.deaf |= 1 << member,
            Fault::Host(member) => self.up &= !(1 << member),
            Fault::Everywhere => self.deaf = Set::MAX,
            Fault::Partition(side) if self.cuts[1] == 0 => self.cuts[1] = side,
            Fault::Partition(side) => self.cuts[2] = side,
        }
        self
    }

    /// Returns the members whose hosts run.
    pub(super) fn everyone(&self) -> Set {
        self.up
    }

    /// Returns the members whose HAProxy is dead.
    pub(super) fn deaf(&self) -> Set {
        self.deaf
    }

    /// Tells whether HAProxy of a member is dead.
    pub(super) fn is_deaf(&self, member: usize) -> bool {
        self.deaf & (1 << member) != 0
    }

    /// Returns the sets of running members that reach each other.
    pub(super) fn parts(&self) -> impl Iterator<Item = Set> + use<> {
        let Self { up, cuts, .. } = *self;
        let sides = 1..=if cuts == [0; 3] { 1 } else { 8_u8 };
        let part = move |number: u8| {
            let side = |set, (bit, cut): (usize, &Set)| set & if (number - 1) & (1 << bit) == 0 { !cut } else { *cut };
            cuts.iter().enumerate().fold(up, side)
        };
        sides.map(part).filter(|part| *part != 0)
    }
}
