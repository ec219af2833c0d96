//! Git's packet lines: four hexadecimal digits of length, then as many bytes less four.
//!
//! By gitprotocol-common(5), "pkt-line format", and gitprotocol-v2(5), "Packet-Line Framing". The crate that reads these
//! brings seven others for what is sixty lines here.

use std::io::{self, Read};

/// The most bytes that one packet carries (LARGE_PACKET_DATA_MAX of git's pkt-line.h).
const MAX_DATA: usize = 65_516;

/// One packet, or one of the marks between packets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Packet<'b> {
    /// `0004` and more: some bytes.
    Data(&'b [u8]),
    /// `0000`: the end of a message.
    Flush,
    /// `0001`: the end of a section.
    Delimiter,
    /// `0002`: the end of a response of a server that keeps no state.
    End,
}

/// Reads one packet into `buffer`.
pub(super) fn read<'b>(input: &mut impl Read, buffer: &'b mut Vec<u8>) -> io::Result<Packet<'b>> {
    let mut digits = [0; 4];
    input.read_exact(&mut digits)?;
    let wrong = || io::Error::new(io::ErrorKind::InvalidData, "a packet has no length");
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(wrong());
    }
    let text = std::str::from_utf8(&digits).map_err(|_| wrong())?;
    match usize::from_str_radix(text, 16).map_err(|_| wrong())? {
        0 => Ok(Packet::Flush),
        1 => Ok(Packet::Delimiter),
        2 => Ok(Packet::End),
        length => {
            let size = length.checked_sub(4).filter(|size| *size <= MAX_DATA).ok_or_else(wrong)?;
            buffer.resize(size, 0);
            input.read_exact(buffer)?;
            Ok(Packet::Data(buffer))
        }
    }
}

/// Appends one packet with a line of text.
pub(super) fn line(message: &mut Vec<u8>, text: &str) {
    debug_assert!(text.len() < MAX_DATA, "requests are short lines");
    message.extend_from_slice(format!("{:04x}{text}\n", text.len() + 5).as_bytes());
}

/// Appends the end of a section.
pub(super) fn delimiter(message: &mut Vec<u8>) {
    message.extend_from_slice(b"0001");
}

/// Appends the end of a message.
pub(super) fn flush(message: &mut Vec<u8>) {
    message.extend_from_slice(b"0000");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(mut input: &[u8], expect: &Result<Packet<'_>, io::ErrorKind>) {
        let mut buffer = Vec::new();
        let found = read(&mut input, &mut buffer).map_err(|error| error.kind());
        assert!(found == *expect, "{found:?} instead of {expect:?}");
    }

    #[test]
    fn packets_are_read() {
        check(b"0000", &Ok(Packet::Flush));
        check(b"0001", &Ok(Packet::Delimiter));
        check(b"0002", &Ok(Packet::End));
        check(b"0004", &Ok(Packet::Data(b"")));
        check(b"000ahello\nrest", &Ok(Packet::Data(b"hello\n")));
        check(b"000AHELLO\n", &Ok(Packet::Data(b"HELLO\n")));
        check(b"0003", &Err(io::ErrorKind::InvalidData));
        check(b"fff1", &Err(io::ErrorKind::InvalidData));
        check(b"+00a", &Err(io::ErrorKind::InvalidData));
        check(b"HTTP", &Err(io::ErrorKind::InvalidData));
        check(b"000ahell", &Err(io::ErrorKind::UnexpectedEof));
        check(b"00", &Err(io::ErrorKind::UnexpectedEof));
    }

    #[test]
    fn packets_are_written() {
        let mut message = Vec::new();
        line(&mut message, "command=fetch");
        delimiter(&mut message);
        line(&mut message, "done");
        flush(&mut message);
        assert_eq!(String::from_utf8(message).as_deref(), Ok("0012command=fetch\n00010009done\n0000"));
    }
}
