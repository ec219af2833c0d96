//! What HAProxy and Keepalived of a version say to a configuration text, predicted without running them.
//!
//! Input: a text and a version. Output: its parts, and every [`Problem`]. Must not: know the spec or the model; the checks
//! beside it bring the two together. `tests/it/probes.rs` holds the predictions against what the real programs said.

pub mod haproxy;
pub mod keepalived;

use crate::facts;
use crate::facts::platform;
use crate::facts::version::Version;
use crate::model::Cluster;
use crate::name::HostName;
use crate::release::{Bundle, Piece};

/// The character that stands for a secret, which the host fills in, quoted, as a part of one word.
pub const SECRET: char = '\u{e000}';

/// A setting of a text, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Setting {
    /// The section or the blocks, such as `listen amqp`.
    pub place: String,
    /// The words of its line; none is the beginning of the section itself.
    pub words: Vec<String>,
}

/// What the program does about a problem, from the mildest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It says nothing, and does not do what was meant.
    Silent,
    /// It says so, and its test still passes.
    Warned,
    /// Its test fails.
    Refused,
}

/// One problem of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem<K> {
    /// The line, from 1; 0 is the text as a whole.
    pub line: u32,
    /// What is wrong.
    pub kind: K,
    /// What the program does about it.
    pub verdict: Verdict,
    /// The word that is wrong.
    pub word: String,
    /// The section or block it stands in, such as `listen amqp`.
    pub section: String,
    /// What goes with it: the keyword to use instead, the limit, the other line.
    pub more: String,
}

/// The texts of a cluster, each judged once however many hosts share it.
#[derive(Debug, Default)]
pub struct Texts {
    /// The different haproxy.cfg.
    pub haproxy: Vec<Text<haproxy::Judged>>,
    /// The different keepalived.conf.
    pub keepalived: Vec<Text<keepalived::Judged>>,
}

/// A compiled text.
#[derive(Debug)]
pub struct Text<J> {
    /// The hosts that have it.
    pub hosts: Vec<HostName>,
    /// The text, with [`SECRET`] in the place of secrets.
    pub text: String,
    /// The version it was judged for.
    pub version: Version,
    /// What the program says to it.
    pub judged: J,
}

impl Texts {
    /// Judges the texts of a cluster.
    pub fn of(cluster: &Cluster, bundles: &[Bundle]) -> Self {
        let version = |version: Option<Version>, assumed| version.unwrap_or(assumed);
        let balancer = cluster.balancer.as_ref().and_then(|balancer| balancer.version.as_ref());
        let balancer = version(balancer.map(|version| version.value), facts::haproxy::ASSUMED);
        let vip = cluster.vip.as_ref().and_then(|vip| vip.version.as_ref());
        let vip = version(vip.map(|version| version.value), facts::keepalived::ASSUMED);
        Self {
            haproxy: distinct(bundles, platform::HAPROXY_CFG, balancer, haproxy::judge),
            keepalived: distinct(bundles, platform::KEEPALIVED_CONF, vip, keepalived::judge),
        }
    }
}

fn distinct<J>(bundles: &[Bundle], path: &str, version: Version, judge: fn(&str, Version) -> J) -> Vec<Text<J>> {
    let mut seen: Vec<&[Piece]> = Vec::new();
    let mut texts: Vec<Text<J>> = Vec::new();
    for bundle in bundles {
        let Some(artifact) = bundle.artifacts.get(path) else { continue };
        if let Some(index) = seen.iter().position(|content| *content == artifact.content) {
            texts[index].hosts.push(bundle.host.clone());
            continue;
        }
        let text = join(&artifact.content);
        let judged = judge(&text, version);
        seen.push(&artifact.content);
        texts.push(Text { hosts: vec![bundle.host.clone()], text, version, judged });
    }
    texts
}

fn join(content: &[Piece]) -> String {
    let mut text = String::new();
    for piece in content {
        match piece {
            Piece::Text(part) => text.push_str(part),
            Piece::Secret { .. } => text.push(SECRET),
        }
    }
    text
}
