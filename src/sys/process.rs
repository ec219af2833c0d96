//! The one runner of programs: no shell, a fixed environment, a deadline, bounded output.

use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use zeroize::Zeroizing;

use crate::live::Account;

/// Where programs are looked for.
pub const PROGRAM_DIRS: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// The most output that is kept, in bytes.
const MOST_OUTPUT: u64 = 16 << 10;
/// The longest answer that is taken, in bytes.
const LONGEST_ANSWER: u64 = 64 << 20;

/// A program that ended by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its exit status; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it said on both streams, cut after 16 KiB.
    pub output: String,
}

/// Says why a program did not end by itself.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It is not installed.
    #[error("`{0}` is not installed")]
    NotInstalled(String),
    /// It took too long and was killed with everything it had started.
    #[error("`{program}` did not end within {} seconds and was killed", deadline.as_secs())]
    Deadline {
        /// The program.
        program: String,
        /// How long it had.
        deadline: Duration,
    },
    /// Its answer is longer than 64 MiB.
    #[error("`{0}` says more than 64 MiB")]
    TooLong(String),
    /// It could not be started or waited for.
    #[error("cannot run `{program}`")]
    Run {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
}

/// A program that is asked for something: its two streams are apart, and its answer may be long.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// The program's own path.
    pub program: &'a Path,
    /// Its arguments; none is a secret.
    pub args: Vec<&'a str>,
    /// The user that it runs as, unless this process is not root.
    pub account: Option<Account>,
    /// Its environment, beside the fixed one.
    pub env: Vec<(&'a str, &'a str)>,
    /// How long it may take.
    pub deadline: Duration,
}

/// What a program that was asked said.
#[derive(Clone)]
pub struct Answer {
    /// Its exit status; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Its standard output, which may hold secrets.
    pub stdout: Zeroizing<Vec<u8>>,
    /// Its standard error, cut after 16 KiB.
    pub stderr: String,
}

/// Sets the umask to 0022, whatever the caller's was: files that programs make on the agent's behalf, such as
/// `enabled_plugins`, must be readable for the daemons and writable for nobody else.
pub fn set_umask() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
}

/// Returns the number of this process.
pub fn own_id() -> u32 {
    std::process::id()
}

/// Keeps what this process holds out of core dumps, and other processes of the same user from looking into it. What it starts
/// writes no core dumps either. Where the kernel refuses, the process goes on as it is.
pub fn keep_memory_private() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
    let limit = Rlimit { current: Some(0), ..getrlimit(Resource::Core) };
    let _ = setrlimit(Resource::Core, limit);
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// Finds a program in [`PROGRAM_DIRS`].
pub fn find(program: &str) -> Option<PathBuf> {
    PROGRAM_DIRS.iter().map(|dir| Path::new(dir).join(program)).find(|path| path.is_file())
}

/// Runs a program and waits for its end.
pub fn run(program: &str, args: &[&str], deadline: Duration) -> Result<Ended, ProcessError> {
    let path = find(program).ok_or_else(|| ProcessError::NotInstalled(program.to_owned()))?;
    let fail = |source| ProcessError::Run { program: program.to_owned(), source };
    let (mut reader, writer) = io::pipe().map_err(fail)?;
    #[expect(clippy::disallowed_methods, reason = "this is the one runner")]
    let mut command = Command::new(path);
    command
        .args(args)
        .env_clear()
        .env("PATH", PROGRAM_DIRS.join(":"))
        .env("LC_ALL", "C")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(writer.try_clone().map_err(fail)?)
        .stderr(writer)
        .process_group(0);
    let child = command.spawn().map_err(fail)?;
    drop(command);
    let group = Pid::from_child(&child);
    let (status, output) = within(deadline, program, group, child, move || {
        let mut output = Vec::new();
        // What a program said is worth less than how it ended: a failing read only shortens it.
        let _ = reader.by_ref().take(MOST_OUTPUT).read_to_end(&mut output);
        let _ = io::copy(&mut reader, &mut io::sink());
        output
    })?;
    let code = status.code().filter(|_| status.signal().is_none());
    Ok(Ended { code, output: String::from_utf8_lossy(&output).into_owned() })
}

