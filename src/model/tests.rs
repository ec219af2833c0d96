//! Whole specs against what they resolve to, and against everything that is wrong with them.

use std::fmt::Write as _;

use super::{Checked, Cluster, check};
use crate::diag::{Format, render};

mod fleet;
mod maintenance;

/// A sound cluster, by the lines that a case changes.
const SOUND: &str = "version: 1
cluster:
  name: orders
  hosts:
    rabbit1: {address: 10.0.0.1, interface: eth0}
    rabbit2: {address: 10.0.0.2, interface: eth0}
    rabbit3: {address: 10.0.0.3}
  rabbitmq:
    version: 3.10.8
    cookie: {secret: cookie}
    plugins: [rabbitmq_management]
    RABBITMQ
  haproxy:
    hosts: [rabbit1, rabbit2]
    HAPROXY
  keepalived:
    vip: 10.0.0.9
    virtual_router_id: 51
    KEEPALIVED
";

/// Makes a spec of [`SOUND`] with a line added to each section.
fn spec(rabbitmq: &str, haproxy: &str, keepalived: &str) -> String {
    SOUND.replace("RABBITMQ", rabbitmq).replace("HAPROXY", haproxy).replace("KEEPALIVED", keepalived)
}

/// Checks one `rmqgit.yaml`.
fn run(spec: &str) -> Checked {
    run_files(&[("rmqgit.yaml", spec)])
}

fn run_files(files: &[(&str, &str)]) -> Checked {
    check(&files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect())
}

/// Writes diagnostics as one line each: the lines of their labels, the code, the message.
fn brief(checked: &Checked) -> String {
    let mut text = String::new();
    for diag in &checked.diags {
        for label in &diag.labels {
            let name = checked.sources.name(label.span.file).trim_start_matches("rmqgit.yaml");
            write!(text, "{name}:{} ", checked.sources.position(label.span.file, label.span.start).line)
                .expect("writing to a string");
        }
        writeln!(text, "{}: {}", diag.code, diag.message).expect("writing to a string");
    }
    assert_eq!(checked.model.is_some(), text.is_empty(), "a spec has a model or a fault:\n{text}");
    text
}

fn one(checked: Checked) -> Cluster {
    assert_eq!(brief(&checked), "");
    let mut clusters = checked.model.expect("a sound spec has a model").clusters;
    assert_eq!(clusters.len(), 1);
    clusters.remove(0)
}

/// Holds what is wrong with a line of a section against what is expected.
fn faults(cases: &[(&str, &str)], make: impl Fn(&str) -> String) {
    for (line, expect) in cases {
        assert_eq!(brief(&run(&make(line))), *expect, "{line}");
    }
}

#[test]
fn the_tutorial_is_resolved_with_its_defaults() {
    let cluster = one(run(include_str!("../../fixtures/tutorial/rmqgit.yaml")));
    let place = r"(?s)\n *place: Place \{\s*used: Span \{[^}]*\},\s*defined: None,\s*\},";
    insta::with_settings!({ filters => [(place, "")] }, { insta::assert_debug_snapshot!(cluster) });
}

#[test]
fn all_faults_are_found_in_one_run() {
    let checked = run(include_str!("../../fixtures/broken/rmqgit.yaml"));
    insta::assert_snapshot!(render(&checked.diags, &checked.sources, Format::Text, false, 110));
}

#[test]
fn what_is_missing_is_found_beside_what_cannot_be_read() {
    let wrong = "    port: many\n";
    let sound = spec("users: {app: {}}", "stats: {user: admin}", "nopreempt: false");
    let missing =
        ["missing-password: the user `app` has no password", "missing-field: the statistics page has no `password`"];
    for text in [sound.clone(), sound.replace("  haproxy:\n", &format!("{wrong}  haproxy:\n"))] {
        let said = brief(&run(&text));
        assert!(missing.iter().all(|fault| said.contains(fault)), "{text}{said}");
        assert_eq!(said.lines().count(), if text.contains("many") { 3 } else { 2 }, "{said}");
    }
}

