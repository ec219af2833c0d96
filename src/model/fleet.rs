//! What must be unique across all clusters, from a small record of each.
//!
//! Input: one [`Facts`] a cluster, of the clusters that were just resolved and of those that did not change since the last
//! release, whose files nobody parses again. Output: diagnostics. Must not: need a model or a source.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::IpAddr;

use ipnet::IpNet;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cluster, RuleLevel};
use crate::diag::{Diagnostic, Diagnostics, Place};
use crate::facts::version::Version;
use crate::name::{ClusterName, HostName, SecretRef};

/// What other clusters must not have too. It is stored in the release, so it is small.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// The name of the file that the cluster is written in.
    pub source: String,
    /// The cluster.
    pub cluster: ClusterName,
    /// The hosts.
    #[serde(rename = "h")]
    pub hosts: Vec<HostFact>,
    /// The virtual routers.
    #[serde(rename = "r", default, skip_serializing_if = "Vec::is_empty")]
    pub routers: Vec<Router>,
    /// What the next release is compared with.
    #[serde(rename = "p")]
    pub published: Published,
    /// The secret that holds the Erlang cookie, where the hosts bring it: sealed ones are each cluster's own.
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<SecretRef>,
    /// What it says about the rules that compare clusters.
    #[serde(rename = "l", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub levels: BTreeMap<String, RuleLevel>,
    /// The first day on which one of its waivers no longer holds, so that it is judged again.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Date>,
    /// Where the cluster is named, if the facts come from a source of this run.
    #[serde(skip)]
    pub place: Option<Place>,
}

/// What a release had of a cluster that the rules compare the next one with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// The version of RabbitMQ, such as `3.10.8`.
    #[schemars(with = "String")]
    pub version: Version,
    /// The version of Erlang/OTP, as the spec spelled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erlang: Option<String>,
    /// The names of the nodes, in the order in which they may be disturbed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<String>,
    /// The hosts of the nodes, in the same order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<HostName>,
    /// The enabled plugins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plugins: Vec<String>,
}

impl Published {
    /// Takes what the next release will be compared with.
    pub fn of(cluster: &Cluster) -> Self {
        let broker = &cluster.broker;
        Self {
            version: broker.version.value,
            erlang: broker.erlang.as_ref().map(|erlang| erlang.value.clone()),
            nodes: broker.nodes.iter().map(|node| node.name.clone()).collect(),
            hosts: broker.nodes.iter().map(|node| node.host.clone()).collect(),
            plugins: broker.plugins.iter().map(|plugin| plugin.value.clone()).collect(),
        }
    }
}

/// A host and its address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostFact {
    /// The host.
    #[serde(rename = "n")]
    pub name: HostName,
    /// Its address.
    #[serde(rename = "a")]
    pub address: IpAddr,
    /// Where the address stands, if the facts come from a source of this run.
    #[serde(skip)]
    pub place: Option<Place>,
}

/// A VRRP instance and its virtual addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Router {
    /// The identifier on the network segment.
    #[serde(rename = "i")]
    pub id: u8,
    /// The virtual addresses, with their prefixes.
    #[serde(rename = "v")]
    pub addresses: Vec<IpNet>,
    /// Whether it uses multicast, and so meets the others on its segment.
    #[serde(rename = "m", default, skip_serializing_if = "std::ops::Not::not")]
    pub multicast: bool,
    /// Where the identifier and the first address stand, if the facts come from a source of this run.
    #[serde(skip)]
    pub places: Option<(Place, Place)>,
}

impl Facts {
    /// Takes the facts of a cluster that `source` holds.
    pub fn of(cluster: &Cluster, source: &str) -> Self {
        let hosts = cluster.hosts.values().map(|host| HostFact {
            name: host.name.value.clone(),
            address: host.address.value,
            place: Some(host.address.place),
        });
        let instances = cluster.vip.iter().flat_map(|vip| &vip.instances);
        let routers = instances.map(|instance| Router {
            id: instance.virtual_router_id.value,
            addresses: instance.addresses.iter().map(|net| net.value).collect(),
            multicast: !instance.unicast,
            places: instance.addresses.first().map(|net| (instance.virtual_router_id.place, net.place)),
        });
        Self {
            source: source.to_owned(),
            cluster: cluster.name.value.clone(),
            hosts: hosts.collect(),
            routers: routers.collect(),
            published: Published::of(cluster),
            cookie: (!cluster.has_keys()).then(|| cluster.broker.cookie.clone()),
            levels: levels(cluster),
            expires: cluster.rules.iter().filter_map(|(_, setting)| setting.until?.tomorrow().ok()).min(),
            place: Some(cluster.name.place),
        }
    }
}

