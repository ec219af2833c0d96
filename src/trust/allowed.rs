//! The file of allowed signers: the format that ssh-keygen(1) describes under ALLOWED SIGNERS, and a list of revoked keys.
//!
//! Dates are read as UTC, with or without the `Z`: hosts in different zones agree on them.

use std::collections::BTreeSet;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use russh::keys::ssh_key::PublicKey;

use super::signature::{Key, NAMESPACE};

/// How a list of revoked keys begins that `ssh-keygen -k` wrote.
const KRL: &[u8] = b"SSHKRL\n\0";

/// The keys that may sign, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowedSigners(Vec<Signer>);

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Signer {
    principals: String,
    key: Key,
    /// A list of patterns; `None` is any namespace.
    namespaces: Option<String>,
    /// Seconds since 1970.
    after: Option<i64>,
    /// Seconds since 1970.
    before: Option<i64>,
}

/// Why a line names nobody who may sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineFault {
    /// It cannot be read, and the whole file with it.
    #[error("{0}")]
    Unreadable(String),
    /// Its key is of a type that is not verified.
    #[error("a key of this type is not verified; take an Ed25519 or ECDSA key")]
    Unsupported,
    /// Its key may not sign, at least not now.
    #[error(transparent)]
    Key(KeyFault),
}

/// Keys that are trusted no more.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Revoked(BTreeSet<String>);

/// A line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct LineError {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

/// Says why a key may not sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// No line has it.
    #[error("nobody who is trusted here has that key")]
    Unknown,
    /// It is revoked on this host.
    #[error("that key is revoked on this host")]
    Revoked,
    /// A later release has dropped it.
    #[error("a release has dropped that key from the signers")]
    Dropped,
    /// Its line names other namespaces.
    #[error("that key may sign for `{0}` only, not for `git`")]
    Namespace(String),
    /// Its time has not come.
    #[error("that key is valid from {0} on")]
    Early(String),
    /// Its time is over.
    #[error("that key was valid until {0}")]
    Expired(String),
}

impl AllowedSigners {
    /// Reads the file.
    pub fn parse(text: &[u8]) -> Result<Self, LineError> {
        let mut signers = Vec::new();
        for (line, signer) in lines(text) {
            signers.extend(signer.map_err(|why| LineError { line, why })?);
        }
        Ok(Self(signers))
    }

    /// Whether it has no key that can be verified.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a line has this key.
    pub fn names(&self, key: &Key) -> bool {
        self.0.iter().any(|signer| signer.key == *key)
    }

    /// Returns the fingerprints of its keys.
    pub fn fingerprints(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|signer| signer.key.fingerprint())
    }

    /// Says who a key belongs to, if it may sign Git objects at all of these times.
    pub fn judge(&self, key: &Key, times: &[i64]) -> Result<&str, KeyFault> {
        let mut fault = KeyFault::Unknown;
        for signer in self.0.iter().filter(|signer| signer.key == *key) {
            match signer.fault(times) {
                None => return Ok(&signer.principals),
                Some(found) => fault = found,
            }
        }
        Err(fault)
    }
}

/// Says of every line of a file that names a key whether it may sign at a time, in seconds since 1970.
pub fn judge_lines(text: &[u8], time: i64) -> impl Iterator<Item = (usize, Result<(), LineFault>)> {
    lines(text).map(move |(line, signer)| {
        let signer = signer.map_err(LineFault::Unreadable).and_then(|signer| signer.ok_or(LineFault::Unsupported));
        (line, signer.and_then(|signer| signer.fault(&[time]).map_or(Ok(()), |fault| Err(LineFault::Key(fault)))))
    })
}

/// Reads the lines that are neither empty nor comments, with their numbers; a key of a type that is not verified gives
/// nothing.
fn lines(text: &[u8]) -> impl Iterator<Item = (usize, Result<Option<Signer>, String>)> {
    (1..).zip(text.split(|byte| *byte == b'\n')).filter_map(|(number, line)| {
        let Ok(line) = std::str::from_utf8(line) else { return Some((number, Err("it is not UTF-8".to_owned()))) };
        let line = line.trim();
        (!line.is_empty() && !line.starts_with('#')).then(|| (number, read_line(line)))
    })
}

impl Signer {
    fn fault(&self, times: &[i64]) -> Option<KeyFault> {
        if let Some(list) = self.namespaces.as_ref().filter(|list| !matches_list(list, NAMESPACE)) {
            return Some(KeyFault::Namespace(list.clone()));
        }
        if let Some(after) = self.after.filter(|after| times.iter().any(|time| time < after)) {
            return Some(KeyFault::Early(show(after)));
        }
        let before = self.before.filter(|before| times.iter().any(|time| time > before))?;
        Some(KeyFault::Expired(show(before)))
    }
}

