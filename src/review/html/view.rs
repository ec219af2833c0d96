//! A review as the page's template sees it: texts that are ready to be shown, and numbers for the lists of hosts.

use serde::Serialize;

use super::hosts::Lists;
use super::sides::{Row, rows};
use crate::review::diff::Kind;
use crate::review::pair::count;
use crate::review::visible::visible;
use crate::review::words::{self, host_name, number, some};
use crate::review::{
    Class, ClusterReview, Consequence, FileChange, HostId, LiveHost, Note, ObjectChange, PolicyChange, Review,
    SecretChange, ServiceChange, SettingChange, Side, Transition, picture,
};

/// So many hosts or clusters are named; the list of all is folded below.
const NAMED: usize = 6;
/// A longer diff is shown as it is, not side by side.
const LINES: usize = 2000;
/// Files are shown open as long as there are no more of them.
const OPEN: usize = 3;

#[derive(Debug, Serialize)]
pub(super) struct Page {
    title: String,
    /// What the base has that the head does not come from; empty if there is nothing.
    diverged: Vec<Word>,
    headline: Vec<Word>,
    class: &'static str,
    severity: String,
    loses_data: bool,
    /// Every class from harmless to dangerous.
    ladder: [&'static str; 5],
    base: Revision,
    head: Revision,
    counts: Vec<String>,
    held_back: Vec<Held>,
    perhaps: Vec<Held>,
    for_a_person: Vec<Held>,
    live: Vec<Host>,
    /// The classes that something on the page has.
    classes: Vec<&'static str>,
    clusters: Vec<Entry>,
}

/// A piece of a sentence.
#[derive(Debug, Serialize)]
pub(super) struct Word {
    code: bool,
    text: String,
}

#[derive(Debug, Serialize)]
struct Revision {
    rev: String,
    commit: Option<String>,
    subject: Option<String>,
}

/// What is held back, or granted.
#[derive(Debug, Serialize)]
struct Held {
    clusters: String,
    text: Vec<Word>,
    grant: Option<String>,
    granted: bool,
}

#[derive(Debug, Serialize)]
struct Host {
    name: String,
    at: Option<String>,
    notes: Vec<Vec<Word>>,
}

#[derive(Debug, Serialize)]
struct Entry {
    id: String,
    title: String,
    more: Option<String>,
    class: &'static str,
    loses_data: bool,
    hosts: String,
    consequences: Vec<Happens>,
    transitions: Vec<Held>,
    added: Option<Named>,
    removed: Option<Named>,
    picture: Option<Picture>,
    policies: Vec<Policy>,
    objects: Vec<Object>,
    services: Vec<Setting>,
    secrets: Vec<Secret>,
    files: Vec<File>,
    lists: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Happens {
    class: &'static str,
    loses_data: bool,
    text: Vec<Word>,
    hosts: Option<Named>,
}

/// Hosts in a few words, and the number of the list that names all.
#[derive(Debug, Serialize)]
struct Named {
    text: String,
    list: usize,
}

#[derive(Debug, Serialize)]
struct Picture {
    cluster: String,
    wide: minijinja::Value,
    narrow: Option<minijinja::Value>,
}

#[derive(Debug, Serialize)]
struct Policy {
    names: Vec<String>,
    more: Option<String>,
    kind: &'static str,
    vhost: String,
    before: Option<String>,
    after: Option<String>,
    operator: bool,
    loses_data: bool,
    settings: Vec<Pair>,
}

#[derive(Debug, Serialize)]
struct Pair {
    key: String,
    from: Option<Vec<Word>>,
    to: Option<Vec<Word>>,
}

#[derive(Debug, Serialize)]
struct Object {
    kind: &'static str,
    what: String,
    name: Vec<Word>,
    settings: Vec<Pair>,
}

#[derive(Debug, Serialize)]
struct Setting {
    class: &'static str,
    service: &'static str,
    place: String,
    pair: Pair,
    hosts: Named,
}

#[derive(Debug, Serialize)]
struct Secret {
    name: String,
    before: Option<String>,
    after: Option<String>,
    used_for: Vec<Vec<Word>>,
}

#[derive(Debug, Serialize)]
struct File {
    path: String,
    kind: &'static str,
    class: &'static str,
    note: Option<String>,
    hosts: Named,
    similar: bool,
    open: bool,
    attributes: Vec<Pair>,
    rows: Vec<Row>,
    raw: Option<String>,
}

impl Page {
    pub(super) fn of(review: &Review) -> Self {
        let waiting = |which: &dyn Fn(&Transition) -> bool| -> Vec<Held> {
            let of = |one: &'_ ClusterReview| {
                let some = one.transitions.iter().filter(|transition| !transition.granted && which(transition));
                some.map(|transition| held(one, transition)).collect::<Vec<_>>()
            };
            review.clusters.iter().flat_map(of).collect()
        };
        let counts = review.counts;
        let mut numbers = Vec::new();
        for (hosts, what) in [(counts.changed, "changed"), (counts.added, "new"), (counts.removed, "removed")] {
            if hosts > 0 {
                numbers.push(format!("{} {what}", count(hosts, "host")));
            }
        }
        numbers.push(count(counts.clusters, "cluster"));
        let mut classes: Vec<Class> = Vec::new();
        for one in &review.clusters {
            classes.extend(one.consequences.iter().map(|one| one.class));
            classes.extend(transitions(one).map(|_| Class::Transition));
            classes.extend(one.services.iter().map(|one| one.class));
            classes.extend(one.files.iter().map(|one| one.class));
        }
        classes.sort_unstable_by(|a, b| b.cmp(a));
        classes.dedup();
        let all = [Class::Nothing, Class::Live, Class::Reload, Class::Rolling, Class::Transition];
        let files: usize = review.clusters.iter().map(|one| one.files.len()).sum();
        Self {
            title: visible(&review.headline.replace('`', "")),
            diverged: review.diverged.as_ref().map(|diverged| sentence(&diverged.text)).unwrap_or_default(),
            headline: sentence(&review.headline),
            class: review.class.as_str(),
            severity: review.severity(),
            loses_data: review.loses_data,
            ladder: all.map(Class::as_str),
            base: revision(&review.base),
            head: revision(&review.head),
            counts: numbers,
            held_back: waiting(&Transition::is_held),
            perhaps: waiting(&|transition| transition.perhaps),
            for_a_person: waiting(&|transition| transition.grant.is_none()),
            live: review.live.iter().map(host).collect(),
            classes: classes.into_iter().map(Class::as_str).collect(),
            clusters: review.clusters.iter().enumerate().map(|(n, one)| entry(n, one, files <= OPEN)).collect(),
        }
    }
}

fn revision(side: &Side) -> Revision {
    let commit: Option<String> = side.commit.as_ref().map(|commit| commit.chars().take(12).collect());
    let commit = commit.filter(|commit| !side.rev.starts_with(commit) && !commit.starts_with(&side.rev));
    Revision { rev: visible(&side.rev), commit, subject: side.subject.as_deref().map(visible) }
}

fn held(one: &ClusterReview, transition: &Transition) -> Held {
    Held {
        clusters: names(&one.clusters, ToString::to_string),
        text: sentence(&transition.text),
        grant: transition.grant.as_deref().map(visible),
        granted: transition.granted,
    }
}

/// Returns the transitions that stand beside the consequences: all but what is left to a person.
fn transitions(one: &ClusterReview) -> impl Iterator<Item = &Transition> {
    one.transitions
        .iter()
        .filter(|transition| !transition.perhaps && (transition.grant.is_some() || transition.granted))
}

fn host(host: &LiveHost) -> Host {
    let notes = host.notes.iter().map(|note| sentence(&note.text)).collect();
    Host { name: host.host.to_string(), at: host.at.as_deref().map(visible), notes }
}

fn entry<'a>(n: usize, one: &'a ClusterReview, open: bool) -> Entry {
    let mut lists = Lists::default();
    lists.number(&one.hosts);
    let mut hosts = |hosts: &'a [HostId]| named(one, &mut lists, hosts);
    let mut some_hosts = |list: &'a [HostId]| (!list.is_empty()).then(|| hosts(list));
    let (added, removed) = (some_hosts(&one.added), some_hosts(&one.removed));
    let consequence = |happens: &'a Consequence| Happens {
        class: happens.class.as_str(),
        loses_data: happens.loses_data,
        text: sentence(&happens.text),
        hosts: some_hosts(&happens.hosts),
    };
    let consequences = one.consequences.iter().map(consequence).collect();
    let service = |change: &'a ServiceChange| Setting {
        class: change.class.as_str(),
        service: change.service,
        place: visible(&change.place),
        pair: pair(&change.setting),
        hosts: hosts(&change.hosts),
    };
    let services = one.services.iter().map(service).collect();
    let files = one.files.iter().map(|change| file(change, hosts(&change.hosts), open)).collect();
    Entry {
        id: format!("c{n}"),
        title: names(&one.clusters, ToString::to_string),
        more: (one.clusters.len() > 1).then(|| count(one.clusters.len(), "cluster")),
        class: one.class.as_str(),
        loses_data: one.loses_data,
        hosts: count(one.hosts.len(), "host"),
        consequences,
        transitions: transitions(one).map(|transition| held(one, transition)).collect(),
        added,
        removed,
        picture: one.topology.as_ref().map(|topology| picture(topology, n)),
        policies: one.policies.iter().map(policy).collect(),
        objects: one.objects.iter().map(object).collect(),
        services,
        secrets: one.secrets.iter().map(secret).collect(),
        files,
        lists: lists.texts(),
    }
}

