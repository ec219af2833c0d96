//! Writes one pack: gitformat-pack(5).
//!
//! Each thread has a [`Packer`] that names and deflates objects; one [`PackWriter`] appends what they made to a file.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use sha1::{Digest, Sha1};

use super::index::{self, Place};
use super::object::{self, Kind};
use super::{GitError, Oid};

/// How temporary files begin in `objects/pack`; `git prune` removes such files too.
const TEMPORARY: &str = "tmp_rmqgit_";

/// Deflates fast: level 6 takes half as long again and saves one percent on small files.
const LEVEL: u32 = 1;

/// The objects that need not be written (again), shared by all threads.
#[derive(Debug, Default)]
pub struct Known(Mutex<HashSet<Oid>>);

impl Known {
    /// Notes an object; says whether it is new.
    pub fn insert(&self, id: Oid) -> bool {
        self.0.lock().expect("no thread panics while it holds this lock").insert(id)
    }
}

/// Deflated objects, ready to be appended to a pack.
#[derive(Debug, Default)]
pub struct Chunk {
    bytes: Vec<u8>,
    /// Per object: name, checksum, first byte within `bytes`.
    places: Vec<(Oid, u32, usize)>,
}

impl Chunk {
    /// Returns a whole pack that holds these objects alone.
    pub(crate) fn into_pack(self) -> Vec<u8> {
        let count = u32::try_from(self.places.len()).expect("a pack holds fewer than 2^32 objects");
        let mut pack = [&b"PACK\0\0\0\x02"[..], &count.to_be_bytes(), &self.bytes].concat();
        let sum = Sha1::digest(&pack);
        pack.extend_from_slice(&sum);
        pack
    }
}

/// Names objects, and deflates those that are not known yet.
pub struct Packer<'a> {
    known: &'a Known,
    deflate: Compress,
    chunk: Chunk,
}

impl<'a> Packer<'a> {
    /// Makes a packer for one thread.
    pub fn new(known: &'a Known) -> Self {
        Self { known, deflate: Compress::new(Compression::new(LEVEL), true), chunk: Chunk::default() }
    }

    /// Adds an object and returns its name.
    pub fn add(&mut self, kind: Kind, bytes: &[u8]) -> Oid {
        let id = object::id(kind, bytes);
        self.put(id, kind, bytes);
        id
    }

    /// Adds an object whose name is known.
    pub(super) fn put(&mut self, id: Oid, kind: Kind, bytes: &[u8]) {
        if self.known.insert(id) {
            let start = self.chunk.bytes.len();
            header(kind, bytes.len(), &mut self.chunk.bytes);
            match (kind, u16::try_from(bytes.len())) {
                // Trees and commits are names of objects for the most part, which do not shrink, and starting a deflater costs
                // more than they are long.
                (Kind::Tree | Kind::Commit, Ok(len)) => store(bytes, len, &mut self.chunk.bytes),
                _ => deflate(&mut self.deflate, bytes, &mut self.chunk.bytes),
            }
            let mut crc = Crc::new();
            crc.update(&self.chunk.bytes[start..]);
            self.chunk.places.push((id, crc.sum(), start));
        }
    }

    /// Hands over what was added since the last call.
    pub fn take(&mut self) -> Chunk {
        std::mem::take(&mut self.chunk)
    }
}

/// Writes the kind and the size: four bits of the size, then seven a byte, the smallest first.
fn header(kind: Kind, mut size: usize, out: &mut Vec<u8>) {
    let low = |size: usize, bits: u32| u8::try_from(size & ((1 << bits) - 1)).expect("masked to a byte");
    let mut byte = (kind.number() << 4) | low(size, 4);
    size >>= 4;
    while size > 0 {
        out.push(byte | 0x80);
        byte = low(size, 7);
        size >>= 7;
    }
    out.push(byte);
}

fn deflate(state: &mut Compress, mut bytes: &[u8], out: &mut Vec<u8>) {
    state.reset();
    loop {
        out.reserve(bytes.len() / 2 + 64);
        let before = state.total_in();
        let status =
            state.compress_vec(bytes, out, FlushCompress::Finish).expect("deflate accepts any input in this order");
        let taken = usize::try_from(state.total_in() - before).expect("no more than was given");
        bytes = &bytes[taken..];
        if status == Status::StreamEnd {
            return;
        }
    }
}

/// Writes a zlib stream of one stored block: RFC 1950, section 2.2, and RFC 1951, section 3.2.4.
fn store(bytes: &[u8], len: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(&[0x78, 0x01, 0x01]);
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&(!len).to_le_bytes());
    out.extend_from_slice(bytes);
    out.extend_from_slice(&adler32(bytes).to_be_bytes());
}

/// Returns the checksum at the end of a zlib stream: RFC 1950, section 8.2.
fn adler32(bytes: &[u8]) -> u32 {
    const BASE: u32 = 65521;
    let (mut a, mut b) = (1, 0);
    // So many sums of bytes fit before the remainder must be taken.
    for run in bytes.chunks(5552) {
        for byte in run {
            a += u32::from(*byte);
            b += a;
        }
        (a, b) = (a % BASE, b % BASE);
    }
    b << 16 | a
}

