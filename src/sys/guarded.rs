//! Files that decide what a host trusts: nobody but root, or the user that runs, may be able to write them.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// The largest file that is read: a thousand signers have 100 kB.
const BIGGEST: u64 = 1 << 20;

/// Says why such a file is not read.
#[derive(Debug, thiserror::Error)]
pub enum GuardedError {
    /// It cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others may write it.
    #[error("others may write `{}` (mode {mode:04o}, user {owner})", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// Its owner.
        owner: u32,
    },
    /// It is not a file of a size that makes sense.
    #[error("`{}` is not a regular file of less than 1 MiB", .0.display())]
    Shape(PathBuf),
}

/// Reads such a file; `None` where there is none.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, GuardedError> {
    let failed = |source| GuardedError::Read { path: path.to_owned(), source };
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).expect("open flags fit an int");
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let meta = file.metadata().map_err(failed)?;
    if !meta.is_file() || meta.len() > BIGGEST {
        return Err(GuardedError::Shape(path.to_owned()));
    }
    let (mode, owner) = (meta.mode() & 0o7777, meta.uid());
    if mode & 0o022 != 0 || ![0, rustix::process::geteuid().as_raw()].contains(&owner) {
        return Err(GuardedError::Open { path: path.to_owned(), mode, owner });
    }
    let mut bytes = Vec::new();
    file.take(BIGGEST).read_to_end(&mut bytes).map_err(failed)?;
    Ok(Some(bytes))
}
