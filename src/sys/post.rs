//! Sends messages to services: over HTTP, with TLS verified and proxies heeded, and over SMTP.
//!
//! Addresses and tokens are secrets: no error and no answer shows them.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use lettre::address::Envelope;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Message, SmtpTransport, Transport};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Proxy, ProxyProtocol};

use crate::secret::Secret;

/// The longest answer that is read, in bytes.
const LONGEST: u64 = 64 << 10;
/// How long one message may take, whatever is left of the time for all.
const ONE: Duration = Duration::from_secs(10);

/// Says why a message did not get to its service. It never names the address.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// The time is over.
    #[error("no answer in time")]
    Timeout,
    /// The name of the server is not known.
    #[error("the name of the server is not known")]
    Name,
    /// TLS failed.
    #[error("no trusted TLS connection: {0}")]
    Tls(String),
    /// Nothing answers, or the connection broke.
    #[error("cannot reach the server: {0}")]
    Away(String),
    /// The address is none, or not one that may be used.
    #[error("the address is not one of https, or of http on this machine")]
    Address,
    /// The proxy cannot be used.
    #[error("the proxy cannot be used: {0}")]
    Proxy(String),
    /// The file of certificates cannot be used.
    #[error("cannot use `{}` as `ca-file`: {why}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The mail is not one.
    #[error("the mail cannot be written: {0}")]
    Mail(String),
    /// The mail server refused it for good.
    #[error("the mail server refuses it: {0}")]
    Refused(String),
    /// The mail server cannot take it now.
    #[error("the mail server does not take it now: {0}")]
    Later(String),
}

/// How services are reached.
#[derive(Debug, Clone, Default)]
pub struct Route {
    /// The proxy; what the environment says if there is none.
    pub proxy: Option<String>,
    /// The certificates that a server's must lead to; the system's if there are none.
    pub ca_file: Option<PathBuf>,
}

/// One request.
pub struct Parcel<'a> {
    /// Whether it is a PUT; otherwise it is a POST.
    pub put: bool,
    /// Where it goes.
    pub url: &'a Secret,
    /// Its headers.
    pub headers: &'a [(&'static str, Secret)],
    /// Its body.
    pub body: &'a [u8],
    /// Whether it holds no secret, so that it may go in plain text.
    pub bare: bool,
}

/// What came back.
pub struct Receipt {
    /// The status.
    pub status: u16,
    /// What `Retry-After` says, in seconds or as a date.
    pub retry_after: Option<SignedDuration>,
    /// The body.
    pub body: Vec<u8>,
}

/// One mail.
pub struct Letter<'a> {
    /// The server.
    pub server: &'a str,
    /// The port.
    pub port: u16,
    /// How the connection is encrypted.
    pub tls: MailTls,
    /// The user and the password.
    pub login: Option<(&'a str, &'a Secret)>,
    /// What this host calls itself.
    pub hello: &'a str,
    /// Who it is from.
    pub from: &'a str,
    /// Who it is to.
    pub to: &'a [String],
    /// Its subject.
    pub subject: &'a str,
    /// Its text.
    pub text: &'a str,
    /// Its text as HTML.
    pub html: &'a str,
    /// Its own name.
    pub id: &'a str,
    /// The name of the mail that it answers.
    pub answers: Option<&'a str>,
}

/// How a connection to a mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// It becomes TLS before anything is said.
    Starttls,
    /// It is TLS from the beginning.
    Wrapped,
    /// It is not.
    None,
}

/// The way to the services of one run, and the time that is left for it.
pub struct Postman {
    agent: Agent,
    /// The way to this machine itself: it leads through no proxy.
    direct: Agent,
    roots: Option<Vec<u8>>,
    until: Instant,
}