#[test]
fn what_may_only_seem_to_be_missing_is_not_found() {
    for (rabbitmq, haproxy, keepalived, fault) in [
        ("users: {app: {pasword: {secret: app}}}", "", "", "unknown-field: unknown field `pasword`"),
        ("users: {app: {password: [secret]}}", "", "", "wrong-type"),
        ("", "stats: {user: admin, pass: {secret: stats}}", "", "unknown-field: unknown field `pass`"),
        ("", "stats: {user: admin, password: 5}", "", "plain-text-secret"),
        ("", "", "instances: 5", "wrong-type"),
    ] {
        let keepalived = spec(rabbitmq, haproxy, keepalived);
        let text = if keepalived.contains("instances") {
            keepalived.replace("    vip: 10.0.0.9\n    virtual_router_id: 51\n", "")
        } else {
            keepalived
        };
        let said = brief(&run(&text));
        assert!(said.contains(fault) && said.lines().count() == 1, "{text}{said}");
    }
}

#[test]
fn hosts_are_distinct() {
    let make = |hosts: &str| {
        format!(
            "version: 1\ncluster:\n  name: a\n  hosts: {hosts}\n  rabbitmq: {{version: 3.10.8, cookie: {{secret: c}}}}\n"
        )
    };
    faults(
        &[
            ("{a: {address: 10.0.0.1}, b: {address: 10.0.0.2}}", ""),
            ("{}", ":3 empty-list: the cluster has no hosts\n"),
            (
                "{a: {address: 10.0.0.1}, b: {address: 10.0.0.1}}",
                ":4 :4 duplicate-address: `a` and `b` have the same address `10.0.0.1`\n",
            ),
            (
                "{a: {address: 10.0.0.1}, A: {address: 10.0.0.2}}",
                ":4 :4 duplicate-host: `A` names two hosts, or one host twice\n",
            ),
            (
                "{a: {address: 10.0.0.1, aliases: [b]}, b: {address: 10.0.0.2}}",
                ":4 :4 duplicate-host: `b` names two hosts, or one host twice\n",
            ),
            ("{a: {address: 127.0.0.1}}", ":4 invalid-address: `127.0.0.1` cannot be the address of a host\n"),
            ("{a: {address: rabbit1.example.org}}", ":4 invalid-address: `rabbit1.example.org` is not an IP address\n"),
            (
                "{a: {address: 10.0.0.1, interface: \"eth0 up\"}}",
                ":4 invalid-value: `eth0 up` is not the name of a network interface\n",
            ),
            (
                "{a_b-: {address: 10.0.0.1}}",
                ":4 invalid-value: `a_b-` is not a valid host name: a label neither starts nor ends with `-`\n",
            ),
        ],
        make,
    );
}

