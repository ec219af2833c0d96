//! The shared part of a spec, and the way from a cluster's bytes to a decoded cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::cluster::{Cluster, Cut, Lost};
use super::document::{Document, VERSION};
use crate::diag::{At, DEFINED, Diagnostic, Diagnostics, Place, Sources, Span, excerpt, nearest};
use crate::name::{ClusterName, HostName};
use crate::yaml::{self, Limits, Node, View};

/// The branch that compiled files are committed to when the spec does not say.
const BRANCH: &str = "rmqgit/output";
/// The files that hold a cluster each when the spec does not say.
const INCLUDE: [&str; 2] = ["clusters/*.yaml", "clusters/*.yml"];

/// What all clusters of a spec share, and the clusters that stand in `rmqgit.yaml` itself.
#[derive(Debug)]
pub struct Root {
    name: Box<str>,
    text: Arc<str>,
    document: Document,
    defaults: Option<Node>,
    /// Each profile with the defaults under it.
    profiles: BTreeMap<String, Node>,
    inline: Vec<Inline>,
    include: Vec<String>,
    /// Where defaults and profiles have faults, which are reported once and not again for every cluster.
    faulty: BTreeSet<Span>,
}

/// A cluster as it is written, with defaults and profile merged in.
#[derive(Debug, Clone)]
pub struct Written {
    /// The cluster.
    pub cluster: Cluster,
    /// The tree that it was decoded from, for whoever looks for the place of something.
    pub tree: Node,
}

/// A cluster that stands in `rmqgit.yaml`.
#[derive(Debug)]
pub struct Inline {
    /// The key, where the clusters have keys.
    key: Option<At<String>>,
    node: Node,
}

impl Root {
    /// Reads `rmqgit.yaml`. Faults of its defaults and profiles are reported here, and the root is given all the same.
    pub fn parse(sources: &mut Sources, name: &str, bytes: &[u8], diags: &mut Diagnostics) -> Option<Self> {
        let file = u32::try_from(sources.len()).expect("fewer than 4 billion files fit in memory");
        let tree = yaml::read(sources, name, bytes, &Limits::default(), diags)?;
        let mut found = Diagnostics::new();
        let document = yaml::decode(&tree, &mut found).or_else(|| Some(decode_rest(&tree, &found)?.value));
        diags.append(&mut found);
        let document: Document = document?;
        if document.version.value != VERSION {
            let message =
                format!("the spec has version {}; this rmqgit reads version {VERSION}", document.version.value);
            let fault = Diagnostic::error("unsupported-version", message).at(document.version.place, "here");
            diags.push(fault.help("write `version: 1`, or use the rmqgit that the spec is written for"));
            return None;
        }
        let defaults = tree.get("defaults").filter(|node| !node.is_null()).cloned();
        let mut faulty = BTreeSet::new();
        for part in
            defaults.iter().chain(tree.get("profiles").into_iter().flat_map(Node::entries).map(yaml::Entry::value))
        {
            check_part(part, &mut faulty, diags);
        }
        let profile = |entry: &yaml::Entry| {
            let node = entry.value();
            let merged = defaults.as_ref().map_or_else(|| node.clone(), |under| Node::merge(under, node));
            (entry.key().to_owned(), merged)
        };
        let profiles = tree.get("profiles").into_iter().flat_map(Node::entries).map(profile).collect();
        let root = Self {
            name: name.into(),
            text: sources.text(file),
            include: patterns(&document, diags),
            inline: inline(&tree, diags),
            document,
            defaults,
            profiles,
            faulty,
        };
        root.check_branch(diags);
        Some(root)
    }

    /// Makes a registry that knows the root, for reading clusters on another thread: spans of the root hold in it.
    /// The root must have been the first file of the registry that it was read with.
    pub fn sources(&self) -> Sources {
        let mut sources = Sources::new();
        sources.add(self.name.clone(), Arc::clone(&self.text));
        sources
    }

    /// Returns the branch that compiled files are committed to.
    pub fn branch(&self) -> &str {
        self.document.publish.branch.as_ref().map_or(BRANCH, |branch| &branch.value)
    }

