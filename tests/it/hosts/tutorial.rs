//! From three machines with nothing but packages to a cluster that serves, by Git alone.

use jiff::Timestamp;
use serde_json::json;

use super::bed::{HOSTS, ended, until};
use super::site::{Site, VIP};

/// A push, and the hosts' own timers do the rest.
pub(super) fn three_blank_hosts_become_a_cluster(site: &mut Site) {
    for host in HOSTS {
        let blank =
            site.bed.must(host, "ls /etc/rmqgit 2>/dev/null; cat /etc/rabbitmq/rabbitmq.conf 2>/dev/null; true");
        assert_eq!(blank, "", "{host} is not blank");
    }
    site.publish("Three hosts");
    for host in HOSTS {
        site.enroll(host);
    }
    let now = Timestamp::now();
    let formed = until("one cluster of three", 300, || site.formed());
    println!("  one cluster {formed:.1?} after the last agent was installed");
    let rest = until("every host in sync", 180, || site.in_sync(now));
    println!("  every host in sync {rest:.1?} after that");
    until("the virtual address at its place", 60, || site.held_by("rabbit1"));
    until("the management page", 60, || site.managed());
    serves(site);
}

/// A client works through the virtual address, and the policy of the spec is in force on its queue.
pub(super) fn serves(site: &Site) {
    let confirmed = site.bed.dir().join("confirmed").display().to_string();
    let uri = Site::uri();
    for args in
        [&["declare", &uri, "shop.first", site.queue_type()][..], &["publish", &uri, "shop.first", &confirmed, "200"]]
    {
        let said = ended(&mut site.bed.amqp(args));
        assert_eq!(said.code, 0, "{args:?}\n{}{}", said.out, said.err);
        if !said.out.is_empty() {
            print!("  {VIP}: {}", said.out);
        }
    }
    let queues = site.bed.must("rabbit2", "rabbitmqctl -q --formatter json list_queues name policy type");
    let queues: serde_json::Value = serde_json::from_str(&queues).unwrap();
    let wanted = match site.queue_type() {
        "classic" => json!([{"name": "shop.first", "policy": "ha-all", "type": "classic"}]),
        kind => json!([{"name": "shop.first", "policy": "ha-all", "type": kind}]),
    };
    let plain = queues.to_string().replace("rabbit_classic_queue", "classic").replace("rabbit_quorum_queue", "quorum");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&plain).unwrap(), wanted);
    let said = ended(&mut site.bed.amqp(&["consume", &uri, "shop.first", &confirmed]));
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    site.bed.must("rabbit1", "rabbitmqctl -q delete_queue shop.first");
}

/// What a run that has nothing to do must leave alone.
const TRACES: &str =
    "systemctl show haproxy keepalived rabbitmq-server --property=Id,MainPID,NRestarts,StateChangeTimestampMonotonic
    pgrep -a '^(haproxy|keepalived)$' | sort
    journalctl --quiet --output=cat _PID=1 UNIT=haproxy.service + _PID=1 UNIT=keepalived.service | wc -l
    find /etc /usr/libexec /var/lib/rabbitmq/.erlang.cookie -newer /run/before 2>/dev/null | sort; true";

/// Hosts that are as Git says stay as they are.
pub(super) fn nothing_to_do(site: &mut Site) {
    let now = Timestamp::now();
    site.stop_timers();
    until("every host in sync", 60, || site.in_sync(now));
    for host in HOSTS {
        site.bed.must(host, "touch /run/before");
        let before = site.bed.must(host, TRACES);
        for mode in ["report", "converge"] {
            let report = site.sync(host, &["--mode", mode]);
            assert_eq!((report.code, &report.json["verdict"]), (0, &json!("in-sync")), "{host}: {:#}", report.json);
            let done = (&report.json["applied"], &report.json["steps"], &report.json["waiting"]);
            assert_eq!(done, (&json!(null), &json!(null), &json!(null)), "{host}: {:#}", report.json);
        }
        assert_eq!(site.bed.must(host, TRACES), before, "{host}");
    }
    site.start_timers();
}
