//! What is stored on the output branch: bundles of artifacts, one bundle a host.
//!
//! Input: what `compile` made, or what Git holds. Output: the same values on both sides of the wire.
//! Must not: know the spec or the model; read or write anything.
//!
//! The tree of one host, which is also the tree of its own ref (`refs/rmqgit/hosts/CLUSTER/HOST`):
//!
//! ```text
//! rootfs/etc/haproxy/haproxy.cfg ...   every file at its real path, secrets as placeholders
//! definitions.json                     what the broker shall hold, canonical
//! secrets/NAME.age                     the secrets that the host needs, sealed for it
//! manifest.json                        per file: digest, mode, owner, check, action, the secrets' places
//! ```

mod maintenance;
mod role;
mod signers;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::definitions::Definitions;
use crate::name::{ClusterName, Digest, HostName, HostPath, SecretRef, UnitName};
use crate::quote::Syntax;

pub use maintenance::{Day, Maintenance, MaintenanceWindow};
pub use role::{BrokerNode, MemberNode, NodeKind, Role, VirtualAddress};
pub use signers::{ALLOWED_SIGNERS, SIGNERS, SIGNERS_REF};

/// The version of the stored format that this program writes and the only one it reads.
pub const FORMAT: u32 = 1;

/// The name of the manifest inside a host's tree.
pub const MANIFEST: &str = "manifest.json";
/// The name of the definitions inside a host's tree.
pub const DEFINITIONS: &str = "definitions.json";
/// The directory that holds the files at their real paths.
pub const ROOTFS: &str = "rootfs";
/// The most bytes that a manifest has: one that lists a thousand files has a tenth of it.
pub const MAX_MANIFEST: usize = 4 << 20;
/// The most bytes that the definitions have: about 50,000 objects.
pub const MAX_DEFINITIONS: usize = 8 << 20;
/// The directory that holds the sealed secrets.
pub const SECRETS: &str = "secrets";
/// The end of the name of a sealed secret.
pub const SEALED: &str = ".age";
/// The ref namespace with one ref per host.
pub const HOST_REFS: &str = "refs/rmqgit/hosts";

/// The trailer of a release's commit, and of a host's commit, that names the spec commit it was compiled from.
pub const SPEC_COMMIT: &str = "Spec-Commit";
/// The trailer that names the version of the compiler.
pub const COMPILER: &str = "Rmqgit-Version";

/// Returns the name of the ref that holds one host's tree.
pub fn host_ref(cluster: &ClusterName, host: &HostName) -> String {
    format!("{HOST_REFS}/{cluster}/{host}")
}

/// All of one host's artifacts, and what its broker shall hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    /// The cluster.
    pub cluster: ClusterName,
    /// The host.
    pub host: HostName,
    /// The order in which the cluster's hosts may be disturbed.
    pub order: Vec<HostName>,
    /// The files, by path.
    pub artifacts: BTreeMap<HostPath, Artifact>,
    /// What the broker shall hold; `None` on a host without a broker.
    pub definitions: Option<Definitions>,
    /// The secrets that it needs, sealed; empty where the hosts bring their own.
    pub secrets: BTreeMap<SecretRef, Vec<u8>>,
    /// What the host is in its cluster.
    pub role: Role,
    /// When the broker may be restarted; `None` is at any time.
    pub maintenance: Option<Maintenance>,
    /// The transitions that this release grants by name.
    pub grants: Vec<String>,
}

/// One file for one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The bytes, with places for secrets.
    pub content: Vec<Piece>,
    /// The permission bits, such as `0o644`.
    pub mode: u32,
    /// Who owns it.
    pub owner: Owner,
    /// The program that must accept a candidate before it replaces the file.
    pub check: Option<Check>,
    /// What to do when the file changed.
    pub on_change: OnChange,
    /// How much of the file is ours.
    pub part: Part,
}

/// A run of bytes, or the place of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Text as it stands in the file.
    Text(String),
    /// A secret, joined on the host in the quoting of `syntax`.
    Secret {
        /// Its name.
        name: SecretRef,
        /// How its value is quoted where it stands.
        syntax: Syntax,
    },
}

/// A user and a group by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// The user's name.
    pub user: String,
    /// The group's name.
    pub group: String,
}

