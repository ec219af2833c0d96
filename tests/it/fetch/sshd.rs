//! An sshd on loopback.

use std::fs;
use std::path::PathBuf;

use rmqgit::sys::remote::{Remote, RemoteOptions};

use super::origin::Origin;
use super::server::{Server, program, run};

/// An sshd with its own keys, and what a host needs to fetch from it.
pub(super) struct Sshd {
    pub(super) server: Server,
    pub(super) dir: PathBuf,
}

impl Sshd {
    pub(super) fn start(origin: &Origin, accepts_v2: bool) -> Self {
        let dir = origin.dir.path().join("ssh");
        fs::create_dir(&dir).unwrap();
        // Root's sshd insists on it; where no sshd runs as a service, nobody has made it.
        let _ = fs::create_dir("/run/sshd");
        for (name, kind) in
            [("host_ed25519", "ed25519"), ("host_ecdsa", "ecdsa"), ("key", "ed25519"), ("other", "ecdsa")]
        {
            let path = dir.join(name);
            run("ssh-keygen", &["-q", "-t", kind, "-N", "", "-C", "", "-f", path.to_str().unwrap()]);
        }
        fs::copy(dir.join("key.pub"), dir.join("authorized_keys")).unwrap();
        let server = Server::start(|port| {
            let d = dir.display();
            // A shell that is not the first one does not read what its user keeps in .bashrc.
            let accept = if accepts_v2 { "SetEnv SHLVL=1\nAcceptEnv GIT_PROTOCOL\n" } else { "SetEnv SHLVL=1\n" };
            let config = format!(
                "ListenAddress 127.0.0.1:{port}\nHostKey {d}/host_ed25519\nHostKey {d}/host_ecdsa\nPidFile none\n\
                 AuthorizedKeysFile {d}/authorized_keys\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n{accept}"
            );
            fs::write(dir.join("config"), config).unwrap();
            let mut sshd = program("/usr/sbin/sshd");
            sshd.args(["-D", "-e", "-f"]).arg(dir.join("config"));
            sshd
        });
        let sshd = Self { server, dir };
        sshd.know(&sshd.line("host_ed25519"));
        sshd
    }

    pub(super) fn name(&self) -> String {
        format!("[127.0.0.1]:{}", self.server.port)
    }

    /// The line of known_hosts that makes one of the server's keys known.
    pub(super) fn line(&self, key: &str) -> String {
        let key = fs::read_to_string(self.dir.join(format!("{key}.pub"))).unwrap();
        format!("{} {}\n", self.name(), key.trim_end())
    }

    pub(super) fn know(&self, lines: &str) {
        fs::write(self.dir.join("known_hosts"), lines).unwrap();
    }

    pub(super) fn remote(&self, origin: &Origin) -> Remote {
        self.remote_with(&origin.path().display().to_string(), "key")
    }

    pub(super) fn remote_with(&self, path: &str, key: &str) -> Remote {
        let options = RemoteOptions {
            ssh_key: self.dir.join(key),
            known_hosts: self.dir.join("known_hosts"),
            timeout: 20,
            ..RemoteOptions::default()
        };
        Remote::parse(&format!("ssh://{}@127.0.0.1:{}{path}", run("id", &["-un"]).trim(), self.server.port), options)
            .unwrap()
    }
}
