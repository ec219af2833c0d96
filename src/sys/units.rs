//! systemd's units: asked and told through systemctl.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::live::{Probe, UnitState};
use crate::name::UnitName;

use super::process::{self, Ended, ProcessError};

/// HAProxy's unit, whose master starts its workers anew when it is told to reload.
const HAPROXY: &str = "haproxy.service";
/// How long systemctl may take to answer.
const ASK: Duration = Duration::from_secs(10);
/// How long a reload may take.
const TELL: Duration = Duration::from_secs(90);
/// How long a start may take: a broker waits for its peers' tables.
const START: Duration = Duration::from_secs(600);

/// Whether systemd runs this machine.
pub fn is_running() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// What is asked of each unit.
const PROPERTIES: &str =
    "--property=Id,LoadState,ActiveState,SubState,UnitFileState,NeedDaemonReload,MainPID,ActiveEnterTimestampMonotonic";

/// Asks for the states of units, all with one question.
pub fn probe(units: &BTreeSet<UnitName>) -> BTreeMap<UnitName, Probe<UnitState>> {
    let all = |answer: Probe<UnitState>| units.iter().map(|unit| (unit.clone(), answer.clone())).collect();
    if units.is_empty() {
        return BTreeMap::new();
    }
    if !is_running() {
        return all(Probe::Failed("systemd does not run here".to_owned()));
    }
    let mut args = vec!["show", PROPERTIES, "--"];
    args.extend(units.iter().map(UnitName::as_str));
    match process::run("systemctl", &args, ASK) {
        Ok(Ended { code: Some(0), output }) => {
            let (now, uptime) = (Timestamp::now(), uptime());
            // One block of lines a unit, in the order of the question.
            let mut blocks = output.split("\n\n");
            units.iter().map(|unit| (unit.clone(), parse(blocks.next().unwrap_or_default(), now, uptime))).collect()
        }
        Ok(Ended { output, .. }) => all(Probe::Failed(format!("systemctl show: {}", output.trim()))),
        Err(error) => all(Probe::Failed(error.to_string())),
    }
}

/// Reads what `systemctl show` says. Its wall-clock times name their zone in letters; the monotonic ones are exact.
fn parse(output: &str, now: Timestamp, uptime: Option<SignedDuration>) -> Probe<UnitState> {
    let value = |key: &str| output.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let (load, file) = (value("LoadState"), value("UnitFileState").unwrap_or_default());
    if load == Some("not-found") {
        return Probe::Absent;
    }
    let Some(state) = value("ActiveState") else {
        return Probe::Failed("systemctl show names no state".to_owned());
    };
    let entered = value("ActiveEnterTimestampMonotonic").and_then(|text| text.parse::<i64>().ok()).filter(|at| *at > 0);
    let since = entered.zip(uptime).and_then(|(entered, uptime)| {
        now.checked_sub(uptime).and_then(|boot| boot.checked_add(SignedDuration::from_micros(entered))).ok()
    });
    Probe::Seen(UnitState {
        active: matches!(state, "active" | "reloading" | "refreshing"),
        state: format!("{state} ({})", value("SubState").unwrap_or_default()),
        since,
        enabled: match file {
            "enabled" | "enabled-runtime" => Some(true),
            "disabled" => Some(false),
            _ => None,
        },
        masked: load == Some("masked") || file.starts_with("masked"),
        stale: value("NeedDaemonReload") == Some("yes"),
        workers: value("MainPID").map_or(0, |main| children(main).len()),
        replaced: value("MainPID").and_then(runs_replaced),
    })
}

/// A moment since the machine started, to tell older processes from newer ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Began(Duration);

impl Began {
    /// Returns the present moment.
    pub fn now() -> Self {
        let uptime = uptime().and_then(|uptime| Duration::try_from(uptime).ok());
        Self(uptime.unwrap_or_default())
    }
}

/// Whether a unit does its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Life {
    /// It does.
    Works,
    /// It does not, for this reason.
    Fails(String),
}

/// Asks whether a unit is active and, for HAProxy's master, whether it has a worker that was started since `began`: a
/// master whose new worker cannot start says nothing and stays with the old one.
pub fn life(unit: &UnitName, began: Began) -> Result<Life, ProcessError> {
    let args = ["show", "--property=ActiveState,SubState,Result,MainPID,StatusText", "--", unit.as_str()];
    let Ended { output, .. } = process::run("systemctl", &args, ASK)?;
    let value = |key: &str| output.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let (state, sub) = (value("ActiveState").unwrap_or_default(), value("SubState").unwrap_or_default());
    if state != "active" {
        let result = value("Result").unwrap_or_default();
        return Ok(Life::Fails(format!("{unit} is {state} ({sub}), its last result is `{result}`")));
    }
    let main = value("MainPID").unwrap_or("0");
    if unit.as_str() == HAPROXY && main != "0" {
        // Since 3.1 a worker lives while it tries for two seconds to bind: only the master knows what became of it.
        let status = value("StatusText").unwrap_or_default();
        if status.starts_with("Reload") {
            return Ok(Life::Fails(format!("{unit} runs, and says of its new files: `{status}`")));
        }
        if !has_new_worker(main, began) {
            return Ok(Life::Fails(format!("{unit} runs, but no worker was started with the new files")));
        }
    }
    Ok(Life::Works)
}

