//! Sealed secrets in releases: what changes with them, and what does not.

use std::fs;

use super::Shelf;
use crate::git::git;

fn tree(shelf: &Shelf) -> String {
    git(&shelf.repo(), &["rev-parse", "rmqgit/output^{tree}"])
}

#[test]
fn a_release_changes_when_and_only_when_a_sealed_file_does() {
    let shelf = Shelf::new();
    shelf.fill();
    shelf.publish("first");
    let (first, file) = (tree(&shelf), "orders/rabbit1/secrets/stats-password.age");
    let shown = git(&shelf.repo(), &["show", &format!("rmqgit/output:{file}")]);
    assert_eq!(shown, fs::read_to_string(shelf.sealed("stats-password")).unwrap());
    assert!(shelf.publish("nothing").starts_with("unchanged"));
    assert!(shelf.must(&["publish", "--full"]).starts_with("unchanged"));
    assert_eq!(tree(&shelf), first);

    shelf.must(&["secret", "generate", "stats-password"]);
    let said = shelf.publish("rotated");
    assert!(said.contains("2 hosts changed"), "only the balancers: {said}");
    let changed = git(&shelf.repo(), &["diff", "--name-only", "rmqgit/output~1", "rmqgit/output"]);
    let changed: Vec<_> = changed.lines().filter(|path| !path.starts_with(".rmqgit/")).collect();
    assert_eq!(
        changed,
        [
            "orders/rabbit1/manifest.json",
            "orders/rabbit1/secrets/stats-password.age",
            "orders/rabbit2/manifest.json",
            "orders/rabbit2/secrets/stats-password.age",
        ]
    );
    // The tree depends on the files alone.
    let rotated = tree(&shelf);
    assert!(shelf.must(&["publish", "--full", "--branch", "again"]).contains("3 hosts"));
    assert_eq!(git(&shelf.repo(), &["rev-parse", "again^{tree}"]), rotated);
}

#[test]
fn a_diff_shows_fingerprints() {
    let shelf = Shelf::new();
    shelf.fill();
    shelf.publish("first");
    let print = |name: &str| rmqgit::secret::Fingerprint::of(&fs::read(shelf.sealed(name)).unwrap()).to_string();
    let before = print("stats-password");
    shelf.must(&["secret", "generate", "stats-password"]);
    shelf.commit("rotated");
    let after = print("stats-password");
    let expect = format!(
        "secrets/stats-password.age modified on orders/rabbit1, orders/rabbit2 (reload haproxy.service)\n\
         -fingerprint: {before}\n+fingerprint: {after}\n\n2 hosts changed\n"
    );
    assert_eq!(shelf.must(&["diff"]), expect);
    assert_eq!(shelf.must(&["diff", "HEAD~1", "HEAD"]), expect);
    shelf.publish("rotated");
    assert_eq!(shelf.must(&["diff", "rmqgit/output~1", "rmqgit/output"]), expect);
}

#[test]
fn a_cluster_with_a_file_of_its_own_is_compiled_again_for_its_secrets_alone() {
    let mut shelf = Shelf::new();
    let (head, cluster) = shelf.spec.split_once("cluster:\n").unwrap();
    let lines: Vec<_> = cluster.lines().map(|line| line.strip_prefix("  ").unwrap_or(line)).collect();
    let cluster = lines.join("\n").replace("name: orders\n", "");
    for (name, router, net) in [("orders", 51, "192.168.1."), ("events", 52, "192.168.2.")] {
        let text = cluster.replace("virtual_router_id: 51", &format!("virtual_router_id: {router}"));
        let mut text = text.replace("192.168.1.", net).replace(": {address", &format!("-{name}: {{address"));
        for host in ["rabbit1", "rabbit2", "rabbit3"] {
            text = text.replace(&format!("\"@{host}\""), &format!("\"{}\"", shelf.public(host)));
            for list in ["nodes: [", "hosts: ["] {
                let lines = text.lines().map(|line| {
                    if line.contains(list) { line.replace(host, &format!("{host}-{name}")) } else { line.to_owned() }
                });
                text = lines.collect::<Vec<_>>().join("\n");
            }
        }
        let text = text.replace("secret: erlang-cookie", &format!("secret: cookie-{name}"));
        fs::create_dir_all(shelf.repo().join("clusters")).unwrap();
        fs::write(shelf.repo().join(format!("clusters/{name}.yaml")), text + "\n").unwrap();
    }
    shelf.spec = head.to_owned();
    shelf.save();
    shelf.fill();
    let said = shelf.publish("first");
    assert!(said.contains("2 clusters"), "{said}");
    let (code, _, err) = shelf.run_with(&["secret", "generate", "vrrp-auth"], "");
    assert!(code == 2 && err.contains("`vrrp-auth` is a secret of events, orders"), "{err}");
    shelf.must(&["secret", "generate", "vrrp-auth", "--cluster", "events"]);
    shelf.commit("rotated");
    let changed = shelf.must(&["diff", "HEAD~1", "HEAD"]);
    assert!(changed.contains("modified on events/rabbit1-events, events/rabbit2-events"), "{changed}");
    let said = shelf.publish("rotated");
    assert!(said.contains("2 hosts changed, 0 removed, 1 cluster compiled"), "{said}");
}

#[test]
fn with_a_key_values_are_looked_for_in_what_is_compiled() {
    let mut shelf = Shelf::new();
    shelf.spec = shelf.spec.replace("    amqp: {port: 5673}", "    amqp: {port: 5673, extra: [\"# hunter2hunter2\"]}");
    shelf.save();
    shelf.fill();
    let (code, ..) = shelf.run_with(&["secret", "set", "admin-password"], "hunter2hunter2\n");
    assert_eq!(code, 1);
    shelf.commit("leak");
    let out = shelf.dir.path().join("out");
    for verb in [&["publish"][..], &["compile", "--out", out.to_str().unwrap()]] {
        let (code, said) = shelf.run_as("alice", verb);
        let line = "error[leaked-secret]: the value of `admin-password` stands in `rootfs/etc/haproxy/haproxy.cfg` of";
        assert!(code == 1 && said.contains(line), "{said}");
        assert!(!said.contains("hunter2hunter2") || said.contains("extra"), "{said}");
    }
    assert!(!out.exists());
    assert_eq!(git(&shelf.repo(), &["for-each-ref", "--format=%(refname)"]), "refs/heads/main\n");
    // A file in another's place is found too, by whoever can open it.
    shelf.spec = shelf.spec.replace(", extra: [\"# hunter2hunter2\"]", "");
    shelf.save();
    fs::copy(shelf.sealed("admin-password"), shelf.sealed("shop-password")).unwrap();
    let (code, said) = shelf.run_as("alice", &["compile", "--out", out.to_str().unwrap()]);
    let line = "it holds the secret `orders/admin-password`, not `orders/shop-password`";
    assert!(code == 1 && said.contains("error[misplaced-secret]") && said.contains(line), "{said}");
}
