//! Names that are parsed once and valid ever after.
//!
//! Input: text from a spec, a manifest or a command line. Output: a newtype that no later stage checks again.
//! Must not: know where a name came from, or what it is used for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Says why a text is not a valid name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a valid {kind}: {why}")]
pub struct NameError {
    /// What the text was meant to be, such as `host name`.
    pub kind: &'static str,
    /// The refused text, shortened to 64 characters.
    pub text: String,
    /// What is wrong with it and what is allowed.
    pub why: &'static str,
}

fn refuse(kind: &'static str, text: &str, why: &'static str) -> NameError {
    NameError { kind, text: text.chars().take(64).collect(), why }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// Parses the name, or says why it is refused.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                let check: fn(&str) -> Result<(), &'static str> = $check;
                check(text).map_err(|why| refuse($kind, text, why))?;
                Ok(Self(text.into()))
            }

            /// Returns the name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::parse(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "minLength": 1 })
            }
        }
    };
}

name!(
    /// A host of a cluster, as DNS and Erlang node names spell it: labels of letters, digits and `-`, joined by dots.
    HostName, "host name", check_host
);
name!(
    /// A cluster: one directory of the output branch and part of ref names.
    ClusterName, "cluster name", check_slug
);
name!(
    /// A secret, as the spec refers to it and as the host's secrets directory names its file.
    SecretRef, "secret name", check_slug
);
name!(
    /// A systemd unit with its suffix, such as `haproxy.service`.
    UnitName, "unit name", |text| {
        let (stem, suffix) = text.rsplit_once('.').ok_or("a unit name ends in its type, such as `.service`")?;
        if !matches!(suffix, "service" | "socket" | "timer" | "target" | "path" | "mount") {
            return Err("a unit name ends in its type, such as `.service`");
        }
        if stem.is_empty() || !stem.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.@:\\".contains(&b)) {
            return Err("use letters, digits and `-_.@:`");
        }
        Ok(())
    }
);
name!(
    /// An absolute path on a host: no `.`, `..`, empty component, control character or trailing slash.
    HostPath, "host path", |text| {
        let rest = text.strip_prefix('/').ok_or("it must be absolute")?;
        if text.len() > 1024 {
            return Err("it is longer than 1024 bytes");
        }
        if text.chars().any(char::is_control) {
            return Err("it holds a control character");
        }
        if rest.split('/').any(|part| matches!(part, "" | "." | "..") || part.len() > 255) {
            return Err("each component must be a plain name: no `.`, `..`, empty or over-long one");
        }
        if rest.split('/').any(|part| part.eq_ignore_ascii_case(".git")) {
            return Err("Git refuses a component named `.git`");
        }
        Ok(())
    }
);

name!(
    /// A commit of the output branch or of a host's own ref: 40 lower-case hexadecimal digits.
    ReleaseId, "commit id", |text| {
        if text.len() != 40 || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err("a commit id is 40 lower-case hexadecimal digits");
        }
        Ok(())
    }
);

impl HostPath {
    /// Returns the path without its leading slash, as it stands below a root.
    pub fn relative(&self) -> &str {
        &self.0[1..]
    }

    /// Returns the last component.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().expect("rsplit yields at least one part")
    }
}

fn check_host(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > 253 {
        return Err("a host name has 1 to 253 characters");
    }
    for label in text.split('.') {
        if label.is_empty() || label.len() > 63 {
            return Err("each label between dots has 1 to 63 characters");
        }
        if !label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
            return Err("use letters, digits, `-` and `_`, and dots between labels");
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err("a label neither starts nor ends with `-`");
        }
    }
    if text.to_ascii_lowercase().ends_with(".lock") {
        return Err("Git refuses ref names that end in `.lock`");
    }
    Ok(())
}

fn check_slug(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > 63 {
        return Err("use 1 to 63 characters");
    }
    if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) {
        return Err("use letters, digits, `-`, `_` and `.`");
    }
    if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) || text.ends_with('.') || text.contains("..") {
        return Err("start with a letter or digit, and do not end with `.` or hold `..`");
    }
    if text.to_ascii_lowercase().ends_with(".lock") {
        return Err("Git refuses ref names that end in `.lock`");
    }
    Ok(())
}

/// A SHA-256 digest, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Computes the digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(bytes).into())
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 64];
        for (i, byte) in self.0.iter().enumerate() {
            text[2 * i] = HEX[usize::from(byte >> 4)];
            text[2 * i + 1] = HEX[usize::from(byte & 15)];
        }
        f.write_str(std::str::from_utf8(&text).expect("hexadecimal digits are ASCII"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{self}")
    }
}

impl FromStr for Digest {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let wrong = || refuse("digest", text, "a digest is 64 lower-case hexadecimal digits");
        if text.len() != 64 {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (i, pair) in text.as_bytes().chunks_exact(2).enumerate() {
            let digit = |c: u8| HEX.iter().position(|h| *h == c).ok_or_else(wrong);
            bytes[i] = u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).expect("two hexadecimal digits fit a byte");
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Digest {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Digest".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9a-f]{64}$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_once() {
        for good in ["rabbit1", "mq-1.example.org", "a_b"] {
            assert_eq!(HostName::parse(good).map(|n| n.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "-a", "a-", "a..b", "a b", "a/b", "é", "a.lock", &"x".repeat(64)] {
            assert!(HostName::parse(bad).is_err(), "{bad:?} was accepted");
        }
        for bad in ["etc/x", "/", "/a/../b", "/a//b", "/a/", "/a\n", "/.git/x"] {
            assert!(HostPath::parse(bad).is_err(), "{bad:?} was accepted");
        }
        for bad in ["..", ".a", "a..b", "a.", "a/b", "x.lock"] {
            assert!(ClusterName::parse(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn digest_round_trips() {
        let digest = Digest::of(b"abc");
        assert_eq!(digest.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!("BA".repeat(32).parse::<Digest>().is_err());
    }
}
