//! A publish that is killed at any moment is completed by the next one.

use std::process::Command;

use super::{Fleet, check_whole};
use crate::rmqgit;

#[test]
fn killed_at_many_moments() {
    let names: Vec<String> = (0..12).map(|n| format!("c{n}")).collect();
    let fleet = Fleet::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let program = rmqgit().get_program().to_owned();
    let mut killed = 0;
    for round in 0..24_u16 {
        // Every other round changes so many hosts that `packed-refs` is written.
        let changed = if round % 2 == 0 { &names[..] } else { &names[..1] };
        for name in changed {
            fleet.cluster(name, 6000 + round);
        }
        fleet.commit("Round");
        let mut command = Command::new("timeout");
        let moment = format!("0.{:03}", 2 + round * 5);
        command.args(["--signal=KILL", &moment]).arg(&program).arg("publish").current_dir(fleet.path());
        let status = command.output().unwrap().status;
        killed += usize::from(!status.success());
        if round % 4 == 3 {
            // What was begun for one spec must not be left to another one.
            for name in &names {
                fleet.cluster(name, 7000);
            }
            fleet.commit("Back");
        }
        fleet.publish(&[]);
        check_whole(fleet.path());
        if round % 6 == 5 {
            let fresh = fleet.clone();
            assert_eq!(fresh.publish(&[])["tree"], fleet.publish(&[])["tree"]);
        }
    }
    assert!(killed > 0, "no run was killed in time");
}
