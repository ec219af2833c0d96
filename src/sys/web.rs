//! HTTPS to the API of a forge: the only place that knows the token.

use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::http::{HeaderValue, Response};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};
use zeroize::Zeroizing;

use super::clock;
use crate::forge::{Answer, Lost, Place, Request, Web};
use crate::secret::Secret;

/// The longest answer that is read, in bytes: Gitea gives all comments at once.
const LONGEST: u64 = 64 << 20;

/// The headers that somebody reads.
const READ: &[&str] = &[
    "link",
    "location",
    "ratelimit-remaining",
    "ratelimit-reset",
    "retry-after",
    "x-next-page",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
];

/// Says why a token cannot be used. It never shows it.
#[derive(Debug, thiserror::Error)]
#[error("the token has blanks, control characters or letters beyond ASCII in it")]
pub struct WrongToken;

/// A connection to the API of one forge. Proxies are taken from the environment (`HTTPS_PROXY`, `NO_PROXY`), authorities from the
/// system (`SSL_CERT_FILE`).
pub struct Connection {
    agent: Agent,
    api: String,
    headers: &'static [(&'static str, &'static str)],
    key: (&'static str, HeaderValue),
    since: Instant,
}

impl Connection {
    /// Prepares the connection.
    pub fn open(place: &Place, token: &Secret) -> Result<Self, WrongToken> {
        let key = place.kind.key();
        if token.expose().is_empty() || !token.expose().bytes().all(|b| b.is_ascii_graphic()) {
            return Err(WrongToken);
        }
        let value = Zeroizing::new(format!("{}{}", key.before, token.expose()));
        let mut value = HeaderValue::from_str(&value).map_err(|_| WrongToken)?;
        // Nothing prints it, and HTTP/2 would not keep it in its tables.
        value.set_sensitive(true);
        let config = Agent::config_builder()
            .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
            .https_only(place.api.starts_with("https://"))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .user_agent(concat!("rmqgit/", env!("CARGO_PKG_VERSION")))
            .build();
        let (agent, api, headers) = (config.new_agent(), place.api.clone(), place.kind.headers());
        Ok(Self { agent, api, headers, key: (key.header, value), since: Instant::now() })
    }

    fn call(&self, request: &Request, time: Duration) -> Result<Answer, ureq::Error> {
        let mut builder =
            ureq::http::Request::builder().method(request.method.as_str()).uri(format!("{}{}", self.api, request.path));
        builder = builder.header(self.key.0, self.key.1.clone());
        for (name, value) in self.headers {
            builder = builder.header(*name, *value);
        }
        let response = if let Some(body) = &request.body {
            // A text has a length, which some servers in between insist on.
            let request = builder.header("Content-Type", "application/json").body(body.to_string())?;
            self.agent.run(self.agent.configure_request(request).timeout_global(Some(time)).build())?
        } else {
            let request = builder.body(())?;
            self.agent.run(self.agent.configure_request(request).timeout_global(Some(time)).build())?
        };
        read(response)
    }
}

impl Web for Connection {
    fn send(&mut self, request: &Request, time: Duration) -> Result<Answer, Lost> {
        self.call(request, time).map_err(|error| {
            let passing = !matches!(
                &error,
                ureq::Error::Rustls(_)
                    | ureq::Error::Tls(_)
                    | ureq::Error::RequireHttpsOnly(_)
                    | ureq::Error::BadUri(_)
            ) && !matches!(&error, ureq::Error::Io(io) if io.kind() == std::io::ErrorKind::InvalidData);
            Lost { why: error.to_string(), passing }
        })
    }

    fn wait(&mut self, time: Duration) {
        clock::sleep(time);
    }

    fn passed(&self) -> Duration {
        self.since.elapsed()
    }

    fn now(&self) -> i64 {
        clock::now().as_second()
    }
}

fn read(mut response: Response<Body>) -> Result<Answer, ureq::Error> {
    let header = |name: &&str| {
        let value = response.headers().get(*name)?.to_str().ok()?;
        Some(((*name).to_owned(), value.to_owned()))
    };
    let headers = READ.iter().filter_map(header).collect();
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(LONGEST).read_to_vec()?;
    // A proxy's page of words is no answer of the forge, but its status is.
    Ok(Answer { status, headers, body: serde_json::from_slice(&body).unwrap_or(Value::Null) })
}
