//! What the hosts last said, beside what is about to change.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::words::quoted;
use super::{HostId, Review};
use crate::live::ObjectType;
use crate::plan::{Cause, Change, HeldCode, Subject};
use crate::report::{Mode, Report, Verdict};

/// From this age on a report is old, in hours: a timer runs every few minutes.
const OLD: i64 = 24;

/// What a host last said, as far as it matters for the change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct LiveHost {
    /// The host.
    pub host: HostId,
    /// When it said so, in RFC 3339; none if there is no report of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The verdict of its report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// What a person should know of it, the worst first.
    pub notes: Vec<LiveNote>,
}

/// One thing that a person should know of a host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct LiveNote {
    /// What it is.
    pub kind: LiveKind,
    /// The file or object that it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The sentence.
    pub text: String,
}

/// The kinds of things that a person should know of a host, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LiveKind {
    /// Somebody changed by hand what this change writes: their work is overwritten.
    Overwrites,
    /// The last run failed.
    Failed,
    /// The host is paused: the change waits there.
    Paused,
    /// There is no report of it.
    Silent,
    /// The report is old.
    Old,
    /// A restart or another change already waits there.
    Waiting,
    /// Somebody changed something by hand that this change does not touch.
    Drift,
    /// The report has a finding.
    Finding,
}

impl Review {
    /// Adds what the hosts that change last said. Of several reports of one host the latest counts.
    pub fn compare_live(&mut self, reports: Vec<Report>, now: Timestamp) {
        let mut latest: BTreeMap<HostId, Report> = BTreeMap::new();
        for report in reports {
            let id = HostId { cluster: report.cluster.clone(), host: report.host.clone() };
            let newer = latest.get(&id).is_none_or(|known| known.at < report.at);
            if newer {
                latest.insert(id, report);
            }
        }
        let written = self.written();
        let mut live = Vec::new();
        for one in &self.clusters {
            let added: BTreeSet<&HostId> = one.added.iter().collect();
            for host in one.hosts.iter().filter(|host| !added.contains(host)) {
                let written = written.get(host).unwrap_or(&NOTHING);
                live.push(match latest.get(host) {
                    Some(report) => said(host, report, written, now),
                    None => silent(host),
                });
            }
        }
        live.retain(|host| !host.notes.is_empty());
        live.sort_by(|a, b| {
            let worst = |host: &LiveHost| host.notes.first().map(|note| note.kind);
            worst(a).cmp(&worst(b)).then_with(|| a.host.cmp(&b.host))
        });
        self.live = live;
    }

    /// Returns what is written on each host: the paths of files, and of the broker's objects their kind and name.
    fn written(&self) -> BTreeMap<HostId, Written> {
        let mut written: BTreeMap<HostId, Written> = BTreeMap::new();
        for one in &self.clusters {
            for file in &one.files {
                for host in &file.hosts {
                    written.entry(host.clone()).or_default().insert(file.path.clone());
                }
            }
            let objects: Vec<String> =
                one.objects.iter().map(|object| format!("{} {}", object.object, object.name)).collect();
            for host in &one.hosts {
                written.entry(host.clone()).or_default().extend(objects.iter().cloned());
            }
            for plugin in one.services.iter().filter(|service| service.place == "enabled_plugins") {
                for host in &plugin.hosts {
                    written.entry(host.clone()).or_default().insert(format!("plugin {}", plugin.setting.key));
                }
            }
        }
        written
    }
}

/// What is written on a host.
type Written = BTreeSet<String>;
static NOTHING: Written = Written::new();

fn silent(host: &HostId) -> LiveHost {
    let text = "there is no report of it: whether the change reaches it is not known".to_owned();
    let notes = vec![LiveNote { kind: LiveKind::Silent, subject: None, text }];
    LiveHost { host: host.clone(), at: None, verdict: None, notes }
}