/// The rule against two clusters whose cookies are one secret.
pub const SHARED_COOKIE: &str = "shared-cookie";
/// The rule against one VRRP identifier of two clusters that may share a network segment.
pub const NEAR_ROUTER: &str = "near-virtual-router-id";

/// Returns what a cluster says about the rules that compare clusters.
fn levels(cluster: &Cluster) -> BTreeMap<String, RuleLevel> {
    let compared = cluster.rules.iter().filter(|(code, _)| [SHARED_COOKIE, NEAR_ROUTER].contains(&code.as_str()));
    compared.map(|(code, setting)| (code.value.clone(), setting.level.value)).collect()
}

/// Clusters that have something in common which they probably should not.
#[derive(Debug, Clone, PartialEq)]
pub struct Common<'a> {
    /// The code of the rule.
    pub rule: &'static str,
    /// What they have in common, as a person reads it.
    pub what: String,
    /// The clusters, and where each says so if that is known.
    pub clusters: Saying<'a>,
}

/// Clusters, and where each of them says something.
type Saying<'a> = Vec<(&'a Facts, Option<Place>)>;

/// Finds what clusters have in common and probably should not; those that allow it are left out.
pub fn common<'a>(facts: impl IntoIterator<Item = &'a Facts>) -> Vec<Common<'a>> {
    let mut cookies: BTreeMap<&SecretRef, Saying<'_>> = BTreeMap::new();
    let mut routers: BTreeMap<(u8, IpNet), Saying<'_>> = BTreeMap::new();
    for facts in facts {
        let asked = |rule: &str| facts.levels.get(rule) != Some(&RuleLevel::Allow);
        if let Some(cookie) = facts.cookie.as_ref().filter(|_| asked(SHARED_COOKIE)) {
            cookies.entry(cookie).or_default().push((facts, facts.place));
        }
        for router in facts.routers.iter().filter(|_| asked(NEAR_ROUTER)) {
            if let Some(net) = guess(router) {
                let place = router.places.map(|(id, _)| id);
                routers.entry((router.id, net)).or_default().push((facts, place));
            }
        }
    }
    let cookies = cookies.into_iter().map(|(secret, clusters)| Common {
        rule: SHARED_COOKIE,
        what: secret.to_string(),
        clusters,
    });
    let routers = routers.into_iter().map(|((id, net), mut clusters)| {
        clusters.dedup_by_key(|(facts, _)| &facts.cluster);
        Common { rule: NEAR_ROUTER, what: format!("{id} near {net}"), clusters }
    });
    cookies.chain(routers).filter(|common| common.clusters.len() > 1).collect()
}

/// Returns the network that a router without a prefix is probably in: most segments are no larger than this.
fn guess(router: &Router) -> Option<IpNet> {
    let first = router.addresses.first().filter(|_| router.multicast && segment(router).is_none())?;
    let prefix = if first.addr().is_ipv4() { 24 } else { 64 };
    Some(IpNet::new(first.addr(), prefix).ok()?.trunc())
}

/// Who has something, and where it says so.
#[derive(Clone, Copy)]
struct Owner<'a> {
    facts: &'a Facts,
    place: Option<Place>,
    what: What<'a>,
}

/// What an address belongs to.
#[derive(Clone, Copy)]
enum What<'a> {
    Host(&'a HostName),
    Vip,
}

/// Reports what two clusters of the fleet both have. A cluster's own repetitions are [`super::lower`]'s to report.
pub fn check<'a>(facts: impl IntoIterator<Item = &'a Facts>) -> Diagnostics {
    let mut diags = Diagnostics::new();
    let mut clusters: BTreeMap<&ClusterName, &Facts> = BTreeMap::new();
    let mut addresses: BTreeMap<IpAddr, Owner<'_>> = BTreeMap::new();
    let mut names: BTreeMap<&HostName, Owner<'_>> = BTreeMap::new();
    let mut routers: BTreeMap<(u8, IpNet), Owner<'_>> = BTreeMap::new();
    for facts in facts {
        if let Some(first) = clusters.insert(&facts.cluster, facts) {
            duplicate_cluster(&mut diags, first, facts);
            continue;
        }
        for host in &facts.hosts {
            let owner = Owner { facts, place: host.place, what: What::Host(&host.name) };
            claim_address(&mut diags, &mut addresses, host.address, owner);
            // A name with a dot is unique in the DNS; `rabbit1` may well exist at each site.
            if host.name.as_str().contains('.') {
                claim_name(&mut diags, &mut names, &host.name, owner);
            }
        }
        for router in &facts.routers {
            let (id_place, vip_place) = router.places.unzip();
            for net in &router.addresses {
                claim_address(
                    &mut diags,
                    &mut addresses,
                    net.addr(),
                    Owner { facts, place: vip_place, what: What::Vip },
                );
            }
            if let Some(segment) = segment(router) {
                claim_router(
                    &mut diags,
                    &mut routers,
                    (router.id, segment),
                    Owner { facts, place: id_place, what: What::Vip },
                );
            }
        }
    }
    diags
}

