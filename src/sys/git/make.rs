//! Makes repositories: the author's own, and the bare ones of the demonstration.

use std::path::{Path, PathBuf};

use super::GitError;

/// The branch that a new repository begins with.
const BRANCH: &str = "main";

/// Makes an empty repository that depends on nobody's templates; the directory may exist.
pub fn init(dir: &Path, bare: bool) -> Result<(), GitError> {
    let mut options = git2::RepositoryInitOptions::new();
    options.initial_head(BRANCH).bare(bare).external_template(false);
    git2::Repository::init_opts(dir, &options).map(drop).map_err(|source| failed(dir, source))
}

/// Returns the root of the work tree that a directory, which need not exist yet, is or would be in.
pub fn around(dir: &Path) -> Option<PathBuf> {
    let there = std::path::absolute(dir).ok()?;
    let there = there.ancestors().find(|path| path.is_dir())?;
    git2::Repository::discover(there).ok()?.workdir().map(Path::to_owned)
}

/// Sets values in a repository's own configuration.
pub fn configure(dir: &Path, settings: &[(&str, &str)]) -> Result<(), GitError> {
    let attempt = || {
        let mut config = git2::Repository::open(dir)?.config()?.open_level(git2::ConfigLevel::Local)?;
        settings.iter().try_for_each(|(name, value)| config.set_str(name, value))
    };
    attempt().map_err(|source| failed(dir, source))
}

fn failed(dir: &Path, source: git2::Error) -> GitError {
    GitError::Make { path: dir.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_knows_the_repository_around_it() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let root = dir.path().canonicalize().expect("it exists");
        assert_eq!(around(&root.join("a/b")), None);
        init(&root, false).expect("a repository");
        configure(&root, &[("user.name", "A")]).expect("a setting");
        assert_eq!(around(&root.join("a/b")), Some(root.join("")));
        assert_eq!(around(&root), Some(root.join("")));
    }
}
