//! Values of many shapes are planted, and looked for in every byte that is left behind or shown.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rmqgit::secret::{Leaks, Secret};

use super::Shelf;
use crate::git::{git, git_command};

/// A value of each shape that its place allows.
const CANARIES: [(&str, &str); 5] = [
    ("erlang-cookie", "CANARYcookie83610284XYZ"),
    ("admin-password", "q'uote\"d $HOME `x` \\ #1 %41 für 兎 canary"),
    ("shop-password", "first canary line 5521\nsecond canary line 9934\n\tindented"),
    ("stats-password", "Y2FuYXJ5LWxvb2tzLWxpa2UtYmFzZTY0LTEy"),
    ("vrrp-auth", "c4n@ry;1"),
];

/// Every form of every value.
struct Hunt(Vec<(&'static str, Leaks)>);

impl Hunt {
    fn new() -> Self {
        let secret = |value: &str| Secret::new(zeroize::Zeroizing::new(value.to_owned()));
        Self(CANARIES.iter().map(|(name, value)| (*name, Leaks::of(&secret(value)))).collect())
    }

    fn find(&self, bytes: &[u8]) -> Option<String> {
        self.0.iter().find_map(|(name, leaks)| Some(format!("{name}, {}", leaks.find(bytes)?)))
    }

    fn check(&self, what: &str, bytes: &[u8]) {
        if let Some(found) = self.find(bytes) {
            panic!("{what} holds the value of {found}");
        }
    }

    /// Looks into every file below a directory but for some, and into every Git object.
    fn walk(&self, dir: &Path, spared: &dyn Fn(&Path) -> bool) -> usize {
        let mut seen = 0;
        if dir.join("objects").is_dir() && dir.join("HEAD").is_file() {
            let mut all = git_command(dir);
            let output = all.args(["cat-file", "--batch-all-objects", "--batch"]).output().unwrap();
            assert!(output.status.success(), "{}", dir.display());
            self.check(&format!("the object store {}", dir.display()), &output.stdout);
            seen += 1;
        }
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            self.check("a name", path.as_os_str().as_encoded_bytes());
            if path.is_symlink() || spared(&path) {
                continue;
            }
            if path.is_dir() {
                seen += self.walk(&path, spared);
            } else {
                self.check(&path.display().to_string(), &fs::read(&path).unwrap());
                seen += 1;
            }
        }
        seen
    }
}

/// Looks at every process of this machine until it is told to stop: arguments and, as far as it may be read, environment.
/// Returns what it found, and the programs that it saw. A program that is gone sooner than one look takes may be missed:
/// [`recorder`] is there for those.
fn watch_processes(hunt: &Hunt, stop: &AtomicBool) -> (Vec<String>, BTreeSet<String>) {
    let (mut found, mut programs) = (Vec::new(), BTreeSet::new());
    while !stop.load(Ordering::Relaxed) {
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            if !entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()) {
                continue;
            }
            // A process may end at any time.
            for part in ["cmdline", "environ"] {
                let Ok(bytes) = fs::read(entry.path().join(part)) else { continue };
                if part == "cmdline" {
                    let program = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
                    let program = String::from_utf8_lossy(program).into_owned();
                    programs.insert(program.rsplit('/').next().unwrap_or_default().to_owned());
                }
                found.extend(hunt.find(&bytes).map(|what| format!("{part} of a process: {what}")));
            }
        }
    }
    (found, programs)
}

/// Looks at every file that appears below `root` for a moment, until it is told to stop: nobody but its owner may read one that
/// holds a value.
fn watch_files(hunt: &Hunt, root: &Path, stop: &AtomicBool) -> Vec<String> {
    let mut found = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        passing(hunt, root, &mut found);
    }
    found
}

/// Puts a `git` before the real one that writes down with what it was started, and then is the real one.
fn recorder(dir: &Path) {
    fs::create_dir(dir).unwrap();
    let path = std::env::var_os("PATH").unwrap();
    let real = std::env::split_paths(&path).map(|dir| dir.join("git")).find(|path| path.is_file()).unwrap();
    let (dir, real) = (dir.display(), real.display());
    let script =
        format!("#!/bin/sh\ncat /proc/$$/cmdline /proc/$$/environ > '{dir}/started.'$$\nexec '{real}' \"$@\"\n");
    let path = PathBuf::from(format!("{dir}/git"));
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn passing(hunt: &Hunt, dir: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let Ok(meta) = entry.metadata() else { continue };
        if meta.is_dir() {
            passing(hunt, &entry.path(), found);
        } else if meta.permissions().mode() & 0o077 != 0
            && let Ok(bytes) = fs::read(entry.path())
            && let Some(what) = hunt.find(&bytes)
        {
            found.push(format!("{} can be read by others and holds {what}", entry.path().display()));
        }
    }
}

/// The files of a host that its daemons read the values from.
fn of_daemons(path: &Path) -> bool {
    ["etc/haproxy/haproxy.cfg", "etc/keepalived/keepalived.conf", "var/lib/rabbitmq/.erlang.cookie"]
        .iter()
        .any(|end| path.ends_with(end))
}

