//! Lists of hosts that stay short when ten thousand clusters change in the same way.

use std::collections::BTreeMap;

use crate::review::HostId;

/// The lists of an entry, each once.
#[derive(Debug, Default)]
pub(super) struct Lists<'a> {
    known: BTreeMap<&'a [HostId], usize>,
    lists: Vec<&'a [HostId]>,
}

impl<'a> Lists<'a> {
    /// Returns the number of a list.
    pub(super) fn number(&mut self, hosts: &'a [HostId]) -> usize {
        *self.known.entry(hosts).or_insert_with(|| {
            self.lists.push(hosts);
            self.lists.len() - 1
        })
    }

    /// Returns every list as text.
    pub(super) fn texts(&self) -> Vec<String> {
        self.lists.iter().map(|hosts| text(hosts)).collect()
    }
}

/// Returns hosts as lines `CLUSTER CLUSTER...: HOST HOST...`: clusters whose hosts have the same names share a line.
fn text(hosts: &[HostId]) -> String {
    let mut clusters: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for id in hosts {
        clusters.entry(id.cluster.as_str()).or_default().push(id.host.as_str());
    }
    let mut lines: BTreeMap<Vec<&str>, Vec<&str>> = BTreeMap::new();
    for (cluster, hosts) in clusters {
        lines.entry(hosts).or_default().push(cluster);
    }
    let mut lines: Vec<String> =
        lines.into_iter().map(|(hosts, clusters)| format!("{}: {}", clusters.join(" "), hosts.join(" "))).collect();
    lines.sort();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::{ClusterName, HostName};

    fn id(cluster: &str, host: &str) -> HostId {
        HostId { cluster: ClusterName::parse(cluster).expect("valid"), host: HostName::parse(host).expect("valid") }
    }

    #[test]
    fn clusters_share_a_line() {
        let hosts = [id("a", "r1"), id("a", "r2"), id("b", "r1"), id("b", "r2"), id("c", "r9")];
        assert_eq!(text(&hosts), "a b: r1 r2\nc: r9");
        let mut lists = Lists::default();
        assert_eq!((lists.number(&hosts), lists.number(&hosts[..1]), lists.number(&hosts)), (0, 1, 0));
        assert_eq!(lists.texts(), ["a b: r1 r2\nc: r9", "a: r1"]);
    }
}
