//! Hosts that open what is sealed for them, and what they do when they cannot.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::Shelf;

#[test]
fn a_secret_goes_from_a_person_to_the_hosts_that_need_it() {
    let shelf = Shelf::new();
    let (code, out, _) = shelf.run_with(&["check"], "");
    assert_eq!((code, out.matches("error[missing-secret]").count()), (1, 5), "{out}");
    shelf.set("stats-password", "a 'quoted' #1 \"value\"");
    shelf.fill();
    shelf.publish("secrets");
    let rabbit1 = shelf.host("rabbit1");
    let (code, said) = rabbit1.sync(&[]);
    assert_eq!(code, 0, "{said}");
    let haproxy = rabbit1.read("etc/haproxy/haproxy.cfg");
    assert!(haproxy.contains(r#"'a '\''quoted'\'' #1 "value"'"#), "{haproxy}");
    let rabbit3 = shelf.host("rabbit3");
    assert_eq!(rabbit3.sync(&[]).0, 0);
    assert!(!rabbit3.root.join("etc/haproxy").exists());
    let cookie = rabbit3.read("var/lib/rabbitmq/.erlang.cookie");
    assert_eq!((cookie.len(), cookie), (40, rabbit1.read("var/lib/rabbitmq/.erlang.cookie")));

    // A rotation changes the files of those who have it, and nothing once it is there.
    shelf.set("stats-password", "the new one");
    shelf.publish("rotated");
    let (code, said) = rabbit1.sync(&[]);
    assert!(code == 0 && said.contains("haproxy.cfg"), "{said}");
    assert!(rabbit1.read("etc/haproxy/haproxy.cfg").contains("the new one"));
    // The same value, sealed anew, changes nothing.
    shelf.set("stats-password", "the new one");
    shelf.publish("sealed again");
    let before = rabbit1.root.join("etc/haproxy/haproxy.cfg").metadata().unwrap().modified().unwrap();
    let (code, said) = rabbit1.sync(&["--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &report["verdict"]), (0, &"in-sync".into()), "{said}");
    let sealed = fs::read(shelf.sealed("stats-password")).unwrap();
    let print = rmqgit::secret::Fingerprint::of(&sealed).to_string();
    assert_eq!(report["release"]["secrets"]["stats-password"], print);
    assert_eq!(report["release"]["secrets"].as_object().unwrap().len(), 5);
    assert_eq!(rabbit1.root.join("etc/haproxy/haproxy.cfg").metadata().unwrap().modified().unwrap(), before);
}

#[test]
fn what_cannot_be_opened_holds_back_its_own_files_and_nothing_else() {
    let shelf = Shelf::new();
    shelf.fill();
    shelf.publish("secrets");
    let host = shelf.host("rabbit1");
    let key = host.root.join("etc/ssh/ssh_host_ed25519_key");
    shelf.keygen("rsa", "rsa", "");
    shelf.keygen("locked", "ed25519", "phrase");
    let without = |name: &str, why: &str, help: &str| {
        let (code, said) = host.sync(&["--format", "json"]);
        let report: serde_json::Value = serde_json::from_str(&said).unwrap();
        let unknown = report["unknown"].to_string();
        assert_eq!(code, 3, "{name}: {said}");
        assert!(unknown.contains(why) && unknown.contains(help), "{name}: {unknown}");
    };
    fs::remove_file(&key).unwrap();
    without("none", "there is no file", "ssh-keygen -A");
    for (name, why, help) in [
        ("stranger", "it is not sealed for this key", "write it into the spec as `ssh_host_key` of `rabbit1`"),
        ("rsa", "it is not an Ed25519 key", "`host-key` in agent.yaml"),
        ("locked", "it has a passphrase", "a key without a passphrase"),
    ] {
        host.give_key(&shelf.key(name));
        without(name, why, help);
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    without("open", "can be read by others", "chmod 0600");
    assert!(!host.root.join("etc/haproxy/haproxy.cfg").exists());
    assert!(host.root.join("etc/rabbitmq/rabbitmq.conf").exists(), "what needs no secret was written");
    // The right key makes good for all of it.
    host.give_key(&shelf.key("rabbit1"));
    let (code, said) = host.sync(&[]);
    assert_eq!(code, 0, "{said}");
    assert!(host.root.join("etc/haproxy/haproxy.cfg").exists());
}

#[test]
fn a_file_in_anothers_place_is_not_used() {
    let shelf = Shelf::new();
    shelf.fill();
    shelf.publish("secrets");
    let host = shelf.host("rabbit1");
    assert_eq!(host.sync(&[]).0, 0);
    let before = host.read("etc/haproxy/haproxy.cfg");
    // An author without any key puts a sealed file in another's place.
    fs::copy(shelf.sealed("vrrp-auth"), shelf.sealed("stats-password")).unwrap();
    shelf.publish("swapped");
    let (code, said) = host.sync(&[]);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("it holds the secret `orders/vrrp-auth`, not `orders/stats-password`"), "{said}");
    assert_eq!(host.read("etc/haproxy/haproxy.cfg"), before);
}

#[test]
fn a_value_that_names_other_hosts_is_not_used() {
    let mut shelf = Shelf::new();
    shelf.fill();
    // rabbit3's key becomes that of rabbit2: what was sealed for rabbit2 can be opened there, and is not for it.
    shelf.publish("secrets");
    let balancers = "hosts: [rabbit1, rabbit2]";
    shelf.spec = shelf.spec.replace(balancers, "hosts: [rabbit1, rabbit3]");
    shelf.spec = shelf.spec.replace("@rabbit3", "@x").replace("@rabbit2", "@rabbit3").replace("@x", "@rabbit2");
    shelf.spec =
        shelf.spec.replace("rabbit3: {address: 192.168.1.221,", "rabbit3: {address: 192.168.1.221, interface: eth0,");
    shelf.save();
    shelf.publish("keys swapped");
    let host = shelf.host("rabbit3");
    host.give_key(&shelf.key("rabbit2"));
    let (code, said) = host.sync(&[]);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("it is not for the host `rabbit3`"), "{said}");
    let (code, said) = shelf.run_as("alice", &["secret", "check"]);
    assert!(code == 1 && said.contains("its envelope is not for host `rabbit3`"), "{said}");
    let (code, said) = shelf.run_as("alice", &["secret", "rekey"]);
    assert_eq!(code, 0, "{said}");
    shelf.publish("rekeyed");
    let (code, said) = host.sync(&[]);
    assert_eq!(code, 0, "{said}");
}

#[test]
fn files_of_the_host_serve_where_the_repository_keeps_none() {
    let mut shelf = Shelf::new();
    let spec = shelf.spec.clone();
    for name in ["rabbit1", "rabbit2", "rabbit3"] {
        shelf.spec = shelf.spec.replace(&format!(", ssh_host_key: \"@{name}\""), "");
    }
    shelf.save();
    shelf.publish("files on hosts");
    let host = shelf.host("rabbit1");
    let dir = host.root.join("etc/rmqgit/secrets");
    fs::create_dir_all(&dir).unwrap();
    for name in ["erlang-cookie", "admin-password", "shop-password", "stats-password", "vrrp-auth"] {
        fs::write(dir.join(name), "OFHOST\n").unwrap();
        fs::set_permissions(dir.join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    assert_eq!(host.sync(&[]).0, 0);
    assert_eq!(host.read("var/lib/rabbitmq/.erlang.cookie"), "OFHOST");
    // What is sealed goes before a file that somebody forgot.
    shelf.spec = spec;
    shelf.save();
    shelf.fill();
    shelf.publish("sealed");
    let (_, said) = host.sync(&[]);
    assert_ne!(host.read("etc/haproxy/haproxy.cfg").find("OFHOST"), Some(0), "{said}");
    assert!(!host.read("etc/haproxy/haproxy.cfg").contains("OFHOST"), "{said}");
}
