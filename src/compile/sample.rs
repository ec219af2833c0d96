//! The tutorial's cluster as a model, for tests.

use indexmap::IndexMap;

use crate::definitions::Definitions;
use crate::diag::At;
use crate::facts::platform::Platform;
use crate::facts::version::Version;
use crate::model::{
    Balancer, Bind, Broker, CheckKind, Cluster, ConfigValue, Front, HealthCheck, Host, Instance, Keepalived, Member,
    Mode, Node, NodeKind, Server, Stats, TrackScript, Value,
};
use crate::name::{ClusterName, HostName, SecretRef};

/// Returns a value without a place.
pub(super) fn at<T>(value: T) -> At<T> {
    At::new(value, crate::diag::Place::default())
}

fn name(text: &str) -> HostName {
    HostName::parse(text).expect("a valid host name")
}

/// Returns a secret's name.
pub(super) fn secret(text: &str) -> SecretRef {
    SecretRef::parse(text).expect("a valid secret name")
}

const HOSTS: [(&str, &str); 3] =
    [("rabbit1", "192.168.1.219"), ("rabbit2", "192.168.1.220"), ("rabbit3", "192.168.1.221")];

/// Returns the cluster: three brokers, HAProxy and Keepalived on two of them.
pub(super) fn cluster() -> Cluster {
    let host = |(text, address): (&str, &str)| {
        let interface = (text != "rabbit3").then(|| "enp4s0f0".to_owned());
        let address = at(address.parse().expect("an address"));
        (name(text), Host { name: at(name(text)), address, interface, aliases: Vec::new(), ssh_host_key: None })
    };
    Cluster {
        rules: Vec::new(),
        name: at(ClusterName::parse("orders").expect("a valid cluster name")),
        platform: Platform::Debian,
        hosts: HOSTS.into_iter().map(host).collect(),
        operators: Vec::new(),
        broker: broker(),
        balancer: Some(balancer()),
        vip: Some(keepalived()),
        sysctl: IndexMap::new(),
        maintenance: None,
        grants: Vec::new(),
    }
}

fn broker() -> Broker {
    let node = |(host, _): (&str, &str)| Node {
        host: name(host),
        name: format!("rabbit@{host}"),
        kind: NodeKind::Disc,
        place: crate::diag::Place::default(),
    };
    let config = [
        ("cluster_partition_handling", ConfigValue::Text("pause_minority".to_owned())),
        ("vm_memory_high_watermark.relative", ConfigValue::Float("0.6".to_owned())),
        ("background_gc_enabled", ConfigValue::Bool(true)),
        ("heartbeat", ConfigValue::Int(30)),
    ];
    Broker {
        version: at(Version::new(3, 10, 8)),
        erlang: Some(at("25.2.3".to_owned())),
        nodes: HOSTS.into_iter().map(node).collect(),
        long_names: false,
        cookie: secret("erlang-cookie"),
        plugins: vec![at("rabbitmq_management".to_owned())],
        config: config.into_iter().map(|(key, value)| (key.to_owned(), at(value))).collect(),
        extra: Vec::new(),
        advanced: None,
        env: IndexMap::new(),
        port: at(5672),
        management_port: at(15672),
        dist_port: at(25672),
        open_files: 65536,
        definitions: Definitions { format: 1, rabbitmq_version: "3.10.8".to_owned(), ..Definitions::default() },
    }
}

fn balancer() -> Balancer {
    let front = |front: &str, port, server_port, mode| Front {
        name: front.to_owned(),
        bind: at(Bind { address: None, port }),
        server_port,
        servers: HOSTS
            .into_iter()
            .map(|(host, address)| Server {
                host: name(host),
                address: address.parse().expect("an address"),
                weight: None,
                backup: false,
            })
            .collect(),
        mode,
        balance: "roundrobin".to_owned(),
        check: HealthCheck { kind: CheckKind::Tcp, inter: "5s".to_owned(), rise: 2, fall: 3, shutdown_sessions: true },
        timeout_client: "3h".to_owned(),
        timeout_server: "3h".to_owned(),
        timeout_connect: "5s".to_owned(),
        maxconn: None,
        tcpka: mode == Mode::Tcp,
        extra: Vec::new(),
    };
    Balancer {
        version: None,
        hosts: vec![name("rabbit1"), name("rabbit2")],
        stats: Some(Stats {
            bind: at(Bind { address: Some("127.0.0.1".parse().expect("an address")), port: 1080 }),
            uri: "/haproxy?stats".to_owned(),
            realm: Some("Haproxy Manager".to_owned()),
            refresh: Some("30s".to_owned()),
            auth: Some(("admin".to_owned(), Value::Secret(secret("stats-password")))),
            hide_version: true,
            extra: Vec::new(),
        }),
        amqp: front("rabbitmq_amqp", 5673, 5672, Mode::Tcp),
        management: Some(front("rabbitmq_management", 15673, 15672, Mode::Http)),
        health_port: at(8404),
        maxconn: None,
        hard_stop_after: Some("12h".to_owned()),
        global_extra: Vec::new(),
        defaults_extra: Vec::new(),
        extra: Vec::new(),
    }
}

fn keepalived() -> Keepalived {
    let member = |host: &str, address: &str, priority| Member {
        host: name(host),
        address: address.parse().expect("an address"),
        interface: "enp4s0f0".to_owned(),
        priority: at(priority),
    };
    Keepalived {
        version: None,
        hosts: vec![name("rabbit1"), name("rabbit2")],
        instances: vec![Instance {
            name: "orders".to_owned(),
            virtual_router_id: at(51),
            members: vec![member("rabbit1", "192.168.1.219", 110), member("rabbit2", "192.168.1.220", 100)],
            addresses: vec![at("192.168.1.222/24".parse().expect("a network"))],
            advert_int: 1,
            auth: Some(Value::Secret(secret("vrrp-auth"))),
            vrrp_version: 2,
            unicast: true,
            nopreempt: false,
            preempt_delay: None,
            extra: Vec::new(),
        }],
        check: TrackScript { interval: 2, timeout: 3, fall: 2, rise: 2, weight: -20 },
        mail: None,
        router_id: None,
        global_extra: Vec::new(),
        extra: Vec::new(),
    }
}
