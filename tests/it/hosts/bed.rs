//! A test-bed: `tests/bed` from inside a test, and what its hosts are asked.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::suite::{Suite, script};

/// The hosts, in the order of the spec.
pub(super) const HOSTS: [&str; 3] = ["rabbit1", "rabbit2", "rabbit3"];
/// The hosts with HAProxy and Keepalived.
pub(super) const BALANCERS: [&str; 2] = ["rabbit1", "rabbit2"];

/// A bed that is up. It goes down with this value; one that a killed test left goes down before the next one comes up.
pub(super) struct Bed {
    pub(super) suite: Suite,
    name: String,
    dir: PathBuf,
    /// Held as long as the bed is used: a second run of the same tests waits.
    _lock: File,
}

/// How a command on a host ended.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) code: i32,
    pub(super) out: String,
    pub(super) err: String,
}

impl Bed {
    /// Boots three blank hosts of a suite.
    pub(super) fn up(suite: Suite) -> Self {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bed-{}", suite.name));
        fs::create_dir_all(dir.parent().expect("it is below the target directory")).unwrap();
        let lock = File::create(dir.with_extension("lock")).unwrap();
        lock.lock().unwrap();
        // Two checkouts on one machine do not meet.
        let checkout = env!("CARGO_TARGET_TMPDIR")
            .bytes()
            .fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
        let bed = Self { name: format!("{}-{checkout:x}", suite.name), suite, dir, _lock: lock };
        if kept() && bed.sh("rabbit1", "true").code == 0 {
            bed.program();
            return bed;
        }
        Self::must_run(&mut bed.script("down"));
        let _ = fs::remove_dir_all(bed.dir());
        fs::create_dir_all(bed.dir()).unwrap();
        bed.program();
        Self::must_run(&mut bed.script("up"));
        bed
    }

    /// A directory for the tests' own files, removed with the bed.
    pub(super) fn dir(&self) -> PathBuf {
        self.dir.with_extension("files")
    }

    /// Puts the program where the hosts see it: without what a debugger reads, and, where their C library is older than
    /// this machine's, with this machine's.
    fn program(&self) {
        let program = self.dir().join("new");
        let built = assert_cmd::cargo::cargo_bin!("rmqgit");
        Self::must_run(Command::new("strip").arg("-o").arg(&program).arg(built));
        if self.suite.name == "bullseye" {
            let own = ["--set-interpreter", "/usr/lib/rmqgit/ld-linux-x86-64.so.2", "--set-rpath", "/usr/lib/rmqgit"];
            Self::must_run(Command::new("patchelf").args(own).arg(&program));
        }
        // Into the file that hosts that are up already see.
        fs::copy(&program, self.dir().join("rmqgit")).unwrap();
    }

    /// Starts the description of a run of a script of the bed.
    pub(super) fn script(&self, name: &str) -> Command {
        let mut command = Command::new(script("bed").join(name));
        command.env("BED", &self.name).env("BED_STATE", &self.dir).env("BED_SUITE", self.suite.name);
        let libraries = ["ld-linux-x86-64.so.2", "libc.so.6", "libm.so.6", "libgcc_s.so.1"];
        let bind = |name| format!("/lib/x86_64-linux-gnu/{name}:/usr/lib/rmqgit/{name}");
        let mut binds = vec![format!("{}:/usr/bin/rmqgit", self.dir().join("rmqgit").display())];
        if self.suite.name == "bullseye" {
            binds.extend(libraries.map(bind));
        }
        command.env("BED_BIND", binds.join(" ")).stdin(Stdio::null());
        command
    }

    /// Starts the description of a command on a host, or of one of this machine in the client's network.
    pub(super) fn exec(&self, host: &str, args: &[&str]) -> Command {
        let mut command = self.script("exec");
        command.arg(host).args(args);
        command
    }

    /// Runs a shell script on a host.
    pub(super) fn sh(&self, host: &str, script: &str) -> Said {
        ended(&mut self.exec(host, &["bash", "-c", script]))
    }

    /// Runs a shell script that must succeed, and returns what it printed.
    pub(super) fn must(&self, host: &str, script: &str) -> String {
        let said = self.sh(host, script);
        assert_eq!(said.code, 0, "{host}: {script}\n{}{}", said.out, said.err);
        said.out
    }

