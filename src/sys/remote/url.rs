//! Reads a remote's URL.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ureq::http::Uri;

use super::{RemoteOptions, http, ssh};

/// A place that releases come from, and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// As the user wrote it; it never holds a password, because those are refused.
    text: String,
    pub(super) place: Place,
    pub(super) options: RemoteOptions,
}

/// Where a remote is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// A repository on this machine.
    Local(PathBuf),
    /// A web server.
    Http(http::Target),
    /// An SSH server.
    Ssh(ssh::Target),
}

/// Says why a text is not a remote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteUrlError {
    /// The scheme is none that a host can fetch from.
    #[error("`{0}` is not a remote that a host can fetch from; use a path or `file://`, `https://` or `ssh://`")]
    Scheme(String),
    /// The URL has no host, no path, or what neither can hold.
    #[error("`{text}` is not a URL: {why}")]
    Shape {
        /// The text.
        text: String,
        /// What is wrong.
        why: &'static str,
    },
    /// The URL holds a password; the error does not repeat it.
    #[error("the remote's URL holds a password; put it into a file and name that as `token-file`")]
    Password,
    /// Plain HTTP beyond this machine.
    #[error("`{0}` is not encrypted, so that anybody on the way can change it; use `https://`, or set `insecure-http`")]
    Insecure(String),
    /// A path is not absolute.
    #[error("`{0}` is not an absolute path; a timer and a shell have different directories")]
    Relative(String),
}

impl Remote {
    /// Parses a URL or a path.
    pub fn parse(text: &str, options: RemoteOptions) -> Result<Self, RemoteUrlError> {
        let place = parse(text)?;
        if let Place::Http(target) = &place
            && !(target.secure || options.insecure_http || is_this_machine(&target.base))
        {
            return Err(RemoteUrlError::Insecure(text.to_owned()));
        }
        Ok(Self { text: text.to_owned(), place, options })
    }

