//! Git's fetch protocol over a connection: which commit a ref names, and a pack with what is missing.
//!
//! Version 2 by gitprotocol-v2(5): `ls-refs` with a prefix names one ref, whatever the size of the fleet, and `fetch` is one
//! question with `done`. A server that does not speak it (an sshd without `AcceptEnv GIT_PROTOCOL`, an old server) names all
//! refs first, by gitprotocol-pack(5); the line of ours is picked out as it passes, and nothing is kept of the others.

use std::collections::BTreeSet;
use std::io::Write;

use git2::Oid;

use super::packet::{self, Packet};
use super::wire::Wire;
use super::{Remote, RemoteError};
use crate::sys::store::{Incoming, Store, Want};

/// The most bytes that are read beside the pack: the refs of about 600,000 hosts, and whatever a server tells of its progress.
const MAX_TALK: u64 = 64 << 20;

/// The most commits without their parents that are taken. One is asked for; a server that is itself cut off names its own.
const MAX_CUT: usize = 1000;

/// How a server knows us in its log.
pub(super) const AGENT: &str = concat!("rmqgit/", env!("CARGO_PKG_VERSION"));

/// A server that answered, and the commit that it says our ref names.
pub(crate) struct Client<'r> {
    remote: &'r Remote,
    wire: Wire<'r>,
    buffer: Vec<u8>,
    version: Version,
    tip: Option<Oid>,
    /// The bytes that were read, but for those of the pack.
    heard: u64,
}

#[derive(Debug, Clone, Copy)]
enum Version {
    /// Commands, each with its own answer.
    Two { shallow: bool },
    /// All refs first. `drained` says whether all of them were read.
    Zero { shallow: bool, drained: bool },
}

impl<'r> Client<'r> {
    /// Reaches the server and asks for one ref.
    pub(super) fn open(remote: &'r Remote, wire: Wire<'r>, reference: &str) -> Result<Self, RemoteError> {
        let version = Version::Two { shallow: false };
        let mut client = Self { remote, wire, buffer: Vec::new(), version, tip: None, heard: 0 };
        let first = client.greeting()?;
        if first == b"version 2\n" {
            client.read_capabilities()?;
            client.wire.speak_v2();
            client.ask_ref(reference)?;
        } else {
            client.read_refs(&first, reference)?;
        }
        Ok(client)
    }

    pub(super) fn tip(&self) -> Option<Oid> {
        self.tip
    }

    /// Says goodbye.
    pub(super) fn close(self) {
        self.wire.close(b"0000");
    }

    /// Returns the first packet that matters: `version 2`, or the first ref.
    fn greeting(&mut self) -> Result<Vec<u8>, RemoteError> {
        loop {
            let first = match packet::read(&mut self.wire, &mut self.buffer) {
                Ok(Packet::Data(data)) => data.to_vec(),
                Ok(Packet::Flush) => return Ok(Vec::new()),
                Ok(_) => return Err(RemoteError::protocol(self.remote, "it begins with the end of a section")),
                Err(error) => return Err(self.wire.explain_greeting(error)),
            };
            self.heard += 4 + first.len() as u64;
            // Over HTTP, the name of the service comes first, and a flush after it; version 1 names itself.
            if first.starts_with(b"# service=") {
                self.packet()?;
            } else if first != b"version 1\n" || self.heard > MAX_TALK {
                return self.checked(&first).map(<[u8]>::to_vec);
            }
        }
    }

    fn read_capabilities(&mut self) -> Result<(), RemoteError> {
        let (mut shallow, mut fetch, mut refs) = (false, false, false);
        while let Packet::Data(line) = self.packet()? {
            let line = line.trim_ascii_end();
            let (name, value) = match line.iter().position(|byte| *byte == b'=') {
                Some(at) => (&line[..at], &line[at + 1..]),
                None => (line, &b""[..]),
            };
            match name {
                b"ls-refs" => refs = true,
                b"fetch" => {
                    fetch = true;
                    shallow = value.split(|byte| *byte == b' ').any(|word| word == b"shallow");
                }
                b"object-format" if value != b"sha1" => {
                    return Err(RemoteError::protocol(self.remote, "its objects are not named by SHA-1"));
                }
                _ => {}
            }
        }
        if !(fetch && refs) {
            return Err(RemoteError::protocol(self.remote, "it offers neither `ls-refs` nor `fetch`"));
        }
        self.version = Version::Two { shallow };
        Ok(())
    }

