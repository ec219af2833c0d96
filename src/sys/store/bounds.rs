//! Bounds a pack while it arrives, before libgit2 sees a byte of it: gitformat-pack(5).
//!
//! Input: the bytes of a pack in pieces of any size, and [`Bounds`]. Output: what it holds, or the first thing that no host's
//! release needs. Must not: touch anything, or keep more than a few words an object.
//!
//! An object of a few kilobytes can unpack to gigabytes, as zeros or as a delta that copies one place again and again, and
//! libgit2 reserves what a header says. So every header is held against the bounds first, every object is inflated into
//! nothing to see that its header is true, and a delta may only name an earlier place of the same pack: no base is missing,
//! none is named twice around a circle, and what it costs to resolve is known before anybody does.

use std::fmt;

use flate2::{Decompress, FlushDecompress, Status};

/// `PACK`, the version, the number of objects.
const HEADER: usize = 12;

/// The checksum at the end.
const TRAILER: usize = 20;

/// The most bytes of a number in a delta: ten times seven bits.
const MAX_VARINT: usize = 10;

/// How much a pack may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The objects.
    pub objects: u32,
    /// The bytes of one file.
    pub blob: u64,
    /// The bytes of one commit, directory or tag.
    pub other: u64,
    /// The bytes of all objects and deltas together, unpacked.
    pub total: u64,
    /// The deltas between an object and one that is stored whole.
    pub depth: u32,
    /// The bytes that are written when each object is unpacked by itself, with all that it is a delta against.
    pub work: u64,
}

impl Bounds {
    /// What a host takes. A first fetch has about twenty objects; a host that was away for a year of daily releases, a
    /// few thousand. Git makes deltas over at most 50 others, unless it is told otherwise.
    pub const HOST: Self =
        Self { objects: 200_000, blob: 32 << 20, other: 4 << 20, total: 256 << 20, depth: 250, work: 8 << 30 };
}

/// What a pack within its bounds holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure {
    /// The objects.
    pub objects: u32,
    /// Their bytes, and those of the deltas, unpacked.
    pub total: u64,
    /// The longest chain of deltas.
    pub depth: u32,
    /// The bytes that are written to unpack each by itself.
    pub work: u64,
}

/// Says why a pack is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackFault {
    /// It does not begin as a pack does.
    #[error("it does not begin like a pack of version 2")]
    Header,
    /// It announces too many objects.
    #[error("it holds more than {0} objects")]
    Objects(u32),
    /// One object is too large.
    #[error("object {number} has {size} bytes, and a {kind} of a release has at most {limit}")]
    Large {
        /// Its place among the objects, from 1.
        number: u32,
        /// Its kind.
        kind: PackedKind,
        /// Its bytes.
        size: u64,
        /// How many would be allowed.
        limit: u64,
    },
    /// All objects together are too large.
    #[error("it unpacks to more than {0} MiB")]
    Total(u64),
    /// The chain of deltas is too long.
    #[error("object {number} is a delta over more than {limit} others")]
    Depth {
        /// Its place among the objects, from 1.
        number: u32,
        /// How many would be allowed.
        limit: u32,
    },
    /// The deltas are costly out of proportion.
    #[error("its deltas copy more than {0} MiB")]
    Work(u64),
    /// An object is not what its header says, or nothing that a pack holds.
    #[error("object {number} {what}")]
    Object {
        /// Its place among the objects, from 1.
        number: u32,
        /// What is wrong.
        what: &'static str,
    },
    /// There is more after the end.
    #[error("bytes follow its end")]
    Trailing,
    /// It ends before all objects and the checksum were there.
    #[error("it ends early: {done} of {announced} objects came whole")]
    Short {
        /// The objects that came.
        done: u32,
        /// The objects that were announced.
        announced: u32,
    },
}

/// The kinds of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackedKind {
    /// A commit.
    Commit,
    /// A directory.
    Tree,
    /// The bytes of a file.
    Blob,
    /// A tag.
    Tag,
}

impl fmt::Display for PackedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Commit => "commit",
            Self::Tree => "directory",
            Self::Blob => "file",
            Self::Tag => "tag",
        })
    }
}

/// An object that was seen: what a delta against it needs to know.
#[derive(Debug, Clone, Copy)]
struct Seen {
    start: u64,
    kind: PackedKind,
    size: u64,
    depth: u32,
    /// The bytes that are written to unpack it.
    cost: u64,
}

/// Where in the pack the next byte is.
#[derive(Debug)]
enum At {
    Header,
    /// Before, or inside, an object's kind and size.
    Size {
        code: u8,
        size: u64,
        shift: u32,
    },
    /// Inside the distance to a delta's base.
    Distance {
        size: u64,
        distance: Option<u64>,
    },
    Whole {
        left: u64,
    },
    Delta {
        left: u64,
        base: Seen,
        /// The first bytes of the delta, until its two sizes are known.
        head: Option<Vec<u8>>,
    },
    Trailer(usize),
}

