//! The pages of the output branch for people: one for a cluster, one for the whole release. Pure functions.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::model::fleet::Facts;
use crate::model::{Cluster, Host};
use crate::release::{Bundle, StoredFiles};
use crate::review::picture::{self, Topology};

/// The name of a page in its directory.
pub const NAME: &str = "README.md";
/// The name of the picture of a cluster.
pub const PICTURE: &str = "topology.svg";

/// So many clusters are listed on the page of a release; a larger fleet has its directory listing.
const LISTED: usize = 200;

const NOTE: &str = "rmqgit writes this branch; change the spec, not these files.\n";

/// Returns the pages of a cluster's directory.
pub fn cluster(cluster: &Cluster, bundles: &[Bundle]) -> StoredFiles {
    let topology = Topology::of(&cluster.name.value, bundles);
    StoredFiles::from([
        (NAME.to_owned(), readme(cluster, bundles, &topology).into_bytes()),
        (PICTURE.to_owned(), picture::svg(&[&topology]).into_bytes()),
    ])
}

fn readme(cluster: &Cluster, bundles: &[Bundle], topology: &Topology) -> String {
    let name = cluster.name.value.as_str();
    let files: BTreeMap<&str, usize> = bundles.iter().map(|b| (b.host.as_str(), b.artifacts.len())).collect();
    let mut text = format!("# {}\n\n{}\n\n", plain(name), summary(cluster));
    put(&mut text, format_args!("![{} drawn as a picture]({PICTURE})\n\n", plain(name)));
    text.push_str("| Host | Address | Runs | Files |\n|---|---|---|---|\n");
    for (host, facts) in &cluster.hosts {
        let (host, count) = (host.as_str(), files.get(host.as_str()).copied().unwrap_or(0));
        let line = format_args!(
            "| [{host}]({host}) | {} | {} | {count} |\n",
            facts.address.value,
            roles(cluster, facts).join(", ")
        );
        put(&mut text, line);
    }
    if let Some(vip) = &cluster.vip {
        text.push_str("\n| Virtual address | Router | Held by, first to last |\n|---|---|---|\n");
        for instance in &vip.instances {
            let addresses: Vec<_> = instance.addresses.iter().map(|net| net.value.addr().to_string()).collect();
            let members: Vec<_> =
                instance.members.iter().map(|m| format!("{} ({})", plain(m.host.as_str()), m.priority.value)).collect();
            let line = format_args!(
                "| {} | {} | {} |\n",
                addresses.join(", "),
                instance.virtual_router_id.value,
                members.join(", ")
            );
            put(&mut text, line);
        }
    }
    put(&mut text, format_args!("\n```mermaid\n{}```\n\n{NOTE}", picture::mermaid(topology)));
    text
}

fn summary(cluster: &Cluster) -> String {
    let broker = &cluster.broker;
    let mut text = format!("RabbitMQ {} on {}", broker.version.value, count(broker.nodes.len(), "node"));
    if let Some(balancer) = &cluster.balancer {
        put(&mut text, format_args!(", HAProxy on {}", count(balancer.hosts.len(), "host")));
    }
    if let Some(vip) = &cluster.vip {
        put(&mut text, format_args!(", Keepalived on {}", count(vip.hosts.len(), "host")));
    }
    text + "."
}

fn roles(cluster: &Cluster, host: &Host) -> Vec<&'static str> {
    let name = &host.name.value;
    let broker = cluster.broker.nodes.iter().any(|node| node.host == *name);
    let balancer = cluster.balancer.as_ref().is_some_and(|balancer| balancer.hosts.contains(name));
    let vip = cluster.vip.as_ref().is_some_and(|vip| vip.hosts.contains(name));
    let all = [(broker, "RabbitMQ"), (balancer, "HAProxy"), (vip, "Keepalived")];
    all.into_iter().filter(|(runs, _)| *runs).map(|(_, role)| role).collect()
}

/// Returns the page of a release.
pub fn root<'a>(clusters: impl Iterator<Item = &'a Facts> + Clone) -> String {
    let (number, hosts) = clusters.clone().fold((0, 0), |(n, hosts), facts| (n + 1, hosts + facts.hosts.len()));
    let mut text = format!("# Release\n\n{}, {}.\n\n", count(number, "cluster"), count(hosts, "host"));
    if number <= LISTED {
        text.push_str("| Cluster | Hosts | Virtual addresses |\n|---|---|---|\n");
        for facts in clusters {
            let vips = facts.routers.iter().flat_map(|router| &router.addresses);
            let vips: Vec<_> = vips.map(|net| net.addr().to_string()).collect();
            let name = facts.cluster.as_str();
            put(&mut text, format_args!("| [{name}]({name}) | {} | {} |\n", facts.hosts.len(), vips.join(", ")));
        }
        text.push('\n');
    }
    text.push_str(NOTE);
    text
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn put(text: &mut String, args: std::fmt::Arguments<'_>) {
    text.write_fmt(args).expect("a string takes any text");
}

/// Names have no character that Markdown acts upon inside a word, but `_` at both ends.
fn plain(name: &str) -> String {
    name.replace('_', "\\_")
}
