//! The files of a managed host, below a root that is the machine's own or a directory that stands for one.
//!
//! Nothing here follows a link in the last component of a path. Links above it are followed only where nobody but root can
//! put one, and below a sandbox root none leads out of it. A file is replaced in one step: a candidate beside it, then a rename.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::fchown;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawMode, RenameFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use crate::live::{Account, Bytes, Place, Probe, Stamp};
use crate::name::HostPath;

mod walk;

use walk::{Blocked, BlockedError, Missing};

/// The biggest file that is read: no file of a release comes near.
pub const BIGGEST: u64 = 4 << 20;

/// Says what could not be done to a file.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The root cannot be opened.
    #[error("cannot open the root `{}`", path.display())]
    Root {
        /// The root.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A directory above the file cannot be opened or made.
    #[error("cannot open or make the directory `{dir}`")]
    Parent {
        /// The directory.
        dir: String,
        /// Why.
        source: io::Error,
    },
    /// The candidate cannot be written.
    #[error("cannot write a candidate beside `{path}`")]
    Stage {
        /// The file.
        path: HostPath,
        /// Why.
        source: io::Error,
    },
    /// The candidate cannot take the file's place, or the file cannot be removed or changed.
    #[error("cannot change `{path}`")]
    Change {
        /// The file.
        path: HostPath,
        /// Why.
        source: io::Error,
    },
    /// The file has other names, whose mode and owner would change with it.
    #[error("`{path}` is a hard link: it has other names, whose mode and owner would change too; remove it")]
    Shared {
        /// The file.
        path: HostPath,
    },
    /// Somebody changed the file since it was looked at.
    #[error("`{path}` was changed by somebody else in this moment; the next run looks again")]
    Moved {
        /// The file.
        path: HostPath,
    },
}

/// A root directory, and everything below it.
#[derive(Debug)]
pub struct Root {
    dir: OwnedFd,
    path: PathBuf,
    place: Place,
}

/// What stands at a path, as the system describes it.
#[derive(Debug)]
pub struct Entry {
    /// The kind.
    pub kind: EntryKind,
    /// The permission bits with set-id and sticky bits.
    pub mode: u32,
    /// Who owns it.
    pub account: Account,
    /// When its bytes were last written.
    pub modified: Timestamp,
    /// What tells it from a later file.
    pub stamp: Stamp,
}

/// The kind of what stands at a path.
#[derive(Debug)]
pub enum EntryKind {
    /// A regular file; `None` where it is bigger than [`BIGGEST`].
    Regular(Option<Bytes>),
    /// A symbolic link and its target.
    Symlink(String),
    /// A directory.
    Directory,
    /// Anything else.
    Other,
}

/// The name of the candidate beside a file.
pub fn candidate_name(path: &HostPath) -> String {
    format!(".{}.rmqgit-new", path.file_name())
}

/// The path of the candidate beside a file.
pub fn candidate_path(path: &HostPath) -> String {
    format!("{}/{}", parent_of(path), candidate_name(path))
}

fn parent_of(path: &HostPath) -> &str {
    path.as_str().rsplit_once('/').map_or("", |(dir, _)| dir)
}

impl Root {
    /// Opens a root. `/` is the machine itself; every other directory is a sandbox.
    pub fn open(path: &Path) -> Result<Self, FilesError> {
        let fail = |source: io::Error| FilesError::Root { path: path.to_owned(), source };
        let path = path.canonicalize().map_err(fail)?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::open(&path, flags, Mode::empty()).map_err(|e| fail(e.into()))?;
        let place = if path == Path::new("/") { Place::Machine } else { Place::Sandbox };
        Ok(Self { dir, path, place })
    }

    /// What the root stands for.
    pub fn place(&self) -> Place {
        self.place
    }

    /// Where the root is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens something below the root, as a process would that has the root for its own.
    fn open_at(&self, relative: &str, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let flags = flags | OFlags::CLOEXEC;
        let relative = if relative.is_empty() { "." } else { relative };
        match self.place {
            Place::Machine => rustix::fs::openat(&self.dir, relative, flags, Mode::empty()),
            Place::Sandbox => rustix::fs::openat2(&self.dir, relative, flags, Mode::empty(), ResolveFlags::IN_ROOT),
        }
    }

    fn parent(&self, path: &HostPath) -> Result<OwnedFd, Blocked> {
        self.walk(parent_of(path), Missing::Stays)
    }

