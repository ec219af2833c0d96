//! Clusters in which the same happens for the same reasons become one entry.

use std::collections::{BTreeMap, btree_map};
use std::fmt::Write as _;

use super::diff::{Kind, changed_lines};
use super::names::Names;
use super::pair::count;
use super::{ClusterReview, HostId};
use crate::name::{ClusterName, Digest};

/// What stands before the number of a virtual router, which differs wherever two share a network.
const ROUTER: &str = "virtual_router_id ";

/// Clusters, put together by what is said of them.
#[derive(Debug, Default)]
pub(super) struct Folded {
    entries: BTreeMap<Digest, Entry>,
}

/// Clusters of which the same is said.
#[derive(Debug)]
struct Entry {
    /// The first one by name, which stands for all.
    shown: ClusterReview,
    /// What the others have of their own.
    others: Vec<Other>,
}

/// What a cluster has of its own: its name, and its hosts in the order in which [`lists`] names them.
#[derive(Debug)]
struct Other {
    clusters: Vec<ClusterName>,
    hosts: Vec<Vec<HostId>>,
}

impl Folded {
    /// Says whether a cluster would be the one that is shown of those of which the same is said.
    pub(super) fn is_first(&self, key: &Digest, cluster: &ClusterName) -> bool {
        self.entries.get(key).is_none_or(|entry| entry.shown.clusters.first().is_none_or(|shown| cluster < shown))
    }

    /// Puts a cluster to those of which the same is said.
    pub(super) fn add(&mut self, key: Digest, review: ClusterReview) {
        match self.entries.entry(key) {
            btree_map::Entry::Vacant(entry) => _ = entry.insert(Entry { shown: review, others: Vec::new() }),
            btree_map::Entry::Occupied(mut entry) => entry.get_mut().add(review),
        }
    }

    /// Returns the entries, each with all of its clusters in the order of their names.
    pub(super) fn finish(self) -> Vec<ClusterReview> {
        self.entries.into_values().map(Entry::finish).collect()
    }
}

impl Entry {
    fn add(&mut self, mut review: ClusterReview) {
        if review.clusters < self.shown.clusters {
            std::mem::swap(&mut review, &mut self.shown);
        }
        for (shown, other) in self.shown.files.iter_mut().zip(&review.files) {
            shown.similar |= other.similar || shown.attributes != other.attributes || differs(&shown.diff, &other.diff);
        }
        let hosts = lists(&mut review).into_iter().map(std::mem::take).collect();
        self.others.push(Other { clusters: review.clusters, hosts });
    }

    fn finish(mut self) -> ClusterReview {
        if !self.others.is_empty() {
            for one in &mut self.shown.consequences {
                one.text = in_each(&one.text, one.hosts.len());
            }
        }
        self.others.sort_by(|a, b| a.clusters.cmp(&b.clusters));
        for other in self.others {
            self.shown.clusters.extend(other.clusters);
            for (list, hosts) in lists(&mut self.shown).into_iter().zip(other.hosts) {
                list.extend(hosts);
            }
        }
        self.shown
    }
}

/// Returns every list of hosts of a cluster.
fn lists(review: &mut ClusterReview) -> Vec<&mut Vec<HostId>> {
    let mut lists = vec![&mut review.hosts, &mut review.added, &mut review.removed];
    lists.extend(review.consequences.iter_mut().map(|one| &mut one.hosts));
    lists.extend(review.transitions.iter_mut().map(|one| &mut one.hosts));
    lists.extend(review.services.iter_mut().map(|one| &mut one.hosts));
    lists.extend(review.secrets.iter_mut().map(|one| &mut one.hosts));
    lists.extend(review.files.iter_mut().map(|one| &mut one.hosts));
    lists
}

/// Says of a number of hosts that it is that of one cluster.
fn in_each(text: &str, hosts: usize) -> String {
    let counted = ["host", "node"].map(|noun| count(hosts, noun));
    for counted in &counted {
        // A sentence begins with it, or says where something happens.
        let at =
            if text.starts_with(counted) { Some(0) } else { text.find(&format!(" on {counted}")).map(|at| at + 4) };
        if let Some(at) = at {
            let (before, after) = text.split_at(at + counted.len());
            return format!("{before} of each cluster{after}");
        }
    }
    text.to_owned()
}

/// Returns lines without the numbers of virtual routers: in a cluster that comes or goes as a whole they are names.
fn without_routers(lines: &str) -> String {
    let line = |line: &str| match line.split_once(ROUTER) {
        Some((before, _)) => format!("{before}{ROUTER}"),
        None => line.to_owned(),
    };
    lines.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Whether other lines come and go.
fn differs(one: &str, other: &str) -> bool {
    one != other && changed_lines(one) != changed_lines(other)
}

/// Returns the digest of all that is said of a cluster, with places for its names.
pub(super) fn key(review: &ClusterReview, names: &Names) -> Digest {
    let mut text = String::new();
    let hosts = |hosts: &[HostId]| hosts.iter().fold(String::new(), |text, id| text + id.host.as_str() + " ");
    put(&mut text, format_args!("{:?}\n{}\n", review.class, hosts(&review.hosts)));
    put(&mut text, format_args!("{}\n{}\n", hosts(&review.added), hosts(&review.removed)));
    for one in &review.consequences {
        // What a secret is sealed as is another for each cluster.
        put(&mut text, format_args!("{:?} {} {} {}\n", one.class, one.loses_data, one.text, hosts(&one.hosts)));
    }
    for one in &review.transitions {
        put(
            &mut text,
            format_args!(
                "{:?} {} {:?} {} {} {}\n",
                one.kind,
                one.text,
                one.grant,
                one.granted,
                one.perhaps,
                hosts(&one.hosts)
            ),
        );
    }
    for one in &review.policies {
        put(&mut text, format_args!("{one:?}\n"));
    }
    for one in &review.objects {
        put(&mut text, format_args!("{one:?}\n"));
    }
    for one in &review.services {
        put(
            &mut text,
            format_args!("{} {:?} {} {:?} {}\n", one.service, one.class, one.place, one.setting, hosts(&one.hosts)),
        );
    }
    for one in &review.secrets {
        let sides = (one.before.is_some(), one.after.is_some());
        put(&mut text, format_args!("{} {sides:?} {:?} {}\n", one.name, one.used_for, hosts(&one.hosts)));
    }
    for one in &review.files {
        let attributes: Vec<_> = one.attributes.iter().filter(|one| one.name != "fingerprint").collect();
        put(
            &mut text,
            format_args!(
                "{} {:?} {:?} {:?} {:?} {attributes:?} ",
                one.path, one.kind, one.class, one.note, one.on_change
            ),
        );
        let lines = changed_lines(&one.diff);
        let lines = if review.kind == Kind::Modified { lines } else { without_routers(&lines) };
        put(&mut text, format_args!("{}\n{lines}\n", hosts(&one.hosts)));
    }
    Digest::of(names.plain(&text, None).as_bytes())
}

fn put(text: &mut String, args: std::fmt::Arguments<'_>) {
    text.write_fmt(args).expect("a string takes any text");
}
