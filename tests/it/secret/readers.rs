//! Who can read what, told without a key.

use std::fs;

use super::Shelf;

/// Runs the check; returns its status and the first lines of what it found.
fn check(shelf: &Shelf) -> (i32, Vec<String>) {
    let (code, out, err) = shelf.run_with(&["check"], "");
    let found = |line: &&str| line.starts_with("error[") || line.contains("-secret]");
    (code, (out + &err).lines().filter(found).map(str::to_owned).collect())
}

#[test]
fn everything_that_is_wrong_is_found_at_once() {
    let mut shelf = Shelf::new();
    shelf.fill();
    assert_eq!(check(&shelf), (0, vec![]));
    // A host gets a part that needs a secret, another one a new key; an operator leaves, and one comes.
    shelf.spec =
        shelf.spec.replace("hosts: [rabbit1, rabbit2]\n    stats", "hosts: [rabbit1, rabbit2, rabbit3]\n    stats");
    shelf.spec = shelf.spec.replace("{alice: \"@alice\"}", "{bob: \"@bob\"}");
    shelf.spec = shelf.spec.replace("auth: {secret: vrrp-auth}", "auth: {secret: vrrp}");
    shelf.save();
    fs::write(shelf.sealed("shop-password"), "-----BEGIN AGE ENCRYPTED FILE-----\nbroken\n").unwrap();
    let (code, found) = check(&shelf);
    let tag = |name: &str| rmqgit::secret::PublicKey::parse(&shelf.public(name)).unwrap().tag().to_string();
    let alice = format!("a key that the spec does not name (`{}`) can read", tag("alice"));
    let mut expect: Vec<String> = Vec::new();
    for name in ["admin-password", "erlang-cookie", "stats-password"] {
        let path = format!("`secrets/orders/{name}.age`");
        if name == "stats-password" {
            expect.push(format!("error[unreadable-secret]: host `rabbit3` cannot read {path}"));
        }
        expect.push(format!("error[unreadable-secret]: operator `bob` cannot read {path}"));
        expect.push(format!("error[overexposed-secret]: {alice} {path}"));
    }
    expect.push(
        "error[damaged-secret]: `secrets/orders/shop-password.age` is no sealed secret: it is not an age file in ASCII armor"
            .to_owned(),
    );
    expect.push("error[missing-secret]: there is no `secrets/orders/vrrp.age`".to_owned());
    expect.push("warning[unused-secret]: no host needs `secrets/orders/vrrp-auth.age`".to_owned());
    let (mut found, mut expect) = (found, expect);
    found.sort();
    expect.sort();
    assert_eq!((code, found), (1, expect));
}

#[test]
fn a_host_that_no_longer_needs_a_secret_shall_not_read_it() {
    let mut shelf = Shelf::new();
    shelf.fill();
    shelf.spec = shelf.spec.replace("hosts: [rabbit1, rabbit2]\n    stats", "hosts: [rabbit1]\n    stats");
    shelf.spec = shelf.spec.replace("hosts: [rabbit1, rabbit2]\n    vip", "hosts: [rabbit1]\n    vip");
    shelf.save();
    let (code, found) = check(&shelf);
    let who = "error[overexposed-secret]: host `rabbit2`, which does not need it, can read";
    let of = |name: &str| format!("{who} `secrets/orders/{name}.age`");
    assert_eq!((code, found), (1, vec![of("stats-password"), of("vrrp-auth")]));
    let (code, said) = shelf.run_as("alice", &["secret", "rekey"]);
    assert_eq!((code, said.lines().count()), (0, 2), "{said}");
    assert_eq!(check(&shelf), (0, vec![]));
    let (_, said) = shelf.run_as("alice", &["secret", "rekey"]);
    assert_eq!(said, "every secret is sealed for exactly those who need it\n");
}

#[test]
fn a_recipient_whose_name_nobody_can_tell_is_refused() {
    let shelf = Shelf::new();
    shelf.fill();
    let (_, key, _) = crate::run(&mut std::process::Command::new("age-keygen"));
    let recipient = key.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
    let plain = shelf.dir.path().join("plain");
    fs::write(&plain, "anything").unwrap();
    let mut command = std::process::Command::new("age");
    command.args(["-a", "-r", recipient, "-o"]).arg(shelf.sealed("vrrp-auth"));
    for name in ["alice", "rabbit1", "rabbit2"] {
        command.args(["-r", &shelf.public(name)]);
    }
    crate::run(command.arg(&plain));
    let expect = "error[overexposed-secret]: a recipient of the kind `X25519` can read `secrets/orders/vrrp-auth.age`";
    assert_eq!(check(&shelf), (1, vec![expect.to_owned()]));
}

