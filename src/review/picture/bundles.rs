//! Reads from the bundles of a cluster what a picture of it shows.

use std::collections::BTreeMap;

use super::conf::{self, Instance, Proxy};
use super::{Arrow, Layer, LayerKind, Line, Mark, Station, Topology};
use crate::name::ClusterName;
use crate::release::{Artifact, Bundle, MemberNode, Piece};

const HAPROXY: &str = "/haproxy.cfg";
const KEEPALIVED: &str = "/keepalived.conf";
const HOSTS: &str = "/etc/hosts";

/// What is known of a cluster from the bundles that are at hand. A broker whose host's bundle is not is known from those of
/// its peers.
struct Known<'a> {
    addresses: BTreeMap<String, String>,
    brokers: Vec<Broker<'a>>,
    balancers: Vec<Balancer>,
}

struct Broker<'a> {
    member: &'a MemberNode,
    amqp_port: u16,
}

#[derive(Default)]
struct Balancer {
    host: String,
    proxies: Vec<Proxy>,
    instances: Vec<Instance>,
}

impl Topology {
    /// Draws a cluster as its bundles say that it is.
    pub fn of<'a>(cluster: &ClusterName, bundles: impl IntoIterator<Item = &'a Bundle>) -> Self {
        let known = Known::read(bundles);
        let mut topology = Self { cluster: cluster.clone(), layers: vec![known.clients()], arrows: Vec::new() };
        let instances = known.instances();
        if !instances.is_empty() {
            let boxes = instances.iter().map(|(instance, _)| vip(instance)).collect();
            topology.push(LayerKind::VirtualAddresses, boxes, |_, _| Some(false));
        }
        if !known.balancers.is_empty() {
            let boxes = known.balancers.iter().map(|balancer| known.balancer(balancer)).collect();
            topology.push(LayerKind::Balancers, boxes, |from, to| {
                let Some((_, holders)) = instances.get(from) else { return Some(false) };
                let rank = holders.iter().position(|host| *host == known.balancers[to].host)?;
                Some(rank > 0)
            });
        }
        if !known.brokers.is_empty() {
            let boxes = known.brokers.iter().map(|broker| known.broker(broker)).collect();
            topology.push(LayerKind::Brokers, boxes, |from, to| {
                let Some(balancer) = known.balancers.get(from) else { return Some(false) };
                known.standby(balancer, known.brokers[to].member.host.as_str())
            });
        }
        topology
    }

    /// Adds a layer, and an arrow from every box of the last one for which `standby` gives an answer.
    fn push(&mut self, kind: LayerKind, boxes: Vec<Station>, standby: impl Fn(usize, usize) -> Option<bool>) {
        let last = self.layers.last().map_or(&[][..], |layer| &layer.boxes);
        for (f, from) in last.iter().enumerate() {
            for (t, to) in boxes.iter().enumerate() {
                if let Some(standby) = standby(f, t) {
                    let (from, to) = (from.id.clone(), to.id.clone());
                    self.arrows.push(Arrow { from, to, standby, mark: Mark::Kept });
                }
            }
        }
        self.layers.push(Layer { kind, boxes, notes: Vec::new() });
    }
}

impl<'a> Known<'a> {
    fn read(bundles: impl IntoIterator<Item = &'a Bundle>) -> Self {
        let mut bundles: Vec<&Bundle> = bundles.into_iter().collect();
        let rank = |bundle: &Bundle| bundle.order.iter().position(|host| *host == bundle.host);
        bundles.sort_by_key(|bundle| rank(bundle));
        let mut known = Self { addresses: BTreeMap::new(), brokers: Vec::new(), balancers: Vec::new() };
        for bundle in &bundles {
            let file = |end: &str| {
                bundle
                    .artifacts
                    .iter()
                    .find(|(path, _)| path.as_str().ends_with(end))
                    .map(|(_, artifact)| text(artifact))
            };
            for line in file(HOSTS).unwrap_or_default().lines() {
                let line = line.split('#').next().unwrap_or_default();
                let mut words = line.split_whitespace();
                let Some(address) = words.next() else { continue };
                for name in words {
                    known.addresses.entry(name.to_owned()).or_insert_with(|| address.to_owned());
                }
            }
            let proxies = file(HAPROXY).map(|text| conf::proxies(&text));
            let instances = file(KEEPALIVED).map(|text| conf::instances(&text));
            if proxies.is_some() || instances.is_some() {
                let host = bundle.host.to_string();
                let (proxies, instances) = (proxies.unwrap_or_default(), instances.unwrap_or_default());
                known.balancers.push(Balancer { host, proxies, instances });
            }
        }
        // Whoever holds an address stands first.
        known.balancers.sort_by_key(|balancer| balancer.instances.first().map(|one| std::cmp::Reverse(one.rank())));
        known.brokers = brokers(&bundles);
        for balancer in &known.balancers {
            for source in balancer.instances.iter().filter_map(|instance| instance.source.as_ref()) {
                known.addresses.entry(balancer.host.clone()).or_insert_with(|| source.clone());
            }
            for server in balancer.proxies.iter().flat_map(|proxy| &proxy.servers) {
                let address = conf::split_port(&server.address).0.to_owned();
                known.addresses.entry(server.name.clone()).or_insert(address);
            }
        }
        known
    }

