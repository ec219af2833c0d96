//! This program as a file on the machine: where it is, and whether it may be started as root for ever after.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Returns where this program's own file is.
pub fn own() -> io::Result<PathBuf> {
    std::env::current_exe()
}

/// Returns why a program must not be started as root: whoever can replace it, or a directory above it, would be root.
pub fn distrust(path: &Path) -> Option<String> {
    let real = match path.canonicalize() {
        Ok(real) => real,
        Err(error) => return Some(error.to_string()),
    };
    match fs::metadata(&real) {
        Ok(meta) if !meta.is_file() => return Some("it is not a file".to_owned()),
        Ok(meta) if meta.mode() & 0o111 == 0 => return Some("it is not executable".to_owned()),
        Ok(_) => {}
        Err(error) => return Some(error.to_string()),
    }
    real.ancestors().find_map(|part| {
        let shown = part.display();
        match fs::metadata(part) {
            Err(error) => Some(format!("`{shown}`: {error}")),
            Ok(meta) if meta.uid() != 0 => Some(format!("`{shown}` belongs to user {}, not to root", meta.uid())),
            // In a sticky directory nobody can replace what belongs to root.
            Ok(meta) if meta.is_dir() && meta.mode() & 0o1000 != 0 => None,
            Ok(meta) if meta.mode() & 0o002 != 0 || (meta.mode() & 0o020 != 0 && meta.gid() != 0) => {
                Some(format!("`{shown}` can be written by others than root"))
            }
            Ok(_) => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_what_root_alone_can_replace_is_trusted() {
        assert_eq!(distrust(Path::new("/bin/sh")), None);
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("program");
        let set = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("the mode is set");
        };
        assert!(distrust(&path).is_some_and(|why| why.contains("No such file")));
        assert_eq!(distrust(dir.path()).as_deref(), Some("it is not a file"));
        fs::copy("/bin/true", &path).expect("a copy");
        set(&path, 0o644);
        assert_eq!(distrust(&path).as_deref(), Some("it is not executable"));
        set(&path, 0o757);
        assert!(distrust(&path).is_some(), "everybody can write it");
        set(&path, 0o755);
        set(dir.path(), 0o777);
        assert!(distrust(&path).is_some(), "everybody can replace it");
    }
}