impl Owner {
    /// Returns `root:root`.
    pub fn root() -> Self {
        Self { user: "root".to_owned(), group: "root".to_owned() }
    }
}

/// A program that judges a candidate file. The agent knows this closed set; no command comes from a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// `haproxy -c -f FILE`.
    Haproxy,
    /// `keepalived -t -f FILE`.
    Keepalived,
    /// `bash -n FILE`.
    Bash,
}

/// What a change of a file asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum OnChange {
    /// No one has to be told.
    Nothing,
    /// The unit reloads; nobody notices.
    Reload(UnitName),
    /// The unit restarts; a broker's restart needs the turn.
    Restart(UnitName),
    /// The kernel's settings are loaded again.
    Sysctl,
    /// systemd reads its units again; nothing restarts.
    Units,
    /// systemd reads its units again, and the unit restarts when it may.
    DaemonReload(UnitName),
    /// The plugins are switched while the broker runs.
    Plugins,
}

/// How much of a file is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The whole file.
    Whole,
    /// The lines between [`BLOCK_BEGIN`] and [`BLOCK_END`]; the rest belongs to the host.
    Block,
}

/// The line before the managed block of a file that is shared with the host.
pub const BLOCK_BEGIN: &str = "# BEGIN rmqgit (managed block; edit the spec, not these lines)";
/// The line after the managed block.
pub const BLOCK_END: &str = "# END rmqgit";

/// What `manifest.json` says of one host's tree. It names no commit: the trailers of the commit do, so that a host whose
/// files did not change keeps its tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of the stored format, [`FORMAT`].
    pub format: u32,
    /// The cluster.
    pub cluster: ClusterName,
    /// The host.
    pub host: HostName,
    /// The order in which the cluster's hosts may be disturbed.
    pub order: Vec<HostName>,
    /// What the host is in its cluster.
    #[serde(default)]
    pub role: Role,
    /// Every file, sorted by path.
    pub files: Vec<ManifestFile>,
    /// The digest of `definitions.json`, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definitions: Option<Digest>,
    /// The sealed secrets, sorted by name; none where the hosts bring their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<ManifestSecret>,
    /// When the broker may be restarted; at any time, if it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<Maintenance>,
    /// The transitions that this release grants by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<String>,
}

/// One file of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManifestFile {
    /// The path on the host.
    pub path: HostPath,
    /// The digest of the stored bytes, placeholders included.
    pub digest: Digest,
    /// The permission bits in octal, such as `0644`.
    pub mode: String,
    /// The owner.
    pub owner: Owner,
    /// The program that must accept a candidate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
    /// What to do when the file changed.
    pub on_change: OnChange,
    /// How much of the file is ours.
    pub part: Part,
    /// The places of secrets in the stored bytes, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretPlace>,
}

/// A sealed secret of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManifestSecret {
    /// Its name.
    pub name: SecretRef,
    /// The digest of the sealed bytes.
    pub digest: Digest,
}

/// The place of a secret in the stored bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretPlace {
    /// The secret's name.
    pub name: SecretRef,
    /// How its value is quoted.
    pub syntax: Syntax,
    /// The first byte of the placeholder.
    pub start: usize,
    /// The byte after the placeholder.
    pub end: usize,
}

/// Says why stored bytes are not a bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// The manifest is not JSON of the expected shape.
    #[error("manifest.json is not readable: {0}")]
    Manifest(String),
    /// A document is larger than one of a release can be.
    #[error("{name} has {size} bytes, and at most {limit} are read")]
    Large {
        /// Which.
        name: &'static str,
        /// Its bytes.
        size: usize,
        /// How many would be allowed.
        limit: usize,
    },
    /// The manifest is of another format.
    #[error("manifest.json has format {0}; this rmqgit reads format 1: install the rmqgit that wrote the release")]
    Format(u64),
    /// A file of the manifest is not stored, or a stored file is not in the manifest.
    #[error("`{0}` is in the manifest or in the tree, but not in both")]
    Mismatch(String),
    /// The stored bytes are not those of the manifest.
    #[error("`{0}` does not have the digest that the manifest names")]
    Digest(String),
    /// A field of the manifest has an impossible value.
    #[error("manifest.json: `{path}`: {why}")]
    Field {
        /// The file that the field belongs to.
        path: String,
        /// What is wrong.
        why: &'static str,
    },
}

