//! Password hashes as RabbitMQ stores them: base64 of four bytes of salt and of the digest of the salt and the password.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256, Sha512};
use zeroize::Zeroizing;

use crate::live::{Bytes, PasswordHash};

/// RabbitMQ's own default since 3.6.
pub(super) const SHA256: &str = "rabbit_password_hashing_sha256";
const SHA512: &str = "rabbit_password_hashing_sha512";
const SALT: usize = 4;

/// Whether a password is the one that a live hash was made of. A hash of MD5 is never: it is replaced.
pub(super) fn matches(password: &Bytes, live: &PasswordHash) -> bool {
    let Ok(bytes) = STANDARD.decode(live.hash.as_slice()).map(Zeroizing::new) else { return false };
    let Some((salt, digest)) = bytes.split_at_checked(SALT) else { return false };
    let salted = salted(salt, password);
    match live.algorithm.as_str() {
        SHA256 => Sha256::digest(&*salted).as_slice() == digest,
        SHA512 => Sha512::digest(&*salted).as_slice() == digest,
        _ => false,
    }
}

/// Makes the hash of a password.
pub(super) fn hash(password: &Bytes, salt: [u8; SALT]) -> PasswordHash {
    let digest = Sha256::digest(&*salted(&salt, password));
    let hash = STANDARD.encode([salt.as_slice(), digest.as_slice()].concat());
    PasswordHash { hash: Bytes::new(hash.into_bytes()), algorithm: SHA256.to_owned() }
}

fn salted(salt: &[u8], password: &Bytes) -> Zeroizing<Vec<u8>> {
    Zeroizing::new([salt, password.as_slice()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Bytes {
        Bytes::new(text.as_bytes().to_vec())
    }

    #[test]
    fn the_example_of_the_manual() {
        // www.rabbitmq.com/docs/passwords
        let known = "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR";
        let made = hash(&text("test12"), [0x90, 0x8D, 0xC6, 0x0A]);
        assert_eq!(made, PasswordHash { hash: text(known), algorithm: SHA256.to_owned() });
        assert!(matches(&text("test12"), &made));
        assert!(!matches(&text("test13"), &made));
    }

    #[test]
    fn other_hashes() {
        let live = |hash: &str, algorithm: &str| PasswordHash { hash: text(hash), algorithm: algorithm.to_owned() };
        let sha512 = STANDARD
            .encode([&[1, 2, 3, 4][..], Sha512::digest([&[1, 2, 3, 4], &b"guest"[..]].concat()).as_slice()].concat());
        assert!(matches(&text("guest"), &live(&sha512, SHA512)));
        assert!(!matches(&text("guest"), &live(&sha512, SHA256)));
        assert!(!matches(&text("guest"), &live(&sha512, "rabbit_password_hashing_md5")));
        for broken in ["", "AAA", "AAAA", "not base64"] {
            assert!(!matches(&text(""), &live(broken, SHA256)), "{broken}");
        }
    }
}
