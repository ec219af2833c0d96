//! A review for a terminal: as wide as it is, the worst first, short enough for a minute.

use std::fmt::Write as _;

use super::diff::{Kind, changed_lines, printable};
use super::pair::{count, list};
use super::words::severity;
use super::{Class, ClusterReview, FileChange, HostId, LiveHost, LiveKind, Note, Review, Side, Transition};
use crate::release::{DEFINITIONS, MANIFEST, SECRETS};

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const CYAN: &str = "\x1b[36m";
const RESET: &str = "\x1b[0m";

/// How a review is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// How many columns a line may have.
    pub width: usize,
    /// Whether everything is shown, however long it is.
    pub full: bool,
}

/// So many of each list are shown, unless everything is asked for.
#[derive(Debug, Clone, Copy)]
struct Limits {
    entries: usize,
    names: usize,
    lines: usize,
    changes: usize,
}

const SHORT: Limits = Limits { entries: 8, names: 6, lines: 10, changes: 16 };
const FULL: Limits = Limits { entries: usize::MAX, names: usize::MAX, lines: usize::MAX, changes: usize::MAX };

impl Class {
    /// Returns the word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Live => "live",
            Self::Reload => "reload",
            Self::Rolling => "rolling",
            Self::Transition => "transition",
        }
    }

    fn color(self) -> &'static str {
        match self {
            Self::Nothing | Self::Live => GREEN,
            Self::Reload => CYAN,
            Self::Rolling => YELLOW,
            Self::Transition => RED,
        }
    }
}

/// Returns the colour of a heading: what loses data is as red as a transition.
fn color(class: Class, loses_data: bool) -> &'static str {
    if loses_data { RED } else { class.color() }
}

/// Renders a review for people; the colours are for a stream that drops them where they are not wanted.
pub fn render(review: &Review, look: Look) -> String {
    let mut page =
        Page { text: String::new(), width: look.width.max(40), limits: if look.full { FULL } else { SHORT } };
    page.head(review);
    page.live(&review.live);
    let shown = page.limits.entries.min(review.clusters.len());
    for one in &review.clusters[..shown] {
        page.cluster(one);
    }
    let rest = &review.clusters[shown..];
    if !rest.is_empty() {
        let clusters: usize = rest.iter().map(|one| one.clusters.len()).sum();
        let worst = rest.iter().map(|one| one.class).max().unwrap_or(Class::Nothing);
        let worst = severity(worst, rest.iter().any(|one| one.loses_data));
        page.line("", &format!("{} more, at worst {worst} (`--full` shows them)", count(clusters, "cluster")));
    }
    page.text
}

struct Page {
    text: String,
    width: usize,
    limits: Limits,
}

