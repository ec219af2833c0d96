//! Git's protocol over HTTP, by gitprotocol-http(5).

use std::error::Error;
use std::fs;
use std::io::{self, BufReader, Read};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ureq::http::{Response, StatusCode, Uri};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, BodyReader, ResponseExt};
use zeroize::Zeroizing;

use super::protocol::AGENT;
use super::wire::Deadline;
use super::{Remote, RemoteError};

/// A server is followed to at most this many other places, and only before any question.
const MAX_REDIRECTS: u32 = 3;

const SERVICE: &str = "/info/refs?service=git-upload-pack";

/// Where an HTTP remote is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// `https://host[:port]/path`, without user and trailing slash.
    pub(super) base: String,
    /// The user of the URL.
    pub(super) user: Option<String>,
    /// Whether it is `https`.
    pub(super) secure: bool,
}

/// A connection to a web server.
pub(super) struct Http<'r> {
    remote: &'r Remote,
    agent: Agent,
    deadline: Deadline,
    /// Where the questions go: the base of the URL, or where that redirected to.
    base: String,
    /// The value of `Authorization`, for the server of the URL alone.
    authorization: Option<Zeroizing<String>>,
    version_two: bool,
    answer: BufReader<BodyReader<'static>>,
}

impl<'r> Http<'r> {
    /// Asks for the refs, or for the capabilities of version 2.
    pub(super) fn open(remote: &'r Remote, target: &Target) -> Result<Self, RemoteError> {
        let deadline = Deadline::of(remote);
        let agent = agent(remote, target)?;
        let authorization = authorization(remote, target)?;
        let url = format!("{}{SERVICE}", target.base);
        let mut request = agent.get(&url).header("Git-Protocol", "version=2");
        if let Some(value) = &authorization {
            request = request.header("Authorization", value.as_str());
        }
        let request = request.config().timeout_global(Some(deadline.left())).build();
        let response = request.call().map_err(|error| explain(remote, error))?;
        let response = accepted(remote, response, "application/x-git-upload-pack-advertisement")?;
        let place = response.get_uri().clone();
        let (base, same) = redirected(target, &place)
            .ok_or_else(|| RemoteError::protocol(remote, format!("it redirects to {place}, which is no repository")))?;
        let answer = BufReader::new(response.into_body().into_reader());
        let authorization = authorization.filter(|_| same);
        Ok(Self { remote, agent, deadline, base, authorization, version_two: false, answer })
    }

    pub(super) fn remote(&self) -> &'r Remote {
        self.remote
    }

    pub(super) fn speak_v2(&mut self) {
        self.version_two = true;
    }

    /// Sends a question of its own.
    pub(super) fn send(&mut self, message: &[u8]) -> Result<(), RemoteError> {
        let url = format!("{}/git-upload-pack", self.base);
        let mut request = self.agent.post(&url).content_type("application/x-git-upload-pack-request");
        if self.version_two {
            request = request.header("Git-Protocol", "version=2");
        }
        if let Some(value) = &self.authorization {
            request = request.header("Authorization", value.as_str());
        }
        let request = request.config().timeout_global(Some(self.deadline.left())).max_redirects(0).build();
        let response = request.send(message).map_err(|error| explain(self.remote, error))?;
        let response = accepted(self.remote, response, "application/x-git-upload-pack-result")?;
        self.answer = BufReader::new(response.into_body().into_reader());
        Ok(())
    }
}

impl Read for Http<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.answer.read(buffer).map_err(|error| match ureq::Error::from(error) {
            ureq::Error::Timeout(_) => io::ErrorKind::TimedOut.into(),
            ureq::Error::Protocol(error) => io::Error::new(io::ErrorKind::InvalidData, error.to_string()),
            error => error.into_io(),
        })
    }
}

fn agent(remote: &Remote, target: &Target) -> Result<Agent, RemoteError> {
    let roots = match &remote.options().ca_file {
        None => RootCerts::PlatformVerifier,
        Some(path) => {
            let unusable = |why: String| RemoteError::OptionFile { option: "ca-file", path: path.clone(), why };
            let pem = fs::read(path).map_err(|error| unusable(error.to_string()))?;
            let items = parse_pem(&pem).collect::<Result<Vec<_>, _>>().map_err(|error| unusable(error.to_string()))?;
            let certificates: Vec<_> = items
                .into_iter()
                .filter_map(|item| match item {
                    PemItem::Certificate(certificate) => Some(certificate),
                    _ => None,
                })
                .collect();
            if certificates.is_empty() {
                return Err(unusable("it holds no certificate in PEM".to_owned()));
            }
            RootCerts::new_with_certs(&certificates)
        }
    };
    let config = Agent::config_builder()
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .https_only(target.secure)
        .max_redirects(MAX_REDIRECTS)
        .http_status_as_error(false)
        .user_agent(AGENT)
        .build();
    Ok(config.new_agent())
}