impl Revoked {
    /// Reads the file: a public key or a fingerprint (`SHA256:...`) a line.
    pub fn parse(text: &[u8]) -> Result<Self, LineError> {
        if text.starts_with(KRL) {
            let why = "it is a binary list (ssh-keygen -k); list the keys themselves, one a line".to_owned();
            return Err(LineError { line: 1, why });
        }
        let mut prints = BTreeSet::new();
        for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
            let line = String::from_utf8_lossy(line);
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = || LineError { line: number, why: "it is neither a public key nor a fingerprint".to_owned() };
            if line.starts_with("SHA256:") {
                prints.insert(line.split_whitespace().next().unwrap_or_default().to_owned());
            } else {
                let key = PublicKey::from_openssh(line).map_err(|_| wrong())?;
                prints.insert(key.fingerprint(russh::keys::ssh_key::HashAlg::Sha256).to_string());
            }
        }
        Ok(Self(prints))
    }

    /// Whether a key is in it.
    pub fn has(&self, key: &Key) -> bool {
        self.0.contains(&key.fingerprint())
    }
}

/// Reads `PRINCIPALS [OPTIONS] TYPE KEY [COMMENT]`; a key of a type that is not verified gives nothing.
fn read_line(line: &str) -> Result<Option<Signer>, String> {
    let (principals, rest) = match line.strip_prefix('"').map(|quoted| quoted.split_once('"')) {
        Some(Some(parts)) => parts,
        Some(None) => return Err("a quote is not closed".to_owned()),
        None => line.split_once(char::is_whitespace).ok_or("it has no key")?,
    };
    let mut signer = Options::default();
    let mut rest = rest.trim_start();
    let key = loop {
        if let Ok(key) = PublicKey::from_openssh(rest) {
            break key;
        }
        if signer.seen {
            return Err("it has no key that can be read".to_owned());
        }
        rest = signer.read(rest)?.trim_start();
    };
    let Options { namespaces, after, before, .. } = signer;
    if let (Some(after), Some(before)) = (after, before)
        && before <= after
    {
        return Err("`valid-before` is not later than `valid-after`".to_owned());
    }
    let principals = principals.to_owned();
    Ok(Key::new(key.key_data()).map(|key| Signer { principals, key, namespaces, after, before }))
}

#[derive(Default)]
struct Options {
    seen: bool,
    namespaces: Option<String>,
    after: Option<i64>,
    before: Option<i64>,
}

impl Options {
    /// Reads options up to the next blank outside of quotes, and returns what follows.
    fn read<'t>(&mut self, text: &'t str) -> Result<&'t str, String> {
        self.seen = true;
        let mut quoted = false;
        let end = text.find(|c: char| {
            quoted ^= c == '"';
            c.is_whitespace() && !quoted
        });
        let (options, rest) = text.split_at(end.ok_or("it has no key that can be read")?);
        let mut quoted = false;
        let parts = options.split(|c: char| {
            quoted ^= c == '"';
            c == ',' && !quoted
        });
        for option in parts {
            self.set(option)?;
        }
        Ok(rest)
    }

    fn set(&mut self, option: &str) -> Result<(), String> {
        let (name, value) = option.split_once('=').map_or((option, None), |(name, value)| (name, Some(value)));
        let value = || {
            let inner = value.and_then(|value| value.strip_prefix('"')?.strip_suffix('"'));
            inner.ok_or_else(|| format!("`{name}` has no value in quotes"))
        };
        let once = |is_set: bool| if is_set { Err(format!("`{name}` is there twice")) } else { Ok(()) };
        match name.to_ascii_lowercase().as_str() {
            "namespaces" => {
                once(self.namespaces.is_some())?;
                self.namespaces = Some(value()?.to_owned());
            }
            "valid-after" => {
                once(self.after.is_some())?;
                self.after = Some(time(value()?)?);
            }
            "valid-before" => {
                once(self.before.is_some())?;
                self.before = Some(time(value()?)?);
            }
            "cert-authority" => {
                return Err("certificate authorities are not supported: name each signer's own key".to_owned());
            }
            _ => return Err(format!("`{}` is neither an option nor a key that can be read", name.escape_default())),
        }
        Ok(())
    }
}

/// Reads `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`, in UTC.
fn time(text: &str) -> Result<i64, String> {
    let wrong = || format!("`{}` is no time such as 20270131 or 202701312359Z", text.escape_default());
    let digits = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    if ![8, 12, 14].contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let year = digits[..4].parse().map_err(|_| wrong())?;
    let part = |at: usize| digits.get(at..at + 2).map_or(Ok(0), |two| two.parse::<i8>().map_err(|_| wrong()));
    let time = DateTime::new(year, part(4)?, part(6)?, part(8)?, part(10)?, part(12)?, 0).map_err(|_| wrong())?;
    Ok(time.to_zoned(TimeZone::UTC).map_err(|_| wrong())?.timestamp().as_second())
}

