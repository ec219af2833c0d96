//! What only the whole text shows: names and binds that repeat, what a proxy lacks.

use std::collections::HashMap;

use super::{At, Judge, Kind, Mode, Proxy, values};
use crate::facts::haproxy::Proxy as Section;
use crate::policy::text::Verdict;

impl Judge {
    /// Judges the text as a whole.
    pub(super) fn whole(&mut self, text: &str) {
        if !text.is_empty() && !text.ends_with('\n') && self.since(2, 2) {
            let verdict = self.verdict((2, 3), Verdict::Refused, Verdict::Warned);
            self.add(Kind::MissingNewline, verdict, "", "");
        }
        self.at = At::Nowhere;
        let proxies = std::mem::take(&mut self.proxies);
        let listens = proxies.iter().any(|proxy| !proxy.binds.is_empty());
        if !listens && !self.listens {
            self.add_at(0, Kind::NoListener, Verdict::Refused, "", "");
        }
        self.names(&proxies);
        self.binds(&proxies);
        let backends: Vec<&str> =
            proxies.iter().filter(|proxy| serves(proxy)).map(|proxy| proxy.name.as_str()).collect();
        for proxy in &proxies {
            self.proxy_alone(proxy, &backends);
        }
        self.proxies = proxies;
    }

    fn names(&mut self, proxies: &[Proxy]) {
        let mut listening: HashMap<&str, &Proxy> = HashMap::new();
        let mut serving: HashMap<&str, &Proxy> = HashMap::new();
        for proxy in proxies {
            let front = listens(proxy).then(|| listening.insert(&proxy.name, proxy)).flatten();
            let back = serves(proxy).then(|| serving.insert(&proxy.name, proxy)).flatten();
            if let Some(other) = front.or(back) {
                let verdict = self.verdict((1, 6), Verdict::Refused, Verdict::Warned);
                self.add_at(proxy.line, Kind::RepeatedProxy, verdict, &proxy.name, other.line.to_string());
                continue;
            }
            let other = [(listens(proxy), &serving), (serves(proxy), &listening)];
            let other = other.iter().find_map(|(asks, table)| table.get(proxy.name.as_str()).filter(|_| *asks));
            if let Some(other) = other.filter(|other| other.line != proxy.line && self.since(3, 1)) {
                let verdict = self.verdict((3, 3), Verdict::Refused, Verdict::Warned);
                self.add_at(proxy.line, Kind::RepeatedProxy, verdict, &proxy.name, other.line.to_string());
            }
        }
    }

    /// Two sockets on one address and port share the connections by chance, which HAProxy's test never sees.
    fn binds(&mut self, proxies: &[Proxy]) {
        let mut seen: Vec<(String, &str, u32)> = Vec::new();
        for (line, bind) in proxies.iter().flat_map(|proxy| &proxy.binds) {
            let Some(address) = values::address(bind) else { continue };
            let Some(port) = address.port else { continue };
            let host = match address.host {
                "" | "0.0.0.0" => "*".to_owned(),
                host => host.to_ascii_lowercase(),
            };
            if let Some((.., other)) = seen.iter().find(|(known, its, _)| *known == host && *its == port) {
                self.add_at(*line, Kind::RepeatedBind, Verdict::Silent, bind, other.to_string());
            }
            seen.push((host, port, *line));
        }
    }

    fn proxy_alone(&mut self, proxy: &Proxy, backends: &[&str]) {
        for (line, name) in proxy.backends.iter().filter(|(_, name)| !backends.contains(&name.as_str())) {
            self.add_at(*line, Kind::MissingBackend, Verdict::Refused, name, "");
        }
        if proxy.kind == Section::Listen && proxy.binds.is_empty() && self.since(1, 6) {
            self.add_at(proxy.line, Kind::NoBind, Verdict::Warned, &proxy.name, "");
        }
        for (index, server) in proxy.servers.iter().enumerate() {
            if let Some(other) = proxy.servers[..index].iter().find(|other| other.name == server.name) {
                let verdict = self.verdict((2, 0), Verdict::Refused, Verdict::Warned);
                self.add_at(server.line, Kind::RepeatedServer, verdict, &server.name, other.line.to_string());
            }
        }
        if proxy.settings.mode != Mode::Other {
            let missing = missing_timeouts(proxy);
            if !missing.is_empty() {
                self.add_at(proxy.line, Kind::MissingTimeout, Verdict::Warned, &proxy.name, missing.join(", "));
            }
        }
        for (line, keyword) in proxy.settings.http_only() {
            self.add_at(line.max(proxy.line), Kind::NeedsHttpMode, Verdict::Warned, keyword, proxy.name.as_str());
        }
        if let Some(line) = proxy.settings.logs_nowhere().filter(|_| listens(proxy)) {
            self.add_at(line, Kind::NoLog, Verdict::Warned, &proxy.name, "");
        }
    }
}

fn listens(proxy: &Proxy) -> bool {
    proxy.kind != Section::Backend
}

fn serves(proxy: &Proxy) -> bool {
    proxy.kind != Section::Frontend
}

fn missing_timeouts(proxy: &Proxy) -> Vec<&'static str> {
    let [client, connect, server, tunnel] = proxy.settings.timeouts;
    let behind = serves(proxy) && !proxy.servers.is_empty();
    let server = server.or(tunnel.filter(|_| proxy.settings.mode == Mode::Tcp));
    let all = [
        (listens(proxy) && client.is_none(), "timeout client"),
        (behind && connect.is_none(), "timeout connect"),
        (behind && server.is_none(), "timeout server"),
    ];
    all.into_iter().filter(|(missing, _)| *missing).map(|(_, name)| name).collect()
}
