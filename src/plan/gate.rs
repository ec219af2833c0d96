//! Whether a broker may be restarted now, because a person asks for it.
//!
//! A restart takes one member away. The gate is open only while that disturbs nobody: every other member runs, no alarm, no
//! partition, no queue that would lose its majority or its only synchronised mirror, a window is open, the host is not paused.
//! What is not known counts as a reason against it. A run that nobody asked for does not come here: its changes wait.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::window::Window;
use crate::live::Probe;

/// What is known of a broker's neighbours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbours {
    /// The other members by the names of their nodes, and whether each runs.
    pub members: Probe<Vec<(String, bool)>>,
    /// The alarms of the cluster, as people call them.
    pub alarms: Probe<Vec<String>>,
    /// The nodes that do not see each other.
    pub partitions: Probe<Vec<String>>,
    /// Whether a queue needs this very member: for its majority, or because no other mirror is synchronised.
    pub critical: Probe<bool>,
}

/// A reason why a broker may not be restarted now.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shut {
    /// What kind.
    pub code: ShutCode,
    /// What is against it.
    pub why: String,
    /// What would open the gate.
    pub help: String,
}

/// The kinds of reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ShutCode {
    /// A person has paused the host.
    Paused,
    /// No maintenance window is open.
    Window,
    /// Another member does not run.
    MemberDown,
    /// An alarm is on.
    Alarm,
    /// The cluster is in parts.
    Partition,
    /// A queue needs this member.
    Critical,
    /// Something of this could not be asked.
    Unknown,
}

impl fmt::Display for Shut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// What a person says to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asked {
    /// Whether a restart may happen outside the windows.
    pub outside_window: bool,
}

/// Returns every reason against restarting the broker now; none is an open gate. `paused` is who paused the host, and why.
pub fn gate(neighbours: &Neighbours, window: &Window, paused: Option<&str>, asked: Asked) -> Vec<Shut> {
    let mut shut = Vec::new();
    let mut add = |code, why: String, help: &str| shut.push(Shut { code, why, help: help.to_owned() });
    if let Some(paused) = paused {
        add(ShutCode::Paused, format!("the host is paused {paused}"), "lift the pause with `rmqgit resume`");
    }
    if !window.is_open() && !asked.outside_window {
        add(ShutCode::Window, window.to_string(), "wait for it, or say `--outside-window`");
    }
    match &neighbours.members {
        Probe::Seen(members) => {
            for (node, _) in members.iter().filter(|(_, running)| !running) {
                add(ShutCode::MemberDown, format!("`{node}` does not run"), "bring it back first");
            }
        }
        other => add(ShutCode::Unknown, unknown("which members run", other), CANNOT_ASK),
    }
    match &neighbours.alarms {
        Probe::Seen(alarms) => {
            for alarm in alarms {
                add(ShutCode::Alarm, format!("an alarm is on: {alarm}"), "clear it first: publishers are blocked");
            }
        }
        other => add(ShutCode::Unknown, unknown("whether an alarm is on", other), CANNOT_ASK),
    }
    match &neighbours.partitions {
        Probe::Seen(parts) if parts.is_empty() => {}
        Probe::Seen(parts) => {
            let why = format!("the cluster is in parts: {}", parts.join(", "));
            add(ShutCode::Partition, why, "heal the partition first");
        }
        other => add(ShutCode::Unknown, unknown("whether the cluster is in parts", other), CANNOT_ASK),
    }
    match &neighbours.critical {
        Probe::Seen(false) => {}
        Probe::Seen(true) => add(
            ShutCode::Critical,
            "a queue would lose its majority, or its only synchronised mirror".to_owned(),
            "wait until its other members are synchronised (rabbitmq-diagnostics check_if_node_is_quorum_critical)",
        ),
        other => add(ShutCode::Unknown, unknown("whether a queue needs this member", other), CANNOT_ASK),
    }
    shut
}

const CANNOT_ASK: &str = "the broker has to answer first";

