//! What a rule looks at, and what a built-in check returns.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use jiff::civil::Date;
use minijinja::Value;

use super::text::Texts;
use crate::diag::Place;
use crate::model::Cluster;
use crate::model::fleet::Published;
use crate::release::Bundle;
use crate::yaml::Node;

/// One cluster with everything that is known about it before it is published.
#[derive(Debug)]
pub struct Subject<'a> {
    /// Its resolved meaning.
    pub cluster: &'a Cluster,
    /// Its spec, with defaults and profile merged in.
    pub tree: &'a Node,
    /// The compiled files of its hosts.
    pub bundles: &'a [Bundle],
    /// What the last release had of it, if there is one.
    pub published: Option<&'a Published>,
    /// The day that end-of-life dates and waivers are compared with.
    pub today: Date,
    /// What [`Subject::texts`] made; empty at first.
    pub texts: OnceCell<Texts>,
}

impl Subject<'_> {
    /// Returns the configuration texts of HAProxy and Keepalived, judged when they are first asked for.
    pub fn texts(&self) -> &Texts {
        self.texts.get_or_init(|| Texts::of(self.cluster, self.bundles))
    }
}

/// One fault that a built-in check found; the rule's file has the words.
#[derive(Debug, Clone, Default)]
pub struct Finding {
    /// What the templates of the rule's message and help may use.
    pub vars: BTreeMap<&'static str, Value>,
    /// The places, the main one first, each with its label. Without any, the rule's `at` is taken.
    pub at: Vec<(Where, String)>,
}

/// A place in the spec of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Where {
    /// A known place.
    Place(Place),
    /// Keys from the root of the cluster down; an item of a list by its number, its text, or its `name` or `host`. The
    /// nearest existing parent is taken.
    Path(Vec<String>),
}

impl Finding {
    /// Starts a finding without a place.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the templates a value.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.vars.insert(name, value.into());
        self
    }

    /// Adds a place by its path, such as `["rabbitmq", "config", "heartbeat"]`.
    #[must_use]
    pub fn at(mut self, path: &[&str], label: impl Into<String>) -> Self {
        let path = path.iter().map(|&step| step.to_owned()).collect();
        self.at.push((Where::Path(path), label.into()));
        self
    }

    /// Adds a known place.
    #[must_use]
    pub fn at_place(mut self, place: Place, label: impl Into<String>) -> Self {
        self.at.push((Where::Place(place), label.into()));
        self
    }
}
