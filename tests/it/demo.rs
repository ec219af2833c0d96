//! `rmqgit demo`, and what a reader gets who types its commands.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use crate::{rmqgit, run, without_warnings};

/// Returns the commands that a demonstration printed, each with its exit status; the first one enters the directory.
fn commands(output: &str) -> Vec<(&str, i32)> {
    let mut commands: Vec<(&str, i32)> = Vec::new();
    for line in output.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            commands.push((command, 0));
        } else if let Some(status) = line.strip_prefix("(exit status ").and_then(|rest| rest.strip_suffix(')')) {
            commands.last_mut().expect("a command came before").1 = status.parse().unwrap();
        }
    }
    commands
}

/// Returns the files below the hosts' roots: bytes and mode, by path. The directory's name and secrets, which differ from
/// one demonstration to the next, are masked; what an agent remembers is left out.
fn hosts(dir: &Path) -> BTreeMap<String, (String, u32)> {
    let secrets = dir.join("hosts/rabbit1/etc/rmqgit/secrets");
    let secrets: Vec<_> =
        fs::read_dir(secrets).unwrap().map(|e| fs::read_to_string(e.unwrap().path()).unwrap()).collect();
    let mut found = BTreeMap::new();
    let mut dirs = vec![dir.join("hosts")];
    while let Some(below) = dirs.pop() {
        for entry in fs::read_dir(below).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with("var/lib/rmqgit") {
                    dirs.push(path);
                }
                continue;
            }
            let mut text = fs::read_to_string(&path).unwrap().replace(dir.to_str().unwrap(), "DIR");
            for secret in &secrets {
                text = text.replace(secret.trim(), "SECRET");
            }
            let name = path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned();
            found.insert(name, (text, path.metadata().unwrap().permissions().mode() & 0o7777));
        }
    }
    found
}

#[test]
fn what_is_printed_is_what_a_reader_can_type() {
    let work = tempfile::tempdir().unwrap();
    let work = work.path().canonicalize().unwrap();
    let (shown, typed) = (work.join("shown"), work.join("typed"));
    let (status, output, stderr) = run(rmqgit().arg("demo").arg(&shown));
    assert_eq!((status, without_warnings(&stderr).as_str()), (0, ""), "{output}");
    insta::with_settings!({ filters => vec![
        (work.to_str().unwrap(), "/tmp"),
        (r"\b[0-9a-f]{40}\b", "COMMIT"),
        (r"release [0-9a-f]{10}", "release COMMIT"),
        (r"written (just now|\d+ seconds? ago)", "written just now"),
        (r", (just now|\d+ seconds? ago)\n", ", just now\n"),
    ]}, { insta::assert_snapshot!(output) });

    let (status, prepared, _) = run(rmqgit().args(["demo", "--prepare"]).arg(&typed));
    assert_eq!(status, 0);
    let (shown_commands, typed_commands) = (commands(&output), commands(&prepared));
    assert!(shown_commands.len() > 20, "{shown_commands:?}");
    let names =
        |commands: &[(&str, i32)]| commands[1..].iter().map(|(command, _)| (*command).to_owned()).collect::<Vec<_>>();
    assert_eq!(names(&shown_commands), names(&typed_commands));
    // One shell, as a reader has one: it enters the directory and types the rest.
    let mut script = format!("{}\n", typed_commands[0].0);
    for (command, status) in &shown_commands[1..] {
        write!(script, "{command}\nstatus=$?; [ $status = {status} ] || {{ echo \"$status\"; exit 9; }}\n").unwrap();
    }
    let path = std::env::var_os("PATH").unwrap();
    let (status, output, stderr) = run(Command::new("sh").arg("-c").arg(script).env_clear().env("PATH", path));
    assert_eq!((status, without_warnings(&stderr).as_str()), (0, ""), "{output}");
    assert_eq!(hosts(&typed), hosts(&shown));
}

#[test]
fn the_hosts_end_as_the_release_says_and_keep_what_is_theirs() {
    let work = tempfile::tempdir().unwrap();
    let dir = work.path().canonicalize().unwrap().join("demo");
    assert_eq!(run(rmqgit().arg("demo").arg(&dir)).0, 0);
    for verb in ["sync", "status"] {
        let (status, report, _) =
            run(rmqgit().args([verb, "--format", "json", "--root", "hosts/rabbit1"]).current_dir(&dir));
        assert_eq!(status, 0, "{report}");
        crate::cli::assert_follows_schema("report", &report);
    }
    let read = |name: &str| fs::read_to_string(dir.join("hosts/rabbit1").join(name)).unwrap();
    assert!(read("etc/haproxy/haproxy.cfg").contains("    bind *:5674\n"));
    assert!(
        read("etc/hosts")
            .starts_with("127.0.0.1 localhost\n203.0.113.7 backup.example.org # a line of rabbit1's own\n")
    );
    let cookie = dir.join("hosts/rabbit1/var/lib/rabbitmq/.erlang.cookie").metadata().unwrap();
    assert_eq!(cookie.permissions().mode() & 0o7777, 0o400);
    assert_eq!(cookie.uid(), dir.metadata().unwrap().uid());
    // What `compile` wrote is what was published first.
    let git = |args: &[&str]| run(Command::new("git").arg("-C").arg(dir.join("remote.git")).args(args)).1;
    let listed = git(&["ls-tree", "-r", "--name-only", "rmqgit/output~1", "orders"]);
    assert!(listed.lines().count() > 30);
    for path in listed.lines() {
        let published = git(&["show", &format!("rmqgit/output~1:{path}")]);
        assert_eq!(fs::read_to_string(dir.join("out").join(path)).unwrap(), published, "{path}");
    }
    // No secret left the hosts.
    for host in ["rabbit1", "rabbit2", "rabbit3"] {
        for secret in fs::read_dir(dir.join(format!("hosts/{host}/etc/rmqgit/secrets"))).unwrap() {
            let secret = fs::read_to_string(secret.unwrap().path()).unwrap();
            let (status, found, _) = run(Command::new("git").arg("-C").arg(dir.join("remote.git")).args([
                "log",
                "--all",
                "--format=%H",
                "-S",
                secret.trim(),
            ]));
            assert_eq!((status, found.as_str()), (0, ""));
        }
    }
}

#[test]
fn a_directory_in_use_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("mine"), "").unwrap();
    let said = format!(
        "rmqgit: `{}` is not empty\n  help: give a new directory; the demonstration makes it\n",
        dir.path().display()
    );
    assert_eq!(run(rmqgit().arg("demo").arg(dir.path())), (2, String::new(), said));
}
