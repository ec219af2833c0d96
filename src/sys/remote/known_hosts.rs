//! Which SSH host keys are trusted: the format of sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT".
//!
//! Hashed names, wildcards, negation, ports and several keys for a host are understood; `@revoked` refuses a key whatever
//! else is said of it, and a certificate is refused even where `@cert-authority` names its signer. Unlike ssh(1), a key
//! that is known for the standard port does not count for another.

use std::path::{Path, PathBuf};

use ring::hmac;
use russh::keys::ssh_key::known_hosts::{Entry, HostPatterns, Marker};
use russh::keys::{Algorithm, HashAlg, PublicKey};

/// Says why a host key is not trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostKeyError {
    /// The file says nothing about this server.
    #[error(
        "no key is known for {name}; the server shows {fingerprint}; if the server's own `ssh-keygen -lf \
         /etc/ssh/ssh_host_{kind}_key.pub` shows the same, add this line to `{}`:\n{line}", file.display()
    )]
    Unknown {
        /// The server, as the file names it.
        name: Box<str>,
        /// The key's fingerprint.
        fingerprint: Box<str>,
        /// The kind of key, as sshd names its file.
        kind: &'static str,
        /// The line that makes the key known.
        line: Box<str>,
        /// The file.
        file: PathBuf,
    },
    /// The file names other keys.
    #[error(
        "the key of {name} is not the known one: somebody may be listening in, or the server was set up anew; it shows \
         {fingerprint}; known is {known} (`{}` line {at}); if the change is right, replace that line by:\n{line}",
        file.display()
    )]
    Changed {
        /// The server, as the file names it.
        name: Box<str>,
        /// The shown key's fingerprint.
        fingerprint: Box<str>,
        /// The known key's fingerprint.
        known: Box<str>,
        /// The line of the known key.
        at: usize,
        /// The line that makes the key known.
        line: Box<str>,
        /// The file.
        file: PathBuf,
    },
    /// The key is revoked.
    #[error("the key {fingerprint} of {name} is revoked by `{}` line {at}", file.display())]
    Revoked {
        /// The server, as the file names it.
        name: Box<str>,
        /// The key's fingerprint.
        fingerprint: Box<str>,
        /// The line that revokes it.
        at: usize,
        /// The file.
        file: PathBuf,
    },
    /// A revoked key cannot be read, so that no key can be trusted.
    #[error("`{}` line {at} revokes a key that cannot be read; repair or remove the line", file.display())]
    Unreadable {
        /// The line.
        at: usize,
        /// The file.
        file: PathBuf,
    },
    /// The server shows a certificate.
    #[error("the server shows a certificate, and no authority is trusted to sign host keys")]
    Certificate,
}

/// What a `known_hosts` file says about one server.
#[derive(Debug)]
pub(super) struct KnownHost {
    name: String,
    file: PathBuf,
    known: Vec<(usize, PublicKey)>,
    revoked: Vec<(usize, PublicKey)>,
}

