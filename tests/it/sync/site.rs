//! A host in a directory, and the repository that it pulls from.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use rmqgit::name::{HostPath, SecretRef, UnitName};
use rmqgit::quote::Syntax;
use rmqgit::release::{Artifact, Bundle, Check, OnChange, Owner, Part, Piece};
use rmqgit::report::Report;

use crate::fetch::origin::{Origin, REF, bundle};

/// The schema of a report, read once.
static SCHEMA: OnceLock<jsonschema::Validator> = OnceLock::new();

/// A host in a directory.
pub(crate) struct Site {
    pub(crate) origin: Origin,
    pub(crate) root: PathBuf,
    /// What the release holds; [`Site::publish`] commits it.
    pub(crate) files: BTreeMap<HostPath, Artifact>,
    pub(crate) grants: Vec<String>,
}

/// A file without secrets, check or action.
pub(crate) fn text(text: &str) -> Artifact {
    Artifact {
        content: vec![Piece::Text(text.to_owned())],
        mode: 0o644,
        owner: Owner::root(),
        check: None,
        on_change: OnChange::Nothing,
        part: Part::Whole,
    }
}

/// A file with secrets where the text says `<name>`.
pub(crate) fn with_secrets(template: &str, syntax: Syntax) -> Artifact {
    let mut content = Vec::new();
    for part in template.split_inclusive('>') {
        match part.split_once('<') {
            Some((head, name)) => {
                if !head.is_empty() {
                    content.push(Piece::Text(head.to_owned()));
                }
                let name = SecretRef::parse(name.trim_end_matches('>')).unwrap();
                content.push(Piece::Secret { name, syntax });
            }
            None => content.push(Piece::Text(part.to_owned())),
        }
    }
    Artifact { content, mode: 0o640, ..text("") }
}

pub(crate) fn unit(name: &str) -> UnitName {
    UnitName::parse(name).unwrap()
}

pub(crate) fn path(text: &str) -> HostPath {
    HostPath::parse(text).unwrap()
}

impl Site {
    pub(crate) fn new() -> Self {
        let origin = Origin::new();
        let root = origin.dir.path().join("root");
        let site = Self { origin, root, files: BTreeMap::new(), grants: Vec::new() };
        site.put("/etc/passwd", "root:x:0:0::/root:/bin/sh\nrabbitmq:x:106:112::/var/lib/rabbitmq:/bin/false\n", 0o644);
        site.put("/etc/group", "root:x:0:\nrabbitmq:x:112:\n", 0o644);
        site
    }

    /// A host with files of every kind that a release has.
    pub(crate) fn full() -> Self {
        let mut site = Self::new();
        site.secret("stats", "canary-stats-8461");
        site.secret("cookie", "CANARYCOOKIE5512");
        let mut haproxy =
            with_secrets("global\n  maxconn 100\nlisten stats\n  stats auth admin:<stats>\n", Syntax::Haproxy);
        haproxy.check = Some(Check::Haproxy);
        haproxy.on_change = OnChange::Reload(unit("haproxy.service"));
        site.files.insert(path("/etc/haproxy/haproxy.cfg"), haproxy);
        let mut cookie = with_secrets("<cookie>", Syntax::Raw);
        cookie.mode = 0o400;
        cookie.owner = Owner { user: "rabbitmq".to_owned(), group: "rabbitmq".to_owned() };
        cookie.on_change = OnChange::Restart(unit("rabbitmq-server.service"));
        site.files.insert(path("/var/lib/rabbitmq/.erlang.cookie"), cookie);
        let mut script = text("#!/bin/bash\nexit 0\n");
        script.mode = 0o755;
        script.check = Some(Check::Bash);
        site.files.insert(path("/usr/libexec/keepalived/check_haproxy"), script);
        let mut hosts = text("192.168.1.219 rabbit1\n");
        hosts.part = Part::Block;
        site.files.insert(path("/etc/hosts"), hosts);
        let mut sysctl = text("net.ipv4.ip_nonlocal_bind = 1\n");
        sysctl.on_change = OnChange::Sysctl;
        site.files.insert(path("/etc/sysctl.d/60-rmqgit.conf"), sysctl);
        site.put("/etc/hosts", "127.0.0.1 localhost\n", 0o644);
        site.publish();
        site
    }