/// A pack that is looked at as it comes.
#[derive(Debug)]
pub struct Gauge {
    bounds: Bounds,
    at: At,
    head: Vec<u8>,
    announced: u32,
    /// The objects before the one that is being read, by their place.
    seen: Vec<Seen>,
    /// The first byte of the object that is being read, and the next byte.
    start: u64,
    position: u64,
    measure: Measure,
    inflate: Decompress,
    scratch: Box<[u8]>,
}

/// Looks at a pack as a whole.
pub fn gauge(pack: &[u8], bounds: Bounds) -> Result<Measure, PackFault> {
    let mut gauge = Gauge::new(bounds);
    gauge.feed(pack)?;
    gauge.finish()
}

impl Gauge {
    /// Begins before the first byte.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            at: At::Header,
            head: Vec::with_capacity(HEADER),
            announced: 0,
            seen: Vec::new(),
            start: 0,
            position: 0,
            measure: Measure { objects: 0, total: 0, depth: 0, work: 0 },
            inflate: Decompress::new(true),
            scratch: vec![0; 16 << 10].into_boxed_slice(),
        }
    }

    /// Takes the next bytes.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), PackFault> {
        while let Some((first, rest)) = bytes.split_first() {
            match self.at {
                At::Header => {
                    self.head.push(*first);
                    self.step(&mut bytes, rest);
                    self.header()?;
                }
                At::Size { code, size, shift } => {
                    self.step(&mut bytes, rest);
                    self.size(*first, code, size, shift)?;
                }
                At::Distance { size, distance } => {
                    self.step(&mut bytes, rest);
                    self.distance(*first, size, distance)?;
                }
                At::Whole { .. } | At::Delta { .. } => {
                    let (used, ended) = self.inflate(bytes)?;
                    bytes = &bytes[used..];
                    self.position += used as u64;
                    if ended {
                        self.end_object()?;
                    }
                }
                At::Trailer(TRAILER) => return Err(PackFault::Trailing),
                At::Trailer(read) => {
                    self.step(&mut bytes, rest);
                    self.at = At::Trailer(read + 1);
                }
            }
        }
        Ok(())
    }

    /// Ends the pack.
    pub fn finish(self) -> Result<Measure, PackFault> {
        match self.at {
            At::Trailer(TRAILER) => Ok(self.measure),
            _ => Err(PackFault::Short { done: self.measure.objects, announced: self.announced }),
        }
    }

    fn step<'b>(&mut self, bytes: &mut &'b [u8], rest: &'b [u8]) {
        *bytes = rest;
        self.position += 1;
    }

    fn number(&self) -> u32 {
        self.measure.objects + 1
    }

    fn wrong(&self, what: &'static str) -> PackFault {
        PackFault::Object { number: self.number(), what }
    }

    fn header(&mut self) -> Result<(), PackFault> {
        const BEGIN: &[u8; 8] = b"PACK\0\0\0\x02";
        if !BEGIN.starts_with(&self.head[..self.head.len().min(BEGIN.len())]) {
            return Err(PackFault::Header);
        }
        if let (HEADER, Some(count)) = (self.head.len(), self.head.last_chunk()) {
            self.announced = u32::from_be_bytes(*count);
            if self.announced > self.bounds.objects {
                return Err(PackFault::Objects(self.bounds.objects));
            }
            self.next_object();
        }
        Ok(())
    }

    fn next_object(&mut self) {
        self.start = self.position;
        self.inflate.reset(true);
        self.at = if self.measure.objects == self.announced {
            At::Trailer(0)
        } else {
            At::Size { code: 0, size: 0, shift: 0 }
        };
    }

    /// Reads one byte of an object's header: its kind and the lowest four bits of its size, then seven bits a byte.
    fn size(&mut self, byte: u8, code: u8, size: u64, shift: u32) -> Result<(), PackFault> {
        let (code, bits, next) = match shift {
            0 => ((byte >> 4) & 7, u64::from(byte & 15), 4),
            _ => (code, u64::from(byte & 127), shift + 7),
        };
        // 60 bits are enough for any size, and none of them is lost.
        if shift > 53 {
            return Err(self.wrong("has a size without end"));
        }
        let size = size | (bits << shift);
        if byte & 128 != 0 {
            self.at = At::Size { code, size, shift: next };
            return Ok(());
        }
        let kind = match code {
            1 => PackedKind::Commit,
            2 => PackedKind::Tree,
            3 => PackedKind::Blob,
            4 => PackedKind::Tag,
            6 => {
                self.at = At::Distance { size, distance: None };
                return Ok(());
            }
            7 => return Err(self.wrong("is a delta against a name; deltas against places were asked for")),
            _ => return Err(self.wrong("is of a kind that no pack holds")),
        };
        self.at = At::Whole { left: size };
        self.note(Seen { start: self.start, kind, size, depth: 0, cost: size }, size)
    }

    /// Reads one byte of the way back to a delta's base.
    fn distance(&mut self, byte: u8, size: u64, distance: Option<u64>) -> Result<(), PackFault> {
        let bits = u64::from(byte & 127);
        let distance = match distance {
            None => Some(bits),
            Some(before) => before.checked_add(1).and_then(|more| more.checked_mul(128)).map(|more| more | bits),
        };
        let Some(distance) = distance else { return Err(self.wrong("has a base without place")) };
        if byte & 128 != 0 {
            self.at = At::Distance { size, distance: Some(distance) };
            return Ok(());
        }
        let place = self.start.checked_sub(distance);
        let base = place.and_then(|place| self.seen.binary_search_by_key(&place, |seen| seen.start).ok());
        let Some(base) = base.map(|index| self.seen[index]) else {
            return Err(self.wrong("is a delta against a place where no object begins"));
        };
        if base.depth >= self.bounds.depth {
            return Err(PackFault::Depth { number: self.number(), limit: self.bounds.depth });
        }
        self.bound(PackedKind::Blob, size)?;
        self.at = At::Delta { left: size, base, head: Some(Vec::new()) };
        self.charge(size, 0)
    }

    /// Inflates what is there of the object into nothing; returns how many bytes were used, and whether it ended.
    fn inflate(&mut self, bytes: &[u8]) -> Result<(usize, bool), PackFault> {
        let mut used = 0;
        loop {
            let (read, written) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.decompress(&bytes[used..], &mut self.scratch, FlushDecompress::None);
            let status = status.map_err(|_| self.wrong("cannot be inflated"))?;
            let read = usize::try_from(self.inflate.total_in() - read).expect("no more than the slice has");
            let written = usize::try_from(self.inflate.total_out() - written).expect("no more than the scratch has");
            used += read;
            self.take(written)?;
            match status {
                Status::StreamEnd => return Ok((used, true)),
                // The scratch was full: there may be more without another byte of input.
                _ if written == self.scratch.len() => {}
                _ if used == bytes.len() => return Ok((used, false)),
                _ if read == 0 && written == 0 => return Err(self.wrong("cannot be inflated")),
                _ => {}
            }
        }
    }

    /// Counts what was inflated, and reads the two sizes at the beginning of a delta.
    fn take(&mut self, written: usize) -> Result<(), PackFault> {
        let (At::Whole { left } | At::Delta { left, .. }) = &mut self.at else { return Ok(()) };
        let Some(rest) = left.checked_sub(written as u64) else {
            return Err(self.wrong("is longer than its header says"));
        };
        *left = rest;
        let At::Delta { base, head: unread @ Some(_), .. } = &mut self.at else { return Ok(()) };
        let head = unread.get_or_insert_default();
        head.extend(self.scratch[..written].iter().take(2 * MAX_VARINT - head.len()));
        let Some((from, rest)) = varint(head) else { return self.unsized_delta() };
        let Some((to, _)) = varint(rest) else { return self.unsized_delta() };
        let base = *base;
        *unread = None;
        if from != base.size {
            return Err(self.wrong("is a delta against an object of another size"));
        }
        let cost = base.cost.saturating_add(to);
        self.note(Seen { start: self.start, kind: base.kind, size: to, depth: base.depth + 1, cost }, to)
    }

    /// More of a delta may come, unless its sizes should have ended by now.
    fn unsized_delta(&self) -> Result<(), PackFault> {
        match &self.at {
            At::Delta { head: Some(head), .. } if head.len() == 2 * MAX_VARINT => {
                Err(self.wrong("is a delta without sizes"))
            }
            _ => Ok(()),
        }
    }

    fn end_object(&mut self) -> Result<(), PackFault> {
        match &self.at {
            At::Whole { left: 0 } | At::Delta { left: 0, head: None, .. } => {}
            At::Delta { left: 0, head: Some(_), .. } => return Err(self.wrong("is a delta without sizes")),
            _ => return Err(self.wrong("is shorter than its header says")),
        }
        self.measure.objects += 1;
        self.next_object();
        Ok(())
    }

    /// Remembers an object whose size is known now.
    fn note(&mut self, seen: Seen, size: u64) -> Result<(), PackFault> {
        self.bound(seen.kind, size)?;
        self.charge(size, seen.cost)?;
        self.measure.depth = self.measure.depth.max(seen.depth);
        self.seen.push(seen);
        Ok(())
    }

    fn bound(&self, kind: PackedKind, size: u64) -> Result<(), PackFault> {
        let limit = if kind == PackedKind::Blob { self.bounds.blob } else { self.bounds.other };
        if size > limit { Err(PackFault::Large { number: self.number(), kind, size, limit }) } else { Ok(()) }
    }

    fn charge(&mut self, bytes: u64, work: u64) -> Result<(), PackFault> {
        self.measure.total = self.measure.total.saturating_add(bytes);
        self.measure.work = self.measure.work.saturating_add(work);
        if self.measure.total > self.bounds.total {
            return Err(PackFault::Total(self.bounds.total >> 20));
        }
        if self.measure.work > self.bounds.work {
            return Err(PackFault::Work(self.bounds.work >> 20));
        }
        Ok(())
    }
}

/// Reads a size of a delta: seven bits a byte, the lowest first.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(MAX_VARINT).enumerate() {
        // What does not fit is larger than any bound.
        let bits = u64::from(byte & 127);
        let shifted = if bits.leading_zeros() as usize >= 7 * index { bits << (7 * index) } else { u64::MAX };
        value |= shifted;
        if byte & 128 == 0 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}
