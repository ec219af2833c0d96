//! The examples of rules: parts of a cluster, laid over a sound one.

use std::collections::BTreeSet;

use super::Rules;
use crate::diag::{Diagnostics, Sources};
use crate::model::fleet::Published;
use crate::model::{Cluster, lower};
use crate::spec;
use crate::yaml::{self, Limits, Node, View};

/// The sound cluster that examples are laid over.
const BASE: &str = include_str!("base.yaml");

/// One example of a rule.
#[derive(Debug, Clone)]
pub struct Example {
    /// Whether it has the fault.
    pub fails: bool,
    /// The part of a cluster.
    part: Node,
}

/// The cluster of an example, and what is around it.
#[derive(Debug)]
pub struct Case {
    /// The cluster.
    pub cluster: Cluster,
    /// Its spec.
    pub tree: Node,
    /// What the last release had of it.
    pub published: Option<Published>,
    /// Other clusters of the fleet.
    pub beside: Vec<Cluster>,
}

impl Rules {
    /// Returns the text of the first example that has the fault, as its file spells it.
    pub fn example_text(&self, code: &str) -> String {
        let first = self.examples(code).into_iter().next();
        let (Some(first), Some(text)) = (first, self.text(code)) else { return String::new() };
        let span = first.part.span();
        let (start, end) = (span.start as usize, span.end as usize);
        let (Some(before), Some(part)) = (text.get(..start), text.get(start..end)) else { return String::new() };
        let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1);
        let dedent = |line: &str| {
            let blanks = line.len() - line.trim_start_matches(' ').len();
            line[blanks.min(column)..].trim_end().to_owned()
        };
        let mut lines = part.lines();
        let rest = lines.next().map(str::to_owned).into_iter().chain(lines.map(dedent));
        rest.collect::<Vec<_>>().join("\n").trim_end().to_owned() + "\n"
    }

    /// Returns the examples of a rule, in the order of its file.
    pub fn examples(&self, code: &str) -> Vec<Example> {
        let tree = self.tree(code);
        let examples = tree.as_ref().and_then(|tree| tree.get("examples"));
        let list = |key: &str| match examples.and_then(|examples| examples.get(key)).map(Node::view) {
            Some(View::List(items)) => items.to_vec(),
            _ => Vec::new(),
        };
        let make = |fails: bool| move |part: Node| Example { fails, part };
        list("fails").into_iter().map(make(true)).chain(list("passes").into_iter().map(make(false))).collect()
    }
}

impl Example {
    /// Lays the example over the sound cluster, and something else (such as the versions of a host) over both; a key without
    /// a value removes.
    pub fn case(&self, over: Option<&str>) -> Result<Case, Diagnostics> {
        let mut diags = Diagnostics::new();
        let base = tree(BASE, &mut diags);
        let around = ["published", "beside"].map(|key| self.part.get(key).cloned());
        let spans: BTreeSet<_> = around.iter().flatten().map(Node::span).collect();
        let part = self.part.without(&spans);
        let mut merged = match (base.clone(), part) {
            (Some(base), Some(part)) => Some(Node::merge(&base, &part)),
            _ => None,
        };
        if let (Some(over), Some(node)) = (over, &merged) {
            merged = tree(over, &mut diags).map(|over| Node::merge(node, &over));
        }
        let merged = merged.map(|merged| merged.without_nulls());
        let [published, beside] = around;
        let lowered = merged.as_ref().and_then(|tree| cluster(tree, &mut diags));
        let published = published.and_then(|node| yaml::decode(&node, &mut diags));
        let beside = beside.into_iter().flat_map(|list| match list.view() {
            View::List(items) => items.to_vec(),
            _ => Vec::new(),
        });
        let beside: Vec<Option<Cluster>> = beside
            .map(|part| base.as_ref().and_then(|base| cluster(&Node::merge(base, &part).without_nulls(), &mut diags)))
            .collect();
        let beside: Option<Vec<Cluster>> = beside.into_iter().collect();
        match (merged, lowered, beside) {
            (Some(tree), Some(cluster), Some(beside)) => Ok(Case { cluster, tree, published, beside }),
            _ => Err(diags),
        }
    }

    /// Tells whether the example needs a published release to show its fault.
    pub fn needs_published(&self) -> bool {
        self.part.get("published").is_some()
    }
}

fn tree(text: &str, diags: &mut Diagnostics) -> Option<Node> {
    yaml::read(&mut Sources::new(), "example", text.as_bytes(), &Limits::default(), diags)
}

fn cluster(tree: &Node, diags: &mut Diagnostics) -> Option<Cluster> {
    let spec: spec::Cluster = yaml::decode(tree, diags)?;
    lower(&spec, diags)
}
