//! A review as Markdown for the comment on a pull request: GitHub, GitLab, Gitea and Forgejo show it alike.
//!
//! Consequences come first; what a few readers want is folded away. Every text that comes from a spec is code, or is kept
//! from being anything but text ([`quote`]). A forge takes comments up to a size: [`Limits`] says which, and detail is
//! dropped in the order of [`fit::Detail`].

mod fit;
mod quote;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

pub use fit::{Limits, Unit};

use fit::{Detail, Piece};
use quote::{code, element, fence, prose};

use super::diff::Kind;
use super::pair::count;
use super::words::{host_name, names_a_secret, number, severity, some};
use super::{
    Class, ClusterReview, FileChange, HostId, LiveHost, Note, PolicyChange, Review, SecretChange, ServiceChange,
    SettingChange, Side, Transition, picture,
};

/// So many hosts or clusters are named; the rest is counted.
const NAMED: usize = 6;
/// So many rows a table has; the rest is counted.
const ROWS: usize = 40;
/// So many pictures a page has: each one costs the reader's browser as much as the rest of the page.
const PICTURES: usize = 5;
/// What is said of that by which messages or queues can be lost.
const LOST: &str = " **loses data**";
/// A diff with more lines is cut.
const LINES: usize = 400;

/// Renders a review within limits, which hold whatever the review says.
pub fn render(review: &Review, limits: Limits<'_>) -> String {
    let mut pieces = vec![Piece::new(Detail::Headline, head(review))];
    let held: Vec<(&ClusterReview, &Transition)> = review
        .clusters
        .iter()
        .flat_map(|one| one.transitions.iter().map(move |transition| (one, transition)))
        .filter(|(_, transition)| !transition.granted)
        .collect();
    let titles = ["Held back until the spec grants it", "Perhaps held back", "For a person to do"];
    for (number, title) in titles.into_iter().enumerate() {
        let which = |one: &Transition| if one.is_held() { 0 } else { 2 - usize::from(one.perhaps) };
        let mut some = held.iter().filter(|(_, transition)| which(transition) == number).peekable();
        if some.peek().is_some() {
            pieces.push(Piece::new(Detail::HeldBack, format!("\n### {title}\n\n")));
        }
        pieces.extend(some.map(|(one, transition)| Piece::new(Detail::HeldBack, held_back(one, transition))));
    }
    pieces.extend(live(&review.live));
    let mut pictures = 0;
    for one in &review.clusters {
        cluster(&mut pieces, one, review.clusters.len() == 1, &mut pictures);
    }
    fit::fit(pieces, limits)
}

fn head(review: &Review) -> String {
    let severity = review.severity();
    let counts = review.counts;
    let mut parts = Vec::new();
    for (hosts, what) in [(counts.changed, "changed"), (counts.added, "new"), (counts.removed, "removed")] {
        if hosts > 0 {
            parts.push(format!("{} {what}", count(hosts, "host")));
        }
    }
    if counts.clusters > 1 {
        parts.push(count(counts.clusters, "cluster"));
    }
    let sides = format!("{} → {}", side(&review.base), side(&review.head));
    let parts: String = parts.iter().map(|part| format!(" · {part}")).collect::<Vec<_>>().concat();
    let careful = review.diverged.as_ref().map(|diverged| format!("> **Careful:** {}\n\n", prose(&diverged.text)));
    let careful = careful.unwrap_or_default();
    format!("## `rmqgit review`: {severity}\n\n{careful}**{}**\n\n{sides}{parts}\n", prose(review.headline.trim()))
}

fn side(side: &Side) -> String {
    let short = side.commit.as_deref().map(|commit| commit.chars().take(12).collect::<String>());
    match short {
        Some(commit) if !side.rev.starts_with(&commit) && !commit.starts_with(&side.rev) => {
            format!("{} ({})", code(&side.rev), code(&commit))
        }
        _ => code(&side.rev),
    }
}

