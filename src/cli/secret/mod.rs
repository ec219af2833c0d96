//! `rmqgit secret`: the sealed secrets of a spec repository.

mod audit;
mod desk;
mod list;
mod rekey;
mod write;

use std::path::PathBuf;

pub(super) use list::Listed;

use super::{Exit, Failure};
use crate::name::{ClusterName, SecretRef};

/// Keep the secrets of a spec repository, sealed for the hosts that need them
///
/// A secret is the file secrets/CLUSTER/NAME.age, sealed for the SSH keys of the hosts that need it (`ssh_host_key`) and of
/// the operators (`operators`). No private key is needed to write one, nor to check, compile or publish; the host opens it
/// with /etc/ssh/ssh_host_ed25519_key.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  $ rmqgit secret generate --missing           # whatever the spec names and nobody has sealed yet
  $ rmqgit secret set admin-password           # asks for the value, or reads it from standard input
  $ rmqgit secret list
  $ rmqgit secret rekey                        # after a host or an operator came or went")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Seal a value that you type, or that comes from standard input
    Set(write::Set),
    /// Seal a random value that fits every place where the secret is used
    Generate(write::Generate),
    /// Change a value in your editor
    Edit(write::Edit),
    /// Show which secrets there are, what they are for and who can read them
    List(list::Args),
    /// Seal anew whatever is not sealed for exactly those who need it now
    Rekey(rekey::Args),
    /// Check that every host can read what it needs and nobody else can
    Check(audit::Args),
}

/// Which spec repository, and which cluster of it.
#[derive(Debug, clap::Args)]
struct Place {
    /// The spec repository, or the rmqgit.yaml in it
    #[arg(short = 'C', long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// The cluster, where the name alone does not say it
    #[arg(long, value_name = "NAME")]
    cluster: Option<ClusterName>,
}

/// One secret.
#[derive(Debug, clap::Args)]
struct Named {
    /// The secret, as the spec names it: `{secret: NAME}`
    name: SecretRef,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    match &args.what {
        What::Set(args) => write::set(args),
        What::Generate(args) => write::generate(args),
        What::Edit(args) => write::edit(args),
        What::List(args) => list::run(args),
        What::Rekey(args) => rekey::run(args),
        What::Check(args) => audit::run(args),
    }
}