    /// Returns every VRRP instance with the hosts that may hold it, likeliest first.
    fn instances(&self) -> Vec<(&Instance, Vec<&str>)> {
        let mut found: Vec<(&Instance, Vec<(u32, &str)>)> = Vec::new();
        for balancer in &self.balancers {
            for instance in &balancer.instances {
                let holder = (instance.rank(), balancer.host.as_str());
                match found.iter_mut().find(|(other, _)| other.name == instance.name) {
                    Some((_, holders)) => holders.push(holder),
                    None => found.push((instance, vec![holder])),
                }
            }
        }
        for (_, holders) in &mut found {
            holders.sort_by_key(|(priority, _)| std::cmp::Reverse(*priority));
        }
        found
            .into_iter()
            .map(|(instance, holders)| (instance, holders.into_iter().map(|(_, host)| host).collect()))
            .collect()
    }

    fn clients(&self) -> Layer {
        let mut lines = Vec::new();
        for (_, proxy, bind) in self.fronts() {
            if !conf::is_local(bind) {
                let line = Line::new("port", front(proxy, bind));
                if !lines.contains(&line) {
                    lines.push(line);
                }
            }
        }
        // AMQP first: it is what the cluster is for.
        lines.sort_by_key(|line: &Line| !line.text.starts_with("AMQP"));
        if self.balancers.is_empty() {
            let mut ports: Vec<u16> = self.brokers.iter().map(|broker| broker.amqp_port).collect();
            ports.dedup();
            lines.extend(ports.iter().map(|port| Line::new("port", format!("AMQP {port}"))));
        }
        let clients = Station { id: "clients".to_owned(), title: "clients".to_owned(), lines, mark: Mark::Kept };
        Layer { kind: LayerKind::Clients, boxes: vec![clients], notes: Vec::new() }
    }

    /// Returns every address that a proxy with servers listens on.
    fn fronts(&self) -> impl Iterator<Item = (&Balancer, &Proxy, &String)> {
        let proxies =
            self.balancers.iter().flat_map(|balancer| balancer.proxies.iter().map(move |proxy| (balancer, proxy)));
        let fronts = proxies.filter(|(_, proxy)| !proxy.servers.is_empty() || !proxy.backends.is_empty());
        fronts.flat_map(|(balancer, proxy)| proxy.binds.iter().map(move |bind| (balancer, proxy, bind)))
    }

    fn balancer(&self, balancer: &Balancer) -> Station {
        let mut lines = self.address(&balancer.host);
        for instance in &balancer.instances {
            let priority = instance.priority.as_deref().unwrap_or("100");
            let of = if balancer.instances.len() > 1 { format!(" {}", instance.name) } else { String::new() };
            lines.push(Line::new("priority", format!("priority {priority}{of}")));
        }
        for (other, proxy, bind) in self.fronts() {
            if other.host == balancer.host && conf::is_local(bind) {
                lines.push(Line::new("port", format!("{} (local)", front(proxy, bind))));
            }
        }
        for proxy in balancer.proxies.iter().filter(|proxy| proxy.stats && proxy.servers.is_empty()) {
            for bind in &proxy.binds {
                let local = if conf::is_local(bind) { " (local)" } else { "" };
                lines.push(Line::new("port", format!("statistics {}{local}", conf::split_port(bind).1)));
            }
        }
        Station { id: format!("haproxy/{}", balancer.host), title: balancer.host.clone(), lines, mark: Mark::Kept }
    }

