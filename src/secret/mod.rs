//! Secrets as they stand in Git: sealed for the SSH keys of the hosts that need them and of the operators.
//!
//! Input: public keys, a value, an envelope that says whose value it is; or the bytes of a sealed file. Output: the sealed
//! file, who is addressed by it, or its envelope and value for whoever has a private key. Must not: read or write files, or
//! print a value.
//!
//! A sealed file is an age file (<https://age-encryption.org/v1>) in ASCII armor, so that `age -d -i KEY FILE` opens it. age says
//! who can read a file, not who wrote it nor what it is for: that stands in the envelope, and who wrote it in signed commits.

mod armor;
mod envelope;
mod key;
mod leaks;
mod opener;
mod seal;
mod sealed;
mod value;

pub use envelope::{Envelope, EnvelopeError};
pub use key::{KeyError, PublicKey, Tag};
pub use leaks::Leaks;
pub use opener::{IdentityError, OpenError, Opener};
pub use seal::seal;
pub use sealed::{Fingerprint, Sealed, SealedError};
pub use value::Secret;

/// The biggest secret, in bytes.
pub const BIGGEST: usize = 64 << 10;
/// The biggest sealed file, in bytes.
pub const BIGGEST_SEALED: usize = 256 << 10;