    /// Tells whether a file of the repository holds a cluster.
    pub fn includes(&self, path: &str) -> bool {
        self.include.iter().any(|pattern| matches(pattern, path))
    }

    /// Returns the clusters that stand in the root, in the order of the file.
    pub fn inline(&self) -> &[Inline] {
        &self.inline
    }

    /// Returns the name that a cluster of the root will have, as far as it can be told without decoding it.
    pub fn inline_name<'a>(&'a self, inline: &'a Inline) -> Option<&'a str> {
        let own = || inline.node.get("name").or_else(|| self.defaults.as_ref()?.get("name"))?.as_str();
        inline.key.as_ref().map(|key| key.value.as_str()).or_else(own)
    }

    /// Decodes a cluster that stands in the root.
    pub fn inline_cluster(&self, inline: &Inline, diags: &mut Diagnostics) -> Option<Written> {
        self.decode(&inline.node, inline.key.as_ref(), diags)
    }

    /// Reads the file of one cluster, whose name is the file's where it has no other.
    pub fn cluster(&self, sources: &mut Sources, path: &str, bytes: &[u8], diags: &mut Diagnostics) -> Option<Written> {
        let tree = yaml::read(sources, path, bytes, &Limits::default(), diags)?;
        let file = path.rsplit('/').next().expect("rsplit yields at least one part");
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        let start = Span { end: tree.span().start, ..tree.span() };
        let key = At { value: stem.to_owned(), place: Place { used: start, defined: None } };
        self.decode(&tree, Some(&key), diags)
    }

    fn decode(&self, node: &Node, key: Option<&At<String>>, diags: &mut Diagnostics) -> Option<Written> {
        let merged = self.merge(node, diags)?;
        let mut found = Diagnostics::new();
        let decoded = yaml::decode(&merged, &mut found);
        let cluster = decoded.or_else(|| {
            let rest = decode_rest::<Cluster>(&merged, &found)?;
            Some(Cluster { lost: Some(lost(&merged, &rest)), ..rest.value })
        });
        found.retain(|diag| !diag.labels.iter().any(|label| self.faulty.contains(&label.span)));
        diags.append(&mut found);
        let mut cluster: Cluster = cluster?;
        if let Some(key) = key {
            name_by(key, &mut cluster, diags);
        }
        Some(Written { cluster, tree: merged })
    }

    /// Lays a cluster over its profile and the defaults.
    fn merge(&self, node: &Node, diags: &mut Diagnostics) -> Option<Node> {
        let chosen = node.get("profile").or_else(|| self.defaults.as_ref()?.get("profile"));
        let Some(profile) = chosen.filter(|node| !node.is_null()) else {
            return Some(self.defaults.as_ref().map_or_else(|| node.clone(), |under| Node::merge(under, node)));
        };
        let name = profile.as_str().unwrap_or_default();
        if let Some(under) = self.profiles.get(name) {
            return Some(Node::merge(under, node));
        }
        let help = match nearest(name, self.profiles.keys().map(String::as_str)) {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => format!("declare it under `profiles` in `{}`", self.name),
        };
        let fault = Diagnostic::error("unknown-profile", format!("there is no profile `{}`", excerpt(name)));
        diags.push(fault.at(profile.place(), "chosen here").help(help));
        None
    }

    fn check_branch(&self, diags: &mut Diagnostics) {
        let Some(branch) = &self.document.publish.branch else { return };
        let plain = |part: &str| {
            !part.is_empty()
                && !part.starts_with(['.', '-'])
                && !part.ends_with('.')
                && part.rsplit_once('.').is_none_or(|(_, end)| !end.eq_ignore_ascii_case("lock"))
                && !part.contains("..")
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.+".contains(&b))
        };
        if branch.starts_with("refs/") || !branch.split('/').all(plain) {
            let fault =
                Diagnostic::error("invalid-value", format!("`{}` is not the name of a branch", excerpt(&branch.value)));
            diags.push(
                fault
                    .at(branch.place, "here")
                    .help("use letters, digits, `-`, `_`, `.` and `/`, without `refs/heads/`"),
            );
        }
    }
}