fn said(host: &HostId, report: &Report, written: &Written, now: Timestamp) -> LiveHost {
    let mut notes = Vec::new();
    let mut note = |kind, subject, text| notes.push(LiveNote { kind, subject, text });
    let age = now.duration_since(report.at).as_hours();
    if age >= OLD {
        let age = if age >= 48 { format!("{} days", age / 24) } else { format!("{age} hours") };
        note(LiveKind::Old, None, format!("its last report is {age} old"));
    }
    if let Some(paused) = &report.paused {
        note(
            LiveKind::Paused,
            None,
            format!("it is paused, and the change waits there until that ends: {}", paused.reason),
        );
    }
    if report.mode != Mode::Converge {
        note(LiveKind::Waiting, None, "its agent only reports: a person has to let it converge".to_owned());
    }
    for change in report.changes.iter().filter(|change| matches!(change.cause, Cause::Drift | Cause::Both)) {
        // What another member's host repairs is told there.
        if change.held.as_ref().is_some_and(|held| held.code == HeldCode::OtherMember) {
            continue;
        }
        let (kind, text) = drift(change, written);
        note(kind, Some(subject(&change.subject)), text);
    }
    for waiting in &report.waiting {
        let text = format!("{} already waits for a restart since {}", waiting.unit, waiting.since);
        note(LiveKind::Waiting, Some(waiting.unit.to_string()), text);
    }
    if report.verdict == Verdict::Failed {
        let why = report.failures.first().map_or("a step failed", |failure| failure.message.as_str());
        note(LiveKind::Failed, None, format!("its last run failed: {why}"));
    }
    for finding in report.findings.iter().filter(|finding| finding.code.is_for_a_person()) {
        note(LiveKind::Finding, None, finding.message.clone());
    }
    notes.sort();
    let verdict = serde_json::to_value(report.verdict).ok().and_then(|value| value.as_str().map(str::to_owned));
    LiveHost { host: host.clone(), at: Some(report.at.to_string()), verdict, notes }
}

/// Says what becomes of what somebody changed by hand.
fn drift(change: &Change, written: &Written) -> (LiveKind, String) {
    let name = subject(&change.subject);
    let since = change.since.map_or_else(String::new, |since| format!(" since {since}"));
    if written.contains(&name) {
        let text = format!("somebody changed {name} there by hand (different{since}), and this change writes over it");
        (LiveKind::Overwrites, text)
    } else {
        (
            LiveKind::Drift,
            format!("somebody changed {name} there by hand (different{since}); this change does not touch it"),
        )
    }
}

