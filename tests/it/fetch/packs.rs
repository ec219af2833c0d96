//! Packs made byte by byte: gitformat-pack(5). What no Git writes is among them.

use std::io::Write as _;

use flate2::write::ZlibEncoder;
use flate2::{Compress, Compression, FlushCompress};
use rmqgit::sys::store::bounds::{Bounds, Gauge, Measure, gauge};
use sha1::{Digest, Sha1};

use super::origin::{Origin, git_bytes};

pub(crate) const COMMIT: u8 = 1;
pub(crate) const TREE: u8 = 2;
pub(crate) const BLOB: u8 = 3;
const OFS_DELTA: u8 = 6;

/// A pack in the making.
#[derive(Clone)]
pub(crate) struct Maker {
    bytes: Vec<u8>,
    /// Where each object begins.
    pub(crate) starts: Vec<usize>,
}

impl Maker {
    pub(crate) fn new() -> Self {
        Self { bytes: b"PACK\0\0\0\x02\0\0\0\0".to_vec(), starts: Vec::new() }
    }

    /// Adds an object that is stored whole.
    pub(crate) fn whole(&mut self, kind: u8, bytes: &[u8]) -> &mut Self {
        self.raw(kind, bytes.len() as u64, &[], &zlib(bytes))
    }

    /// Adds a delta against the object at a place among those before.
    pub(crate) fn delta(&mut self, base: usize, delta: &[u8]) -> &mut Self {
        let way = distance(self.bytes.len() - self.starts[base]);
        self.raw(OFS_DELTA, delta.len() as u64, &way, &zlib(delta))
    }

    /// Adds what an object is made of, whether it fits together or not.
    pub(crate) fn raw(&mut self, kind: u8, size: u64, between: &[u8], body: &[u8]) -> &mut Self {
        self.starts.push(self.bytes.len());
        self.bytes.extend(header(kind, size));
        self.bytes.extend_from_slice(between);
        self.bytes.extend_from_slice(body);
        self
    }

    /// Ends the pack with the right number and the right checksum.
    pub(crate) fn seal(&self) -> Vec<u8> {
        self.announce(u32::try_from(self.starts.len()).unwrap())
    }

    pub(crate) fn announce(&self, count: u32) -> Vec<u8> {
        let mut pack = self.bytes.clone();
        pack[8..12].copy_from_slice(&count.to_be_bytes());
        let sum = Sha1::digest(&pack);
        pack.extend_from_slice(&sum);
        pack
    }
}

fn header(kind: u8, mut size: u64) -> Vec<u8> {
    let mut bytes = vec![(kind << 4) | (size & 15) as u8];
    size >>= 4;
    while size > 0 {
        *bytes.last_mut().unwrap() |= 128;
        bytes.push(low(size));
        size >>= 7;
    }
    bytes
}

/// Returns the lowest seven bits.
fn low(value: u64) -> u8 {
    u8::try_from(value & 127).unwrap()
}

fn distance(way: usize) -> Vec<u8> {
    let mut bytes = vec![low(way as u64)];
    let mut rest = way >> 7;
    while rest > 0 {
        rest -= 1;
        bytes.insert(0, 128 | low(rest as u64));
        rest >>= 7;
    }
    bytes
}

pub(crate) fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Returns the beginning of a zlib stream that is so many MiB of zeros: one MiB is made, and then repeated.
pub(crate) fn zeros(mebibytes: usize) -> Vec<u8> {
    let mut state = Compress::new(Compression::fast(), true);
    let mut piece = || {
        let mut out = Vec::with_capacity(64 << 10);
        state.compress_vec(&vec![0; 1 << 20], &mut out, FlushCompress::Full).unwrap();
        out
    };
    let (first, again) = (piece(), piece());
    [first, again.repeat(mebibytes - 1)].concat()
}

/// Returns the name of an object.
pub(crate) fn name(kind: &str, bytes: &[u8]) -> [u8; 20] {
    Sha1::new().chain_update(format!("{kind} {}\0", bytes.len())).chain_update(bytes).finalize().into()
}

/// Returns one entry of a tree.
pub(crate) fn tree_entry(mode: u32, name: &str, object: &[u8; 20]) -> Vec<u8> {
    [format!("{mode:o} {name}\0").as_bytes(), object].concat()
}