#[test]
fn brokers_are_consistent() {
    faults(
        &[
            ("nodes: [rabbit2, rabbit1]", ""),
            ("nodes: [rabbit1, {host: rabbit2, type: ram, name: mq@rabbit2}]", ""),
            ("nodes: []", ":9 empty-list: `rabbitmq.nodes` is empty\n"),
            ("nodes: [rabbit1, rabit2]", ":12 unknown-host: there is no host `rabit2`\n"),
            ("nodes: [rabbit1, rabbit1]", ":12 :12 duplicate-definition: the node on `rabbit1` is given twice\n"),
            (
                "nodes: [{host: rabbit1, type: ram}, rabbit2]",
                ":12 ram-node: the first node, on `rabbit1`, is a RAM node\n",
            ),
            (
                "nodes: [{host: rabbit1, name: rabbit@other}]",
                ":12 invalid-value: the node name `rabbit@other` does not name its host `rabbit1`\n",
            ),
            ("nodes: [{host: rabbit1, name: rabbit1}]", ":12 invalid-value: `rabbit1` is not the name of a node\n"),
            (
                "long_names: true",
                ":5 invalid-value: Erlang refuses the node name `rabbit@rabbit1` with long names on\n:6 invalid-value: Erlang refuses the node name `rabbit@rabbit2` with long names on\n:7 invalid-value: Erlang refuses the node name `rabbit@rabbit3` with long names on\n",
            ),
            ("erlang: \"25\"", ""),
            ("erlang: 25.x", ":12 invalid-version: `25.x` is not a version of Erlang/OTP\n"),
            ("port: 50000", ":12 out-of-range: the port of Erlang distribution would be 70000, beyond 65535\n"),
            ("port: 0", ":12 out-of-range: the port is `0`, outside 1 to 65535\n"),
            ("open_files: 100", ":12 out-of-range: the limit of open files is `100`, outside 1024 to 1048576\n"),
            ("advanced_config: \"[{rabbit, []}].\"", ""),
            (
                "advanced_config: \"{rabbit, []}\"",
                ":12 invalid-value: `advanced_config` is not one list of Erlang terms\n",
            ),
            ("env: {NODENAME: rabbit@a}", ":12 managed-variable: `NODENAME` is written from another field\n"),
            (
                "env: {LOG_BASE: /a, RABBITMQ_LOG_BASE: /b}",
                ":12 :12 duplicate-definition: the variable `LOG_BASE` is given twice\n",
            ),
            ("env: {\"A;B\": x}", ":12 invalid-value: `A;B` is not a variable of rabbitmq-env.conf\n"),
            ("config: {\"a b\": 1}", ":12 invalid-value: `a b` is not a key of rabbitmq.conf\n"),
            (
                "config: {ssl_options.password: x}",
                ":12 plain-text-secret: the value of `ssl_options.password` stands in the spec as plain text\n",
            ),
            ("config: {ssl_options.password: {secret: x}}", ""),
            (
                "config: {motd_file: \"a\\nb\"}",
                ":12 invalid-value: the value of `motd_file` holds a control character\n",
            ),
        ],
        |line| spec(line, "", ""),
    );
}

#[test]
fn definitions_hold_together() {
    faults(
        &[
            ("users: {a: {password: {secret: x}, permissions: {/: all}}}", ""),
            ("users: {a: {password_hash: \"\"}}", ""),
            (
                "users: {a: {password: 12}}",
                ":12 plain-text-secret: the password of `a` stands in the spec as plain text\n",
            ),
            (
                "users: {a: {password_hash: AAAA}}",
                ":12 invalid-value: the password hash is not one of `rabbit_password_hashing_sha256`\n",
            ),
            (
                "users: {a: {password: {secret: x}, permissions: {v: all}}}",
                ":12 unknown-vhost: there is no vhost `v`\n",
            ),
            (
                "users: {a: {password: {secret: x}, topic_permissions: {v: {}}}}",
                ":12 unknown-vhost: there is no vhost `v`\n",
            ),
            (
                "policies: [{name: a, vhost: v, pattern: a, definition: {expires: 1}}]",
                ":12 unknown-vhost: there is no vhost `v`\n",
            ),
            (
                "policies: [{name: a, pattern: a, definition: {}}]",
                ":12 empty-list: the definition of the policy `a` is empty\n",
            ),
            ("policies: [{name: a, pattern: a}]", ":12 missing-field: `policies[0]`: missing field `definition`\n"),
            (
                "vhosts: {v: {}}\n    policies: [{name: a, pattern: a, definition: {expires: 1}}]",
                ":13 unknown-vhost: there is no vhost `/`\n",
            ),
            (
                "parameters: [{component: shovel, name: s, value: {src-uri: [\"amqp://a@b\", \"amqp://a:b@c/%2f\"]}}]",
                ":12 plain-text-secret: the password of `src-uri` stands in the spec as plain text\n",
            ),
            ("parameters: [{component: shovel, name: s, value: {src-uri: {secret: uri}}}]", ""),
            (
                "global_parameters: {a: {secret: x, more: y}}",
                ":12 invalid-value: `secret` in a value does not name a secret\n",
            ),
            ("prune: [vhosts]", ":12 unknown-value: `prune[0]`: unknown value `vhosts`\n"),
        ],
        |line| spec(line, "", ""),
    );
}

