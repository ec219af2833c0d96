//! Files in directories that a person named on the command line: their spec repository, an output directory.
//!
//! The files of a managed host are another matter, with owners, checks and a journal: see the modules beside this one.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Says what could not be done to a file or directory.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// Reading failed.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Writing failed.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Reads a whole file.
pub fn read(path: &Path) -> Result<Vec<u8>, WorkspaceError> {
    fs::read(path).map_err(|source| WorkspaceError::Read { path: path.to_owned(), source })
}

/// Returns the names in a directory, sorted; nothing if there is no such directory.
pub fn names(dir: &Path) -> Result<Vec<String>, WorkspaceError> {
    let read = |source| WorkspaceError::Read { path: dir.to_owned(), source };
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(read(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry.map_err(read)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Says whether something is there, be it a link to nowhere.
pub fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Makes a directory and those above it.
pub fn make_dir(path: &Path) -> Result<(), WorkspaceError> {
    fs::create_dir_all(path).map_err(|source| WorkspaceError::Write { path: path.to_owned(), source })
}

/// Writes a file that must not exist yet, and the directories above it.
pub fn create(path: &Path, bytes: &[u8], mode: u32) -> Result<(), WorkspaceError> {
    write(path, bytes, mode, |file, path| file.persist_noclobber(path).map(drop).map_err(|e| e.error))
}

/// Writes a file or replaces the one there in one step, and the directories above it.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), WorkspaceError> {
    write(path, bytes, mode, |file, path| file.persist(path).map(drop).map_err(|e| e.error))
}

/// Adds to the end of a file that is there, or makes it.
pub fn append(path: &Path, bytes: &[u8]) -> Result<(), WorkspaceError> {
    let file = fs::OpenOptions::new().append(true).create(true).open(path);
    let written = file.and_then(|mut file| file.write_all(bytes));
    written.map_err(|source| WorkspaceError::Write { path: path.to_owned(), source })
}

/// Removes a file below `root`, and the directories between them that it leaves empty. A file that is not there is gone.
pub fn remove(root: &Path, path: &Path) -> Result<(), WorkspaceError> {
    let path = root.join(path);
    match fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(WorkspaceError::Write { path, source }),
        _ => {}
    }
    for dir in path.ancestors().skip(1).take_while(|dir| *dir != root) {
        // The first directory that is not empty, or that another one is removing, ends the way up.
        if fs::remove_dir(dir).is_err() {
            break;
        }
    }
    Ok(())
}

/// Makes a symbolic link that must not exist yet, and the directories above it.
pub fn link(path: &Path, target: &Path) -> Result<(), WorkspaceError> {
    if let Some(dir) = path.parent() {
        make_dir(dir)?;
    }
    std::os::unix::fs::symlink(target, path).map_err(|source| WorkspaceError::Write { path: path.to_owned(), source })
}

fn write(
    path: &Path,
    bytes: &[u8],
    mode: u32,
    place: impl Fn(tempfile::NamedTempFile, &Path) -> io::Result<()>,
) -> Result<(), WorkspaceError> {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    make_dir(dir)?;
    let attempt = || -> io::Result<()> {
        let mut file = tempfile::Builder::new()
            .prefix(".rmqgit-")
            .permissions(fs::Permissions::from_mode(mode))
            .tempfile_in(dir)?;
        file.write_all(bytes)?;
        // The mode above is cut by the umask; the one asked for is meant.
        file.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
        place(file, path)
    };
    attempt().map_err(|source| WorkspaceError::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_is_made_once_and_replaced_whole() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("a/b");
        create(&path, b"one", 0o600).expect("a new file");
        assert!(matches!(create(&path, b"two", 0o644), Err(WorkspaceError::Write { .. })));
        assert_eq!(read(&path).expect("the file"), b"one");
        replace(&path, b"three", 0o755).expect("a replaced file");
        assert_eq!(read(&path).expect("the file"), b"three");
        assert_eq!(path.metadata().expect("the file").permissions().mode() & 0o7777, 0o755);
        assert_eq!(names(&dir.path().join("a")).expect("the directory"), ["b"]);
        assert_eq!(names(&dir.path().join("nowhere")).expect("nothing"), [""; 0]);
    }

    #[test]
    fn a_removed_file_takes_its_empty_directories_along() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for path in ["a/b/c", "a/d"] {
            create(&dir.path().join(path), b"", 0o644).expect("a new file");
        }
        remove(dir.path(), Path::new("a/b/c")).expect("a removed file");
        assert_eq!(names(&dir.path().join("a")).expect("the directory"), ["d"]);
        remove(dir.path(), Path::new("a/b/c")).expect("it is gone already");
        remove(dir.path(), Path::new("a/d")).expect("a removed file");
        assert_eq!(names(dir.path()).expect("the directory"), [""; 0]);
        assert!(dir.path().is_dir(), "the root stays");
    }
}
