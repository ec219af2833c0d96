//! A sealed file as anybody can read it: who is addressed by it, without any private key.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::key::TYPE;
use super::{BIGGEST_SEALED, Tag, armor};
use crate::name::Digest;

/// A sealed file, read as far as its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The tags of the keys that it is sealed for.
    pub readers: BTreeSet<Tag>,
    /// The kinds of its other recipients, of whom nobody can say who they are.
    pub strangers: BTreeSet<String>,
}

/// A short name of a sealed file. It comes from the sealed bytes, which are random: nobody can try out values against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint(Digest);

/// Says why bytes are not a sealed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealedError {
    /// It is too large.
    #[error("it is larger than 256 KiB")]
    Large,
    /// It is not in ASCII armor.
    #[error("it is not an age file in ASCII armor")]
    Armor,
    /// Its header is not one of version 1.
    #[error("its header is not that of age version 1")]
    Header,
}

impl Sealed {
    /// Reads the header.
    pub fn parse(bytes: &[u8]) -> Result<Self, SealedError> {
        if bytes.len() > BIGGEST_SEALED {
            return Err(SealedError::Large);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| SealedError::Armor)?;
        let inside = armor::decode(text).ok_or(SealedError::Armor)?;
        header(&inside).ok_or(SealedError::Header)
    }
}

fn header(bytes: &[u8]) -> Option<Sealed> {
    let mut sealed = Sealed { readers: BTreeSet::new(), strangers: BTreeSet::new() };
    let mut rest = bytes.strip_prefix(b"age-encryption.org/v1\n")?;
    let mut stanzas = 0;
    loop {
        let line = take_line(&mut rest)?;
        if let Some(mac) = line.strip_prefix("--- ") {
            return (mac.len() == 43 && stanzas > 0).then_some(sealed);
        }
        let mut words = line.strip_prefix("-> ")?.split(' ');
        let kind = words.next()?;
        match kind {
            TYPE => sealed.readers.insert(tag(words.next()?)?),
            // age puts in one that nobody can open, so that programs learn to bear unknown ones.
            _ if kind.ends_with("-grease") => true,
            _ => sealed.strangers.insert(kind.to_owned()),
        };
        stanzas += 1;
        // The body ends with the first line that is not full.
        while take_line(&mut rest)?.len() == 64 {}
    }
}

fn take_line<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let line = std::str::from_utf8(&rest[..end]).ok()?;
    *rest = &rest[end + 1..];
    (line.len() <= 1024 && line.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())).then_some(line)
}

fn tag(text: &str) -> Option<Tag> {
    STANDARD_NO_PAD.decode(text).ok()?.try_into().ok().map(Tag)
}

impl Fingerprint {
    /// Takes the fingerprint of a sealed file.
    pub fn of(sealed: &[u8]) -> Self {
        Self(Digest::of(sealed))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_string()[..12])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Sealed> {
        header(text.as_bytes())
    }

    #[test]
    fn a_header_names_its_readers() {
        let mac = "--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";
        let ours = "-> ssh-ed25519 AAECAw AAAA\nAAAA\n";
        let grease = "-> x-grease ~ !\n\n";
        let sealed = read(&format!("age-encryption.org/v1\n{ours}{grease}{mac}rest")).expect("a header");
        assert_eq!(sealed.readers, [Tag([0, 1, 2, 3])].into());
        assert_eq!(sealed.strangers, BTreeSet::new());
        assert_eq!(Tag([0, 1, 2, 3]).to_string(), "AAECAw");
        let other = format!("age-encryption.org/v1\n-> X25519 AAAA\n{}\nAAA\n{ours}{mac}", "A".repeat(64));
        assert_eq!(read(&other).expect("a header").strangers, ["X25519".to_owned()].into());
        for text in [
            format!("age-encryption.org/v2\n{ours}{mac}"),
            format!("age-encryption.org/v1\n{mac}"),
            format!("age-encryption.org/v1\n{ours}"),
            format!("age-encryption.org/v1\n{ours}--- A\n"),
            format!("age-encryption.org/v1\n-> ssh-ed25519\n\n{mac}"),
            format!("age-encryption.org/v1\n-> ssh-ed25519 AAEC AAAA\nAAAA\n{mac}"),
            format!("age-encryption.org/v1\n-> X\u{7}\n\n{mac}"),
        ] {
            assert_eq!(read(&text), None, "{text}");
        }
    }
}
