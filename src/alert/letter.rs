//! What a message says, before it has the format of a service.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

use crate::name::{ClusterName, HostName};
use crate::report::{Report, age};

use super::kind::{Identity, Kind, Severity};
use super::ledger::{Case, Stage};
use super::outbox::{Batch, Entry};

/// What stands above a diff.
pub(super) const LEGEND: &str = "(- as it was found, + as the release has it)";
/// How many incidents of a message about many are named.
const NAMED: usize = 20;

/// How a message looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// It is over.
    Good,
    /// Something is wrong.
    Bad(Severity),
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Letter {
    /// How it looks.
    pub(super) tone: Tone,
    /// One line.
    pub(super) title: String,
    /// What there is to know, each with its name.
    pub(super) facts: Vec<(&'static str, String)>,
    /// The incidents of a message about many, one a line.
    pub(super) list: Vec<String>,
    /// How many more there are.
    pub(super) left: usize,
    /// The lines of the diff.
    pub(super) diff: Vec<String>,
    /// How many more lines it has.
    pub(super) diff_left: usize,
    /// Links, each with its name.
    pub(super) links: Vec<(&'static str, String)>,
}

/// Whose messages these are, and where people can read more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// The cluster.
    pub cluster: ClusterName,
    /// The host.
    pub host: HostName,
    /// The release that the host was compared with, and the spec's commit behind it.
    pub release: Option<(String, Option<String>)>,
    /// Where a release can be read; see [`Sender::link`].
    pub release_link: Option<String>,
    /// Where a kind of incident is explained.
    pub runbook: Option<String>,
    /// Whether this is a test, and nothing has happened.
    pub test: bool,
}

impl Sender {
    /// Makes a sender of a report.
    pub fn of(report: &Report, release_link: Option<String>, runbook: Option<String>) -> Self {
        let release = report.release.as_ref().map(|one| (one.commit.to_string(), one.spec_commit.clone()));
        let (cluster, host) = (report.cluster.clone(), report.host.clone());
        Self { cluster, host, release, release_link, runbook, test: false }
    }

    /// Fills in a link: `{cluster}`, `{host}`, `{kind}`, `{commit}` (of the release) and `{spec}` (of the spec). One that names
    /// what is not known is left out.
    fn link(&self, template: Option<&String>, kind: Option<&str>) -> Option<String> {
        let (commit, spec) = match &self.release {
            Some((commit, spec)) => (Some(commit.as_str()), spec.as_deref()),
            None => (None, None),
        };
        let words = [
            ("{cluster}", Some(self.cluster.as_str())),
            ("{host}", Some(self.host.as_str())),
            ("{kind}", kind),
            ("{commit}", commit),
            ("{spec}", spec),
        ];
        let mut link = template?.clone();
        for (word, value) in words {
            if link.contains(word) {
                link = link.replace(word, value?);
            }
        }
        Some(link)
    }

    /// Marks the title of a test.
    fn marked(&self, title: String) -> String {
        if self.test { format!("test: {title}") } else { title }
    }

    pub(super) fn runbook_of(&self, identity: &Identity) -> Option<String> {
        self.link(self.runbook.as_ref(), Some(&identity.kind.to_string()))
    }

    pub(super) fn release_page(&self) -> Option<String> {
        self.link(self.release_link.as_ref(), None)
    }
}

impl Letter {
    /// Writes a message.
    pub(super) fn of(sender: &Sender, batch: &Batch, now: Timestamp) -> Self {
        match batch.entries.as_slice() {
            [entry] => Self::of_one(sender, entry, batch.plain, now),
            entries => Self::of_many(sender, entries, now),
        }
    }

    fn of_one(sender: &Sender, entry: &Entry, plain: bool, now: Timestamp) -> Self {
        let Entry { stage, case, at, .. } = entry;
        let Sender { cluster, host, .. } = sender;
        // The release that the host is compared with, and not one that it refuses or misses.
        let about_applied = !matches!(case.identity.kind, Kind::RefusedRelease | Kind::FailedRelease | Kind::NoRelease);
        let mut facts = vec![("what", case.summary.clone())];
        let over = matches!(stage, Stage::Resolved | Stage::Passed);
        if !plain {
            facts.push(("since", since(case, now)));
            facts.push(("cause", case.cause.clone()));
            if let Some((commit, _)) = sender.release.as_ref().filter(|_| about_applied) {
                facts.push(("release", commit.chars().take(10).collect()));
            }
            if !over {
                facts.push(("help", case.help.clone()));
            }
        }
        facts.retain(|(_, text)| !text.trim().is_empty());
        let diff = case.diff.as_deref().filter(|_| !plain && *stage != Stage::Resolved).unwrap_or_default();
        let mut links = Vec::new();
        links.extend(sender.release_page().filter(|_| about_applied).map(|link| ("release", link)));
        links.extend(sender.runbook_of(&case.identity).map(|link| ("runbook", link)));
        let letter = Self {
            tone: if over { Tone::Good } else { Tone::Bad(case.severity) },
            title: sender.marked(format!("{}: {} on {cluster}/{host}", word(*stage, case, *at), case.identity)),
            facts,
            list: Vec::new(),
            left: 0,
            diff: diff.lines().map(str::to_owned).collect(),
            diff_left: 0,
            links,
        };
        letter.clean()
    }

    /// Takes out what is no text.
    fn clean(mut self) -> Self {
        for text in self.list.iter_mut().chain(&mut self.diff).chain([&mut self.title]) {
            *text = one_line(text);
        }
        for (_, text) in &mut self.facts {
            *text = clean(text);
        }
        self
    }

    /// Returns the lines of the diff as one text, with what is left out of it; nothing where there is none to show.
    pub(super) fn diff_text(&self) -> Option<String> {
        let mut text = format!("{LEGEND}\n{}", self.diff.join("\n"));
        if self.diff_left > 0 {
            let _ = write!(text, "\n… {} more lines", self.diff_left);
        }
        (!self.diff.is_empty()).then_some(text)
    }

    /// Says where the diff is that had no room at all.
    pub(super) fn diff_note(&self) -> Option<String> {
        let none = self.diff.is_empty() && self.diff_left > 0;
        none.then(|| format!("(a diff of {} lines: see `rmqgit status` on the host)", self.diff_left))
    }

    /// Returns the letter without its diff, and the diff, for services that fold it.
    pub(super) fn split(&self) -> (Self, Option<String>) {
        let diff = self.diff_text();
        let left = if diff.is_some() { 0 } else { self.diff_left };
        (Self { diff: Vec::new(), diff_left: left, ..self.clone() }, diff)
    }

    fn of_many(sender: &Sender, entries: &[Entry], now: Timestamp) -> Self {
        let Sender { cluster, host, .. } = sender;
        let is_over = |entry: &&Entry| matches!(entry.stage, Stage::Resolved | Stage::Passed);
        let over = entries.iter().filter(is_over).count();
        // Of those that are as bad, the one that stands first.
        let worst = entries.iter().filter(|entry| !is_over(entry)).rev().max_by_key(|entry| entry.case.severity);
        let mut title = match worst.map(|entry| &entry.case) {
            None => format!("all {over} over on {cluster}/{host}"),
            Some(case) => {
                let (severity, there) = (case.severity, entries.len() - over);
                let s = if there == 1 { "" } else { "s" };
                format!("{severity}: {there} incident{s} on {cluster}/{host}, the worst: {}", case.identity)
            }
        };
        if over > 0 && worst.is_some() {
            let _ = write!(title, "; {over} over");
        }
        let line = |entry: &Entry| {
            let Entry { stage, case, at, .. } = entry;
            let summary = case.summary.lines().next().unwrap_or_default();
            let since = if is_over(&entry) { String::new() } else { format!(" (since {})", since(case, now)) };
            format!("{}: {}: {summary}{since}", word(*stage, case, *at), case.identity)
        };
        let runbook = worst.or(entries.first()).and_then(|entry| sender.runbook_of(&entry.case.identity));
        let mut links = Vec::new();
        links.extend(sender.release_page().map(|link| ("release", link)));
        links.extend(runbook.map(|link| ("runbook", link)));
        let letter = Self {
            tone: worst.map_or(Tone::Good, |entry| Tone::Bad(entry.case.severity)),
            title: sender.marked(title),
            facts: Vec::new(),
            list: entries.iter().take(NAMED).map(line).collect(),
            left: entries.len().saturating_sub(NAMED),
            diff: Vec::new(),
            diff_left: 0,
            links,
        };
        letter.clean()
    }

    /// Makes a letter shorter until it fits: the diff goes first, then the list, then words.
    pub(super) fn fit(mut self, fits: impl Fn(&Self) -> bool) -> Self {
        while !fits(&self) && !self.diff.is_empty() {
            let keep = self.diff.len() - self.diff.len().div_ceil(4);
            self.diff_left += self.diff.len() - keep;
            self.diff.truncate(keep);
        }
        while !fits(&self) && self.list.len() > 1 {
            self.list.pop();
            self.left += 1;
        }
        for _ in 0..64 {
            if fits(&self) {
                break;
            }
            let facts = self.facts.iter_mut().map(|(_, text)| text);
            let texts = facts.chain(&mut self.list).chain([&mut self.title]);
            let Some(longest) = texts.max_by_key(|text| text.len()) else { break };
            let keep = longest.chars().count() / 2;
            *longest = longest.chars().take(keep).chain(['…']).collect();
        }
        if !fits(&self) {
            self.links.clear();
        }
        self
    }
}

/// Takes out what is no text, but the ends of lines: control characters, and those that turn the direction of the words around
/// them.
pub(super) fn clean(text: &str) -> String {
    text.lines().map(one_line).collect::<Vec<_>>().join("\n")
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if is_text(c) { c } else { ' ' }).collect()
}

fn is_text(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}');
    c == '\t' || !(c.is_control() || turns)
}

/// Says what happened, in a word or two.
fn word(stage: Stage, case: &Case, at: Timestamp) -> String {
    let lasted = || length(at.duration_since(case.first_seen));
    match stage {
        Stage::Opened => case.severity.to_string(),
        Stage::Changed => format!("{}, changed", case.severity),
        Stage::Reminded => format!("{}, still there after {}", case.severity, lasted()),
        Stage::Flapping => format!("{}, comes and goes", case.severity),
        Stage::Resolved => format!("resolved after {}", lasted()),
        Stage::Passed => format!("{}, came and is over", case.severity),
    }
}

fn since(case: &Case, now: Timestamp) -> String {
    format!("{} ({})", case.first_seen, age(now, case.first_seen))
}

/// Says how long something lasted, in its biggest unit.
fn length(length: SignedDuration) -> String {
    let seconds = length.as_secs().max(0);
    let (n, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..7_200 => (seconds / 60, "minute"),
        7_200..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{n} {unit}{}", if n == 1 { "" } else { "s" })
}
