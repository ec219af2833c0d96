//! The terminal of a person, where what they type shall not be seen.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _, Read as _, Write as _};

use rustix::termios::{self, LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use zeroize::Zeroizing;

use crate::secret::BIGGEST;

/// The byte that a terminal sends for Ctrl-C.
const INTERRUPT: u8 = 3;

/// Tells whether a person types the standard input.
pub fn is_interactive() -> bool {
    io::stdin().is_terminal()
}

/// Tells whether a person sees the standard output.
pub fn shows_output() -> bool {
    io::stdout().is_terminal()
}

/// Reads the whole standard input, which must be text of at most 64 KiB. A trailing newline is not part of it.
pub fn read_stdin() -> io::Result<Zeroizing<String>> {
    // One allocation that never moves: what a growing buffer leaves behind is not wiped.
    let mut bytes = Zeroizing::new(Vec::with_capacity(BIGGEST + 2));
    // A locked `Stdin` keeps what was read in a buffer of its own, which nobody wipes.
    let stdin = rustix::stdio::stdin();
    loop {
        let mut chunk = Zeroizing::new([0; 4096]);
        let count = match rustix::io::read(stdin, &mut chunk[..]) {
            Ok(0) => break,
            Ok(count) => count,
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        };
        if bytes.len() + count > BIGGEST + 1 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a secret has at most 64 KiB"));
        }
        bytes.extend_from_slice(&chunk[..count]);
    }
    without_newline(&bytes)
}

fn without_newline(bytes: &[u8]) -> io::Result<Zeroizing<String>> {
    let text = std::str::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))?;
    Ok(Zeroizing::new(text.strip_suffix('\n').map_or(text, |t| t.strip_suffix('\r').unwrap_or(t)).to_owned()))
}

/// The keys that a person presses while something is shown again and again. The terminal is as before when this ends.
#[derive(Debug)]
pub struct Keys {
    before: Termios,
}

impl Keys {
    /// Takes the keys one by one, and waits for each at most so many tenths of a second; nothing where nobody types.
    pub fn open(tenths: u8) -> io::Result<Option<Self>> {
        if !is_interactive() {
            return Ok(None);
        }
        let before = termios::tcgetattr(rustix::stdio::stdin())?;
        let mut modes = before.clone();
        modes.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG | LocalModes::ICANON);
        modes.special_codes[SpecialCodeIndex::VMIN] = 0;
        modes.special_codes[SpecialCodeIndex::VTIME] = tenths;
        termios::tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &modes)?;
        Ok(Some(Self { before }))
    }

    /// Waits for a key, and says whether it is one that ends what is shown: `q`, or Ctrl-C.
    pub fn ends(&self) -> io::Result<bool> {
        let mut keys = [0; 16];
        let count = match rustix::io::read(rustix::stdio::stdin(), &mut keys[..]) {
            Ok(count) => count,
            Err(rustix::io::Errno::INTR) => 0,
            Err(error) => return Err(error.into()),
        };
        Ok(keys[..count].iter().any(|key| [b'q', b'Q', INTERRUPT].contains(key)))
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // Nothing is left to try for a terminal that is gone.
        let _ = termios::tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &self.before);
    }
}

/// Asks a person for a line that is not shown while it is typed.
pub fn ask_hidden(question: &str) -> io::Result<Zeroizing<String>> {
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    let mut line = Zeroizing::new(Vec::with_capacity(BIGGEST));
    let read = {
        // Silent before it asks: nobody can answer too early to be hidden.
        let mut silent = Silent::new(&terminal)?;
        silent.ask(question, &mut line)
    };
    terminal.write_all(b"\n")?;
    read?;
    without_newline(&line)
}

/// A terminal that shows nothing and sends Ctrl-C as a byte: whoever interrupts does not leave it silent.
struct Silent<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Silent<'a> {
    fn new(terminal: &'a File) -> io::Result<Self> {
        let before = termios::tcgetattr(terminal)?;
        let mut modes = before.clone();
        modes.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG | LocalModes::ICANON);
        termios::tcsetattr(terminal, OptionalActions::Flush, &modes)?;
        Ok(Self { terminal, before })
    }

    fn ask(&mut self, question: &str, line: &mut Vec<u8>) -> io::Result<()> {
        self.terminal.write_all(question.as_bytes())?;
        loop {
            let mut byte = [0];
            if self.terminal.read(&mut byte)? == 0 {
                return Ok(());
            }
            match byte[0] {
                b'\n' | b'\r' => return Ok(()),
                // End of input.
                4 if line.is_empty() => return Ok(()),
                INTERRUPT => return Err(io::Error::new(io::ErrorKind::Interrupted, "interrupted")),
                // Backspace takes back a character, and Ctrl-U all of them.
                8 | 127 => while line.pop().is_some_and(|byte| (0x80..0xc0).contains(&byte)) {},
                0x15 => line.clear(),
                byte if line.len() < BIGGEST => line.push(byte),
                _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "a secret has at most 64 KiB")),
            }
        }
    }
}

impl Drop for Silent<'_> {
    fn drop(&mut self) {
        // Nothing is left to try for a terminal that is gone.
        let _ = termios::tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}