impl Artifact {
    /// Returns the bytes as they are stored: text, with a placeholder for each secret, and the places of those.
    pub fn stored(&self) -> (Vec<u8>, Vec<SecretPlace>) {
        let mut bytes = Vec::new();
        let mut places = Vec::new();
        for piece in &self.content {
            match piece {
                Piece::Text(text) => bytes.extend_from_slice(text.as_bytes()),
                Piece::Secret { name, syntax } => {
                    let start = bytes.len();
                    bytes.extend_from_slice(placeholder(name).as_bytes());
                    places.push(SecretPlace { name: name.clone(), syntax: *syntax, start, end: bytes.len() });
                }
            }
        }
        (bytes, places)
    }
}

/// Returns the text that stands for a secret on the output branch and in diffs.
pub fn placeholder(name: &SecretRef) -> String {
    format!("%{{secret:{name}}}")
}

/// Returns the path of a sealed secret in a host's tree.
pub fn sealed_path(name: &SecretRef) -> String {
    format!("{SECRETS}/{name}{SEALED}")
}

/// A bundle as files of a tree: the paths below the host's directory and their bytes, sorted as Git sorts full paths.
pub type StoredFiles = BTreeMap<String, Vec<u8>>;

impl Bundle {
    /// Returns the files of the host's tree.
    pub fn store(&self) -> StoredFiles {
        self.store_with(self.definitions_text().as_deref())
    }

    /// Returns the canonical text of the definitions.
    pub fn definitions_text(&self) -> Option<String> {
        self.definitions.as_ref().map(Definitions::to_canonical_json)
    }

    /// Returns the files of the host's tree, given its definitions as text: a cluster's hosts have the same ones.
    pub fn store_with(&self, definitions: Option<&str>) -> StoredFiles {
        let mut files = StoredFiles::new();
        let mut listed = Vec::with_capacity(self.artifacts.len());
        for (path, artifact) in &self.artifacts {
            let (bytes, secrets) = artifact.stored();
            listed.push(ManifestFile {
                path: path.clone(),
                digest: Digest::of(&bytes),
                mode: format!("{:04o}", artifact.mode),
                owner: artifact.owner.clone(),
                check: artifact.check,
                on_change: artifact.on_change.clone(),
                part: artifact.part,
                secrets,
            });
            files.insert(format!("{ROOTFS}{path}"), bytes);
        }
        let definitions = definitions.map(|text| {
            let bytes = text.as_bytes().to_vec();
            let digest = Digest::of(&bytes);
            files.insert(DEFINITIONS.to_owned(), bytes);
            digest
        });
        let secrets = self.secrets.iter().map(|(name, sealed)| {
            files.insert(sealed_path(name), sealed.clone());
            ManifestSecret { name: name.clone(), digest: Digest::of(sealed) }
        });
        let secrets = secrets.collect();
        let manifest = Manifest {
            format: FORMAT,
            cluster: self.cluster.clone(),
            host: self.host.clone(),
            order: self.order.clone(),
            role: self.role.clone(),
            files: listed,
            definitions,
            secrets,
            maintenance: self.maintenance.clone(),
            grants: self.grants.clone(),
        };
        files.insert(MANIFEST.to_owned(), canonical_json(&manifest).into_bytes());
        files
    }

    /// Returns the names of the secrets that the host needs.
    pub fn needed_secrets(&self) -> BTreeSet<SecretRef> {
        let pieces = self.artifacts.values().flat_map(|artifact| &artifact.content);
        let in_files = pieces.filter_map(|piece| match piece {
            Piece::Secret { name, .. } => Some(name.clone()),
            Piece::Text(_) => None,
        });
        in_files.chain(self.definitions.iter().flat_map(Definitions::secrets)).collect()
    }

