//! A review for the tests of its renderings: something of every kind, in words that a test can choose.

use super::diff::{Attribute, Kind};
use super::picture::{Arrow, Layer, LayerKind, Line, Mark, Station, Topology};
use super::{
    Class, ClusterReview, Consequence, Counts, FileChange, HostId, LiveHost, LiveKind, LiveNote, Note, ObjectChange,
    PolicyChange, PolicyTarget, Review, SecretChange, ServiceChange, SettingChange, Side, Transition, TransitionKind,
};
use crate::name::{ClusterName, HostName, SecretRef, UnitName};
use crate::release::OnChange;

/// Makes a text of the review from the one that stands there usually.
pub(super) type Say<'a> = &'a dyn Fn(&str) -> String;

/// Returns the usual words.
pub(super) fn usual() -> Review {
    review(&str::to_owned)
}

/// Returns the review with other words wherever a spec, a commit or a report may bring its own.
pub(super) fn review(say: Say<'_>) -> Review {
    let live = LiveHost {
        host: id("orders", "rabbit2"),
        at: Some(say("2026-11-22T20:00:00Z")),
        verdict: None,
        notes: vec![LiveNote {
            kind: LiveKind::Overwrites,
            subject: None,
            text: format!("somebody changed `{}` by hand; merging overwrites it", say("/etc/haproxy/haproxy.cfg")),
        }],
    };
    Review {
        format: super::FORMAT,
        base: side(say, "main", "1f431cd0a1b2"),
        head: side(say, "four-nodes", "54f067c9d8e7"),
        diverged: None,
        class: Class::Transition,
        loses_data: true,
        headline: format!("RabbitMQ restarts on 3 nodes, one at a time; policy `{}` drops messages", say("ttl")),
        counts: Counts { clusters: 2, changed: 4, added: 1, removed: 1 },
        clusters: vec![orders(say), billing(say)],
        live: vec![live],
    }
}

/// Returns a review in which the same happens in many clusters.
pub(super) fn fleet(clusters: usize) -> Review {
    let mut review = usual();
    review.clusters.truncate(1);
    let one = &mut review.clusters[0];
    let name = |n: usize| format!("c{n:05}");
    one.clusters = (0..clusters).map(|n| ClusterName::parse(&name(n)).expect("valid")).collect();
    one.hosts = (0..clusters).flat_map(|n| ["rabbit1", "rabbit2", "rabbit3"].map(|host| id(&name(n), host))).collect();
    let all = one.hosts.clone();
    one.consequences.iter_mut().for_each(|one| one.hosts.clone_from(&all));
    one.services.iter_mut().for_each(|one| one.hosts.clone_from(&all));
    one.files.iter_mut().for_each(|one| one.hosts.clone_from(&all));
    review
}

fn id(cluster: &str, host: &str) -> HostId {
    HostId { cluster: ClusterName::parse(cluster).expect("valid"), host: HostName::parse(host).expect("valid") }
}

fn side(say: Say<'_>, rev: &str, commit: &str) -> Side {
    Side { rev: say(rev), commit: Some(commit.to_owned()), subject: Some(say("Four nodes")), release: false }
}

fn setting(say: Say<'_>, key: &str, from: Option<&str>, to: Option<&str>) -> SettingChange {
    SettingChange { key: say(key), from: from.map(say), to: to.map(say) }
}

fn orders(say: Say<'_>) -> ClusterReview {
    let hosts = ["rabbit1", "rabbit2", "rabbit3"].map(|host| id("orders", host)).to_vec();
    let consequence = |class, text: String, hosts: &[HostId]| Consequence {
        class,
        loses_data: class == Class::Transition,
        text,
        hosts: hosts.to_vec(),
    };
    ClusterReview {
        clusters: vec![ClusterName::parse("orders").expect("valid")],
        kind: Kind::Modified,
        hosts: hosts.clone(),
        added: Vec::new(),
        removed: Vec::new(),
        class: Class::Transition,
        loses_data: true,
        consequences: vec![
            consequence(
                Class::Transition,
                format!("queue messages are dropped after 1 h: policy `{}` now wins over `ha-all`", say("ttl")),
                &[],
            ),
            consequence(
                Class::Rolling,
                "RabbitMQ restarts on 3 nodes, one at a time; clients of one node reconnect".to_owned(),
                &hosts,
            ),
            consequence(Class::Reload, "HAProxy reloads; open connections stay".to_owned(), &hosts[..2]),
        ],
        transitions: vec![
            Transition {
                kind: TransitionKind::Cookie,
                text: format!("the nodes take another Erlang cookie, `{}`", say("erlang-cookie")),
                grant: Some(say("change-cookie")),
                granted: false,
                perhaps: false,
                hosts: hosts.clone(),
            },
            Transition {
                kind: TransitionKind::Vhost,
                text: format!("the virtual host `{}` is no longer in the release", say("old")),
                grant: None,
                granted: true,
                perhaps: false,
                hosts: Vec::new(),
            },
        ],
        policies: vec![PolicyChange {
            vhost: say("/"),
            operator: false,
            kind: PolicyTarget::QuorumQueues,
            before: Some(say("ha-all")),
            after: Some(say("ttl")),
            names: vec![say("orders.a"), say("orders.b")],
            settings: vec![setting(say, "message-ttl", None, Some("3600000"))],
            loses_data: true,
            text: String::new(),
        }],
        objects: vec![ObjectChange {
            object: "permission",
            name: format!("of `{}` in `/`", say("shop")),
            kind: Kind::Modified,
            settings: vec![setting(say, "write", Some("^shop\\."), Some(".*"))],
            text: String::new(),
        }],
        services: services(say, &hosts),
        secrets: vec![SecretChange {
            name: SecretRef::parse("erlang-cookie").expect("valid"),
            before: Some(say("3f2a")),
            after: Some(say("99bc")),
            used_for: vec![format!("the Erlang cookie of `{}`", say("orders"))],
            text: String::new(),
            hosts: hosts.clone(),
        }],
        files: files(say, &hosts),
        topology: Some(topology(say)),
    }
}

