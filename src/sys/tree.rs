//! Reads a spec repository's work tree.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::release::ALLOWED_SIGNERS;

/// The largest file that is read, in bytes.
pub const MOST_BYTES: u64 = 64 << 20;

/// Says what could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// There is no such directory, or no such file in it.
    #[error("there is no `{}`", .0.display())]
    Missing(PathBuf),
    /// A file is larger than [`MOST_BYTES`].
    #[error("`{}` is larger than 64 MiB", .0.display())]
    TooLarge(PathBuf),
    /// A link leads out of the repository.
    #[error("`{}` leads out of `{}`", path.display(), root.display())]
    Outside {
        /// The file or directory.
        path: PathBuf,
        /// The repository.
        root: PathBuf,
    },
    /// What should be a file is a directory, a pipe or a device.
    #[error("`{}` is not a file", .0.display())]
    NotAFile(PathBuf),
    /// The operating system refused.
    #[error("cannot read `{}`", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The files of a spec repository by their paths in it, with `/` between the parts.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Reads the file `first` of a directory, what stands in the directories that `more` returns for its bytes, everything
/// below `templates`, `policies` and `secrets`, and `allowed_signers`.
pub fn read(dir: &Path, first: &str, more: impl FnOnce(&[u8]) -> Vec<String>) -> Result<Files, TreeError> {
    let bytes = read_file(dir, &dir.join(first))?;
    let mut files = Files::new();
    for sub in more(&bytes) {
        read_dir(dir, &sub, false, &mut files)?;
    }
    read_dir(dir, "templates", true, &mut files)?;
    read_dir(dir, "policies", false, &mut files)?;
    read_dir(dir, "secrets", true, &mut files)?;
    match read_file(dir, &dir.join(ALLOWED_SIGNERS)) {
        Ok(signers) => drop(files.insert(ALLOWED_SIGNERS.to_owned(), signers)),
        Err(TreeError::Missing(_)) => {}
        Err(error) => return Err(error),
    }
    files.insert(first.to_owned(), bytes);
    Ok(files)
}

/// Reads the YAML files of one directory of a spec repository, if there is one.
pub fn read_below(dir: &Path, sub: &str) -> Result<Files, TreeError> {
    let mut files = Files::new();
    read_dir(dir, sub, false, &mut files)?;
    Ok(files)
}

/// Reads the files of a directory, if there is one; hidden files and what is not UTF-8 in name are left out.
fn read_dir(root: &Path, sub: &str, below: bool, files: &mut Files) -> Result<(), TreeError> {
    let dir = root.join(sub);
    let refuse = |source| TreeError::Io { path: dir.clone(), source };
    let entries = match inside(root, &dir).and_then(|()| dir.read_dir().map_err(refuse)) {
        Ok(entries) => entries,
        Err(TreeError::Missing(_)) => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry.map_err(refuse)?;
        let Some(name) = entry.file_name().to_str().filter(|name| !name.starts_with('.')).map(str::to_owned) else {
            continue;
        };
        let path = if sub.is_empty() { name } else { format!("{sub}/{name}") };
        let kind = entry.path().metadata().map_err(refuse)?;
        if kind.is_file() && is_wanted(&path, below) {
            files.insert(path, read_file(root, &entry.path())?);
        } else if kind.is_dir() && below && !entry.file_type().map_err(refuse)?.is_symlink() {
            read_dir(root, &path, below, files)?;
        }
    }
    Ok(())
}

/// Beside the spec itself there may be anything; among the clusters only YAML can be one.
fn is_wanted(path: &str, template: bool) -> bool {
    template || Path::new(path).extension().is_some_and(|end| end == "yaml" || end == "yml")
}

/// Refuses what a link leads out of the repository: whoever may propose a change to it could have any file of the machine that
/// checks it printed.
fn inside(root: &Path, path: &Path) -> Result<(), TreeError> {
    let real = |path: &Path| {
        path.canonicalize().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => TreeError::Missing(path.to_owned()),
            _ => TreeError::Io { path: path.to_owned(), source },
        })
    };
    // The directory of a file that was named without one.
    let root = if root.as_os_str().is_empty() { Path::new(".") } else { root };
    let real_path = real(path)?;
    let real_root = real(root)?;
    if real_path.starts_with(&real_root) {
        return Ok(());
    }
    Err(TreeError::Outside { path: path.to_owned(), root: root.to_owned() })
}

