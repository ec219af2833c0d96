//! A person's pager, for what does not fit their screen.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::{Command, Stdio};

/// How many columns the terminal of the standard output has; none if it is no terminal.
pub fn columns() -> Option<usize> {
    let out = io::stdout();
    if !out.is_terminal() {
        return None;
    }
    rustix::termios::tcgetwinsize(&out).ok().map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Shows a text with a pager, given as shell words. `false` means that the pager could not be started; nothing was shown then.
pub fn show(words: &[String], text: &str) -> io::Result<bool> {
    let Some((program, args)) = words.split_first() else { return Ok(false) };
    #[expect(clippy::disallowed_methods, reason = "a person's pager has their terminal, environment and time")]
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped());
    // What Git tells its pagers: to show colours, and to leave at once what fits the screen. Ctrl-C, which ends this program, ends
    // `less` with it, and not only takes its parent away.
    for (name, value) in [("LESS", "FRXK"), ("LV", "-c")] {
        if std::env::var_os(name).is_none() {
            command.env(name, value);
        }
    }
    let child = command.spawn();
    let Ok(mut child) = child else { return Ok(false) };
    let sent = child.stdin.take().map_or(Ok(()), |mut to| to.write_all(text.as_bytes()));
    child.wait()?;
    match sent {
        // Whoever quits early has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pager_gets_the_text() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("shown");
        let words = ["sh".to_owned(), "-c".to_owned(), format!("cat >'{}'", file.display())];
        assert!(show(&words, "text\n").expect("shown"));
        assert_eq!(std::fs::read_to_string(file).expect("a file"), "text\n");
        assert!(show(&["true".to_owned()], &"x".repeat(1 << 20)).expect("left early"));
        assert!(!show(&["/nonexistent/pager".to_owned()], "text").expect("not started"));
        assert!(!show(&[], "text").expect("no pager"));
    }
}
