//! What brokers of four generations said: `fixtures/brokers/` holds their answers, without what nobody reads.

use serde_json::json;

use super::*;

const NODE: &str = "rabbit@rabbit1";

fn recorded(version: &str) -> Value {
    let path = format!("{}/fixtures/brokers/{version}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).expect("it is JSON")
}

/// Returns an object as text, with what is not printed elsewhere.
fn shown(objects: &LiveDefinitions) -> Vec<String> {
    objects.0.iter().map(|(id, object)| format!("{id}: {}", object.canonical_json().as_str())).collect()
}

#[test]
fn both_doors_say_the_same() {
    for (version, erlang) in [("3.8.9", "23.2.6"), ("3.10.8", "25.2.3"), ("4.0.5", "27.3.4.1"), ("4.3.6", "29.1.2")] {
        let said = recorded(version);
        let (state, versions) = cluster_status(NODE, &said["cluster_status"]).expect(version);
        let expect = Versions { rabbitmq: Some(version.to_owned()), erlang: Some(erlang.to_owned()) };
        assert_eq!(versions, expect);
        assert_eq!(said["overview"]["rabbitmq_version"], version);
        assert_eq!(said["overview"]["erlang_version"], erlang);
        let name = said["overview"]["cluster_name"].as_str().expect("a name");
        assert_eq!(nodes(name, &said["nodes"]).expect(version), state, "{version}");
        let member = Member { kind: NodeKind::Disc, running: true, maintenance: false };
        assert_eq!(state.members, [(NODE.to_owned(), member)].into(), "{version}");
        let exported = definitions(&said["export_definitions"], None).expect(version);
        let asked = definitions(&said["definitions"], Some(&said["vhosts"])).expect(version);
        assert_eq!(shown(&exported), shown(&asked), "{version}");
        assert!(applications(NODE, &said["nodes"]).is_some_and(|names| names.contains("rabbitmq_federation")));
    }
}

#[test]
fn objects_are_read_whole() {
    let of = |version| shown(&definitions(&recorded(version)["export_definitions"], None).expect("definitions"));
    let hash = "H0YdPZfikAtGbWBlreM9Fd/QT9A7tIM+5GT91oknZM/nSVJv";
    let expect = |line: &str| {
        for version in ["3.10.8", "4.0.5", "4.3.6"] {
            assert!(of(version).contains(&line.to_owned()), "{version}: {line}\n{:#?}", of(version));
        }
    };
    expect(r#"vhost `orders`: ["Orders ✓",["a","prod"],"quorum"]"#);
    expect(&format!(r#"user `app`: [["custom","monitoring"],"{hash}","rabbit_password_hashing_sha256"]"#));
    expect(r#"limits of user `app`: {"max-connections":7}"#);
    expect(r#"limits of vhost `orders`: {"max-queues":50}"#);
    expect(r#"permission `app` of `orders`: {"configure":"","read":".*","write":"^a\\."}"#);
    expect(r#"topic permission `app on tx` of `orders`: {"read":"r","write":"w"}"#);
    expect(r#"parameter `federation-upstream/up` of `orders`: {"expires":3600000,"uri":"amqp://u:secret@h"}"#);
    expect(r#"global parameter `glob`: {"a":[1,2.5,"x"],"b":1}"#);
    expect(r#"policy `p1` of `orders`: ["^q","queues",3,{"dead-letter-exchange":"dead","max-length":1000}]"#);
    expect(r#"operator policy `op` of `orders`: ["^q","queues",1,{"max-length":100}]"#);
    let own = of("4.3.6").into_iter().filter(|line| line.contains("cluster_") || line.contains("internal"));
    assert_eq!(own.count(), 0, "what the broker keeps for itself is not read");
}

#[test]
fn queues_and_applications_come_in_base64() {
    let queue =
        json!({ "vhost": "/", "name": "q", "type": "rabbit_quorum_queue", "policy": "p", "operator_policy": null });
    let limits = json!({ "mem_limit": "infinity", "disk_free_limit": 50_000_000, "net_ticktime": 60 });
    let facts = json!({ "applications": ["rabbit"], "queues": [queue], "limits": limits }).to_string();
    let encoded = STANDARD.encode(facts);
    let (head, tail) = encoded.split_at(20);
    let facts = evaluated(format!("<<\"{head}\"\n  \"{tail}\">>\n").as_bytes()).expect("facts");
    let queue = Queue { kind: "quorum".to_owned(), policy: Some("p".to_owned()), operator_policy: None };
    let name = QueueName { vhost: "/".to_owned(), name: "q".to_owned() };
    let expected = [("mem_limit", "infinity"), ("disk_free_limit", "50000000"), ("net_ticktime", "60")];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    assert_eq!(
        facts,
        Facts { queues: Queues([(name, queue)].into()), applications: ["rabbit".to_owned()].into(), limits: expected }
    );
}

#[test]
fn a_cluster_in_trouble() {
    let status = json!({
        "cluster_name": "c", "disk_nodes": ["a@h", "b@h"], "ram_nodes": ["r@h"], "running_nodes": ["a@h"],
        "maintenance_status": { "a@h": "\u{1b}[35mmarked for maintenance\u{1b}[0m", "b@h": "not under maintenance" },
        "partitions": { "a@h": ["b@h"] },
        "alarms": [{ "node": "a@h", "resource": "memory", "type": "resource_limit" }],
        "versions": { "a@h": { "rabbitmq_version": "3.10.8", "erlang_version": "25.2.3" } },
    });
    let (state, versions) = cluster_status("b@h", &status).expect("a state");
    assert_eq!(versions, Versions::default(), "a node that does not run tells no version");
    let of_api = json!([
        { "name": "a@h", "type": "disc", "running": true, "being_drained": true, "mem_alarm": true, "partitions": ["b@h"] },
        { "name": "b@h", "type": "disc", "running": false, "partitions": [] },
        { "name": "r@h", "type": "ram", "running": false },
    ]);
    assert_eq!(nodes("c", &of_api).expect("a state"), state);
    assert_eq!(state.alarms, ["memory on a@h".to_owned()].into());
    assert!(cluster_status("a@h", &json!({ "error": "x" })).is_err());
    assert!(definitions(&json!({ "vhosts": [] }), None).is_err(), "what is left out is not empty");
}
