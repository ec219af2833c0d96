//! The agent's state directory: one lock, and a few documents that are replaced whole. What a person writes while a run may
//! hold the lock has a lock of its own.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// Says what could not be done in the state directory.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The directory or a document could not be read or written.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The directory belongs to somebody else.
    #[error("`{}` belongs to user {owner}, and rmqgit runs as user {user}", path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// The user that runs.
        user: u32,
    },
    /// Others could write the directory, so what is in it may not be ours.
    #[error(
        "`{}` could be written by others (mode {mode:04o}), so what is in it may be theirs: look at it, or remove it; then \
         `chmod 0700` it",
        path.display()
    )]
    Open {
        /// The directory.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Another run holds the lock.
    #[error("another run holds `{}`: {holder}", path.display())]
    Busy {
        /// The lock.
        path: PathBuf,
        /// Who holds it.
        holder: String,
    },
}

/// A state directory that this process holds the lock of.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    lock: File,
}

/// Reads a document of a state directory without its lock; `None` where there is none.
pub fn read(dir: &Path, name: &str) -> Result<Option<Vec<u8>>, StateError> {
    let path = dir.join(name);
    match fs::read(&path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StateError::Io { action: "read", path, source }),
    }
}

impl StateDir {
    /// Opens a state directory, makes it where it is missing, and takes its lock. With `wait`, it waits for another run
    /// to end; otherwise it says who holds the lock.
    pub fn open(path: &Path, wait: bool, holder: &str) -> Result<Self, StateError> {
        make(path)?;
        let at = path.join("lock");
        let mut open = OpenOptions::new();
        open.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(no_link());
        let mut lock = open.open(&at).map_err(fail("open", &at))?;
        let busy = match lock.try_lock() {
            Ok(()) => false,
            Err(TryLockError::WouldBlock) => true,
            Err(TryLockError::Error(source)) => return Err(fail("lock", &at)(source)),
        };
        if busy && wait {
            lock.lock().map_err(fail("lock", &at))?;
        } else if busy {
            let mut text = String::new();
            // Who it is only helps; that it is locked is known.
            let _ = lock.read_to_string(&mut text);
            let holder = if text.is_empty() { "a run that has just begun" } else { text.trim_end() };
            return Err(StateError::Busy { path: at, holder: holder.to_owned() });
        }
        let note = |lock: &mut File| {
            lock.set_len(0)?;
            lock.seek(SeekFrom::Start(0))?;
            writeln!(lock, "{holder}")
        };
        note(&mut lock).map_err(fail("write", &at))?;
        Ok(Self { path: path.to_owned(), lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads a document; `None` where there is none.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StateError> {
        read(&self.path, name)
    }

    /// Replaces a document in one step. With `durable`, it is on the disk when this returns.
    pub fn replace(&self, name: &str, bytes: &[u8], durable: bool) -> Result<(), StateError> {
        replace(&self.path, name, bytes, durable)
    }
}

/// Replaces a document that a person writes, whether a run holds the lock or not; it is on the disk when this returns.
pub fn replace_beside(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), StateError> {
    make(dir)?;
    let _held = lock_of(dir, name)?;
    replace(dir, name, bytes, true)
}

/// Removes a document that a person wrote, whatever stands there. The removal is on the disk when this returns.
pub fn remove_beside(dir: &Path, name: &str) -> Result<(), StateError> {
    make(dir)?;
    let _held = lock_of(dir, name)?;
    let path = dir.join(name);
    let remove = || {
        match fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_dir() => fs::remove_dir(&path)?,
            Ok(_) => fs::remove_file(&path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        }
        File::open(dir)?.sync_all()
    };
    remove().map_err(fail("remove", &path))
}

/// A document that nobody else writes meanwhile.
#[derive(Debug)]
pub struct Held {
    dir: PathBuf,
    name: String,
    _lock: File,
}

/// Takes the lock of a document that more than one process writes, and waits for it.
pub fn hold(dir: &Path, name: &str) -> Result<Held, StateError> {
    make(dir)?;
    Ok(Held { dir: dir.to_owned(), name: name.to_owned(), _lock: lock_of(dir, name)? })
}

/// Takes a lock that says who does something; `None` where somebody does it already.
pub fn try_hold(dir: &Path, name: &str) -> Result<Option<Held>, StateError> {
    make(dir)?;
    let (path, lock) = open_lock(dir, name)?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(Held { dir: dir.to_owned(), name: name.to_owned(), _lock: lock })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(fail("lock", &path)(source)),
    }
}

impl Held {
    /// Reads the document; `None` where there is none.
    pub fn read(&self) -> Result<Option<Vec<u8>>, StateError> {
        read(&self.dir, &self.name)
    }

    /// Replaces the document in one step; it is on the disk when this returns.
    pub fn replace(&self, bytes: &[u8]) -> Result<(), StateError> {
        replace(&self.dir, &self.name, bytes, true)
    }

    /// Makes sure that there is room for a document of so many bytes beside the one that is there.
    pub fn prepare(&self, bytes: usize) -> Result<(), StateError> {
        let beside = beside(&self.dir, &self.name);
        let write = || open_beside(&beside)?.write_all(&vec![b' '; bytes]);
        write().map_err(fail("write", &beside))
    }

    /// Gives the document another name, under which one of an earlier time is lost, and returns where it is.
    pub fn put_aside(&self) -> Result<PathBuf, StateError> {
        let (path, aside) = (self.dir.join(&self.name), self.dir.join(format!("{}.damaged", self.name)));
        fs::rename(&path, &aside).map_err(fail("put aside", &path))?;
        Ok(aside)
    }
}

/// Takes the lock of one document: two people who write it come one after the other.
fn lock_of(dir: &Path, name: &str) -> Result<File, StateError> {
    let (path, lock) = open_lock(dir, name)?;
    lock.lock().map_err(fail("lock", &path))?;
    Ok(lock)
}

fn open_lock(dir: &Path, name: &str) -> Result<(PathBuf, File), StateError> {
    let path = dir.join(format!(".{name}.lock"));
    let mut open = OpenOptions::new();
    open.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(no_link());
    let lock = open.open(&path).map_err(fail("lock", &path))?;
    Ok((path, lock))
}

/// Finds out whether a run could work in a state directory that is there: whose it is, and whether anything can be written.
pub fn probe(dir: &Path) -> Result<(), StateError> {
    match fs::metadata(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => is_ours(dir, &found.map_err(fail("look at", dir))?)?,
    }
    let beside = beside(dir, &format!("probe-{}", std::process::id()));
    let write = || open_beside(&beside)?.write_all(&[b' '; 4096]);
    let written = write().map_err(fail("write", &beside));
    // Where it could not be made, it is not there.
    drop(fs::remove_file(&beside));
    written
}

/// Makes a state directory where it is missing, and closes it to others. One that others could write is not taken.
fn make(path: &Path) -> Result<(), StateError> {
    if let Some(parent) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o755).create(parent).map_err(fail("make", parent))?;
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(fail("make", path))?;
    let meta = fs::metadata(path).map_err(fail("look at", path))?;
    is_ours(path, &meta)?;
    if meta.mode() & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(fail("close", path))?;
    }
    Ok(())
}

