//! What a root with many clusters gives, and what they must not share.

use std::collections::BTreeMap;

use super::{brief, one, run, run_files};
use crate::diag::{Format, render};
use crate::model::{check, fleet};

#[test]
fn the_root_says_what_clusters_there_are() {
    let cluster = |name: &str, octet: u8| {
        format!(
            "{{name: {name}, hosts: {{{name}1: {{address: 10.0.{octet}.1}}}}, rabbitmq: {{version: 4.1.4, cookie: {{secret: c}}}}}}"
        )
    };
    let (a, b) = (cluster("a", 1), cluster("b", 2));
    let names = |text: &str| -> Vec<String> {
        let checked = run(text);
        assert_eq!(brief(&checked), "", "{text}");
        checked.model.expect("sound").clusters.iter().map(|cluster| cluster.name.value.to_string()).collect()
    };
    assert_eq!(names(&format!("version: 1\nclusters: [{b}, {a}]\n")), ["a", "b"]);
    assert_eq!(names(&format!("version: 1\nclusters:\n  a: {a}\n  b: {b}\n")), ["a", "b"]);
    assert_eq!(names(&format!("version: 1\nclusters:\n  a: {}\n", a.replace("name: a, ", ""))), ["a"]);
    let fault = |text: &str| brief(&run(text));
    assert_eq!(fault("version: 1\n"), "empty-list: the spec has no clusters\n");
    assert_eq!(fault(""), ":1 empty-document: the file is empty\n");
    assert_eq!(
        fault(&format!("version: 1\nmore: 1\ncluster: {}\n", a.replace("10.0.1.1", "x"))),
        ":2 unknown-field: unknown field `more`\n:3 invalid-address: `x` is not an IP address\n"
    );
    assert_eq!(fault("version: 2\n"), ":1 unsupported-version: the spec has version 2; this rmqgit reads version 1\n");
    assert_eq!(
        fault("version: 1\nclusters: 5\n"),
        ":2 wrong-type: `clusters` is neither a mapping nor a list\nempty-list: the spec has no clusters\n"
    );
    assert_eq!(
        fault(&format!("version: 1\nclusters:\n  b: {a}\n")),
        ":3 :3 name-mismatch: the cluster is named `a`, but stands under `b`\n"
    );
    assert_eq!(
        fault(&format!("version: 1\ncluster: {}\n", a.replace("name: a, ", ""))),
        "missing-field: the cluster has no name\n"
    );
    assert_eq!(
        fault(&format!("version: 1\ninclude: ../x/*.yaml\ncluster: {a}\n")),
        ":2 invalid-value: `../x/*.yaml` is not a pattern of included files\n"
    );
    assert_eq!(
        fault(&format!("version: 1\npublish: {{branch: refs/heads/x}}\ncluster: {a}\n")),
        ":2 invalid-value: `refs/heads/x` is not the name of a branch\n"
    );
}

#[test]
fn defaults_stand_under_profiles_under_clusters() {
    let root = "version: 1
defaults:
  rabbitmq: {version: 3.13.7, cookie: {secret: c}, port: 5680, config: {heartbeat: 10, a: 1}}
profiles:
  new: {rabbitmq: {version: 4.1.4, config: {heartbeat: 20}}}
";
    let body = "hosts: {h1: {address: 10.0.0.1}}\nrabbitmq: {config: {b: 2}}\n";
    let cluster = one(run_files(&[("rmqgit.yaml", root), ("clusters/x.yaml", &format!("profile: new\n{body}"))]));
    let config: Vec<String> = cluster.broker.config.iter().map(|(key, at)| format!("{key}={:?}", at.value)).collect();
    assert_eq!(config, ["heartbeat=Int(20)", "a=Int(1)", "b=Int(2)"]);
    assert_eq!((cluster.name.as_str(), cluster.broker.port.value, cluster.broker.version.value.major), ("x", 5680, 4));
    let wrong = [("rmqgit.yaml", root), ("clusters/x.yaml", "profile: nwe\nhosts: {}\n")];
    assert_eq!(brief(&run_files(&wrong)), "clusters/x.yaml:1 unknown-profile: there is no profile `nwe`\n");
    let wrong = [("rmqgit.yaml", root), ("clusters/y.yaml", &format!("name: x\n{body}"))];
    assert_eq!(
        brief(&run_files(&wrong)),
        "clusters/y.yaml:1 name-mismatch: the cluster is named `x`, but stands under `y`\n"
    );
}

