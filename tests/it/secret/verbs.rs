//! `rmqgit secret`, one verb after the other.

use std::fs;
use std::path::Path;

use super::Shelf;

/// Runs `age` as anybody would; returns what it printed, or nothing if it refused.
fn age(key: &Path, sealed: &Path) -> Option<String> {
    let mut command = std::process::Command::new("age");
    let (code, out, err) = crate::run(command.args(["-d", "-i"]).args([key, sealed]));
    assert!(code == 0 || err.contains("no identity matched"), "{err}");
    (code == 0).then_some(out)
}

#[test]
fn what_is_sealed_is_what_age_opens() {
    let shelf = Shelf::new();
    shelf.set("stats-password", "a 'quoted' #1 \"value\" für 兎");
    let sealed = shelf.sealed("stats-password");
    let opened = age(&shelf.key("rabbit1"), &sealed).expect("age opens it");
    let (line, value) = opened.split_once('\n').unwrap();
    assert_eq!(value, "a 'quoted' #1 \"value\" für 兎");
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["hosts"], serde_json::json!(["rabbit1", "rabbit2"]));
    assert_eq!(
        (&line["cluster"], &line["name"], &line["format"]),
        (&"orders".into(), &"stats-password".into(), &1.into())
    );
    assert!(age(&shelf.key("alice"), &sealed).is_some());
    for other in ["rabbit3", "stranger"] {
        assert_eq!(age(&shelf.key(other), &sealed), None, "{other}");
    }
}

#[test]
fn a_value_that_age_sealed_is_read_if_it_says_what_it_is_for() {
    let shelf = Shelf::new();
    shelf.fill();
    let plain = shelf.dir.path().join("plain");
    let sealed = shelf.sealed("shop-password");
    let line =
        r#"{"format":1,"cluster":"orders","name":"shop-password","hosts":["rabbit1","rabbit2","rabbit3"],"pad":""}"#;
    fs::write(&plain, format!("{line}\nby hand")).unwrap();
    let mut command = std::process::Command::new("age");
    command.args(["-a", "-o"]).arg(&sealed);
    for name in ["alice", "rabbit1", "rabbit2", "rabbit3"] {
        command.args(["-r", &shelf.public(name)]);
    }
    let (code, _, err) = crate::run(command.arg(&plain));
    assert_eq!(code, 0, "{err}");
    let (code, said) = shelf.run_as("alice", &["secret", "check"]);
    assert_eq!(code, 0, "{said}");
}

#[test]
fn generated_values_fit_their_places() {
    let shelf = Shelf::new();
    shelf.fill();
    let value = |name: &str| {
        let opened = age(&shelf.key("alice"), &shelf.sealed(name)).unwrap();
        opened.split_once('\n').unwrap().1.to_owned()
    };
    for (name, length) in [("erlang-cookie", 40), ("admin-password", 40), ("stats-password", 40), ("vrrp-auth", 8)] {
        let value = value(name);
        assert!(value.len() == length && value.bytes().all(|b| b.is_ascii_alphanumeric()), "{name}");
    }
    assert_ne!(value("admin-password"), value("shop-password"));
    let before = value("vrrp-auth");
    assert_eq!(shelf.must(&["secret", "generate", "--missing"]), "");
    assert_eq!(value("vrrp-auth"), before, "only what is missing is made");
    shelf.must(&["secret", "generate", "vrrp-auth"]);
    assert_ne!(value("vrrp-auth"), before);
}

#[test]
fn what_cannot_stand_in_its_place_is_refused() {
    let shelf = Shelf::new();
    for (name, value, why) in [
        ("vrrp-auth", "123456789", "has at most 8 bytes"),
        ("vrrp-auth", "a\"b", "it cannot stand in /etc/keepalived/keepalived.conf"),
        ("erlang-cookie", "two words", "is letters and digits"),
        ("stats-password", "two\nlines", "it cannot stand in /etc/haproxy/haproxy.cfg"),
        ("admin-password", "", "the value is empty"),
    ] {
        let (code, out, err) = shelf.run_with(&["secret", "set", name], &format!("{value}\n"));
        assert!(code == 3 && err.contains(why) && out.is_empty(), "{name}: {out}{err}");
        assert!(!err.contains("two") && !err.contains("1234"), "{err}");
        assert!(!shelf.sealed(name).exists(), "{name}");
    }
    let (code, _, err) = shelf.run_with(&["secret", "set", "admin-pasword"], "x\n");
    assert!(code == 3 && err.contains("did you mean `admin-password`?"), "{err}");
    let (code, _, _) = shelf.run_with(&["secret", "set", "admin-password", "hunter2"], "");
    assert_eq!(code, 2, "a value is no argument");
}

#[test]
fn a_value_that_stands_in_the_spec_is_said() {
    let mut shelf = Shelf::new();
    shelf.spec += "# YWRtaW46aHVudGVyMmh1bnRlcjI=\n";
    shelf.save();
    let (code, _, err) = shelf.run_with(&["secret", "set", "admin-password"], "hunter2hunter2\n");
    assert!(code == 1 && err.contains("rmqgit.yaml` holds this value, in base64"), "{err}");
    assert!(!err.contains("hunter2"), "{err}");
}

