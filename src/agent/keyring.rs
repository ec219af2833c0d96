//! Where the value of a secret comes from: sealed in the bundle, or a file of the host's own.

use std::cell::OnceCell;
use std::path::Path;

use crate::name::SecretRef;
use crate::plan::MissingSecret;
use crate::release::Bundle;
use crate::secret::{EnvelopeError, IdentityError, OpenError, Opener, Secret};
use crate::sys::secret::{self, SecretError};

/// What a host opens its secrets with.
pub(super) struct Keyring<'a> {
    bundle: &'a Bundle,
    /// The directory with one file a secret.
    files: &'a Path,
    /// The file of the private key.
    key: &'a Path,
    /// The private key, read once it is needed.
    opener: OnceCell<Result<Opener, (String, String)>>,
}

impl<'a> Keyring<'a> {
    /// Makes a keyring; nothing is read yet.
    pub(super) fn new(bundle: &'a Bundle, files: &'a Path, key: &'a Path) -> Self {
        Self { bundle, files, key, opener: OnceCell::new() }
    }

    /// Returns the value of a secret. What the release has sealed goes before the host's own file.
    pub(super) fn read(&self, name: &SecretRef) -> Result<Secret, MissingSecret> {
        let missing = |(why, help)| MissingSecret { name: name.clone(), why, help };
        match self.bundle.secrets.get(name) {
            Some(sealed) => self.open(name, sealed).map_err(missing),
            None => secret::read(self.files, name).map_err(|error| missing((error.to_string(), error.help()))),
        }
    }

    fn open(&self, name: &SecretRef, sealed: &[u8]) -> Result<Secret, (String, String)> {
        let opener = self.opener.get_or_init(|| opener(self.key)).as_ref().map_err(Clone::clone)?;
        let Bundle { cluster, host, .. } = self.bundle;
        let command = |verb: &str| format!("rmqgit secret {verb} {name} --cluster {cluster}");
        let found = opener.open(sealed).and_then(|(envelope, secret)| {
            envelope.expect(cluster, name)?;
            envelope.expect_host(host)?;
            Ok(secret)
        });
        found.map_err(|error| {
            let help = match &error {
                OpenError::Stranger => format!(
                    "if the host has a new key, write it into the spec as `ssh_host_key` of `{host}` and run `{}`",
                    command("rekey")
                ),
                OpenError::Envelope(EnvelopeError::Host(_)) => {
                    format!("seal it for this host too: `{}`", command("rekey"))
                }
                OpenError::Envelope(EnvelopeError::Other { .. }) => {
                    "put each file back in its own place in the spec repository, and find out who moved it".to_owned()
                }
                OpenError::Envelope(EnvelopeError::Format(_)) => "install a newer rmqgit on this host".to_owned(),
                OpenError::Envelope(_) | OpenError::Damaged(_) => format!("seal it anew: `{}`", command("set")),
            };
            (format!("the sealed secret of the release cannot be used: {error}"), help)
        })
    }
}

fn opener(path: &Path) -> Result<Opener, (String, String)> {
    let key = secret::private_key(path).map_err(|error| {
        let help = match error {
            SecretError::Absent(_) => "`ssh-keygen -A` makes the host keys; write the new one into the spec".to_owned(),
            _ => error.help(),
        };
        (error.to_string(), help)
    })?;
    Opener::new(&key, || None).map_err(|error| {
        let help = match error {
            IdentityError::Locked | IdentityError::Passphrase => {
                "a host opens its secrets alone: give it a key without a passphrase"
            }
            IdentityError::Shape | IdentityError::Type => {
                "`host-key` in agent.yaml names the private Ed25519 key whose public key the spec has as `ssh_host_key`"
            }
        };
        (format!("`{}` cannot be used: {error}", path.display()), help.to_owned())
    })
}
