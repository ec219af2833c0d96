//! Keys made by ssh-keygen, and an ssh-agent.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::run;

/// A directory with keys.
pub(crate) struct Keys {
    pub(crate) dir: tempfile::TempDir,
}

impl Keys {
    /// Makes Ed25519 keys without a passphrase, named as given.
    pub(crate) fn new(names: &[&str]) -> Self {
        let keys = Self { dir: tempfile::tempdir().unwrap() };
        for name in names {
            keys.make(name, &["-t", "ed25519", "-N", ""]);
        }
        keys
    }

    /// Makes a key as the arguments of ssh-keygen say.
    pub(crate) fn make(&self, name: &str, args: &[&str]) {
        let mut keygen = Command::new("ssh-keygen");
        let (status, _, err) = run(keygen.args(["-q", "-C", name, "-f"]).arg(self.path(name)).args(args));
        assert_eq!(status, 0, "{err}");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The file of a private key, as an argument.
    pub(crate) fn arg(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// A public key: its type and its bytes.
    pub(crate) fn public(&self, name: &str) -> String {
        let text = fs::read_to_string(self.path(name).with_extension("pub")).unwrap();
        text.splitn(3, ' ').take(2).collect::<Vec<_>>().join(" ")
    }

    /// A line of a file of allowed signers.
    pub(crate) fn line(&self, name: &str) -> String {
        format!("{name}@example.org {}\n", self.public(name))
    }

    /// Writes a file of allowed signers, and returns where it is.
    pub(crate) fn allow(&self, names: &[&str]) -> PathBuf {
        let path = self.path("allowed_signers");
        fs::write(&path, names.iter().map(|name| self.line(name)).collect::<String>()).unwrap();
        path
    }
}

/// An ssh-agent of the test's own.
pub(crate) struct Agent {
    child: Child,
    pub(crate) socket: PathBuf,
}

impl Agent {
    pub(crate) fn start(dir: &Path) -> Self {
        let socket = dir.join("agent");
        let mut command = Command::new("ssh-agent");
        command.args(["-D", "-a"]).arg(&socket).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // It says where it listens once it does.
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, socket }
    }

    pub(crate) fn add(&self, key: &Path) {
        let mut add = Command::new("ssh-add");
        let (status, _, err) = run(add.arg("-q").arg(key).env("SSH_AUTH_SOCK", &self.socket));
        assert_eq!(status, 0, "{err}");
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
