//! The spec that a person named on the command line.

use std::path::{Path, PathBuf};

use super::{Exit, Failure};
use crate::check::{self, Checked, Input};
use crate::diag::Format;
use crate::model::Cluster;
use crate::release::Bundle;
use crate::spec;
use crate::sys::clock;
use crate::sys::tree::{self, Files, TreeError};

/// The columns that diagnostics are laid out for.
const WIDTH: usize = 110;

/// Reads the files of a spec repository: a directory, or the `rmqgit.yaml` in it.
pub(super) fn load(path: &Path) -> Result<Files, Failure> {
    tree::read(&directory(path)?, spec::FILE, spec::include_dirs).map_err(|error| {
        let failure = Failure::from_error(&error);
        match error {
            TreeError::Missing(_) => failure.help("`rmqgit init DIR` makes a spec repository to start from"),
            _ => failure,
        }
    })
}

/// Returns the directory of a spec repository.
fn directory(path: &Path) -> Result<PathBuf, Failure> {
    if !path.is_file() {
        return Ok(path.to_owned());
    }
    if path.file_name().is_none_or(|name| name != spec::FILE) {
        let message = format!("`{}` is not the root of a spec", path.display());
        return Err(Failure::usage(message).help(format!("give a directory, or the `{}` in it", spec::FILE)));
    }
    Ok(path.parent().map_or_else(PathBuf::new, Path::to_owned))
}

/// Writes what is wrong with a spec; empty text where there is nothing to say.
pub(super) fn render(checked: &Checked, format: Format) -> String {
    crate::diag::render(&checked.diags, &checked.sources, format, true, WIDTH)
}

/// Checks files, hands over what was compiled of each cluster, and says how the verb ends if it goes no further.
pub(super) fn check(files: &Files, take: impl FnMut(&Cluster, Vec<Bundle>)) -> (Checked, Exit) {
    let published = std::collections::BTreeMap::new();
    let checked = check::check(&Input { files, published: &published, today: clock::today() }, take);
    let exit = if checked.is_sound() { Exit::Clean } else { Exit::Findings };
    (checked, exit)
}
