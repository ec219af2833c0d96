//! The public keys that secrets are sealed for.

use std::collections::BTreeMap;

use super::hosts::Hosts;
use crate::diag::{At, Diagnostic, Diagnostics, Place};
use crate::secret::{KeyError, PublicKey};
use crate::spec;

/// Reads the key of a host.
pub(super) fn lower_host_key(diags: &mut Diagnostics, key: &At<String>, address: &At<String>) -> Option<At<PublicKey>> {
    read(diags, key, |error| error.help_of_host(&address.value))
}

/// Reads the keys of the operators.
pub(super) fn lower_operators(diags: &mut Diagnostics, spec: &spec::Cluster) -> Vec<(String, At<PublicKey>)> {
    let one = |(name, key): &(At<String>, At<String>)| {
        super::check_word(diags, &name.value, name.place, "an operator");
        Some((name.value.clone(), read(diags, key, KeyError::help_of_operator)?))
    };
    spec.operators.iter().filter_map(one).collect()
}

fn read(diags: &mut Diagnostics, key: &At<String>, help: impl Fn(&KeyError) -> String) -> Option<At<PublicKey>> {
    match PublicKey::parse(&key.value) {
        Ok(value) => Some(At { value, place: key.place }),
        Err(error) => {
            let fault = match &error {
                KeyError::Private => Diagnostic::error("plain-text-secret", "a private key stands in the spec"),
                error => Diagnostic::error("unusable-ssh-key", error.to_string()),
            };
            diags.push(fault.at(key.place, "given here").help(help(&error)));
            None
        }
    }
}

/// Refuses a key that two have: a copied virtual machine has the host key of its original.
pub(super) fn refuse_repeated(diags: &mut Diagnostics, hosts: &Hosts, operators: &[(String, At<PublicKey>)]) {
    let mut seen: BTreeMap<&PublicKey, (String, Place)> = BTreeMap::new();
    let of_hosts =
        hosts.values().filter_map(|host| Some((format!("host `{}`", host.name.value), host.ssh_host_key.as_ref()?)));
    let of_operators = operators.iter().map(|(name, key)| (format!("operator `{name}`"), key));
    for (owner, key) in of_hosts.chain(of_operators) {
        if let Some((first, place)) = seen.get(&key.value) {
            diags.push(
                Diagnostic::error("duplicate-ssh-key", format!("{first} and {owner} have the same key"))
                    .at(key.place, "given again here")
                    .at(*place, "first given here")
                    .help(
                        "each reads secrets with a key of its own; on a copied machine, remove /etc/ssh/ssh_host_* and run \
                         `ssh-keygen -A`",
                    ),
            );
        } else {
            seen.insert(&key.value, (owner, key.place));
        }
    }
}