fn picture(topology: &picture::Topology, n: usize) -> Picture {
    let (wide, narrow) = picture::parts(topology, &format!("topology-{n}"));
    // The picture's own template has quoted every text of it.
    let safe = minijinja::Value::from_safe_string;
    Picture { cluster: topology.cluster.to_string(), wide: safe(wide), narrow: narrow.map(safe) }
}

fn policy(change: &PolicyChange) -> Policy {
    let (names, more) = some(&change.names, 4, |name| visible(name));
    Policy {
        names,
        more: (more > 0).then(|| format!("and {} more", number(more))),
        kind: change.kind.word(),
        vhost: visible(&change.vhost),
        before: change.before.as_deref().map(visible),
        after: change.after.as_deref().map(visible),
        operator: change.operator,
        loses_data: change.loses_data,
        settings: change.settings.iter().map(pair).collect(),
    }
}

fn object(change: &ObjectChange) -> Object {
    Object {
        kind: happened(change.kind),
        what: change.object.to_owned(),
        name: sentence(&change.name),
        settings: change.settings.iter().map(pair).collect(),
    }
}

fn secret(change: &SecretChange) -> Secret {
    Secret {
        name: change.name.to_string(),
        before: change.before.as_deref().map(visible),
        after: change.after.as_deref().map(visible),
        used_for: change.used_for.iter().map(|used| sentence(used)).collect(),
    }
}

