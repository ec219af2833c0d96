//! `rmqgit secret list`: which secrets there are, what they are for and who can read them.

use std::collections::BTreeMap;
use std::io::Write as _;

use serde::Serialize;

use super::Place;
use super::desk::{Desk, Kept};
use crate::check::sealed;
use crate::check::uses::{self, Use};
use crate::cli::out::Format;
use crate::cli::{Exit, Failure, stdout};
use crate::name::{ClusterName, HostName, SecretRef};
use crate::release::{SEALED, canonical_json};
use crate::secret::{Fingerprint, Sealed, Tag};

/// Show which secrets there are, what they are for and who can read them
///
/// A fingerprint belongs to the sealed file, not to the value: it changes whenever the secret is sealed, and nobody can try
/// out values against it. No private key is needed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  $ rmqgit secret list
  $ rmqgit secret list --cluster orders --format json")]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// How to write the list
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// What `--format json` prints.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(title = "rmqgit secret list")]
pub(in crate::cli) struct Listed {
    /// The version of this document, 1.
    format: u32,
    /// The secrets, sorted by cluster and name.
    secrets: Vec<OneSecret>,
}

/// One secret of one cluster.
#[derive(Debug, Serialize, schemars::JsonSchema)]
struct OneSecret {
    /// The cluster.
    cluster: ClusterName,
    /// The name, as the spec has it in `{secret: NAME}`.
    name: SecretRef,
    /// What it is for, in words; empty if nothing needs it.
    uses: Vec<String>,
    /// The hosts that need it.
    hosts: Vec<HostName>,
    /// Where its value comes from.
    kept: Kind,
    /// Who can read the sealed file: `host NAME`, `operator NAME`, or what is known of somebody else's key.
    readers: Vec<String>,
    /// The start of the digest of the sealed file, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
}

/// Where the value of a secret comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    /// A sealed file of the repository.
    Sealed,
    /// Nobody has sealed it yet.
    Missing,
    /// The hosts have files of their own.
    OnHosts,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let desk = Desk::open(&args.place)?;
    let mut secrets: Vec<OneSecret> = desk.clusters.iter().flat_map(of_cluster).collect();
    secrets.sort_by(|a, b| (&a.cluster, &a.name).cmp(&(&b.cluster, &b.name)));
    let mut out = stdout();
    match args.format {
        Format::Json => out.write_all(canonical_json(&Listed { format: 1, secrets }).as_bytes())?,
        Format::Text => {
            for one in &secrets {
                let state = match (one.kept, &one.fingerprint) {
                    (Kind::Sealed, Some(fingerprint)) => fingerprint.clone(),
                    (Kind::OnHosts, _) => "on the hosts".to_owned(),
                    _ => "not sealed yet".to_owned(),
                };
                writeln!(out, "{}/{}: {state}", one.cluster, one.name)?;
                let uses = if one.uses.is_empty() { "nothing".to_owned() } else { one.uses.join(", ") };
                writeln!(out, "  for      {uses}")?;
                if !one.readers.is_empty() {
                    writeln!(out, "  readers  {}", one.readers.join(", "))?;
                }
            }
        }
    }
    Ok(Exit::Clean)
}

fn of_cluster(kept: &Kept) -> Vec<OneSecret> {
    let unused = kept.files.keys().filter_map(|file| SecretRef::parse(file.strip_suffix(SEALED)?).ok());
    let mut names: Vec<SecretRef> = kept.needs.keys().cloned().chain(unused).collect();
    names.sort();
    names.dedup();
    let owners = sealed::owners(&kept.cluster);
    let one = |name: SecretRef| OneSecret {
        cluster: kept.cluster.name.value.clone(),
        uses: uses::uses(&kept.cluster, &name).iter().map(Use::describe).collect(),
        hosts: kept.needs.get(&name).into_iter().flatten().cloned().collect(),
        kept: match kept.sealed(&name) {
            Some(_) => Kind::Sealed,
            None if sealed::is_kept(&kept.cluster, &kept.files) => Kind::Missing,
            None => Kind::OnHosts,
        },
        readers: kept.sealed(&name).map(|bytes| readers(&owners, bytes)).unwrap_or_default(),
        fingerprint: kept.sealed(&name).map(|bytes| Fingerprint::of(bytes).to_string()),
        name,
    };
    names.into_iter().map(one).collect()
}

fn readers(owners: &BTreeMap<Tag, String>, bytes: &[u8]) -> Vec<String> {
    let Ok(sealed) = Sealed::parse(bytes) else { return vec!["nobody: the file is damaged".to_owned()] };
    let known = |tag: &Tag| owners.get(tag).map_or_else(|| format!("key {tag}"), |owner| owner.replace('`', ""));
    let mut readers: Vec<String> = sealed.readers.iter().map(known).collect();
    readers.extend(sealed.strangers.iter().map(|kind| format!("a recipient of the kind {kind}")));
    readers.sort();
    readers
}
