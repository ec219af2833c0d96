//! Git's protocol through SSH: one `git-upload-pack` on the server, over russh.
//!
//! The only asynchronous code of the host's half. The runtime lives as long as the connection, on the calling thread.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use russh::client::{self, Handle, Handler, Msg};
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate, decode_secret_key};
use russh::{Channel, ChannelMsg, Disconnect, Preferred};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{timeout, timeout_at};
use zeroize::Zeroizing;

use super::error::printable;
use super::known_hosts::{HostKeyError, KnownHost};
use super::wire::Deadline;
use super::{Remote, RemoteError};

/// How much of what the server's programs complain about is kept.
const MAX_COMPLAINT: usize = 2048;

/// A silent server is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// How long the end of a connection may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// Where an SSH remote is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// The user to log in as.
    pub(super) user: String,
    /// The server.
    pub(super) host: String,
    /// Its port.
    pub(super) port: u16,
    /// The repository, as the server shall see it.
    pub(super) path: String,
}

/// A `git-upload-pack` on a server.
pub(super) struct Ssh<'r> {
    remote: &'r Remote,
    deadline: Deadline,
    /// Dropped inside the runtime, because russh starts tasks when it goes.
    connection: Option<Connection>,
    runtime: Runtime,
    unread: io::Cursor<Vec<u8>>,
    complaint: Vec<u8>,
}

struct Connection {
    handle: Handle<Judge>,
    channel: Channel<Msg>,
}

impl<'r> Ssh<'r> {
    /// Connects, checks the server's key, logs in, starts `git-upload-pack`.
    pub(super) fn open(remote: &'r Remote, target: &Target) -> Result<Self, RemoteError> {
        let deadline = Deadline::of(remote);
        let key = load_key(remote)?;
        let known = load_known_hosts(remote, target)?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| RemoteError::away(remote, error))?;
        let connected = block_on(&runtime, deadline, connect(remote, target, key, known));
        let connection = connected.unwrap_or_else(|| Err(RemoteError::timeout(remote)))?;
        let (unread, complaint) = (io::Cursor::default(), Vec::new());
        Ok(Self { remote, deadline, connection: Some(connection), runtime, unread, complaint })
    }

    /// Sends a question to the program.
    pub(super) fn send(&mut self, message: &[u8]) -> Result<(), RemoteError> {
        let Some(connection) = &self.connection else {
            return Err(RemoteError::read(self.remote, io::ErrorKind::UnexpectedEof.into()));
        };
        match block_on(&self.runtime, self.deadline, connection.channel.data_bytes(message.to_vec())) {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(RemoteError::away(self.remote, error)),
            None => Err(RemoteError::timeout(self.remote)),
        }
    }

    /// Explains why the program said nothing: it told the reason on its standard error.
    pub(super) fn explain_greeting(&mut self, error: io::Error) -> RemoteError {
        if error.kind() == io::ErrorKind::UnexpectedEof && !self.complaint.is_empty() {
            return RemoteError::no_repository(self.remote, printable(&self.complaint));
        }
        RemoteError::read(self.remote, error)
    }

    /// Lets the program end by itself.
    pub(super) fn close(mut self: Box<Self>, farewell: &[u8]) {
        if let Some(Connection { handle, channel }) = self.connection.take() {
            // Nothing depends on what the other side makes of this, so it has a second, and failures are of no interest.
            let goodbye = async {
                channel.data_bytes(farewell.to_vec()).await?;
                channel.eof().await?;
                handle.disconnect(Disconnect::ByApplication, "", "en").await?;
                drop(channel);
                handle.await
            };
            let _ = self.runtime.block_on(async { timeout(FAREWELL, goodbye).await });
        }
    }

    /// Waits for bytes of the program's output; there are none at its end.
    fn fill(&mut self) -> io::Result<()> {
        loop {
            let Some(connection) = &mut self.connection else { return Ok(()) };
            match block_on(&self.runtime, self.deadline, connection.channel.wait()) {
                None => return Err(io::ErrorKind::TimedOut.into()),
                Some(Some(ChannelMsg::Data { data })) if !data.is_empty() => {
                    self.unread = io::Cursor::new(data.to_vec());
                    return Ok(());
                }
                Some(Some(ChannelMsg::ExtendedData { data, .. })) => {
                    let room = MAX_COMPLAINT.saturating_sub(self.complaint.len());
                    self.complaint.extend_from_slice(&data[..data.len().min(room)]);
                }
                // The end of the output may come before the last of the complaint.
                Some(Some(ChannelMsg::Close) | None) => return Ok(()),
                Some(Some(_)) => {}
            }
        }
    }
}