#[test]
fn an_editor_sees_the_value_alone() {
    let shelf = Shelf::new();
    shelf.fill();
    shelf.set("admin-password", "the old one");
    let before = fs::read(shelf.sealed("admin-password")).unwrap();
    let seen = shelf.dir.path().join("seen");
    // Other tests may be in /dev/shm itself.
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    let edit = |script: &str| {
        let editor = shelf.dir.path().join("editor");
        fs::write(
            &editor,
            format!(
                "#!/bin/sh\n{{ stat -c %a \"$1\"; stat -f -c %T \"$1\"; ulimit -c; \
            sed -n 's/^Max core file size *\\([^ ]*\\).*/\\1/p' /proc/$PPID/limits; cat \"$1\"; }} >{}\n{script}\n",
                seen.display()
            ),
        )
        .unwrap();
        crate::run(std::process::Command::new("chmod").args(["700"]).arg(&editor));
        let mut command = crate::rmqgit();
        command.args(["secret", "edit", "admin-password", "--identity"]).arg(shelf.key("alice"));
        crate::run(
            command
                .current_dir(shelf.repo())
                .env("EDITOR", format!("{} ", editor.display()))
                .env("XDG_RUNTIME_DIR", memory.path()),
        )
    };
    let (code, out, err) = edit("");
    assert_eq!((code, out.as_str()), (0, "admin-password: unchanged\n"), "{err}");
    assert_eq!(fs::read(shelf.sealed("admin-password")).unwrap(), before);
    assert_eq!(fs::read_to_string(&seen).unwrap(), "600\ntmpfs\n0\n0\nthe old one\n");
    let (code, out, err) = edit("echo new >\"$1\"; echo copy >\"$1~\"");
    assert_eq!(code, 0, "{out}{err}");
    assert!(age(&shelf.key("alice"), &shelf.sealed("admin-password")).unwrap().ends_with("\nnew"));
    let (code, _, err) = edit("exit 1");
    assert!(code == 3 && err.contains("nothing was changed"), "{err}");
    assert_eq!(fs::read_dir(memory.path()).unwrap().count(), 0);
}

#[test]
fn the_list_says_who_reads_what() {
    let shelf = Shelf::new();
    let (code, out, _) = shelf.run_with(&["secret", "list"], "");
    assert_eq!((code, out.matches("not sealed yet").count()), (0, 5), "{out}");
    shelf.fill();
    let out = shelf.must(&["secret", "list", "--format", "json"]);
    let list: serde_json::Value = serde_json::from_str(&out).unwrap();
    let of = |name: &str| list["secrets"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone();
    let vrrp = of("vrrp-auth");
    assert_eq!(vrrp["uses"][0], "password of VRRP instance `haproxy`");
    assert_eq!(vrrp["readers"], serde_json::json!(["host rabbit1", "host rabbit2", "operator alice"]));
    assert_eq!(vrrp["kept"], "sealed");
    let bytes = fs::read(shelf.sealed("vrrp-auth")).unwrap();
    assert_eq!(vrrp["fingerprint"], rmqgit::secret::Fingerprint::of(&bytes).to_string());
    assert_eq!(of("erlang-cookie")["hosts"], serde_json::json!(["rabbit1", "rabbit2", "rabbit3"]));
}

#[test]
fn a_key_with_a_passphrase_needs_somebody_to_ask() {
    let mut shelf = Shelf::new();
    shelf.keygen("locked", "ed25519", "phrase");
    shelf.keygen("old", "ecdsa", "");
    let locked = shelf.public("locked");
    shelf.spec = shelf.spec.replace("@alice", &locked);
    shelf.save();
    shelf.fill();
    let (code, said) = shelf.run_as("old", &["secret", "rekey"]);
    assert!(code == 3 && said.contains("it is not an Ed25519 key"), "{said}");
    let (code, said) = shelf.run_as("stranger", &["secret", "rekey"]);
    assert!(code == 3 && said.contains("it is not sealed for this key"), "{said}");
    // `script` gives the verb a terminal of its own, and types the phrase.
    let verb = format!(
        "{} secret check -C {} --identity {}",
        assert_cmd::cargo::cargo_bin!("rmqgit").display(),
        shelf.repo().display(),
        shelf.key("locked").display()
    );
    for (phrase, expect) in [("phrase", "5 opened: no findings"), ("other", "the passphrase is wrong")] {
        let mut command = std::process::Command::new("sh");
        let typed =
            format!("(until grep -q Passphrase \"$0\"; do :; done; echo {phrase}) | script -qefc \"$1\" \"$0\"");
        let typescript = shelf.dir.path().join(format!("typescript-{phrase}"));
        fs::write(&typescript, "").unwrap();
        let (_, out, err) = crate::run(command.args(["-c", &typed]).arg(&typescript).arg(&verb));
        assert!(out.contains(expect), "{out}{err}");
        assert!(!out.contains(&format!("{phrase}\r\n{phrase}")), "it was shown: {out}");
    }
}
