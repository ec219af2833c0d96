//! Makes the host run its agent by itself, and undoes it.
//!
//! Input: a [`Wish`]. Output: what was [`Done`]; where all is as it should be, that is nothing. Must not: replace a file
//! that somebody else wrote, or settings that differ.

use std::path::Path;
use std::time::Duration;

use crate::live::{Account, Place, Probe, Stamp};
use crate::name::{HostPath, NameError};
use crate::sys::files::{Entry, EntryKind, FilesError, Root};
use crate::sys::process::{self, Ended, ProcessError};
use crate::sys::{accounts, program, units, workspace};

use super::schedule::{self, Interval, MARK, SERVICE, Schedule, Starter, StarterFile, TIMER};
use super::settings::{self, AgentFile, Aim, CONFIG, Flags, Settings, SettingsError};

/// Where the program is in a root that is not this machine's, unless a person says otherwise.
const PROGRAM: &str = "/usr/bin/rmqgit";
/// How long systemctl may take.
const TELL: Duration = Duration::from_secs(30);
/// The mode of every file that is written here.
const MODE: u32 = 0o644;

/// What a person asks for.
#[derive(Debug, Clone)]
pub struct Wish {
    /// What starts the agent; `None` leaves it to the machine.
    pub starter: Option<Starter>,
    /// How often.
    pub interval: Interval,
    /// The program; `None` is this one.
    pub program: Option<HostPath>,
    /// The root, and settings for an `agent.yaml` that is not there yet.
    pub flags: Flags,
}

/// What an installation will write and start. Nothing has been touched yet.
#[derive(Debug)]
pub struct Prepared {
    root: Root,
    /// What the agent will run with.
    pub settings: Settings,
    /// When.
    pub schedule: Schedule,
    /// What starts it.
    pub starter: Starter,
    /// The files, `agent.yaml` among them where it is missing.
    pub files: Vec<StarterFile>,
}

/// One thing that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// A file was made.
    Wrote(HostPath),
    /// A file was replaced.
    Replaced(HostPath),
    /// A file was removed.
    Removed(HostPath),
    /// A command was run.
    Ran(String),
}

