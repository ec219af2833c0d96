//! A text file that another program reads at any time: replaced whole, readable by everybody.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The longest file that is read back, in bytes.
const BIGGEST: u64 = 1 << 20;

/// Replaces the file in one step. Where the directory belongs to others, no link of theirs is followed: the file is made
/// under a name that nobody knows, and takes the place of whatever has the name.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let dir = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    // node_exporter reads what ends in `.prom`; this does not.
    let mut file = tempfile::Builder::new().prefix(".rmqgit-").suffix(".new").tempfile_in(dir)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(Permissions::from_mode(0o644))?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Reads the file back; what cannot be read counts as empty.
pub fn read(path: &Path) -> String {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_file() && meta.len() <= BIGGEST => fs::read_to_string(path).unwrap_or_default(),
        _ => String::new(),
    }
}
