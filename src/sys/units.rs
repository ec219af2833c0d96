//! systemd's units: asked and told through systemctl.

use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::live::{Probe, UnitState};
use crate::name::UnitName;

use super::process::{self, Ended, ProcessError};

/// How long systemctl may take to answer.
const ASK: Duration = Duration::from_secs(10);
/// How long a reload may take.
const TELL: Duration = Duration::from_secs(90);

/// Whether systemd runs this machine.
pub fn is_running() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// Asks for the state of a unit.
pub fn probe(unit: &UnitName, now: Timestamp) -> Probe<UnitState> {
    if !is_running() {
        return Probe::Failed("systemd does not run here".to_owned());
    }
    let properties = "--property=LoadState,ActiveState,ActiveEnterTimestampMonotonic";
    match process::run("systemctl", &["show", properties, "--", unit.as_str()], ASK) {
        Ok(Ended { code: Some(0), output }) => parse(&output, now, uptime()),
        Ok(Ended { output, .. }) => Probe::Failed(format!("systemctl show: {}", output.trim())),
        Err(error) => Probe::Failed(error.to_string()),
    }
}

/// Reads what `systemctl show` says. Its wall-clock times name their zone in letters; the monotonic ones are exact.
fn parse(output: &str, now: Timestamp, uptime: Option<SignedDuration>) -> Probe<UnitState> {
    let value = |key: &str| output.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    if value("LoadState") == Some("not-found") {
        return Probe::Absent;
    }
    let Some(state) = value("ActiveState") else {
        return Probe::Failed("systemctl show names no state".to_owned());
    };
    let active = matches!(state, "active" | "reloading" | "refreshing");
    let entered = value("ActiveEnterTimestampMonotonic").and_then(|text| text.parse::<i64>().ok()).filter(|at| *at > 0);
    let since = entered.zip(uptime).and_then(|(entered, uptime)| {
        now.checked_sub(uptime).and_then(|boot| boot.checked_add(SignedDuration::from_micros(entered))).ok()
    });
    Probe::Seen(UnitState { active, since })
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
        let seen = |active, since: Option<&str>| {
            Probe::Seen(UnitState { active, since: since.map(|text| text.parse().expect("a time")) })
        };
        let monotonic = "ActiveEnterTimestampMonotonic";
        check(
            &format!("LoadState=loaded\nActiveState=active\n{monotonic}=60000000\n"),
            seen(true, Some("2026-01-02T02:01:00Z")),
        );
        check(&format!("LoadState=loaded\nActiveState=inactive\n{monotonic}=0\n"), seen(false, None));
        check("LoadState=loaded\nActiveState=failed\n", seen(false, None));
        check("LoadState=not-found\nActiveState=inactive\n", Probe::Absent);
        check("", Probe::Failed("systemctl show names no state".to_owned()));
    }
}
