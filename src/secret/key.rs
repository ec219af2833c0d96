//! Public SSH keys that a secret can be sealed for: Ed25519 and nothing else.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::Digest as _;

use crate::diag::excerpt;

/// The name of the one key type, as it begins a public key.
pub(super) const TYPE: &str = "ssh-ed25519";

/// A public Ed25519 key, as `ssh-keygen` writes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublicKey {
    /// The key as SSH sends it: the type and 32 bytes, each after its length.
    blob: [u8; 51],
}

/// What a sealed file says of a recipient: the first bytes of the digest of its public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag(pub(super) [u8; 4]);

/// Says why a text is not a key that a secret can be sealed for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is a key of another type.
    #[error("`{0}` is not a key that a secret can be sealed for")]
    Type(String),
    /// It is no public key.
    #[error("`{0}` is not a public SSH key")]
    Shape(String),
    /// It is a private key.
    #[error("this is a private key")]
    Private,
}

impl PublicKey {
    /// Reads a public key: its type, its base64, and a comment that does not count.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        if text.contains("PRIVATE KEY") || text.starts_with("AGE-SECRET-KEY-") {
            return Err(KeyError::Private);
        }
        let mut words = text.split_ascii_whitespace();
        let (kind, body) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if kind != TYPE {
            let known = ["ssh-", "ecdsa-", "sk-", "rsa-", "age1"].iter().any(|start| kind.starts_with(start));
            let shown = excerpt(kind);
            return Err(if known { KeyError::Type(shown) } else { KeyError::Shape(shown) });
        }
        let shape = || KeyError::Shape(excerpt(text));
        let blob = STANDARD.decode(body).map_err(|_| shape())?;
        let blob: [u8; 51] = blob.try_into().map_err(|_| shape())?;
        let head = [&[0, 0, 0, 11], TYPE.as_bytes(), &[0, 0, 0, 32]].concat();
        let key = Self { blob };
        // A point that is not on the curve is no key.
        if !blob.starts_with(&head) || key.to_string().parse::<age::ssh::Recipient>().is_err() {
            return Err(shape());
        }
        Ok(key)
    }

    /// Returns what a sealed file says of this key.
    pub fn tag(&self) -> Tag {
        let digest: [u8; 32] = sha2::Sha256::digest(self.blob).into();
        Tag([digest[0], digest[1], digest[2], digest[3]])
    }
}

impl KeyError {
    /// Says what to do about the key of a host.
    pub fn help_of_host(&self, address: &str) -> String {
        match self {
            Self::Type(_) => format!(
                "give the host's Ed25519 key: `ssh-keyscan -t ed25519 {address}` prints it, or \
                 /etc/ssh/ssh_host_ed25519_key.pub on the host; `ssh-keygen -A` there makes one if it has none"
            ),
            Self::Shape(_) => format!(
                "write `ssh-ed25519 AAAA...`, the last two words of what `ssh-keyscan -t ed25519 {address}` prints, after \
                 comparing them with /etc/ssh/ssh_host_ed25519_key.pub on the host"
            ),
            Self::Private => {
                "take it out and make a new one (`ssh-keygen -A` on the host): who can read this file has \
                              the old one; write the line of the `.pub` file"
                    .to_owned()
            }
        }
    }

    /// Says what to do about the key of an operator.
    pub fn help_of_operator(&self) -> String {
        match self {
            Self::Type(_) => {
                "give an Ed25519 key that is not on a security key: `ssh-keygen -t ed25519` makes one".to_owned()
            }
            Self::Shape(_) => "write the line of the `.pub` file: `ssh-ed25519 AAAA...`".to_owned(),
            Self::Private => {
                "take it out and make a new one (`ssh-keygen -t ed25519`): who can read this file has the \
                              old one; write the line of the `.pub` file"
                    .to_owned()
            }
        }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{TYPE} {}", STANDARD.encode(self.blob))
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD_NO_PAD.encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RABBIT1: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKry2sdYy69pB9cQbPpuIDGmAftR6bpc/NsifUsoJW8F rabbit1";

    #[test]
    fn a_key_is_what_age_calls_it() {
        let key = PublicKey::parse(RABBIT1).expect("a key");
        assert_eq!(Some(key.to_string().as_str()), RABBIT1.rsplit_once(' ').map(|(key, _)| key));
        assert_eq!(key.tag().to_string(), "wfhM/Q");
    }

    #[test]
    fn only_ed25519_keys_are_keys() {
        let type_of = |text: &str| match PublicKey::parse(text) {
            Err(KeyError::Type(kind)) => kind,
            other => panic!("{text}: {other:?}"),
        };
        for kind in ["ssh-rsa", "ecdsa-sha2-nistp256", "sk-ssh-ed25519@openssh.com", "ssh-dss"] {
            assert_eq!(type_of(&format!("{kind} AAAA x")), kind);
        }
        assert_eq!(PublicKey::parse("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl"), Err(KeyError::Private));
        let long = RABBIT1.replacen("JW8F", "JW8FAAAA", 1);
        let other_inside = RABBIT1.replacen("NzaC1lZDI1NTE5", "NzaC1lZDI1NTE4", 1);
        for text in ["", "rabbit1", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-ed25519 ***", &long, &other_inside] {
            assert!(matches!(PublicKey::parse(text), Err(KeyError::Shape(_))), "{text}");
        }
    }
}