fn show(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

/// Matches a name against a comma-separated list of patterns, as ssh does: one that begins with `!` excludes.
fn matches_list(list: &str, name: &str) -> bool {
    let mut matched = false;
    for pattern in list.split(',').map(str::trim) {
        match pattern.strip_prefix('!') {
            Some(not) if matches(not.as_bytes(), name.as_bytes()) => return false,
            Some(_) => {}
            None => matched |= matches(pattern.as_bytes(), name.as_bytes()),
        }
    }
    matched
}

/// Matches `*` and `?`.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        // Several stars are one: otherwise there would be as many ways as stars to share a name out among them.
        (Some((b'*', rest)), _) if rest.first() == Some(&b'*') => matches(rest, name),
        (Some((b'*', rest)), _) => (0..=name.len()).any(|skip| matches(rest, &name[skip..])),
        (Some((b'?', pattern)), Some((_, name))) => matches(pattern, name),
        (Some((a, pattern)), Some((b, name))) if a == b => matches(pattern, name),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICpwfEH9UZ22s8fFPDvU5Eaf9en9nxuji7I5o1HV10X5";

    fn key() -> Key {
        Key::new(PublicKey::from_openssh(KEY).expect("a key").key_data()).expect("a kind that is verified")
    }

    /// What a file says of the key at a time.
    fn at(line: &str, times: &[i64]) -> Result<String, String> {
        let signers = AllowedSigners::parse(line.as_bytes()).map_err(|error| error.to_string())?;
        signers.judge(&key(), times).map(str::to_owned).map_err(|fault| fault.to_string())
    }

    #[test]
    fn lines_are_read_as_ssh_keygen_reads_them() {
        let check = |line: &str, expect: Result<&str, &str>| {
            let found = at(&line.replace("KEY", KEY), &[1_700_000_000]);
            assert_eq!(found.as_deref().map_err(String::as_str), expect, "{line}");
        };
        let unknown = Err("nobody who is trusted here has that key");
        check("", unknown);
        check("# ann KEY\n\n", unknown);
        check("ann@example.org KEY", Ok("ann@example.org"));
        check("ann,bob KEY a comment", Ok("ann,bob"));
        check("\"ann b\" KEY", Ok("ann b"));
        check("ann namespaces=\"git\" KEY", Ok("ann"));
        check("ann namespaces=\"file,g?t\" KEY", Ok("ann"));
        check("ann NAMESPACES=\"*\" KEY", Ok("ann"));
        check("ann namespaces=\"file\" KEY", Err("that key may sign for `file` only, not for `git`"));
        check("ann namespaces=\"*,!git\" KEY", Err("that key may sign for `*,!git` only, not for `git`"));
        check("ann namespaces=\"file\" KEY\nbob KEY", Ok("bob"));
        check("ann valid-after=\"20231101\",valid-before=\"20231201Z\" KEY", Ok("ann"));
        check("ann valid-after=\"20231201\" KEY", Err("that key is valid from 2023-12-01T00:00:00Z on"));
        check("ann valid-before=\"202311142213\" KEY", Err("that key was valid until 2023-11-14T22:13:00Z"));
        check("ann valid-before=\"20231114221320\" KEY", Ok("ann"));
        check("bob ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAwEAAQ==\nann KEY", Ok("ann"));
        for (line, why) in [
            ("ann", "line 1: it has no key"),
            ("# x\nann ssh-ed25519 AAAA", "line 2: `ssh-ed25519` is neither an option nor a key that can be read"),
            ("\"ann KEY", "line 1: a quote is not closed"),
            ("ann cert-authority KEY", "line 1: certificate authorities are not supported: name each signer's own key"),
            ("ann namespaces=git KEY", "line 1: `namespaces` has no value in quotes"),
            ("ann namespaces=\"a\",namespaces=\"b\" KEY", "line 1: `namespaces` is there twice"),
            ("ann valid-after=\"2023\" KEY", "line 1: `2023` is no time such as 20270131 or 202701312359Z"),
            ("ann valid-after=\"20231301\" KEY", "line 1: `20231301` is no time such as 20270131 or 202701312359Z"),
            (
                "ann valid-after=\"20240101\",valid-before=\"20230101\" KEY",
                "line 1: `valid-before` is not later than `valid-after`",
            ),
            ("ann namespaces=\"a\" namespaces=\"b\" KEY", "line 1: it has no key that can be read"),
        ] {
            check(line, Err(why));
        }
    }

    #[test]
    fn a_key_must_be_valid_at_each_time() {
        let line = format!("ann valid-after=\"19700102\",valid-before=\"19700103\" {KEY}");
        let day = 86_400;
        assert_eq!(at(&line, &[day, 2 * day]), Ok("ann".to_owned()));
        assert!(at(&line, &[day - 1, 2 * day]).is_err());
        assert!(at(&line, &[day, 2 * day + 1]).is_err());
    }

    #[test]
    fn revoked_keys_are_keys_or_fingerprints() {
        let print = key().fingerprint();
        for text in [format!("# old\n{KEY} ann\n"), print.clone(), format!("{print} ann\n")] {
            assert!(Revoked::parse(text.as_bytes()).expect("readable").has(&key()), "{text}");
        }
        assert!(!Revoked::parse(b"").expect("readable").has(&key()));
        assert_eq!(Revoked::parse(b"\nann").expect_err("no key").line, 2);
        assert!(Revoked::parse(KRL).expect_err("binary").why.contains("binary list"));
    }
}