fn held_back(one: &ClusterReview, transition: &Transition) -> String {
    let what = format!("- {}: {}{}\n", clusters(one, code), prose(&transition.text), on(one, &transition.hosts, code));
    match &transition.grant {
        Some(grant) => format!("{what}  To grant it, add {} to `grants` of the cluster.\n", code(grant)),
        None => what,
    }
}

fn live(hosts: &[LiveHost]) -> Option<Piece> {
    if hosts.is_empty() {
        return None;
    }
    let mut text = "\n### What the hosts last said\n\n".to_owned();
    for host in hosts.iter().take(ROWS) {
        let at = host.at.as_ref().map(|at| format!(" ({})", code(at))).unwrap_or_default();
        put(&mut text, format_args!("- {}{at}: ", code(&host.host.to_string())));
        let notes: Vec<String> = host.notes.iter().map(|note| prose(&note.text)).collect();
        text.push_str(&notes.join("; "));
        text.push('\n');
    }
    rest(&mut text, hosts.len(), "host");
    Some(Piece::new(Detail::Live, text))
}

/// Adds the pieces of one entry.
fn cluster(pieces: &mut Vec<Piece>, one: &ClusterReview, alone: bool, pictures: &mut usize) {
    let mut text = String::new();
    let hosts = count(one.hosts.len(), "host");
    put(&mut text, format_args!("\n### {}: {}, {hosts}\n\n", clusters(one, code), severity(one.class, one.loses_data)));
    for consequence in &one.consequences {
        let class = if consequence.class == one.class && alone { String::new() } else { label(consequence.class) };
        let lost = if consequence.loses_data { LOST } else { "" };
        let (what, hosts) = (prose(&consequence.text), on(one, &consequence.hosts, code));
        put(&mut text, format_args!("- {class}{what}{lost}{hosts}\n"));
    }
    for transition in one.transitions.iter().filter(|transition| transition.granted) {
        let (class, what) = (label(Class::Transition), prose(&transition.text));
        match &transition.grant {
            Some(grant) => put(&mut text, format_args!("- {class}{what} (granted by {})\n", code(grant))),
            None => put(&mut text, format_args!("- {class}{what} (granted)\n")),
        }
    }
    for (hosts, what) in [(&one.added, "New"), (&one.removed, "No longer in the release")] {
        if !hosts.is_empty() {
            put(&mut text, format_args!("- {what}: {}.\n", names(one, hosts, code)));
        }
    }
    pieces.push(Piece::new(Detail::Cluster, text));
    pieces.extend(policies(&one.policies));
    pieces.extend(objects(one));
    pieces.extend(services(one));
    pieces.extend(secrets(&one.secrets));
    if let Some(topology) = one.topology.as_ref().filter(|_| *pictures < PICTURES) {
        *pictures += 1;
        let of =
            if one.clusters.len() > 1 { format!(" of {}", element(topology.cluster.as_str())) } else { String::new() };
        let chart = fence("mermaid", &picture::mermaid(topology));
        pieces.push(Piece::new(Detail::Picture, details(&format!("Topology{of}"), &chart)));
    }
    pieces.extend(one.files.iter().map(|change| file(one, change)));
}

fn policies(policies: &[PolicyChange]) -> Option<Piece> {
    if policies.is_empty() {
        return None;
    }
    let mut text =
        "| Names such as | Virtual host | Policy before | Policy after | Settings |\n|---|---|---|---|---|\n"
            .to_owned();
    for change in policies.iter().take(ROWS) {
        let (witnesses, more) = some(&change.names, 3, |name| code(name));
        let more = if more > 0 { format!(" and {} more", number(more)) } else { String::new() };
        let winner = |name: &Option<String>| name.as_deref().map_or("none".to_owned(), code);
        let (lost, operator) =
            (if change.loses_data { LOST } else { "" }, if change.operator { " (operator policy)" } else { "" });
        put(
            &mut text,
            format_args!(
                "| {}{more} ({}){lost} | {} | {} | {}{operator} | {} |\n",
                witnesses.join(", "),
                change.kind.word(),
                code(&change.vhost),
                winner(&change.before),
                winner(&change.after),
                settings(&change.settings),
            ),
        );
    }
    rest(&mut text, policies.len(), "row");
    let title = format!("Policies by who wins: {}", count(policies.len(), "change"));
    Some(Piece::new(Detail::Policies, details_open(&title, &text)))
}

