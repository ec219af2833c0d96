//! What the files of a host and the objects of its broker shall be, with the secrets joined in.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::live::Bytes;
use crate::name::{HostPath, SecretRef};
use crate::release::{Check, Maintenance, OnChange, Owner, Part, Role};

use super::definitions::Holding;

/// One bundle as it shall be on the host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Desired {
    /// The files, by path.
    pub files: BTreeMap<HostPath, Wanted>,
    /// What the host is in its cluster.
    pub role: Role,
    /// When the broker may be restarted; `None` is at any time.
    pub maintenance: Option<Maintenance>,
    /// What the broker shall hold; `None` on a host without a broker.
    pub holding: Option<Holding>,
    /// The transitions that the release grants by name.
    pub grants: Vec<String>,
}

/// One file as it shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The bytes, or why they are not known.
    pub content: Result<Joined, MissingSecret>,
    /// The permission bits.
    pub mode: u32,
    /// Who owns it.
    pub owner: Owner,
    /// The program that must accept a candidate.
    pub check: Option<Check>,
    /// What to do when it changed.
    pub on_change: OnChange,
    /// How much of the file is ours.
    pub part: Part,
}

/// Says which secret of a file cannot be had, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingSecret {
    /// The secret.
    pub name: SecretRef,
    /// What is wrong with it.
    pub why: String,
    /// What to do.
    pub help: String,
}

/// The bytes of a file, and where its secrets stand in them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Joined {
    /// The bytes.
    pub bytes: Bytes,
    /// The secrets' places, in order.
    pub secrets: Vec<JoinedSecret>,
}

/// A secret inside the bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinedSecret {
    /// Its name.
    pub name: SecretRef,
    /// Where it stands, quoted.
    pub range: Range<usize>,
    /// Its value as it is before quoting: programs print that in their messages.
    pub value: Bytes,
}

impl Joined {
    /// Makes a file without secrets.
    pub fn plain(text: &str) -> Self {
        Self { bytes: Bytes::new(text.as_bytes().to_vec()), secrets: Vec::new() }
    }

    /// Whether the file is one secret and nothing else but blanks.
    pub fn is_one_secret(&self) -> bool {
        let mut rest = 0;
        let bytes = self.bytes.as_slice();
        let blank = |range: Range<usize>| bytes[range].iter().all(u8::is_ascii_whitespace);
        for secret in &self.secrets {
            if !blank(rest..secret.range.start) {
                return false;
            }
            rest = secret.range.end;
        }
        !self.secrets.is_empty() && blank(rest..bytes.len())
    }
}