fn file(change: &FileChange, hosts: Named, open: bool) -> File {
    let short = change.diff.lines().count() <= LINES;
    let attribute = |one: &crate::review::diff::Attribute| Pair {
        key: one.name.to_owned(),
        from: Some(value(&one.from)),
        to: Some(value(&one.to)),
    };
    let raw = || change.diff.split('\n').map(visible).collect::<Vec<_>>().join("\n");
    File {
        path: visible(&change.path),
        kind: happened(change.kind),
        class: change.class.as_str(),
        note: change.note.as_ref().map(note),
        hosts,
        similar: change.similar,
        open: open && change.note.is_none(),
        attributes: change.attributes.iter().map(attribute).collect(),
        rows: if short { rows(&change.diff) } else { Vec::new() },
        raw: (!short).then(raw),
    }
}

fn note(note: &Note) -> String {
    match note {
        Note::Whitespace => "white space only".to_owned(),
        Note::Comments => "comments only".to_owned(),
        Note::Reordered => "other order".to_owned(),
        Note::MovedFrom(path) => format!("moved from {}", visible(path)),
        Note::MovedTo(path) => format!("moved to {}", visible(path)),
    }
}

fn pair(change: &SettingChange) -> Pair {
    Pair { key: visible(&change.key), from: change.from.as_deref().map(value), to: change.to.as_deref().map(value) }
}

/// Returns what a person wrote, or words around it.
fn value(text: &str) -> Vec<Word> {
    if words::names_a_secret(text) { sentence(text) } else { vec![Word { code: true, text: visible(text) }] }
}

fn happened(kind: Kind) -> &'static str {
    match kind {
        Kind::Added => "new",
        Kind::Removed => "removed",
        Kind::Modified => "changed",
    }
}

/// Says which hosts of an entry are meant.
fn named<'a>(one: &'a ClusterReview, lists: &mut Lists<'a>, hosts: &'a [HostId]) -> Named {
    let list = lists.number(hosts);
    let alone = one.clusters.len() == 1;
    let all = hosts.len() > NAMED && hosts.len() == one.hosts.len();
    let text =
        if all { format!("all {}", count(hosts.len(), "host")) } else { names(hosts, |id| host_name(id, alone)) };
    Named { text, list }
}

/// Returns some names, and how many more there are.
fn names<T>(all: &[T], name: impl Fn(&T) -> String) -> String {
    let (names, more) = some(all, NAMED, name);
    if more == 0 { names.join(", ") } else { format!("{} and {} more", names.join(", "), number(more)) }
}

fn sentence(text: &str) -> Vec<Word> {
    words::sentence(text).into_iter().map(|(code, text)| Word { code, text: visible(text) }).collect()
}
