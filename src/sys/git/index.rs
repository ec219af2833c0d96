//! The index of a pack, version 2: gitformat-pack(5), "pack-*.idx files have the following format".

use std::io::{self, Write};

use sha1::{Digest, Sha1};

use super::Oid;

/// Where one object stands in a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The object's name.
    pub(super) id: Oid,
    /// The CRC-32 of its packed bytes.
    pub(super) crc: u32,
    /// Its first byte in the pack.
    pub(super) offset: u64,
}

/// Offsets from here on stand in a table of their own.
const LARGE: u64 = 1 << 31;

/// Writes the index of a pack; sorts the places by name.
pub(super) fn write(places: &mut [Place], pack: &[u8; 20], out: impl Write) -> io::Result<()> {
    places.sort_unstable_by_key(|place| place.id);
    let mut out = Hashed { out, hash: Sha1::new() };
    out.put(b"\xfftOc\0\0\0\x02")?;
    let mut counts = [0_u32; 256];
    for place in &*places {
        counts[usize::from(place.id.as_bytes()[0])] += 1;
    }
    let mut total = 0;
    for count in counts {
        total += count;
        out.put(&total.to_be_bytes())?;
    }
    for place in &*places {
        out.put(place.id.as_bytes())?;
    }
    for place in &*places {
        out.put(&place.crc.to_be_bytes())?;
    }
    let mut large = Vec::new();
    for place in &*places {
        let word = match u32::try_from(place.offset) {
            Ok(small) if place.offset < LARGE => small,
            _ => {
                large.push(place.offset);
                0x8000_0000 | u32::try_from(large.len() - 1).expect("a pack holds fewer than 2^31 objects")
            }
        };
        out.put(&word.to_be_bytes())?;
    }
    for offset in large {
        out.put(&offset.to_be_bytes())?;
    }
    out.put(pack)?;
    let sum = out.hash.finalize();
    out.out.write_all(&sum)?;
    out.out.flush()
}

struct Hashed<W> {
    out: W,
    hash: Sha1,
}

impl<W: Write> Hashed<W> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.out.write_all(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_offsets_stand_in_their_own_table() {
        let place = |n: u8, offset| Place { id: Oid::from_bytes(&[n; 20]).expect("20 bytes"), crc: 7, offset };
        let mut places = [place(3, LARGE + 5), place(2, LARGE - 1), place(1, 9 << 32)];
        let mut bytes = Vec::new();
        write(&mut places, &[0xaa; 20], &mut bytes).expect("writing to memory");
        let words = &bytes[8 + 1024 + 3 * 20 + 3 * 4..bytes.len() - 40];
        let expect: Vec<u8> = [0x8000_0000_u32, 0x7fff_ffff, 0x8000_0001]
            .iter()
            .flat_map(|w| w.to_be_bytes())
            .chain([9_u64 << 32, LARGE + 5].iter().flat_map(|o| o.to_be_bytes()))
            .collect();
        assert_eq!(words, expect);
        assert_eq!(&bytes[8 + 4..8 + 16], [0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3], "the fan-out table");
    }
}
