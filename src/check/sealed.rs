//! Whether every host can read the secrets that it needs, and nobody else can: told from the headers of the sealed files,
//! without any private key.

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::{Diagnostic, Diagnostics, Place, nearest};
use crate::model::Cluster;
use crate::model::fleet::Facts;
use crate::name::{HostName, SecretRef};
use crate::release::{Bundle, SEALED, SECRETS};
use crate::secret::{Leaks, Opener, PublicKey, Sealed, Tag};
use crate::yaml::{Node, View};

/// The codes of all faults that are about secrets.
pub const CODES: [&str; 9] = [
    "damaged-secret",
    "duplicate-ssh-key",
    "leaked-secret",
    "misplaced-secret",
    "missing-secret",
    "missing-ssh-host-key",
    "overexposed-secret",
    "unreadable-secret",
    "unused-secret",
];

/// The sealed files of one cluster by their names in `secrets/CLUSTER`.
pub type SealedFiles = BTreeMap<String, Vec<u8>>;

/// Takes the sealed files of a cluster out of the files of a spec repository.
pub fn of_cluster(files: &BTreeMap<String, Vec<u8>>, cluster: &str) -> SealedFiles {
    super::below(files, &format!("{SECRETS}/{cluster}"))
        .filter(|(_, name, _)| !name.contains('/'))
        .map(|(_, name, bytes)| (name.to_owned(), bytes.to_vec()))
        .collect()
}

/// Returns the path of a secret's sealed file in a spec repository.
pub fn path(cluster: &Cluster, name: &SecretRef) -> String {
    format!("{SECRETS}/{}/{name}{SEALED}", cluster.name.value)
}

/// Returns the hosts that need each secret.
pub fn needs(bundles: &[Bundle]) -> BTreeMap<SecretRef, BTreeSet<HostName>> {
    let mut needs: BTreeMap<SecretRef, BTreeSet<HostName>> = BTreeMap::new();
    for bundle in bundles {
        for name in bundle.needed_secrets() {
            needs.entry(name).or_default().insert(bundle.host.clone());
        }
    }
    needs
}

/// Tells whether a cluster keeps its secrets in the repository; otherwise its hosts bring their own.
pub fn is_kept(cluster: &Cluster, files: &SealedFiles) -> bool {
    !files.is_empty() || cluster.has_keys()
}

/// Puts the sealed files into the bundles of the hosts that need them, and reports what is wrong with them. With a private key,
/// what it opens is looked for in the compiled files.
pub fn put(
    diags: &mut Diagnostics,
    cluster: &Cluster,
    tree: &Node,
    files: &SealedFiles,
    bundles: &mut [Bundle],
    opener: Option<&Opener>,
) {
    if !is_kept(cluster, files) {
        return;
    }
    let needs = needs(bundles);
    let mut values = Vec::new();
    let audit = Audit { cluster, tree, owners: owners(cluster) };
    audit.keys(diags, &needs);
    for (name, hosts) in &needs {
        match files.get(&format!("{name}{SEALED}")) {
            None => diags.push(audit.missing(name, files)),
            Some(bytes) => {
                audit.readers(diags, name, hosts, bytes);
                values.extend(opener.and_then(|opener| audit.value(diags, name, bytes, opener)));
                for bundle in bundles.iter_mut().filter(|bundle| hosts.contains(&bundle.host)) {
                    bundle.secrets.insert(name.clone(), bytes.clone());
                }
            }
        }
    }
    let needed = |file: &str| needs.keys().any(|name| file.strip_suffix(SEALED) == Some(name.as_str()));
    for (file, bytes) in files.iter().filter(|(file, _)| !needed(file)) {
        diags.push(audit.unused((file.as_str(), bytes.as_slice()), &needs));
    }
    for (name, leaks) in &values {
        audit.leaks(diags, name, leaks, bundles);
    }
}

/// Reports sealed files of clusters that the spec does not have, and such that stand beside the clusters' directories.
pub(super) fn left_over(files: &BTreeMap<String, Vec<u8>>, clusters: &[Facts]) -> Diagnostics {
    let mut found: BTreeMap<String, Diagnostic> = BTreeMap::new();
    for (path, name, _) in super::below(files, SECRETS) {
        let (fault, what) = match name.split_once('/') {
            Some((cluster, file)) if clusters.iter().any(|facts| facts.cluster.as_str() == cluster) => {
                if !file.contains('/') {
                    continue;
                }
                (format!("`{path}` stands too deep to be read"), name)
            }
            Some((cluster, _)) => (format!("there is no cluster `{cluster}` for `{SECRETS}/{cluster}`"), cluster),
            None => (format!("`{path}` stands in no cluster's directory"), name),
        };
        let help =
            format!("`git rm -r {SECRETS}/{what}`; a value that is still used is sealed with `rmqgit secret set`");
        found.entry(what.to_owned()).or_insert_with(|| Diagnostic::warning("unused-secret", fault).help(help));
    }
    found.into_values().collect()
}

