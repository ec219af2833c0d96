//! From the model of one cluster to the bundles of its hosts.
//!
//! Input: a [`Cluster`] in which every reference holds. Output: a [`Bundle`] per host, with a place for every secret; or
//! what cannot be written, as diagnostics. Must not: read anything, or judge what `model` and the rules judge.

mod classic;
mod haproxy;
mod host;
mod keepalived;
mod maintenance;
mod pieces;
mod rabbitmq;
mod render;
mod role;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use minijinja::{Value, context};

pub use render::{Override, built_in_templates};

use crate::diag::{Diagnostic, Diagnostics};
use crate::model::{Cluster, Host};
use crate::name::{HostName, HostPath, UnitName};
use crate::quote::Syntax;
use crate::release::{Artifact, Bundle, Check, OnChange, Owner, Part, Piece};

use render::{Kind, Renderer};

/// The templates, ready to compile any number of clusters on any number of threads.
pub struct Compiler {
    renderer: Renderer,
}

impl std::fmt::Debug for Compiler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compiler").finish_non_exhaustive()
    }
}

impl Compiler {
    /// Makes the templates ready; a repository's own ones stand in for the built-in ones of the same name.
    pub fn new(overrides: &[Override]) -> Result<Self, Diagnostics> {
        Ok(Self { renderer: Renderer::new(overrides)? })
    }

    /// Compiles one cluster: the bundles of its hosts, in the order of the spec.
    pub fn compile(&self, cluster: &Cluster) -> Result<Vec<Bundle>, Diagnostics> {
        let mut job = Job::new(&self.renderer, cluster);
        let order = order(cluster);
        let bundles: Vec<Bundle> = cluster.hosts.values().map(|host| job.bundle(host, &order)).collect();
        if job.diags.is_empty() { Ok(bundles) } else { Err(job.diags) }
    }
}

/// Returns the order in which hosts may be disturbed: the brokers as the spec has them, then pure balancers with the
/// likeliest holder of a virtual address last, then the rest.
fn order(cluster: &Cluster) -> Vec<HostName> {
    let nodes = cluster.broker.nodes.iter().map(|node| &node.host);
    let instances = cluster.vip.iter().flat_map(|vip| &vip.instances);
    let balancers = instances.flat_map(|instance| instance.members.iter().rev().map(|member| &member.host));
    let mut seen = BTreeSet::new();
    nodes.chain(balancers).chain(cluster.hosts.keys()).filter(|host| seen.insert(*host)).cloned().collect()
}

/// What is compiled now: the values that the hosts share, and the files that came out equal for all of them.
struct Job<'a> {
    renderer: &'a Renderer,
    cluster: &'a Cluster,
    /// What every template is given as `cluster`.
    view: Value,
    /// What the templates of a section are given, made once.
    sections: BTreeMap<(Kind, bool), Value>,
    /// Files that do not differ from host to host.
    shared: BTreeMap<(Kind, bool), Vec<Piece>>,
    diags: Diagnostics,
}

/// A file that is about to be rendered.
struct File {
    kind: Kind,
    syntax: Syntax,
    /// Tells apart the two forms of a file that most hosts share, such as those of disc and RAM nodes.
    variant: bool,
    path: &'static str,
    on_change: OnChange,
    check: Option<Check>,
}

impl<'a> Job<'a> {
    fn new(renderer: &'a Renderer, cluster: &'a Cluster) -> Self {
        let mut job = Self {
            renderer,
            cluster,
            view: host::cluster_view(cluster),
            sections: BTreeMap::new(),
            shared: BTreeMap::new(),
            diags: Vec::new(),
        };
        job.check();
        job
    }

    /// Checks what stands in a file where nothing can be quoted.
    fn check(&mut self) {
        rabbitmq::check(self.cluster, &mut self.diags);
        haproxy::check_names(self.cluster, &mut self.diags);
        host::check(self.cluster, &mut self.diags);
    }

    fn bundle(&mut self, host: &Host, order: &[HostName]) -> Bundle {
        let mut artifacts = BTreeMap::new();
        host::files(self, host, &mut artifacts);
        rabbitmq::files(self, host, &mut artifacts);
        haproxy::files(self, host, &mut artifacts);
        keepalived::files(self, host, &mut artifacts);
        let role = role::of(self.cluster, host);
        Bundle {
            cluster: self.cluster.name.value.clone(),
            host: host.name.value.clone(),
            order: order.to_vec(),
            artifacts,
            definitions: role.broker.is_some().then(|| self.cluster.broker.definitions.clone()),
            secrets: BTreeMap::new(),
            role,
            maintenance: self.cluster.maintenance.as_ref().map(maintenance::of),
            grants: self.cluster.grants.clone(),
        }
    }

    /// Renders a file that the hosts share, once for all of them unless its template looks at the host.
    fn shared(&mut self, host: &Host, file: File, section: impl FnOnce(&'a Cluster) -> Value) -> (HostPath, Artifact) {
        let key = (file.kind, file.variant);
        if let Some(content) = self.shared.get(&key) {
            return artifact(file, content.clone());
        }
        let cluster = self.cluster;
        let section = self.sections.entry(key).or_insert_with(|| section(cluster)).clone();
        if self.renderer.uses_host(file.kind) {
            return self.own(host, file, section);
        }
        let content = self.render(&file, section);
        self.shared.insert(key, content.clone());
        artifact(file, content)
    }

    /// Renders a file that is the host's own.
    fn own(&mut self, host: &Host, file: File, section: Value) -> (HostPath, Artifact) {
        let host = host::host_view(self.cluster, host);
        let content = self.render(&file, context! { host, ..section });
        artifact(file, content)
    }

    fn render(&mut self, file: &File, section: Value) -> Vec<Piece> {
        let context = context! { cluster => self.view.clone(), ..section };
        self.renderer.render(file.kind, file.syntax, file.path, context).unwrap_or_else(|diags| {
            for diag in diags {
                self.refuse(diag);
            }
            Vec::new()
        })
    }

    /// Adds a diagnostic, once: the hosts of a cluster mostly have the same faults.
    fn refuse(&mut self, diag: Diagnostic) {
        if !self.diags.contains(&diag) {
            self.diags.push(diag);
        }
    }
}

/// Makes the artifact of a file that belongs to root; one with a secret is for root alone.
fn artifact(file: File, content: Vec<Piece>) -> (HostPath, Artifact) {
    let secret = content.iter().any(|piece| matches!(piece, Piece::Secret { .. }));
    let artifact = Artifact {
        content,
        mode: if secret { 0o600 } else { 0o644 },
        owner: Owner::root(),
        check: file.check,
        on_change: file.on_change,
        part: Part::Whole,
    };
    (path(file.path), artifact)
}

fn path(text: &str) -> HostPath {
    HostPath::parse(text).expect("the tables of platforms hold valid paths")
}

fn unit(text: &str) -> UnitName {
    UnitName::parse(text).expect("the tables of platforms hold valid unit names")
}

fn owner(user: &str) -> Owner {
    Owner { user: user.to_owned(), group: user.to_owned() }
}

/// Returns the path of rmqgit's drop-in for a unit.
fn drop_in(unit: &str) -> HostPath {
    path(&format!("/etc/systemd/system/{unit}.d/{}", crate::facts::platform::DROP_IN))
}
