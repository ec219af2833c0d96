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

/// Says who commits in a repository, for a machine where Git does not know it.
pub fn identify(dir: &Path, name: &str, email: &str) -> Result<(), GitError> {
    let attempt = || {
        let mut config = git2::Repository::open(dir)?.config()?;
        config.set_str("user.name", name)?;
        config.set_str("user.email", email)
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
        identify(&root, "A", "a@example.org").expect("an identity");
        assert_eq!(around(&root.join("a/b")), Some(root.join("")));
        assert_eq!(around(&root), Some(root.join("")));
    }
}