/// Returns the name of what differs, as a review names what it changes.
fn subject(subject: &Subject) -> String {
    match subject {
        Subject::File { path } => path.to_string(),
        Subject::Unit { unit } => unit.to_string(),
        Subject::Member { node } => format!("member {node}"),
        Subject::Plugin { name } => format!("plugin {name}"),
        Subject::Address { address } => address.clone(),
        Subject::Object { r#type, vhost, name } => {
            let named = match (r#type, vhost) {
                (ObjectType::Permission, Some(vhost)) => format!("of {} in {}", quoted(name), quoted(vhost)),
                // As the agent names them: `COMPONENT/NAME`, `USER on EXCHANGE`.
                (ObjectType::Parameter, Some(vhost)) => {
                    let (component, name) = name.split_once('/').unwrap_or(("", name));
                    format!("{component} {} in {}", quoted(name), quoted(vhost))
                }
                (ObjectType::TopicPermission, Some(vhost)) => {
                    let (user, exchange) = name.split_once(" on ").unwrap_or((name, ""));
                    format!("of {} on {} in {}", quoted(user), quoted(exchange), quoted(vhost))
                }
                (_, Some(vhost)) => format!("{} in {}", quoted(name), quoted(vhost)),
                (_, None) => quoted(name),
            };
            format!("{} {named}", r#type.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::diff::Kind;
    use super::super::{Class, ClusterReview, Counts, FORMAT, FileChange, Side};
    use super::*;
    use crate::name::{ClusterName, HostName};

    fn id(host: &str) -> HostId {
        HostId { cluster: ClusterName::parse("orders").expect("a name"), host: HostName::parse(host).expect("a name") }
    }

    fn review(hosts: &[&str]) -> Review {
        let side = || Side { rev: "main".to_owned(), commit: None, subject: None, release: false };
        let hosts: Vec<HostId> = hosts.iter().map(|host| id(host)).collect();
        let file = FileChange {
            hosts: hosts.clone(),
            path: "/etc/haproxy/haproxy.cfg".to_owned(),
            kind: Kind::Modified,
            class: Class::Reload,
            note: None,
            on_change: None,
            attributes: Vec::new(),
            similar: false,
            diff: String::new(),
        };
        let cluster = ClusterReview {
            clusters: vec![ClusterName::parse("orders").expect("a name")],
            kind: Kind::Modified,
            hosts,
            added: Vec::new(),
            removed: Vec::new(),
            class: Class::Reload,
            loses_data: false,
            consequences: Vec::new(),
            transitions: Vec::new(),
            policies: Vec::new(),
            objects: Vec::new(),
            services: Vec::new(),
            secrets: Vec::new(),
            files: vec![file],
            topology: None,
        };
        Review {
            format: FORMAT,
            base: side(),
            head: side(),
            diverged: None,
            class: Class::Reload,
            loses_data: false,
            headline: String::new(),
            counts: Counts::default(),
            clusters: vec![cluster],
            live: Vec::new(),
        }
    }

    fn report(host: &str, more: &serde_json::Value) -> Report {
        let mut value = serde_json::json!({
            "format": 1, "cluster": "orders", "host": host, "root": "/", "mode": "converge",
            "at": "2026-06-01T12:00:00Z", "verdict": "in-sync", "remote": "/srv/out.git", "changes": [],
        });
        let fields = more.as_object().expect("an object").clone();
        value.as_object_mut().expect("an object").extend(fields);
        serde_json::from_value(value).expect("a report")
    }

    fn drifted(path: &str) -> serde_json::Value {
        serde_json::json!({"verdict": "drifted", "changes": [{
            "subject": {"kind": "file", "path": path}, "action": "replace", "cause": "drift", "class": "reload",
            "differs": [{"aspect": "content", "secret": false}], "since": "2026-06-01T10:00:00Z",
        }]})
    }

    #[test]
    fn a_hotfix_is_seen_before_it_is_overwritten() {
        let mut review = review(&["a", "b", "c", "d", "e"]);
        let paused = serde_json::json!({"paused": {"reason": "the disk is swapped"}});
        let reports = vec![
            report("b", &paused),
            report("a", &drifted("/etc/hosts")),
            report("c", &drifted("/etc/haproxy/haproxy.cfg")),
            report("e", &serde_json::json!({})),
        ];
        review.compare_live(reports, "2026-06-01T12:05:00Z".parse().expect("a time"));
        let shown: Vec<String> = review
            .live
            .iter()
            .flat_map(|host| host.notes.iter().map(|note| format!("{}: {}", host.host.host, note.text)))
            .collect();
        assert_eq!(
            shown,
            [
                "c: somebody changed /etc/haproxy/haproxy.cfg there by hand (different since 2026-06-01T10:00:00Z), and this change \
                 writes over it",
                "b: it is paused, and the change waits there until that ends: the disk is swapped",
                "d: there is no report of it: whether the change reaches it is not known",
                "a: somebody changed /etc/hosts there by hand (different since 2026-06-01T10:00:00Z); this change does not touch it",
            ]
        );
    }

    #[test]
    fn an_old_report_says_so_and_the_latest_counts() {
        let mut review = review(&["a"]);
        let earlier = serde_json::json!({"at": "2026-05-01T12:00:00Z", "verdict": "failed"});
        let reports = vec![report("a", &serde_json::json!({})), report("a", &earlier)];
        review.compare_live(reports, "2026-06-04T13:00:00Z".parse().expect("a time"));
        let texts: Vec<&str> = review.live[0].notes.iter().map(|note| note.text.as_str()).collect();
        assert_eq!(texts, ["its last report is 3 days old"]);
    }
}
