//! `vrrp_instance`.

use std::net::IpAddr;

use super::words::Node;
use super::{Instance, Judge, Kind};
use crate::policy::text::{SECRET, Verdict};

/// The keywords that have one value.
const ONCE: &[&str] = &["state", "version", "authentication"];

/// How many bytes of a password Keepalived uses.
const PASSWORD: usize = 8;

impl Judge {
    pub(super) fn instance(&mut self, node: &Node<'_>) {
        self.once(node, ONCE);
        let mut instance =
            Instance { name: node.word(1).to_owned(), line: node.line, version3: self.version3, ..Instance::default() };
        for line in node.inside() {
            if self.known("vrrp_instance", line) {
                self.line(&mut instance, line);
            }
        }
        if self.instances.iter().any(|other| other.name == instance.name) {
            self.add(node.line, Kind::RepeatedInstance, Verdict::Refused, &instance.name, "");
            return;
        }
        self.together(&instance);
        self.instances.push(instance);
    }

    fn line(&mut self, instance: &mut Instance, line: &Node<'_>) {
        let (at, value) = (line.line, || line.word(1).to_owned());
        match line.word(0) {
            "state" if self.value(line) => self.state(instance, line),
            "interface" if self.value(line) => instance.interface = Some((at, value())),
            "virtual_router_id" if self.value(line) => {
                let id = self.whole_number(line, 1, 255).and_then(|id| u64::try_from(id).ok());
                instance.virtual_router_id = id.map(|id| (at, id));
            }
            "priority" if self.value(line) => {
                let priority = self.whole_number(line, 1, 255).and_then(|priority| u64::try_from(priority).ok());
                instance.priority = priority.map(|priority| (at, priority));
            }
            "advert_int" if self.value(line) => {
                self.decimal(line, 0.01, 255.0, "0.01 to 255");
                instance.advert_int = Some((at, value()));
            }
            "version" => instance.version3 = line.word(1) == "3",
            "strict_mode" => instance.strict = Some(line.word(1) != "off" && line.word(1) != "false"),
            "nopreempt" => instance.nopreempt = Some(at),
            "preempt_delay" => {
                self.decimal(line, 0.0, 1000.0, "0 to 1000");
                instance.preempt_delay = Some(at);
            }
            "unicast_src_ip" if self.value(line) => instance.source = Some((at, value())),
            "mcast_src_ip" if self.value(line) => instance.multicast_source = Some((at, value())),
            "unicast_peer" => instance.peers.extend(first_words(line)),
            "virtual_ipaddress" => self.addresses(instance, line),
            "track_script" => self.tracked(instance, line),
            "authentication" => self.authentication(instance, line),
            _ => {}
        }
    }

    fn state(&mut self, instance: &mut Instance, line: &Node<'_>) {
        line.word(1).clone_into(&mut instance.state);
        if !matches!(line.word(1), "MASTER" | "BACKUP") && !self.is_parameter(line.word(1)) {
            self.add(line.line, Kind::BadState, Verdict::Refused, line.word(1), "");
        }
    }

    fn addresses(&mut self, instance: &mut Instance, line: &Node<'_>) {
        for (at, address) in first_words(line) {
            let parsed = address.split('/').next().is_some_and(|ip| ip.parse::<IpAddr>().is_ok());
            if parsed {
                instance.addresses.push((at, address));
            } else if !self.is_parameter(&address) {
                self.add(at, Kind::BadAddress, Verdict::Refused, &address, "");
            }
        }
    }

    fn tracked(&mut self, instance: &mut Instance, line: &Node<'_>) {
        for track in line.inside() {
            let name = track.word(0).to_owned();
            let weight = track.words.iter().position(|word| word == "weight");
            let weight = weight.and_then(|index| track.word(index + 1).parse().ok());
            if self.scripts.iter().any(|script| script.name == name) || self.is_parameter(&name) {
                instance.scripts.push((track.line, name, weight));
            } else {
                let known = self.scripts.iter().map(|script| script.name.as_str()).collect::<Vec<_>>().join(", ");
                self.add(track.line, Kind::UnknownScript, Verdict::Refused, &name, known);
            }
        }
    }

