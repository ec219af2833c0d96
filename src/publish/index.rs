//! What a release remembers about its spec, so that the next one compiles only what changed: `.rmqgit/` at its root.
//!
//! `release.json` names the compiler and what all clusters share; `index/XX` holds one line of JSON per cluster, and `XX`
//! is the start of the digest of the cluster's name, so that a change of one cluster rewrites one small file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::source::Shared;
use crate::model::fleet::Facts;
use crate::name::{ClusterName, Digest};
use crate::release::{FORMAT, canonical_json};
use crate::sys::git::tree::{Entry, Mode};
use crate::sys::git::{GitError, Objects, Oid};

/// The directory at the root of a release that holds all of this.
pub(super) const DIRECTORY: &str = ".rmqgit";
const RELEASE: &str = "release.json";
const INDEX: &str = "index";

/// What all clusters of a release share. When any of it changes, every cluster is compiled again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    /// The version of the stored format.
    format: u32,
    /// The version of the compiler.
    compiler: String,
    /// The names of the shared files of the spec as Git objects.
    shared: Shared,
}

/// What a release remembers of one cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    /// The cluster's file as a Git object.
    #[serde(with = "hex")]
    pub(super) blob: Oid,
    /// The directory of its secrets as a Git object, if it has one.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none", with = "hex::optional")]
    pub(super) secrets: Option<Oid>,
    /// What other clusters must not have too.
    pub(super) facts: Facts,
}

/// The clusters of a release by name.
pub(super) type Index = BTreeMap<ClusterName, Record>;

/// Returns the files of the directory.
pub(super) fn write(compiler: &str, shared: &Shared, index: &Index) -> BTreeMap<String, Vec<u8>> {
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (name, record) in index {
        let lines = files.entry(format!("{INDEX}/{}", shard(name))).or_default();
        serde_json::to_writer(&mut *lines, record).expect("a record has string keys, and memory takes any bytes");
        lines.push(b'\n');
    }
    let header = Header { format: FORMAT, compiler: compiler.to_owned(), shared: shared.clone() };
    files.insert(RELEASE.to_owned(), canonical_json(&header).into_bytes());
    files
}

fn shard(name: &ClusterName) -> String {
    let mut text = Digest::of(name.as_str().as_bytes()).to_string();
    text.truncate(2);
    text
}

/// Says whether a tree is that of a release.
pub(super) fn is_release(objects: &Objects<'_>, root: &[Entry]) -> bool {
    let directory = find(root, DIRECTORY, Mode::Tree).and_then(|id| objects.tree(id).ok());
    directory.is_some_and(|entries| find(&entries, RELEASE, Mode::File).is_some())
}

/// Reads the clusters of a release, and whether this compiler made them of the same shared files. An index that cannot be
/// read is empty, and asks for a full compile.
pub(super) fn read(
    objects: &Objects<'_>,
    directory: Oid,
    compiler: &str,
    shared: Option<&Shared>,
) -> Result<(Index, bool), GitError> {
    let none = || Ok((Index::new(), false));
    let directory = objects.tree(directory)?;
    let Some(header) = find(&directory, RELEASE, Mode::File) else { return none() };
    let fresh = match serde_json::from_slice::<Header>(&objects.blob(header)?) {
        Ok(found) if found.format == FORMAT => found.compiler == compiler && Some(&found.shared) == shared,
        _ => return none(),
    };
    let Some(shards) = find(&directory, INDEX, Mode::Tree) else { return Ok((Index::new(), fresh)) };
    let shards = objects.tree(shards)?;
    // Ten thousand clusters are some megabytes of text; a second processor halves the wait.
    let (one, two) = shards.split_at(shards.len() / 2);
    let (one, two) = std::thread::scope(|scope| {
        let two = scope.spawn(|| read_shards(objects, two));
        (read_shards(objects, one), two.join().expect("reading does not panic"))
    });
    let (Some(one), Some(two)) = (one?, two?) else { return none() };
    let index = one.into_iter().chain(two).map(|record| (record.facts.cluster.clone(), record)).collect();
    Ok((index, fresh))
}

fn read_shards(objects: &Objects<'_>, shards: &[Entry]) -> Result<Option<Vec<Record>>, GitError> {
    let mut records = Vec::new();
    for entry in shards {
        let text = objects.blob(entry.id)?;
        for line in text.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
            let Ok(record) = serde_json::from_slice(line) else { return Ok(None) };
            records.push(record);
        }
    }
    Ok(Some(records))
}

/// Writes the name of an object as text.
mod hex {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::sys::git::Oid;

    pub(super) fn serialize<S: Serializer>(id: &Oid, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Oid, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }

    /// The same of an object that may not be there.
    pub(super) mod optional {
        use serde::{Deserializer, Serializer};

        use crate::sys::git::Oid;

        #[expect(clippy::ref_option, reason = "serde gives the field as it is")]
        pub(in super::super) fn serialize<S: Serializer>(id: &Option<Oid>, serializer: S) -> Result<S::Ok, S::Error> {
            match id {
                Some(id) => super::serialize(id, serializer),
                None => serializer.serialize_none(),
            }
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Oid>, D::Error> {
            super::deserialize(deserializer).map(Some)
        }
    }
}

/// Returns the entry of a name and kind.
pub(super) fn find(entries: &[Entry], name: &str, mode: Mode) -> Option<Oid> {
    entries.iter().find(|entry| entry.name == name && entry.mode == mode).map(|entry| entry.id)
}