/// Reads the token file: `user:password`, or a token, which the forges take as the password of any user.
fn authorization(remote: &Remote, target: &Target) -> Result<Option<Zeroizing<String>>, RemoteError> {
    let Some(path) = &remote.options().token_file else { return Ok(None) };
    let unusable = |why: String| RemoteError::OptionFile { option: "token-file", path: path.clone(), why };
    let text = Zeroizing::new(fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?);
    let text = text.trim();
    if text.is_empty() || text.contains(char::is_control) {
        return Err(unusable("it does not hold one line".to_owned()));
    }
    let user = target.user.as_deref().unwrap_or("git");
    let pair = Zeroizing::new(if text.contains(':') { text.to_owned() } else { format!("{user}:{text}") });
    let encoded = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
    Ok(Some(Zeroizing::new(format!("Basic {}", encoded.as_str()))))
}

/// Returns the base of the place that answered, and whether that is the server of the URL.
fn redirected(target: &Target, place: &Uri) -> Option<(String, bool)> {
    let base = place.to_string().strip_suffix(SERVICE)?.to_owned();
    let origin: Uri = target.base.parse().ok()?;
    let same = origin.scheme() == place.scheme() && origin.authority() == place.authority();
    Some((base, same))
}

/// Judges the status and the type of an answer.
fn accepted(remote: &Remote, response: Response<Body>, expect: &str) -> Result<Response<Body>, RemoteError> {
    let status = response.status();
    let kind = response.headers().get("content-type").and_then(|value| value.to_str().ok());
    match status {
        StatusCode::OK if kind == Some(expect) => Ok(response),
        StatusCode::OK => {
            let kind = kind.unwrap_or("nothing").chars().take(80).collect::<String>();
            Err(RemoteError::no_repository(remote, format!("it answers with `{kind}` instead of `{expect}`")))
        }
        StatusCode::UNAUTHORIZED if remote.options().token_file.is_none() => Err(RemoteError::auth(
            remote,
            "it asks for a password; put a token into a file and name it as `token-file`",
        )),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            Err(RemoteError::auth(remote, format!("it answers {status}; is the token valid, and may it read?")))
        }
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            Err(RemoteError::no_repository(remote, format!("it answers {status}; private ones often do to strangers")))
        }
        _ => Err(RemoteError::away(remote, format!("it answers {status}"))),
    }
}

fn explain(remote: &Remote, error: ureq::Error) -> RemoteError {
    let tls = |source: Box<dyn Error + Send + Sync>| RemoteError::Tls { remote: remote.to_string(), source };
    match error {
        ureq::Error::Timeout(_) => RemoteError::timeout(remote),
        ureq::Error::Rustls(_) | ureq::Error::Tls(_) | ureq::Error::RequireHttpsOnly(_) => tls(error.into()),
        // rustls reports a refused certificate through the stream that it encrypts.
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => tls(error.into()),
        ureq::Error::Protocol(error) => RemoteError::protocol(remote, error.to_string()),
        ureq::Error::TooManyRedirects | ureq::Error::RedirectFailed | ureq::Error::LargeResponseHeader(..) => {
            RemoteError::protocol(remote, error.to_string())
        }
        ureq::Error::Io(error) => RemoteError::away(remote, error),
        error => RemoteError::away(remote, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_keeps_the_token_at_home() {
        let target = Target { base: "https://git.example.org/a.git".to_owned(), user: None, secure: true };
        let check = |place: &str, expect: Option<(&str, bool)>| {
            let found = redirected(&target, &place.parse().expect("a URL"));
            assert_eq!(found, expect.map(|(base, same)| (base.to_owned(), same)), "{place}");
        };
        let service = SERVICE;
        check(&format!("https://git.example.org/a.git{service}"), Some(("https://git.example.org/a.git", true)));
        check(&format!("https://git.example.org/b.git{service}"), Some(("https://git.example.org/b.git", true)));
        check(
            &format!("https://git.example.org:8443/a.git{service}"),
            Some(("https://git.example.org:8443/a.git", false)),
        );
        check(&format!("https://example.com/a.git{service}"), Some(("https://example.com/a.git", false)));
        check("https://git.example.org/login", None);
    }
}