    /// Returns the options.
    pub fn options(&self) -> &RemoteOptions {
        &self.options
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn parse(text: &str) -> Result<Place, RemoteUrlError> {
    let shape = |why| RemoteUrlError::Shape { text: text.to_owned(), why };
    if text.starts_with('/') {
        return local(text);
    }
    // Before anything else that is wrong, because every other error repeats the text.
    if has_password(text) {
        return Err(RemoteUrlError::Password);
    }
    if text.starts_with("file://") {
        return local(text);
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(shape("it holds a blank or a control character"));
    }
    match text.split_once("://") {
        Some((scheme @ ("https" | "http"), _)) => {
            let (user, authority, path) = split(text)?;
            let base = format!("{scheme}://{authority}{}", path.trim_end_matches('/'));
            Ok(Place::Http(http::Target { base, user, secure: scheme == "https" }))
        }
        Some(("ssh", _)) => {
            let (user, authority, path) = split(text)?;
            let authority: ureq::http::uri::Authority = authority.parse().map_err(|_| shape("it has no host"))?;
            let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
            let port = authority.port_u16().unwrap_or(22);
            // `ssh://host/~user/x` is relative to a home directory.
            let path = path.strip_prefix("/~").map_or(path.clone(), |rest| format!("~{rest}"));
            Ok(Place::Ssh(ssh::Target { user: user.unwrap_or_else(|| "git".to_owned()), host, port, path }))
        }
        Some(_) => Err(RemoteUrlError::Scheme(text.to_owned())),
        None => match text.split_once(':') {
            // As git has it: a colon before any slash is the short form of SSH.
            Some((place, path)) if !place.contains('/') => short(text, place, path),
            _ => local(text),
        },
    }
}

/// Says whether a text, URL or not, has a password where a URL has one.
fn has_password(text: &str) -> bool {
    let authority = |rest: &str| rest.split(['/', '?', '#']).next().unwrap_or_default().to_owned();
    text.split("://").skip(1).any(|rest| authority(rest).rsplit_once('@').is_some_and(|(user, _)| user.contains(':')))
}

/// Splits a URL into its user, its host with the port, and its path.
fn split(text: &str) -> Result<(Option<String>, String, String), RemoteUrlError> {
    let shape = |why| RemoteUrlError::Shape { text: text.to_owned(), why };
    let (_, rest) = text.split_once("://").expect("the caller saw a scheme");
    if !rest.contains('/') {
        return Err(shape("it has no path"));
    }
    let uri: Uri = text.parse().map_err(|_| shape("it has no host, or characters that a URL cannot hold"))?;
    let authority = uri.authority().ok_or_else(|| shape("it has no host"))?;
    if uri.query().is_some() || text.contains('#') {
        return Err(shape("a repository's address has no `?` and no `#`"));
    }
    if matches!(uri.path(), "" | "/") {
        return Err(shape("it has no path"));
    }
    let (user, place) = match authority.as_str().rsplit_once('@') {
        Some((user, place)) => (Some(user.to_owned()), place),
        None => (None, authority.as_str()),
    };
    if authority.host().is_empty() {
        return Err(shape("it has no host"));
    }
    Ok((user, place.to_owned(), uri.path().to_owned()))
}

/// Reads `[USER@]HOST:PATH`.
fn short(text: &str, place: &str, path: &str) -> Result<Place, RemoteUrlError> {
    let (user, host) = place.split_once('@').unwrap_or(("git", place));
    if user.is_empty() || host.is_empty() || path.is_empty() || host.starts_with('-') {
        return Err(RemoteUrlError::Shape { text: text.to_owned(), why: "it is not `user@host:path`" });
    }
    Ok(Place::Ssh(ssh::Target { user: user.to_owned(), host: host.to_owned(), port: 22, path: path.to_owned() }))
}

fn is_this_machine(base: &str) -> bool {
    let Ok(uri) = base.parse::<Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

fn local(text: &str) -> Result<Place, RemoteUrlError> {
    let path = Path::new(text.strip_prefix("file://").unwrap_or(text));
    if path.is_absolute() { Ok(Place::Local(path.to_owned())) } else { Err(RemoteUrlError::Relative(text.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<Place, &str>) {
        let found = Remote::parse(text, RemoteOptions::default());
        assert_eq!(found.map(|remote| remote.place).map_err(|error| error.to_string()), expect.map_err(str::to_owned));
    }

    fn http(base: &str, user: Option<&str>) -> Place {
        let (base, user, secure) = (base.to_owned(), user.map(str::to_owned), base.starts_with("https"));
        Place::Http(http::Target { base, user, secure })
    }

    fn ssh(user: &str, host: &str, port: u16, path: &str) -> Place {
        let (user, host, path) = (user.to_owned(), host.to_owned(), path.to_owned());
        Place::Ssh(ssh::Target { user, host, port, path })
    }

    #[test]
    fn remotes_are_understood() {
        check("/srv/git/out.git", Ok(Place::Local("/srv/git/out.git".into())));
        check("file:///srv/git/out.git", Ok(Place::Local("/srv/git/out.git".into())));
        check("/srv/a:b.git", Ok(Place::Local("/srv/a:b.git".into())));
        check("https://git.example.org/a/b.git/", Ok(http("https://git.example.org/a/b.git", None)));
        check("https://ci@git.example.org:8443/a", Ok(http("https://git.example.org:8443/a", Some("ci"))));
        check("http://127.0.0.1:8080/a", Ok(http("http://127.0.0.1:8080/a", None)));
        check("http://[::1]:8080/a", Ok(http("http://[::1]:8080/a", None)));
        check("ssh://host/a.git", Ok(ssh("git", "host", 22, "/a.git")));
        check("ssh://me@host:2222/~/a.git", Ok(ssh("me", "host", 2222, "~/a.git")));
        check("ssh://me@[::1]:2222/a", Ok(ssh("me", "::1", 2222, "/a")));
        check("git@host.example.org:team/a.git", Ok(ssh("git", "host.example.org", 22, "team/a.git")));
        check("host:/srv/a.git", Ok(ssh("git", "host", 22, "/srv/a.git")));
    }

    #[test]
    fn other_texts_are_refused() {
        check(
            "../out.git",
            Err("`../out.git` is not an absolute path; a timer and a shell have different directories"),
        );
        check(
            "file://out.git",
            Err("`file://out.git` is not an absolute path; a timer and a shell have different directories"),
        );
        check(
            "git://host/a",
            Err(
                "`git://host/a` is not a remote that a host can fetch from; use a path or `file://`, `https://` or `ssh://`",
            ),
        );
        check(
            "http://git.example.org/a",
            Err(
                "`http://git.example.org/a` is not encrypted, so that anybody on the way can change it; use `https://`, or set `insecure-http`",
            ),
        );
        check(
            "http://localhost.example.org/a",
            Err(
                "`http://localhost.example.org/a` is not encrypted, so that anybody on the way can change it; use `https://`, or set `insecure-http`",
            ),
        );
        let password = "the remote's URL holds a password; put it into a file and name that as `token-file`";
        check("https://me:secret@host/a", Err(password));
        check("ssh://me:secret@host/a", Err(password));
        check("ftp://me:secret@host/a", Err(password));
        check("https://me:secret@host", Err(password));
        check("file://me:secret@host", Err(password));
        check("https://host", Err("`https://host` is not a URL: it has no path"));
        check("https://host/", Err("`https://host/` is not a URL: it has no path"));
        check("https://host/a?b", Err("`https://host/a?b` is not a URL: a repository's address has no `?` and no `#`"));
        check("ssh:///a", Err("`ssh:///a` is not a URL: it has no host, or characters that a URL cannot hold"));
        check("@host:a", Err("`@host:a` is not a URL: it is not `user@host:path`"));
        check("git@host:", Err("`git@host:` is not a URL: it is not `user@host:path`"));
        check("https://host/a b", Err("`https://host/a b` is not a URL: it holds a blank or a control character"));
    }
}
