//! Git's protocol over HTTP, by gitprotocol-http(5).

use std::error::Error;
use std::fs;
use std::io::{self, BufReader, Read};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ureq::http::{Response, StatusCode, Uri};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, BodyReader};
use zeroize::Zeroizing;

use super::error::printable;
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
        let mut base = target.base.clone();
        for _ in 0..=MAX_REDIRECTS {
            // The password is for the server of the URL alone, however it is led elsewhere.
            let authorization = authorization.clone().filter(|_| same_server(&base, &target.base));
            let mut request = agent.get(format!("{base}{SERVICE}")).header("Git-Protocol", "version=2");
            if let Some(value) = &authorization {
                request = request.header("Authorization", value.as_str());
            }
            let request = request.config().timeout_global(Some(deadline.left())).build();
            let response = request.call().map_err(|error| explain(remote, error))?;
            if response.status().is_redirection() {
                base = redirected(remote, &base, &response)?;
                continue;
            }
            let foreign = (!same_server(&base, &target.base)).then_some(base.as_str());
            let response = accepted(remote, foreign, response, "application/x-git-upload-pack-advertisement")?;
            let answer = BufReader::new(response.into_body().into_reader());
            return Ok(Self { remote, agent, deadline, base, authorization, version_two: false, answer });
        }
        Err(RemoteError::protocol(remote, "it redirects more than three times"))
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
        let request = request.config().timeout_global(Some(self.deadline.left())).build();
        let response = request.send(message).map_err(|error| explain(self.remote, error))?;
        let response = accepted(self.remote, None, response, "application/x-git-upload-pack-result")?;
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
        .max_redirects(0)
        .max_redirects_will_error(false)
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

/// Returns where a redirect leads to: another address of the same service, never from `https` to `http`.
fn redirected(remote: &Remote, base: &str, response: &Response<Body>) -> Result<String, RemoteError> {
    let place = response.headers().get("location").and_then(|value| value.to_str().ok()).unwrap_or_default();
    follow(base, place).ok_or_else(|| {
        let place = printable(place.as_bytes());
        RemoteError::no_repository(remote, format!("it redirects to `{place}`, which is no address of a repository"))
    })
}

/// Applies a redirect to the base of an address.
fn follow(base: &str, place: &str) -> Option<String> {
    let from: Uri = base.parse().ok()?;
    let place = match place.strip_prefix('/') {
        Some(_) if !place.starts_with("//") => format!("{}://{}{place}", from.scheme_str()?, from.authority()?),
        _ => place.to_owned(),
    };
    let to: Uri = place.parse().ok()?;
    let downgrade = from.scheme_str() == Some("https") && to.scheme_str() != Some("https");
    let plain = !to.authority()?.as_str().contains('@') && matches!(to.scheme_str(), Some("https" | "http"));
    if plain && !downgrade { place.strip_suffix(SERVICE).map(str::to_owned) } else { None }
}

/// Says whether two addresses are of the same server: scheme, name and port.
fn same_server(one: &str, other: &str) -> bool {
    let server = |text: &str| text.parse().ok().map(|uri: Uri| (uri.scheme().cloned(), uri.authority().cloned()));
    server(one) == server(other)
}

/// Judges the status and the type of an answer; `foreign` is where redirects led to, if that is another server.
fn accepted(
    remote: &Remote,
    foreign: Option<&str>,
    response: Response<Body>,
    expect: &str,
) -> Result<Response<Body>, RemoteError> {
    let status = response.status();
    let kind = response.headers().get("content-type").and_then(|value| value.to_str().ok());
    match status {
        StatusCode::OK if kind == Some(expect) => Ok(response),
        StatusCode::OK => {
            let kind = kind.unwrap_or("nothing").chars().take(80).collect::<String>();
            Err(RemoteError::no_repository(remote, format!("it answers with `{kind}` instead of `{expect}`")))
        }
        StatusCode::UNAUTHORIZED if foreign.is_some() => {
            let place = foreign.unwrap_or_default();
            let why = format!("it redirects to {place}, which asks for a password; name that address as the remote");
            Err(RemoteError::auth(remote, why))
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
        ureq::Error::LargeResponseHeader(..) => RemoteError::protocol(remote, error.to_string()),
        ureq::Error::Io(error) => RemoteError::away(remote, error),
        error => RemoteError::away(remote, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_stay_with_the_service() {
        let check = |place: &str, expect: Option<&str>| {
            let place = place.replace('$', SERVICE);
            assert_eq!(follow("https://git.example.org/a.git", &place).as_deref(), expect, "{place}");
        };
        check("/b.git$", Some("https://git.example.org/b.git"));
        check("https://git.example.org:8443/a.git$", Some("https://git.example.org:8443/a.git"));
        check("https://example.com/a.git$", Some("https://example.com/a.git"));
        check("http://git.example.org/a.git$", None);
        check("https://me:secret@example.com/a.git$", None);
        check("//example.com/a.git$", None);
        check("b.git$", None);
        check("file:///a.git$", None);
        check("/login", None);
        check("", None);
    }

    #[test]
    fn a_password_is_for_one_server() {
        let check = |place: &str, expect: bool| assert_eq!(same_server(place, "https://a.org/x"), expect, "{place}");
        check("https://a.org/y", true);
        check("https://A.org/y", true);
        check("https://a.org:8443/x", false);
        check("http://a.org/x", false);
        check("https://b.org/x", false);
    }
}
