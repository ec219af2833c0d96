//! Reads from `haproxy.cfg` and `keepalived.conf` what a picture shows: who listens where, who serves, who may hold which
//! address.
//!
//! A repository may bring templates of its own, so these are read as the programs read them, line by line, and what is not
//! known is passed over.

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
    let mut proxies = Vec::new();
    let mut http = false;
    // What `defaults` says holds for the sections below it.
    let mut in_defaults = false;
    for line in text.lines() {
        let words = words(line);
        let Some(first) = words.first() else { continue };
        let word = |n: usize| words.get(n).map(String::as_str);
        match first.as_str() {
            "listen" | "frontend" | "backend" if !line.starts_with([' ', '\t']) => {
                in_defaults = false;
                let name = word(1).unwrap_or_default().to_owned();
                proxies.push(Some(Proxy { name, http, ..Proxy::default() }));
            }
            _ if !line.starts_with([' ', '\t']) => {
                in_defaults = first == "defaults";
                proxies.push(None);
            }
            "mode" if in_defaults => http = word(1) == Some("http"),
            _ => {
                if let Some(Some(proxy)) = proxies.last_mut() {
                    proxy.note(&words);
                }
            }
        }
    }
    proxies.into_iter().flatten().collect()
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

/// Returns the words of a line of `haproxy.cfg`, quotes and escapes resolved, up to a comment.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(q), _) if c == q => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(chars.next()),
            (None, ' ' | '\t') => words.extend(word.take()),
            (None, '#') => break,
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Returns the VRRP instances of a `keepalived.conf`, in its order.
pub(super) fn instances(text: &str) -> Vec<Instance> {
    let mut instances: Vec<Instance> = Vec::new();
    // The names of the blocks that are open.
    let mut open: Vec<String> = Vec::new();
    for line in text.lines() {
        let line = line.split(['#', '!']).next().unwrap_or_default();
        let words: Vec<&str> = line.split_whitespace().map(|word| word.trim_matches('"')).collect();
        let Some(first) = words.first() else { continue };
        if *first == "}" {
            open.pop();
            continue;
        }
        let path: Vec<&str> = open.iter().map(String::as_str).collect();
        match (path.as_slice(), instances.last_mut()) {
            (["vrrp_instance"], Some(instance)) => {
                let value = words.get(1).map(ToString::to_string);
                match *first {
                    "virtual_router_id" => instance.router = value,
                    "priority" => instance.priority = value,
                    "mcast_src_ip" | "unicast_src_ip" => instance.source = value,
                    _ => {}
                }
            }
            (["vrrp_instance", "virtual_ipaddress" | "virtual_ipaddress_excluded"], Some(instance)) => {
                instance.addresses.push(first.split('/').next().unwrap_or_default().to_owned());
            }
            ([], _) if *first == "vrrp_instance" => {
                let name = words.get(1).unwrap_or(&"").to_string();
                instances.push(Instance { name, ..Instance::default() });
            }
            _ => {}
        }
        if words.last() == Some(&"{") {
            open.push((*first).to_owned());
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
