//! What happens, in sentences: what the agent does with these changes, and who notices.
//!
//! They follow `plan`: a daemon that reads its files on a reload is reloaded at once; one that has to restart waits until a
//! person asks for it, host by host.

use std::collections::{BTreeMap, BTreeSet};

use super::diff::Kind;
use super::pair::{Pair, count, list};
use super::secrets::changed_value;
use super::{
    Class, ClusterReview, Consequence, HostId, Note, ObjectChange, ServiceChange, TransitionKind, broker, haproxy,
    keepalived, objects, policies, rabbitmq, traffic,
};
use crate::facts::platform;
use crate::name::{HostName, UnitName};
use crate::release::{Artifact, Bundle, MANIFEST, OnChange, Piece};

/// What is said where nothing else is.
pub(super) const NOTHING: &str = "files of the release change, and nothing on the hosts does";

/// Returns what happens, the worst first. The other parts of the review are there already.
pub(super) fn consequences(pair: &Pair<'_>, review: &ClusterReview) -> Vec<Consequence> {
    let mut found = Vec::new();
    if pair.is_new() {
        let text = format!(
            "a new cluster of {}: what runs there already is not known; where nothing does, its daemons are started, or else files are \
             replaced, HAProxy and Keepalived reload, and RabbitMQ waits until a person restarts it",
            count(pair.new.len(), "host")
        );
        return vec![say(Class::Reload, text, review.hosts.clone())];
    }
    if pair.is_gone() {
        let text = "the cluster is no longer in the release: its hosts go on as they are, nothing is changed there any more, and \
                    they report that they have left"
            .to_owned();
        return vec![say(Class::Live, text, review.hosts.clone())];
    }
    found.extend(keepalived::moves(pair));
    found.extend(keepalived::preemption(pair));
    found.extend(traffic::consequences(pair));
    found.extend(broker::consequences(pair, &review.services));
    services(pair, &mut found);
    found.extend(broker::kernel(pair));
    daemons(pair, review, &mut found);
    members(pair, review, &mut found);
    versions(pair, &mut found);
    found.extend(policies::consequences(&review.policies));
    found.extend(objects::consequences(pair, &review.objects));
    found.extend(review.secrets.iter().map(|one| say(Class::Live, one.text.clone(), one.hosts.clone())));
    documents(review, &mut found);
    let policies = |one: &ObjectChange| one.object.ends_with("policy") && !objects::remains(pair, one);
    if review.policies.is_empty() && review.objects.iter().any(policies) {
        let text = "policies change on the brokers, and for no name does another one win".to_owned();
        found.push(say(Class::Live, text, Vec::new()));
    }
    if found.is_empty() && review.transitions.is_empty() {
        let (old, new) = pair.definitions();
        found.push(if old == new {
            say(Class::Nothing, NOTHING.to_owned(), review.hosts.clone())
        } else {
            say(Class::Live, "what the brokers hold changes".to_owned(), Vec::new())
        });
    }
    found.sort_by_key(|one| (std::cmp::Reverse(danger(one.class, one.loses_data)), one.hosts.is_empty()));
    found
}

/// Returns how dangerous something is: what gives up data comes before everything but a transition.
fn danger(class: Class, loses_data: bool) -> usize {
    match (class, loses_data) {
        (Class::Nothing, false) => 0,
        (Class::Live, false) => 1,
        (Class::Reload, false) => 2,
        (Class::Rolling, false) => 3,
        (Class::Transition, _) => 5,
        (_, true) => 4,
    }
}

fn say(class: Class, text: String, hosts: Vec<HostId>) -> Consequence {
    Consequence { class, loses_data: false, text, hosts }
}

/// The hosts that stay, by what their changes ask for.
type Asked<'a> = BTreeMap<OnChange, BTreeSet<&'a HostName>>;

/// Returns the hosts on which files are written, and those on which some are removed.
fn touched<'a>(pair: &Pair<'a>) -> (BTreeSet<&'a HostName>, BTreeSet<&'a HostName>) {
    let (mut written, mut removed) = (BTreeSet::new(), BTreeSet::new());
    for (host, old, new) in pair.staying() {
        let differs = |(path, one): (&crate::name::HostPath, &Artifact)| {
            path.as_str() != platform::COOKIE
                && old.artifacts.get(path).is_none_or(|before| before.content != one.content)
        };
        if new.artifacts.iter().any(differs) {
            written.insert(host);
        }
        if old.artifacts.keys().any(|path| !new.artifacts.contains_key(path)) {
            removed.insert(host);
        }
    }
    (written, removed)
}

