//! A spec repository with sealed secrets, keys of hosts and operators, and a host in a directory.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::git::git;

/// The spec, with `@NAME` where the public key of somebody stands.
const SPEC: &str = r#"
version: 1
defaults:
  operators: {alice: "@alice"}
cluster:
  name: orders
  hosts:
    rabbit1: {address: 192.168.1.219, interface: eth0, ssh_host_key: "@rabbit1"}
    rabbit2: {address: 192.168.1.220, interface: eth0, ssh_host_key: "@rabbit2"}
    rabbit3: {address: 192.168.1.221, ssh_host_key: "@rabbit3"}
  rabbitmq:
    version: 3.10.8
    erlang: 25.2.3
    cookie: {secret: erlang-cookie}
    nodes: [rabbit1, rabbit2, rabbit3]
    plugins: [rabbitmq_management]
    config: {cluster_partition_handling: pause_minority}
    users:
      admin: {tags: [administrator], password: {secret: admin-password}, permissions: {/: all}}
      shop: {password: {secret: shop-password}, permissions: {/: all}}
  haproxy:
    hosts: [rabbit1, rabbit2]
    stats: {bind: "127.0.0.1:1080", uri: /stats, user: admin, password: {secret: stats-password}}
    amqp: {port: 5673}
  keepalived:
    hosts: [rabbit1, rabbit2]
    vip: 192.168.1.222
    virtual_router_id: 51
    auth: {secret: vrrp-auth}
"#;

/// A directory with everything.
pub(crate) struct Shelf {
    pub(crate) dir: TempDir,
    /// The spec; [`Shelf::save`] writes it.
    pub(crate) spec: String,
    /// Where verbs look for programs first, if not in the places of the test itself.
    pub(crate) programs: Option<PathBuf>,
}

impl Shelf {
    /// Makes a repository without secrets, and keys for `alice`, the three hosts and a `stranger`.
    pub(crate) fn new() -> Self {
        let dir = TempDir::new().unwrap();
        fs::create_dir_all(dir.path().join("spec")).unwrap();
        git(&dir.path().join("spec"), &["init", "--quiet"]);
        let shelf = Self { dir, spec: SPEC.to_owned(), programs: None };
        for name in ["alice", "bob", "rabbit1", "rabbit2", "rabbit3", "stranger"] {
            shelf.keygen(name, "ed25519", "");
        }
        shelf.save();
        shelf
    }

    pub(crate) fn keygen(&self, name: &str, kind: &str, phrase: &str) {
        let mut keygen = Command::new("ssh-keygen");
        keygen.args(["-q", "-t", kind, "-N", phrase, "-C", name, "-f"]).arg(self.key(name));
        let (code, _, err) = crate::run(keygen.env_clear().env("PATH", std::env::var_os("PATH").unwrap()));
        assert_eq!(code, 0, "{err}");
    }

    /// The private key of somebody.
    pub(crate) fn key(&self, name: &str) -> PathBuf {
        self.dir.path().join(format!("{name}.key"))
    }

    /// Returns the public key of somebody, without its comment.
    pub(crate) fn public(&self, name: &str) -> String {
        let line = fs::read_to_string(self.key(name).with_extension("key.pub")).unwrap();
        line.rsplit_once(' ').unwrap().0.to_owned()
    }

    pub(crate) fn repo(&self) -> PathBuf {
        self.dir.path().join("spec")
    }

    /// The sealed file of a secret.
    pub(crate) fn sealed(&self, name: &str) -> PathBuf {
        self.repo().join(format!("secrets/orders/{name}.age"))
    }

    /// Writes the spec with the keys in their places.
    pub(crate) fn save(&self) {
        let mut text = self.spec.clone();
        for name in ["alice", "bob", "rabbit1", "rabbit2", "rabbit3", "stranger"] {
            text = text.replace(&format!("\"@{name}\""), &format!("\"{}\"", self.public(name)));
        }
        fs::write(self.repo().join("rmqgit.yaml"), text).unwrap();
    }

    /// Runs a verb in the repository with some standard input.
    pub(crate) fn run_with(&self, args: &[&str], input: &str) -> (i32, String, String) {
        let mut command = crate::rmqgit();
        command.args(args).current_dir(self.repo()).env("HOME", self.dir.path());
        if let Some(programs) = &self.programs {
            let path = std::env::var_os("PATH").unwrap();
            let all = std::iter::once(programs.clone()).chain(std::env::split_paths(&path));
            command.env("PATH", std::env::join_paths(all).unwrap());
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A verb that reads nothing may have ended.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    /// Runs a verb that must end well; returns what it printed on both streams.
    pub(crate) fn must(&self, args: &[&str]) -> String {
        let (code, out, err) = self.run_with(args, "");
        assert_eq!(code, 0, "{args:?}\n{out}{err}");
        out + &err
    }

    /// Runs a verb with a person's key, and returns its status and what it printed on both streams.
    pub(crate) fn run_as(&self, who: &str, args: &[&str]) -> (i32, String) {
        let key = self.key(who);
        let (code, out, err) = self.run_with(&[args, &["--identity", key.to_str().unwrap()]].concat(), "");
        (code, out + &err)
    }

    /// Seals a value.
    pub(crate) fn set(&self, name: &str, value: &str) {
        let (code, out, err) = self.run_with(&["secret", "set", name], &format!("{value}\n"));
        assert_eq!(code, 0, "{out}{err}");
    }

    /// Seals a value for every name of the spec.
    pub(crate) fn fill(&self) {
        self.must(&["secret", "generate", "--missing"]);
    }

    pub(crate) fn commit(&self, message: &str) {
        git(&self.repo(), &["add", "--all"]);
        git(&self.repo(), &["commit", "--quiet", "--allow-empty", "-m", message]);
    }

    /// Commits and publishes.
    pub(crate) fn publish(&self, message: &str) -> String {
        self.commit(message);
        self.must(&["publish"])
    }

    /// Makes the directory of a host.
    pub(crate) fn host(&self, name: &str) -> Host {
        let root = self.dir.path().join(name);
        for dir in ["etc/rmqgit", "etc/ssh"] {
            fs::create_dir_all(root.join(dir)).unwrap();
        }
        let accounts = |line: &str| {
            ["root", "rabbitmq", "haproxy", "keepalived_script"].map(|name| line.replace('@', name)).concat()
        };
        fs::write(root.join("etc/passwd"), accounts("@:x:0:0::/:/bin/sh\n")).unwrap();
        fs::write(root.join("etc/group"), accounts("@:x:0:\n")).unwrap();
        let settings = format!("remote: {}\ncluster: orders\nhost: {name}\nmode: converge\n", self.repo().display());
        fs::write(root.join("etc/rmqgit/agent.yaml"), settings).unwrap();
        let host = Host { root };
        host.give_key(&self.key(name));
        host
    }
}

/// A host in a directory.
pub(crate) struct Host {
    pub(crate) root: PathBuf,
}

impl Host {
    /// Gives the host a private key.
    pub(crate) fn give_key(&self, key: &Path) {
        let path = self.root.join("etc/ssh/ssh_host_ed25519_key");
        fs::copy(key, &path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Runs the agent; returns its status and its report.
    pub(crate) fn sync(&self, args: &[&str]) -> (i32, String) {
        let (code, out, err) = crate::run(
            crate::rmqgit().args(["sync", "--signatures", "ignored"]).args(args).arg("--root").arg(&self.root),
        );
        (code, out + &err)
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap()
    }
}
