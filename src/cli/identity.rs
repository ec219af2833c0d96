//! The private key of the person or machine that runs a verb.

use std::path::{Path, PathBuf};

use crate::secret::{IdentityError, Opener};
use crate::sys::process;
use crate::sys::secret::{self, SecretError};
use crate::sys::terminal;

use super::Failure;

/// Where the key is that a person has made with `ssh-keygen -t ed25519`, below the home directory.
const DEFAULT: &str = ".ssh/id_ed25519";

/// The private key of verbs that can do without one.
#[derive(Debug, clap::Args)]
pub(super) struct Optional {
    /// Open what this private Ed25519 key opens, and refuse output that holds one of those secrets
    #[arg(long, value_name = "FILE", env = "RMQGIT_IDENTITY")]
    identity: Option<PathBuf>,
}

/// The private key of verbs that need one.
#[derive(Debug, clap::Args)]
pub(super) struct Required {
    /// The private Ed25519 key of an operator [default: ~/.ssh/id_ed25519]
    #[arg(long, value_name = "FILE", env = "RMQGIT_IDENTITY")]
    identity: Option<PathBuf>,
}

impl Optional {
    /// Reads the key, if one is named.
    pub(super) fn open(&self) -> Result<Option<Opener>, Failure> {
        self.identity.as_deref().map(open).transpose()
    }
}

impl Required {
    /// Reads the key.
    pub(super) fn open(&self) -> Result<Opener, Failure> {
        if let Some(path) = &self.identity {
            return open(path);
        }
        let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
        let home =
            home.ok_or_else(|| Failure::usage("there is no home directory").help("name the key: --identity FILE"))?;
        open(&Path::new(&home).join(DEFAULT))
    }
}

fn open(path: &Path) -> Result<Opener, Failure> {
    process::keep_memory_private();
    let key = secret::private_key(path).map_err(|error| {
        let failure = Failure::from_error(&error);
        match error {
            SecretError::Absent(_) => failure.help("name the private key of an operator: --identity FILE"),
            error => failure.help(error.help()),
        }
    })?;
    let mut asked = None;
    let ask = || match terminal::ask_hidden(&format!("Passphrase of {}: ", path.display())) {
        Ok(phrase) => Some(phrase),
        Err(error) => {
            asked = Some(error);
            None
        }
    };
    Opener::new(&key, ask).map_err(|error| {
        let failure = Failure::new(format!("`{}` cannot be used: {error}", path.display()));
        match (&error, asked) {
            (IdentityError::Locked, Some(why)) => failure.help(format!("there is nobody to ask for it: {why}")),
            (IdentityError::Type | IdentityError::Shape, _) => {
                failure.help("`ssh-keygen -t ed25519` makes a key; security keys and agents cannot open secrets")
            }
            _ => failure,
        }
    })
}
