//! Whom a host trusts: its own file, and what releases have made of it since.
//!
//! The signers of a spec are published as a chain of commits, each signed by a key that the one before trusts. A host walks
//! it from the first commit that its own file vouches for, and ends with the signers of today, however many changes it
//! has missed.

use std::collections::BTreeSet;

use super::allowed::{AllowedSigners, KeyFault, Revoked};
use super::signature::{Flaw, Key, Signed};

/// One commit of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Introduction {
    /// Its name.
    pub id: String,
    /// Who signed it.
    pub signed: Result<Signed, Flaw>,
    /// Whom it names; `None` if that cannot be read.
    pub signers: Option<AllowedSigners>,
}

/// Whom a host trusts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trust {
    anchor: AllowedSigners,
    revoked: Revoked,
    introduced: Option<Introduced>,
}

/// What the chain says so far.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Introduced {
    head: String,
    time: i64,
    signers: AllowedSigners,
    /// The fingerprints of all keys that the chain has ever named, or was signed by.
    named: BTreeSet<String>,
}

/// Says why a chain cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A commit has no valid signature.
    #[error("{id}: {flaw}")]
    Flaw {
        /// The commit.
        id: String,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// A commit is signed by a key that was not trusted for it.
    #[error("{id}: {fault}")]
    Key {
        /// The commit.
        id: String,
        /// Why its key does not count.
        fault: KeyFault,
    },
    /// A commit says that it is older than the one before.
    #[error("{0}: it is older than the one before")]
    Back(String),
    /// A commit names nobody.
    #[error("{0}: it names no key that can be verified")]
    Nobody(String),
}

impl Trust {
    /// Begins with the host's own files.
    pub fn new(anchor: AllowedSigners, revoked: Revoked) -> Self {
        Self { anchor, revoked, introduced: None }
    }

    /// Takes the next commit of the chain into account. What comes before the first one that the host's own file vouches
    /// for says nothing to this host.
    pub fn follow(&mut self, next: &Introduction) -> Result<(), Broken> {
        match (self.step(next), &self.introduced) {
            (Ok(introduced), _) => self.introduced = Some(introduced),
            (Err(_), None) => {}
            (Err(broken), Some(_)) => return Err(broken),
        }
        Ok(())
    }

    fn step(&self, next: &Introduction) -> Result<Introduced, Broken> {
        let id = next.id.clone();
        let signed = next.signed.as_ref().map_err(|flaw| Broken::Flaw { id: id.clone(), flaw: flaw.clone() })?;
        self.judge(&signed.key, &[signed.time]).map_err(|fault| Broken::Key { id: id.clone(), fault })?;
        let (mut named, before) = match &self.introduced {
            Some(introduced) => (introduced.named.clone(), introduced.time),
            None => (BTreeSet::new(), i64::MIN),
        };
        if signed.time < before {
            return Err(Broken::Back(id));
        }
        let signers = next.signers.clone().filter(|signers| !signers.is_empty());
        let signers = signers.ok_or_else(|| Broken::Nobody(id.clone()))?;
        named.extend(signers.fingerprints());
        named.insert(signed.key.fingerprint());
        Ok(Introduced { head: id, time: signed.time, signers, named })
    }

    /// Returns the last commit of the chain that counts here.
    pub fn head(&self) -> Option<&str> {
        self.introduced.as_ref().map(|introduced| introduced.head.as_str())
    }

    /// Whether there is no key at all.
    pub fn is_empty(&self) -> bool {
        self.anchor.is_empty()
    }

    /// Says who a key belongs to, if it may sign at all of these times. The chain decides of the keys that it has named;
    /// those that only the host's own file names are the host's own affair.
    pub fn judge(&self, key: &Key, times: &[i64]) -> Result<&str, KeyFault> {
        if self.revoked.has(key) {
            return Err(KeyFault::Revoked);
        }
        match &self.introduced {
            Some(introduced) if introduced.signers.names(key) => introduced.signers.judge(key, times),
            Some(introduced) if introduced.named.contains(&key.fingerprint()) => Err(KeyFault::Dropped),
            _ => self.anchor.judge(key, times),
        }
    }
}

#[cfg(test)]
mod tests {
    use russh::keys::ssh_key::public::{Ed25519PublicKey, KeyData};

    use super::*;

