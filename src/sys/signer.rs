//! Signs with an SSH key: one in a file, or one that an ssh-agent holds.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use russh::keys::agent::client::AgentClient;
use russh::keys::ssh_key::{HashAlg, LineEnding, PrivateKey, PublicKey, Signature, SshSig};
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};
use zeroize::Zeroizing;

use crate::trust::commit;
use crate::trust::signature::{Key, NAMESPACE};

/// How a private key in the format of OpenSSH begins.
const PRIVATE: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";

/// The largest file that is read as a key.
const BIGGEST: u64 = 64 << 10;

/// Says why nothing can be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// The file of the key cannot be read.
    #[error("cannot read the key `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others may read the private key.
    #[error("others may read the private key `{}` (mode {mode:04o})", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file holds no key.
    #[error("`{}` holds neither a private key of OpenSSH nor a public one", .0.display())]
    Shape(PathBuf),
    /// The key has a passphrase, and the agent does not have it.
    #[error("the private key `{}` has a passphrase, and no ssh-agent has it open", .0.display())]
    Passphrase(PathBuf),
    /// No key of this type is used.
    #[error("`{key}` is a key of type {algorithm}, which rmqgit does not sign with")]
    KeyType {
        /// The key as it was given.
        key: String,
        /// Its type.
        algorithm: String,
    },
    /// There is no agent.
    #[error("`{0}` is a public key, and no ssh-agent can be asked for its private half (SSH_AUTH_SOCK)")]
    NoAgent(String),
    /// The agent does not have the key.
    #[error("the ssh-agent does not have the key `{0}`")]
    NotInAgent(String),
    /// The agent failed.
    #[error("the ssh-agent did not answer as expected")]
    Agent(#[source] russh::keys::Error),
    /// The key does not sign.
    #[error("the key does not sign")]
    Key(#[source] russh::keys::ssh_key::Error),
}

impl SignerError {
    /// Says what to do.
    pub fn help(&self) -> Option<&'static str> {
        Some(match self {
            Self::Open { .. } => "chmod 600 that file",
            Self::Passphrase(_) => "start an agent and add the key: eval \"$(ssh-agent)\"; ssh-add KEY",
            Self::KeyType { .. } | Self::Shape(_) => "make one with: ssh-keygen -t ed25519 -f KEY",
            Self::NoAgent(_) | Self::NotInAgent(_) => {
                "start an agent and add the key with ssh-add, or name the private key's file"
            }
            Self::Read { .. } => {
                "name the file of a private key, or a public one or a fingerprint (SHA256:...) whose private half an ssh-agent has"
            }
            Self::Agent(_) => "`ssh-add -l` shows what the agent has; a key that asks for every use must be confirmed",
            Self::Key(_) => return None,
        })
    }
}

/// A key that signs. Threads may share it.
pub struct Signer {
    public: PublicKey,
    key: Key,
    way: Way,
}

enum Way {
    File(Box<PrivateKey>),
    Agent(Mutex<Agent>),
}

struct Agent {
    runtime: Runtime,
    client: AgentClient<UnixStream>,
}

impl Signer {
    /// Finds a key: the file of a private one, or a public one (a file, or a fingerprint) whose private half an agent at
    /// `socket` has.
    pub fn open(key: &str, socket: Option<&Path>) -> Result<Self, SignerError> {
        if key.starts_with("SHA256:") {
            return of_agent(key, socket, |found| found.fingerprint(HashAlg::Sha256).to_string() == key);
        }
        let path = Path::new(key);
        let text = read(path)?;
        if !text.trim_start().starts_with(PRIVATE) {
            let public = PublicKey::from_openssh(text.trim()).map_err(|_| SignerError::Shape(path.to_owned()))?;
            return of_agent(key, socket, |found| found.key_data() == public.key_data());
        }
        let private = PrivateKey::from_openssh(text.trim_start()).map_err(|_| SignerError::Shape(path.to_owned()))?;
        if private.is_encrypted() {
            let public = private.public_key().key_data();
            return match of_agent(key, socket, |found| found.key_data() == public) {
                Err(SignerError::NoAgent(_) | SignerError::NotInAgent(_)) => {
                    Err(SignerError::Passphrase(path.to_owned()))
                }
                found => found,
            };
        }
        Self::new(key, private.public_key().clone(), Way::File(Box::new(private)))
    }

    fn new(name: &str, public: PublicKey, way: Way) -> Result<Self, SignerError> {
        match Key::new(public.key_data()) {
            Some(key) => Ok(Self { public, key, way }),
            None => Err(SignerError::KeyType { key: name.to_owned(), algorithm: public.algorithm().to_string() }),
        }
    }

    /// Returns the public key.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Signs a commit: returns its bytes with the signature in them.
    pub fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        let signature = match &self.way {
            Way::File(private) => private.sign(NAMESPACE, HashAlg::Sha512, payload).map_err(SignerError::Key)?,
            Way::Agent(agent) => {
                let data = SshSig::signed_data(NAMESPACE, HashAlg::Sha512, payload).map_err(SignerError::Key)?;
                let made = agent.lock().unwrap_or_else(PoisonError::into_inner).sign(&self.public, &data)?;
                SshSig::new(self.public.key_data().clone(), NAMESPACE, HashAlg::Sha512, made)
                    .map_err(SignerError::Key)?
            }
        };
        let armor = signature.to_pem(LineEnding::LF).map_err(SignerError::Key)?;
        Ok(commit::seal(payload, &armor))
    }
}

impl Agent {
    fn open(socket: &Path) -> Result<Self, russh::keys::Error> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let client = runtime.block_on(AgentClient::connect_uds(socket))?;
        Ok(Self { runtime, client })
    }

    fn sign(&mut self, key: &PublicKey, data: &[u8]) -> Result<Signature, SignerError> {
        let Self { runtime, client } = self;
        runtime.block_on(client.sign_request_signature(key, None, data)).map_err(SignerError::Agent)
    }
}

fn of_agent(name: &str, socket: Option<&Path>, wanted: impl Fn(&PublicKey) -> bool) -> Result<Signer, SignerError> {
    let missing = || SignerError::NoAgent(name.to_owned());
    let mut agent = Agent::open(socket.ok_or_else(missing)?).map_err(|_| missing())?;
    let Agent { runtime, client } = &mut agent;
    let found = runtime.block_on(client.request_identities()).map_err(SignerError::Agent)?;
    let mut keys = found.iter().map(|identity| identity.public_key().into_owned());
    match keys.find(wanted) {
        Some(public) => Signer::new(name, public, Way::Agent(Mutex::new(agent))),
        None => Err(SignerError::NotInAgent(name.to_owned())),
    }
}

fn read(path: &Path) -> Result<Zeroizing<String>, SignerError> {
    let failed = |source| SignerError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.mode() & 0o777;
    let mut text = Zeroizing::new(String::new());
    file.take(BIGGEST).read_to_string(&mut text).map_err(failed)?;
    // ssh-keygen does not use such a key either.
    if mode & 0o077 != 0 && text.trim_start().starts_with(PRIVATE) {
        return Err(SignerError::Open { path: path.to_owned(), mode });
    }
    Ok(text)
}
