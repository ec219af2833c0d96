//! The two streams: data goes to standard output, talk to standard error; both drop colour where it is not wanted.

use std::io::{self, Write};

use clap::ValueEnum;

use crate::sys::pager;

/// When output is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Even into a pipe or a file
    Always,
    /// Nowhere
    Never,
}

impl Color {
    /// Makes the choice that every stream opened from now on follows.
    pub(super) fn apply(self) {
        match self {
            Self::Auto => {}
            Self::Always => anstream::ColorChoice::Always.write_global(),
            Self::Never => anstream::ColorChoice::Never.write_global(),
        }
    }
}

/// How a verb writes its result, for the verbs that know no third way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// For programs; the document is versioned and has a schema (`rmqgit schema`)
    Json,
}

/// Opens standard output. A reader that went away (`rmqgit check | head`) is no fault: what follows is dropped in silence,
/// and the verb ends with the status that it would have ended with.
/// Lines are written as they end, so that a full disk is an error of the write and not of a forgotten flush.
pub(super) fn stdout() -> Quiet<anstream::AutoStream<io::Stdout>> {
    Quiet { to: anstream::stdout(), closed: false }
}

/// Writes a long text: through the person's pager (`RMQGIT_PAGER`, `PAGER`, else `less -FRXK`) where standard output is a terminal.
/// The pager decides what is long; one that is quit early is no fault.
pub(super) fn page(text: &str) -> io::Result<()> {
    if pager::columns().is_some() {
        let choice = anstream::AutoStream::choice(&io::stdout());
        let plain =
            matches!(choice, anstream::ColorChoice::Never).then(|| anstream::adapter::strip_str(text).to_string());
        let asked = ["RMQGIT_PAGER", "PAGER"].iter().find_map(std::env::var_os);
        let asked = asked.map(|asked| asked.to_string_lossy().into_owned());
        let words =
            asked.map_or_else(|| Some(vec!["less".to_owned(), "-FRXK".to_owned()]), |asked| shlex::split(&asked));
        if pager::show(&words.unwrap_or_default(), plain.as_deref().unwrap_or(text))? {
            return Ok(());
        }
    }
    stdout().write_all(text.as_bytes())
}

/// Opens standard error, with the same care for a reader that went away.
pub(super) fn stderr() -> Quiet<anstream::AutoStream<io::Stderr>> {
    Quiet { to: anstream::stderr(), closed: false }
}

/// A stream that nobody may be listening to any more.
#[derive(Debug)]
pub(super) struct Quiet<W: Write> {
    to: W,
    closed: bool,
}

impl<W: Write> Quiet<W> {
    fn hear<T>(&mut self, result: io::Result<T>, otherwise: T) -> io::Result<T> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(otherwise)
            }
            result => result,
        }
    }
}

impl<W: Write> Write for Quiet<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.closed {
            return Ok(bytes.len());
        }
        let result = self.to.write(bytes);
        self.hear(result, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.closed {
            return Ok(());
        }
        let result = self.to.flush();
        self.hear(result, ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Gone(io::ErrorKind);

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn only_a_closed_pipe_is_quiet() {
        let mut stream = Quiet { to: Gone(io::ErrorKind::BrokenPipe), closed: false };
        assert_eq!(stream.write_all(b"data").map_err(|e| e.kind()), Ok(()));
        assert_eq!(stream.flush().map_err(|e| e.kind()), Ok(()));
        let mut stream = Quiet { to: Gone(io::ErrorKind::StorageFull), closed: false };
        assert_eq!(stream.write_all(b"data").map_err(|e| e.kind()), Err(io::ErrorKind::StorageFull));
        assert_eq!(stream.flush().map_err(|e| e.kind()), Err(io::ErrorKind::StorageFull));
    }
}
