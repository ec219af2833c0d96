//! The author's half from a spec to bundles: parse, lower, compile, ask the rules, one cluster after the other.
//!
//! Input: the files of a spec repository. Output: everything that is wrong with it, and each sound cluster with the files
//! of its hosts. Must not: read files, ask the clock, or keep a cluster longer than it takes to judge it.

mod example;
mod report;
mod sarif;
pub mod sealed;
pub mod signers;
pub mod uses;

use std::cell::OnceCell;
use std::collections::BTreeMap;

use jiff::civil::Date;

pub use example::{Tried, try_example};
pub use report::{Format, render};
pub use sealed::SealedFiles;

use crate::compile::{Compiler, Override};
use crate::diag::{Diagnostic, Diagnostics, Severity, Sources};
use crate::model::fleet::{self, Facts, Published};
use crate::model::{self, Cluster, RuleLevel};
use crate::name::ClusterName;
use crate::policy::{Checker, RuleFile, Rules, Subject, Waived};
use crate::release::{ALLOWED_SIGNERS, Bundle};
use crate::secret::Opener;
use crate::yaml::Node;

/// The directory of a repository's own templates.
pub const TEMPLATES: &str = "templates";
/// The directory of a repository's own rules.
pub const POLICIES: &str = "policies";

/// The files of a spec repository, and what they are compared with.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The files by their paths.
    pub files: &'a BTreeMap<String, Vec<u8>>,
    /// What the last release had of each cluster.
    pub published: &'a BTreeMap<ClusterName, Published>,
    /// The day of the check.
    pub today: Date,
    /// A private key, if the values of secrets are to be looked for in the compiled files.
    pub opener: Option<&'a Opener>,
}

/// What came of checking a spec repository.
#[derive(Debug)]
pub struct Checked {
    /// The files that the diagnostics point into.
    pub sources: Sources,
    /// Everything that is wrong.
    pub diags: Diagnostics,
    /// What the spec holds back, with its reasons.
    pub waived: Vec<Waived>,
    /// The rules that were asked.
    pub rules: Rules,
    /// How many clusters are sound.
    pub clusters: usize,
    /// How many hosts they have.
    pub hosts: usize,
}

impl Checked {
    /// Tells whether there is no error.
    pub fn is_sound(&self) -> bool {
        self.diags.iter().all(|diag| diag.severity != Severity::Error)
    }
}

/// Checks a spec repository, and hands over each cluster with the files of its hosts. A later cluster may still be wrong.
pub fn check(input: &Input<'_>, mut take: impl FnMut(&Cluster, Vec<Bundle>)) -> Checked {
    let mut sources = Sources::new();
    let mut diags = Diagnostics::new();
    let mut waived = Vec::new();
    let mut facts = Vec::new();
    let root = model::root(&mut diags, &mut sources, input.files);
    let compiler = compiler(&mut diags, &mut sources, input.files);
    let rules = rules(&mut diags, &mut sources, input.files);
    let checker = Checker::new(&rules);
    let judge = Judge { compiler: compiler.as_ref(), checker: &checker, today: input.today };
    if let Some(root) = root {
        model::read(&mut diags, &mut sources, &root, input.files, |diags, read| {
            let published = input.published.get(&read.cluster.name.value);
            let sealed = sealed::of_cluster(input.files, read.cluster.name.value.as_str());
            let beside = Beside { published, sealed: &sealed, opener: input.opener };
            let (bundles, mut held) = judge.cluster(diags, &read.cluster, &read.tree, beside);
            waived.append(&mut held);
            facts.push(Facts::of(&read.cluster, read.path));
            if let Some(bundles) = bundles {
                take(&read.cluster, bundles);
            }
        });
    }
    if let Some(bytes) = input.files.get(ALLOWED_SIGNERS) {
        signers::check(&mut diags, &mut sources, bytes, input.today);
    }
    diags.extend(fleet::check(&facts));
    diags.extend(common(&checker, &facts));
    for rule in rules.own() {
        example::hold(&mut diags, &checker, rule);
    }
    if diags.iter().all(|diag| diag.severity != Severity::Error) {
        diags.extend(sealed::left_over(input.files, &facts));
    }
    let hosts = facts.iter().map(|facts| facts.hosts.len()).sum();
    Checked { sources, diags, waived, rules, clusters: facts.len(), hosts }
}