/// Returns a delta from a size to a size.
pub(crate) fn delta(from: u64, to: u64, commands: &[u8]) -> Vec<u8> {
    let varint = |mut value: u64| {
        let mut bytes = Vec::new();
        while value > 127 {
            bytes.push(128 | low(value));
            value >>= 7;
        }
        bytes.push(low(value));
        bytes
    };
    [varint(from), varint(to), commands.to_vec()].concat()
}

/// The command of a delta that copies the first 64 KiB of its base; the size is left out, which means that many.
pub(crate) const COPY_64K: u8 = 0x80;

const SMALL: Bounds = Bounds { objects: 20, blob: 1 << 20, other: 4096, total: 3 << 20, depth: 3, work: 4 << 20 };

/// Holds a pack against small bounds, in one piece and byte by byte.
fn check(pack: &[u8], expect: Result<Measure, &str>) {
    let found = gauge(pack, SMALL);
    let mut bytewise = Gauge::new(SMALL);
    let fed = pack.iter().try_for_each(|byte| bytewise.feed(&[*byte]));
    assert_eq!(fed.and_then(|()| bytewise.finish()), found, "the pieces matter");
    assert_eq!(found.map_err(|fault| fault.to_string()), expect.map_err(str::to_owned));
}

fn measure(objects: u32, total: u64, depth: u32, work: u64) -> Measure {
    Measure { objects, total, depth, work }
}

#[test]
fn sound_packs_are_measured() {
    check(&Maker::new().seal(), Ok(measure(0, 0, 0, 0)));
    check(&Maker::new().whole(BLOB, b"").seal(), Ok(measure(1, 0, 0, 0)));
    check(&Maker::new().whole(BLOB, &vec![7; 1 << 20]).seal(), Ok(measure(1, 1 << 20, 0, 1 << 20)));
    let mut pack = Maker::new();
    pack.whole(BLOB, &vec![1; 300_000]).whole(TREE, b"").delta(0, &delta(300_000, 65_536, &[COPY_64K]));
    pack.delta(2, &delta(65_536, 4, b"\x04abcd"));
    // The deltas have 7 and 9 bytes: two sizes and one command.
    check(&pack.seal(), Ok(measure(4, 300_000 + 65_536 + 7 + 4 + 9, 2, 300_000 + 365_536 + 365_540)));
}

#[test]
fn packs_that_no_release_needs_are_refused() {
    let sized = |kind, size| Maker::new().raw(kind, size, &[], &zeros(1)).seal();
    let large = "object 1 has 5368709120 bytes, and a file of a release has at most 1048576";
    check(&sized(BLOB, 5 << 30), Err(large));
    check(&sized(TREE, 4097), Err("object 1 has 4097 bytes, and a directory of a release has at most 4096"));
    check(&sized(COMMIT, 4097), Err("object 1 has 4097 bytes, and a commit of a release has at most 4096"));
    check(&sized(4, 4097), Err("object 1 has 4097 bytes, and a tag of a release has at most 4096"));
    check(&sized(BLOB, 10), Err("object 1 is longer than its header says"));
    check(
        &Maker::new().raw(BLOB, 11, &[], &zlib(b"ten bytes.")).seal(),
        Err("object 1 is shorter than its header says"),
    );
    check(&sized(0, 1), Err("object 1 is of a kind that no pack holds"));
    check(&sized(5, 1), Err("object 1 is of a kind that no pack holds"));
    check(&sized(7, 1), Err("object 1 is a delta against a name; deltas against places were asked for"));
    check(&Maker::new().raw(BLOB, 1, &[], b"not zlib").seal(), Err("object 1 cannot be inflated"));
    let mut endless = Maker::new().seal();
    endless.truncate(12);
    endless[11] = 1;
    endless.extend([0xff; 30]);
    check(&endless, Err("object 1 has a size without end"));
    let mut four = Maker::new();
    (0..4).for_each(|_| _ = four.whole(BLOB, &vec![0; 1 << 20]));
    check(&four.seal(), Err("it unpacks to more than 3 MiB"));
    check(&Maker::new().announce(21), Err("it holds more than 20 objects"));
    check(&Maker::new().whole(BLOB, b"x").announce(0), Err("bytes follow its end"));
    let mut three = Maker::new().whole(BLOB, b"x").seal();
    three.push(0);
    check(&three, Err("bytes follow its end"));
    three.truncate(three.len() - 2);
    check(&three, Err("it ends early: 1 of 1 objects came whole"));
    check(b"", Err("it ends early: 0 of 0 objects came whole"));
    check(b"PACK\0\0\0\x03\0\0\0\0", Err("it does not begin like a pack of version 2"));
    check(b"PICK", Err("it does not begin like a pack of version 2"));
}

