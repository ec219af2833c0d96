//! Compiles clusters on several threads and packs what came out; the result does not depend on their number.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

use super::page;
use crate::diag::Diagnostics;
use crate::model::Cluster;
use crate::model::fleet::Facts;
use crate::release::{Bundle, StoredFiles};
use crate::sys::git::dir::Dir;
use crate::sys::git::pack::{Chunk, Known, Packer};

/// What a compiler makes of one cluster.
#[derive(Debug)]
pub(super) struct Compiled {
    /// Its hosts.
    pub(super) bundles: Vec<Bundle>,
    /// What other clusters must not have too.
    pub(super) facts: Facts,
    /// What it was compiled from.
    pub(super) cluster: Cluster,
    /// What a person should look at.
    pub(super) warnings: Diagnostics,
}

/// What became of one cluster, for the judgement of the whole and for whoever asked.
#[derive(Debug)]
pub(super) struct Product<T> {
    pub(super) facts: Facts,
    pub(super) warnings: Diagnostics,
    pub(super) value: T,
}

/// What became of a unit: a product, or what is wrong with it.
pub(super) type Judged<T> = Result<Product<T>, Diagnostics>;

/// How many clusters a thread takes at a time.
const BATCH: usize = 8;

type Batch<T> = (usize, Vec<T>, Chunk);

/// Does the units `0..count` with up to `jobs` threads. What they packed goes to `receive`, on this thread; what became of
/// them is returned in their order.
pub(super) fn build<T: Send, E: Send>(
    known: &Known,
    count: usize,
    jobs: usize,
    work: impl Fn(&mut Packer<'_>, usize) -> Result<T, E> + Sync,
    mut receive: impl FnMut(&Chunk) -> Result<(), E>,
) -> Result<Vec<T>, E> {
    let mut done: BTreeMap<usize, Vec<T>> = BTreeMap::new();
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let threads = jobs.clamp(1, count.div_ceil(BATCH).max(1));
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel::<Result<Batch<T>, E>>(2 * threads);
        for _ in 0..threads {
            let (sender, next, stop, work) = (sender.clone(), &next, &stop, &work);
            scope.spawn(move || {
                let mut packer = Packer::new(known);
                while !stop.load(Ordering::Relaxed) {
                    let first = next.fetch_add(BATCH, Ordering::Relaxed);
                    if first >= count {
                        break;
                    }
                    let units = (first..count.min(first + BATCH)).map(|unit| work(&mut packer, unit));
                    let batch = units.collect::<Result<_, _>>().map(|judged| (first, judged, packer.take()));
                    // A receiver that is gone has met an error of its own.
                    if sender.send(batch).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let written = receiver.iter().try_for_each(|batch| {
            let (first, judged, chunk) = batch?;
            receive(&chunk)?;
            done.insert(first, judged);
            Ok(())
        });
        stop.store(true, Ordering::Relaxed);
        // Threads that wait for room in the channel must not wait for ever.
        drop(receiver);
        written
    })?;
    Ok(done.into_values().flatten().collect())
}

impl Compiled {
    /// Returns the pages for people, by their names in the cluster's directory.
    pub(super) fn pages(&self) -> StoredFiles {
        page::cluster(&self.cluster, &self.bundles)
    }
}

/// Returns the directory of a cluster: its pages, and a directory per host.
pub(super) fn directory(bundles: &[Bundle], pages: StoredFiles) -> Dir {
    Dir::new(files(bundles, pages))
}

/// Returns the files of that directory.
pub(super) fn files(bundles: &[Bundle], pages: StoredFiles) -> StoredFiles {
    let mut files = pages;
    let mut last: Option<(&Bundle, Option<String>)> = None;
    for bundle in bundles {
        let text = match last.take() {
            Some((before, text)) if before.definitions == bundle.definitions => text,
            _ => bundle.definitions_text(),
        };
        let stored = bundle.store_with(text.as_deref());
        files.extend(stored.into_iter().map(|(path, bytes)| (format!("{}/{path}", bundle.host), bytes)));
        last = Some((bundle, text));
    }
    files
}