    /// Writes a file on a host.
    pub(super) fn put(&self, host: &str, path: &str, mode: &str, text: &[u8]) {
        let script = r#"mkdir -p "${0%/*}"; cat >"$0.new" && chmod "$1" "$0.new" && mv "$0.new" "$0""#;
        let mut child = self
            .exec(host, &["bash", "-ec", script, path, mode])
            .stdin(Stdio::piped())
            .spawn()
            .expect("tests/bed/exec starts");
        child.stdin.take().expect("it was asked for").write_all(text).unwrap();
        assert!(child.wait().unwrap().success(), "{host}: {path} was not written");
    }

    /// `tests/bed/power`.
    pub(super) fn power(&self, verb: &str, hosts: &[&str]) {
        Self::must_run(self.script("power").arg(verb).args(hosts));
    }

    /// `tests/bed/link`.
    pub(super) fn link(&self, verb: &str, host: &str) {
        Self::must_run(self.script("link").arg(verb).arg(host));
    }

    /// Runs Erlang in a host's node; asks that node alone, and so never waits for the others.
    pub(super) fn eval(&self, host: &str, expression: &str) -> Said {
        ended(&mut self.exec(host, &["timeout", "20", "rabbitmqctl", "--quiet", "eval", expression]))
    }

    /// Asks the AMQP client something; see `tests/bed/amqp`.
    pub(super) fn amqp(&self, args: &[&str]) -> Command {
        let amqp = script("bed/amqp");
        let mut all = vec!["/usr/bin/python3", amqp.to_str().expect("a path in UTF-8")];
        all.extend(args);
        self.exec("client", &all)
    }

    /// Starts a program in the client's network, which runs until it is ended.
    pub(super) fn serve(&self, name: &str, args: &[&str]) -> Server {
        let pid = self.dir().join(format!("{name}.pid")).display().to_string();
        // A test that was killed may have left one on a bed that was kept.
        let alone = "for pid in \"$0\"/*.pid; do kill $(cat \"$pid\") && rm \"$pid\"; done 2>/dev/null; true";
        ended(&mut self.exec("client", &["sh", "-c", alone, self.dir().to_str().expect("a path in UTF-8")]));
        let mut all = vec!["sh", "-c", "echo $$ >\"$0\"; exec \"$@\"", &pid];
        all.extend(args);
        let mut command = self.exec("client", &all);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("tests/bed/exec starts");
        until(name, 20, || {
            let said = ended(&mut self.exec("client", &["ss", "-Hltn", "sport = :22"]));
            if said.out.is_empty() { Err(said.err) } else { Ok(()) }
        });
        Server { child, end: self.exec("client", &["sh", "-c", "kill $(cat \"$0\")", &pid]) }
    }

    fn must_run(command: &mut Command) {
        let said = ended(command);
        assert_eq!(said.code, 0, "{command:?}\n{}{}", said.out, said.err);
    }
}

/// A program in the client's network that listens on port 22.
pub(super) struct Server {
    child: Child,
    end: Command,
}

impl Drop for Server {
    fn drop(&mut self) {
        ended(&mut self.end);
        let _ = self.child.wait();
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        if kept() {
            return;
        }
        let down = ended(&mut self.script("down"));
        let left = ended(&mut self.script("left"));
        let _ = fs::remove_dir_all(self.dir());
        if !std::thread::panicking() {
            assert_eq!((down.code, left.code), (0, 0), "{}{}", down.err, left.out);
        }
    }
}

/// Whether the bed stays up, and one that is up is used again.
pub(super) fn kept() -> bool {
    std::env::var_os("RMQGIT_BED_KEEP").is_some()
}

/// Runs a command to its end.
pub(super) fn ended(command: &mut Command) -> Said {
    let output = command.output().expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
}

/// Asks until the answer is good, and returns how long that took. Fails with the last complaint at the deadline, which is
/// far beyond what a slow machine needs.
pub(super) fn until(what: &str, seconds: u64, mut ask: impl FnMut() -> Result<(), String>) -> Duration {
    let started = Instant::now();
    loop {
        match ask() {
            Ok(()) => return started.elapsed(),
            Err(why) => assert!(started.elapsed().as_secs() < seconds, "not within {seconds} s: {what}\n{why}"),
        }
        std::thread::sleep(Duration::from_millis(300));
    }
}
