//! The names and addresses of one cluster, so that changes that differ in nothing else are recognised as the same.

use std::collections::BTreeMap;

use super::pair::{Pair, text};
use crate::name::HostName;
use crate::release::Bundle;

/// The file that says which address each host has.
const HOSTS: &str = crate::facts::platform::HOSTS;

/// What is a name or an address of this cluster on both sides alike. One that changes keeps its place in every text: what
/// becomes of it must be seen.
#[derive(Debug, Default)]
pub(super) struct Names {
    words: BTreeMap<String, String>,
    /// The words of each host, which stand for itself in its own files.
    own: BTreeMap<HostName, Vec<String>>,
}

impl Names {
    /// Finds the names of a cluster.
    pub(super) fn of(pair: &Pair<'_>) -> Self {
        let mut names = Self::default();
        names.words.insert(pair.name.to_string(), "<cluster>".to_owned());
        let (old, new) = (side(pair.old.values().next()), side(pair.new.values().next()));
        // What comes or goes as a whole has the words of its side.
        let (one, other) = if pair.is_new() { (&new, &new) } else { (&old, if pair.is_gone() { &old } else { &new }) };
        for (word, host) in one {
            if other.get(word) == Some(host) {
                names.add(word, host);
            }
        }
        names
    }

    fn add(&mut self, word: &str, of: &Of) {
        let (kind, number) = match of {
            Of::Host(number, host) => {
                self.own.entry(host.clone()).or_default().push(word.to_owned());
                ("host", number)
            }
            Of::Address(number, host) => {
                self.own.entry(host.clone()).or_default().push(word.to_owned());
                ("address", number)
            }
            Of::Virtual(number) => ("virtual", number),
        };
        self.words.insert(word.to_owned(), format!("<{kind}{number}>"));
    }

    /// Returns a text with places for the names; `own` is the host whose text it is.
    pub(super) fn plain(&self, text: &str, own: Option<&HostName>) -> String {
        let own = own.and_then(|host| self.own.get(host));
        let is_word = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let end = rest.find(|c| is_word(c) != is_word(first)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            match self.words.get(word) {
                Some(_) if own.is_some_and(|own| own.iter().any(|name| name == word)) => out.push_str("<own>"),
                Some(place) => out.push_str(place),
                None => out.push_str(word),
            }
            rest = after;
        }
        out
    }
}

/// What a word is a name of.
#[derive(Debug, PartialEq, Eq)]
enum Of {
    Host(usize, HostName),
    Address(usize, HostName),
    Virtual(usize),
}

/// Returns the words of one side, as any of its hosts has them.
fn side(bundle: Option<&&Bundle>) -> BTreeMap<String, Of> {
    let mut words = BTreeMap::new();
    let Some(bundle) = bundle else { return words };
    for (number, host) in bundle.order.iter().enumerate() {
        words.insert(host.to_string(), Of::Host(number + 1, host.clone()));
    }
    let hosts = bundle.artifacts.get(HOSTS).map(text).unwrap_or_default();
    for line in hosts.lines() {
        let mut parts = line.split_whitespace();
        let (Some(address), Some(name)) = (parts.next(), parts.next()) else { continue };
        if let Some(number) = bundle.order.iter().position(|host| host.as_str() == name) {
            words.insert(address.to_owned(), Of::Address(number + 1, bundle.order[number].clone()));
        }
    }
    for (number, address) in bundle.role.addresses.iter().enumerate() {
        words.insert(address.ip().to_string(), Of::Virtual(number + 1));
    }
    words
}