/// Refuses what belongs to somebody else, or what others could write.
fn is_ours(path: &Path, meta: &fs::Metadata) -> Result<(), StateError> {
    let user = rustix::process::geteuid().as_raw();
    if meta.uid() != user {
        return Err(StateError::Foreign { path: path.to_owned(), owner: meta.uid(), user });
    }
    let mode = meta.mode() & 0o7777;
    if mode & 0o022 != 0 {
        return Err(StateError::Open { path: path.to_owned(), mode });
    }
    Ok(())
}

/// The flag of an open that follows no link in the last component.
fn no_link() -> i32 {
    i32::try_from(OFlags::NOFOLLOW.bits()).expect("open flags fit an int")
}

fn fail(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StateError + use<> {
    let path = path.to_owned();
    move |source| StateError::Io { action, path, source }
}

fn beside(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!(".{name}.new"))
}

fn open_beside(beside: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).custom_flags(no_link()).open(beside)
}

fn replace(dir: &Path, name: &str, bytes: &[u8], durable: bool) -> Result<(), StateError> {
    let path = dir.join(name);
    let beside = beside(dir, name);
    let write = || {
        let mut file = open_beside(&beside)?;
        file.write_all(bytes)?;
        if durable {
            file.sync_all()?;
        }
        fs::rename(&beside, &path)?;
        if durable { File::open(dir)?.sync_all() } else { Ok(()) }
    };
    write().map_err(fail("write", &path))
}

impl Drop for StateDir {
    fn drop(&mut self) {
        // Nobody holds it any more; a name that stays would only mislead.
        let _ = self.lock.set_len(0);
    }
}
