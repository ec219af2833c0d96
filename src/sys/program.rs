//! Programs as files on the machine: where this one is, whether it may be started as root for ever after, and which
//! versions others have.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::live::Probe;
use crate::name::UnitName;

use super::process::{self, Ended, ProcessError};

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

/// How long a program may take to name its version.
const ASK: Duration = Duration::from_secs(5);

/// Asks the program of HAProxy's or Keepalived's unit for its version.
pub fn version(unit: &UnitName) -> Probe<String> {
    let name = unit.as_str().trim_end_matches(".service");
    match process::run(name, &["-v"], ASK) {
        Ok(Ended { code: Some(0), output }) => numbers(&output).map_or_else(
            || Probe::Failed(format!("`{name} -v` names no version")),
            |version| Probe::Seen(version.to_owned()),
        ),
        Ok(Ended { output, .. }) => Probe::Failed(format!("`{name} -v`: {}", output.trim())),
        Err(ProcessError::NotInstalled(_)) => Probe::Absent,
        Err(error) => Probe::Failed(error.to_string()),
    }
}

/// Returns the first version in a text: `2.6.12` of `HAProxy version 2.6.12-1+deb12u2`.
fn numbers(text: &str) -> Option<&str> {
    let words = text.split_whitespace().map(|word| word.trim_start_matches('v'));
    let mut numbers =
        words.map(|word| &word[..word.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(word.len())]);
    numbers.find(|number| number.contains('.') && number.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn versions_are_read() {
        for (said, expect) in [
            ("HA-Proxy version 2.2.9-2+deb11u7 2025/04/23 - https://haproxy.org/\n", Some("2.2.9")),
            ("HAProxy version 2.6.12-1+deb12u2 2025/04/23 - https://haproxy.org/", Some("2.6.12")),
            ("HAProxy version 3.1-dev5-abc 2024/08/07", Some("3.1")),
            ("Keepalived v2.2.7 (01/16,2022)\n\nCopyright(C) 2001-2022", Some("2.2.7")),
            ("no such thing", None),
            ("", None),
        ] {
            assert_eq!(numbers(said), expect, "{said}");
        }
    }

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