impl Page {
    fn head(&mut self, review: &Review) {
        let side = |side: &Side| match &side.commit {
            Some(commit) if !commit.starts_with(&side.rev) => {
                format!("{} ({})", side.rev, commit.get(..10).unwrap_or(commit))
            }
            _ => side.rev.clone(),
        };
        self.line(DIM, &format!("{} → {}", side(&review.base), side(&review.head)));
        if let Some(diverged) = &review.diverged {
            self.line(&format!("{BOLD}{RED}"), &diverged.text);
        }
        if review.is_empty() {
            return self.line(BOLD, &review.headline);
        }
        let all = review.counts;
        let parts = [(all.changed, "changed"), (all.added, "added"), (all.removed, "removed")];
        let hosts: Vec<String> = parts
            .iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, what)| format!("{} {what}", count(*number, "host")))
            .collect();
        let extent = format!("{} in {}", list(&hosts), count(all.clusters, "cluster"));
        let color = color(review.class, review.loses_data);
        self.line(color, &format!("{}: {extent}", severity(review.class, review.loses_data).to_uppercase()));
        self.line(BOLD, &review.headline);
    }

    fn live(&mut self, live: &[LiveHost]) {
        if live.is_empty() {
            return;
        }
        self.text.push('\n');
        self.line(BOLD, "What the hosts last said");
        let mut shown = 0;
        for host in live {
            for note in &host.notes {
                if shown == self.limits.changes {
                    return self.item("", "… and more (`--full` shows all)");
                }
                let color = if matches!(note.kind, LiveKind::Overwrites | LiveKind::Failed) { RED } else { YELLOW };
                self.item(color, &format!("{}: {}", host.host, note.text));
                shown += 1;
            }
        }
    }

    fn cluster(&mut self, one: &ClusterReview) {
        self.text.push('\n');
        let names: Vec<&str> =
            one.clusters.iter().take(self.limits.names).map(crate::name::ClusterName::as_str).collect();
        let more = one.clusters.len() - names.len();
        let which = match (one.clusters.len(), more) {
            (1, _) => names.join(""),
            (many, 0) => format!("{}: {}", count(many, "cluster"), names.join(", ")),
            (many, more) => format!("{}: {} and {more} more", count(many, "cluster"), names.join(", ")),
        };
        let hosts = count(one.hosts.len(), "host");
        let color = color(one.class, one.loses_data);
        self.line(&format!("{BOLD}{color}"), &format!("{which} — {} — {hosts}", severity(one.class, one.loses_data)));
        for transition in &one.transitions {
            self.transition(transition, one);
        }
        let consequences = one.consequences.iter().take(self.limits.changes);
        for consequence in consequences {
            let text = format!("{}{}", consequence.text, self.on(&consequence.hosts, one));
            if consequence.loses_data {
                self.danger(&text);
            } else {
                self.item(consequence.class.color(), &text);
            }
        }
        self.more(one.consequences.len());
        self.changes(one);
        self.files(one);
    }

    fn transition(&mut self, transition: &Transition, one: &ClusterReview) {
        let whose = match (&transition.grant, transition.perhaps) {
            (None, _) => "for a person",
            (Some(_), false) => "transition",
            (Some(_), true) => "perhaps a transition",
        };
        self.danger(&format!("{whose}: {}{}", transition.text, self.on(&transition.hosts, one)));
        match (&transition.grant, transition.granted) {
            (None, _) => {}
            (Some(grant), true) => self.line(GREEN, &format!("    granted: `{grant}`")),
            (Some(grant), false) => {
                self.line(RED, &format!("    held back until `{grant}` stands below `grants` of the cluster"));
            }
        }
    }

    fn changes(&mut self, one: &ClusterReview) {
        let services = one
            .services
            .iter()
            .map(|change| format!("{}: {}{}", change.service, change.text, self.on(&change.hosts, one)));
        let policies =
            one.objects.iter().filter(|change| change.object.ends_with("policy")).map(|change| change.text.clone());
        let texts: Vec<String> = services.chain(policies).collect();
        if texts.is_empty() {
            return;
        }
        self.line(BOLD, "  Settings");
        for text in texts.iter().take(self.limits.changes) {
            self.item("", text);
        }
        self.more(texts.len());
    }

    fn files(&mut self, one: &ClusterReview) {
        let is_shown = |file: &&FileChange| file.path != MANIFEST && !file.path.starts_with(SECRETS);
        let files: Vec<&FileChange> = one.files.iter().filter(is_shown).collect();
        if files.is_empty() {
            return;
        }
        self.line(BOLD, "  Files");
        for file in files.iter().take(self.limits.changes) {
            self.file(file, one);
        }
        self.more(files.len());
    }

    fn file(&mut self, file: &FileChange, one: &ClusterReview) {
        let kind = match file.kind {
            Kind::Added => "added ",
            Kind::Removed => "removed ",
            Kind::Modified => "",
        };
        let note = match &file.note {
            None => String::new(),
            Some(Note::Whitespace) => ": only white space differs".to_owned(),
            Some(Note::Comments) => ": only comments differ".to_owned(),
            Some(Note::Reordered) => ": the same lines in another order".to_owned(),
            Some(Note::MovedFrom(path)) => format!(": moved from {path}"),
            Some(Note::MovedTo(path)) => format!(": moved to {path}"),
        };
        let similar = if file.similar { " (names and addresses differ)" } else { "" };
        self.item(BOLD, &format!("{kind}{}{}{note}{similar}", file.path, self.on(&file.hosts, one)));
        if file.path == DEFINITIONS || file.kind != Kind::Modified || matches!(file.note, Some(Note::Whitespace)) {
            return;
        }
        let lines = changed_lines(&file.diff);
        let total = lines.lines().count();
        for line in lines.lines().take(self.limits.lines) {
            let color = if line.starts_with('+') { GREEN } else { RED };
            let line = printable(line);
            let cut: String = line.chars().take(self.width - 6).collect();
            put(&mut self.text, format_args!("      {color}{cut}{RESET}\n"));
        }
        if total > self.limits.lines {
            self.line(DIM, &format!("      … {} more", count(total - self.limits.lines, "line")));
        }
    }

    /// Names hosts, unless it is all of them.
    fn on(&self, hosts: &[HostId], one: &ClusterReview) -> String {
        if hosts.is_empty() || hosts.len() == one.hosts.len() {
            return String::new();
        }
        let full = one.clusters.len() > 1;
        let name = |id: &HostId| if full { id.to_string() } else { id.host.to_string() };
        let names: Vec<String> = hosts.iter().take(self.limits.names).map(name).collect();
        let more = hosts.len() - names.len();
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        format!(" [{}{more}]", names.join(", "))
    }

    fn more(&mut self, all: usize) {
        if all > self.limits.changes {
            self.line(DIM, &format!("  … {} more (`--full` shows all)", all - self.limits.changes));
        }
    }

    fn danger(&mut self, text: &str) {
        self.wrapped(RED, "  ! ", "    ", text);
    }

    fn item(&mut self, color: &str, text: &str) {
        self.wrapped(color, "  • ", "    ", text);
    }

    fn line(&mut self, color: &str, text: &str) {
        let indent: String = text.chars().take_while(|c| *c == ' ').collect();
        self.wrapped(color, &indent, &indent, text.trim_start());
    }

    /// Writes a paragraph, broken between words.
    fn wrapped(&mut self, color: &str, first: &str, next: &str, text: &str) {
        let reset = if color.is_empty() { "" } else { RESET };
        let mut line = first.to_owned();
        let mut used = false;
        for word in printable(text).split(' ') {
            if used && line.chars().count() + 1 + word.chars().count() > self.width {
                put(&mut self.text, format_args!("{color}{line}{reset}\n"));
                next.clone_into(&mut line);
                used = false;
            }
            if used {
                line.push(' ');
            }
            line.push_str(word);
            used = true;
        }
        put(&mut self.text, format_args!("{color}{line}{reset}\n"));
    }
}

fn put(text: &mut String, args: std::fmt::Arguments<'_>) {
    text.write_fmt(args).expect("a string takes any text");
}