fn services(say: Say<'_>, hosts: &[HostId]) -> Vec<ServiceChange> {
    vec![
        ServiceChange {
            service: "rabbitmq",
            class: Class::Rolling,
            place: String::new(),
            setting: setting(say, "vm_memory_high_watermark.relative", Some("0.6"), Some("0.5")),
            text: String::new(),
            hosts: hosts.to_vec(),
        },
        ServiceChange {
            service: "haproxy",
            class: Class::Reload,
            place: say("listen amqp"),
            setting: setting(say, "balance", Some("leastconn"), Some("roundrobin")),
            text: String::new(),
            hosts: hosts[..2].to_vec(),
        },
    ]
}

fn files(say: Say<'_>, hosts: &[HostId]) -> Vec<FileChange> {
    let haproxy = UnitName::parse("haproxy.service").expect("valid");
    let diff = |lines: &[(&str, &str)]| -> String {
        let mut text = "@@ -3,4 +3,4 @@\n".to_owned();
        for (sign, line) in lines {
            // A diff of text has no line end within a line.
            text.extend([sign, say(line).replace('\n', " ").as_str(), "\n"]);
        }
        text
    };
    let file = |path: &str, class, hosts: &[HostId], diff: String| FileChange {
        hosts: hosts.to_vec(),
        path: say(path),
        kind: Kind::Modified,
        class,
        note: None,
        on_change: None,
        attributes: Vec::new(),
        similar: false,
        diff,
    };
    let watermark = diff(&[
        (" ", "listeners.tcp.default = 5672"),
        ("-", "vm_memory_high_watermark.relative = 0.6"),
        ("+", "vm_memory_high_watermark.relative = 0.5"),
        (" ", "# the end"),
    ]);
    let balance = diff(&[
        (" ", "    mode tcp"),
        ("-", "    balance leastconn"),
        ("+", "    balance roundrobin"),
        ("+", "    option tcp-smart-connect"),
    ]);
    vec![
        file("/etc/rabbitmq/rabbitmq.conf", Class::Rolling, hosts, watermark),
        FileChange {
            on_change: Some(OnChange::Reload(haproxy)),
            similar: true,
            ..file("/etc/haproxy/haproxy.cfg", Class::Reload, &hosts[..2], balance)
        },
        FileChange {
            note: Some(Note::Whitespace),
            ..file("/etc/hosts", Class::Nothing, hosts, diff(&[("-", "a  b"), ("+", "a b")]))
        },
        FileChange {
            note: Some(Note::MovedFrom(say("/etc/old.conf"))),
            attributes: vec![Attribute { name: "mode", from: "0644".to_owned(), to: "0600".to_owned() }],
            ..file("/etc/new.conf", Class::Live, &hosts[..1], String::new())
        },
    ]
}

fn billing(say: Say<'_>) -> ClusterReview {
    let hosts: Vec<HostId> = ["lb1", "mq4", "mq9"].map(|host| id("billing", host)).to_vec();
    ClusterReview {
        clusters: vec![ClusterName::parse("billing").expect("valid")],
        kind: Kind::Modified,
        added: vec![hosts[1].clone()],
        removed: vec![hosts[2].clone()],
        class: Class::Reload,
        loses_data: false,
        consequences: vec![Consequence {
            class: Class::Reload,
            loses_data: false,
            text: format!("HAProxy has the server `{}` in `{}`", say("mq4"), say("listen amqp")),
            hosts: hosts[..1].to_vec(),
        }],
        transitions: Vec::new(),
        policies: Vec::new(),
        objects: Vec::new(),
        services: Vec::new(),
        secrets: Vec::new(),
        files: files(say, &hosts).into_iter().skip(1).take(1).collect(),
        topology: None,
        hosts,
    }
}

fn topology(say: Say<'_>) -> Topology {
    let station = |id: &str, title: &str, lines: &[(&str, Mark)], mark| Station {
        id: id.to_owned(),
        title: say(title),
        lines: lines.iter().map(|(text, mark)| Line::new("port", say(text)).marked(*mark)).collect(),
        mark,
    };
    let kept = Mark::Kept;
    let balancer = station(
        "haproxy/a",
        "rabbit1",
        &[("priority 150", Mark::Removed), ("priority 90", Mark::Added)],
        Mark::Changed,
    );
    let layers = vec![
        Layer {
            kind: LayerKind::Clients,
            boxes: vec![station("clients", "clients", &[("AMQP 5673", kept)], kept)],
            notes: Vec::new(),
        },
        Layer { kind: LayerKind::Balancers, boxes: vec![balancer], notes: Vec::new() },
        Layer {
            kind: LayerKind::Brokers,
            boxes: vec![
                station("rabbitmq/a", "rabbit1", &[("192.168.1.219", kept)], kept),
                station("rabbitmq/b", "rabbit4", &[("192.168.1.223", kept)], Mark::Added),
            ],
            notes: vec![say("definitions")],
        },
    ];
    let arrow = |from: &str, to: &str, standby, mark| Arrow { from: from.to_owned(), to: to.to_owned(), standby, mark };
    let arrows = vec![
        arrow("clients", "haproxy/a", false, kept),
        arrow("haproxy/a", "rabbitmq/a", true, kept),
        arrow("haproxy/a", "rabbitmq/b", false, Mark::Added),
    ];
    Topology { cluster: ClusterName::parse("orders").expect("valid"), layers, arrows }
}