/// Does all that can be done with secrets, and returns everything that was printed.
fn everything(shelf: &Shelf) -> String {
    let mut said = String::new();
    for (name, value) in CANARIES {
        let (code, out, err) = shelf.run_with(&["secret", "set", name], &format!("{value}\n"));
        assert_eq!(code, 0, "{out}{err}");
        said += &(out + &err);
    }
    let (out, remote) = (shelf.dir.path().join("out"), shelf.dir.path().join("remote.git"));
    git(shelf.dir.path(), &["init", "--quiet", "--bare", "remote.git"]);
    shelf.commit("secrets");
    let as_alice = |args: &[&str]| {
        let (code, said) = shelf.run_as("alice", args);
        assert_eq!(code, 0, "{args:?}: {said}");
        said
    };
    said += &as_alice(&["compile", "--out", out.to_str().unwrap()]);
    said += &as_alice(&["publish", "--push", remote.to_str().unwrap()]);
    said += &as_alice(&["secret", "check"]);
    for format in ["text", "json"] {
        said += &shelf.must(&["check", "--format", format]);
        said += &shelf.must(&["diff", "--format", format]);
        said += &shelf.must(&["secret", "list", "--format", format]);
    }
    for name in ["rabbit1", "rabbit2", "rabbit3"] {
        let host = shelf.host(name);
        for args in [
            &["--mode", "report"][..],
            &["--mode", "converge", "--dry-run"],
            &["--mode", "converge", "--format", "json"],
            &["--mode", "converge"],
        ] {
            said += &host.sync(args).1;
        }
        // Somebody edits a line with a secret, and a file breaks.
        if name != "rabbit3" {
            let path = host.root.join("etc/haproxy/haproxy.cfg");
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&path, text.replace("stats auth", "stats  auth").replace("maxconn", "maxcon")).unwrap();
            said += &host.sync(&["--mode", "report"]).1;
            said += &host.sync(&["--mode", "report", "--format", "json"]).1;
            said += &host.sync(&["--mode", "converge"]).1;
        }
        said += &crate::run(crate::rmqgit().args(["status", "--format", "json", "--root"]).arg(&host.root)).1;
    }
    // Rotation, and an operator who comes and sees everything sealed anew.
    shelf.must(&["secret", "generate", "vrrp-auth"]);
    shelf.set("vrrp-auth", CANARIES[4].1);
    let text = fs::read_to_string(shelf.repo().join("rmqgit.yaml")).unwrap();
    let bob = format!("operators: {{bob: \"{}\", ", shelf.public("bob"));
    fs::write(shelf.repo().join("rmqgit.yaml"), text.replace("operators: {", &bob)).unwrap();
    said += &as_alice(&["secret", "rekey"]);
    shelf.commit("bob");
    said += &as_alice(&["publish", "--push", remote.to_str().unwrap()]);
    said
}

/// Tells the watcher to stop, even if something fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn no_value_is_left_or_shown_anywhere() {
    let mut shelf = Shelf::new();
    let started = shelf.dir.path().join("started");
    recorder(&started);
    shelf.programs = Some(started.clone());
    let hunt = Hunt::new();
    let stop = AtomicBool::new(false);
    let (said, (of_processes, programs), of_files) = std::thread::scope(|scope| {
        let processes = scope.spawn(|| watch_processes(&hunt, &stop));
        let files = scope.spawn(|| watch_files(&hunt, shelf.dir.path(), &stop));
        let end = Stop(&stop);
        let said = everything(&shelf);
        drop(end);
        (said, processes.join().unwrap(), files.join().unwrap())
    });
    assert_eq!([of_processes, of_files].concat(), Vec::<String>::new());
    assert!(programs.contains("rmqgit"), "the watcher saw {programs:?}");
    // What the recorder wrote is below the directory that is looked through.
    let words = |entry: fs::DirEntry| String::from_utf8_lossy(&fs::read(entry.path()).unwrap()).into_owned();
    let pushes =
        fs::read_dir(&started).unwrap().map(Result::unwrap).map(words).filter(|text| text.contains("\0push\0"));
    assert!(pushes.count() >= 2, "the recorder saw no push");
    hunt.check("what was printed", said.as_bytes());
    let seen = hunt.walk(shelf.dir.path(), &of_daemons);
    assert!(seen > 100, "only {seen} files were looked at");
    for path in ["rabbit1/etc/haproxy/haproxy.cfg", "rabbit2/etc/keepalived/keepalived.conf"] {
        let path = shelf.dir.path().join(path);
        assert!(hunt.find(&fs::read(&path).unwrap()).is_some(), "the values are where they belong");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o077, 0, "{}", path.display());
    }
}

#[test]
fn a_hunt_finds_what_is_hidden() {
    let dir = tempfile::tempdir().unwrap();
    git(dir.path(), &["init", "--quiet"]);
    let hunt = Hunt::new();
    let caught =
        |hunt: &Hunt| std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| hunt.walk(dir.path(), &|_| false)));
    assert!(caught(&hunt).is_ok());
    // In an object that no branch reaches any more.
    fs::write(dir.path().join("file"), format!("x{}", CANARIES[4].1)).unwrap();
    git(dir.path(), &["add", "file"]);
    fs::remove_file(dir.path().join("file")).unwrap();
    let message = caught(&hunt).expect_err("it is in the object store");
    let message = message.downcast_ref::<String>().unwrap();
    assert!(message.contains("the object store") && message.contains("vrrp-auth, as it is"), "{message}");
}
