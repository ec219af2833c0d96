//! Tables: the state of a unit -> what the host does about it.

use std::collections::BTreeSet;

use super::*;
use crate::live::{Account, Bytes, FileState, Kind, Stamp};
use crate::plan::{Joined, Wanted};
use crate::release::{Owner, Part};

const UNIT: &str = "haproxy.service";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).expect("a time")
}

fn unit() -> UnitName {
    UNIT.parse().expect("a unit")
}

fn running() -> UnitState {
    UnitState {
        active: true,
        state: "active (running)".to_owned(),
        since: Some(at(100)),
        enabled: Some(true),
        ..UnitState::default()
    }
}

/// Plans for a host with one unit, whose one file was written at some second.
fn shown(state: Probe<UnitState>, written: i64, base: &Base) -> String {
    shown_with(Kind::Regular(Bytes::new(b"a".to_vec())), state, written, base)
}

fn shown_with(kind: Kind, state: Probe<UnitState>, written: i64, base: &Base) -> String {
    let path: crate::name::HostPath = "/etc/haproxy/haproxy.cfg".parse().expect("a path");
    let mut desired = Desired::default();
    desired.role.services = vec![unit()];
    let wanted = Wanted {
        content: Ok(Joined::plain("a")),
        mode: 0o644,
        owner: Owner::root(),
        check: None,
        on_change: OnChange::Reload(unit()),
        part: Part::Whole,
    };
    desired.files.insert(path.clone(), wanted);
    let file = FileState {
        kind,
        mode: 0o644,
        account: Account { user: 0, group: 0 },
        owner: Owner::root(),
        modified: at(written),
        stamp: Stamp { device: 1, inode: 1, size: 1, changed: 0 },
    };
    let mut observed = Observed::empty(at(1000));
    observed.files.insert(path, Probe::Seen(file));
    observed.units.insert(unit(), state);
    let plan = crate::plan::plan(base, &desired, &observed);
    let changes = plan.changes.iter().filter(|change| matches!(change.subject, Subject::Unit { .. })).map(|change| {
        let held = change.held.as_ref().map_or(String::new(), |held| format!(" held: {:?}", held.code));
        format!("{:?} {:?} {:?}{held}\n", change.cause, change.action, change.differs)
    });
    let steps = plan.steps.iter().map(|planned| serde_json::to_string(&planned.step).expect("a step is JSON") + "\n");
    changes.chain(steps).collect()
}

#[test]
fn a_unit_runs_and_starts_at_boot() {
    let seen = |change: fn(&mut UnitState)| {
        let mut state = running();
        change(&mut state);
        shown(Probe::Seen(state), 50, &Base::default())
    };
    assert_eq!(seen(|_| {}), "");
    insta::assert_snapshot!(seen(|state| state.enabled = Some(false)), @r#"
    Release Enable [State { live: "disabled", wanted: "enabled" }]
    {"step":"enable","unit":"haproxy.service"}
    "#);
    insta::assert_snapshot!(seen(|state| (state.active, state.state) = (false, "failed (failed)".to_owned())), @r#"
    Release Start [State { live: "failed (failed)", wanted: "active" }]
    {"step":"start","unit":"haproxy.service"}
    {"step":"probe","unit":"haproxy.service"}
    "#);
    insta::assert_snapshot!(seen(|state| state.stale = true), @r#"
    Release ReadUnit [State { live: "its unit files were written and not read since", wanted: "the unit files as they are" }]
    {"step":"daemon-reload","files":[]}
    "#);
    insta::assert_snapshot!(seen(|state| state.masked = true), @r#"Release Start [State { live: "masked", wanted: "enabled and active" }] held: Masked"#);
    insta::assert_snapshot!(shown(Probe::Absent, 50, &Base::default()), @r#"Release Start [State { live: "not installed", wanted: "active" }] held: NotInstalled"#);
    assert_eq!(shown(Probe::Failed("no systemd".to_owned()), 50, &Base::default()), "");
    let known = Base { units: BTreeSet::from([unit()]), ..Base::default() };
    let stopped = UnitState { active: false, ..running() };
    assert!(shown(Probe::Seen(stopped), 50, &known).starts_with("Drift Start"));
}

#[test]
fn a_file_that_was_written_after_the_unit_last_read_is_read_once() {
    let plan = |written: i64, told: Option<i64>| {
        let told = told.map(|told| (unit(), at(told))).into_iter().collect();
        shown(Probe::Seen(running()), written, &Base { told, ..Base::default() })
    };
    assert_eq!(plan(99, None), "");
    insta::assert_snapshot!(plan(200, None), @r#"
    Release Reload [State { live: "files that were written at 1970-01-01T00:03:20Z and not read since", wanted: "the files as they are" }]
    {"step":"reload","unit":"haproxy.service","files":["/etc/haproxy/haproxy.cfg"]}
    {"step":"probe","unit":"haproxy.service"}
    "#);
    assert_eq!(plan(200, Some(200)), "");
    assert!(plan(300, Some(200)).contains("\"step\":\"reload\""));
    // What is no file is not read, whenever it came.
    assert_eq!(shown_with(Kind::Other, Probe::Seen(running()), 300, &Base::default()), "");
    // A clock that jumped ahead and back leaves a file from the future; one reload settles it.
    assert_eq!(plan(9_999, Some(9_999)), "");
}
