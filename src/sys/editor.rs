//! A person's editor on a text that must not reach a disk.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use zeroize::Zeroizing;

use super::random;
use crate::secret::BIGGEST;

/// `statfs` says these of file systems in memory (statfs(2)).
const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];

/// Says why a text was not edited.
#[derive(Debug, thiserror::Error)]
pub enum EditorError {
    /// No directory is in memory.
    #[error("no directory is on a file system in memory: the text would reach a disk")]
    OnDisk,
    /// The editor cannot be started.
    #[error("cannot run `{program}`")]
    Run {
        /// The editor.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// The editor ended with a failure.
    #[error("`{0}` ended with a failure; nothing was changed")]
    Failed(String),
    /// The text is not text, or too long.
    #[error("what was written is not UTF-8 text below 64 KiB")]
    Shape,
    /// A file cannot be made, read or wiped.
    #[error("cannot use `{}`", path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Returns the first of some directories that is on a file system in memory.
pub fn in_memory(candidates: &[PathBuf]) -> Result<PathBuf, EditorError> {
    let is = |path: &&PathBuf| {
        rustix::fs::statfs(path.as_path())
            .is_ok_and(|found| u64::try_from(found.f_type).is_ok_and(|kind| IN_MEMORY.contains(&(kind & 0xffff_ffff))))
    };
    candidates.iter().find(is).cloned().ok_or(EditorError::OnDisk)
}

/// Lets a person edit a text in a file of a new directory for them alone, below `dir`. Whatever is in that directory in the
/// end is overwritten and removed. A trailing newline is not part of the text.
pub fn edit(editor: &[String], dir: &Path, name: &str, text: &str) -> Result<Zeroizing<String>, EditorError> {
    let desk = Desk::new(dir)?;
    let path = desk.0.join(name);
    let file = |source| EditorError::File { path: path.clone(), source };
    let mut opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(file)?;
    opened.write_all(text.as_bytes()).and_then(|()| opened.write_all(b"\n")).map_err(file)?;
    drop(opened);
    let (program, args) = editor.split_first().expect("an editor has a name");
    #[expect(clippy::disallowed_methods, reason = "a person's editor has their terminal, environment and time")]
    let status = Command::new(program).args(args).arg(&path).status();
    let status = status.map_err(|source| EditorError::Run { program: program.clone(), source })?;
    if !status.success() {
        return Err(EditorError::Failed(program.clone()));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(BIGGEST + 2));
    let most = BIGGEST as u64 + 2;
    File::open(&path).and_then(|file| file.take(most).read_to_end(&mut bytes)).map_err(file)?;
    if bytes.len() > BIGGEST + 1 {
        return Err(EditorError::Shape);
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| EditorError::Shape)?;
    Ok(Zeroizing::new(text.strip_suffix('\n').unwrap_or(text).to_owned()))
}

/// A directory whose files are wiped in the end, those that the editor left beside the text too.
struct Desk(PathBuf);

impl Desk {
    fn new(dir: &Path) -> Result<Self, EditorError> {
        let fail = |source| EditorError::File { path: dir.to_owned(), source };
        let path = dir.join(format!("rmqgit-{}", random::hexadecimal(8).map_err(fail)?));
        DirBuilder::new().mode(0o700).create(&path).map_err(fail)?;
        Ok(Self(path))
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        for entry in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            let regular = entry.metadata().is_ok_and(|meta| meta.is_file());
            if regular && let Ok(mut file) = OpenOptions::new().write(true).open(entry.path()) {
                let length = file.metadata().map_or(0, |meta| meta.len());
                // What cannot be overwritten is removed all the same.
                let _ = io::copy(&mut io::repeat(0).take(length), &mut file).and_then(|_| file.sync_all());
            }
        }
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Vec<String> {
        // The file is `$0` of the script.
        ["sh", "-c", script].map(str::to_owned).to_vec()
    }

    #[test]
    fn a_text_is_edited_and_nothing_is_left() {
        let dir = tempfile::tempdir().expect("a directory");
        let script = "test $(stat -c %a \"$0\") = 600 && test $(stat -c %a $(dirname \"$0\")) = 700 || exit 1
            cp \"$0\" \"$0~\"; sed -i s/old/new/ \"$0\"";
        let text = edit(&sh(script), dir.path(), "admin", "an old text").expect("edited");
        assert_eq!(*text, "an new text");
        assert!(matches!(edit(&sh("exit 3"), dir.path(), "admin", "x"), Err(EditorError::Failed(_))));
        assert!(matches!(edit(&sh("printf '\\377' >\"$0\""), dir.path(), "admin", "x"), Err(EditorError::Shape)));
        assert_eq!(fs::read_dir(dir.path()).expect("the directory").count(), 0);
    }

    #[test]
    fn a_disk_is_no_memory() {
        assert!(matches!(in_memory(&[PathBuf::from("/proc"), PathBuf::from("/none")]), Err(EditorError::OnDisk)));
    }
}
