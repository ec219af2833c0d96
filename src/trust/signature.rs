//! Whose signature a commit has, and whether it is over this commit. Whether that key is trusted is another question.

use russh::keys::ssh_key::{Algorithm, HashAlg, LineEnding, PublicKey, SshSig, public::KeyData};

use super::commit::split;

/// The namespace of signatures on Git objects.
pub const NAMESPACE: &str = "git";

/// How signatures in the OpenSSH format begin.
const ARMOR: &[u8] = b"-----BEGIN SSH SIGNATURE-----";

/// The longest armour that is looked at; those of RSA keys have 2 kB.
const LONGEST: usize = 16 << 10;

/// A key, as it is told and compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(KeyData);

/// A commit with a signature that is its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The key that made the signature.
    pub key: Key,
    /// When, in seconds since 1970, as the commit says.
    pub time: i64,
}

/// Says what is wrong with a signature, whoever made it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// There is none.
    #[error("it is not signed")]
    Unsigned,
    /// It is not one of OpenSSH.
    #[error("its signature is not one of an SSH key")]
    Kind,
    /// It is damaged, or written in another way than OpenSSH writes it.
    #[error("its signature is not readable")]
    Armor,
    /// It was made for something else than a Git object.
    #[error("its signature is for `{0}`, not for `git`")]
    Namespace(String),
    /// It is of a kind of key that is not supported.
    #[error("it is signed by a key of type {0}, which rmqgit does not verify")]
    KeyType(String),
    /// It is over something else than this commit.
    #[error("its signature is not over this commit")]
    Forged,
}

impl Key {
    /// Wraps a key; `None` if its signatures cannot be verified here.
    pub fn new(key: &KeyData) -> Option<Self> {
        supported(key).then(|| Self(key.clone()))
    }

    /// Returns its fingerprint as `ssh-keygen -l` prints it: `SHA256:...`.
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }
}

/// Says whether signatures of a key can be verified.
pub(super) fn supported(key: &KeyData) -> bool {
    matches!(
        key.algorithm(),
        Algorithm::Ed25519 | Algorithm::Ecdsa { .. } | Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256
    )
}

/// Finds the key that signed a commit.
pub fn verify(commit: &[u8]) -> Result<Signed, Flaw> {
    let split = split(commit).ok_or(Flaw::Armor)?;
    let armor = split.armor.ok_or(Flaw::Unsigned)?;
    if !armor.starts_with(ARMOR) {
        return Err(Flaw::Kind);
    }
    if armor.len() > LONGEST {
        return Err(Flaw::Armor);
    }
    let signature = SshSig::from_pem(&armor).map_err(|_| Flaw::Armor)?;
    // One signature has one form: nobody can give a release another name without the key.
    let canonical = signature.to_pem(LineEnding::LF).map_err(|_| Flaw::Armor)?;
    if signature.version() != SshSig::VERSION || canonical.trim_end().as_bytes() != armor.trim_ascii_end() {
        return Err(Flaw::Armor);
    }
    if signature.namespace() != NAMESPACE {
        return Err(Flaw::Namespace(signature.namespace().escape_default().to_string()));
    }
    let key = signature.public_key();
    let Some(known) = Key::new(key) else { return Err(Flaw::KeyType(key.algorithm().to_string())) };
    match PublicKey::from(key.clone()).verify(NAMESPACE, &split.payload, &signature) {
        Ok(()) => Ok(Signed { key: known, time: split.time }),
        Err(_) => Err(Flaw::Forged),
    }
}