    /// Looks at a path. A link in its last component is not followed.
    pub fn probe(&self, path: &HostPath) -> Probe<Entry> {
        let parent = match self.parent(path) {
            Ok(parent) => parent,
            Err(blocked) if blocked.is_absent() => return Probe::Absent,
            Err(blocked) if blocked.is_file() => {
                return Probe::Failed("something above it is not a directory".to_owned());
            }
            Err(blocked) => return Probe::Failed(io::Error::from(blocked).to_string()),
        };
        let attempt = || -> rustix::io::Result<Entry> {
            let stat = rustix::fs::statat(&parent, path.file_name(), AtFlags::SYMLINK_NOFOLLOW)?;
            let kind = match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => return read_regular(&parent, path.file_name()),
                FileType::Symlink => {
                    let target = rustix::fs::readlinkat(&parent, path.file_name(), Vec::new())?;
                    EntryKind::Symlink(target.to_string_lossy().into_owned())
                }
                FileType::Directory => EntryKind::Directory,
                _ => EntryKind::Other,
            };
            Ok(entry(kind, &stat))
        };
        match attempt() {
            Ok(entry) => Probe::Seen(entry),
            Err(Errno::NOENT) => Probe::Absent,
            Err(error) => Probe::Failed(io::Error::from(error).to_string()),
        }
    }

    /// Whether a killed run left its candidate beside a file.
    pub fn has_leftover(&self, path: &HostPath) -> bool {
        let stat = |parent| rustix::fs::statat(&parent, candidate_name(path), AtFlags::SYMLINK_NOFOLLOW).is_ok();
        self.parent(path).is_ok_and(stat)
    }

    /// Removes the candidate that a killed run left beside a file.
    pub fn clean(&self, path: &HostPath) -> Result<(), FilesError> {
        let fail = |source: io::Error| FilesError::Change { path: path.clone(), source };
        let parent = match self.parent(path) {
            Err(blocked) if blocked.is_absent() => return Ok(()),
            parent => parent.map_err(|blocked| fail(blocked.into()))?,
        };
        match rustix::fs::unlinkat(&parent, candidate_name(path), AtFlags::empty()) {
            Err(Errno::NOENT) => Ok(()),
            result => result.map_err(|error| fail(error.into())),
        }
    }

    /// Reads a small file below the root, following links inside it; `None` where there is none.
    pub fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        match self.open_at(path.trim_start_matches('/'), OFlags::RDONLY | OFlags::NONBLOCK) {
            Ok(fd) => {
                let mut bytes = Vec::new();
                File::from(fd).take(BIGGEST).read_to_end(&mut bytes)?;
                Ok(Some(bytes))
            }
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a program is below the root.
    pub fn has_program(&self, path: &str) -> bool {
        self.open_at(path.trim_start_matches('/'), OFlags::PATH).is_ok()
    }

    /// Writes a candidate beside a file: owner and mode are right before the bytes are in it, and the bytes are on the
    /// disk when this returns.
    pub fn stage(
        &self,
        path: &HostPath,
        bytes: &[u8],
        mode: u32,
        account: Option<Account>,
    ) -> Result<Staged, FilesError> {
        let parent = self.walk(parent_of(path), Missing::Made).map_err(|blocked| match blocked.error {
            BlockedError::System(source) => FilesError::Parent { dir: blocked.dir, source },
            error @ BlockedError::Link { .. } => {
                FilesError::Parent { dir: blocked.dir, source: io::Error::other(error) }
            }
        })?;
        let name = candidate_name(path);
        let attempt = || -> io::Result<()> {
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            match rustix::fs::unlinkat(&parent, &name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
            let mut file = File::from(rustix::fs::openat(&parent, &name, flags, Mode::RUSR | Mode::WUSR)?);
            if let Some(Account { user, group }) = account {
                fchown(&file, Some(user), Some(group))?;
            }
            rustix::fs::fchmod(&file, Mode::from_raw_mode(mode as RawMode))?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        if let Err(source) = attempt() {
            // The next run removes what cannot be removed now.
            let _ = rustix::fs::unlinkat(&parent, &name, AtFlags::empty());
            return Err(FilesError::Stage { path: path.clone(), source });
        }
        Ok(Staged { parent, path: path.clone(), armed: true })
    }

    /// Removes a file, if it is still the one that was looked at.
    pub fn remove(&self, path: &HostPath, expect: Stamp) -> Result<(), FilesError> {
        let fail = |error: Errno| FilesError::Change { path: path.clone(), source: error.into() };
        let parent =
            self.parent(path).map_err(|blocked| FilesError::Change { path: path.clone(), source: blocked.into() })?;
        unmoved(&parent, path, expect)?;
        rustix::fs::unlinkat(&parent, path.file_name(), AtFlags::empty()).map_err(fail)?;
        sync_dir(&parent).map_err(|source| FilesError::Change { path: path.clone(), source })
    }

    /// Sets the permission bits, if the file is still the one that was looked at.
    pub fn set_mode(&self, path: &HostPath, mode: u32, expect: Stamp) -> Result<(), FilesError> {
        self.alter(path, expect, |file| Ok(rustix::fs::fchmod(file, Mode::from_raw_mode(mode as RawMode))?))
    }

    /// Sets the owner, if the file is still the one that was looked at.
    pub fn set_owner(&self, path: &HostPath, account: Account, expect: Stamp) -> Result<(), FilesError> {
        self.alter(path, expect, |file| fchown(file, Some(account.user), Some(account.group)))
    }

    fn alter(&self, path: &HostPath, expect: Stamp, act: impl Fn(&File) -> io::Result<()>) -> Result<(), FilesError> {
        let fail = |source: io::Error| FilesError::Change { path: path.clone(), source };
        let parent = self.parent(path).map_err(|blocked| fail(blocked.into()))?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&parent, path.file_name(), flags, Mode::empty());
        let file = File::from(file.map_err(|e| fail(e.into()))?);
        let stat = rustix::fs::fstat(&file).map_err(|e| fail(e.into()))?;
        if stamp(&stat) != expect {
            return Err(FilesError::Moved { path: path.clone() });
        }
        // Whoever may write the directory can give the name to a file that is elsewhere too, and is not theirs.
        if stat.st_nlink > 1 {
            return Err(FilesError::Shared { path: path.clone() });
        }
        act(&file).and_then(|()| file.sync_all()).map_err(fail)
    }
}

/// A candidate beside its file. Dropped without being placed, it is removed.
#[derive(Debug)]
pub struct Staged {
    parent: OwnedFd,
    path: HostPath,
    armed: bool,
}

impl Staged {
    /// Puts the candidate in the place of the file, if that is still the one that was looked at, or still absent.
    pub fn place(mut self, expect: Option<Stamp>) -> Result<(), FilesError> {
        let fail = |error: Errno| FilesError::Change { path: self.path.clone(), source: error.into() };
        let (from, to) = (candidate_name(&self.path), self.path.file_name());
        match expect {
            Some(expect) => {
                unmoved(&self.parent, &self.path, expect)?;
                rustix::fs::renameat(&self.parent, &from, &self.parent, to).map_err(fail)?;
            }
            None => match rustix::fs::renameat_with(&self.parent, &from, &self.parent, to, RenameFlags::NOREPLACE) {
                Err(Errno::EXIST) => return Err(FilesError::Moved { path: self.path.clone() }),
                result => result.map_err(fail)?,
            },
        }
        self.armed = false;
        sync_dir(&self.parent).map_err(|source| FilesError::Change { path: self.path.clone(), source })
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if self.armed {
            // The next run removes what cannot be removed now.
            let _ = rustix::fs::unlinkat(&self.parent, candidate_name(&self.path), AtFlags::empty());
        }
    }
}

fn unmoved(parent: &OwnedFd, path: &HostPath, expect: Stamp) -> Result<(), FilesError> {
    match rustix::fs::statat(parent, path.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if stamp(&stat) == expect => Ok(()),
        Ok(_) | Err(Errno::NOENT) => Err(FilesError::Moved { path: path.clone() }),
        Err(error) => Err(FilesError::Change { path: path.clone(), source: error.into() }),
    }
}

/// Brings the entries of a directory to the disk. The descriptor may be one that only names the directory.
fn sync_dir(dir: impl AsFd) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = rustix::fs::openat(dir, ".", flags, Mode::empty())?;
    Ok(rustix::fs::fsync(dir)?)
}