/// Says why the agent cannot be installed or removed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The settings are not enough, or wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// `agent.yaml` says something else than the command.
    #[error("`/{CONFIG}` is there, and says something else: {}", .0.join("; "))]
    Differs(Vec<String>),
    /// Only root can do this on a machine.
    #[error("only root can make the machine run the agent")]
    NotRoot,
    /// The program cannot be named in a unit.
    #[error("the program's path `{0}` cannot stand in a unit or a cron line")]
    ProgramName(String),
    /// The program's own path is not one.
    #[error("the program's own path is not known")]
    Own(#[source] std::io::Error),
    /// The program's own path cannot be a host path.
    #[error(transparent)]
    Path(#[from] NameError),
    /// The program must not be started as root.
    #[error("`{path}` must not be started as root: {why}")]
    Distrust {
        /// The program.
        path: HostPath,
        /// Why.
        why: String,
    },
    /// The root has no such program.
    #[error("there is no `{0}` below the root")]
    NoProgram(HostPath),
    /// Somebody else's file stands where one of ours should.
    #[error("`{0}` was not written by `rmqgit agent install`")]
    Foreign(HostPath),
    /// A file could not be looked at.
    #[error("cannot look at `{path}`: {why}")]
    Look {
        /// The file.
        path: HostPath,
        /// Why.
        why: String,
    },
    /// A file could not be written or removed, or the root not opened.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// systemctl could not be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// systemctl refused.
    #[error("`systemctl {args}` failed: {output}")]
    Systemctl {
        /// What it was asked.
        args: String,
        /// What it said.
        output: String,
    },
}

/// Finds out what has to be written, and whether it may be.
pub fn prepare(wish: Wish, file: AgentFile) -> Result<Prepared, InstallError> {
    let root = Root::open(&wish.flags.root.clone().unwrap_or_else(|| "/".into()))?;
    let agent_yaml = HostPath::parse(&format!("/{CONFIG}"))?;
    let mut files = Vec::new();
    if workspace::exists(&root.path().join(CONFIG)) {
        let differs = differences(&wish.flags, &file);
        if !differs.is_empty() {
            return Err(InstallError::Differs(differs));
        }
    } else {
        files.push(StarterFile { path: agent_yaml, text: agent_file(&wish.flags) });
    }
    let settings = settings::settle(wish.flags, file)?;
    let program = program(&root, wish.program)?;
    let starter = wish.starter.unwrap_or(match root.place() {
        Place::Machine if !units::is_running() => Starter::Cron,
        Place::Machine | Place::Sandbox => Starter::Timer,
    });
    let schedule = Schedule::new(wish.interval, &settings.cluster, &settings.host);
    files.extend(schedule.files(starter, &program));
    Ok(Prepared { root, settings, schedule, starter, files })
}

/// Returns what `agent.yaml` says otherwise than the command.
fn differences(flags: &Flags, file: &AgentFile) -> Vec<String> {
    let aim = |aim: Aim| match aim {
        Aim::Report => "report",
        Aim::Converge => "converge",
    };
    let pairs = [
        ("remote", flags.remote.as_deref(), file.remote.as_deref()),
        ("cluster", flags.cluster.as_ref().map(AsRef::as_ref), file.cluster.as_ref().map(AsRef::as_ref)),
        ("host", flags.host.as_ref().map(AsRef::as_ref), file.host.as_ref().map(AsRef::as_ref)),
        ("mode", flags.mode.map(aim), Some(aim(file.mode.unwrap_or(Aim::Report)))),
    ];
    let differs = |(name, wanted, there): (&str, Option<&str>, Option<&str>)| match (wanted, there) {
        (Some(wanted), Some(there)) if wanted != there => Some(format!("{name} is `{there}`, not `{wanted}`")),
        (Some(wanted), None) => Some(format!("{name} is not said, and should be `{wanted}`")),
        _ => None,
    };
    pairs.into_iter().filter_map(differs).collect()
}

/// Writes an `agent.yaml`. A JSON string is a YAML string, whatever is in it.
fn agent_file(flags: &Flags) -> String {
    let mode = flags.mode.map(|aim| match aim {
        Aim::Report => "report",
        Aim::Converge => "converge",
    });
    let fields = [
        ("remote", flags.remote.as_deref()),
        ("cluster", flags.cluster.as_ref().map(AsRef::as_ref)),
        ("host", flags.host.as_ref().map(AsRef::as_ref)),
        ("mode", mode),
    ];
    let line = |(name, value): (&str, Option<&str>)| {
        value.map(|value| format!("{name}: {}\n", serde_json::Value::from(value)))
    };
    format!("{MARK}, which never replaces it.\n{}", fields.into_iter().filter_map(line).collect::<String>())
}

fn program(root: &Root, wanted: Option<HostPath>) -> Result<HostPath, InstallError> {
    let path = match (wanted, root.place()) {
        (Some(path), _) => path,
        (None, Place::Machine) => {
            let own = program::own().map_err(InstallError::Own)?;
            HostPath::parse(&own.to_string_lossy())?
        }
        (None, Place::Sandbox) => HostPath::parse(PROGRAM)?,
    };
    if !path.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b"/._+-".contains(&b)) {
        return Err(InstallError::ProgramName(path.to_string()));
    }
    match root.place() {
        Place::Sandbox if root.has_program(path.as_str()) => Ok(path),
        Place::Sandbox => Err(InstallError::NoProgram(path)),
        Place::Machine => match program::distrust(Path::new(path.as_str())) {
            Some(why) => Err(InstallError::Distrust { path, why }),
            None => Ok(path),
        },
    }
}

/// Writes what is missing or old, and starts what does not run. What the other starter has is taken away.
pub fn install(prepared: &Prepared, done: &mut Vec<Done>) -> Result<(), InstallError> {
    let Prepared { root, starter, files, .. } = prepared;
    may_change(root)?;
    let other = match starter {
        Starter::Timer => Starter::Cron,
        Starter::Cron => Starter::Timer,
    };
    // Everything is looked at before anything is changed: a foreign file stops all of it.
    let there = files.iter().map(|file| look(root, &file.path)).collect::<Result<Vec<_>, _>>()?;
    remove(root, other, done)?;
    let before = done.len();
    for (file, there) in files.iter().zip(there) {
        write(root, file, there.as_ref(), done)?;
    }
    match starter {
        Starter::Cron => Ok(()),
        Starter::Timer => start(root, done.len() > before, done),
    }
}

/// Stops what starts the agent, and removes its files. The settings and what runs remembered stay.
pub fn uninstall(root: &Path, done: &mut Vec<Done>) -> Result<(), InstallError> {
    let root = Root::open(root)?;
    may_change(&root)?;
    remove(&root, Starter::Timer, done)?;
    remove(&root, Starter::Cron, done)
}

fn may_change(root: &Root) -> Result<(), InstallError> {
    if root.place() == Place::Machine && accounts::own_user() != 0 { Err(InstallError::NotRoot) } else { Ok(()) }
}