impl Postman {
    /// Prepares the way; the time counts from here.
    pub fn new(route: &Route, time: Duration) -> Result<Self, PostError> {
        let until = Instant::now() + time;
        let roots = route.ca_file.as_deref().map(pem).transpose()?;
        let certificates = match &roots {
            None => RootCerts::PlatformVerifier,
            Some(pem) => {
                let items = parse_pem(pem).filter_map(|item| match item {
                    Ok(PemItem::Certificate(certificate)) => Some(certificate),
                    _ => None,
                });
                RootCerts::new_with_certs(&items.collect::<Vec<_>>())
            }
        };
        let agent = |proxy: Option<Option<Proxy>>| {
            let config = Agent::config_builder()
                .tls_config(TlsConfig::builder().root_certs(certificates.clone()).build())
                // Where a webhook leads elsewhere, its address is wrong; a token must not follow.
                .max_redirects(0)
                .max_redirects_will_error(false)
                .http_status_as_error(false)
                .user_agent(concat!("rmqgit/", env!("CARGO_PKG_VERSION")));
            // What nobody says, the environment does.
            let config = if let Some(proxy) = proxy { config.proxy(proxy) } else { config };
            config.build().new_agent()
        };
        let proxy = route.proxy.as_deref().map(proxy).transpose()?;
        Ok(Self { agent: agent(proxy.map(Some)), direct: agent(Some(None)), roots, until })
    }

    /// Whether there is time for another message.
    pub fn has_time(&self) -> bool {
        !self.left().is_zero()
    }

    /// Sends a request, and returns the answer.
    pub fn send(&self, parcel: &Parcel<'_>) -> Result<Receipt, PostError> {
        let url = parcel.url.expose();
        if !is_safe(url, parcel.bare) {
            return Err(PostError::Address);
        }
        let agent = if is_here(url) { &self.direct } else { &self.agent };
        let mut request = if parcel.put { agent.put(url) } else { agent.post(url) };
        for (name, value) in parcel.headers {
            request = request.header(*name, value.expose());
        }
        let request = request.config().timeout_global(Some(self.left().min(ONE))).build();
        let mut response = request.send(parcel.body).map_err(explain)?;
        let header = response.headers().get("retry-after").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = response.body_mut().with_config().limit(LONGEST).read_to_vec();
        Ok(Receipt {
            status: response.status().as_u16(),
            retry_after: header.as_deref().and_then(retry_after),
            // What does not come does not matter: the status is there.
            body: body.unwrap_or_default(),
        })
    }

    /// Sends a mail.
    pub fn mail(&self, letter: &Letter<'_>) -> Result<(), PostError> {
        let message = message(letter).map_err(|error| PostError::Mail(error.to_string()))?;
        let mut transport = SmtpTransport::builder_dangerous(letter.server)
            .port(letter.port)
            .tls(self.tls(letter)?)
            .hello_name(ClientId::Domain(letter.hello.to_owned()))
            .timeout(Some(self.left().min(ONE)));
        if let Some((user, password)) = letter.login {
            transport = transport.credentials(Credentials::new(user.to_owned(), password.expose().to_owned()));
        }
        // The timeout of a transport is that of each read; a server that drips would be waited for without end.
        let (done, ended) = mpsc::channel();
        let transport = transport.build();
        // Whoever gave up waiting is gone by then.
        thread::spawn(move || drop(done.send(send_to_each(&transport, &message))));
        match ended.recv_timeout(self.left().min(ONE)).map_err(|_| PostError::Timeout)? {
            Ok(()) => Ok(()),
            Err(error) if error.is_timeout() => Err(PostError::Timeout),
            Err(error) if error.is_tls() || is_of_tls(&error) => Err(PostError::Tls(with_causes(&error))),
            Err(error) if is_about_the_mail(&error) => Err(PostError::Refused(with_causes(&error))),
            Err(error) if error.is_permanent() || error.is_transient() => Err(PostError::Later(with_causes(&error))),
            Err(error) => Err(PostError::Away(with_causes(&error))),
        }
    }

