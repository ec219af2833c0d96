//! The files of a spec commit: which there are, and which Git objects they are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::PublishError;
use super::index::find;
use crate::check::{POLICIES, TEMPLATES};
use crate::release::{ALLOWED_SIGNERS, SECRETS};
use crate::sys::git::tree::Mode;
use crate::sys::git::{Objects, Oid, Store};

/// The root of a spec.
pub const ROOT: &str = crate::spec::FILE;

/// The spec of one commit, not read yet.
#[derive(Debug, Clone)]
pub struct SpecCommit {
    /// The commit.
    pub id: Oid,
    /// When it was committed, in seconds since 1970.
    pub time: i64,
    /// The first line of its message.
    pub subject: String,
    /// Its tree.
    pub tree: Oid,
    /// The file of allowed signers, if it has one.
    pub signers: Option<Oid>,
    /// What every cluster depends on.
    pub shared: Shared,
    /// The directory of the sealed secrets of each cluster that has one.
    pub secrets: BTreeMap<String, Oid>,
}

/// The names, as Git objects, of the files that every cluster depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shared {
    /// The root of the spec.
    pub root: String,
    /// The directory of templates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub templates: Option<String>,
    /// The directory of rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policies: Option<String>,
}

/// A file of the spec.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SpecFile {
    /// Its path from the root of the repository.
    pub path: String,
    /// Its bytes as a Git object.
    pub blob: Oid,
}

/// Finds the spec of a revision.
pub fn spec_commit(store: &Store, objects: &Objects<'_>, rev: &str) -> Result<SpecCommit, PublishError> {
    let id = store.resolve(rev)?;
    spec_tree(objects, (rev, id), None)
}

/// Finds the spec of a commit, or of another tree in its place.
pub(super) fn spec_tree(
    objects: &Objects<'_>,
    (rev, id): (&str, Oid),
    tree: Option<Oid>,
) -> Result<SpecCommit, PublishError> {
    let commit = objects.commit(id)?;
    let tree = tree.unwrap_or(commit.tree);
    let entries = objects.tree(tree)?;
    let root = find(&entries, ROOT, Mode::File).ok_or_else(|| PublishError::NoSpec { rev: rev.to_owned() })?;
    let directory = |name| find(&entries, name, Mode::Tree).map(|id| id.to_string());
    let secrets = match find(&entries, SECRETS, Mode::Tree) {
        Some(tree) => objects.tree(tree)?.into_iter().filter(|entry| entry.mode == Mode::Tree).collect(),
        None => Vec::new(),
    };
    Ok(SpecCommit {
        id,
        time: commit.time,
        subject: commit.subject().to_owned(),
        tree,
        signers: find(&entries, ALLOWED_SIGNERS, Mode::File),
        shared: Shared { root: root.to_string(), templates: directory(TEMPLATES), policies: directory(POLICIES) },
        secrets: secrets.into_iter().map(|entry| (entry.name, entry.id)).collect(),
    })
}

impl SpecCommit {
    /// Returns the root of the spec as a file.
    pub fn root(&self) -> SpecFile {
        SpecFile { path: ROOT.to_owned(), blob: self.shared.root.parse().expect("it was written from an id") }
    }

    /// Returns the files whose paths match, in the order of their paths. `below` narrows the search to directories that may
    /// hold such a file.
    pub fn files(
        &self,
        objects: &Objects<'_>,
        below: impl Fn(&str) -> bool,
        matches: impl Fn(&str) -> bool,
    ) -> Result<Vec<SpecFile>, PublishError> {
        let mut found = BTreeMap::new();
        let mut open = vec![(String::new(), self.tree)];
        while let Some((prefix, tree)) = open.pop() {
            for entry in objects.tree(tree)? {
                let path = format!("{prefix}{}", entry.name);
                match entry.mode {
                    Mode::Tree if below(&path) => open.push((path + "/", entry.id)),
                    Mode::File | Mode::Executable if matches(&path) => {
                        found.insert(path, entry.id);
                    }
                    _ => {}
                }
            }
        }
        Ok(found.into_iter().map(|(path, blob)| SpecFile { path, blob }).collect())
    }
}
