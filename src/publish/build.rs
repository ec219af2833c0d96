//! Compiles clusters on several threads and packs what came out; the result does not depend on their number.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

use super::hosts::HostRefs;
use crate::diag::Diagnostics;
use crate::model::fleet::Facts;
use crate::name::{ClusterName, HostName};
use crate::release::{Bundle, StoredFiles};
use crate::sys::git::dir::Dir;
use crate::sys::git::pack::{Chunk, Known, PackWriter, Packer};
use crate::sys::git::refs::Edit;
use crate::sys::git::{GitError, Objects, Oid};

/// What a compiler makes of one cluster.
#[derive(Debug)]
pub struct Compiled {
    /// Its hosts.
    pub bundles: Vec<Bundle>,
    /// What other clusters must not have too.
    pub facts: Facts,
    /// The pages for people, by their names in the cluster's directory.
    pub pages: StoredFiles,
    /// What a person should look at.
    pub warnings: Diagnostics,
}

/// What became of one cluster.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) cluster: ClusterName,
    pub(super) tree: Oid,
    pub(super) facts: Facts,
    pub(super) edits: Vec<Edit>,
    pub(super) warnings: Diagnostics,
}

/// What all threads share.
pub(super) struct Site<'a> {
    pub(super) objects: &'a Objects<'a>,
    pub(super) known: &'a Known,
    pub(super) hosts: &'a HostRefs<'a>,
    /// The trees of the clusters in the release that is built upon.
    pub(super) before: &'a BTreeMap<String, Oid>,
}

/// How many clusters a thread takes at a time.
const BATCH: usize = 8;

/// Compiles the units `0..count` with up to `jobs` threads, and appends what they became to a pack. The outer error is
/// Git's; the inner one is what is wrong with a unit. The results stand in the order of the units.
pub(super) fn build<C>(
    site: &Site<'_>,
    count: usize,
    jobs: usize,
    writer: &mut PackWriter,
    compile: C,
) -> Result<Vec<Result<Built, Diagnostics>>, GitError>
where
    C: Fn(usize) -> Result<Result<Compiled, Diagnostics>, GitError> + Sync,
{
    let mut done: BTreeMap<usize, Result<Built, Diagnostics>> = BTreeMap::new();
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let threads = jobs.clamp(1, count.div_ceil(BATCH).max(1));
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel::<Result<(Batch, Chunk), GitError>>(2 * threads);
        for _ in 0..threads {
            let (sender, next, stop, compile) = (sender.clone(), &next, &stop, &compile);
            scope.spawn(move || {
                let mut packer = Packer::new(site.known);
                while !stop.load(Ordering::Relaxed) {
                    let first = next.fetch_add(BATCH, Ordering::Relaxed);
                    if first >= count {
                        break;
                    }
                    let batch = (first..count.min(first + BATCH)).map(|unit| {
                        let built = match compile(unit)? {
                            Ok(compiled) => Ok(pack(site, &mut packer, compiled)?),
                            Err(diags) => Err(diags),
                        };
                        Ok((unit, built))
                    });
                    let batch = batch.collect::<Result<Batch, GitError>>().map(|batch| (batch, packer.take()));
                    // A receiver that is gone has met an error of its own.
                    if sender.send(batch).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let received = receiver.iter().try_for_each(|batch| {
            let (batch, chunk) = batch?;
            writer.append(&chunk)?;
            done.extend(batch);
            Ok(())
        });
        stop.store(true, Ordering::Relaxed);
        received
    })?;
    Ok(done.into_values().collect())
}

type Batch = Vec<(usize, Result<Built, Diagnostics>)>;

/// Returns the directory of a cluster: its pages, and a directory per host.
pub(super) fn directory(bundles: &[Bundle], pages: StoredFiles) -> Dir {
    let mut files = pages;
    for bundle in bundles {
        files.extend(bundle.store().into_iter().map(|(path, bytes)| (format!("{}/{path}", bundle.host), bytes)));
    }
    Dir::new(files)
}

fn pack(site: &Site<'_>, packer: &mut Packer<'_>, compiled: Compiled) -> Result<Built, GitError> {
    let Compiled { bundles, facts, pages, warnings } = compiled;
    let cluster = facts.cluster.clone();
    let dir = directory(&bundles, pages);
    dir.pack(packer, site.objects, site.before.get(cluster.as_str()).copied())?;
    let mut edits = Vec::new();
    for (host, tree) in dir.dirs() {
        let host = HostName::parse(host).expect("every directory of a cluster is named after a host");
        edits.extend(site.hosts.follow(packer, &cluster, &host, tree)?);
    }
    Ok(Built { cluster, tree: dir.id(), facts, edits, warnings })
}