#[test]
fn deltas_that_no_git_sends_are_refused() {
    let base = || {
        let mut pack = Maker::new();
        pack.whole(BLOB, &vec![1; 100_000]);
        pack
    };
    check(
        &base().delta(0, &delta(100_000, 5 << 30, &[COPY_64K])).seal(),
        Err("object 2 has 5368709120 bytes, and a file of a release has at most 1048576"),
    );
    check(
        &base().delta(0, &delta(99_999, 65_536, &[COPY_64K])).seal(),
        Err("object 2 is a delta against an object of another size"),
    );
    check(&base().delta(0, b"\x01").seal(), Err("object 2 is a delta without sizes"));
    check(&base().delta(0, &[0xff; 40]).seal(), Err("object 2 is a delta without sizes"));
    check(
        &base().delta(0, &delta(u64::MAX, u64::MAX, &[])).seal(),
        Err("object 2 is a delta against an object of another size"),
    );
    let astray = "object 2 is a delta against a place where no object begins";
    for way in [distance(1), distance(0), distance(1 << 40), vec![0x81, 0x00]] {
        check(&base().raw(OFS_DELTA, 3, &way, &zlib(b"abc")).seal(), Err(astray));
    }
    check(&base().raw(OFS_DELTA, 3, &[0xff; 20], &[]).seal(), Err("object 2 has a base without place"));
    check(
        &base().raw(OFS_DELTA, 5 << 30, &distance(20), &[]).seal(),
        Err("object 2 is a delta against a place where no object begins"),
    );
    let mut tree = Maker::new();
    tree.whole(TREE, &[1; 4096]).delta(0, &delta(4096, 4097, &[COPY_64K]));
    check(&tree.seal(), Err("object 2 has 4097 bytes, and a directory of a release has at most 4096"));
    let same = delta(100_000, 100_000, &[COPY_64K]);
    let mut chain = base();
    (0..4).for_each(|n| _ = chain.delta(n, &same));
    check(&chain.seal(), Err("object 5 is a delta over more than 3 others"));
    // Each unpacks to 200,000 bytes and is itself short: the work is what counts.
    let mut wide = base();
    (0..18).for_each(|_| _ = wide.delta(0, &delta(100_000, 150_000, &[COPY_64K])));
    check(&wide.seal(), Err("its deltas copy more than 4 MiB"));
}

#[test]
fn what_git_packs_is_within_the_bounds() {
    let origin = Origin::new();
    for n in 1..60 {
        origin.publish(n);
    }
    let args = ["pack-objects", "--revs", "--all", "--stdout", "-q", "--delta-base-offset", "--depth=50"];
    let pack = git_bytes(&origin.path(), &args, b"");
    let found = gauge(&pack, Bounds::HOST).unwrap();
    // 59 commits, 59 root trees, and for each its `rootfs`, `rootfs/etc`, `haproxy`, its file and the manifest; seven other
    // directories with their files.
    assert_eq!(found.objects, 59 * 7 + 14);
    assert!(found.depth > 0, "git made no delta: {found:?}");
}

#[test]
fn any_pack_that_is_cut_or_changed_is_measured_or_refused() {
    let mut pack = Maker::new();
    pack.whole(BLOB, &[1; 3000]).whole(TREE, b"x").delta(0, &delta(3000, 4, b"\x04abcd"));
    let pack = pack.seal();
    for at in 0..pack.len() {
        let cut = gauge(&pack[..at], SMALL).unwrap_err();
        assert!(matches!(cut, rmqgit::sys::store::bounds::PackFault::Short { .. }), "{at}: {cut}");
        for bit in 0..8 {
            let mut changed = pack.clone();
            changed[at] ^= 1 << bit;
            if let Ok(found) = gauge(&changed, SMALL) {
                assert!(found.total <= SMALL.total && found.objects <= SMALL.objects, "{at}: {found:?}");
            }
        }
    }
}
