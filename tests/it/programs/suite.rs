//! A Debian release: where its programs are, and which versions they have.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The suites that are asked when nobody says otherwise.
const NEWEST: &str = "trixie sid";

/// A Debian release with its programs.
pub(super) struct Suite {
    /// Its code name.
    pub name: &'static str,
    /// The root file system.
    pub tree: PathBuf,
    /// The version of RabbitMQ.
    pub rabbitmq: String,
    /// The version of Erlang/OTP.
    pub erlang: String,
    /// The version of HAProxy.
    pub haproxy: String,
    /// The version of Keepalived.
    pub keepalived: String,
}

/// Returns the suites that are asked for.
pub(super) fn names() -> &'static [&'static str] {
    static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
        let given = std::env::var("RMQGIT_SUITES").unwrap_or_else(|_| NEWEST.to_owned());
        given.leak().split_whitespace().collect()
    });
    assert!(!NAMES.is_empty(), "RMQGIT_SUITES names no suite");
    &NAMES
}

impl Suite {
    /// Builds the root file system of a suite, unless it is there.
    pub(super) fn build(name: &'static str) -> Self {
        let script = script("rootfs");
        let output = Command::new(script).arg(name).output().expect("tests/programs/rootfs starts");
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
    pub(super) fn versions(&self) -> serde_json::Value {
        serde_json::json!({
            "rabbitmq": { "version": self.rabbitmq, "erlang": self.erlang },
            "haproxy": { "version": self.haproxy },
            "keepalived": { "version": self.keepalived },
        })
    }
}

/// Returns the path of a script beside these tests.
pub(super) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs").join(name)
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
