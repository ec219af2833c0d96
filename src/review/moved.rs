//! Hosts that another cluster had before: a cluster that gets another name is none that nobody uses.

use std::collections::{BTreeMap, BTreeSet};

use super::pair::{Pair, count, list, text};
use super::words::quoted;
use super::{Class, ClusterReview, Consequence, HostId};
use crate::facts::platform;
use crate::name::{ClusterName, HostName};
use crate::release::Bundle;

/// How many clusters are named.
const NAMED: usize = 3;

/// A host by its name and its address: in two clusters, one of them alone may be that of two machines.
type Identity = (HostName, String);

/// The hosts that left clusters, and those that came to some.
#[derive(Debug, Default)]
pub(super) struct Moved {
    left: BTreeMap<Identity, ClusterName>,
    came: BTreeMap<HostId, Identity>,
}

impl Moved {
    /// Notes who comes and goes.
    pub(super) fn note(&mut self, pair: &Pair<'_>, review: &ClusterReview) {
        let identity = |side: &BTreeMap<&HostName, &Bundle>, host: &HostName| {
            side.get(host).and_then(|bundle| Some((host.clone(), address(bundle)?)))
        };
        for id in &review.removed {
            self.left.extend(identity(&pair.old, &id.host).map(|who| (who, id.cluster.clone())));
        }
        for id in &review.added {
            self.came.extend(identity(&pair.new, &id.host).map(|who| (id.clone(), who)));
        }
    }

    /// Says of clusters which of their new hosts others had before.
    pub(super) fn say(&self, clusters: &mut [ClusterReview]) {
        for one in clusters {
            let mut from: BTreeSet<&ClusterName> = BTreeSet::new();
            let mut hosts = Vec::new();
            for id in &one.added {
                if let Some(cluster) = self.came.get(id).and_then(|who| self.left.get(who)) {
                    from.insert(cluster);
                    hosts.push(id.clone());
                }
            }
            if hosts.is_empty() {
                continue;
            }
            let mut names: Vec<String> = from.iter().take(NAMED).map(quoted).collect();
            if from.len() > NAMED {
                names.push(count(from.len() - NAMED, "other cluster"));
            }
            let (was, go, follow) = if hosts.len() == 1 {
                ("1 host was".to_owned(), "it goes on as it is, with its data and its clients", "lets it follow")
            } else {
                (
                    format!("{} were", count(hosts.len(), "host")),
                    "they go on as they are, with their data and clients",
                    "lets them follow",
                )
            };
            let text = format!("{was} in {} before: {go}, until a person {follow} the new cluster", list(&names));
            one.consequences.insert(0, Consequence { class: Class::Reload, loses_data: false, text, hosts });
            one.class = one.class.max(Class::Reload);
        }
    }
}

/// Returns a host's address, as its own /etc/hosts has it.
fn address(bundle: &Bundle) -> Option<String> {
    let hosts = text(bundle.artifacts.get(platform::HOSTS)?);
    let named = |line: &&str| line.split_whitespace().skip(1).any(|name| name == bundle.host.as_str());
    hosts.lines().find(named)?.split_whitespace().next().map(str::to_owned)
}