    /// Asks for the refs that begin with the name of ours: itself, and at most those of hosts like `rabbit1` and `rabbit10`.
    fn ask_ref(&mut self, reference: &str) -> Result<(), RemoteError> {
        let mut message = Vec::new();
        packet::line(&mut message, "command=ls-refs");
        packet::line(&mut message, &format!("agent={AGENT}"));
        packet::delimiter(&mut message);
        packet::line(&mut message, &format!("ref-prefix {reference}"));
        packet::flush(&mut message);
        self.wire.send(&message)?;
        loop {
            match self.packet()? {
                Packet::Data(line) => {
                    let found = named(line, reference);
                    self.tip = self.tip.or(found);
                }
                Packet::Flush => return Ok(()),
                _ => return Err(RemoteError::protocol(self.remote, "its list of refs has sections")),
            }
        }
    }

    /// Reads the refs of an old server up to ours.
    fn read_refs(&mut self, first: &[u8], reference: &str) -> Result<(), RemoteError> {
        if first.is_empty() {
            self.version = Version::Zero { shallow: false, drained: true };
            return Ok(());
        }
        let zero = first.iter().position(|byte| *byte == 0);
        let (line, capabilities) = match zero {
            Some(at) => (&first[..at], &first[at + 1..]),
            None => return Err(RemoteError::protocol(self.remote, "its first ref carries no capabilities")),
        };
        let words: Vec<&[u8]> = capabilities.trim_ascii_end().split(|byte| *byte == b' ').collect();
        if !words.contains(&&b"side-band-64k"[..]) || !words.contains(&&b"ofs-delta"[..]) {
            return Err(RemoteError::protocol(self.remote, "it offers no `side-band-64k` or no `ofs-delta`"));
        }
        if words.iter().any(|word| word.starts_with(b"object-format=") && *word != b"object-format=sha1") {
            return Err(RemoteError::protocol(self.remote, "its objects are not named by SHA-1"));
        }
        self.version = Version::Zero { shallow: words.contains(&&b"shallow"[..]), drained: false };
        self.tip = named(line, reference);
        while self.tip.is_none() {
            let Packet::Data(line) = self.packet()? else {
                self.set_drained();
                break;
            };
            self.tip = named(line, reference);
        }
        Ok(())
    }

    fn set_drained(&mut self) {
        if let Version::Zero { drained, .. } = &mut self.version {
            *drained = true;
        }
    }

    /// Brings what is wanted, and returns the commits that came without their parents.
    pub(super) fn receive(
        &mut self,
        want: &Want,
        store: &Store,
        incoming: &mut Incoming<'_>,
    ) -> Result<BTreeSet<Oid>, RemoteError> {
        let shallow = store.shallow()?;
        match self.version {
            Version::Two { shallow: cuts } => {
                self.wire.send(&fetch_v2(want, &shallow, cuts))?;
                let cut = self.read_sections()?;
                self.read_pack(incoming)?;
                Ok(cut)
            }
            Version::Zero { shallow: cuts, drained } => {
                if !drained && self.wire.is_stream() {
                    while let Packet::Data(_) = self.packet()? {}
                }
                self.set_drained();
                self.wire.send(&fetch_v0(want, &shallow, cuts))?;
                self.read_acknowledged_pack(want.alone && cuts, incoming)
            }
        }
    }

    /// Reads the sections of an answer of version 2 up to the pack.
    fn read_sections(&mut self) -> Result<BTreeSet<Oid>, RemoteError> {
        let (mut cut, remote) = (BTreeSet::new(), self.remote);
        loop {
            match self.packet()? {
                Packet::Data(b"packfile\n") => return Ok(cut),
                Packet::Data(line) => add_cut(remote, &mut cut, line)?,
                Packet::Delimiter => {}
                Packet::Flush | Packet::End => {
                    return Err(RemoteError::protocol(self.remote, "its answer has no pack"));
                }
            }
        }
    }

    /// Reads an answer of version 0: the commits that were cut, if that was asked for, one acknowledgement, the pack.
    fn read_acknowledged_pack(
        &mut self,
        cuts: bool,
        incoming: &mut Incoming<'_>,
    ) -> Result<BTreeSet<Oid>, RemoteError> {
        let (mut cut, remote) = (BTreeSet::new(), self.remote);
        if cuts {
            while let Packet::Data(line) = self.packet()? {
                add_cut(remote, &mut cut, line)?;
            }
        }
        match self.packet()? {
            Packet::Data(line) if line.starts_with(b"ACK ") || line == b"NAK\n" => {}
            _ => return Err(RemoteError::protocol(self.remote, "it acknowledges nothing")),
        }
        self.read_pack(incoming)?;
        Ok(cut)
    }

