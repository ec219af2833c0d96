//! Seals a value: the one place that encrypts.

use std::io::Write as _;

use age::armor::{ArmoredWriter, Format};
use age::ssh::Recipient;

use super::{Envelope, PublicKey, Secret};

/// Seals a value for some keys, of which there must be one. The result is another one each time.
pub fn seal(envelope: &Envelope, secret: &Secret, readers: &[PublicKey]) -> Vec<u8> {
    const PARSED: &str = "a `PublicKey` was held against this parser when it was made";
    const MEMORY: &str = "memory takes any bytes";
    let readers: Vec<Recipient> = readers.iter().map(|key| key.to_string().parse().expect(PARSED)).collect();
    let encryptor = age::Encryptor::with_recipients(readers.iter().map(|one| one as &dyn age::Recipient))
        .expect("there is a reader, and all of them are of one kind");
    let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor).expect(MEMORY);
    let mut writer = encryptor.wrap_output(armor).expect(MEMORY);
    writer.write_all(&envelope.wrap(secret)).expect(MEMORY);
    writer.finish().and_then(ArmoredWriter::finish).expect(MEMORY)
}
