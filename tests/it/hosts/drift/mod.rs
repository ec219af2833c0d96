//! Changes made by hand on live hosts: each is reported exactly, and then repaired, or refused with a reason.

mod broker;
mod files;
mod units;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::bed::{HOSTS, until};
use super::site::{PASSWORD, Report, Site};

/// One change by hand.
pub(super) struct Drift {
    /// Where it is made, and whose agent finds it.
    host: &'static str,
    /// The shell command that makes it.
    by_hand: &'static str,
    /// What the report says: the subject, and in what it differs, or `finding` and its code; several, after `; `.
    reported: &'static str,
    /// What a run that converges does about it.
    then: Then,
}

/// What a run that converges does.
enum Then {
    /// The host is as it was before.
    Repaired,
    /// It is left, for this reason; a person undoes it with a command.
    Held(&'static str, &'static str),
    /// It is found and left alone, because nothing says that it may be removed; a person undoes it with a command.
    Found(&'static str),
}

use Then::{Found, Held, Repaired};

/// Shorthand for the tables.
const fn drift(host: &'static str, by_hand: &'static str, reported: &'static str, then: Then) -> Drift {
    Drift { host, by_hand, reported, then }
}

impl Drift {
    /// Returns what a report has to say: a change that no run makes is held in every report.
    fn lines(&self) -> Vec<String> {
        let held = |part: &str| match self.then {
            Held(code, _) if !part.starts_with("unknown: ") && !part.starts_with("finding: ") => {
                format!("{part}, held: {code}")
            }
            _ => part.to_owned(),
        };
        self.reported.split("; ").map(held).collect()
    }
}

/// What is said of a node that was drained: its listeners are closed, too.
const DRAINED: &str = "finding: in-maintenance; unknown: the management API";

/// Drifts that are made, reported and repaired together.
struct Round {
    name: &'static str,
    drifts: &'static [Drift],
}

/// All kinds.
pub(super) fn every_drift_is_reported_and_repaired(site: &mut Site) {
    site.stop_timers();
    let asked = std::env::var("RMQGIT_ROUNDS").ok();
    let is_asked = |round: &&Round| asked.as_ref().is_none_or(|names| names.split(',').any(|name| name == round.name));
    let rounds = broker::ROUNDS.iter().chain(units::ROUNDS).chain(files::ROUNDS).filter(is_asked);
    let mut faults = Vec::new();
    let mut kinds = 0;
    for round in rounds {
        let started = std::time::Instant::now();
        let found = play(site, round);
        println!("  {}: {} kinds in {:.1?}, {} faults", round.name, round.drifts.len(), started.elapsed(), found.len());
        kinds += round.drifts.len();
        for fault in found {
            println!("    {fault}");
            faults.push(format!("{}: {fault}", round.name));
        }
    }
    println!("  {kinds} kinds of drift");
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
    site.start_timers();
}

/// Makes the drifts of a round, looks, repairs, and returns what was not as it should be.
fn play(site: &Site, round: &Round) -> Vec<String> {
    // A node of 3.8.9 does not remember that it was drained, and nothing tells it.
    let is_told = |drift: &&Drift| drift.reported != DRAINED || !site.bed.suite.rabbitmq.starts_with("3.8.");
    let drifts: Vec<&Drift> = round.drifts.iter().filter(is_told).collect();
    let hosts: BTreeSet<_> = drifts.iter().map(|drift| drift.host).collect();
    let before: BTreeMap<_, _> = hosts.iter().map(|host| (*host, trace(site, host))).collect();
    for drift in &drifts {
        site.bed.must(drift.host, drift.by_hand);
    }
    let mut faults = Vec::new();
    for host in &hosts {
        let of_host = || drifts.iter().copied().filter(|drift| drift.host == *host);
        let report = look(site, host);
        let wanted: BTreeSet<_> = of_host().flat_map(Drift::lines).collect();
        faults.extend(compare(host, "reported", &said_of(&report, &wanted), &wanted));
        // What a run clears away by itself is nothing for a person.
        let is_for_a_person = of_host().any(|drift| drift.reported != "finding: leftover");
        if report.code != i32::from(is_for_a_person) {
            faults.push(format!("{host}: a report of drift ends with {}", report.code));
        }

        let report = site.repair(host);
        let left = |drift: &&Drift| !matches!(drift.then, Repaired);
        let wanted = of_host().filter(left).flat_map(Drift::lines).collect();
        faults.extend(compare(host, "left", &said_of(&report, &wanted), &wanted));
        for step in report.json["steps"].as_array().into_iter().flatten() {
            if !["done", "skipped"].contains(&step["result"]["is"].as_str().unwrap_or_default()) {
                faults.push(format!("{host}: {step}"));
            }
        }
        for drift in of_host() {
            if let Held(_, undo) | Found(undo) = drift.then {
                site.bed.must(host, undo);
            }
        }
    }
    // What was left was undone by hand just now; what that takes is the agent's business again.
    for host in &hosts {
        site.repair(host);
        let report = look(site, host);
        if report.json["verdict"] != "in-sync" {
            faults.push(format!("{host}: {} afterwards: {:?}", report.json["verdict"], said(&report.json)));
        }
    }
    until("one cluster of three", 120, || site.formed());
    for host in &hosts {
        let after = trace(site, host);
        let lines = |text: &str| text.lines().map(str::to_owned).collect();
        faults.extend(compare(host, "afterwards", &lines(&after), &lines(&before[host])));
    }
    faults
}

/// Asks for a report; once more where the machine was too busy for a command of the broker's.
fn look(site: &Site, host: &str) -> Report {
    let ask = || site.sync(host, &["--mode", "report"]);
    let was_busy = |report: &Report| report.json["unknown"].to_string().contains("did not end within");
    (0..4).map(|_| ask()).find(|report| !was_busy(report)).unwrap_or_else(ask)
}

/// Returns what is too much and what is missing.
fn compare(host: &str, what: &str, live: &BTreeSet<String>, wanted: &BTreeSet<String>) -> Vec<String> {
    let surplus = live.difference(wanted).map(|line| format!("{host}: {what}, but should not be: {line}"));
    let missing = wanted.difference(live).map(|line| format!("{host}: not {what}, but should be: {line}"));
    surplus.chain(missing).collect()
}

/// Returns all that a report has to say, but for what follows from a drift on another host and is not asked for here.
fn said_of(report: &Report, wanted: &BTreeSet<String>) -> BTreeSet<String> {
    let follows = |line: &String| line == "finding: member-down" && !wanted.contains(line);
    said(&report.json).into_iter().filter(|line| !follows(line)).collect()
}

/// Returns all that a report has to say about a host, in a few words each.
fn said(report: &Value) -> BTreeSet<String> {
    let list = |name: &str| report[name].as_array().cloned().unwrap_or_default();
    let change = |change: &Value| {
        let aspects = change["differs"].as_array().into_iter().flatten();
        let aspects: Vec<_> = aspects.map(|one| one["aspect"].as_str().expect("a word")).collect();
        let held = change["held"]["code"].as_str().map_or_else(String::new, |code| format!(", held: {code}"));
        format!("{}: {}{held}", subject(&change["subject"]), aspects.join(" "))
    };
    let changes = list("changes").iter().map(change).collect::<Vec<_>>();
    let findings =
        list("findings").iter().map(|one| format!("finding: {}", one["code"].as_str().unwrap())).collect::<Vec<_>>();
    let name = |of: &str, key: &str| {
        list(of).iter().map(|one| format!("{of}: {}", one[key].as_str().unwrap_or_default())).collect::<Vec<_>>()
    };
    let (unknown, waiting) = (name("unknown", "subject"), name("waiting", "unit"));
    [changes, findings, unknown, waiting].concat().into_iter().collect()
}

/// Returns a subject in a few words: `/etc/hosts`, `haproxy.service`, `policy / ha-all`, `plugin rabbitmq_federation`.
fn subject(subject: &Value) -> String {
    let text = |name: &str| subject[name].as_str().unwrap_or_default();
    match text("kind") {
        "file" => text("path").to_owned(),
        "unit" => text("unit").to_owned(),
        "object" => [text("type"), text("vhost"), text("name")]
            .iter()
            .filter(|word| !word.is_empty())
            .copied()
            .collect::<Vec<_>>()
            .join(" "),
        kind => format!("{kind} {}{}{}", text("name"), text("node"), text("address")),
    }
}

/// What a repaired host must be again: its files, its units, its addresses, and what its broker holds.
fn trace(site: &Site, host: &str) -> String {
    let script = "
        dirs=$(ls -d /etc/haproxy /etc/keepalived /usr/libexec/keepalived /etc/rabbitmq /etc/hosts \
            /etc/systemd/system/{haproxy,keepalived,rabbitmq-server}.service.d /var/lib/rabbitmq/.erlang.cookie 2>/dev/null)
        find $dirs ! -name '*.sample' -printf '%p %y %m %u:%g %l\n'
        find $dirs -type f ! -name '*.sample' -exec sha256sum {} +
        for unit in haproxy keepalived rabbitmq-server; do
            echo $unit $(systemctl is-enabled $unit 2>&1) $(systemctl is-active $unit 2>&1)
        done
        ip -o -4 address show | awk '{ print $2, $4 }'
        rabbitmqctl -q export_definitions /run/trace.json >/dev/null && echo definitions $(cat /run/trace.json)
        rm -f /run/trace.json
        for user in admin shop; do
            rabbitmqctl -q authenticate_user $user \"$0\" 2>&1
        done
        rabbitmq-plugins -q list --enabled --minimal";
    let said = super::bed::ended(&mut site.bed.exec(host, &["bash", "-c", script, PASSWORD]));
    let mut lines = Vec::new();
    for line in said.out.lines() {
        match line.strip_prefix("definitions ") {
            Some(text) => lines.extend(definitions(text)),
            None => lines.push(line.to_owned()),
        }
    }
    lines.join("\n")
}

/// Returns a line for each object that a broker holds, without what is different every time.
fn definitions(text: &str) -> Vec<String> {
    let Ok(Value::Object(all)) = serde_json::from_str(text) else { return vec![format!("no definitions: {text}")] };
    let mut lines = Vec::new();
    for (kind, objects) in all {
        for mut object in objects.as_array().cloned().unwrap_or_default() {
            if kind == "users" {
                object["password_hash"] = json!("");
            }
            lines.push(format!("{kind} {object}"));
        }
    }
    lines
}

#[test]
fn there_are_many_kinds_and_no_two_are_the_same() {
    let all: Vec<_> = files::ROUNDS.iter().chain(units::ROUNDS).chain(broker::ROUNDS).flat_map(|r| r.drifts).collect();
    let kinds: BTreeSet<_> = all.iter().map(|drift| (drift.by_hand, drift.reported)).collect();
    assert_eq!(kinds.len(), all.len());
    assert!(kinds.len() >= 100, "{}", kinds.len());
    assert!(all.iter().all(|drift| HOSTS.contains(&drift.host)));
}
