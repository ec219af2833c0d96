//! `rmqgit secret rekey`: the same values, sealed for those who need them now.

use std::collections::BTreeSet;
use std::io::Write as _;

use super::Place;
use super::desk::{Desk, Kept};
use crate::check::sealed;
use crate::cli::{Exit, Failure, identity, stdout};
use crate::name::SecretRef;
use crate::secret::{Opener, PublicKey, Sealed, Tag};

/// Seal anew whatever is not sealed for exactly those who need it now
///
/// Needs the private key of an operator who can read the secrets. What is sealed right already stays as it is, so that no
/// host gets a new release for nothing. Whoever could read a value before may have kept it: after somebody left, give new
/// values with `generate` or `set`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  $ rmqgit secret rekey
  $ rmqgit secret rekey admin-password --cluster orders --identity ~/.ssh/ops")]
pub(super) struct Args {
    /// The secrets; all of them if none is named
    names: Vec<SecretRef>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    identity: identity::Required,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let opener = args.identity.open()?;
    let desk = Desk::open(&args.place)?;
    let mut todo: Vec<(&Kept, &SecretRef)> = Vec::new();
    for name in &args.names {
        todo.push((desk.one(name)?, name));
    }
    if args.names.is_empty() {
        let all = desk.clusters.iter().flat_map(|kept| kept.needs.keys().map(move |name| (kept, name)));
        todo.extend(all.filter(|(kept, name)| kept.sealed(name).is_some()));
    }
    let mut count = 0;
    let mut out = stdout();
    for (kept, name) in todo {
        if let Some(said) = rekey(&desk, kept, name, &opener)? {
            writeln!(out, "{said}")?;
            count += 1;
        }
    }
    if count == 0 {
        writeln!(out, "every secret is sealed for exactly those who need it")?;
    }
    Ok(Exit::Clean)
}

fn rekey(desk: &Desk, kept: &Kept, name: &SecretRef, opener: &Opener) -> Result<Option<String>, Failure> {
    let (envelope, secret) = kept.open(opener, name)?;
    let hosts = &kept.needs[name];
    let wanted: BTreeSet<Tag> = sealed::readers(&kept.cluster, hosts).iter().map(PublicKey::tag).collect();
    let right = kept
        .sealed(name)
        .and_then(|bytes| Sealed::parse(bytes).ok())
        .is_some_and(|sealed| sealed.readers == wanted && sealed.strangers.is_empty());
    if right && envelope.hosts == *hosts {
        return Ok(None);
    }
    desk.write(kept, name, &secret).map(Some)
}
