//! The way to the directory of a file, one component at a time.
//!
//! Whoever owns a directory can put a link in the place of one below it, at any moment. So the way is walked with a handle on
//! each directory, and on the machine a link is only followed where nobody but root and the user that runs could have put it.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::{Root, sync_dir};
use crate::live::Place;

/// How many links a way may have, as in the kernel.
const MOST_LINKS: usize = 40;

/// Says where a way ends, and why.
#[derive(Debug)]
pub(super) struct Blocked {
    /// The directory that is not reached.
    pub(super) dir: String,
    /// Why.
    pub(super) error: BlockedError,
}

/// Says why a way ends.
#[derive(Debug, thiserror::Error)]
pub(super) enum BlockedError {
    /// The system says so.
    #[error(transparent)]
    System(io::Error),
    /// A link stands where somebody else can put links.
    #[error("it is a link, in a directory that user {owner} or others can change: it may lead anywhere")]
    Link {
        /// Who owns the directory that holds the link.
        owner: u32,
    },
}

impl Blocked {
    /// Whether there is nothing.
    pub(super) fn is_absent(&self) -> bool {
        matches!(&self.error, BlockedError::System(error) if Errno::from_io_error(error) == Some(Errno::NOENT))
    }

    /// Whether a file stands where a directory should.
    pub(super) fn is_file(&self) -> bool {
        matches!(&self.error, BlockedError::System(error) if Errno::from_io_error(error) == Some(Errno::NOTDIR))
    }
}

impl From<Blocked> for io::Error {
    fn from(blocked: Blocked) -> Self {
        match blocked.error {
            BlockedError::System(error) => error,
            error @ BlockedError::Link { .. } => {
                Self::new(io::ErrorKind::PermissionDenied, format!("`{}`: {error}", blocked.dir))
            }
        }
    }
}

/// What to do where a directory is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// It is missing.
    Stays,
    /// It is made: 0755, of the user that runs.
    Made,
}

impl Root {
    /// Walks to a directory below the root.
    pub(super) fn walk(&self, path: &str, missing: Missing) -> Result<OwnedFd, Blocked> {
        let mut reached = String::new();
        let blocked = |reached: &str, error: Errno| Blocked {
            dir: reached.to_owned(),
            error: BlockedError::System(error.into()),
        };
        let own = |dir: &OwnedFd| rustix::io::fcntl_dupfd_cloexec(dir, 0);
        let mut way = vec![own(&self.dir).map_err(|e| blocked("/", e))?];
        let mut left: VecDeque<String> = path.split('/').map(str::to_owned).collect();
        let mut links = 0;
        // How many of the parts that are left come from a link. None of those is made: behind a link that leads nowhere may be
        // a disk that is not mounted.
        let mut of_links: usize = 0;
        while let Some(part) = left.pop_front() {
            let of_link = of_links > 0;
            of_links = of_links.saturating_sub(1);
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    // The root's own parent is the root.
                    if way.len() > 1 {
                        way.pop();
                    }
                    continue;
                }
                _ => {}
            }
            if !of_link {
                reached = format!("{reached}/{part}");
            }
            let dir = way.last().expect("the root stays");
            let next = match open(dir, &part) {
                Err(Errno::NOENT) if missing == Missing::Made && !of_link => {
                    make(dir, &part).map_err(|e| blocked(&reached, e))?;
                    open(dir, &part)
                }
                opened => opened,
            };
            let next = next.map_err(|e| blocked(&reached, e))?;
            let stat = rustix::fs::fstat(&next).map_err(|e| blocked(&reached, e))?;
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => way.push(next),
                FileType::Symlink => {
                    links += 1;
                    if links > MOST_LINKS {
                        return Err(blocked(&reached, Errno::LOOP));
                    }
                    let holder = rustix::fs::fstat(dir).map_err(|e| blocked(&reached, e))?;
                    if self.place == Place::Machine && !is_ours_alone(&holder) {
                        let error = BlockedError::Link { owner: holder.st_uid };
                        return Err(Blocked { dir: reached, error });
                    }
                    let target = rustix::fs::readlinkat(&next, "", Vec::new()).map_err(|e| blocked(&reached, e))?;
                    let target = target.into_string().map_err(|_| blocked(&reached, Errno::ILSEQ))?;
                    if target.starts_with('/') {
                        way.truncate(1);
                    }
                    for part in target.rsplit('/') {
                        left.push_front(part.to_owned());
                        of_links += 1;
                    }
                }
                _ => return Err(blocked(&reached, Errno::NOTDIR)),
            }
        }
        Ok(way.pop().expect("the root stays"))
    }
}

/// Whether nobody but root and the user that runs can put anything into a directory, or take from it what is root's.
fn is_ours_alone(dir: &Stat) -> bool {
    let owner = dir.st_uid == 0 || dir.st_uid == rustix::process::geteuid().as_raw();
    let open = dir.st_mode & 0o002 != 0 || (dir.st_mode & 0o020 != 0 && dir.st_gid != 0);
    owner && !open
}

fn open(dir: &OwnedFd, part: &str) -> rustix::io::Result<OwnedFd> {
    rustix::fs::openat(dir, part, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

/// Makes a directory; somebody else may have done so in this moment.
fn make(dir: &OwnedFd, part: &str) -> rustix::io::Result<()> {
    match rustix::fs::mkdirat(dir, part, Mode::from_raw_mode(0o755)) {
        Ok(()) => {}
        Err(Errno::EXIST) => return Ok(()),
        Err(error) => return Err(error),
    }
    sync_dir(dir).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    // The mode above is cut by the umask; the one asked for is meant. What took the new directory's place in this moment is
    // somebody else's, and stays as it is.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let made = rustix::fs::openat(dir, part, flags, Mode::empty())?;
    let stat = rustix::fs::fstat(&made)?;
    if stat.st_uid == rustix::process::geteuid().as_raw() {
        rustix::fs::fchmod(&made, Mode::from_raw_mode(0o755))?;
    }
    Ok(())
}
