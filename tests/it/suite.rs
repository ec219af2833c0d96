//! A Debian release: where its programs are, and which versions they have.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A Debian release with its programs.
pub(crate) struct Suite {
    /// Its code name.
    pub(crate) name: &'static str,
    /// The root file system.
    pub(crate) tree: PathBuf,
    /// The version of RabbitMQ.
    pub(crate) rabbitmq: String,
    /// The version of Erlang/OTP.
    pub(crate) erlang: String,
    /// The version of HAProxy.
    pub(crate) haproxy: String,
    /// The version of Keepalived.
    pub(crate) keepalived: String,
}

impl Suite {
    /// Builds the root file system of a suite, unless it is there.
    pub(crate) fn build(name: &'static str) -> Self {
        let output = Command::new(script("rootfs")).arg(name).output().expect("tests/rootfs starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "the root file system of {name} cannot be built:\n{said}");
        let tree = PathBuf::from(String::from_utf8(output.stdout).expect("a path in UTF-8").trim_end());
        let version = |package| upstream(&tree, package);
        Self {
            name,
            rabbitmq: version("rabbitmq-server"),
            erlang: version("erlang-base"),
            haproxy: version("haproxy"),
            keepalived: version("keepalived"),
            tree,
        }
    }

    /// Returns the part of a cluster that says which versions its hosts have.
    pub(crate) fn versions(&self) -> serde_json::Value {
        serde_json::json!({
            "rabbitmq": { "version": self.rabbitmq, "erlang": self.erlang },
            "haproxy": { "version": self.haproxy },
            "keepalived": { "version": self.keepalived },
        })
    }
}

/// Returns the path of a script below `tests`.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// Returns the upstream version of an installed package: `1:27.3.4.1+dfsg-1+deb13u3` is 27.3.4.1.
fn upstream(tree: &Path, package: &str) -> String {
    let mut query = Command::new("dpkg-query");
    query.arg(format!("--admindir={}", tree.join("var/lib/dpkg").display()));
    let (status, version, said) = crate::run(query.args(["--show", "--showformat=${Version}", package]));
    assert_eq!((status, said.as_str()), (0, ""));
    let start = version.find(':').map_or(0, |colon| colon + 1);
    let length = version[start..].find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(version.len() - start);
    version[start..start + length].to_owned()
}
