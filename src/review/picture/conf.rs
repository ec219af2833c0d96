//! Reads from `haproxy.cfg` and `keepalived.conf` what a picture shows: who listens where, who serves, who may hold which
//! address.
//!
//! A repository may bring templates of its own, so these are read as the programs read them, by the readers that the rules have
//! (`policy::text`), and what is not known is passed over.

use crate::policy::text::{Setting, haproxy, keepalived};

/// A proxy of HAProxy: a `listen`, `frontend` or `backend` section.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Proxy {
    /// Its name.
    pub(super) name: String,
    /// The addresses that it listens on, such as `*:5673`.
    pub(super) binds: Vec<String>,
    /// Its servers.
    pub(super) servers: Vec<Server>,
    /// The backends that it hands over to.
    pub(super) backends: Vec<String>,
    /// Whether it speaks HTTP rather than TCP.
    pub(super) http: bool,
    /// Whether it shows HAProxy's own statistics.
    pub(super) stats: bool,
}

/// A `server` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) name: String,
    /// Its address with the port.
    pub(super) address: String,
    pub(super) weight: Option<String>,
    /// Whether it serves only while the others do not.
    pub(super) backup: bool,
}

/// A `vrrp_instance` block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Instance {
    pub(super) name: String,
    pub(super) router: Option<String>,
    pub(super) priority: Option<String>,
    /// The virtual addresses, without prefixes.
    pub(super) addresses: Vec<String>,
    /// The host's own address.
    pub(super) source: Option<String>,
}

impl Instance {
    /// Returns its priority as a number; Keepalived's own is 100.
    pub(super) fn rank(&self) -> u32 {
        self.priority.as_ref().and_then(|priority| priority.parse().ok()).unwrap_or(100)
    }
}

/// Returns the proxies of a `haproxy.cfg`, in its order.
pub(super) fn proxies(text: &str) -> Vec<Proxy> {
    let mut proxies: Vec<Proxy> = Vec::new();
    // What `defaults` says holds for the sections below it.
    let mut http = false;
    for Setting { place, words } in haproxy::outline(text) {
        let (section, name) = place.split_once(' ').unwrap_or((&place, ""));
        let is_start = words.is_empty();
        match section {
            "listen" | "frontend" | "backend" if is_start => {
                proxies.push(Proxy { name: name.to_owned(), http, ..Proxy::default() });
            }
            "listen" | "frontend" | "backend" => {
                if let Some(proxy) = proxies.last_mut() {
                    proxy.note(&words);
                }
            }
            "defaults" if is_start => http = false,
            "defaults" if words[0] == "mode" => http = words.get(1).is_some_and(|mode| mode == "http"),
            _ => {}
        }
    }
    proxies
}

impl Proxy {
    fn note(&mut self, words: &[String]) {
        let word = |n: usize| words.get(n).map(String::as_str);
        match (word(0), word(1)) {
            (Some("bind"), Some(addresses)) => self.binds.extend(addresses.split(',').map(str::to_owned)),
            (Some("mode"), Some(mode)) => self.http = mode == "http",
            (Some("stats"), Some("enable" | "uri")) => self.stats = true,
            (Some("use_backend" | "default_backend"), Some(backend)) => self.backends.push(backend.to_owned()),
            (Some("server"), Some(name)) => {
                let weight = words.iter().position(|word| word == "weight").and_then(|n| words.get(n + 1)).cloned();
                self.servers.push(Server {
                    name: name.to_owned(),
                    address: word(2).unwrap_or_default().to_owned(),
                    weight,
                    backup: words.iter().any(|word| word == "backup"),
                });
            }
            _ => {}
        }
    }
}

/// Returns the VRRP instances of a `keepalived.conf`, in its order.
pub(super) fn instances(text: &str) -> Vec<Instance> {
    let mut instances: Vec<Instance> = Vec::new();
    for Setting { place, words } in keepalived::outline(text) {
        let Some(rest) = place.strip_prefix("vrrp_instance ") else { continue };
        let (name, block) = rest.split_once(' ').unwrap_or((rest, ""));
        let Some(first) = words.first() else {
            if block.is_empty() {
                instances.push(Instance { name: name.to_owned(), ..Instance::default() });
            }
            continue;
        };
        let Some(instance) = instances.last_mut() else { continue };
        let value = words.get(1).cloned();
        match (block, first.as_str()) {
            ("", "virtual_router_id") => instance.router = value,
            ("", "priority") => instance.priority = value,
            ("", "mcast_src_ip" | "unicast_src_ip") => instance.source = value,
            ("virtual_ipaddress" | "virtual_ipaddress_excluded", address) => {
                instance.addresses.push(address.split('/').next().unwrap_or_default().to_owned());
            }
            _ => {}
        }
    }
    instances
}

/// Returns the port of an address such as `*:5673` or `[::1]:5673`, and the address before it.
pub(super) fn split_port(address: &str) -> (&str, &str) {
    address.rsplit_once(':').unwrap_or((address, ""))
}

/// Whether only programs of the host itself can reach an address.
pub(super) fn is_local(address: &str) -> bool {
    let host = split_port(address).0.trim_matches(['[', ']']);
    host.starts_with("127.")
        || host == "::1"
        || host == "localhost"
        || address.starts_with("unix@")
        || address.starts_with('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn haproxy_is_read_as_haproxy_reads_it() {
        let text = "defaults\n  mode http\nfrontend in # public\n  bind *:80,:::80 v4v6\n  default_backend 'web one'\n\
                    backend \"web one\"\n  mode tcp\n  server a\\ b 10.0.0.1:80 check weight 5 backup\nglobal\n  server x y\n";
        let found = proxies(text);
        assert_eq!(found.len(), 2);
        assert_eq!(proxies(&text.replace("\n  ", "\n")), found, "blanks at the beginning of a line say nothing");
        assert_eq!(found[0].binds, ["*:80", ":::80"]);
        assert!(found[0].http && !found[1].http);
        assert_eq!((found[0].backends.as_slice(), found[1].name.as_str()), (&["web one".to_owned()][..], "web one"));
        let server =
            Server { name: "a b".into(), address: "10.0.0.1:80".into(), weight: Some("5".into()), backup: true };
        assert_eq!(found[1].servers, [server]);
        assert!(is_local("127.0.0.1:80") && is_local("[::1]:80") && !is_local("*:80"));
    }

    #[test]
    fn keepalived_is_read_block_by_block() {
        let text = "vrrp_script x {\n  priority 9\n}\nvrrp_instance one {\n priority 150 # high\n track_script {\n  priority\n }\n \
                    virtual_router_id 87\n virtual_ipaddress {\n  10.0.0.9/32 dev eth0\n  2001:db8::1/64\n }\n mcast_src_ip 10.0.0.1\n}\n";
        let one = Instance {
            name: "one".into(),
            router: Some("87".into()),
            priority: Some("150".into()),
            addresses: vec!["10.0.0.9".into(), "2001:db8::1".into()],
            source: Some("10.0.0.1".into()),
        };
        assert_eq!(instances(text), [one]);
    }
}
