//! The simulation beside what was measured, what must always hold, and the protocol itself.

use proptest::prelude::*;

use super::protocol;
use super::scenario::{Fault, State, faults};
use super::simulate::{Group, Kind, Scenario, members, simulate};

fn group(priorities: &[u8], weight: i16, nopreempt: bool) -> Group {
    Group { priorities: priorities.to_vec(), weights: vec![weight], nopreempt, apart: 0 }
}

/// The scenario in a few words: how it ends, for certain or not, and after what.
fn brief(scenario: &Scenario) -> String {
    let sure = if scenario.certain { "" } else { " perhaps" };
    let holders: Vec<usize> = members(scenario.holders).collect();
    format!("{:?}{sure} {holders:?} after {:?}", scenario.kind, scenario.faults)
}

#[test]
fn the_measured_matrix() {
    // Keepalived 1.3.5, 2.2.7: two namespaces, one script that fails on the first member.
    let check = |priorities: &[u8], weights: &[i16], nopreempt, expect: &[&str]| {
        let group = Group { priorities: priorities.to_vec(), weights: weights.to_vec(), nopreempt, apart: 0 };
        let found: Vec<String> = simulate(&group).iter().map(brief).collect();
        assert_eq!(found, expect, "{group:?}");
    };
    let stays = "Wrong [0] after [Haproxy(0)]";
    let may_stay = "Wrong perhaps [0, 1] after [Haproxy(0)]";
    check(&[101, 100], &[2], false, &[]);
    check(&[102, 100], &[2], false, &[may_stay]);
    check(&[102, 100], &[-2], false, &[may_stay]);
    check(&[150, 140], &[-20], false, &[]);
    check(&[150, 120], &[-4], false, &[stays]);
    check(&[100, 90], &[2], false, &[stays]);
    check(&[100, 99], &[2], false, &[]);
    check(&[150, 140], &[0], false, &["Nobody [] after [Everywhere]"]);
    check(&[150, 140], &[0], true, &["Nobody [] after [Everywhere]"]);
    check(&[150, 140], &[-20], true, &[stays]);
    // The clamp: 10 - 20 is 1, and so is the other one.
    check(&[10, 1], &[-20], false, &[may_stay]);
    check(&[254, 250], &[20], false, &["Wrong perhaps [0, 1] after [Haproxy(0)]"]);
    // No script, as where Keepalived runs beside no HAProxy.
    check(&[150, 140], &[], false, &[stays]);
    // Each failure alone ends well; two of them do not.
    check(&[150, 140, 130], &[-20], false, &["Wrong perhaps [0, 2] after [Haproxy(0), Haproxy(1)]"]);
    check(&[150, 140, 125], &[-20], false, &["Wrong [0] after [Haproxy(0), Haproxy(1)]"]);
}

#[test]
fn members_on_two_networks_hold_the_address_twice() {
    let apart = Group { apart: 0b10, ..group(&[150, 140], -20, false) };
    let found: Vec<String> = simulate(&apart).iter().map(brief).collect();
    assert_eq!(found, ["Two [0, 1] after []"]);
}

fn any_group() -> impl Strategy<Value = Group> {
    let weight = prop_oneof![-30_i16..0, -253_i16..254, Just(0)];
    let priority = prop_oneof![100_u8..160, 1_u8..255];
    (prop::collection::vec(priority, 1..5), prop::collection::vec(weight, 0..3), any::<bool>())
        .prop_map(|(priorities, weights, nopreempt)| Group { priorities, weights, nopreempt, apart: 0 })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// What the generated priorities of a spec rely on.
    #[test]
    fn priorities_closer_than_the_weight_never_leave_the_address_with_a_dead_haproxy(
        first in 60_u8..=254,
        gaps in prop::collection::btree_set(1_u8..50, 1..4),
        weight in 50_i16..=59,
    ) {
        let priorities: Vec<u8> = [0].iter().chain(&gaps).map(|gap| first - gap).collect();
        let found = simulate(&group(&priorities, -weight, false));
        prop_assert_eq!(found.iter().map(brief).collect::<Vec<_>>(), Vec::<String>::new());
    }

    #[test]
    fn a_gap_beyond_the_weight_leaves_it_there(last in 1_u8..100, weight in 1_i16..50, more in 1_u8..50) {
        let first = last + u8::try_from(weight).expect("it is small") + more;
        let found = simulate(&group(&[first, last], -weight, false));
        prop_assert_eq!(found.iter().map(brief).collect::<Vec<_>>(), ["Wrong [0] after [Haproxy(0)]"]);
    }

    #[test]
    fn the_protocol_ends_as_the_arithmetic_says(group in any_group(), phase in 0_u32..256, picks in any::<(u8, u8)>()) {
        let all = faults(group.priorities.len());
        let first = all[usize::from(picks.0) % all.len()];
        let second = all[usize::from(picks.1) % all.len()];
        let sequence = if first.leaves(second) { vec![first, second] } else { vec![first] };
        let mut run = protocol::Run::new(&group, phase);
        let (mut state, mut expect) = (State::new(&group), group.settle(&State::new(&group), None));
        prop_assert_eq!(run.settled(&state) & !expect, 0);
        for fault in sequence {
            let next = state.after(fault);
            expect = group.settle(&next, Some((&state, expect)));
            state = next;
            let holders = run.settled(&state);
            for part in state.parts() {
                prop_assert_eq!((holders & part).count_ones(), u32::from(expect & part != 0), "{:?} {:?}", state, run);
                prop_assert_eq!(holders & part & !expect, 0, "{:?} {:?} {:b}", state, run, expect);
            }
        }
    }

    #[test]
    fn a_fault_that_is_reported_has_a_better_holder(group in any_group()) {
        for scenario in simulate(&group).iter().filter(|found| found.kind == Kind::Wrong) {
            let state = scenario.faults.iter().fold(State::new(&group), |state, fault| state.after(*fault));
            prop_assert!(scenario.holders & state.deaf() != 0);
            prop_assert!(scenario.among & !state.deaf() != 0);
            prop_assert!(scenario.faults.len() <= 2 && !scenario.faults.contains(&Fault::Everywhere));
        }
    }
}
