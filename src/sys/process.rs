//! The one runner of programs: no shell, a fixed environment, a deadline, bounded output.

use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

/// Where programs are looked for.
pub const PROGRAM_DIRS: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// The most output that is kept, in bytes.
const MOST_OUTPUT: u64 = 16 << 10;

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
    /// It could not be started or waited for.
    #[error("cannot run `{program}`")]
    Run {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
}

/// Returns the number of this process.
pub fn own_id() -> u32 {
    std::process::id()
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
    let mut child = command.spawn().map_err(fail)?;
    drop(command);
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a started process has a process id");
    let (tell, ended) = mpsc::channel::<(io::Result<ExitStatus>, Vec<u8>)>();
    thread::spawn(move || {
        let mut output = Vec::new();
        // What a program said is worth less than how it ended: a failing read only shortens it.
        let _ = reader.by_ref().take(MOST_OUTPUT).read_to_end(&mut output);
        let _ = io::copy(&mut reader, &mut io::sink());
        let _ = tell.send((child.wait(), output));
    });
    let result = match ended.recv_timeout(deadline) {
        Err(RecvTimeoutError::Timeout) => {
            let _ = kill_process_group(group, Signal::KILL);
            // The killed group has closed its streams; the wait is for the thread to collect it.
            let _ = ended.recv_timeout(Duration::from_secs(5));
            return Err(ProcessError::Deadline { program: program.to_owned(), deadline });
        }
        Err(RecvTimeoutError::Disconnected) => Err(io::Error::other("the waiting thread ended")),
        Ok((status, output)) => status.map(|status| (status, output)),
    };
    let (status, output) = result.map_err(fail)?;
    let code = status.code().filter(|_| status.signal().is_none());
    Ok(Ended { code, output: String::from_utf8_lossy(&output).into_owned() })
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