    fn tls(&self, letter: &Letter<'_>) -> Result<Tls, PostError> {
        let wrong = |error: lettre::transport::smtp::Error| PostError::Tls(with_causes(&error));
        let parameters = || {
            let mut builder = TlsParameters::builder(letter.server.to_owned());
            if let Some(pem) = &self.roots {
                let store = CertificateStore::None;
                builder =
                    builder.certificate_store(store).add_root_certificate(Certificate::from_pem(pem).map_err(wrong)?);
            }
            builder.build_rustls().map_err(wrong)
        };
        Ok(match letter.tls {
            MailTls::None => Tls::None,
            MailTls::Starttls => Tls::Required(parameters()?),
            MailTls::Wrapped => Tls::Wrapper(parameters()?),
        })
    }

    fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}

/// Whether an address may be sent a message: over TLS, or on this machine, or in plain text where nothing in it is secret.
pub fn is_safe(url: &str, bare: bool) -> bool {
    let Ok(uri) = url.parse::<ureq::http::Uri>() else { return false };
    match uri.scheme_str() {
        Some("https") => true,
        Some("http") => is_here(url) || bare,
        _ => false,
    }
}

/// Whether an address is one of this machine.
fn is_here(url: &str) -> bool {
    let uri = url.parse::<ureq::http::Uri>().ok();
    uri.as_ref().and_then(|uri| uri.host()).is_some_and(|host| {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    })
}

/// Reads the address of a proxy. What `NO_PROXY` names is reached without it all the same.
#[expect(clippy::disallowed_methods, reason = "the library reads the other variables of proxies from the environment")]
fn proxy(text: &str) -> Result<Proxy, PostError> {
    let unusable = |error: ureq::Error| PostError::Proxy(error.to_string());
    let given = Proxy::new(text).map_err(unusable)?;
    if !matches!(given.protocol(), ProxyProtocol::Http | ProxyProtocol::Https) {
        return Err(PostError::Proxy("it is not one of http or https".to_owned()));
    }
    let mut builder = Proxy::builder(given.protocol()).host(given.host()).port(given.port());
    if let (Some(user), Some(password)) = (given.username(), given.password()) {
        builder = builder.username(user).password(password);
    }
    let without = ["NO_PROXY", "no_proxy"].iter().find_map(|name| std::env::var(name).ok()).unwrap_or_default();
    for name in without.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        builder = builder.no_proxy(name);
    }
    builder.build().map_err(unusable)
}

fn pem(path: &Path) -> Result<Vec<u8>, PostError> {
    let unusable = |why: String| PostError::CaFile { path: path.to_owned(), why };
    let bytes = fs::read(path).map_err(|error| unusable(error.to_string()))?;
    let count = parse_pem(&bytes).filter(|item| matches!(item, Ok(PemItem::Certificate(_)))).count();
    if count == 0 { Err(unusable("it holds no certificate in PEM".to_owned())) } else { Ok(bytes) }
}

/// Sends a mail to all whom it is to. Where that is refused, each gets one of their own, and it is enough if one of them takes
/// it: a mailbox that is gone keeps it from nobody else.
fn send_to_each(transport: &SmtpTransport, message: &Message) -> Result<(), lettre::transport::smtp::Error> {
    let answered = |error: &lettre::transport::smtp::Error| error.is_permanent() || error.is_transient();
    let envelope = message.envelope();
    let first = match transport.send(message) {
        Ok(_) => return Ok(()),
        Err(error) if envelope.to().len() < 2 || !answered(&error) => return Err(error),
        Err(error) => error,
    };
    let bytes = message.formatted();
    let mut taken = false;
    for to in envelope.to() {
        let Ok(one) = Envelope::new(envelope.from().cloned(), vec![to.clone()]) else { continue };
        match transport.send_raw(&one, &bytes) {
            Ok(_) => taken = true,
            Err(error) if answered(&error) => {}
            Err(error) => return Err(error),
        }
    }
    if taken { Ok(()) } else { Err(first) }
}

/// Whether a server refuses the mail as it is, and neither who sends it nor whom it is to: its size or what it holds.
fn is_about_the_mail(error: &lettre::transport::smtp::Error) -> bool {
    let said = with_causes(error);
    // Enhanced status codes: 5.1 is about addresses, 5.7 about who may do what.
    let is_other = said.contains("5.1.") || said.contains("5.7.");
    error.status().is_some_and(|code| matches!(u16::from(code), 552 | 554)) && !is_other
}