/// Words what clusters have in common and probably should not.
pub fn common<'a>(checker: &Checker<'_>, facts: impl IntoIterator<Item = &'a Facts>) -> Diagnostics {
    let word = |common: fleet::Common<'_>| {
        let names: Vec<&str> = common.clusters.iter().map(|(facts, _)| facts.cluster.as_str()).collect();
        let deny = common.clusters.iter().any(|(facts, _)| facts.levels.get(common.rule) == Some(&RuleLevel::Deny));
        let mut places = common.clusters.iter().filter_map(|(_, place)| *place).take(2);
        let mut diag = checker.word(common.rule, &common.what, &names, deny)?;
        if let Some(place) = places.next() {
            diag = diag.at(place, "here");
        }
        if let Some(place) = places.next() {
            diag = diag.at(place, "and here");
        }
        Some(diag)
    };
    fleet::common(facts).into_iter().filter_map(word).collect()
}

/// What belongs to a cluster and does not stand in its file.
#[derive(Debug, Clone, Copy)]
pub struct Beside<'a> {
    /// What the last release had of it.
    pub published: Option<&'a Published>,
    /// Its secrets.
    pub sealed: &'a SealedFiles,
    /// A private key, if the values of secrets are to be looked for in the compiled files.
    pub opener: Option<&'a Opener>,
}

/// What judges one cluster after the other, on any number of threads.
#[derive(Debug, Clone, Copy)]
pub struct Judge<'a, 'r> {
    /// The templates, unless they are wrong.
    pub compiler: Option<&'a Compiler>,
    /// The rules.
    pub checker: &'a Checker<'r>,
    /// The day of the check.
    pub today: Date,
}

impl Judge<'_, '_> {
    /// Compiles one cluster and asks the rules; returns its bundles if they could be written, and what is waived.
    pub fn cluster(
        &self,
        diags: &mut Diagnostics,
        cluster: &Cluster,
        tree: &Node,
        beside: Beside<'_>,
    ) -> (Option<Vec<Bundle>>, Vec<Waived>) {
        let mut bundles = self.compiler.and_then(|compiler| match compiler.compile(cluster) {
            Ok(bundles) => Some(bundles),
            Err(mut found) => {
                diags.append(&mut found);
                None
            }
        });
        if let Some(bundles) = &mut bundles {
            sealed::put(diags, cluster, tree, beside.sealed, bundles, beside.opener);
        }
        let published = beside.published;
        let seen = bundles.as_deref().unwrap_or_default();
        let subject = Subject { cluster, tree, bundles: seen, published, today: self.today, texts: OnceCell::new() };
        let waived = self.checker.check(diags, &subject);
        (bundles, waived)
    }
}

/// Makes the templates ready, with the repository's own in place of the built-in ones.
pub fn compiler(diags: &mut Diagnostics, sources: &mut Sources, files: &BTreeMap<String, Vec<u8>>) -> Option<Compiler> {
    let own = below(files, TEMPLATES).map(|(path, name, bytes)| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        Override { name: name.to_owned(), file: sources.add(path, text.as_str()), text }
    });
    let own: Vec<Override> = own.collect();
    Compiler::new(&own).map_err(|mut found: Vec<Diagnostic>| diags.append(&mut found)).ok()
}

/// Reads the rules, with the repository's own beside the built-in ones.
pub fn rules(diags: &mut Diagnostics, sources: &mut Sources, files: &BTreeMap<String, Vec<u8>>) -> Rules {
    let yaml = |name: &str| matches!(name.rsplit_once('.'), Some((_, "yaml" | "yml")));
    let own: Vec<RuleFile> = below(files, POLICIES)
        .filter(|(_, name, _)| yaml(name))
        .map(|(path, _, bytes)| RuleFile { path: path.to_owned(), bytes: bytes.to_owned() })
        .collect();
    Rules::load(diags, sources, &own)
}

/// Walks the files below a directory: their path, their name in it, their bytes.
fn below<'a>(
    files: &'a BTreeMap<String, Vec<u8>>,
    directory: &'a str,
) -> impl Iterator<Item = (&'a str, &'a str, &'a [u8])> {
    files.iter().filter_map(move |(path, bytes)| {
        let name = path.strip_prefix(directory)?.strip_prefix('/')?;
        Some((path.as_str(), name, bytes.as_slice()))
    })
}