#[test]
fn a_fault_in_a_default_is_reported_once_where_it_stands() {
    let root = "version: 1
defaults:
  rabbitmq: {version: 3.13.7, cookie: {secret: c}, prot: 5680, erlang: new}
";
    let body = |octet: u8| format!("hosts: {{h{octet}: {{address: 10.0.0.{octet}}}}}\n");
    let checked = run_files(&[("rmqgit.yaml", root), ("clusters/x.yaml", &body(1)), ("clusters/y.yaml", &body(2))]);
    insta::assert_snapshot!(render(&checked.diags, &checked.sources, Format::Text, false, 110));
}

#[test]
fn clusters_of_a_fleet_are_distinct() {
    let cluster = |name: &str, hosts: &str, vip: &str, id: u8| {
        let text = format!(
            "name: {name}\nhosts: {{{hosts}}}\nrabbitmq: {{version: 4.1.4, cookie: {{secret: c}}}}\nhaproxy: {{}}\nkeepalived: {{interface: eth0, vip: {vip}, virtual_router_id: {id}}}\n"
        );
        (format!("clusters/{name}.yaml"), text)
    };
    let fleet = |clusters: &[(String, String)]| {
        let root = ("rmqgit.yaml".to_owned(), "version: 1\n".to_owned());
        let files: BTreeMap<_, _> =
            clusters.iter().chain([&root]).map(|(path, text)| (path.clone(), text.clone().into_bytes())).collect();
        check(&files)
    };
    let first = cluster("a", "a1: {address: 10.0.0.1}", "10.0.0.9/24", 51);
    let check_with = |second: (String, String)| brief(&fleet(&[first.clone(), second]));
    assert_eq!(check_with(cluster("b", "b1: {address: 10.0.0.2}", "10.0.0.8/24", 52)), "");
    assert_eq!(check_with(cluster("b", "b1: {address: 10.0.0.2}", "10.0.1.8/24", 51)), "");
    assert_eq!(
        check_with(cluster("b", "b1: {address: 10.0.0.1}", "10.0.0.8/24", 52)),
        "clusters/b.yaml:2 clusters/a.yaml:2 duplicate-address: `a1` of `a` and `b1` of `b` have the same address `10.0.0.1`\n"
    );
    assert_eq!(
        check_with(cluster("b", "b1: {address: 10.0.0.9}", "10.0.0.8/24", 52)),
        "clusters/b.yaml:2 clusters/a.yaml:5 duplicate-address: a virtual address of `a` and `b1` of `b` have the same address `10.0.0.9`\n"
    );
    assert_eq!(
        check_with(cluster("b", "b1: {address: 10.0.0.2}", "10.0.0.8/24", 51)),
        "clusters/b.yaml:5 clusters/a.yaml:5 duplicate-virtual-router-id: the clusters `a` and `b` both have the `virtual_router_id` 51 on `10.0.0.0/24`\n"
    );
    let dotted = |name: &str, address: &str, vip: &str, id| {
        cluster(name, &format!("mq.example.org: {{address: {address}}}"), vip, id)
    };
    assert_eq!(
        brief(&fleet(&[dotted("a", "10.0.0.1", "10.0.0.9", 1), dotted("b", "10.0.0.2", "10.0.0.8", 2)])),
        "clusters/b.yaml:2 clusters/a.yaml:2 duplicate-host: the clusters `a` and `b` both have the host `mq.example.org`\n"
    );
}

#[test]
fn stored_facts_name_the_file() {
    let facts = |name: &str| {
        let text = format!(
            "version: 1\ncluster: {{name: {name}, hosts: {{h: {{address: 10.0.0.1}}}}, rabbitmq: {{version: 4.1.4, cookie: {{secret: c}}}}}}\n"
        );
        fleet::Facts::of(&one(run(&text)), "rmqgit.yaml")
    };
    let stored = serde_json::to_string(&facts("a")).expect("facts are JSON");
    assert_eq!(
        stored,
        r#"{"source":"rmqgit.yaml","cluster":"a","h":[{"n":"h","a":"10.0.0.1"}],"p":{"version":"4.1.4","nodes":["rabbit@h"],"hosts":["h"]},"k":"c"}"#
    );
    let read: fleet::Facts = serde_json::from_str(&stored).expect("facts again");
    let messages: Vec<_> =
        fleet::check([&read, &facts("b")]).into_iter().map(|diag| (diag.message, diag.labels.len())).collect();
    let said = "`h` of `a` and `h` of `b` have the same address `10.0.0.1` (first given in `rmqgit.yaml`)";
    assert_eq!(messages, [(said.to_owned(), 1)]);
}
