//! A bed leaves nothing behind, whatever was killed, and the check that says so can say otherwise.

use std::path::Path;
use std::process::Command;

use super::bed::ended;
use crate::suite::script;

#[test]
fn nothing_is_left_of_a_bed_whose_supervisor_was_killed() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bed-leaks");
    let run = |name: &str| {
        let mut command = Command::new(script("bed").join(name));
        command.env("BED", format!("leaks-{:x}", dir.as_os_str().len())).env("BED_STATE", &dir);
        ended(command.env("BED_HOSTS", "rabbit1=192.168.1.219"))
    };
    let down = run("down");
    assert_eq!(down.code, 0, "{}", down.err);
    assert_eq!((run("left").code, run("left").out.as_str()), (0, ""));

    let up = run("up");
    assert_eq!(up.code, 0, "{}{}", up.out, up.err);
    let left = run("left");
    assert_eq!(left.code, 1);
    for kind in ["network", "control group", "process", "mount", "files"] {
        assert!(left.out.lines().any(|line| line.starts_with(&format!("{kind} "))), "{kind}:\n{}", left.out);
    }

    let supervisors = left.out.lines().filter(|line| line.contains("bed/host ") || line.contains("systemd-nspawn "));
    let pids: Vec<_> = supervisors.filter_map(|line| line.split(' ').nth(1)).collect();
    assert_eq!(pids.len(), 2, "{}", left.out);
    let mut kill = Command::new(if rustix::process::geteuid().is_root() { "env" } else { "sudo" });
    assert_eq!(ended(kill.args(["kill", "-KILL"]).args(pids)).code, 0);
    let down = run("down");
    assert_eq!(down.code, 0, "{}", down.err);
    assert_eq!((run("left").code, run("left").out.as_str()), (0, ""));
    assert_eq!(run("down").code, 0, "once more");
}