    fn broker(&self, broker: &Broker<'_>) -> Station {
        let host = broker.member.host.as_str();
        let mut lines = self.address(host);
        lines.push(Line::new("port", format!("AMQP {}", broker.amqp_port)));
        lines.push(Line::new("kind", format!("{} node", broker.member.kind.as_str())));
        let servers = self.balancers.iter().flat_map(|balancer| self.servers(balancer, host));
        let mut weights: Vec<&str> = servers.filter_map(|server| server.weight.as_deref()).collect();
        weights.sort_unstable();
        weights.dedup();
        if !weights.is_empty() {
            lines.push(Line::new("weight", format!("weight {}", weights.join(", "))));
        }
        if self.balancers.iter().any(|balancer| self.standby(balancer, host) == Some(true)) {
            lines.push(Line::new("backup", "backup server".to_owned()));
        }
        Station { id: format!("rabbitmq/{host}"), title: host.to_owned(), lines, mark: Mark::Kept }
    }

    /// Returns the servers that are a host, in the proxies for messages, or in all if there are none of those.
    fn servers<'b>(&'b self, balancer: &'b Balancer, host: &str) -> Vec<&'b conf::Server> {
        let address = self.addresses.get(host);
        let is_host = |server: &&conf::Server| {
            server.name == host || address.is_some_and(|address| conf::split_port(&server.address).0 == address)
        };
        let of = |http: bool| -> Vec<&conf::Server> {
            let proxies = balancer.proxies.iter().filter(|proxy| proxy.http == http);
            proxies.flat_map(|proxy| &proxy.servers).filter(is_host).collect()
        };
        let has_messages = balancer.proxies.iter().any(|proxy| !proxy.http && !proxy.servers.is_empty());
        of(!has_messages)
    }

    /// Returns whether a balancer sends to a host only while others are broken; `None` if it never does.
    fn standby(&self, balancer: &Balancer, host: &str) -> Option<bool> {
        let servers = self.servers(balancer, host);
        (!servers.is_empty()).then(|| servers.iter().all(|server| server.backup))
    }

    fn address(&self, host: &str) -> Vec<Line> {
        self.addresses.get(host).map(|address| Line::new("address", address.clone())).into_iter().collect()
    }
}

impl Line {
    /// Returns a line that is about something.
    pub(in crate::review) fn new(subject: &'static str, text: String) -> Self {
        Self { subject, text, mark: Mark::Kept }
    }

    /// Returns the line with a mark.
    pub(in crate::review) fn marked(self, mark: Mark) -> Self {
        Self { mark, ..self }
    }
}

fn vip(instance: &Instance) -> Station {
    let mut addresses = instance.addresses.iter();
    let title = addresses.next().unwrap_or(&instance.name).clone();
    let mut lines: Vec<Line> = addresses.map(|address| Line::new("address", address.clone())).collect();
    lines.push(Line::new("name", instance.name.clone()));
    lines.extend(instance.router.iter().map(|router| Line::new("router", format!("router {router}"))));
    Station { id: format!("vrrp/{}", instance.name), title, lines, mark: Mark::Kept }
}

fn front(proxy: &Proxy, bind: &str) -> String {
    let name = if proxy.name == "amqp" { "AMQP" } else { &proxy.name };
    format!("{name} {}", conf::split_port(bind).1)
}

/// Returns the nodes of the cluster, as the first host that knows of each one says.
fn brokers<'a>(bundles: &[&'a Bundle]) -> Vec<Broker<'a>> {
    let mut brokers: Vec<Broker<'_>> = Vec::new();
    for role in bundles.iter().filter_map(|bundle| bundle.role.broker.as_ref()) {
        for member in &role.members {
            match brokers.iter_mut().find(|broker| broker.member.node == member.node) {
                // A node knows its own port best.
                Some(broker) if member.node == role.node => broker.amqp_port = role.amqp_port,
                Some(_) => {}
                None => brokers.push(Broker { member, amqp_port: role.amqp_port }),
            }
        }
    }
    brokers
}

/// Returns what a file says, with placeholders for its secrets.
fn text(artifact: &Artifact) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Secret { name, .. } => format!("%{{secret:{name}}}"),
    };
    artifact.content.iter().map(piece).collect()
}