#[test]
fn balancers_are_consistent() {
    faults(
        &[
            ("amqp: {weights: {rabbit1: 10}, backup: [rabbit3]}", ""),
            (
                "amqp: {servers: [rabbit1], weights: {rabbit2: 10}}",
                ":15 host-without-role: the host `rabbit2` is not among the `servers` of this front\n",
            ),
            ("amqp: {backup: [rabbit9]}", ":15 unknown-host: there is no host `rabbit9`\n"),
            ("amqp: {servers: [rabbit9]}", ":15 unknown-host: there is no host `rabbit9`\n"),
            ("amqp: {weights: {rabbit1: 300}}", ":15 out-of-range: the weight is `300`, outside 0 to 256\n"),
            (
                "amqp: {port: 5672}",
                ":15 :9 port-clash: RabbitMQ's AMQP listener and HAProxy's AMQP front both listen on port 5672 of `rabbit1`\n",
            ),
            (
                "amqp: {bind: \"10.0.0.9:5672\"}",
                ":15 :9 port-clash: RabbitMQ's AMQP listener and HAProxy's AMQP front both listen on port 5672 of `rabbit1`\n",
            ),
            ("amqp: {bind: \"10.0.0.9:5673\"}", ""),
            (
                "amqp: {bind: \"10.0.0.1:5673\"}",
                ":15 :5 foreign-bind: HAProxy cannot listen on `10.0.0.1` on `rabbit2`\n",
            ),
            (
                "amqp: {port: 5673, bind: \"*:5673\"}",
                ":15 :15 conflicting-fields: `port` and `bind` exclude each other\n",
            ),
            ("amqp: {check: {type: tcp, uri: /}}", ":15 :15 conflicting-fields: `type` and `uri` exclude each other\n"),
            ("amqp: {check: {uri: x}}", ":15 invalid-value: `x` is not the path of a page\n"),
            ("amqp: {check: {inter: \"5\"}}", ":15 invalid-duration: `5` is not a time\n"),
            ("amqp: {balance: hdr(User-Agent)}", ""),
            ("amqp: {balance: fastest}", ":15 invalid-value: `fastest` is not an algorithm of HAProxy\n"),
            (
                "health_port: 4369",
                ":15 :5 port-clash: epmd and HAProxy's health page both listen on port 4369 of `rabbit1`\n",
            ),
            ("stats: {user: a}", ":15 missing-field: the statistics page has no `password`\n"),
            ("stats: {user: \"a:b\", password: {secret: x}}", ":15 invalid-value: the user `a:b` holds a `:`\n"),
            (
                "stats: {user: a, password: b}",
                ":15 plain-text-secret: the password of the statistics page stands in the spec as plain text\n",
            ),
            ("extra: {global: \"a\\u0000b\"}", ":9 invalid-value: an added line holds a control character\n"),
        ],
        |line| spec("", line, ""),
    );
}

#[test]
fn bind_addresses_keep_listeners_apart() {
    let listeners =
        |config: &str| brief(&run(&spec(&format!("config: {config}"), "amqp: {bind: \"10.0.0.9:5672\"}", "")));
    let clash =
        ":15 :12 port-clash: RabbitMQ's AMQP listener and HAProxy's AMQP front both listen on port 5672 of `rabbit1`\n";
    assert_eq!(listeners("{listeners.tcp.local: \"127.0.0.1:5672\"}"), "");
    assert_eq!(listeners("{listeners.tcp: none}"), "");
    assert_eq!(listeners("{listeners.tcp.default: 5672}"), clash);
    assert_eq!(listeners("{listeners.tcp.a: \"0.0.0.0:5672\"}"), clash);
}

#[test]
fn the_management_page_needs_its_plugin() {
    let text = spec("", "management: {port: 15673}", "").replace("plugins: [rabbitmq_management]", "plugins: []");
    assert_eq!(
        brief(&run(&text)),
        ":15 missing-plugin: the management page has a front, but no node serves the page\n"
    );
}