fn objects(one: &ClusterReview) -> Option<Piece> {
    if one.objects.is_empty() {
        return None;
    }
    let mut text = String::new();
    for object in one.objects.iter().take(ROWS) {
        let settings = match settings(&object.settings) {
            settings if settings.is_empty() => String::new(),
            settings => format!(": {settings}"),
        };
        put(
            &mut text,
            format_args!("- {} {} {}{settings}\n", sign(object.kind), prose(object.object), prose(&object.name)),
        );
    }
    rest(&mut text, one.objects.len(), "object");
    let title = format!("Users, permissions and other objects: {}", count(one.objects.len(), "change"));
    Some(Piece::new(Detail::Objects, details(&title, &text)))
}

fn services(one: &ClusterReview) -> Option<Piece> {
    if one.services.is_empty() {
        return None;
    }
    let mut text = "| Class | Where | Setting | Before | After | Hosts |\n|---|---|---|---|---|---|\n".to_owned();
    for ServiceChange { service, class, place, setting, hosts, .. } in one.services.iter().take(ROWS) {
        let place = if place.is_empty() { String::new() } else { format!(" {}", code(place)) };
        put(
            &mut text,
            format_args!(
                "| {} | {service}{place} | {} | {} | {} | {} |\n",
                class.as_str(),
                code(&setting.key),
                side_of(setting.from.as_deref(), "set"),
                side_of(setting.to.as_deref(), "set"),
                names(one, hosts, code),
            ),
        );
    }
    rest(&mut text, one.services.len(), "setting");
    let title = format!("Settings of the daemons: {}", count(one.services.len(), "change"));
    Some(Piece::new(Detail::Settings, details(&title, &text)))
}

fn secrets(secrets: &[SecretChange]) -> Option<Piece> {
    if secrets.is_empty() {
        return None;
    }
    let mut text = "| Secret | Sealed file before | After | Used for |\n|---|---|---|---|\n".to_owned();
    for secret in secrets.iter().take(ROWS) {
        let print = |print: &Option<String>| print.as_deref().map_or("none".to_owned(), code);
        let used: Vec<String> = secret.used_for.iter().map(|used| prose(used)).collect();
        let (name, used) = (code(secret.name.as_str()), used.join("; "));
        put(&mut text, format_args!("| {name} | {} | {} | {used} |\n", print(&secret.before), print(&secret.after)));
    }
    rest(&mut text, secrets.len(), "secret");
    let title = format!("Secrets: {}", count(secrets.len(), "change"));
    Some(Piece::new(Detail::Objects, details(&title, &text)))
}