    fn authentication(&mut self, instance: &mut Instance, line: &Node<'_>) {
        for auth in line.inside() {
            if !self.known("vrrp_instance authentication", auth) || !self.value(auth) || auth.word(0) != "auth_pass" {
                continue;
            }
            let password = auth.word(1);
            instance.auth = Some((auth.line, password.to_owned()));
            if password.contains(SECRET) || self.is_parameter(password) {
                continue;
            }
            if password.len() > PASSWORD {
                self.add(auth.line, Kind::LongPassword, Verdict::Refused, "auth_pass", password.len().to_string());
            }
            self.add(auth.line, Kind::PlainPassword, Verdict::Silent, "auth_pass", "");
        }
    }

    /// Judges what the lines of an instance mean together.
    fn together(&mut self, instance: &Instance) {
        let strict = instance.strict.unwrap_or(self.strict);
        if let Some((line, _)) = instance.auth.as_ref().filter(|_| strict || instance.version3) {
            let why = if strict { "vrrp_strict" } else { "VRRP version 3" };
            self.add(*line, Kind::AuthIgnored, Verdict::Refused, "authentication", why);
        }
        if let Some((line, _)) = instance.peers.first().filter(|_| strict) {
            self.add(*line, Kind::StrictMode, Verdict::Refused, "unicast_peer", "");
        }
        self.advert(instance);
        if instance.state == "MASTER" {
            let waits = [(instance.nopreempt, "nopreempt"), (instance.preempt_delay, "preempt_delay")];
            for (line, word) in waits.iter().filter_map(|(line, word)| Some(((*line)?, *word))) {
                self.add(line, Kind::MasterWaits, Verdict::Refused, word, "");
            }
        }
        if instance.virtual_router_id.is_none() && !self.defines && !self.said(instance, Kind::BadNumber) {
            self.add(instance.line, Kind::MissingValue, Verdict::Refused, "virtual_router_id", "");
        }
        if instance.addresses.is_empty() && !self.defines {
            let verdict = if self.since(2, 1, 0) { Verdict::Refused } else { Verdict::Silent };
            self.add(instance.line, Kind::NoAddress, verdict, &instance.name, "");
        }
        self.unicast(instance);
        if let Some((line, _)) = instance.priority.filter(|(_, priority)| *priority == 255) {
            let weight =
                |name: &String| self.scripts.iter().find(|script| script.name == *name).map_or(0, |s| s.weight);
            if instance.scripts.iter().any(|(_, name, own)| own.unwrap_or_else(|| weight(name)) != 0) {
                self.add(line, Kind::AddressOwner, Verdict::Refused, "priority 255", "");
            }
        }
    }

    fn said(&self, instance: &Instance, kind: Kind) -> bool {
        self.problems.iter().any(|problem| problem.kind == kind && problem.line > instance.line)
    }

    fn advert(&mut self, instance: &Instance) {
        let Some((line, text)) = &instance.advert_int else { return };
        let Ok(seconds) = text.parse::<f64>() else { return };
        let word = format!("advert_int {text}");
        if instance.version3 && seconds > 40.95 && seconds <= 255.0 {
            self.add(*line, Kind::Advert, Verdict::Refused, &word, "40.95");
        } else if !instance.version3 && seconds.fract() != 0.0 && seconds >= 0.01 {
            self.add(*line, Kind::Advert, Verdict::Refused, &word, "");
        }
    }

    fn unicast(&mut self, instance: &Instance) {
        let Some((line, source)) = &instance.source else { return };
        if instance.peers.is_empty() {
            let verdict = if self.since(2, 2, 4) { Verdict::Refused } else { Verdict::Silent };
            self.add(*line, Kind::UnicastNoPeer, verdict, source, "");
        }
        if let Some((line, peer)) = instance.peers.iter().find(|(_, peer)| peer == source) {
            self.add(*line, Kind::UnicastSelf, Verdict::Silent, peer, "");
        }
    }
}

/// Returns the first word of each line of a block, with its line.
fn first_words(line: &Node<'_>) -> Vec<(u32, String)> {
    line.inside().iter().map(|inside| (inside.line, inside.word(0).to_owned())).collect()
}