/// A file of ours as it is now.
#[derive(Debug)]
struct There {
    text: Vec<u8>,
    mode: u32,
    account: Account,
    stamp: Stamp,
}

fn look(root: &Root, path: &HostPath) -> Result<Option<There>, InstallError> {
    match root.probe(path) {
        Probe::Absent => Ok(None),
        Probe::Failed(why) => Err(InstallError::Look { path: path.clone(), why }),
        Probe::Seen(Entry { kind: EntryKind::Regular(Some(bytes)), mode, account, stamp, .. })
            if bytes.as_slice().starts_with(MARK.as_bytes()) =>
        {
            Ok(Some(There { text: bytes.as_slice().to_vec(), mode, account, stamp }))
        }
        Probe::Seen(_) => Err(InstallError::Foreign(path.clone())),
    }
}

fn write(root: &Root, file: &StarterFile, there: Option<&There>, done: &mut Vec<Done>) -> Result<(), InstallError> {
    let account = (root.place() == Place::Machine).then_some(Account { user: 0, group: 0 });
    let good = |there: &There| {
        there.text == file.text.as_bytes()
            && there.mode == MODE
            && account.is_none_or(|account| account == there.account)
    };
    if there.is_some_and(good) {
        return Ok(());
    }
    let staged = root.stage(&file.path, file.text.as_bytes(), MODE, account)?;
    staged.place(there.map(|there| there.stamp))?;
    let path = file.path.clone();
    done.push(if there.is_some() { Done::Replaced(path) } else { Done::Wrote(path) });
    Ok(())
}

/// Takes away the files of a starter. Somebody else's file at their place is left.
fn remove(root: &Root, starter: Starter, done: &mut Vec<Done>) -> Result<(), InstallError> {
    let mut ours = Vec::new();
    for path in schedule::paths(starter) {
        match look(root, &path) {
            Ok(Some(there)) => ours.push((path, there.stamp)),
            Ok(None) | Err(InstallError::Foreign(_)) => {}
            Err(error) => return Err(error),
        }
    }
    if ours.is_empty() {
        return Ok(());
    }
    let manages = starter == Starter::Timer && (root.place() == Place::Sandbox || units::is_running());
    if manages && ours.iter().any(|(path, _)| path.file_name() == TIMER) {
        let now: &[&str] = if root.place() == Place::Machine { &["--now"] } else { &[] };
        run(root, &[&["disable"], now, &[TIMER]].concat(), done)?;
    }
    for (path, stamp) in ours {
        root.remove(&path, stamp)?;
        done.push(Done::Removed(path));
    }
    if manages && root.place() == Place::Machine {
        run(root, &["daemon-reload"], done)?;
    }
    Ok(())
}

/// Enables and starts the timer. A run that was killed between two of these steps is completed by the next.
fn start(root: &Root, changed: bool, done: &mut Vec<Done>) -> Result<(), InstallError> {
    if root.place() == Place::Sandbox {
        let enabled = ask(root, &["is-enabled", TIMER])?.code == Some(0);
        return if enabled { Ok(()) } else { run(root, &["enable", TIMER], done) };
    }
    if !units::is_running() {
        return Ok(());
    }
    let state = ask(root, &["show", "--property=ActiveState,UnitFileState,NeedDaemonReload", TIMER, SERVICE])?;
    let says = |line: &str| state.output.lines().any(|said| said == line);
    let reload = changed || says("NeedDaemonReload=yes");
    if reload {
        run(root, &["daemon-reload"], done)?;
    }
    if !says("UnitFileState=enabled") {
        run(root, &["enable", TIMER], done)?;
    }
    match (says("ActiveState=active"), reload) {
        (true, false) => Ok(()),
        (true, true) => run(root, &["restart", TIMER], done),
        (false, _) => run(root, &["start", TIMER], done),
    }
}

fn run(root: &Root, args: &[&str], done: &mut Vec<Done>) -> Result<(), InstallError> {
    let ended = ask(root, args)?;
    if ended.code != Some(0) {
        return Err(InstallError::Systemctl { args: args.join(" "), output: ended.output.trim().to_owned() });
    }
    done.push(Done::Ran(format!("systemctl {}", args.join(" "))));
    Ok(())
}

/// Asks this machine's systemd, or lets systemctl look at the unit files of a root that does not run.
fn ask(root: &Root, args: &[&str]) -> Result<Ended, InstallError> {
    let other = (root.place() == Place::Sandbox).then(|| format!("--root={}", root.path().display()));
    let all: Vec<&str> = other.iter().map(String::as_str).chain(args.iter().copied()).collect();
    Ok(process::run("systemctl", &all, TELL)?)
}