/// Returns the network that the advertisements of a router reach, if its prefix tells.
fn segment(router: &Router) -> Option<IpNet> {
    let first = router.addresses.first().filter(|net| router.multicast && net.prefix_len() < net.max_prefix_len())?;
    Some(first.trunc())
}

fn duplicate_cluster(diags: &mut Diagnostics, first: &Facts, second: &Facts) {
    let fault = Diagnostic::error("duplicate-cluster", format!("two clusters have the name `{}`", second.cluster));
    let fault = locate(fault, second, second.place, "given again");
    diags.push(
        locate(fault, first, first.place, "first given").help("a cluster's name is its directory on the output branch"),
    );
}

fn claim_address<'a>(
    diags: &mut Diagnostics,
    taken: &mut BTreeMap<IpAddr, Owner<'a>>,
    address: IpAddr,
    owner: Owner<'a>,
) {
    match taken.entry(address) {
        Entry::Vacant(free) => {
            free.insert(owner);
        }
        Entry::Occupied(first) if std::ptr::eq(first.get().facts, owner.facts) => {}
        Entry::Occupied(first) => {
            let message = format!("{} and {} have the same address `{address}`", first.get(), owner);
            report(
                diags,
                "duplicate-address",
                message,
                first.get(),
                &owner,
                "each host and each virtual address is unique in the fleet",
            );
        }
    }
}

fn claim_name<'a>(
    diags: &mut Diagnostics,
    taken: &mut BTreeMap<&'a HostName, Owner<'a>>,
    name: &'a HostName,
    owner: Owner<'a>,
) {
    match taken.entry(name) {
        Entry::Vacant(free) => {
            free.insert(owner);
        }
        Entry::Occupied(first) if std::ptr::eq(first.get().facts, owner.facts) => {}
        Entry::Occupied(first) => {
            let (one, two) = (&first.get().facts.cluster, &owner.facts.cluster);
            let message = format!("the clusters `{one}` and `{two}` both have the host `{name}`");
            report(diags, "duplicate-host", message, first.get(), &owner, "a host belongs to one cluster");
        }
    }
}

fn claim_router<'a>(
    diags: &mut Diagnostics,
    taken: &mut BTreeMap<(u8, IpNet), Owner<'a>>,
    key: (u8, IpNet),
    owner: Owner<'a>,
) {
    match taken.entry(key) {
        Entry::Vacant(free) => {
            free.insert(owner);
        }
        Entry::Occupied(first) if std::ptr::eq(first.get().facts, owner.facts) => {}
        Entry::Occupied(first) => {
            let (one, two) = (&first.get().facts.cluster, &owner.facts.cluster);
            let (id, segment) = key;
            let message =
                format!("the clusters `{one}` and `{two}` both have the `virtual_router_id` {id} on `{segment}`");
            let help =
                "their hosts would take each other's advertisements for their own: give one of them another number";
            report(diags, "duplicate-virtual-router-id", message, first.get(), &owner, help);
        }
    }
}

fn report(
    diags: &mut Diagnostics,
    code: &'static str,
    message: String,
    first: &Owner<'_>,
    second: &Owner<'_>,
    help: &str,
) {
    let fault = locate(Diagnostic::error(code, message), second.facts, second.place, "given again");
    diags.push(locate(fault, first.facts, first.place, "first given").help(help));
}

/// Adds the place, or the file's name where only that is known.
fn locate(fault: Diagnostic, facts: &Facts, place: Option<Place>, what: &str) -> Diagnostic {
    match place {
        Some(place) => fault.at(place, format!("{what} here")),
        None => Diagnostic { message: format!("{} ({what} in `{}`)", fault.message, facts.source), ..fault },
    }
}

impl std::fmt::Display for Owner<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.what {
            What::Host(name) => write!(f, "`{name}` of `{}`", self.facts.cluster),
            What::Vip => write!(f, "a virtual address of `{}`", self.facts.cluster),
        }
    }
}