fn read_regular(parent: &OwnedFd, name: &str) -> rustix::io::Result<Entry> {
    // A pipe that took the file's place in this moment must not make the open wait.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(parent, name, flags, Mode::empty())?);
    let stat = rustix::fs::fstat(&file)?;
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    if size > BIGGEST {
        return Ok(entry(EntryKind::Regular(None), &stat));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1);
    let read = file.take(BIGGEST + 1).read_to_end(&mut bytes);
    let read = read.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    let whole = read as u64 <= BIGGEST;
    Ok(entry(EntryKind::Regular(whole.then(|| Bytes::new(bytes))), &stat))
}

fn entry(kind: EntryKind, stat: &Stat) -> Entry {
    let modified = nanoseconds(stat.st_mtime, stat.st_mtime_nsec);
    Entry {
        kind,
        mode: stat.st_mode & 0o7777,
        account: Account { user: stat.st_uid, group: stat.st_gid },
        modified: Timestamp::from_nanosecond(modified).unwrap_or_default(),
        stamp: stamp(stat),
    }
}

fn stamp(stat: &Stat) -> Stamp {
    Stamp {
        device: stat.st_dev,
        inode: stat.st_ino,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        changed: nanoseconds(stat.st_ctime, stat.st_ctime_nsec),
    }
}

fn nanoseconds(seconds: impl Into<i128>, nanoseconds: impl Into<i128>) -> i128 {
    seconds.into() * 1_000_000_000 + nanoseconds.into()
}

#[cfg(test)]
mod tests;