/// Asks a program for something and waits for its end.
pub fn ask(call: &Call<'_>) -> Result<Answer, ProcessError> {
    let program = call.program.display().to_string();
    if !call.program.is_file() {
        return Err(ProcessError::NotInstalled(program));
    }
    let fail = |source| ProcessError::Run { program: program.clone(), source };
    #[expect(clippy::disallowed_methods, reason = "this is the one runner")]
    let mut command = Command::new(call.program);
    command
        .args(&call.args)
        .env_clear()
        .env("PATH", PROGRAM_DIRS.join(":"))
        .envs(call.env.iter().copied())
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    if let Some(Account { user, group }) = call.account.filter(|_| rustix::process::geteuid().is_root()) {
        // The standard library drops the supplementary groups with the user.
        command.uid(user).gid(group);
    }
    let mut child = command.spawn().map_err(fail)?;
    let mut stdout = child.stdout.take().expect("it is piped");
    let mut stderr = child.stderr.take().expect("it is piped");
    let group = Pid::from_child(&child);
    let (status, (output, said)) = within(call.deadline, &program, group, child, move || {
        let words = thread::spawn(move || {
            let mut said = Vec::new();
            let _ = stderr.by_ref().take(MOST_OUTPUT).read_to_end(&mut said);
            let _ = io::copy(&mut stderr, &mut io::sink());
            said
        });
        let mut output = Zeroizing::new(Vec::new());
        let read = stdout.by_ref().take(LONGEST_ANSWER + 1).read_to_end(&mut output);
        let _ = io::copy(&mut stdout, &mut io::sink());
        (read.map(|_| output), words.join().unwrap_or_default())
    })?;
    let stdout = output.map_err(|source| ProcessError::Run { program: program.clone(), source })?;
    if stdout.len() as u64 > LONGEST_ANSWER {
        return Err(ProcessError::TooLong(program));
    }
    let code = status.code().filter(|_| status.signal().is_none());
    Ok(Answer { code, stdout, stderr: String::from_utf8_lossy(&said).into_owned() })
}

/// Waits for the end of a program whose streams `read` empties; kills it and all that it started at the deadline.
fn within<T: Send + 'static>(
    deadline: Duration,
    program: &str,
    group: Pid,
    mut child: Child,
    read: impl FnOnce() -> T + Send + 'static,
) -> Result<(ExitStatus, T), ProcessError> {
    let (tell, ended) = mpsc::channel::<(io::Result<ExitStatus>, T)>();
    thread::spawn(move || {
        let output = read();
        let _ = tell.send((child.wait(), output));
    });
    let fail = |source| ProcessError::Run { program: program.to_owned(), source };
    match ended.recv_timeout(deadline) {
        Err(RecvTimeoutError::Timeout) => {
            let _ = kill_process_group(group, Signal::KILL);
            // The killed group has closed its streams; the wait is for the thread to collect it.
            let _ = ended.recv_timeout(Duration::from_secs(5));
            Err(ProcessError::Deadline { program: program.to_owned(), deadline })
        }
        Err(RecvTimeoutError::Disconnected) => Err(fail(io::Error::other("the waiting thread ended"))),
        Ok((status, output)) => status.map(|status| (status, output)).map_err(fail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, deadline: Duration) -> Result<Ended, ProcessError> {
        run("sh", &["-c", script], deadline)
    }

    #[test]
    fn ends_with_status_and_output() {
        let ended = sh("echo out; echo err >&2; exit 7", Duration::from_secs(20)).expect("sh ends");
        assert_eq!(ended, Ended { code: Some(7), output: "out\nerr\n".to_owned() });
        let ended = sh("kill -9 $$", Duration::from_secs(20)).expect("sh ends");
        assert_eq!(ended, Ended { code: None, output: String::new() });
    }

    #[test]
    fn output_is_bounded_and_does_not_block() {
        let ended = sh("yes | head -c 1000000", Duration::from_secs(20)).expect("sh ends");
        assert_eq!((ended.code, ended.output.len()), (Some(0), 16 << 10));
    }

    #[test]
    fn the_deadline_kills_the_whole_group() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let fifo = dir.path().join("fifo");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &fifo,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .expect("a pipe");
        // The grandchild holds the pipe open until it is killed; the open below ends only when a writer is there, and
        // the read when none is left.
        let script = format!("(exec 3>'{0}'; sleep 600) & wait", fifo.display());
        let reader = thread::spawn({
            let fifo = fifo.clone();
            move || std::fs::read(fifo).expect("the pipe")
        });
        let result = sh(&script, Duration::from_millis(300));
        assert!(matches!(result, Err(ProcessError::Deadline { .. })), "{result:?}");
        assert_eq!(reader.join().expect("the reader"), b"");
    }

    #[test]
    fn a_program_that_is_not_there_is_not_installed() {
        let result = run("no-such-program-of-rmqgit", &[], Duration::from_secs(1));
        assert!(matches!(result, Err(ProcessError::NotInstalled(_))), "{result:?}");
    }
}
