//! The secrets of targets: small files that nobody else can read, or sealed for this host.

use std::path::{Path, PathBuf};

use crate::alert::{Key, Keys, Service};
use crate::name::SecretRef;
use crate::secret::{Opener, Secret};
use crate::sys::secret;

use super::super::Settings;

/// How a file begins that `rmqgit secret` has sealed.
const SEALED: &str = "-----BEGIN AGE ENCRYPTED FILE-----";

/// Reads the secrets of a target, or says why one cannot be had.
pub(super) fn read(settings: &Settings, service: &Service) -> Result<Keys, String> {
    let mut keys = Keys::default();
    for (key, file) in service.files() {
        let path = below(&settings.root, file);
        let found = secret::read_file(&path).map_err(|error| format!("{error}; {}", error.help()))?;
        let found = if found.expose().starts_with(SEALED) { open(settings, &path, &found)? } else { found };
        // An editor leaves blanks behind a line, and a mark before it; no address or token has any.
        let line = found.expose().trim_start_matches('\u{feff}').trim();
        let found = Secret::new(line.to_owned().into());
        if found.expose().is_empty() || found.expose().contains(char::is_control) {
            return Err(format!("`{}` does not hold one line", path.display()));
        }
        match key {
            Key::Url => keys.url = Some(found),
            Key::Token => keys.token = Some(found),
            Key::Secret => keys.secret = Some(found),
        }
    }
    Ok(keys)
}

pub(super) fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// Opens what is sealed. The file has the name of its secret, and must be of this cluster and for this host.
fn open(settings: &Settings, path: &Path, sealed: &Secret) -> Result<Secret, String> {
    let wrong = |why: String| format!("`{}` cannot be opened: {why}", path.display());
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let name = SecretRef::parse(stem).map_err(|error| wrong(error.to_string()))?;
    let key = secret::private_key(&settings.host_key).map_err(|error| wrong(error.to_string()))?;
    let opener = Opener::new(&key, || None).map_err(|error| wrong(error.to_string()))?;
    let (envelope, value) = opener.open(sealed.expose().as_bytes()).map_err(|error| wrong(error.to_string()))?;
    envelope.expect(&settings.cluster, &name).map_err(|error| wrong(error.to_string()))?;
    envelope.expect_host(&settings.host).map_err(|error| wrong(error.to_string()))?;
    Ok(value)
}
