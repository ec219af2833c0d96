//! The spec that a person named on the command line.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use jiff::civil::Date;

use super::{Exit, Failure, stderr};
use crate::check::{self, Checked, Format, Input};
use crate::diag::{Diagnostics, Sources};
use crate::model::Cluster;
use crate::policy::Rules;
use crate::publish;
use crate::release::Bundle;
use crate::secret::Opener;
use crate::spec;
use crate::sys::clock;
use crate::sys::tree::{self, Files, TreeError};

/// The columns that diagnostics are laid out for.
const WIDTH: usize = 110;

/// The day that is compared with.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct Day {
    /// Compare waivers and the ends of support with this day instead of today
    #[arg(long, value_name = "YEAR-MONTH-DAY", env = "RMQGIT_TODAY")]
    today: Option<Date>,
}

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

/// Reads the rules: the built-in ones, and those of a repository as far as they are sound.
pub(super) fn rules(dir: &Path) -> Result<Rules, Failure> {
    let files = tree::read_below(dir, check::POLICIES).map_err(|error| Failure::from_error(&error))?;
    Ok(check::rules(&mut Diagnostics::new(), &mut Sources::new(), &files))
}

/// Returns the directory of a spec repository.
pub(super) fn directory(path: &Path) -> Result<PathBuf, Failure> {
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
    check::render(checked, format, true, WIDTH)
}

/// Checks files, hands over what was compiled of each cluster, and says how the verb ends if it goes no further.
pub(super) fn check(
    path: &Path,
    files: &Files,
    (day, opener): (Day, Option<&Opener>),
    take: impl FnMut(&Cluster, Vec<Bundle>),
) -> Result<(Checked, Exit), Failure> {
    let branch = files.get(spec::FILE).map_or_else(String::new, |bytes| spec::branch(bytes));
    let published = match publish::last(&directory(path)?, &branch) {
        Ok(published) => published,
        Err(error) => {
            let why = Failure::from_error(&error).message;
            writeln!(stderr(), "rmqgit: nothing is compared with the last release, which cannot be read: {why}")?;
            BTreeMap::new()
        }
    };
    let checked = check::check(
        &Input { files, published: &published, today: day.today.unwrap_or_else(clock::today), opener },
        take,
    );
    let exit = if checked.is_sound() { Exit::Clean } else { Exit::Findings };
    Ok((checked, exit))
}
