//! `rmqgit secret check`: what `rmqgit check` says of secrets, and more for whoever can open them.

use std::io::Write as _;

use super::Place;
use super::desk::{Desk, Kept};
use crate::check::{Format, sealed, uses};
use crate::cli::check::count;
use crate::cli::{Exit, Failure, identity, load, stdout};
use crate::name::SecretRef;
use crate::secret::{Leaks, Opener};

/// Check that every host can read what it needs and nobody else can
///
/// Reads the headers of the sealed files, which name their readers: no private key is needed, and `rmqgit check`, `compile` and
/// `publish` check the same. With a key, what it opens is looked at too: whether a file holds what its name says, whether the
/// value fits its places, and whether it stands in plain text anywhere in the spec.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  $ rmqgit secret check
  $ rmqgit secret check --identity ~/.ssh/id_ed25519")]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    identity: identity::Optional,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let opener = args.identity.open()?;
    let mut desk = Desk::open(&args.place)?;
    let mut exit = Exit::Clean;
    let mut out = stdout();
    desk.checked.diags.retain(|diag| sealed::CODES.contains(&&*diag.code));
    desk.checked.waived.clear();
    out.write_all(load::render(&desk.checked, Format::Text).as_bytes())?;
    if !desk.checked.is_sound() {
        exit = Exit::Findings;
    }
    let mut count_opened = 0;
    for kept in &desk.clusters {
        for name in kept.needs.keys().filter(|name| kept.sealed(name).is_some()) {
            if let Some(opener) = &opener {
                count_opened += 1;
                for fault in faults(&desk, kept, name, opener) {
                    writeln!(out, "{}/{name}: {fault}", kept.cluster.name.value)?;
                    exit = Exit::Findings;
                }
            }
        }
    }
    if exit == Exit::Clean {
        let sealed: usize = desk.clusters.iter().map(|kept| kept.files.len()).sum();
        let looked = if opener.is_some() { format!(", {count_opened} opened") } else { String::new() };
        writeln!(out, "{}{looked}: no findings", count(sealed, "sealed secret"))?;
    }
    Ok(exit)
}

/// Returns what only the value can tell.
fn faults(desk: &Desk, kept: &Kept, name: &SecretRef, opener: &Opener) -> Vec<String> {
    let (envelope, secret) = match kept.open(opener, name) {
        Ok(found) => found,
        Err(failure) => return vec![failure.message],
    };
    let mut found = uses::refusals(&kept.cluster, &kept.bundles, name, secret.expose());
    let missing = kept.needs[name].iter().filter(|host| !envelope.hosts.contains(*host));
    found.extend(missing.map(|host| format!("its envelope is not for host `{host}`: `rmqgit secret rekey {name}`")));
    let leaks = Leaks::of(&secret);
    for (path, bytes) in &desk.files {
        found.extend(leaks.find(bytes).map(|form| format!("`{path}` holds its value, {form}: choose a new one")));
    }
    found
}