fn asked<'a>(pair: &Pair<'a>) -> Asked<'a> {
    let mut asked = Asked::new();
    for (host, old, new) in pair.staying() {
        for path in old.artifacts.keys().chain(new.artifacts.keys()).collect::<BTreeSet<_>>() {
            let (before, after) = (old.artifacts.get(path), new.artifacts.get(path));
            let same = before.map(|one| &one.content) == after.map(|one| &one.content);
            let resealed = || after.is_some_and(|one| one.content.iter().any(|piece| is_resealed(piece, old, new)));
            // A running node takes another cookie without a restart.
            if path.as_str() == platform::COOKIE || (same && !resealed()) {
                continue;
            }
            let gone_last = after.is_none()
                && before.is_some_and(|gone| !new.artifacts.values().any(|one| one.on_change == gone.on_change));
            if let Some(artifact) = after.or(before).filter(|_| !gone_last) {
                asked.entry(artifact.on_change.clone()).or_default().insert(host);
            }
        }
    }
    asked
}

fn is_resealed(piece: &Piece, old: &Bundle, new: &Bundle) -> bool {
    match piece {
        // What becomes of one that was sealed for other readers is said with the secret: nobody knows whether it changed.
        Piece::Secret { name, .. } => changed_value(old, new, name),
        Piece::Text(_) => false,
    }
}

fn daemons(pair: &Pair<'_>, review: &ClusterReview, found: &mut Vec<Consequence>) {
    let mut restarts: BTreeMap<UnitName, BTreeSet<&HostName>> = BTreeMap::new();
    let mut told = false;
    for (action, hosts) in asked(pair) {
        let ids = || hosts.iter().map(|host| pair.id(host)).collect::<Vec<_>>();
        match action {
            OnChange::Restart(unit) | OnChange::DaemonReload(unit) => restarts.entry(unit).or_default().extend(hosts),
            OnChange::Reload(unit) => found.push(say(Class::Reload, reload(pair, &unit, &hosts), ids())),
            // What they do is said setting by setting, and plugin by plugin.
            OnChange::Sysctl | OnChange::Plugins => {}
            OnChange::Units => {
                let text = "systemd reads its units again, and restarts nothing".to_owned();
                found.push(say(Class::Live, text, ids()));
            }
            OnChange::Nothing => continue,
        }
        told = true;
    }
    // Where a node gets another name, the host is left as it is.
    let is_renamed = |host: &HostName| {
        let mut renamed = review.transitions.iter().filter(|one| one.kind == TransitionKind::NodeName);
        renamed.any(|one| one.hosts.iter().any(|id| id.host == *host))
    };
    for hosts in restarts.values_mut() {
        hosts.retain(|host| !is_renamed(host));
    }
    restarts.retain(|_, hosts| !hosts.is_empty());
    for (unit, hosts) in &restarts {
        let ids = hosts.iter().map(|host| pair.id(host)).collect();
        found.push(say(Class::Rolling, restart(pair, unit, hosts, review), ids));
    }
    if !restarts.is_empty()
        && let Some(live) = rabbitmq::could_be_live(&review.services)
    {
        let keys: Vec<String> = live.iter().map(|(key, how)| format!("{key} ({how})")).collect();
        let text =
            format!("RabbitMQ itself could take {} without that restart; rmqgit asks for it all the same", list(&keys));
        found.push(say(Class::Nothing, text, Vec::new()));
    }
    let (written, removed) = touched(pair);
    let ids = |hosts: &BTreeSet<&HostName>| hosts.iter().map(|host| pair.id(host)).collect();
    if !told && !written.is_empty() {
        found.push(say(Class::Live, "files are written, and no daemon is told".to_owned(), ids(&written)));
    }
    if !removed.is_empty() {
        found.push(say(Class::Live, "files are removed that the release no longer has".to_owned(), ids(&removed)));
    }
}