    fn key(n: u8) -> Key {
        Key::new(&KeyData::Ed25519(Ed25519PublicKey([n; 32]))).expect("a kind that is verified")
    }

    fn signers(keys: &[u8]) -> AllowedSigners {
        let line = |n: &u8| {
            let key = russh::keys::ssh_key::PublicKey::from(KeyData::Ed25519(Ed25519PublicKey([*n; 32])));
            format!("k{n} {}\n", key.to_openssh().expect("a key that can be written"))
        };
        AllowedSigners::parse(keys.iter().map(line).collect::<String>().as_bytes()).expect("a readable file")
    }

    /// Follows a chain of `(signer, signers)`; returns the keys 1 to 5 that are trusted in the end, and how far it went.
    fn end(anchor: &[u8], revoked: &[u8], chain: &[(u8, &[u8])]) -> (Vec<u8>, Option<String>) {
        let revoked: String = revoked.iter().map(|n| key(*n).fingerprint() + "\n").collect();
        let mut trust = Trust::new(signers(anchor), Revoked::parse(revoked.as_bytes()).expect("readable"));
        for (n, (by, names)) in (1..).zip(chain) {
            let signed = Ok(Signed { key: key(*by), time: n });
            let next = Introduction { id: n.to_string(), signed, signers: Some(signers(names)) };
            if trust.follow(&next).is_err() {
                break;
            }
        }
        let trusted = (1..=5).filter(|n| trust.judge(&key(*n), &[0]).is_ok()).collect();
        (trusted, trust.head().map(str::to_owned))
    }

    #[test]
    fn trust_follows_the_chain() {
        let check = |anchor: &[u8], revoked: &[u8], chain: &[(u8, &[u8])], trusted: &[u8], head: Option<&str>| {
            let expect = (trusted.to_vec(), head.map(str::to_owned));
            assert_eq!(end(anchor, revoked, chain), expect, "{anchor:?} {revoked:?} {chain:?}");
        };
        check(&[1, 2], &[], &[], &[1, 2], None);
        check(&[1, 2], &[1], &[], &[2], None);
        // Two rotations that a host may have missed.
        let rotated: &[(u8, &[u8])] = &[(1, &[1, 2]), (2, &[2]), (2, &[2, 3]), (3, &[3])];
        check(&[1], &[], rotated, &[3], Some("4"));
        // A host that was installed in between, and one with a key that no release names.
        check(&[2], &[], rotated, &[3], Some("4"));
        check(&[1, 5], &[], rotated, &[3, 5], Some("4"));
        // A stranger's chain, and a stranger's or a dropped key's link in ours.
        check(&[1], &[], &[(4, &[4]), (4, &[4, 5])], &[1], None);
        check(&[1], &[], &[(1, &[1, 2]), (4, &[4])], &[1, 2], Some("1"));
        check(&[1], &[], &[(1, &[1, 2]), (2, &[2]), (1, &[1])], &[2], Some("2"));
        // A stolen key locks the others out, until it is revoked on the host.
        let stolen: &[(u8, &[u8])] = &[(2, &[1, 2]), (1, &[1])];
        check(&[1, 2], &[], stolen, &[1], Some("2"));
        check(&[1, 2], &[1], stolen, &[2], Some("1"));
        // A key that signs away itself is dropped; a link that names nobody is none.
        check(&[1], &[], &[(1, &[2])], &[2], Some("1"));
        check(&[1], &[], &[(1, &[1]), (1, &[])], &[1], Some("1"));
    }

    #[test]
    fn the_chain_does_not_go_back_in_time() {
        let mut trust = Trust::new(signers(&[1]), Revoked::default());
        let link = |id: &str, time: i64| {
            let signed = Ok(Signed { key: key(1), time });
            Introduction { id: id.to_owned(), signed, signers: Some(signers(&[1])) }
        };
        assert_eq!(trust.follow(&link("a", 10)), Ok(()));
        assert_eq!(trust.follow(&link("b", 9)), Err(Broken::Back("b".to_owned())));
        let unsigned = Introduction { signed: Err(Flaw::Unsigned), ..link("c", 11) };
        assert!(matches!(trust.follow(&unsigned), Err(Broken::Flaw { .. })));
        assert_eq!(trust.head(), Some("a"));
    }
}
