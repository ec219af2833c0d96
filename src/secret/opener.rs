//! A private key, and what it opens: the one place that decrypts.

use std::fmt;
use std::io::Read as _;

use age::ssh::{Identity, Recipient};
use zeroize::Zeroizing;

use super::{BIGGEST, Envelope, EnvelopeError, Secret};

/// The biggest file of a private key, in bytes.
const BIGGEST_KEY: usize = 64 << 10;

/// A private Ed25519 key without its passphrase.
pub struct Opener(Identity);

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opener")
    }
}

/// Says why a file is not a private key that opens secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// It is no private SSH key.
    #[error("it is not a private SSH key")]
    Shape,
    /// It is a private key of another type.
    #[error("it is not an Ed25519 key")]
    Type,
    /// It has a passphrase, and nobody can be asked for it.
    #[error("it has a passphrase")]
    Locked,
    /// The passphrase is wrong.
    #[error("the passphrase is wrong")]
    Passphrase,
}

/// Says why a sealed file cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It is sealed for other keys.
    #[error("it is not sealed for this key")]
    Stranger,
    /// It is damaged.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// What was sealed is not what is asked for.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
}

impl Opener {
    /// Reads a private key. `passphrase` is asked for one if the key has one.
    pub fn new(key: &[u8], passphrase: impl FnOnce() -> Option<Zeroizing<String>>) -> Result<Self, IdentityError> {
        if key.len() > BIGGEST_KEY {
            return Err(IdentityError::Shape);
        }
        let identity = Identity::from_buffer(key, None).map_err(|_| IdentityError::Shape)?;
        let unlocked = match identity {
            Identity::Unencrypted(_) => identity,
            Identity::Encrypted(key) => {
                let phrase = passphrase().ok_or(IdentityError::Locked)?;
                let key = key.decrypt(phrase.as_str().into()).map_err(|_| IdentityError::Passphrase)?;
                Identity::Unencrypted(key)
            }
            Identity::Unsupported(_) => return Err(IdentityError::Type),
        };
        match Recipient::try_from(unlocked.clone()) {
            Ok(Recipient::SshEd25519(..)) => Ok(Self(unlocked)),
            _ => Err(IdentityError::Type),
        }
    }

    /// Opens a sealed file.
    pub fn open(&self, sealed: &[u8]) -> Result<(Envelope, Secret), OpenError> {
        let damaged = |why: &dyn fmt::Display| OpenError::Damaged(why.to_string());
        let armor = age::armor::ArmoredReader::new(sealed);
        let decryptor = age::Decryptor::new_buffered(armor).map_err(|error| damaged(&error))?;
        let reader = decryptor.decrypt(std::iter::once(&self.0 as &dyn age::Identity));
        let reader = reader.map_err(|error| match error {
            age::DecryptError::NoMatchingKeys => OpenError::Stranger,
            error => damaged(&error),
        })?;
        // One allocation that never moves, with room for the line before the value.
        let room = BIGGEST + (64 << 10);
        let mut bytes = Zeroizing::new(Vec::with_capacity(room));
        let most = u64::try_from(room).expect("a few KiB fit");
        reader.take(most).read_to_end(&mut bytes).map_err(|error| damaged(&error))?;
        Ok(Envelope::unwrap(&bytes)?)
    }
}
