//! Joins a bundle's secrets into its files and into the broker's objects, on the host that needs them.

use std::collections::BTreeMap;

use crate::live::Bytes;
use crate::name::SecretRef;
use crate::plan::{Desired, Joined, JoinedSecret, MissingSecret, Wanted};
use crate::quote;
use crate::release::{Artifact, Bundle, Piece};
use crate::secret::Secret;

use super::holding;
use super::keyring::Keyring;

/// Returns the files and the broker's objects of a bundle with their secrets. A secret that cannot be had stops only what
/// needs it.
pub(super) fn join(bundle: &Bundle, keyring: &Keyring<'_>) -> Desired {
    let mut known: BTreeMap<SecretRef, Result<Secret, MissingSecret>> = BTreeMap::new();
    let mut read = |name: &SecretRef| known.entry(name.clone()).or_insert_with(|| keyring.read(name)).clone();
    let wanted = |artifact: &Artifact| Wanted {
        content: content(&artifact.content, &mut read),
        mode: artifact.mode,
        owner: artifact.owner.clone(),
        check: artifact.check,
        on_change: artifact.on_change.clone(),
        part: artifact.part,
    };
    let mut wanted = wanted;
    let files = bundle.artifacts.iter().map(|(path, artifact)| (path.clone(), wanted(artifact))).collect();
    let definitions = bundle.definitions.as_ref();
    Desired {
        files,
        holding: definitions.map(|definitions| holding::join(definitions, bundle.role.broker.as_ref(), &mut read)),
        role: bundle.role.clone(),
        maintenance: bundle.maintenance.clone(),
        grants: bundle.grants.clone(),
    }
}

fn content(
    pieces: &[Piece],
    read: &mut impl FnMut(&SecretRef) -> Result<Secret, MissingSecret>,
) -> Result<Joined, MissingSecret> {
    // One allocation that never moves: a copy left behind by a growing buffer would not be wiped.
    let mut parts = Vec::with_capacity(pieces.len());
    for piece in pieces {
        parts.push(match piece {
            Piece::Text(text) => (None, Bytes::new(text.clone().into_bytes())),
            Piece::Secret { name, syntax } => {
                let secret = read(name)?;
                let quoted = quote::quote(*syntax, secret.expose()).map_err(|error| MissingSecret {
                    name: name.clone(),
                    why: error.to_string(),
                    help: "give the secret a value that can stand in this file".to_owned(),
                })?;
                let value = Bytes::new(secret.expose().as_bytes().to_vec());
                (Some((name.clone(), value)), Bytes::new(quoted.into_bytes()))
            }
        });
    }
    let mut bytes = Vec::with_capacity(parts.iter().map(|(_, part)| part.as_slice().len()).sum());
    let mut secrets = Vec::new();
    for (secret, part) in parts {
        let start = bytes.len();
        bytes.extend_from_slice(part.as_slice());
        if let Some((name, value)) = secret {
            secrets.push(JoinedSecret { name, range: start..bytes.len(), value });
        }
    }
    Ok(Joined { bytes: Bytes::new(bytes), secrets })
}