#[test]
fn virtual_addresses_can_move() {
    faults(
        &[
            ("nopreempt: true", ""),
            (
                "hosts: [rabbit1, rabbit3]",
                ":19 host-without-role: the host `rabbit3` runs no HAProxy\n:7 missing-interface: Keepalived runs on `rabbit3`, whose interface is not known\n",
            ),
            ("vips: [10.0.0.8]", ":19 :17 conflicting-fields: `vip` and `vips` exclude each other\n"),
            ("vrrp_version: 3\n    auth: {secret: x}", ":20 vrrp-auth: VRRP version 3 has no authentication\n"),
            ("auth: \"1111\"", ":19 plain-text-secret: the password of VRRP stands in the spec as plain text\n"),
            (
                "nopreempt: true\n    preempt_delay: 5",
                ":20 :19 conflicting-fields: `nopreempt` and `preempt_delay` exclude each other\n",
            ),
            ("priorities: {rabbit1: 0}", ":19 out-of-range: the priority is `0`, outside 1 to 254\n"),
            ("priorities: {rabbit3: 10}", ":19 host-without-role: the host `rabbit3` is not in this instance\n"),
            ("check: {weight: -1}", ":18 out-of-range: 2 hosts do not fit between two weights of `-1`\n"),
            ("advert_int: 0", ":19 out-of-range: `advert_int` is `0`, outside 1 to 255\n"),
            ("mail: {to: [ops], from: a@b, server: 10.0.0.5}", ":19 invalid-value: `ops` is not a mail address\n"),
            (
                "mail: {to: [a@b], from: a@b, server: \"mx:smtp\"}",
                ":19 invalid-value: `mx:smtp` is not a mail server\n",
            ),
        ],
        |line| spec("", "", line),
    );
    let vip = |from: &str, to: &str| brief(&run(&spec("", "", "").replace(from, to)));
    assert_eq!(
        vip("vip: 10.0.0.9", "vip: 10.0.0.3"),
        ":17 :7 duplicate-address: the virtual address `10.0.0.3` is taken\n"
    );
    assert_eq!(
        vip("vip: 10.0.0.9", "vip: 10.0.0.9/40"),
        ":17 invalid-address: `10.0.0.9/40` is not an IP address, with or without a prefix\n"
    );
    assert_eq!(
        vip("vip: 10.0.0.9", "vip: 2001:db8::9"),
        ":17 :5 address-family: `rabbit1` cannot announce `2001:db8::9`\n"
    );
    assert_eq!(vip("vip: 10.0.0.9", "vips: []"), ":18 missing-field: the VRRP instance has no virtual address\n");
    assert_eq!(vip("virtual_router_id: 51", ""), ":17 missing-field: `keepalived` has no `virtual_router_id`\n");
    assert_eq!(
        vip("virtual_router_id: 51", "virtual_router_id: 0"),
        ":18 out-of-range: `virtual_router_id` is `0`, outside 1 to 255\n"
    );
}

#[test]
fn priorities_let_every_healthy_host_win() {
    let priorities = |text: &str| -> Vec<u8> {
        let cluster = one(run(text));
        cluster.vip.expect("it has one").instances[0].members.iter().map(|member| member.priority.value).collect()
    };
    assert_eq!(priorities(&spec("", "", "")), [150, 140]);
    let three = |check: &str| {
        spec("", "", &format!("interface: eth0\n    check: {{{check}}}"))
            .replace("[rabbit1, rabbit2]", "[rabbit1, rabbit2, rabbit3]")
    };
    assert_eq!(priorities(&three("")), [150, 141, 132]);
    assert_eq!(priorities(&three("weight: 0")), [150, 140, 130]);
    assert_eq!(priorities(&spec("", "", "priorities: {rabbit1: 101, rabbit2: 100}")), [101, 100]);
}

#[test]
fn the_health_check_is_the_best_of_the_version() {
    let check = |version: &str, plugins: &str| {
        let text = spec("", "", "").replace("3.10.8", version).replace("[rabbitmq_management]", plugins);
        format!("{:?}", one(run(&text)).balancer.expect("it has one").amqp.check.kind)
    };
    let page = "Http { port: Some(15672), uri: \"/api/health/checks/ready-to-serve-clients\", status: 200 }";
    assert_eq!(check("4.1.1", "[rabbitmq_management]"), page);
    assert_eq!(check("4.1.1", "[]"), "Tcp");
    assert_eq!(check("4.1.0", "[rabbitmq_management]"), "Tcp");
}