/// Writes a pack and its index under temporary names, and puts both in place at the end.
pub struct PackWriter {
    dir: PathBuf,
    pack: Temporary,
    file: BufWriter<File>,
    at: u64,
    places: Vec<Place>,
}

impl PackWriter {
    /// Begins a pack in a repository; its directory is what [`super::Store::dir`] returns.
    pub fn create(repository: &Path) -> Result<Self, GitError> {
        let dir = repository.join("objects/pack");
        let pack = Temporary(dir.join(format!("{TEMPORARY}{}.pack", std::process::id())));
        let file = pack.create()?;
        let mut writer = Self { dir, pack, file: BufWriter::with_capacity(1 << 18, file), at: 0, places: Vec::new() };
        // The number of objects is filled in at the end.
        writer.write(b"PACK\0\0\0\x02\0\0\0\0")?;
        Ok(writer)
    }

    /// Appends objects.
    pub fn append(&mut self, chunk: &Chunk) -> Result<(), GitError> {
        let at = self.at;
        let place = |&(id, crc, start): &(Oid, u32, usize)| Place { id, crc, offset: at + start as u64 };
        self.places.extend(chunk.places.iter().map(place));
        self.write(&chunk.bytes)
    }

    /// Says how many objects there are so far.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Says whether there are none so far.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Puts the pack and then its index in place, both synced to the disk; nothing is left if it holds no object.
    pub fn finish(mut self) -> Result<(), GitError> {
        if self.places.is_empty() {
            return Ok(());
        }
        let path = self.pack.0.clone();
        let failed = |source| GitError::File { doing: "write", path: path.clone(), source };
        let mut file = self.file.into_inner().map_err(|error| failed(error.into_error()))?;
        let count = u32::try_from(self.places.len()).expect("a pack holds fewer than 2^32 objects");
        let sum = seal(&mut file, count).map_err(failed)?;
        let index = Temporary(self.pack.0.with_extension("idx"));
        let mut index_file = index.create()?;
        index::write(&mut self.places, &sum, BufWriter::with_capacity(1 << 18, &mut index_file))
            .and_then(|()| index_file.sync_all())
            .map_err(|source| GitError::File { doing: "write", path: index.0.clone(), source })?;
        let name = object::oid(sum);
        // Git looks for packs by their index, so that the index comes last.
        self.pack.publish(&self.dir.join(format!("pack-{name}.pack")))?;
        index.publish(&self.dir.join(format!("pack-{name}.idx")))?;
        sync_directory(&self.dir)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), GitError> {
        self.at += bytes.len() as u64;
        self.file.write_all(bytes).map_err(|source| GitError::File {
            doing: "write",
            path: self.pack.0.clone(),
            source,
        })
    }
}

/// Fills in the number of objects, and appends the checksum of everything.
fn seal(file: &mut File, count: u32) -> io::Result<[u8; 20]> {
    file.seek(SeekFrom::Start(8))?;
    file.write_all(&count.to_be_bytes())?;
    file.rewind()?;
    let mut hash = Sha1::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
    }
    let sum: [u8; 20] = hash.finalize().into();
    file.write_all(&sum)?;
    file.sync_all()?;
    Ok(sum)
}

/// A file that is removed unless it was published.
struct Temporary(PathBuf);

impl Temporary {
    fn create(&self) -> Result<File, GitError> {
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).create_new(true);
        options.open(&self.0).map_err(|source| GitError::File { doing: "create", path: self.0.clone(), source })
    }

    fn publish(&self, place: &Path) -> Result<(), GitError> {
        let failed = |source| GitError::File { doing: "put in place", path: place.to_owned(), source };
        let mut permissions = fs::metadata(&self.0).map_err(failed)?.permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&self.0, permissions).map_err(failed)?;
        fs::rename(&self.0, place).map_err(failed)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // It is gone when it was published; what cannot be removed is swept by the next run.
        let _ = fs::remove_file(&self.0);
    }
}

/// Makes renames in a directory last.
pub(super) fn sync_directory(dir: &Path) -> Result<(), GitError> {
    let sync = File::open(dir).and_then(|file| file.sync_all());
    sync.map_err(|source| GitError::File { doing: "sync", path: dir.to_owned(), source })
}

/// Removes what a killed run left in `objects/pack`. The caller holds the lock that keeps other runs away.
pub fn sweep(repository: &Path) -> Result<(), GitError> {
    let dir = repository.join("objects/pack");
    let failed = |source| GitError::File { doing: "sweep", path: dir.clone(), source };
    for entry in fs::read_dir(&dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name().as_encoded_bytes().starts_with(TEMPORARY.as_bytes()) {
            fs::remove_file(entry.path()).map_err(failed)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_blocks_are_zlib_streams() {
        for len in [0, 1, 5551, 5552, 5553, usize::from(u16::MAX)] {
            let bytes: Vec<u8> = (0..len).map(|n| u8::try_from(n * 7 % 256).expect("a byte")).collect();
            let mut stream = Vec::new();
            store(&bytes, u16::try_from(len).expect("short"), &mut stream);
            let mut read = Vec::new();
            flate2::read::ZlibDecoder::new(&*stream).read_to_end(&mut read).expect("a stream with a right checksum");
            assert_eq!(read, bytes);
        }
    }
}
