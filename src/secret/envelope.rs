//! What is sealed: a line that says whose value it is and what it is for, then the value.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{BIGGEST, Secret};
use crate::name::{ClusterName, HostName, SecretRef};

/// The version of the envelope.
const FORMAT: u32 = 1;
/// What is sealed is a multiple of so many bytes long: the length of a sealed file says nothing of the value's.
const BLOCK: usize = 256;

/// What a value is for. It is sealed together with the value, so that a sealed file cannot stand in another's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The cluster.
    pub cluster: ClusterName,
    /// The name of the secret.
    pub name: SecretRef,
    /// The hosts that it is for.
    pub hosts: BTreeSet<HostName>,
}

/// The first line, as it is written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    format: u32,
    cluster: ClusterName,
    name: SecretRef,
    hosts: BTreeSet<HostName>,
    /// Blanks that make up the length.
    pad: String,
}

/// Only this much of a line is read before its version is known.
#[derive(Debug, Deserialize)]
struct Format {
    format: u32,
}

/// Says why a value is not for whoever opened it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// There is no envelope, or none of the expected shape.
    #[error("it does not say what it is for: rmqgit did not write it")]
    Shape,
    /// It is of a newer version.
    #[error("its envelope has format {0}; this rmqgit reads format 1")]
    Format(u32),
    /// The value is not text, or too long.
    #[error("its value is not text below 64 KiB")]
    Value,
    /// It is another secret, or another cluster's.
    #[error("it holds the secret `{found}`, not `{wanted}`")]
    Other {
        /// Whose it is, as `CLUSTER/NAME`.
        found: String,
        /// Whose it should be.
        wanted: String,
    },
    /// It is not for this host.
    #[error("it is not for the host `{0}`")]
    Host(HostName),
}

impl Envelope {
    /// Returns what is to be sealed.
    pub(super) fn wrap(&self, secret: &Secret) -> Zeroizing<Vec<u8>> {
        let line = |pad: usize| {
            let line = Line {
                format: FORMAT,
                cluster: self.cluster.clone(),
                name: self.name.clone(),
                hosts: self.hosts.clone(),
                pad: " ".repeat(pad),
            };
            serde_json::to_string(&line).expect("names and numbers can be written as JSON")
        };
        let value = secret.expose().as_bytes();
        let bare = line(0).len() + 1 + value.len();
        let line = line(bare.next_multiple_of(BLOCK) - bare);
        // One allocation that never moves: what a growing buffer leaves behind is not wiped.
        let mut bytes = Zeroizing::new(Vec::with_capacity(line.len() + 1 + value.len()));
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
        bytes.extend_from_slice(value);
        bytes
    }

    /// Reads what was sealed.
    pub(super) fn unwrap(bytes: &[u8]) -> Result<(Self, Secret), EnvelopeError> {
        let end = bytes.iter().position(|byte| *byte == b'\n').ok_or(EnvelopeError::Shape)?;
        let (line, value) = (&bytes[..end], &bytes[end + 1..]);
        let Format { format } = serde_json::from_slice(line).map_err(|_| EnvelopeError::Shape)?;
        if format != FORMAT {
            return Err(EnvelopeError::Format(format));
        }
        let line: Line = serde_json::from_slice(line).map_err(|_| EnvelopeError::Shape)?;
        let text = std::str::from_utf8(value).map_err(|_| EnvelopeError::Value)?;
        if text.is_empty() || text.len() > BIGGEST {
            return Err(EnvelopeError::Value);
        }
        let envelope = Self { cluster: line.cluster, name: line.name, hosts: line.hosts };
        Ok((envelope, Secret::new(Zeroizing::new(text.to_owned()))))
    }

    /// Refuses a value that is not the named one.
    pub fn expect(&self, cluster: &ClusterName, name: &SecretRef) -> Result<(), EnvelopeError> {
        if (&self.cluster, &self.name) == (cluster, name) {
            return Ok(());
        }
        Err(EnvelopeError::Other {
            found: format!("{}/{}", self.cluster, self.name),
            wanted: format!("{cluster}/{name}"),
        })
    }

    /// Refuses a value that is not for a host.
    pub fn expect_host(&self, host: &HostName) -> Result<(), EnvelopeError> {
        if self.hosts.contains(host) { Ok(()) } else { Err(EnvelopeError::Host(host.clone())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope() -> Envelope {
        Envelope {
            cluster: ClusterName::parse("orders").expect("a name"),
            name: SecretRef::parse("stats").expect("a name"),
            hosts: ["rabbit1", "rabbit2"].map(|host| HostName::parse(host).expect("a name")).into(),
        }
    }

    fn secret(text: &str) -> Secret {
        Secret::new(Zeroizing::new(text.to_owned()))
    }

    #[test]
    fn what_is_wrapped_is_unwrapped_and_its_length_says_nothing() {
        for text in ["x", "with\nlines\n", " \"quotes' ", "兎", &"y".repeat(300)] {
            let bytes = envelope().wrap(&secret(text));
            assert_eq!(bytes.len() % BLOCK, 0, "{text}");
            assert_eq!(Envelope::unwrap(&bytes), Ok((envelope(), secret(text))));
        }
        assert_eq!(envelope().wrap(&secret("x")).len(), envelope().wrap(&secret("longer than that")).len());
    }

    #[test]
    fn a_value_is_for_whom_it_says() {
        let name = |text| SecretRef::parse(text).expect("a name");
        let cluster = |text| ClusterName::parse(text).expect("a name");
        assert_eq!(envelope().expect(&cluster("orders"), &name("stats")), Ok(()));
        for (other, secret) in [("orders", "admin"), ("events", "stats")] {
            let error = envelope().expect(&cluster(other), &name(secret)).expect_err("another one");
            assert_eq!(error.to_string(), format!("it holds the secret `orders/stats`, not `{other}/{secret}`"));
        }
        assert_eq!(envelope().expect_host(&HostName::parse("rabbit2").expect("a name")), Ok(()));
        assert!(envelope().expect_host(&HostName::parse("rabbit3").expect("a name")).is_err());
    }

    #[test]
    fn what_is_no_envelope_is_refused() {
        let line = r#"{"format":1,"cluster":"o","name":"s","hosts":["h"],"pad":""}"#;
        let unwrap = |text: &str| Envelope::unwrap(text.as_bytes()).expect_err("refused");
        for text in ["", "\n", "value", "value\n", "{}\nvalue", "{\"format\":1}\nvalue", line] {
            assert_eq!(unwrap(text), EnvelopeError::Shape, "{text}");
        }
        assert_eq!(unwrap(&line.replace("\"pad\"", "\"x\":1,\"pad\"")), EnvelopeError::Shape);
        assert_eq!(unwrap("{\"format\":2,\"new\":true}\nvalue"), EnvelopeError::Format(2));
        assert_eq!(unwrap(&format!("{line}\n")), EnvelopeError::Value);
        assert_eq!(unwrap(&format!("{line}\n{}", "x".repeat(BIGGEST + 1))), EnvelopeError::Value);
        assert_eq!(Envelope::unwrap(&[line.as_bytes(), b"\n\xff"].concat()), Err(EnvelopeError::Value));
    }
}
