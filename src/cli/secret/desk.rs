//! The clusters of a spec with what they need, and the sealed files beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::PathBuf;

use super::Place;
use crate::check::sealed::{self, SealedFiles};
use crate::check::{self, Checked, Format, Input};
use crate::cli::{Failure, load, stderr};
use crate::diag::nearest;
use crate::model::Cluster;
use crate::name::{HostName, SecretRef};
use crate::release::{Bundle, SEALED};
use crate::secret::{self, Envelope, Fingerprint, Opener, Secret};
use crate::sys::tree::Files;
use crate::sys::{clock, workspace};

/// A spec repository.
pub(super) struct Desk {
    /// The directory.
    root: PathBuf,
    /// The files of the spec.
    pub(super) files: Files,
    /// What is wrong with it.
    pub(super) checked: Checked,
    /// The clusters that could be compiled, or the one that was asked for.
    pub(super) clusters: Vec<Kept>,
}

/// A cluster and its sealed files.
pub(super) struct Kept {
    pub(super) cluster: Cluster,
    pub(super) bundles: Vec<Bundle>,
    pub(super) files: SealedFiles,
    /// Who needs what.
    pub(super) needs: BTreeMap<SecretRef, BTreeSet<HostName>>,
}

impl Desk {
    /// Reads a spec repository. Faults of the spec are no obstacle, as far as clusters can be compiled.
    pub(super) fn open(place: &Place) -> Result<Self, Failure> {
        let files = load::load(&place.dir)?;
        let mut clusters = Vec::new();
        let input = Input { files: &files, published: &BTreeMap::new(), today: clock::today(), opener: None };
        let checked = check::check(&input, |cluster, bundles| {
            let sealed = sealed::of_cluster(&files, cluster.name.value.as_str());
            let needs = sealed::needs(&bundles);
            clusters.push(Kept { cluster: cluster.clone(), bundles, files: sealed, needs });
        });
        let broken = clusters.is_empty();
        if let Some(wanted) = &place.cluster {
            clusters.retain(|kept| kept.cluster.name.value == *wanted);
        }
        if clusters.is_empty() {
            stderr().write_all(load::render(&checked, Format::Text).as_bytes())?;
            let failure = match &place.cluster {
                Some(wanted) => Failure::new(format!("the spec has no sound cluster `{wanted}`")),
                None => Failure::new("the spec has no sound cluster"),
            };
            let help = if broken { "repair the spec first: `rmqgit check`" } else { "`rmqgit secret list` names them" };
            return Err(failure.help(help));
        }
        Ok(Self { root: load::directory(&place.dir)?, files, checked, clusters })
    }

    /// Finds the one cluster that needs a secret.
    pub(super) fn one(&self, name: &SecretRef) -> Result<&Kept, Failure> {
        let needing: Vec<&Kept> = self.clusters.iter().filter(|kept| kept.needs.contains_key(name)).collect();
        match needing[..] {
            [one] => Ok(one),
            [] => {
                let known = self.clusters.iter().flat_map(|kept| kept.needs.keys()).map(SecretRef::as_str);
                let help = match nearest(name.as_str(), known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("write `{{secret: {name}}}` where it belongs first"),
                };
                Err(Failure::new(format!("nothing in the spec needs a secret `{name}`")).help(help))
            }
            _ => {
                let names: Vec<_> = needing.iter().map(|kept| kept.cluster.name.value.as_str()).collect();
                Err(Failure::usage(format!("`{name}` is a secret of {}", names.join(", ")))
                    .help("say which one: --cluster NAME"))
            }
        }
    }

    /// Seals a value for those who need it now, and writes the file.
    pub(super) fn write(&self, kept: &Kept, name: &SecretRef, secret: &Secret) -> Result<String, Failure> {
        let hosts = &kept.needs[name];
        kept.all_have_keys(hosts)?;
        let envelope = Envelope { cluster: kept.cluster.name.value.clone(), name: name.clone(), hosts: hosts.clone() };
        let sealed = secret::seal(&envelope, secret, &sealed::readers(&kept.cluster, hosts));
        let path = sealed::path(&kept.cluster, name);
        workspace::replace(&self.root.join(&path), &sealed, 0o644).map_err(|error| Failure::from_error(&error))?;
        Ok(format!("{path}: sealed for {} ({})", kept.audience(hosts), Fingerprint::of(&sealed)))
    }

    /// Returns a file's path as a person can open it.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }
}

impl Kept {
    /// Returns the sealed file of a secret.
    pub(super) fn sealed(&self, name: &SecretRef) -> Option<&[u8]> {
        self.files.get(&format!("{name}{SEALED}")).map(Vec::as_slice)
    }

    /// Opens a sealed file, which must be that secret.
    pub(super) fn open(&self, opener: &Opener, name: &SecretRef) -> Result<(Envelope, Secret), Failure> {
        let path = sealed::path(&self.cluster, name);
        let Some(sealed) = self.sealed(name) else {
            return Err(
                Failure::new(format!("there is no `{path}`")).help(format!("`rmqgit secret set {name}` seals one"))
            );
        };
        let found = opener.open(sealed).and_then(|(envelope, secret)| {
            envelope.expect(&self.cluster.name.value, name)?;
            Ok((envelope, secret))
        });
        found.map_err(|error| {
            Failure::new(format!("`{path}` cannot be used: {error}"))
                .help("`rmqgit secret list` says who can read it: name one of their keys with --identity")
        })
    }

    fn all_have_keys(&self, hosts: &BTreeSet<HostName>) -> Result<(), Failure> {
        let without = |host: &&HostName| self.cluster.hosts.get(*host).is_none_or(|host| host.ssh_host_key.is_none());
        let Some(host) = hosts.iter().find(without) else { return Ok(()) };
        let address = self.cluster.hosts.get(host).map(|host| host.address.value.to_string()).unwrap_or_default();
        Err(Failure::new(format!("host `{host}` needs it and has no `ssh_host_key` in the spec")).help(format!(
            "give every host its key: `ssh-keyscan -t ed25519 {address}` prints it, or /etc/ssh/ssh_host_ed25519_key.pub \
             on the host"
        )))
    }

    /// Says who can read what is sealed now.
    fn audience(&self, hosts: &BTreeSet<HostName>) -> String {
        let hosts: Vec<_> = hosts.iter().map(HostName::as_str).collect();
        let operators: Vec<_> = self.cluster.operators.iter().map(|(name, _)| name.as_str()).collect();
        if operators.is_empty() {
            return format!("{}; no operator can read it", hosts.join(", "));
        }
        format!("{}; {}", hosts.join(", "), operators.join(", "))
    }
}