fn unknown<T>(what: &str, probe: &Probe<T>) -> String {
    match probe {
        Probe::Failed(why) => format!("{what} is not known: {why}"),
        Probe::Absent | Probe::Seen(_) => format!("{what} is not known"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calm() -> Neighbours {
        Neighbours {
            members: Probe::Seen(vec![("rabbit@rabbit2".to_owned(), true), ("rabbit@rabbit3".to_owned(), true)]),
            alarms: Probe::Seen(Vec::new()),
            partitions: Probe::Seen(Vec::new()),
            critical: Probe::Seen(false),
        }
    }

    fn reasons(neighbours: &Neighbours, window: &Window, paused: Option<&str>, outside_window: bool) -> Vec<ShutCode> {
        gate(neighbours, window, paused, Asked { outside_window }).into_iter().map(|shut| shut.code).collect()
    }

    #[test]
    fn a_calm_cluster_lets_a_broker_restart() {
        assert_eq!(reasons(&calm(), &Window::Always, None, false), []);
        let alone = Neighbours { members: Probe::Seen(Vec::new()), ..calm() };
        assert_eq!(reasons(&alone, &Window::Always, None, false), []);
    }

    #[test]
    fn each_reason_alone_shuts_the_gate() {
        let check = |neighbours: Neighbours, expect: &[ShutCode]| {
            assert_eq!(reasons(&neighbours, &Window::Always, None, true), expect, "{neighbours:?}");
        };
        let down = vec![("a".to_owned(), false), ("b".to_owned(), true), ("c".to_owned(), false)];
        check(Neighbours { members: Probe::Seen(down), ..calm() }, &[ShutCode::MemberDown, ShutCode::MemberDown]);
        check(Neighbours { alarms: Probe::Seen(vec!["memory on b".to_owned()]), ..calm() }, &[ShutCode::Alarm]);
        check(Neighbours { partitions: Probe::Seen(vec!["a".to_owned()]), ..calm() }, &[ShutCode::Partition]);
        check(Neighbours { critical: Probe::Seen(true), ..calm() }, &[ShutCode::Critical]);
    }

    #[test]
    fn what_is_not_known_shuts_the_gate() {
        fn check(change: impl Fn(&mut Neighbours, bool)) {
            for absent in [true, false] {
                let mut neighbours = calm();
                change(&mut neighbours, absent);
                assert_eq!(reasons(&neighbours, &Window::Always, None, true), [ShutCode::Unknown], "{neighbours:?}");
            }
        }
        fn lost<T>(absent: bool) -> Probe<T> {
            if absent { Probe::Absent } else { Probe::Failed("no answer".to_owned()) }
        }
        check(|neighbours, absent| neighbours.members = lost(absent));
        check(|neighbours, absent| neighbours.alarms = lost(absent));
        check(|neighbours, absent| neighbours.partitions = lost(absent));
        check(|neighbours, absent| neighbours.critical = lost(absent));
    }

    #[test]
    fn a_window_is_passed_by_only_in_so_many_words_and_a_pause_never() {
        let closed = Window::Closed { opens: None };
        let unknown = Window::Unknown { why: "no such zone".to_owned() };
        for window in [&closed, &unknown] {
            assert_eq!(reasons(&calm(), window, None, false), [ShutCode::Window]);
            assert_eq!(reasons(&calm(), window, None, true), []);
        }
        assert_eq!(reasons(&calm(), &Window::Always, Some("by bob"), true), [ShutCode::Paused]);
    }

    #[test]
    fn every_reason_is_named_at_once() {
        let neighbours = Neighbours {
            members: Probe::Seen(vec![("rabbit@b".to_owned(), false)]),
            alarms: Probe::Seen(vec!["disk on rabbit@b".to_owned()]),
            partitions: Probe::Failed("it took too long".to_owned()),
            critical: Probe::Seen(true),
        };
        let opens = "2026-06-06T00:00:00Z".parse().expect("a time");
        let found = gate(&neighbours, &Window::Closed { opens: Some(opens) }, Some("by bob"), Asked::default());
        let text: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "the host is paused by bob",
                "no maintenance window is open before 2026-06-06T00:00:00Z",
                "`rabbit@b` does not run",
                "an alarm is on: disk on rabbit@b",
                "whether the cluster is in parts is not known: it took too long",
                "a queue would lose its majority, or its only synchronised mirror",
            ]
        );
    }
}