    pub(crate) fn live(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    pub(crate) fn put(&self, path: &str, text: &str, mode: u32) {
        let path = self.live(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    pub(crate) fn get(&self, path: &str) -> String {
        fs::read_to_string(self.live(path)).unwrap()
    }

    /// Mode, user and group of a file.
    pub(crate) fn stat(&self, path: &str) -> (u32, u32, u32) {
        let meta = fs::symlink_metadata(self.live(path)).unwrap();
        (meta.mode() & 0o7777, meta.uid(), meta.gid())
    }

    pub(crate) fn secret(&self, name: &str, value: &str) {
        self.put(&format!("/etc/rmqgit/secrets/{name}"), &format!("{value}\n"), 0o600);
    }

    pub(crate) fn edit(&mut self, path: &str, change: impl FnOnce(&mut Artifact)) {
        change(self.files.get_mut(path).expect("the release has the file"));
        self.publish();
    }

    /// Commits the files to the host's ref.
    pub(crate) fn publish(&self) {
        let bundle = Bundle { artifacts: self.files.clone(), grants: self.grants.clone(), ..bundle(0) };
        let parent = self.origin.git(&["for-each-ref", "--format=%(objectname)", REF]);
        self.origin.commit(REF, Some(parent.as_str()).filter(|id| !id.is_empty()), &bundle.store());
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = crate::rmqgit();
        command.args(["sync", "--cluster", "orders", "--host", "rabbit1", "--remote"]).arg(self.origin.path());
        command.arg("--root").arg(&self.root).args(args);
        // Most tests are about something else than signatures.
        if !args.contains(&"--signatures") {
            command.args(["--signatures", "ignored"]);
        }
        command
    }

    /// Runs `rmqgit sync` and returns its exit status and the report it printed.
    pub(crate) fn sync(&self, args: &[&str]) -> (i32, Report) {
        let (code, out, err) = crate::run(self.command(args).args(["--format", "json"]));
        assert_eq!(err, "", "{out}");
        let schema = SCHEMA.get_or_init(|| {
            let schema = include_str!("../../../schema/report.json");
            jsonschema::draft202012::new(&serde_json::from_str(schema).unwrap()).unwrap()
        });
        let faults: Vec<_> = schema.iter_errors(&serde_json::from_str(&out).unwrap()).map(|e| e.to_string()).collect();
        assert_eq!(faults, [""; 0], "{out}");
        (code, serde_json::from_str(&out).unwrap())
    }

    pub(crate) fn converge(&self) -> (i32, Report) {
        self.sync(&["--mode", "converge"])
    }

    /// Runs `rmqgit sync` for people; temporary paths, commit ids and ages are replaced.
    pub(crate) fn text(&self, args: &[&str]) -> String {
        let (code, out, err) = crate::run(&mut self.command(args));
        self.redact(&format!("{out}{err}[exit {code}]\n"))
    }

    pub(crate) fn redact(&self, text: &str) -> String {
        let text = text.replace(self.origin.dir.path().to_str().unwrap(), "DIR");
        let mut words: Vec<String> = Vec::new();
        for line in text.lines() {
            let line = match line.split_once(", release ") {
                Some((head, tail)) => format!("{head}, release COMMIT{}", &tail[10..]),
                None => line.to_owned(),
            };
            let line = match line.split_once(", just now") {
                Some((head, _)) => format!("{head}, AGO"),
                None if line.ends_with(" ago") => format!("{}, AGO", line.rsplit_once(", ").unwrap().0),
                None => line,
            };
            words.push(match line.split_once("written ") {
                Some((head, tail)) if tail.ends_with(')') => format!("{head}written AGO)"),
                _ => line,
            });
        }
        words.join("\n")
    }

    /// Every file below the root but the agent's own, as `mode user:group path: text`.
    pub(crate) fn tree(&self) -> String {
        let mut lines = Vec::new();
        walk(&self.root, &self.root, &mut lines);
        lines.sort();
        lines.join("\n")
    }
}

fn walk(root: &Path, dir: &Path, lines: &mut Vec<String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let below = format!("/{}", path.strip_prefix(root).unwrap().display());
        if below == "/var/lib/rmqgit" || below == "/etc/rmqgit" {
            continue;
        }
        let meta = fs::symlink_metadata(&path).unwrap();
        if meta.is_dir() {
            walk(root, &path, lines);
        } else {
            let text = if meta.is_symlink() {
                format!("-> {}", fs::read_link(&path).unwrap().display())
            } else {
                format!("{:?}", String::from_utf8_lossy(&fs::read(&path).unwrap()))
            };
            lines.push(format!("{below} {:04o} {}:{} {text}", meta.mode() & 0o7777, meta.uid(), meta.gid()));
        }
    }
}
