//! Secrets: by fingerprint, and what they are used for. Nobody here can open one.

use std::collections::{BTreeMap, BTreeSet};

use super::SecretChange;
use super::pair::Pair;
use super::words::{bare, quoted};
use crate::definitions::{Definitions, secret_references};
use crate::facts::platform;
use crate::name::SecretRef;
use crate::release::{Bundle, OnChange, Piece};
use crate::secret::{Fingerprint, Sealed, Tag};

/// Returns the secrets that were sealed anew, are new or gone.
pub(super) fn secrets(pair: &Pair<'_>) -> Vec<SecretChange> {
    let mut found: BTreeMap<(&SecretRef, Option<String>, Option<String>), SecretChange> = BTreeMap::new();
    for (host, old, new) in pair.staying() {
        for name in old.secrets.keys().chain(new.secrets.keys()).collect::<BTreeSet<_>>() {
            let (before, after) = (old.secrets.get(name), new.secrets.get(name));
            if before == after {
                continue;
            }
            let fingerprint = |bytes: Option<&Vec<u8>>| bytes.map(|bytes| Fingerprint::of(bytes).to_string());
            let key = (name, fingerprint(before), fingerprint(after));
            let (from, to) = (key.1.clone(), key.2.clone());
            let entry = found.entry(key).or_insert_with(|| {
                let used_for = uses(new, name);
                let used_for = if used_for.is_empty() { uses(old, name) } else { used_for };
                let text = sentence(name, before, after, &used_for);
                SecretChange { name: name.clone(), before: from, after: to, used_for, text, hosts: Vec::new() }
            });
            entry.hosts.push(pair.id(host));
        }
    }
    found.into_values().collect()
}

fn sentence(name: &SecretRef, before: Option<&Vec<u8>>, after: Option<&Vec<u8>>, used_for: &[String]) -> String {
    let what = match (before, after) {
        (None, _) => "is new",
        (_, None) => "is gone",
        (Some(before), Some(after)) if readers(before) == readers(after) => "has another value, or was sealed again",
        _ => "was sealed again for other readers; if it has another value too",
    };
    let uses = if used_for.is_empty() { String::new() } else { format!(": {}", used_for.join("; ")) };
    format!("secret {} {what}{uses}", quoted(name))
}

/// Whether a secret that both sides have was sealed again for the same readers: then its value changed, or somebody sealed it
/// again for no reason. Sealing it for other readers, as every new host or operator asks for, says nothing of the value.
pub(super) fn changed_value(old: &Bundle, new: &Bundle, name: &SecretRef) -> bool {
    match (old.secrets.get(name), new.secrets.get(name)) {
        (Some(before), Some(after)) => before != after && readers(before) == readers(after),
        _ => false,
    }
}

/// Whether a secret that both sides have was sealed again for other readers: then nobody can tell without a key whether its value
/// changed too.
pub(super) fn perhaps_changed(old: &Bundle, new: &Bundle, name: &SecretRef) -> bool {
    match (old.secrets.get(name), new.secrets.get(name)) {
        (Some(before), Some(after)) => before != after && !changed_value(old, new, name),
        _ => false,
    }
}

/// Returns the readers of a sealed file; its other recipients may be another noise each time.
fn readers(sealed: &[u8]) -> Option<BTreeSet<Tag>> {
    Sealed::parse(sealed).ok().map(|sealed| sealed.readers)
}

/// Says what a host uses a secret for, and what a new value does.
fn uses(bundle: &Bundle, name: &SecretRef) -> Vec<String> {
    let mut found = Vec::new();
    for (path, artifact) in &bundle.artifacts {
        let holds =
            artifact.content.iter().any(|piece| matches!(piece, Piece::Secret { name: other, .. } if other == name));
        if !holds {
            continue;
        }
        let done = match &artifact.on_change {
            _ if path.as_str() == platform::COOKIE => {
                "running nodes take it without a restart; hosts hold another one back until the spec grants `rotate-cookie`"
                    .to_owned()
            }
            OnChange::Reload(unit) => format!("{unit} reloads"),
            OnChange::Restart(unit) | OnChange::DaemonReload(unit) => format!("{unit} has to restart"),
            OnChange::Nothing | OnChange::Sysctl | OnChange::Units | OnChange::Plugins => {
                "no daemon is told".to_owned()
            }
        };
        found.push(format!("it stands in {path} ({done})"));
    }
    found.extend(bundle.definitions.iter().flat_map(|definitions| of_broker(definitions, name)));
    found
}

fn of_broker(definitions: &Definitions, name: &SecretRef) -> Vec<String> {
    let users = definitions.users.iter().filter(|(_, user)| user.password.as_ref() == Some(name));
    let users = users.map(|(user, _)| {
        format!("it is the password of user {} (changed while the brokers run; open connections stay)", quoted(user))
    });
    let parameters =
        definitions.parameters.iter().filter(|parameter| secret_references(&parameter.value).contains(name));
    let parameters = parameters
        .map(|parameter| format!("it stands in the {} {}", bare(&parameter.component), quoted(&parameter.name)));
    users.chain(parameters).collect()
}