#[test]
fn keys_that_are_none_are_refused_with_the_command_that_makes_one() {
    let mut shelf = Shelf::new();
    shelf.keygen("rsa", "rsa", "");
    shelf.keygen("ecdsa", "ecdsa", "");
    let (rsa, ecdsa, rabbit2) = (shelf.public("rsa"), shelf.public("ecdsa"), shelf.public("rabbit2"));
    shelf.spec = shelf.spec.replace("@alice", &ecdsa).replace("@rabbit1", &rsa).replace("@rabbit3", &rabbit2);
    shelf.save();
    let (code, out, _) = shelf.run_with(&["check"], "");
    assert_eq!(code, 1);
    for line in [
        "error[unusable-ssh-key]: `ssh-rsa` is not a key that a secret can be sealed for",
        "error[unusable-ssh-key]: `ecdsa-sha2-nistp256` is not a key that a secret can be sealed for",
        "error[duplicate-ssh-key]: host `rabbit2` and host `rabbit3` have the same key",
    ] {
        assert!(out.contains(line), "{line}\n{out}");
    }
    let words: Vec<&str> = out.split_whitespace().filter(|word| *word != "│").collect();
    let text = words.join(" ");
    for command in ["`ssh-keyscan -t ed25519 192.168.1.219`", "`ssh-keygen -A`", "`ssh-keygen -t ed25519`"] {
        assert!(text.contains(command), "{command}\n{out}");
    }
    // A private key in the spec is not repeated.
    let private = fs::read_to_string(shelf.key("stranger")).unwrap();
    let line = private.lines().nth(1).unwrap().to_owned();
    shelf.spec = shelf.spec.replace(&rsa, &private.replace('\n', " "));
    shelf.save();
    let (_, out, err) = shelf.run_with(&["check"], "");
    assert!(out.contains("error[plain-text-secret]: a private key stands in the spec"), "{out}{err}");
    assert!(!(out + &err).contains(&line), "the private key is shown");
}

#[test]
fn it_is_all_hosts_or_none() {
    let mut shelf = Shelf::new();
    let spec = shelf.spec.clone();
    for name in ["rabbit1", "rabbit2", "rabbit3"] {
        shelf.spec = shelf.spec.replace(&format!(", ssh_host_key: \"@{name}\""), "");
    }
    shelf.save();
    assert_eq!(check(&shelf), (0, vec![]), "the hosts bring their own");
    let out = shelf.must(&["secret", "list"]);
    assert_eq!(out.matches("on the hosts").count(), 5, "{out}");
    let (code, _, err) = shelf.run_with(&["secret", "set", "vrrp-auth"], "x\n");
    assert!(code == 3 && err.contains("has no `ssh_host_key` in the spec"), "{err}");
    shelf.spec = spec.replace(", ssh_host_key: \"@rabbit3\"", "");
    shelf.save();
    let (code, found) = check(&shelf);
    assert_eq!(code, 1);
    let no_key = "error[missing-ssh-host-key]: `rabbit3` needs 3 secrets, and has no key that they could be sealed for";
    assert!(found.iter().any(|line| line == no_key), "{found:?}");
}

#[test]
fn what_is_left_over_is_said() {
    let shelf = Shelf::new();
    shelf.fill();
    let secrets = shelf.repo().join("secrets");
    fs::create_dir(secrets.join("gone")).unwrap();
    for name in ["gone/a.age", "gone/b.age", "b.age", "orders/old.age"] {
        fs::copy(shelf.sealed("vrrp-auth"), secrets.join(name)).unwrap();
    }
    fs::write(secrets.join("orders/admin-password"), "hunter2hunter2\n").unwrap();
    let (code, found) = check(&shelf);
    let expect = [
        "error[damaged-secret]: `secrets/orders/admin-password` is no sealed secret: it is not an age file in ASCII armor",
        "warning[unused-secret]: no host needs `secrets/orders/old.age`",
    ];
    assert_eq!((code, found), (1, expect.map(str::to_owned).to_vec()));
    fs::remove_file(secrets.join("orders/admin-password")).unwrap();
    let (code, mut found) = check(&shelf);
    found.sort();
    let expect = [
        "warning[unused-secret]: `secrets/b.age` stands in no cluster's directory",
        "warning[unused-secret]: no host needs `secrets/orders/old.age`",
        "warning[unused-secret]: there is no cluster `gone` for `secrets/gone`",
    ];
    assert_eq!((code, found), (0, expect.map(str::to_owned).to_vec()));
}
