//! The one type that carries a secret on the host, and the root-only directory that holds secrets.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use zeroize::Zeroizing;

use crate::name::SecretRef;

/// The biggest secret, in bytes.
const BIGGEST: u64 = 64 << 10;

/// A secret: wiped from memory, and without a way to print it.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Returns the text, to be joined into a file.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Says why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// There is no file of that name.
    #[error("there is no file `{}`", .0.display())]
    Absent(PathBuf),
    /// Others may read it.
    #[error("`{}` can be read by others (mode {mode:04o}, owner {owner})", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// Its owner's id.
        owner: u32,
    },
    /// It is not a small text file.
    #[error("`{}` is not a regular file of text below 64 KiB", .0.display())]
    Shape(PathBuf),
    /// It cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl SecretError {
    /// Says what to do.
    pub fn help(&self) -> String {
        let quoted =
            |path: &Path| shlex::try_quote(&path.to_string_lossy()).map_or_else(|_| "FILE".to_owned(), Into::into);
        match self {
            Self::Absent(path) => {
                let path = quoted(path);
                format!("write it as the user that runs rmqgit: (umask 077; cat > {path})")
            }
            Self::Open { path, .. } => {
                let (path, user) = (quoted(path), rustix::process::geteuid().as_raw());
                format!("close it: chown {user} {path} && chmod 0600 {path}")
            }
            Self::Shape(_) => "write the secret as one small text file".to_owned(),
            Self::Read { .. } => "run rmqgit as the user that owns the secrets".to_owned(),
        }
    }
}

/// Reads a secret from its file. A trailing newline is not part of it.
pub fn read(dir: &Path, name: &SecretRef) -> Result<Secret, SecretError> {
    let path = dir.join(name.as_str());
    let fail = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => SecretError::Absent(path.clone()),
        _ => SecretError::Read { path: path.clone(), source },
    };
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).expect("open flags fit an int");
    let file = OpenOptions::new().read(true).custom_flags(flags).open(&path).map_err(fail)?;
    let meta = file.metadata().map_err(fail)?;
    if !meta.is_file() || meta.len() > BIGGEST {
        return Err(SecretError::Shape(path));
    }
    let (mode, owner) = (meta.mode() & 0o7777, meta.uid());
    if mode & 0o077 != 0 || owner != rustix::process::geteuid().as_raw() {
        return Err(SecretError::Open { path, mode, owner });
    }
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(meta.len()).unwrap_or(0) + 1));
    file.take(BIGGEST).read_to_string(&mut text).map_err(|source| match source.kind() {
        io::ErrorKind::InvalidData => SecretError::Shape(path.clone()),
        _ => SecretError::Read { path: path.clone(), source },
    })?;
    let end = text.strip_suffix('\n').map_or(text.len(), |t| t.strip_suffix('\r').unwrap_or(t).len());
    text.truncate(end);
    Ok(Secret(text))
}

/// Whether there is a directory of secrets.
pub fn exists(dir: &Path) -> bool {
    fs::metadata(dir).is_ok_and(|meta| meta.is_dir())
}