fn file(one: &ClusterReview, change: &FileChange) -> Piece {
    let mut notes = vec![change.class.as_str().to_owned()];
    notes.extend(change.note.as_ref().map(|note| match note {
        Note::Whitespace => "white space only".to_owned(),
        Note::Comments => "comments only".to_owned(),
        Note::Reordered => "other order".to_owned(),
        Note::MovedFrom(path) => format!("moved from {}", element(path)),
        Note::MovedTo(path) => format!("moved to {}", element(path)),
    }));
    let title = format!(
        "{} {} on {}: {}",
        sign(change.kind),
        element(&change.path),
        names(one, &change.hosts, element),
        notes.join(", ")
    );
    let list = format!("\n- {title}\n");
    let mut body = String::new();
    if change.similar {
        body.push_str("The lines of the first host; on the others they differ in names and addresses of hosts.\n");
    }
    for attribute in &change.attributes {
        let (from, to) = (code(&attribute.from), code(&attribute.to));
        put(&mut body, format_args!("- {}: {from} → {to}\n", prose(attribute.name)));
    }
    if !change.diff.is_empty() {
        let lines: Vec<&str> = change.diff.split_terminator('\n').collect();
        let shown = lines.len().min(LINES);
        body.push_str(if body.is_empty() { "" } else { "\n" });
        body.push_str(&fence("diff", &lines[..shown].join("\n")));
        if shown < lines.len() {
            put(&mut body, format_args!("\n{} more lines\n", number(lines.len() - shown)));
        }
    }
    if body.is_empty() {
        return Piece::new(Detail::Files, list);
    }
    let quiet = change.class <= Class::Live || change.note.is_some();
    let detail = if quiet { Detail::QuietDiff } else { Detail::Diff };
    Piece { instead: Some((Detail::Files, list)), ..Piece::new(detail, details(&title, &body)) }
}

/// Returns a block that opens when it is asked for. The title is HTML; the body is Markdown, because of the empty line.
fn details(title: &str, body: &str) -> String {
    format!("\n<details><summary>{title}</summary>\n\n{body}\n</details>\n")
}

fn details_open(title: &str, body: &str) -> String {
    format!("\n<details open><summary>{title}</summary>\n\n{body}\n</details>\n")
}

/// Says how many entries a list leaves out.
fn rest(text: &mut String, all: usize, noun: &str) {
    if all > ROWS {
        put(text, format_args!("\n{} more\n", count(all - ROWS, noun)));
    }
}

fn settings(settings: &[SettingChange]) -> String {
    let all = settings.iter().map(|change| {
        let side = |side: &Option<String>| side_of(side.as_deref(), "empty");
        format!("{}: {} → {}", code(&change.key), side(&change.from), side(&change.to))
    });
    all.collect::<Vec<_>>().join(", ")
}

/// Returns a setting's value on one side; what an empty one means depends on whose it is.
fn side_of(text: Option<&str>, empty: &str) -> String {
    match text {
        None => "not set".to_owned(),
        Some("") => empty.to_owned(),
        Some(text) if names_a_secret(text) => prose(text),
        Some(text) => code(text),
    }
}

/// Returns the names of an entry's clusters.
fn clusters(one: &ClusterReview, quote: impl Fn(&str) -> String) -> String {
    listed(some(&one.clusters, NAMED, |name| quote(name.as_str())))
}

/// Returns the names of hosts of an entry, in words if they are all of them.
fn names(one: &ClusterReview, hosts: &[HostId], quote: impl Fn(&str) -> String) -> String {
    if hosts.len() > NAMED && hosts.len() == one.hosts.len() {
        return format!("all {}", count(hosts.len(), "host"));
    }
    listed(some(hosts, NAMED, |host| quote(&host_name(host, one.clusters.len() == 1))))
}

/// Returns where something happens, if it is not in the cluster as a whole.
fn on(one: &ClusterReview, hosts: &[HostId], quote: impl Fn(&str) -> String) -> String {
    if hosts.is_empty() { String::new() } else { format!(" ({})", names(one, hosts, quote)) }
}

fn listed((names, more): (Vec<String>, usize)) -> String {
    match more {
        0 => names.join(", "),
        more => format!("{} and {} more", names.join(", "), number(more)),
    }
}

fn label(class: Class) -> String {
    format!("**{}**: ", class.as_str())
}

fn sign(kind: Kind) -> &'static str {
    match kind {
        Kind::Added => "new",
        Kind::Removed => "removed",
        Kind::Modified => "changed",
    }
}

fn put(text: &mut String, args: std::fmt::Arguments<'_>) {
    text.write_fmt(args).expect("a string takes any text");
}