fn restart(pair: &Pair<'_>, unit: &UnitName, hosts: &BTreeSet<&HostName>, review: &ClusterReview) -> String {
    if unit.as_str() != platform::RABBITMQ_UNIT {
        return format!("{unit} has to restart on {}: it waits until a person restarts it", count(hosts.len(), "host"));
    }
    let window = hosts.iter().any(|host| pair.new.get(*host).is_some_and(|bundle| bundle.maintenance.is_some()));
    let window = if window { " in a maintenance window" } else { "" };
    let members = pair.brokers().1.map_or(0, |broker| broker.members.len());
    let who = if members == 1 { "the cluster is away meanwhile" } else { "clients of that node reconnect" };
    let many = if hosts.len() == 1 { "" } else { ", one at a time" };
    let nothing = nothing_read(review, hosts.len());
    let text = format!(
        "RabbitMQ restarts on {}{many}, when a person asks for it there{window} (`rmqgit sync --now`); {who}",
        count(hosts.len(), "node")
    );
    format!("{text}{nothing}")
}

/// Says so where RabbitMQ would read nothing new after all.
fn nothing_read(review: &ClusterReview, hosts: usize) -> &'static str {
    let restarting: Vec<_> = review.files.iter().filter(|file| file.class == Class::Rolling).collect();
    let idle = |note: &Option<Note>| matches!(note, Some(Note::Whitespace | Note::Comments));
    let conf = |path: &str| path == platform::RABBITMQ_CONF || path == platform::RABBITMQ_ENV;
    // How a node finds its peers matters to one without data alone.
    let peers = |one: &ServiceChange| one.setting.key.starts_with("cluster_formation.classic_config.nodes.");
    let mut settings = review.services.iter().filter(|one| one.class == Class::Rolling).peekable();
    let alone = restarting.iter().all(|file| file.path == platform::RABBITMQ_CONF);
    if alone && settings.peek().is_some() && settings.all(peers) {
        return "; but a node that has data reads nothing of what changes, so this can wait for the next restart";
    }
    let all = !restarting.is_empty() && restarting.iter().all(|file| idle(&file.note) && conf(&file.path));
    let every = restarting.iter().flat_map(|file| &file.hosts).collect::<BTreeSet<_>>().len() >= hosts;
    if all && every { "; but only comments or blanks differ, and RabbitMQ reads nothing new" } else { "" }
}

fn reload(pair: &Pair<'_>, unit: &UnitName, hosts: &BTreeSet<&HostName>) -> String {
    let on = count(hosts.len(), "host");
    match unit.as_str() {
        platform::HAPROXY_UNIT => {
            let end = end_of_old(pair, hosts);
            format!("HAProxy reloads on {on}: open connections stay as they are {end}")
        }
        platform::KEEPALIVED_UNIT => format!("Keepalived reloads on {on}"),
        unit => format!("{unit} reloads on {on}"),
    }
}

/// Says how long the connections last that the old process serves on: it goes on by its own configuration, the old one.
fn end_of_old(pair: &Pair<'_>, hosts: &BTreeSet<&HostName>) -> String {
    let stops = |side: &BTreeMap<&HostName, &Bundle>| -> Vec<Option<String>> {
        let of = |host: &&HostName| {
            haproxy::hard_stop(&super::pair::text(side.get(*host)?.artifacts.get(platform::HAPROXY_CFG)?))
        };
        hosts.iter().map(of).collect()
    };
    let (old, new) = (stops(&pair.old), stops(&pair.new));
    let shortest = |all: &[Option<String>]| {
        all.iter().flatten().min_by_key(|text| traffic::milliseconds(text).unwrap_or(u64::MAX)).cloned()
    };
    let (was, is) = (shortest(&old), shortest(&new));
    let end = match &was {
        None => "until they end".to_owned(),
        Some(after) if old.iter().all(|one| one.as_ref() == Some(after)) => {
            format!("until they end, at the latest {after} later (`hard-stop-after`)")
        }
        Some(after) => format!("until they end, on some hosts at the latest {after} later (`hard-stop-after`)"),
    };
    match is {
        _ if was == is => end,
        Some(is) => format!("{end}; from the next reload on, at the latest {is} later"),
        None => format!("{end}; from the next reload on, without an end"),
    }
}

