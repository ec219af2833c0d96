//! Housekeeping: everything that the tips need in one pack, and nothing else.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use git2::Oid;

use super::{Copy, Store, StoreError, git, io_error, oid};
use crate::name::ReleaseId;

/// The most packs that the store keeps beside each other.
pub const MAX_PACKS: usize = 50;

/// The most bytes that the store's packs may have together before they are rewritten, unless the tips need more.
pub const MAX_BYTES: u64 = 128 << 20;

impl Store {
    /// Rewrites the store when it has grown: the tips' commits and trees into one pack, without their history.
    ///
    /// A kill between any two steps is harmless: the new pack is added first, then `shallow` says that the history ends
    /// at the tips (which is also true of the old packs), then the old packs go, each one's index before its pack.
    pub fn tidy(&self) -> Result<(), StoreError> {
        let packs = self.packs()?;
        let bytes: u64 = packs.iter().filter_map(|path| fs::metadata(path).ok()).map(|meta| meta.len()).sum();
        if packs.len() > MAX_PACKS || (packs.len() > 1 && bytes > MAX_BYTES) { self.rewrite(&packs) } else { Ok(()) }
    }

    fn rewrite(&self, old: &[PathBuf]) -> Result<(), StoreError> {
        let mut tips = BTreeSet::new();
        collect_tips(&self.path.join("refs/rmqgit"), &mut tips)?;
        // Without a tip, everything that was ever brought was refused.
        let kept = if tips.is_empty() { None } else { Some(self.gather(&tips)?) };
        for pack in old.iter().filter(|path| path.file_name() != kept.as_deref().map(OsStr::new)) {
            for path in [pack.with_extension("idx"), pack.clone()] {
                match fs::remove_file(&path) {
                    // A run that was killed here had already removed the index.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    result => result.map_err(io_error("remove", &path))?,
                }
            }
        }
        self.odb()?.refresh().map_err(git("open its objects"))
    }

    /// Adds one pack with the tips' commits and trees, and returns its file's name.
    fn gather(&self, tips: &BTreeSet<Oid>) -> Result<String, StoreError> {
        let mut incoming = self.incoming_own()?;
        let mut copy = Copy::from(&self.repo).map_err(git("open its objects"))?;
        let mut shallow = BTreeSet::new();
        self.copy_chain(&mut copy)?;
        for tip in tips.difference(&self.chain_tips()?) {
            if !copy.add(*tip, None).map_err(git("read a tip"))?.is_empty() {
                shallow.insert(*tip);
            }
        }
        let pack = copy.pack(u64::MAX).map_err(git("read a tip"))?.expect("nothing is larger than this limit");
        incoming.write_all(&pack).map_err(io_error("write a pack into", &self.path))?;
        let kept = incoming.stand_alone(tips)?;
        self.set_shallow(&shallow)?;
        Ok(kept)
    }

    /// Copies the chain of signers: its links are few and small, and none of them can be fetched from a release.
    fn copy_chain(&self, copy: &mut Copy<'_>) -> Result<(), StoreError> {
        for tip in self.chain_tips()? {
            let mut next = Some(tip);
            while let Some(link) = next {
                let parents = copy.add(link, None).map_err(git("read a tip"))?;
                next = parents.into_iter().next().filter(|parent| self.repo.find_commit(*parent).is_ok());
            }
        }
        Ok(())
    }

    fn chain_tips(&self) -> Result<BTreeSet<Oid>, StoreError> {
        let mut tips = BTreeSet::new();
        let directory = self.path.join(super::SIGNERS);
        if directory.exists() {
            collect_tips(&directory, &mut tips)?;
        }
        Ok(tips)
    }

    fn packs(&self) -> Result<Vec<PathBuf>, StoreError> {
        let directory = self.path.join("objects/pack");
        let mut packs = Vec::new();
        for entry in fs::read_dir(&directory).map_err(io_error("read", &directory))? {
            let path = entry.map_err(io_error("read", &directory))?.path();
            if path.extension() == Some(OsStr::new("pack")) {
                packs.push(path);
            }
        }
        Ok(packs)
    }
}

fn collect_tips(directory: &Path, tips: &mut BTreeSet<Oid>) -> Result<(), StoreError> {
    for entry in fs::read_dir(directory).map_err(io_error("read", directory))? {
        let entry = entry.map_err(io_error("read", directory))?;
        let path = entry.path();
        if entry.file_type().map_err(io_error("read", &path))?.is_dir() {
            collect_tips(&path, tips)?;
            continue;
        }
        // A temporary file of a killed run is not a tip. Its name begins with a dot, which no host's name does.
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let text = fs::read_to_string(&path).map_err(io_error("read", &path))?;
        if let Ok(id) = ReleaseId::parse(text.trim_end()) {
            tips.insert(oid(&id));
        }
    }
    Ok(())
}