    /// Reads the pack out of its side-band: 1 is the pack, 2 is talk, 3 is the last word of a server that fails.
    fn read_pack(&mut self, incoming: &mut Incoming<'_>) -> Result<(), RemoteError> {
        loop {
            let (remote, heard) = (self.remote, self.heard);
            match self.packet()? {
                Packet::Data([1, bytes @ ..]) => {
                    incoming.write_all(bytes).map_err(|error| RemoteError::write(remote, error))?;
                    // Its bytes are bounded where they go to; the packets around them are not.
                    self.heard = heard + 4;
                }
                Packet::Data([2, ..]) => {}
                Packet::Data([3, message @ ..]) => return Err(RemoteError::refused(remote, message)),
                Packet::Flush => return Ok(()),
                _ => return Err(RemoteError::protocol(remote, "its pack is not in a side-band")),
            }
        }
    }

    fn packet(&mut self) -> Result<Packet<'_>, RemoteError> {
        let remote = self.remote;
        if self.heard > MAX_TALK {
            return Err(RemoteError::protocol(
                remote,
                format!("it talks without end: more than {} MiB", MAX_TALK >> 20),
            ));
        }
        match packet::read(&mut self.wire, &mut self.buffer) {
            Ok(Packet::Data(data)) if data.starts_with(b"ERR ") => Err(RemoteError::refused(remote, &data[4..])),
            Ok(packet) => {
                let data = if let Packet::Data(data) = &packet { data.len() } else { 0 };
                self.heard += 4 + data as u64;
                Ok(packet)
            }
            Err(error) => Err(RemoteError::read(remote, error)),
        }
    }

    fn checked<'d>(&self, data: &'d [u8]) -> Result<&'d [u8], RemoteError> {
        match data.strip_prefix(b"ERR ") {
            Some(message) => Err(RemoteError::refused(self.remote, message)),
            None => Ok(data),
        }
    }
}

fn fetch_v2(want: &Want, shallow: &BTreeSet<Oid>, cuts: bool) -> Vec<u8> {
    let mut message = Vec::new();
    packet::line(&mut message, "command=fetch");
    packet::line(&mut message, &format!("agent={AGENT}"));
    packet::delimiter(&mut message);
    packet::line(&mut message, "ofs-delta");
    packet::line(&mut message, "no-progress");
    packet::line(&mut message, &format!("want {}", want.tip));
    if cuts {
        cut_lines(&mut message, want, shallow);
    }
    have_lines(&mut message, want);
    packet::flush(&mut message);
    message
}

fn fetch_v0(want: &Want, shallow: &BTreeSet<Oid>, cuts: bool) -> Vec<u8> {
    let mut message = Vec::new();
    packet::line(&mut message, &format!("want {} side-band-64k ofs-delta no-progress agent={AGENT}", want.tip));
    if cuts {
        cut_lines(&mut message, want, shallow);
    }
    packet::flush(&mut message);
    have_lines(&mut message, want);
    message
}

/// Tells where our history ends, and that only the tip is wanted if we have nothing.
fn cut_lines(message: &mut Vec<u8>, want: &Want, shallow: &BTreeSet<Oid>) {
    for commit in shallow {
        packet::line(message, &format!("shallow {commit}"));
    }
    if want.alone {
        packet::line(message, "deepen 1");
    }
}

fn have_lines(message: &mut Vec<u8>, want: &Want) {
    if let Some(have) = want.have {
        packet::line(message, &format!("have {have}"));
    }
    packet::line(message, "done");
}

/// Returns the commit of a line `COMMIT NAME`, if it names the ref.
fn named(line: &[u8], reference: &str) -> Option<Oid> {
    let (commit, name) = line.split_at_checked(40)?;
    let name = name.strip_prefix(b" ")?.trim_ascii_end();
    if name == reference.as_bytes() { parse_oid(commit) } else { None }
}

/// Notes the commit of a line `shallow COMMIT`.
fn add_cut(remote: &Remote, cut: &mut BTreeSet<Oid>, line: &[u8]) -> Result<(), RemoteError> {
    cut.extend(line.trim_ascii_end().strip_prefix(b"shallow ").and_then(parse_oid));
    if cut.len() > MAX_CUT {
        return Err(RemoteError::protocol(remote, format!("it cuts more than {MAX_CUT} commits off their history")));
    }
    Ok(())
}

fn parse_oid(digits: &[u8]) -> Option<Oid> {
    let text = std::str::from_utf8(digits).ok().filter(|text| text.len() == 40)?;
    Oid::from_str(text).ok().filter(|id| !id.is_zero())
}