/// Says which daemons come and go, those that go first.
fn services(pair: &Pair<'_>, found: &mut Vec<Consequence>) {
    let mut changes: BTreeMap<(bool, &UnitName), Vec<HostId>> = BTreeMap::new();
    for (host, old, new) in pair.staying() {
        let (before, after): (BTreeSet<_>, BTreeSet<_>) =
            (old.role.services.iter().collect(), new.role.services.iter().collect());
        for unit in before.symmetric_difference(&after) {
            changes.entry((after.contains(unit), unit)).or_default().push(pair.id(host));
        }
    }
    for ((comes, unit), hosts) in changes {
        if comes {
            found.push(say(Class::Live, format!("{unit} is enabled and started"), hosts));
            continue;
        }
        let runs_on = format!("runs on until a person stops it (systemctl disable --now {unit})");
        let what = match unit.as_str() {
            platform::HAPROXY_UNIT => {
                format!(
                    "loses its configuration, and {runs_on}; then, or at its next restart, clients that connect to it are refused"
                )
            }
            platform::KEEPALIVED_UNIT => {
                format!(
                    "loses its configuration, and {runs_on}; then, or at its next restart, virtual addresses go down there"
                )
            }
            _ => runs_on,
        };
        let text = format!("{unit} is no longer part of the host: it {what}");
        let class = if unit.as_str() == platform::RABBITMQ_UNIT { Class::Live } else { Class::Reload };
        found.push(say(class, text, hosts));
    }
}

fn members(pair: &Pair<'_>, review: &ClusterReview, found: &mut Vec<Consequence>) {
    if !review.added.is_empty() {
        let has_node = |id: &&HostId| pair.new.get(&id.host).is_some_and(|bundle| bundle.role.broker.is_some());
        let nodes = review.added.iter().filter(has_node).count();
        let joins = match nodes {
            0 => String::new(),
            1 => ": its node joins the cluster, without data".to_owned(),
            _ => ": their nodes join the cluster, without data".to_owned(),
        };
        let text = format!(
            "{} new{joins}",
            if review.added.len() == 1 { "1 host is".to_owned() } else { format!("{} hosts are", review.added.len()) }
        );
        found.push(say(Class::Live, text, review.added.clone()));
    }
    if !review.removed.is_empty() {
        let text = format!(
            "{} no longer in the release: nothing is changed there any more, and the daemons run on until a person stops them",
            if review.removed.len() == 1 {
                "1 host is".to_owned()
            } else {
                format!("{} hosts are", review.removed.len())
            }
        );
        found.push(say(Class::Live, text, review.removed.clone()));
    }
}

fn versions(pair: &Pair<'_>, found: &mut Vec<Consequence>) {
    let mut differing: BTreeMap<(String, String, String), Vec<HostId>> = BTreeMap::new();
    for (host, old, new) in pair.staying() {
        let of = |bundle: &Bundle| {
            let rabbitmq = bundle.role.broker.iter().map(|broker| ("RabbitMQ".to_owned(), broker.version.clone()));
            let others = bundle.role.versions.iter();
            let others =
                others.map(|(unit, version)| (unit.as_str().trim_end_matches(".service").to_owned(), version.clone()));
            rabbitmq.chain(others).collect::<BTreeMap<_, _>>()
        };
        let before = of(old);
        for (program, after) in of(new) {
            if let Some(before) = before.get(&program).filter(|before| **before != after) {
                differing.entry((program, before.clone(), after)).or_default().push(pair.id(host));
            }
        }
    }
    for ((program, before, after), hosts) in differing {
        let text = format!(
            "the files are written for {program} {after} instead of {before}: rmqgit installs no packages, and reports every host \
             with another version until somebody does"
        );
        found.push(say(Class::Live, text, hosts));
    }
}

/// What the manifest says of hosts, and files of which nothing is read.
fn documents(review: &ClusterReview, found: &mut Vec<Consequence>) {
    for file in review.files.iter().filter(|file| file.path == MANIFEST && file.kind == Kind::Modified) {
        for attribute in &file.attributes {
            let shown = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
            let (from, to) = (shown(&attribute.from), shown(&attribute.to));
            let text = match attribute.name {
                "maintenance" => format!("brokers may be restarted: {to} (was: {from}; none is at any time)"),
                "order" => format!("the order in which hosts may be disturbed is {to} (was: {from})"),
                name => format!("{name}: {to} (was: {from})"),
            };
            found.push(say(Class::Nothing, text, file.hosts.clone()));
        }
    }
    let attributes = review.files.iter().filter(|file| file.path != MANIFEST && file.diff.is_empty());
    let hosts: BTreeSet<HostId> = attributes
        .filter(|file| file.attributes.iter().any(|one| one.name == "mode" || one.name == "owner"))
        .flat_map(|file| file.hosts.iter().cloned())
        .collect();
    if !hosts.is_empty() {
        let text = "files get another owner or other permissions, and no daemon is told".to_owned();
        found.push(say(Class::Live, text, hosts.into_iter().collect()));
    }
}
