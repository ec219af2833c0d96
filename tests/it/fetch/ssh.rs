//! Through a real sshd, with protocol version 2 and, where it does not accept `GIT_PROTOCOL`, version 0.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use rmqgit::fetch::load;
use rmqgit::sys::remote::{Remote, RemoteOptions};

use super::origin::{Origin, bundle, check_life, cluster, host};
use super::server::run;
use super::sshd::Sshd;

/// What went wrong, with the parts that differ from run to run replaced.
fn failure(sshd: &Sshd, origin: &Origin, remote: &Remote) -> String {
    let user = run("id", &["-un"]).trim().to_owned();
    let mut text = origin.failure(remote).replace(&sshd.server.port.to_string(), "PORT");
    text = text.replace(&format!("//{user}@"), "//USER@").replace(&format!("`{user}`"), "`USER`");
    for key in ["host_ed25519", "host_ecdsa", "other", "key"] {
        let path = sshd.dir.join(format!("{key}.pub"));
        let public = fs::read_to_string(&path).unwrap();
        let print = run("ssh-keygen", &["-l", "-f", path.to_str().unwrap()]);
        text = text.replace(public.split_whitespace().nth(1).unwrap(), &format!("BASE64-{key}"));
        text = text.replace(print.split_whitespace().nth(1).unwrap(), &format!("SHA256-{key}"));
    }
    text
}

#[test]
fn a_life_with_version_2() {
    let origin = Origin::new();
    let sshd = Sshd::start(&origin, true);
    check_life(&origin, &sshd.remote(&origin));
}

#[test]
fn a_life_with_version_0() {
    let origin = Origin::new();
    let sshd = Sshd::start(&origin, false);
    check_life(&origin, &sshd.remote(&origin));
}

#[test]
fn strange_servers_are_refused() {
    let origin = Origin::new();
    origin.publish(1);
    let sshd = Sshd::start(&origin, true);
    let remote = sshd.remote(&origin);
    let mut seen = Vec::new();
    let mut see = |what: &str, lines: String| {
        sshd.know(&lines);
        seen.push(format!("# {what}\n{}", failure(&sshd, &origin, &remote)));
    };
    let (good, other) = (sshd.line("host_ed25519"), sshd.line("other"));
    see("no line", String::new());
    see("known for another port", good.replace(&sshd.name(), "127.0.0.1"));
    see("another key", other.clone());
    see("revoked", format!("{good}@revoked * {}", good.split_once(' ').unwrap().1));
    see("an authority only", format!("@cert-authority {good}"));
    insta::assert_snapshot!(seen.join("\n\n"));

    // Trusted: beside another key, by its other key, by a pattern, hashed.
    for lines in [format!("{other}{good}"), sshd.line("host_ecdsa"), good.replace("127.0.0.1", "127.*")] {
        sshd.know(&lines);
        origin.fetch(&remote).unwrap();
    }
    sshd.know(&good);
    run("ssh-keygen", &["-q", "-H", "-f", sshd.dir.join("known_hosts").to_str().unwrap()]);
    assert!(!fs::read_to_string(sshd.dir.join("known_hosts")).unwrap().contains("127.0.0.1"), "it is hashed");
    origin.fetch(&remote).unwrap();
}

#[test]
fn the_host_must_be_let_in() {
    let origin = Origin::new();
    origin.publish(1);
    let sshd = Sshd::start(&origin, true);
    let locked = sshd.dir.join("locked");
    run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "secret", "-f", locked.to_str().unwrap()]);
    fs::copy(sshd.dir.join("key"), sshd.dir.join("open")).unwrap();
    fs::set_permissions(sshd.dir.join("open"), fs::Permissions::from_mode(0o640)).unwrap();
    let path = origin.path().display().to_string();
    let failures = ["other", "locked", "open", "absent", "host_ecdsa.pub"]
        .map(|key| format!("# {key}\n{}", failure(&sshd, &origin, &sshd.remote_with(&path, key))));
    let no_repository = failure(&sshd, &origin, &sshd.remote_with("/nonexistent/it's.git", "key"));
    insta::assert_snapshot!(format!("{}\n\n# no repository\n{no_repository}", failures.join("\n\n")));
}