impl KnownHost {
    /// Picks the lines about one server out of the file's text.
    pub(super) fn read(text: &str, file: &Path, host: &str, port: u16) -> Result<Self, HostKeyError> {
        let host = host.to_ascii_lowercase();
        let name = if port == 22 { host } else { format!("[{host}]:{port}") };
        let mut found = Self { name, file: file.to_owned(), known: Vec::new(), revoked: Vec::new() };
        for (at, line) in (1..).zip(text.lines()) {
            // The parser knows single spaces only; sshd(8) allows any blanks.
            let line = line.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match line.parse::<Entry>() {
                Ok(entry) if matches(entry.host_patterns(), &found.name) => match entry.marker() {
                    None => found.known.push((at, entry.public_key().clone())),
                    Some(Marker::Revoked) => found.revoked.push((at, entry.public_key().clone())),
                    Some(Marker::CertAuthority) => {}
                },
                // As ssh(1) does, a line that cannot be read trusts nobody; but it must not un-revoke a key either.
                Err(_) if line.starts_with("@revoked") => {
                    return Err(HostKeyError::Unreadable { at, file: file.to_owned() });
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// Judges the key that the server shows.
    pub(super) fn check(&self, key: &PublicKey) -> Result<(), HostKeyError> {
        let same = |(_, known): &&(usize, PublicKey)| known.key_data() == key.key_data();
        let (name, file) = (Box::from(self.name.as_str()), self.file.clone());
        let fingerprint = fingerprint(key);
        if let Some((at, _)) = self.revoked.iter().find(same) {
            return Err(HostKeyError::Revoked { name, fingerprint, at: *at, file });
        }
        if self.known.iter().any(|known| same(&known)) {
            return Ok(());
        }
        let line = line(&self.name, key);
        // An RSA key, which is never asked for, does not contradict another.
        let mut others = self.known.iter().filter(|(_, known)| !known.algorithm().is_rsa());
        let other = others.clone().find(|(_, known)| known.algorithm() == key.algorithm()).or_else(|| others.next());
        if let Some((at, known)) = other {
            let known = self::fingerprint(known);
            return Err(HostKeyError::Changed { name, fingerprint, known, at: *at, line, file });
        }
        let kind = if key.algorithm().is_ecdsa() { "ecdsa" } else { "ed25519" };
        Err(HostKeyError::Unknown { name, fingerprint, kind, line, file })
    }

    /// Puts the kinds of key that are known for the server first, so that it shows one of those.
    pub(super) fn prefer(&self, algorithms: &[Algorithm]) -> Vec<Algorithm> {
        let known = |algorithm: &Algorithm| self.known.iter().any(|(_, key)| key.algorithm() == *algorithm);
        let (mut first, rest): (Vec<_>, Vec<_>) = algorithms.iter().cloned().partition(known);
        first.extend(rest);
        first
    }
}

fn fingerprint(key: &PublicKey) -> Box<str> {
    format!("{} {}", key.algorithm(), key.fingerprint(HashAlg::Sha256)).into()
}

/// Returns the line of a `known_hosts` file that makes a key known.
fn line(name: &str, key: &PublicKey) -> Box<str> {
    let mut key = key.clone();
    key.set_comment("");
    let key = key.to_openssh().expect("a key that was read can be written");
    format!("{name} {}", key.trim_end()).into()
}

fn matches(patterns: &HostPatterns, name: &str) -> bool {
    match patterns {
        HostPatterns::HashedName { salt, hash } => {
            // The file's format asks for SHA-1 here; it hides the name, and trust does not rest on it.
            let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, salt);
            hmac::verify(&key, name.as_bytes(), hash).is_ok()
        }
        HostPatterns::Patterns(patterns) => {
            let hit = |pattern: &str| glob(pattern.to_ascii_lowercase().as_bytes(), name.as_bytes());
            let negated = patterns.iter().filter_map(|pattern| pattern.strip_prefix('!')).any(hit);
            !negated && patterns.iter().filter(|pattern| !pattern.starts_with('!')).any(|pattern| hit(pattern))
        }
    }
}

/// Matches `*` and `?`; on a mismatch, the last `*` takes one byte more.
fn glob(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(b) if *b == b'?' || *b == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match &mut star {
                Some((at, taken)) => {
                    *taken += 1;
                    (p, n) = (*at + 1, *taken);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILlRQPHlAdj1qVXzgkSPViJUd4rXF8iszBJemoPT3riO";
    const TWO: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICd7+Y0pI32T5jjdXaeremYIz7XmY2zAoxeWpU3ILkUd";
    const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBLrmUrjGQVCgthcnnK/v66tqa6YXDidJT1ZpZKeieU335sxiYhRsO33tPJsE8hUWceGqA9vlLPvk6OnsXh/5USU=";

    fn verdict(text: &str, host: &str, port: u16, key: &str) -> String {
        let key = PublicKey::from_openssh(key).expect("a test key");
        let checked = KnownHost::read(text, Path::new("known_hosts"), host, port).and_then(|known| known.check(&key));
        match checked {
            Ok(()) => "trusted".to_owned(),
            Err(HostKeyError::Unknown { name, .. }) => format!("unknown {name}"),
            Err(HostKeyError::Changed { at, .. }) => format!("changed, line {at}"),
            Err(HostKeyError::Revoked { at, .. }) => format!("revoked, line {at}"),
            Err(HostKeyError::Unreadable { at, .. }) => format!("unreadable, line {at}"),
            Err(HostKeyError::Certificate) => "certificate".to_owned(),
        }
    }

    #[test]
    fn a_key_is_trusted_for_the_names_of_its_line() {
        let check = |patterns: &str, host: &str, port: u16, expect: &str| {
            assert_eq!(verdict(&format!("{patterns} {ONE}"), host, port, ONE), expect, "{patterns} {host} {port}");
        };
        check("git.example.org", "git.example.org", 22, "trusted");
        check("git.example.org", "GIT.Example.org", 22, "trusted");
        check("a,git.example.org,b", "git.example.org", 22, "trusted");
        check("git.example.org", "git.example.com", 22, "unknown git.example.com");
        check("git.example.org", "git.example.org", 2222, "unknown [git.example.org]:2222");
        check("[git.example.org]:2222", "git.example.org", 2222, "trusted");
        check("[git.example.org]:2222", "git.example.org", 22, "unknown git.example.org");
        check("*.example.org", "git.example.org", 22, "trusted");
        check("*.Example.org", "git.example.org", 22, "trusted");
        check("g?t.*", "git.example.org", 22, "trusted");
        check("*.example.org", "example.org", 22, "unknown example.org");
        check("*.example.org,!git.*", "git.example.org", 22, "unknown git.example.org");
        check("!git.*,*.example.org", "svn.example.org", 22, "trusted");
        check("!git.example.org", "svn.example.org", 22, "unknown svn.example.org");
        // `ssh-keygen -H` of `git.example.org` and of `[git.example.org]:2222`.
        let plain = "|1|gSKeCrJDebyungKv2VvFHaNbFVQ=|jo0vs697p9R+7+7Pc7oygsh/7W4=";
        let port = "|1|X2f5T4PTfZOWWORteEGnXjleDtQ=|XCMAsLbxj3qWQeX+t7Bc7QeiT2o=";
        check(plain, "git.example.org", 22, "trusted");
        check(plain, "svn.example.org", 22, "unknown svn.example.org");
        check(plain, "git.example.org", 2222, "unknown [git.example.org]:2222");
        check(port, "git.example.org", 2222, "trusted");
    }

    #[test]
    fn other_keys_and_markers() {
        let check = |text: &str, key: &str, expect: &str| assert_eq!(verdict(text, "h", 22, key), expect, "{text}");
        check("", ONE, "unknown h");
        check(&format!("h {TWO}"), ONE, "changed, line 1");
        check(&format!("# h {ONE}\n\nh {TWO}\nh {ONE}"), ONE, "trusted");
        check(&format!("h {ECDSA}"), ONE, "changed, line 1");
        check(&format!("h {ECDSA}\nh {TWO}"), ONE, "changed, line 2");
        check(&format!("h\t{ONE} root@h # moved"), ONE, "trusted");
        check(&format!("h {ONE}\n@revoked * {ONE}"), ONE, "revoked, line 2");
        check(&format!("h {ONE}\n@revoked other {ONE}"), ONE, "trusted");
        check(&format!("h {ONE}\n@revoked * nonsense"), ONE, "unreadable, line 2");
        check(&format!("h {ONE}\nh nonsense\n@odd h {ONE}"), ONE, "trusted");
        check(&format!("@cert-authority * {ONE}"), ONE, "unknown h");
    }

    #[test]
    fn the_known_kind_of_key_is_asked_for() {
        let algorithms = [Algorithm::Ed25519, PublicKey::from_openssh(ECDSA).expect("a test key").algorithm()];
        let check = |text: &str, expect: &[usize]| {
            let known = KnownHost::read(text, Path::new("x"), "h", 22).expect("readable");
            assert_eq!(known.prefer(&algorithms), expect.iter().map(|i| algorithms[*i].clone()).collect::<Vec<_>>());
        };
        check("", &[0, 1]);
        check(&format!("h {ONE}"), &[0, 1]);
        check(&format!("h {ECDSA}"), &[1, 0]);
    }
}