    /// Reads a bundle back from the files of a host's tree, and checks every digest.
    pub fn load(mut files: StoredFiles) -> Result<Self, BundleError> {
        let text = files.remove(MANIFEST).ok_or_else(|| BundleError::Mismatch(MANIFEST.to_owned()))?;
        small(MANIFEST, &text, MAX_MANIFEST)?;
        let manifest = read_manifest(&text)?;
        let definitions = match (files.remove(DEFINITIONS), manifest.definitions) {
            (None, None) => None,
            (Some(bytes), Some(digest)) => {
                small(DEFINITIONS, &bytes, MAX_DEFINITIONS)?;
                if Digest::of(&bytes) != digest {
                    return Err(BundleError::Digest(DEFINITIONS.to_owned()));
                }
                Some(serde_json::from_slice(&bytes).map_err(|e| BundleError::Manifest(format!("{DEFINITIONS}: {e}")))?)
            }
            _ => return Err(BundleError::Mismatch(DEFINITIONS.to_owned())),
        };
        let mut artifacts = BTreeMap::new();
        for file in manifest.files {
            let stored = files
                .remove(&format!("{ROOTFS}{}", file.path))
                .ok_or_else(|| BundleError::Mismatch(file.path.to_string()))?;
            if Digest::of(&stored) != file.digest {
                return Err(BundleError::Digest(file.path.to_string()));
            }
            let path = file.path.clone();
            artifacts.insert(path, read_file(file, &stored)?);
        }
        let mut secrets = BTreeMap::new();
        for secret in manifest.secrets {
            let path = sealed_path(&secret.name);
            let sealed = files.remove(&path).ok_or_else(|| BundleError::Mismatch(path.clone()))?;
            if Digest::of(&sealed) != secret.digest {
                return Err(BundleError::Digest(path));
            }
            secrets.insert(secret.name, sealed);
        }
        if let Some((path, _)) = files.pop_first() {
            return Err(BundleError::Mismatch(path));
        }
        Ok(Self {
            cluster: manifest.cluster,
            host: manifest.host,
            order: manifest.order,
            artifacts,
            definitions,
            secrets,
            role: manifest.role,
            maintenance: manifest.maintenance,
            grants: manifest.grants,
        })
    }
}

/// Holds a document against its bound before it is read: a short one can become a large value, one of a hundred megabytes
/// cannot be told from an attack.
fn small(name: &'static str, bytes: &[u8], limit: usize) -> Result<(), BundleError> {
    if bytes.len() > limit { Err(BundleError::Large { name, size: bytes.len(), limit }) } else { Ok(()) }
}

fn read_manifest(text: &[u8]) -> Result<Manifest, BundleError> {
    /// What every manifest has, whatever its format. The rest is passed over and not kept: it may be anything.
    #[derive(Deserialize)]
    struct AnyManifest {
        format: Option<u64>,
    }

    let any: AnyManifest = serde_json::from_slice(text).map_err(|e| BundleError::Manifest(e.to_string()))?;
    match any.format {
        Some(format) if format == u64::from(FORMAT) => {}
        Some(format) => return Err(BundleError::Format(format)),
        None => return Err(BundleError::Manifest("it has no `format`".to_owned())),
    }
    serde_json::from_slice(text).map_err(|e| BundleError::Manifest(e.to_string()))
}

fn read_file(file: ManifestFile, stored: &[u8]) -> Result<Artifact, BundleError> {
    let wrong = |why| BundleError::Field { path: file.path.to_string(), why };
    let mode = u32::from_str_radix(&file.mode, 8).map_err(|_| wrong("the mode is not octal"))?;
    if mode > 0o777 {
        return Err(wrong("the mode has bits beyond 0777"));
    }
    let text = std::str::from_utf8(stored).map_err(|_| wrong("the file is not UTF-8"))?;
    let mut content = Vec::new();
    let mut done = 0;
    for place in file.secrets {
        let head = text.get(done..place.start).ok_or_else(|| wrong("a secret's place is outside the file"))?;
        if text.get(place.start..place.end) != Some(&placeholder(&place.name)) {
            return Err(wrong("a secret's place does not hold its placeholder"));
        }
        if !head.is_empty() {
            content.push(Piece::Text(head.to_owned()));
        }
        content.push(Piece::Secret { name: place.name, syntax: place.syntax });
        done = place.end;
    }
    if done < text.len() {
        content.push(Piece::Text(text[done..].to_owned()));
    }
    Ok(Artifact { content, mode, owner: file.owner, check: file.check, on_change: file.on_change, part: file.part })
}

/// Writes a stored document: two spaces of indent, keys in the order of the type, a final newline.
pub fn canonical_json<T: Serialize>(value: &T) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("stored types have string keys and finite numbers");
    text.push('\n');
    text
}
