//! A report as one line, for a log: `key=value` pairs, with the priority before them as journald reads it (sd-daemon(3)).

use std::fmt::Write as _;

use super::{Report, Verdict};

/// The most kinds of findings and failures that are named.
const NAMED: usize = 8;

/// Writes a report as one line. `worst` is the priority that its findings ask for.
pub fn log(report: &Report, worst: u8) -> String {
    let of_verdict = match report.verdict {
        Verdict::Failed | Verdict::Unknown => 3,
        Verdict::Drifted | Verdict::DriftedAndPending | Verdict::Pending => 4,
        Verdict::InSync | Verdict::Converged if report.asks_for_a_person() => 5,
        Verdict::InSync | Verdict::Converged => 6,
    };
    let priority = worst.min(of_verdict);
    let mut line =
        format!("<{priority}>rmqgit verdict={} cluster={} host={}", word(&report.verdict), report.cluster, report.host);
    let _ = write!(line, " mode={}", word(&report.mode));
    if let Some(release) = &report.release {
        let _ = write!(line, " release={} newest={}", &release.commit.as_str()[..10], release.newest);
    }
    let counts = [
        ("changes", report.changes.len()),
        ("applied", report.applied.len()),
        ("waiting", report.waiting.len()),
        ("unknown", report.unknown.len()),
    ];
    for (name, count) in counts {
        let _ = write!(line, " {name}={count}");
    }
    let findings: Vec<String> = report.findings.iter().map(|finding| word(&finding.code)).collect();
    let failures: Vec<String> = report.failures.iter().map(|failure| word(&failure.code)).collect();
    for (name, codes) in [("findings", findings), ("failures", failures)] {
        let more = if codes.len() > NAMED { ",…" } else { "" };
        let _ = write!(line, " {name}={}", codes.len());
        if !codes.is_empty() {
            let _ = write!(line, ":{}{more}", codes[..codes.len().min(NAMED)].join(","));
        }
    }
    if report.paused.is_some() {
        line.push_str(" paused=true");
    }
    line.push('\n');
    line
}

/// Returns the kebab-case name that a value has in every document.
fn word<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        _ => String::new(),
    }
}
