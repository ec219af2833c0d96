//! The files of secrets that a host may have of its own, and its private key.

use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use zeroize::Zeroizing;

use crate::name::SecretRef;
use crate::secret::{BIGGEST, Secret};

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
    let bytes = read_closed(&path, 0o077)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| SecretError::Shape(path))?;
    let value = text.strip_suffix('\n').map_or(text, |t| t.strip_suffix('\r').unwrap_or(t));
    Ok(Secret::new(Zeroizing::new(value.to_owned())))
}

/// Reads a secret from a file of any name. A trailing newline is not part of it.
pub fn read_file(path: &Path) -> Result<Secret, SecretError> {
    let bytes = read_closed(path, 0o077)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| SecretError::Shape(path.to_owned()))?;
    Ok(Secret::new(Zeroizing::new(text.trim_end_matches(['\n', '\r']).to_owned())))
}

/// Reads a private key. Its group may read it too: so it is with the host keys of some distributions.
pub fn private_key(path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    read_closed(path, 0o037)
}

/// Reads a small file of this user that others cannot read; `closed` are the bits of the mode that it must not have.
fn read_closed(path: &Path, closed: u32) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let fail = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => SecretError::Absent(path.to_owned()),
        _ => SecretError::Read { path: path.to_owned(), source },
    };
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).expect("open flags fit an int");
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(fail)?;
    let meta = file.metadata().map_err(fail)?;
    if !meta.is_file() || meta.len() > BIGGEST as u64 {
        return Err(SecretError::Shape(path.to_owned()));
    }
    let (mode, owner) = (meta.mode() & 0o7777, meta.uid());
    if mode & closed != 0 || owner != rustix::process::geteuid().as_raw() {
        return Err(SecretError::Open { path: path.to_owned(), mode, owner });
    }
    // One allocation that never moves: what a growing buffer leaves behind is not wiped.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(meta.len()).unwrap_or(0) + 1));
    file.take(BIGGEST as u64).read_to_end(&mut bytes).map_err(fail)?;
    Ok(bytes)
}

/// Whether there is a directory of secrets.
pub fn exists(dir: &Path) -> bool {
    fs::metadata(dir).is_ok_and(|meta| meta.is_dir())
}
