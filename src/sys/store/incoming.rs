//! Takes in one pack: indexed in quarantine, checked to be complete, then moved beside the others.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use git2::{Indexer, Oid};

use super::bounds::{Bounds, Gauge};
use super::{Closure, Store, StoreError, Want, git, io_error, open_objects};

/// A pack on its way into the store. Dropped unfinished, it leaves nothing.
pub(crate) struct Incoming<'s> {
    store: &'s Store,
    indexer: Indexer<'s>,
    /// What is still taken, and what it may unpack to; without, the pack is our own.
    bounded: Option<(u64, Gauge)>,
    /// Goes last, when the indexer has let go of its files.
    quarantine: Quarantine,
}

/// A directory that goes with everything in it.
struct Quarantine(PathBuf);

impl Drop for Quarantine {
    fn drop(&mut self) {
        // What cannot be removed now is removed before the next pack comes.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Store {
    /// Makes ready for one pack of at most `limit` bytes that a remote sends.
    pub(crate) fn incoming(&self, limit: u64) -> Result<Incoming<'_>, StoreError> {
        Ok(Incoming { bounded: Some((limit, Gauge::new(Bounds::HOST))), ..self.incoming_own()? })
    }

    /// Makes ready for one pack of our own making.
    pub(super) fn incoming_own(&self) -> Result<Incoming<'_>, StoreError> {
        let directory = self.path.join("incoming");
        // What a killed run left is of no use: the next fetch brings it again.
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io_error("remove", &directory)(error)),
            _ => {}
        }
        let pack = directory.join("pack");
        DirBuilder::new().recursive(true).mode(0o700).create(&pack).map_err(io_error("create", &pack))?;
        let quarantine = Quarantine(directory);
        let indexer = Indexer::new(None, &pack, 0o400, false).map_err(git("index a pack"))?;
        Ok(Incoming { store: self, indexer, bounded: None, quarantine })
    }
}

impl Write for Incoming<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some((left, gauge)) = &mut self.bounded {
            *left = left
                .checked_sub(bytes.len() as u64)
                .ok_or_else(|| io::Error::new(io::ErrorKind::QuotaExceeded, "the pack is larger than allowed"))?;
            gauge.feed(bytes).map_err(|fault| io::Error::new(io::ErrorKind::InvalidData, fault))?;
        }
        self.indexer.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.indexer.flush()
    }
}

impl Incoming<'_> {
    /// Ends the pack's bytes.
    fn index(indexer: Indexer<'_>, bounded: Option<(u64, Gauge)>) -> Result<String, StoreError> {
        if let Some((_, gauge)) = bounded {
            gauge.finish()?;
        }
        indexer.commit().map_err(git("index a pack"))
    }

    /// Ends the pack: it must hold all that is wanted and that the store has not. `cut` are the commits that the remote
    /// sent without their parents.
    pub(crate) fn finish(self, want: &Want, cut: &BTreeSet<Oid>) -> Result<Closure, StoreError> {
        let name = Self::index(self.indexer, self.bounded)?;
        let repo = open_objects(&[&self.store.path.join("objects"), &self.quarantine.0])?;
        let closure = self.store.closure(&repo, want.tip, want.previous, cut)?;
        drop(repo);
        if !cut.is_empty() {
            // Before the pack is there: a commit in this list that is not kept harms nothing, one that is kept and not
            // in this list would be walked past its end.
            let mut shallow = self.store.shallow()?;
            shallow.extend(cut);
            self.store.set_shallow(&shallow)?;
        }
        self.store.adopt(&self.quarantine.0.join("pack"), &name)?;
        Ok(closure)
    }

    /// Ends a pack that must stand for itself: it holds all that `tips` need without their history. Returns the name of
    /// the pack's file.
    pub(super) fn stand_alone(self, tips: &BTreeSet<Oid>) -> Result<String, StoreError> {
        let name = Self::index(self.indexer, self.bounded)?;
        let repo = open_objects(&[&self.quarantine.0])?;
        for tip in tips {
            self.store.closure(&repo, *tip, None, tips)?;
        }
        drop(repo);
        self.store.adopt(&self.quarantine.0.join("pack"), &name)?;
        Ok(format!("pack-{name}.pack"))
    }
}

impl Store {
    /// Moves a finished pack beside the others; the index last, because a pack counts when its index is there.
    pub(super) fn adopt(&self, from: &std::path::Path, name: &str) -> Result<(), StoreError> {
        let to = self.path.join("objects/pack");
        for suffix in ["pack", "idx"] {
            let file = format!("pack-{name}.{suffix}");
            let (old, new) = (from.join(&file), to.join(&file));
            File::open(&old).and_then(|file| file.sync_all()).map_err(io_error("fsync", &old))?;
            fs::rename(&old, &new).map_err(io_error("rename", &old))?;
        }
        File::open(&to).and_then(|directory| directory.sync_all()).map_err(io_error("fsync", &to))?;
        self.odb()?.refresh().map_err(git("open its objects"))
    }
}