/// Reports the faults in the structure of defaults or of a profile, which need not be complete.
fn check_part(part: &Node, faulty: &mut BTreeSet<Span>, diags: &mut Diagnostics) {
    let mut found = Diagnostics::new();
    let _: Option<Cluster> = yaml::decode(part, &mut found);
    found.retain(|diag| diag.code != "missing-field");
    faulty.extend(found.iter().filter_map(written));
    diags.append(&mut found);
}

/// How often faulty values are taken out: without them the value around may be incomplete, and then that goes too.
const MOST_CUTS: usize = 12;

/// What is left when the faulty values are taken out.
struct Rest<T> {
    value: T,
    /// Where the faulty values are written.
    spans: BTreeSet<Span>,
    /// Where keys are written that mean nothing, and may be misspelled ones.
    unknown: BTreeSet<Span>,
}

/// Decodes what is left when the faulty values are taken out, so that all other faults are found in the same run.
fn decode_rest<T: DeserializeOwned>(node: &Node, faults: &[Diagnostic]) -> Option<Rest<T>> {
    let (mut spans, mut unknown) = (BTreeSet::new(), BTreeSet::new());
    let mut found = faults.to_vec();
    for _ in 0..MOST_CUTS {
        let known = spans.len();
        spans.extend(found.iter().filter_map(written));
        unknown.extend(found.iter().filter(|fault| fault.code == "unknown-field").filter_map(written));
        if spans.len() == known {
            return None;
        }
        found.clear();
        if let Some(value) = yaml::decode(&node.without(&spans)?, &mut found) {
            return Some(Rest { value, spans, unknown });
        }
    }
    None
}

/// Takes the names that a cluster declares, of faulty parts too, and says what is left out of it.
fn lost(cluster: &Node, rest: &Rest<Cluster>) -> Lost {
    let hosts = cluster.get("hosts").into_iter().flat_map(Node::entries);
    let vhosts = cluster.get("rabbitmq").and_then(|section| section.get("vhosts"));
    Lost {
        hosts: hosts.filter_map(|entry| HostName::parse(entry.key()).ok()).collect(),
        vhosts: match vhosts.map(Node::view) {
            None => Some(vec!["/".to_owned()]),
            Some(View::Mapping(entries)) => Some(entries.iter().map(|entry| entry.key().to_owned()).collect()),
            Some(_) => None,
        },
        cuts: cluster.cuts(&rest.spans).into_iter().map(|(path, around)| cut(path, around, &rest.unknown)).collect(),
    }
}

/// A key that means nothing may stand for any of those beside it.
fn cut(mut path: Vec<String>, around: Vec<Span>, unknown: &BTreeSet<Span>) -> Cut {
    if around.iter().any(|place| unknown.contains(place)) {
        path.pop();
    }
    Cut { path, around }
}

/// Returns where a faulty value is written: its second place where an alias or a default brought it to the first.
fn written(fault: &Diagnostic) -> Option<Span> {
    let defined = fault.labels.get(1).filter(|label| label.text == DEFINED);
    defined.or_else(|| fault.labels.first()).map(|label| label.span)
}

/// Gives a cluster the name of its key or file, with which its own must agree.
fn name_by(key: &At<String>, cluster: &mut Cluster, diags: &mut Diagnostics) {
    match (&cluster.name, ClusterName::parse(key)) {
        (Some(own), _) if own.as_str() != key.as_str() => {
            let message = format!("the cluster is named `{}`, but stands under `{}`", own.value, excerpt(&key.value));
            let fault = Diagnostic::error("name-mismatch", message).at(own.place, "named here");
            let fault =
                if key.place.used.start == key.place.used.end { fault } else { fault.at(key.place, "stands here") };
            diags.push(fault.help(format!("write `name: {}`, or leave the name out", excerpt(&key.value))));
        }
        (Some(_), _) => {}
        (None, Ok(name)) => cluster.name = Some(At { value: name, place: key.place }),
        (None, Err(error)) => {
            diags.push(Diagnostic::error("invalid-value", error.to_string()).at(key.place, "this cluster"));
        }
    }
}