impl Read for Ssh<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.unread.read(buffer)? {
            0 if !buffer.is_empty() => {
                self.fill()?;
                self.unread.read(buffer)
            }
            count => Ok(count),
        }
    }
}

impl Drop for Ssh<'_> {
    fn drop(&mut self) {
        let _inside = self.runtime.enter();
        self.connection = None;
    }
}

fn block_on<F: Future>(runtime: &Runtime, deadline: Deadline, future: F) -> Option<F::Output> {
    runtime.block_on(async { timeout_at(deadline.instant().into(), future).await.ok() })
}

async fn connect(
    remote: &Remote,
    target: &Target,
    key: PrivateKey,
    known: KnownHost,
) -> Result<Connection, RemoteError> {
    let refused = Arc::new(Mutex::new(None));
    let config = client::Config {
        preferred: Preferred { key: known.prefer(&Preferred::DEFAULT.key).into(), ..Preferred::DEFAULT },
        keepalive_interval: Some(KEEPALIVE),
        nodelay: true,
        ..client::Config::default()
    };
    let away = |error: russh::Error| {
        let refused = refused.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (refused, error) {
            (Some(source), _) => RemoteError::host_key(remote, source),
            (None, russh::Error::NoCommonAlgo { kind, theirs, .. }) => {
                let theirs = printable(theirs.join(", ").as_bytes());
                RemoteError::protocol(remote, format!("no common {kind:?} algorithm; the server has {theirs}"))
            }
            (None, error) => RemoteError::away(remote, error),
        }
    };
    let judge = Judge { known, refused: Arc::clone(&refused) };
    let address = (target.host.as_str(), target.port);
    let mut handle = client::connect(Arc::new(config), address, judge).await.map_err(away)?;
    let key = PrivateKeyWithHashAlg::new(Arc::new(key), None);
    if !handle.authenticate_publickey(&target.user, key).await.map_err(away)?.success() {
        let (user, path) = (&target.user, remote.options().ssh_key.display());
        let why = format!("user `{user}` does not accept the key `{path}`; is its public half a deploy key there?");
        return Err(RemoteError::auth(remote, why));
    }
    let channel = handle.channel_open_session().await.map_err(away)?;
    // A server that does not accept this variable speaks version 0. Nothing is waited for, to save the way there and back.
    channel.set_env(false, "GIT_PROTOCOL", "version=2").await.map_err(away)?;
    channel.exec(false, format!("git-upload-pack {}", quoted(&target.path))).await.map_err(away)?;
    Ok(Connection { handle, channel })
}

/// Judges the server's key while the connection is made.
struct Judge {
    known: KnownHost,
    refused: Arc<Mutex<Option<HostKeyError>>>,
}

impl Handler for Judge {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        let checked = match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => self.known.check(key),
            PublicKeyOrCertificate::Certificate(_) => Err(HostKeyError::Certificate),
        };
        let trusted = checked.is_ok();
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = checked.err();
        Ok(trusted)
    }
}

/// Quotes a path for the shell on the server, as git does.
fn quoted(path: &str) -> String {
    format!("'{}'", path.replace('\'', r"'\''").replace('!', r"'\!'"))
}

fn load_key(remote: &Remote) -> Result<PrivateKey, RemoteError> {
    let path = &remote.options().ssh_key;
    let unusable = |why: String| RemoteError::OptionFile { option: "ssh-key", path: path.clone(), why };
    let mut file = File::open(path).map_err(|error| unusable(error.to_string()))?;
    let mode = file.metadata().map_err(|error| unusable(error.to_string()))?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(unusable(format!("others may read it (mode {mode:04o}); run `chmod 600` on it")));
    }
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(|error| unusable(error.to_string()))?;
    decode_secret_key(&text, None).map_err(|error| match error {
        russh::keys::Error::KeyIsEncrypted => {
            unusable("it has a passphrase, and nobody is there to type it".to_owned())
        }
        error => unusable(format!("{error}; use an Ed25519 or ECDSA key")),
    })
}

fn load_known_hosts(remote: &Remote, target: &Target) -> Result<KnownHost, RemoteError> {
    let path: &Path = &remote.options().known_hosts;
    let text = match fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        // The error about the unknown key tells how to make the file.
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => {
            let why = error.to_string();
            return Err(RemoteError::OptionFile { option: "known-hosts", path: path.to_owned(), why });
        }
    };
    KnownHost::read(&text, path, &target.host, target.port).map_err(|source| RemoteError::host_key(remote, source))
}