fn message(letter: &Letter<'_>) -> Result<Message, Box<dyn Error>> {
    let mut builder = Message::builder()
        .from(letter.from.parse::<Mailbox>()?)
        .subject(letter.subject)
        .message_id(Some(letter.id.to_owned()))
        .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()));
    for to in letter.to {
        builder = builder.to(to.parse::<Mailbox>()?);
    }
    if let Some(first) = letter.answers {
        builder = builder.in_reply_to(first.to_owned()).references(first.to_owned());
    }
    let body = MultiPart::alternative_plain_html(letter.text.to_owned(), letter.html.to_owned());
    Ok(builder.multipart(body)?)
}

/// Reads `Retry-After`: seconds, which some services write with a fraction, or a date.
fn retry_after(text: &str) -> Option<SignedDuration> {
    let whole = text.trim().split_once('.').map_or(text.trim(), |(whole, _)| whole);
    if let Ok(seconds) = whole.parse::<u32>() {
        let part = i64::from(text.contains('.'));
        return Some(SignedDuration::from_secs(i64::from(seconds) + part));
    }
    let date = jiff::fmt::rfc2822::parse(text.trim()).ok()?;
    Some(date.timestamp().duration_since(super::clock::now()).max(SignedDuration::ZERO))
}

/// Says why, in words that hold no address: those of the library can.
fn explain(error: ureq::Error) -> PostError {
    match error {
        ureq::Error::Timeout(_) => PostError::Timeout,
        ureq::Error::HostNotFound => PostError::Name,
        ureq::Error::Rustls(error) => PostError::Tls(error.to_string()),
        ureq::Error::Tls(why) => PostError::Tls(why.to_owned()),
        // rustls reports a refused certificate through the stream that it encrypts.
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => PostError::Tls(error.to_string()),
        // What the resolver says has no kind of its own.
        ureq::Error::Io(error) if error.to_string().starts_with("failed to lookup address") => PostError::Name,
        ureq::Error::Io(error) => PostError::Away(error.kind().to_string()),
        ureq::Error::ConnectProxyFailed(_) => PostError::Proxy("it refuses the connection".to_owned()),
        ureq::Error::InvalidProxyUrl => PostError::Proxy("its address is none".to_owned()),
        ureq::Error::BadUri(_) | ureq::Error::RequireHttpsOnly(_) | ureq::Error::Http(_) => PostError::Address,
        _ => PostError::Away("the connection broke".to_owned()),
    }
}

/// Whether the stream failed because of what the other side showed: rustls says so through the stream that it encrypts.
fn is_of_tls(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let io = error.downcast_ref::<std::io::Error>();
        if io.is_some_and(|error| error.kind() == std::io::ErrorKind::InvalidData) {
            return true;
        }
        cause = error.source();
    }
    false
}

fn with_causes(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !message.contains(&said) {
            message = format!("{message}: {said}");
        }
        cause = error.source();
    }
    message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_told_in_plain_text() {
        let check = |url: &str, expect: bool| assert_eq!(is_safe(url, false), expect, "{url}");
        check("https://hooks.example.org/x", true);
        check("http://127.0.0.1:9093/api", true);
        check("http://localhost:9093/api", true);
        check("http://[::1]:9093/api", true);
        check("http://alertmanager:9093/api", false);
        check("http://127.0.0.1.example.org/", false);
        check("file:///etc/passwd", false);
        check("hooks.example.org/x", false);
        check("", false);
        assert!(is_safe("http://alertmanager:9093/api", true) && !is_safe("file:///etc/passwd", true));
    }

    #[test]
    fn a_wish_to_wait_is_seconds_or_a_date() {
        let check = |text: &str, expect: Option<i64>| {
            assert_eq!(retry_after(text).map(|wait| wait.as_secs()), expect, "{text}");
        };
        check("120", Some(120));
        check("1.3", Some(2));
        check("Wed, 21 Oct 2015 07:28:00 GMT", Some(0));
        check("soon", None);
        check("-5", None);
    }
}