fn read_file(root: &Path, path: &Path) -> Result<Vec<u8>, TreeError> {
    inside(root, path)?;
    let refuse = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => TreeError::Missing(path.to_owned()),
        _ => TreeError::Io { path: path.to_owned(), source },
    };
    let kind = path.metadata().map_err(refuse)?;
    if !kind.is_file() {
        return Err(TreeError::NotAFile(path.to_owned()));
    }
    if kind.len() > MOST_BYTES {
        return Err(TreeError::TooLarge(path.to_owned()));
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes)).map_err(refuse)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(TreeError::TooLarge(path.to_owned()));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_belongs_to_the_spec_is_read() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for path in [
            "rmqgit.yaml",
            "clusters/a.yaml",
            "clusters/b.yml",
            "clusters/.c.yaml",
            "clusters/README",
            "clusters/d/e.yaml",
            "templates/x/y.j2",
            "other/z.yaml",
        ] {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().expect("a directory")).expect("made");
            File::create(path).expect("made");
        }
        let files =
            read(dir.path(), "rmqgit.yaml", |_| vec!["clusters".to_owned(), "missing".to_owned()]).expect("readable");
        let names: Vec<_> = files.keys().map(String::as_str).collect();
        assert_eq!(names, ["clusters/a.yaml", "clusters/b.yml", "rmqgit.yaml", "templates/x/y.j2"]);
    }

    #[test]
    fn what_cannot_be_a_spec_is_refused() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let refused = |name: &str| read(dir.path(), name, |_| Vec::new()).expect_err("refused").to_string();
        assert_eq!(refused("rmqgit.yaml"), format!("there is no `{}/rmqgit.yaml`", dir.path().display()));
        fs::create_dir(dir.path().join("dir")).expect("made");
        assert_eq!(refused("dir"), format!("`{}/dir` is not a file", dir.path().display()));
        File::create(dir.path().join("huge")).and_then(|file| file.set_len(MOST_BYTES + 1)).expect("a sparse file");
        assert_eq!(refused("huge"), format!("`{}/huge` is larger than 64 MiB", dir.path().display()));
    }

    #[test]
    fn links_stay_in_the_repository() {
        use std::os::unix::fs::symlink;

        let outside = tempfile::tempdir().expect("a temporary directory");
        File::create(outside.path().join("secret.yaml")).expect("made");
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir(dir.path().join("clusters")).expect("made");
        File::create(dir.path().join("rmqgit.yaml")).expect("made");
        let read = || read(dir.path(), "rmqgit.yaml", |_| vec!["clusters".to_owned()]);
        let names = || read().expect("readable").into_keys().collect::<Vec<_>>();
        symlink("../rmqgit.yaml", dir.path().join("clusters/a.yaml")).expect("a link");
        assert_eq!(names(), ["clusters/a.yaml", "rmqgit.yaml"]);
        for target in [outside.path().join("secret.yaml"), "/proc/self/environ".into()] {
            let link = dir.path().join("clusters/b.yaml");
            symlink(target, &link).expect("a link");
            let expect = format!("`{}` leads out of `{}`", link.display(), dir.path().display());
            assert_eq!(read().expect_err("refused").to_string(), expect);
            fs::remove_file(link).expect("removed");
        }
        symlink(outside.path(), dir.path().join("templates")).expect("a link");
        let expect = format!("`{}/templates` leads out of `{}`", dir.path().display(), dir.path().display());
        assert_eq!(read().expect_err("refused").to_string(), expect);
        fs::remove_file(dir.path().join("templates")).expect("removed");
        fs::remove_file(dir.path().join("rmqgit.yaml")).expect("removed");
        symlink(outside.path().join("secret.yaml"), dir.path().join("rmqgit.yaml")).expect("a link");
        assert!(matches!(read(), Err(TreeError::Outside { .. })));
    }
}