/// Returns who reads with which key.
pub fn owners(cluster: &Cluster) -> BTreeMap<Tag, String> {
    let hosts = cluster.hosts.values().filter_map(|host| Some((host.ssh_host_key.as_ref()?, &host.name.value)));
    let hosts = hosts.map(|(key, name)| (key.value.tag(), format!("host `{name}`")));
    let operators = cluster.operators.iter().map(|(name, key)| (key.value.tag(), format!("operator `{name}`")));
    hosts.chain(operators).collect()
}

/// Returns the keys that a secret is sealed for: those of the hosts that need it, and the operators'.
pub fn readers(cluster: &Cluster, hosts: &BTreeSet<HostName>) -> Vec<PublicKey> {
    let of_hosts = hosts.iter().filter_map(|host| cluster.hosts.get(host)?.ssh_host_key.as_ref());
    let of_operators = cluster.operators.iter().map(|(_, key)| key);
    of_hosts.chain(of_operators).map(|key| key.value.clone()).collect()
}

/// What the files are held against.
struct Audit<'a> {
    cluster: &'a Cluster,
    tree: &'a Node,
    owners: BTreeMap<Tag, String>,
}

impl Audit<'_> {
    /// Reports hosts that need a secret and have no key.
    fn keys(&self, diags: &mut Diagnostics, needs: &BTreeMap<SecretRef, BTreeSet<HostName>>) {
        for (name, host) in &self.cluster.hosts {
            let needed = needs.values().filter(|hosts| hosts.contains(name)).count();
            if needed > 0 && host.ssh_host_key.is_none() {
                let fault = Diagnostic::error(
                    "missing-ssh-host-key",
                    format!("`{name}` needs {needed} secrets, and has no key that they could be sealed for"),
                );
                diags.push(fault.at(host.name.place, "this host").help(format!(
                    "add `ssh_host_key: ssh-ed25519 AAAA...`: `ssh-keyscan -t ed25519 {}` prints it, or \
                     /etc/ssh/ssh_host_ed25519_key.pub on the host",
                    host.address.value
                )));
            }
        }
    }

    fn missing(&self, name: &SecretRef, files: &SealedFiles) -> Diagnostic {
        let path = path(self.cluster, name);
        let fault = self.at_use(Diagnostic::error("missing-secret", format!("there is no `{path}`")), name);
        let stems: Vec<&str> = files.keys().filter_map(|file| file.strip_suffix(SEALED)).collect();
        let like =
            nearest(name.as_str(), stems).map(|near| format!("did you mean `{near}`? Otherwise ")).unwrap_or_default();
        fault.help(format!("{like}seal one: `{}`, or `generate` instead of `set`", self.command("set", name)))
    }

    /// Reports who cannot read a secret and should, and who can and should not.
    fn readers(&self, diags: &mut Diagnostics, name: &SecretRef, hosts: &BTreeSet<HostName>, bytes: &[u8]) {
        let path = path(self.cluster, name);
        let sealed = match Sealed::parse(bytes) {
            Ok(sealed) => sealed,
            Err(why) => {
                let fault = Diagnostic::error("damaged-secret", format!("`{path}` is no sealed secret: {why}"));
                diags.push(
                    self.at_use(fault, name)
                        .help(format!("restore it from Git, or seal it anew: `{}`", self.command("set", name))),
                );
                return;
            }
        };
        let of_hosts = hosts.iter().filter_map(|host| self.cluster.hosts.get(host)?.ssh_host_key.as_ref());
        let wanted: Vec<_> = of_hosts.chain(self.cluster.operators.iter().map(|(_, key)| key)).collect();
        for key in wanted.iter().filter(|key| !sealed.readers.contains(&key.value.tag())) {
            let who = &self.owners[&key.value.tag()];
            let fault = Diagnostic::error("unreadable-secret", format!("{who} cannot read `{path}`"));
            diags.push(self.at_use(fault.at(key.place, "not sealed for this key"), name).help(format!(
                "seal it for those who need it now, with the key of an operator who can read it: `{}`",
                self.command("rekey", name)
            )));
        }
        let wanted: BTreeSet<Tag> = wanted.iter().map(|key| key.value.tag()).collect();
        let strangers = sealed.strangers.iter().map(|kind| format!("a recipient of the kind `{kind}`"));
        let known = |tag: &Tag| match self.owners.get(tag) {
            Some(owner) => format!("{owner}, which does not need it,"),
            None => format!("a key that the spec does not name (`{tag}`)"),
        };
        for who in sealed.readers.difference(&wanted).map(known).chain(strangers) {
            let fault = Diagnostic::error("overexposed-secret", format!("{who} can read `{path}`"));
            diags.push(self.at_use(fault, name).help(format!(
                "take it away with `{}`; whoever could read the value may have kept it, and Git keeps the old file: \
                 `{}` afterwards gives a new one",
                self.command("rekey", name),
                self.command("generate", name)
            )));
        }
    }

    /// Opens a secret for its leaks; what the key at hand does not open is not looked for.
    fn value(
        &self,
        diags: &mut Diagnostics,
        name: &SecretRef,
        bytes: &[u8],
        opener: &Opener,
    ) -> Option<(SecretRef, Leaks)> {
        match opener.open(bytes) {
            Ok((envelope, secret)) => match envelope.expect(&self.cluster.name.value, name) {
                Ok(()) => Some((name.clone(), Leaks::of(&secret))),
                Err(why) => {
                    let message = format!("`{}` is in the wrong place: {why}", path(self.cluster, name));
                    let fault = self.at_use(Diagnostic::error("misplaced-secret", message), name);
                    diags.push(fault.help("put it back, and find out who moved it"));
                    None
                }
            },
            Err(_) => None,
        }
    }

    /// Reports a value that stands in a compiled file.
    fn leaks(&self, diags: &mut Diagnostics, name: &SecretRef, leaks: &Leaks, bundles: &[Bundle]) {
        let mut seen = BTreeSet::new();
        for bundle in bundles {
            for (file, bytes) in bundle.store() {
                if let Some(form) = leaks.find(&bytes)
                    && seen.insert(file.clone())
                {
                    let message = format!("the value of `{name}` stands in `{file}` of `{}`, {form}", bundle.host);
                    diags.push(self.at_use(Diagnostic::error("leaked-secret", message), name).help(
                        "take it out of the spec or the template, write `{secret: NAME}` where it belongs, and choose \
                         a new value",
                    ));
                }
            }
        }
    }

    fn unused(&self, (file, bytes): (&str, &[u8]), needs: &BTreeMap<SecretRef, BTreeSet<HostName>>) -> Diagnostic {
        let path = format!("{SECRETS}/{}/{file}", self.cluster.name.value);
        if let Err(why) = Sealed::parse(bytes) {
            let fault = Diagnostic::error("damaged-secret", format!("`{path}` is no sealed secret: {why}"));
            return fault.at(self.cluster.name.place, "this cluster").help(format!(
                "`git rm {path}`; if it holds a value in plain text and was pushed, that value is known: choose a new one"
            ));
        }
        let fault = Diagnostic::warning("unused-secret", format!("no host needs `{path}`"));
        let fault = fault.at(self.cluster.name.place, "this cluster");
        let stem = file.strip_suffix(SEALED).unwrap_or(file);
        match nearest(stem, needs.keys().map(SecretRef::as_str)) {
            Some(near) => fault.help(format!("did you mean `{near}{SEALED}`? Otherwise `git rm {path}`")),
            None => fault.help(format!("`git rm {path}`")),
        }
    }

    fn command(&self, verb: &str, name: &SecretRef) -> String {
        format!("rmqgit secret {verb} {name} --cluster {}", self.cluster.name.value)
    }

    /// Points at the first place where the spec names a secret.
    fn at_use(&self, fault: Diagnostic, name: &SecretRef) -> Diagnostic {
        match find(self.tree, name.as_str()) {
            Some(place) => fault.at(place, "needed here"),
            None => fault.at(self.cluster.name.place, "this cluster"),
        }
    }
}

/// Finds the first `{secret: NAME}`.
fn find(node: &Node, name: &str) -> Option<Place> {
    match node.view() {
        View::Mapping([entry]) if entry.key() == "secret" && entry.value().as_str() == Some(name) => Some(node.place()),
        View::Mapping(entries) => entries.iter().find_map(|entry| find(entry.value(), name)),
        View::List(items) => items.iter().find_map(|item| find(item, name)),
        View::Scalar(..) | View::Broken => None,
    }
}
