//! Locks of files inside a repository, as Git takes them, that a killed run cannot leave behind for good.
//!
//! Git's lock of `x` is the file `x.lock`, and a stale one stops every later writer. Ours is a hard link to a file below
//! `rmqgit/locks`: a lock that is still the same file as its twin there is ours, and [`recover`] removes it. That needs to
//! know that no other run is alive, which [`Turnstile`] says.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::GitError;

const TWINS: &str = "rmqgit/locks";
const UNFINISHED: &str = "rmqgit/unfinished";

/// Held while one run works on a repository; the kernel releases it when the process ends, however it ends.
#[derive(Debug)]
pub struct Turnstile {
    _file: File,
}

impl Turnstile {
    /// Enters, or says that another run is inside.
    pub fn enter(repository: &Path) -> Result<Self, GitError> {
        let path = repository.join("rmqgit/lock");
        let failed = |source| GitError::File { doing: "lock", path: path.clone(), source };
        fs::create_dir_all(repository.join("rmqgit")).map_err(failed)?;
        let file = fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(GitError::Locked(path)),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

/// Notes that refs are about to be moved, so that a run that finds the note checks all of them.
pub fn begin(repository: &Path) -> Result<(), GitError> {
    let path = repository.join(UNFINISHED);
    File::create(&path).map(drop).map_err(|source| GitError::File { doing: "create", path, source })
}

/// Says whether a run began to move refs and did not come to its end.
pub fn unfinished(repository: &Path) -> bool {
    repository.join(UNFINISHED).exists()
}

/// Notes that all refs are where they belong.
pub fn end(repository: &Path) -> Result<(), GitError> {
    let path = repository.join(UNFINISHED);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(GitError::File { doing: "remove", path, source: error })
        }
        _ => Ok(()),
    }
}

/// The right to replace one file of the repository.
pub(super) struct Lock {
    target: PathBuf,
    link: PathBuf,
    twin: PathBuf,
    file: File,
    done: bool,
}

impl Lock {
    /// Takes the lock of a file, which is named relative to the repository.
    pub(super) fn take(repository: &Path, name: &str) -> Result<Self, GitError> {
        let target = repository.join(name);
        let lock = repository.join(format!("{name}.lock"));
        let twin = repository.join(TWINS).join(format!("{name}.lock"));
        let failed = |source| GitError::File { doing: "lock", path: target.clone(), source };
        create_parent(&twin).map_err(failed)?;
        let file = File::create(&twin).map_err(failed)?;
        let linked = fs::hard_link(&twin, &lock).or_else(|error| {
            if error.kind() != io::ErrorKind::NotFound {
                return Err(error);
            }
            create_parent(&lock)?;
            fs::hard_link(&twin, &lock)
        });
        match linked {
            Ok(()) => Ok(Self { target, link: lock, twin, file, done: false }),
            Err(error) => {
                // Without its link the twin proves nothing, and the next run removes it anyway.
                let _ = fs::remove_file(&twin);
                if error.kind() == io::ErrorKind::AlreadyExists {
                    Err(GitError::Locked(target))
                } else {
                    Err(failed(error))
                }
            }
        }
    }

    /// Replaces the file by these bytes, synced to the disk, and releases the lock.
    pub(super) fn replace(mut self, bytes: &[u8]) -> Result<(), GitError> {
        let written = self
            .file
            .write_all(bytes)
            .and_then(|()| self.file.sync_all())
            .and_then(|()| fs::rename(&self.link, &self.target));
        self.done = written.is_ok();
        written.map_err(|source| GitError::File { doing: "write", path: self.target.clone(), source })
    }

    /// Removes the file, and releases the lock.
    pub(super) fn remove(self) -> Result<(), GitError> {
        let removed = fs::remove_file(&self.target);
        removed.map_err(|source| GitError::File { doing: "remove", path: self.target.clone(), source })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // What cannot be removed is removed by the next run.
        if !self.done {
            let _ = fs::remove_file(&self.link);
        }
        let _ = fs::remove_file(&self.twin);
    }
}

fn create_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

/// Removes the locks of a killed run. The caller is inside the [`Turnstile`].
pub fn recover(repository: &Path) -> Result<(), GitError> {
    let twins = repository.join(TWINS);
    let failed = |path: &Path, source| GitError::File { doing: "recover", path: path.to_owned(), source };
    let mut open = vec![twins.clone()];
    while let Some(dir) = open.pop() {
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(failed(&dir, error)),
        };
        for entry in entries {
            let twin = entry.map_err(|e| failed(&dir, e))?.path();
            if twin.is_dir() {
                open.push(twin);
                continue;
            }
            let lock = repository.join(twin.strip_prefix(&twins).expect("every path found is below the directory"));
            if same_file(&twin, &lock) {
                fs::remove_file(&lock).map_err(|e| failed(&lock, e))?;
            }
            fs::remove_file(&twin).map_err(|e| failed(&twin, e))?;
        }
    }
    Ok(())
}

fn same_file(a: &Path, b: &Path) -> bool {
    match (fs::metadata(a), fs::metadata(b)) {
        (Ok(a), Ok(b)) => a.dev() == b.dev() && a.ino() == b.ino(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).expect("the directory is there");
        let mut names: Vec<_> =
            entries.map(|e| e.expect("readable").file_name().into_string().expect("ASCII")).collect();
        names.sort();
        names
    }

    #[test]
    fn a_lock_keeps_others_out_until_it_ends() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let lock = Lock::take(dir.path(), "refs/heads/x").expect("free");
        assert!(matches!(Lock::take(dir.path(), "refs/heads/x"), Err(GitError::Locked(_))));
        lock.replace(b"one").expect("writable");
        drop(Lock::take(dir.path(), "refs/heads/x").expect("free again"));
        assert_eq!(fs::read(dir.path().join("refs/heads/x")).expect("written"), b"one");
        assert_eq!(names(&dir.path().join("refs/heads")), ["x"]);
    }

    #[test]
    fn recovers_own_locks_and_leaves_those_of_others() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        std::mem::forget(Lock::take(dir.path(), "ours").expect("free"));
        File::create(dir.path().join("theirs.lock")).expect("writable");
        recover(dir.path()).expect("recoverable");
        assert_eq!(names(dir.path()), ["rmqgit", "theirs.lock"]);
        assert_eq!(names(&dir.path().join(TWINS)), [""; 0]);
    }

    #[test]
    fn one_run_at_a_time() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let inside = Turnstile::enter(dir.path()).expect("nobody inside");
        assert!(matches!(Turnstile::enter(dir.path()), Err(GitError::Locked(_))));
        drop(inside);
        Turnstile::enter(dir.path()).expect("nobody inside any more");
    }
}