/// Takes the clusters that stand in the root.
fn inline(tree: &Node, diags: &mut Diagnostics) -> Vec<Inline> {
    let mut found = Vec::new();
    found.extend(
        tree.get("cluster").filter(|node| !node.is_null()).map(|node| Inline { key: None, node: node.clone() }),
    );
    let Some(clusters) = tree.get("clusters").filter(|node| !node.is_null()) else { return found };
    match clusters.view() {
        View::Mapping(entries) => found.extend(entries.iter().map(|entry| {
            let key = At { value: entry.key().to_owned(), place: entry.place() };
            Inline { key: Some(key), node: entry.value().clone() }
        })),
        View::List(items) => found.extend(items.iter().map(|node| Inline { key: None, node: node.clone() })),
        View::Scalar(..) => {
            let fault = Diagnostic::error("wrong-type", "`clusters` is neither a mapping nor a list");
            diags.push(fault.at(clusters.place(), "here").help("write each cluster under its name"));
        }
        View::Broken => {}
    }
    found
}

/// Takes the patterns of included files. A pattern has one `*`, in its last part.
fn patterns(document: &Document, diags: &mut Diagnostics) -> Vec<String> {
    let Some(given) = &document.include else { return INCLUDE.map(str::to_owned).to_vec() };
    let sound = |pattern: &str| {
        let (dir, file) = pattern.rsplit_once('/').unwrap_or(("", pattern));
        let plain = |part: &str| !matches!(part, "" | "." | ".." | ".git") && !part.contains(['*', '\\']);
        (dir.is_empty() || dir.split('/').all(plain)) && !file.is_empty() && file.matches('*').count() <= 1
    };
    for pattern in given.0.iter().filter(|pattern| !sound(pattern)) {
        let fault =
            Diagnostic::error("invalid-value", format!("`{}` is not a pattern of included files", excerpt(pattern)));
        diags.push(
            fault
                .at(given.place, "here")
                .help("write a path inside the repository with one `*` in the file's name, such as `clusters/*.yaml`"),
        );
    }
    given.0.clone()
}

fn matches(pattern: &str, path: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == path,
        Some((before, after)) => path
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after))
            .is_some_and(|middle| !middle.contains('/') && !middle.starts_with('.')),
    }
}

/// Returns the output branch that the bytes of `rmqgit.yaml` name, or the default one.
pub fn branch(bytes: &[u8]) -> String {
    // Most specs do not name one, and need not be read twice for it.
    let given = bytes.windows(7).any(|word| word == b"publish");
    let root = given.then(|| Root::parse(&mut Sources::new(), "", bytes, &mut Diagnostics::new())).flatten();
    root.map_or_else(|| BRANCH.to_owned(), |root| root.branch().to_owned())
}

/// Returns the directories that the included files stand in, from the bytes of `rmqgit.yaml`; `""` is its own.
pub fn include_dirs(bytes: &[u8]) -> Vec<String> {
    let mut sources = Sources::new();
    let mut diags = Diagnostics::new();
    // Most specs have no `include`, and need not be read twice for it.
    let given = bytes.windows(7).any(|word| word == b"include");
    let tree = given.then(|| yaml::read(&mut sources, "", bytes, &Limits::default(), &mut diags)).flatten();
    let document = tree.and_then(|tree| yaml::decode::<Document>(&tree, &mut diags));
    let patterns =
        document.map_or_else(|| INCLUDE.map(str::to_owned).to_vec(), |document| patterns(&document, &mut diags));
    let dirs: BTreeSet<&str> =
        patterns.iter().map(|pattern| pattern.rsplit_once('/').map_or("", |(dir, _)| dir)).collect();
    dirs.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_one_part() {
        for (pattern, path, expect) in [
            ("clusters/*.yaml", "clusters/a.yaml", true),
            ("clusters/*.yaml", "clusters/a.yml", false),
            ("clusters/*.yaml", "clusters/b/a.yaml", false),
            ("clusters/*.yaml", "clusters/.a.yaml", false),
            ("*.cluster", "a.cluster", true),
            ("*.cluster", "b/a.cluster", false),
            ("one.yaml", "one.yaml", true),
        ] {
            assert_eq!(matches(pattern, path), expect, "{pattern} {path}");
        }
    }
}