#[test]
fn a_server_that_went_away_is_told() {
    let origin = Origin::new();
    let one = origin.publish(1);
    let sshd = Sshd::start(&origin, true);
    let remote = sshd.remote(&origin);
    origin.fetch(&remote).unwrap();
    let (port, dir) = (sshd.server.port, sshd.dir.clone());
    drop(sshd);
    let expect = format!(
        "cannot reach ssh://root@127.0.0.1:{port}{}: Connection refused (os error 111)",
        origin.path().display()
    );
    assert_eq!(
        origin.describe(&origin.fetch(&remote).unwrap_err()),
        expect.replace(origin.dir.path().to_str().unwrap(), "DIR")
    );
    assert!(dir.exists());
    // What was fetched is still there.
    assert_eq!(load(&origin.store, &one, &cluster(), &host()).unwrap().bundle, bundle(1));
}

#[test]
fn a_server_that_stalls_is_left() {
    let origin = Origin::new();
    let sshd = Sshd::start(&origin, true);
    // The kernel takes the connection, and nobody ever answers.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let options = RemoteOptions { timeout: 1, ..sshd.remote(&origin).options().clone() };
    let remote = Remote::parse(&format!("ssh://{}/a.git", listener.local_addr().unwrap()), options).unwrap();
    let expect = format!("{remote} did not finish within 1 s; raise `timeout` if the line is that slow");
    assert_eq!(origin.failure(&remote), expect);
}

/// Lets the key do one thing only.
fn force(sshd: &Sshd, command: &str) {
    let key = fs::read_to_string(sshd.dir.join("key.pub")).unwrap();
    fs::write(sshd.dir.join("authorized_keys"), format!("restrict,command=\"{command}\" {key}")).unwrap();
}

#[test]
fn a_key_that_may_only_read_is_enough() {
    for accepts_v2 in [true, false] {
        let origin = Origin::new();
        let sshd = Sshd::start(&origin, accepts_v2);
        force(&sshd, &format!("git-upload-pack '{}'", origin.path().display()));
        check_life(&origin, &sshd.remote(&origin));
        // It cannot push, and runs nothing else.
        let dir = sshd.dir.display();
        let ssh = format!(
            "ssh -p {} -i {dir}/key -o UserKnownHostsFile={dir}/known_hosts -o IdentitiesOnly=yes -F none",
            sshd.server.port
        );
        let url = format!("{}@127.0.0.1:{}", run("id", &["-un"]).trim(), origin.path().display());
        let mut push = super::server::program("git");
        push.env("GIT_SSH_COMMAND", ssh).current_dir(origin.path()).args([
            "push",
            &url,
            &format!("{}:refs/heads/x", super::origin::REF),
        ]);
        assert!(!push.output().unwrap().status.success(), "the key can push");
        assert_eq!(origin.git(&["for-each-ref", "refs/heads"]), "");
    }
}

#[test]
fn programs_that_never_end_are_left() {
    let origin = Origin::new();
    let sshd = Sshd::start(&origin, true);
    let user = run("id", &["-un"]);
    let url = format!("ssh://{}@127.0.0.1:{}/a.git", user.trim(), sshd.server.port);
    let mut seen = String::new();
    // Who says too much is left for that, on a slow machine too; who says too little, when the time is over.
    let (enough, over) = (300, 3);
    for (what, timeout, command) in [
        ("ends at once", enough, "true"),
        ("fails with a word", enough, "echo it is broken >&2; false"),
        ("stalls", over, "exec sleep 60"),
        ("stalls in a packet", over, "printf 00ff; exec sleep 60"),
        ("drips", over, "printf ff00; while sleep 0.2; do printf x; done"),
        ("complains for ever", over, "exec yes >&2"),
        ("says anything", enough, "exec yes"),
        ("sends zeros", enough, "exec cat /dev/zero"),
        ("flushes for ever", enough, "printf '000eversion 2\\n'; exec yes 0000"),
        ("has no end of capabilities", enough, "printf '000eversion 2\\n'; exec yes 0006x"),
    ] {
        let options = RemoteOptions { timeout, ..sshd.remote(&origin).options().clone() };
        let remote = Remote::parse(&url, options).unwrap();
        force(&sshd, command);
        let said = failure(&sshd, &origin, &remote);
        writeln!(seen, "# {what}\n{said}\n").unwrap();
    }
    insta::assert_snapshot!(seen);
}
