//! Looks at what the targets need before anything has to be told.

use std::collections::BTreeMap;

use crate::alert::{Keys, Service, Target};
use crate::sys::post;

use super::super::Settings;
use super::deliver::{Way, sender};
use super::keys;

/// What was found of one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The target.
    pub target: String,
    /// Its service.
    pub service: &'static str,
    /// Why nothing can be sent to it; nothing where it can be tried.
    pub failure: Option<String>,
}

/// Reads the files of every target on this host, and sends nothing.
pub fn check(settings: &Settings) -> Vec<Checked> {
    let alerts = settings.alerts.clone().unwrap_or_default();
    let way = Way::new(settings, &alerts, sender(settings, &alerts, None)).err().map(|error| error.to_string());
    let targets: BTreeMap<String, Target> = alerts.targets(&settings.cluster);
    let one = |(target, Target { service, .. }): (String, Target)| {
        let keys = keys::read(settings, &service).and_then(|keys| usable(&service, &keys));
        Checked { target, service: service.name(), failure: way.clone().or(keys.err()) }
    };
    targets.into_iter().map(one).collect()
}

/// Says why an address is none that a message may be sent to; it is a secret, and not repeated.
fn usable(service: &Service, keys: &Keys) -> Result<(), String> {
    let wrong = |url: &crate::secret::Secret| !post::is_safe(url.expose(), false);
    match &keys.url {
        Some(url) if wrong(url) => {
            let file =
                service.files().into_iter().map(|(_, file)| file.display().to_string()).next().unwrap_or_default();
            Err(format!("`{file}` holds no address of https, nor one of http on this machine"))
        }
        _ => Ok(()),
    }
}
