//! A diff as text: a line per change that names its hosts, then the unified diff.

use std::fmt::Write as _;

use similar::{Algorithm, TextDiff};

use super::super::HostId;
use super::super::visible::is_hidden;
use super::{Change, Diff, Kind};
use crate::release::OnChange;

const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const CYAN: &str = "\x1b[36m";
const RESET: &str = "\x1b[0m";

/// So many hosts are named in one line; the rest is counted.
const NAMED: usize = 12;

/// Returns the unified diff of two texts, without the lines that name the files.
pub(crate) fn unified(old: &str, new: &str) -> String {
    let diff = TextDiff::configure().algorithm(Algorithm::Myers).diff_lines(old, new);
    diff.unified_diff().context_radius(3).to_string()
}

/// Renders a diff for people; the colours are for a stream that drops them where they are not wanted.
pub fn render(diff: &Diff) -> String {
    let mut text = String::new();
    let gone = |change: &Change| change.hosts.iter().all(|host| diff.removed.contains(host));
    for change in diff.changes.iter().filter(|change| !gone(change)) {
        heading(&mut text, change);
        body(&mut text, change);
        text.push('\n');
    }
    if !diff.removed.is_empty() {
        // Whoever removes a host knows what was on it.
        put(&mut text, format_args!("{BOLD}no longer in the release: {}{RESET}\n\n", hosts(&diff.removed)));
    }
    put(&mut text, format_args!("{BOLD}{}{RESET}\n", summary(diff)));
    text
}

fn heading(text: &mut String, change: &Change) {
    let kind = match change.kind {
        Kind::Added => "added",
        Kind::Removed => "removed",
        Kind::Modified => "modified",
    };
    put(text, format_args!("{BOLD}{} {kind} on {}{RESET}", printable(&change.path), hosts(&change.hosts)));
    match &change.on_change {
        Some(OnChange::Nothing) | None => text.push('\n'),
        Some(on_change) => put(text, format_args!(" ({})\n", action(on_change))),
    }
}

fn body(text: &mut String, change: &Change) {
    for attribute in &change.attributes {
        let (from, to) = (printable(&attribute.from), printable(&attribute.to));
        put(text, format_args!("{RED}-{}: {from}{RESET}\n{GREEN}+{0}: {to}{RESET}\n", attribute.name));
    }
    if change.diff.is_empty() {
        return;
    }
    let path = printable(change.path.trim_start_matches('/'));
    let side = |exists: bool, prefix: &str| if exists { format!("{prefix}/{path}") } else { "/dev/null".to_owned() };
    put(text, format_args!("{BOLD}--- {}{RESET}\n", side(change.kind != Kind::Added, "a")));
    put(text, format_args!("{BOLD}+++ {}{RESET}\n", side(change.kind != Kind::Removed, "b")));
    for line in change.diff.lines() {
        let color = match line.as_bytes().first() {
            Some(b'+') => GREEN,
            Some(b'-') => RED,
            Some(b'@') => CYAN,
            _ => "",
        };
        let end = if color.is_empty() { "" } else { RESET };
        put(text, format_args!("{color}{}{end}\n", printable(line)));
    }
}

fn summary(diff: &Diff) -> String {
    if diff.is_empty() {
        return "no changes".to_owned();
    }
    let mut parts = Vec::new();
    for (hosts, what) in [(&diff.changed, "changed"), (&diff.added, "added"), (&diff.removed, "removed")] {
        if !hosts.is_empty() {
            let plural = if hosts.len() == 1 { "" } else { "s" };
            parts.push(format!("{} host{plural} {what}", hosts.len()));
        }
    }
    parts.join(", ")
}

fn hosts(hosts: &[HostId]) -> String {
    let mut names: Vec<_> = hosts.iter().take(NAMED).map(|id| format!("{}/{}", id.cluster, id.host)).collect();
    if hosts.len() > NAMED {
        names.push(format!("{} more", hosts.len() - NAMED));
    }
    names.join(", ")
}

/// Says what a host does when a file changes.
pub(super) fn action(on_change: &OnChange) -> String {
    match on_change {
        OnChange::Nothing => "nothing".to_owned(),
        OnChange::Reload(unit) => format!("reload {unit}"),
        OnChange::Restart(unit) => format!("restart {unit}"),
        OnChange::Units => "reload systemd".to_owned(),
        OnChange::Sysctl => "load sysctl".to_owned(),
        OnChange::DaemonReload(unit) => format!("reload systemd, restart {unit}"),
        OnChange::Plugins => "switch plugins".to_owned(),
    }
}

/// Shows control characters, and those that hide or turn text, instead of sending them to the terminal.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) && c != '\t' { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

fn put(text: &mut String, args: std::fmt::Arguments<'_>) {
    text.write_fmt(args).expect("a string takes any text");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::super::ReleaseTree;
    use super::super::diff;
    use super::*;
    use crate::name::{ClusterName, HostName, HostPath, SecretRef, UnitName};
    use crate::quote::Syntax;
    use crate::release::{Artifact, Bundle, Owner, Part, Piece};

    fn artifact(text: &str, mode: u32) -> Artifact {
        let secret = SecretRef::parse("stats-password").expect("valid");
        Artifact {
            content: vec![Piece::Text(text.to_owned()), Piece::Secret { name: secret, syntax: Syntax::Raw }],
            mode,
            owner: Owner::root(),
            check: None,
            on_change: OnChange::Reload(UnitName::parse("haproxy.service").expect("valid")),
            part: Part::Whole,
        }
    }

    fn release(hosts: &[(&str, &[(&str, Artifact)])]) -> ReleaseTree {
        let cluster = ClusterName::parse("orders").expect("valid");
        let bundle = |(host, files): &(&str, &[(&str, Artifact)])| {
            let host = HostName::parse(host).expect("valid");
            let file = |(path, artifact): &(&str, Artifact)| (HostPath::parse(path).expect("valid"), artifact.clone());
            let artifacts: BTreeMap<_, _> = files.iter().map(file).collect();
            let order = vec![host.clone()];
            let bundle = Bundle {
                cluster: cluster.clone(),
                host: host.clone(),
                order,
                artifacts,
                definitions: None,
                secrets: BTreeMap::new(),
                role: crate::release::Role::default(),
                maintenance: None,
                grants: vec![],
            };
            (HostId { cluster: cluster.clone(), host }, bundle)
        };
        hosts.iter().map(bundle).collect()
    }

    fn plain(text: &str) -> String {
        [BOLD, RED, GREEN, CYAN, RESET].iter().fold(text.to_owned(), |text, code| text.replace(code, ""))
    }

    #[test]
    fn equal_changes_stand_once() {
        let path = "/etc/haproxy/haproxy.cfg";
        let (old, new) = (artifact("a\nb\nport 1\n", 0o644), artifact("a\nb\nport \u{1b}[2\n", 0o600));
        let a =
            release(&[("h1", &[(path, old.clone())]), ("h2", &[(path, old.clone())]), ("h3", &[(path, old.clone())])]);
        let b = release(&[("h1", &[(path, new.clone())]), ("h2", &[(path, new)]), ("h4", &[("/etc/x", old)])]);
        let found = diff(&a, &b);
        insta::assert_snapshot!(plain(&render(&found)));
        assert_eq!(render(&diff(&a, &a)), format!("{BOLD}no changes{RESET}\n"));
        assert!(render(&found).contains(&format!("{GREEN}+port \\u{{1b}}[2{RESET}")));
    }
}