fn has_new_worker(main: &str, began: Began) -> bool {
    children(main).iter().filter_map(|child| started(child)).any(|started| started >= began.0)
}

/// Whether the program that a process runs is no longer what the disk has at its path; `None` where that cannot be seen.
fn runs_replaced(process: &str) -> Option<bool> {
    if process == "0" {
        return Some(false);
    }
    let program = std::fs::read_link(format!("/proc/{process}/exe")).ok()?;
    Some(program.as_os_str().as_encoded_bytes().ends_with(b" (deleted)"))
}

/// Returns the processes that a process has started.
fn children(process: &str) -> Vec<String> {
    let children = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    children.split_whitespace().map(str::to_owned).collect()
}

/// Returns when a process was started, counted from the start of the machine.
fn started(process: &str) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is the program's name in parentheses, and may hold anything; the start is the 22nd, in hundredths.
    let ticks: u64 = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()?;
    Some(Duration::from_millis(ticks * 10))
}

fn uptime() -> Option<SignedDuration> {
    let text = std::fs::read_to_string("/proc/uptime").ok()?;
    let seconds: f64 = text.split_whitespace().next()?.parse().ok()?;
    SignedDuration::try_from_secs_f64(seconds).ok()
}

/// Lets a unit read its files again.
pub fn reload(unit: &UnitName) -> Result<Ended, ProcessError> {
    process::run("systemctl", &["reload", "--", unit.as_str()], TELL)
}

/// Starts a unit; one that has failed before starts all the same.
pub fn start(unit: &UnitName) -> Result<Ended, ProcessError> {
    // A unit that failed too often is refused until its failures are forgotten; for any other this does nothing.
    let _ = process::run("systemctl", &["reset-failed", "--", unit.as_str()], ASK);
    process::run("systemctl", &["start", "--", unit.as_str()], START)
}

/// Stops a unit.
pub fn stop(unit: &UnitName) -> Result<Ended, ProcessError> {
    process::run("systemctl", &["stop", "--", unit.as_str()], START)
}

/// Starts a unit again.
pub fn restart(unit: &UnitName) -> Result<Ended, ProcessError> {
    let _ = process::run("systemctl", &["reset-failed", "--", unit.as_str()], ASK);
    process::run("systemctl", &["restart", "--", unit.as_str()], START)
}

/// Lets a unit start at boot.
pub fn enable(unit: &UnitName) -> Result<Ended, ProcessError> {
    process::run("systemctl", &["enable", "--quiet", "--", unit.as_str()], TELL)
}

/// Lets systemd read its units again.
pub fn daemon_reload() -> Result<Ended, ProcessError> {
    process::run("systemctl", &["daemon-reload"], TELL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn show_is_read() {
        let now: Timestamp = "2026-01-02T03:00:00Z".parse().expect("a time");
        let uptime = Some(SignedDuration::from_secs(3600));
        let check = |text: &str, expect: Probe<UnitState>| assert_eq!(parse(text, now, uptime), expect, "{text}");
        let seen = |active, state: &str, since: Option<&str>| {
            let since = since.map(|text| text.parse().expect("a time"));
            Probe::Seen(UnitState { active, state: state.to_owned(), since, ..UnitState::default() })
        };
        let monotonic = "ActiveEnterTimestampMonotonic";
        check(
            &format!("LoadState=loaded\nActiveState=active\n{monotonic}=60000000\n"),
            seen(true, "active ()", Some("2026-01-02T02:01:00Z")),
        );
        check(&format!("LoadState=loaded\nActiveState=inactive\n{monotonic}=0\n"), seen(false, "inactive ()", None));
        check("LoadState=loaded\nActiveState=failed\n", seen(false, "failed ()", None));
        check("LoadState=not-found\nActiveState=inactive\n", Probe::Absent);
        let masked = UnitState { masked: true, enabled: None, ..UnitState::default() };
        check(
            "LoadState=masked\nActiveState=inactive\nSubState=dead\nUnitFileState=masked\n",
            Probe::Seen(UnitState { state: "inactive (dead)".to_owned(), ..masked }),
        );
        let enabled = UnitState { active: true, enabled: Some(true), stale: true, ..UnitState::default() };
        check(
            "ActiveState=active\nSubState=running\nUnitFileState=enabled\nNeedDaemonReload=yes\n",
            Probe::Seen(UnitState { state: "active (running)".to_owned(), ..enabled }),
        );
        check("", Probe::Failed("systemctl show names no state".to_owned()));
    }
}
