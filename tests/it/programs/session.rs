//! One run of `tests/programs/session`: many cases in, answers out.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use rmqgit::model::Cluster;
use rmqgit::policy::Program;
use rmqgit::release::Bundle;

use super::broker;
use crate::compile::{join, write};
use crate::suite::{Suite, script};

/// What an operator's secret may look like: short enough for VRRP, hard on every syntax.
const SECRET: &str = "s3c#r t!";
/// Erlang takes any name without blanks for a cookie.
const COOKIE: &str = "QWERTYUIOPASDFGHJKLZ";

/// One host's files, and the network that they expect.
pub(super) struct Case {
    /// The name of its directory.
    pub label: String,
    host: String,
    files: BTreeMap<String, (String, u32)>,
    links: Vec<String>,
    definitions: Option<String>,
    declared: Option<String>,
}

/// What a program said about a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// Its exit status.
    pub status: i32,
    /// All that it printed, without what it prints when all is well.
    pub text: String,
}

/// The answers by case and program.
pub(super) type Answers = BTreeMap<(String, String), Answer>;

impl Case {
    /// Makes a case from one host of a compiled cluster.
    pub(super) fn new(label: String, cluster: &Cluster, bundle: &Bundle) -> Self {
        let secret = |name: &_| if *name == cluster.broker.cookie { COOKIE } else { SECRET }.to_owned();
        let file = |(path, artifact): (&rmqgit::name::HostPath, &rmqgit::release::Artifact)| {
            let text = join(artifact, secret).expect("the sample can be said everywhere");
            (path.to_string(), (text, artifact.mode))
        };
        let instances = cluster.vip.iter().flat_map(|vip| &vip.instances);
        let members = instances.flat_map(|one| &one.members).filter(|one| one.host == bundle.host);
        let mut links: Vec<String> = members
            .map(|member| format!("{} {}/{}\n", member.interface, member.address, prefix(member.address)))
            .collect();
        links.sort();
        links.dedup();
        Self {
            label,
            host: bundle.host.to_string(),
            files: bundle.artifacts.iter().map(file).collect(),
            links,
            definitions: bundle.definitions.as_ref().map(|definitions| broker::import(definitions, SECRET)),
            declared: None,
        }
    }

    /// Lets the applications declare the exchanges that topic permissions name, as RabbitMQ wants them from 4.3.2 on.
    pub(super) fn declared(mut self, cluster: &Cluster) -> Self {
        let definitions = &cluster.broker.definitions;
        self.declared = (!definitions.topic_permissions.is_empty()).then(|| broker::exchanges(definitions));
        self
    }

    /// Keeps what one program reads.
    pub(super) fn only(mut self, program: Program) -> Self {
        let read = |path: &str| match program {
            Program::Haproxy => path == "/etc/haproxy/haproxy.cfg",
            Program::Keepalived => path == "/etc/keepalived/keepalived.conf" || path.starts_with("/usr/libexec/"),
            Program::Rabbitmq => path.starts_with("/etc/rabbitmq/"),
        };
        self.files.retain(|path, _| read(path));
        if program != Program::Rabbitmq {
            self.definitions = None;
        }
        if program != Program::Keepalived {
            self.links.clear();
        }
        self
    }

    /// Tells whether another case asks the same.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        (&self.files, &self.links, &self.definitions) == (&other.files, &other.links, &other.definitions)
    }

    fn store(&self, cases: &Path) {
        let dir = cases.join(&self.label);
        fs::create_dir_all(dir.join("files")).expect("a directory is made");
        for (path, (text, mode)) in &self.files {
            let file = dir.join("files").join(&path[1..]);
            write(&file, text);
            fs::set_permissions(file, fs::Permissions::from_mode(*mode)).expect("modes can be set");
        }
        write(&dir.join("host"), &self.host);
        write(&dir.join("links"), &self.links.concat());
        write(&dir.join("secret"), SECRET);
        for (name, text) in [("definitions.json", &self.definitions), ("declared.json", &self.declared)] {
            if let Some(text) = text {
                write(&dir.join(name), text);
            }
        }
    }
}

/// Returns the length of the prefix of a network that hosts in the examples would share.
fn prefix(address: std::net::IpAddr) -> u8 {
    if address.is_ipv4() { 24 } else { 64 }
}

/// Asks the programs of a suite about every case; the broker runs as `boot`.
pub(super) fn run(suite: &Suite, cases: &[Case], boot: &Case) -> Answers {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for case in cases.iter().chain([boot]) {
        case.store(dir.path());
    }
    // The broker's own user reads the cases.
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("modes can be set");
    let mut session = Command::new(script("programs/session"));
    if !rustix::process::geteuid().is_root() {
        session = Command::new("sudo");
        session.arg("--non-interactive").arg(script("programs/session"));
    }
    let (status, stdout, stderr) = crate::run(session.arg(&suite.tree).arg(dir.path()));
    assert_eq!((status, stderr.as_str()), (0, ""), "{}: the session failed\n{stdout}", suite.name);
    stdout.lines().map(|line| read(line).unwrap_or_else(|| panic!("{}: {line}", suite.name))).collect()
}

fn read(line: &str) -> Option<((String, String), Answer)> {
    let mut words = line.split(' ');
    let (case, program, status) = (words.next()?, words.next()?, words.next()?.parse().ok()?);
    let text = String::from_utf8_lossy(&STANDARD.decode(words.next()?).ok()?).into_owned();
    // HAProxy before 3.0 says so when it has nothing to say.
    let text = text.replace("Configuration file is valid\n", "");
    Some(((case.to_owned(), program.to_owned()), Answer { status, text }))
}

impl Answer {
    /// Tells whether the program has nothing to complain about.
    pub(super) fn is_quiet(&self) -> bool {
        self.status == 0 && self.text.is_empty()
    }
}
