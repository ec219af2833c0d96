//! Dangerous changes: a run refuses each until the release grants it by name, and then makes it.

use serde_json::Value;

use super::bed::{BALANCERS, HOSTS, until};
use super::site::{Report, Site, VIP};
use super::tutorial;

/// Where the virtual address goes and comes back from.
const ELSEWHERE: &str = "192.168.1.223";
/// The cookie that takes the place of the first one.
const COOKIE: &str = "ZXCVBNMASDFGHJKLQWER";

/// All of them, one after the other; afterwards the cluster is as it was.
pub(super) fn transitions_wait_for_their_grant(site: &mut Site) {
    site.stop_timers();
    let spec = site.spec.clone();
    another_cookie(site, &spec);
    another_address(site, &spec);
    no_address(site, &spec);
    another_directory(site, &spec);
    if site.mirrors() {
        another_type(site, &spec);
    }
    one_node_less(site, &spec);
    site.spec = spec;
    site.start_timers();
}

/// Publishes a spec with some grants.
fn publish(site: &mut Site, spec: &str, grants: &str) {
    site.spec = format!("{}  grants: [{grants}]\n", spec.trim_end().to_owned() + "\n");
    site.publish(&format!("Grants: {grants}"));
}

/// Returns the subjects whose changes are held for want of a grant.
fn refused(report: &Report) -> Vec<String> {
    let changes = report.json["changes"].as_array().into_iter().flatten();
    let held = changes.filter(|change| change["held"]["code"] == "not-granted");
    let name = |subject: &Value| ["path", "node"].into_iter().find_map(|key| subject[key].as_str()).map(str::to_owned);
    held.map(|change| name(&change["subject"]).expect("a file or a node")).collect()
}

/// Holds what a run refuses, and the grant that it names, against what is expected.
fn is_refused(site: &Site, host: &str, subject: &str, grant: &str) {
    let report = site.sync(host, &[]);
    assert_eq!((report.code, refused(&report)), (3, vec![subject.to_owned()]), "{host}: {:#}", report.json);
    let help = report.json["changes"].to_string();
    assert!(help.contains(&format!("add `{grant}` to `grants`")), "{host}: {help}");
}

fn converge(site: &Site, hosts: &[&str]) {
    for host in hosts {
        let report = site.sync(host, &[]);
        assert!(report.is_fine(), "{host}: {:#}", report.json);
    }
}

/// Running nodes take another cookie and then the first one again, and nobody restarts.
fn another_cookie(site: &mut Site, spec: &str) {
    let started = |site: &Site| {
        HOSTS.map(|host| site.bed.must(host, "systemctl show rabbitmq-server --property=MainPID,ActiveEnterTimestamp"))
    };
    let before = started(site);
    let first = site.bed.must("rabbit1", "cat /var/lib/rabbitmq/.erlang.cookie");
    for cookie in [COOKIE, first.as_str()] {
        site.seal("erlang-cookie", cookie);
        publish(site, spec, "");
        is_refused(site, "rabbit2", "/var/lib/rabbitmq/.erlang.cookie", "rotate-cookie");
        publish(site, spec, "rotate-cookie");
        converge(site, &HOSTS);
        for host in HOSTS {
            assert_eq!(site.bed.must(host, "cat /var/lib/rabbitmq/.erlang.cookie"), cookie);
        }
        // rabbitmqctl reads the file, and the node lets it in.
        until("one cluster with the new cookie", 60, || site.formed());
        publish(site, spec, "");
        converge(site, &HOSTS);
    }
    assert_eq!(started(site), before);
}

/// The virtual address goes elsewhere and comes back.
fn another_address(site: &mut Site, spec: &str) {
    let there = spec.replace(VIP, ELSEWHERE);
    publish(site, &there, "");
    is_refused(site, "rabbit1", "/etc/keepalived/keepalived.conf", "virtual-addresses");
    until("the address where it was", 20, || site.held_by("rabbit1"));
    publish(site, &there, "virtual-addresses");
    converge(site, &BALANCERS);
    until("the address elsewhere", 30, || {
        let said = site.bed.must("rabbit1", "ip -o -4 address show eth0");
        let moved = said.contains(&format!(" {ELSEWHERE}/")) && !said.contains(&format!(" {VIP}/"));
        if moved { Ok(()) } else { Err(said) }
    });
    publish(site, spec, "virtual-addresses");
    converge(site, &HOSTS);
    until("the address back again", 30, || site.held_by("rabbit1"));
}

/// Keepalived leaves the spec: without a grant the address stays where it is, with all that it needs, for any number of runs.
fn no_address(site: &mut Site, spec: &str) {
    let start = spec.find("  keepalived:\n").expect("the spec has the section");
    let own = |line: &&str| line.trim().is_empty() || line.starts_with("   ") || line.trim_start().starts_with('#');
    let section: usize = spec[start..].split_inclusive('\n').skip(1).take_while(own).map(str::len).sum();
    let end = start + "  keepalived:\n".len() + section;
    publish(site, &format!("{}{}", &spec[..start], &spec[end..]), "");
    let files = |site: &Site| site.bed.must("rabbit1", "sha256sum /etc/keepalived/*");
    let before = files(site);
    for _ in 0..2 {
        let report = site.sync("rabbit1", &[]);
        assert_eq!(report.code, 3, "{:#}", report.json);
        assert!(refused(&report).contains(&"/etc/keepalived/keepalived.conf".to_owned()), "{:#}", report.json);
        assert!(
            report.json["changes"].to_string().contains("add `virtual-addresses` to `grants`"),
            "{:#}",
            report.json
        );
        assert_eq!(files(site), before);
    }
    until("the address where it was", 20, || site.held_by("rabbit1"));
    publish(site, spec, "");
    converge(site, &HOSTS);
}

/// A node that started in another directory would start without its queues: its file stays as it is.
fn another_directory(site: &mut Site, spec: &str) {
    let line = "    cookie: {secret: erlang-cookie}\n";
    assert!(spec.contains(line), "{spec}");
    let there = spec.replace(line, &format!("{line}    env: {{MNESIA_BASE: /var/lib/rabbitmq/elsewhere}}\n"));
    publish(site, &there, "");
    let file = "/etc/rabbitmq/rabbitmq-env.conf";
    let before = site.bed.must("rabbit2", &format!("cat {file}"));
    is_refused(site, "rabbit2", file, "data-directory");
    is_refused(site, "rabbit2", file, "data-directory");
    assert_eq!(site.bed.must("rabbit2", &format!("cat {file}")), before);
    publish(site, spec, "");
    converge(site, &HOSTS);
}

/// The last node becomes a RAM node and a disc node again.
fn another_type(site: &mut Site, spec: &str) {
    let line = "nodes: [rabbit1, rabbit2, rabbit3]";
    assert!(spec.contains(line), "{spec}");
    let ram = spec.replace(line, "nodes: [rabbit1, rabbit2, {host: rabbit3, type: ram}]");
    let grant = "\"change-node-type:rabbit@rabbit3\"";
    publish(site, &ram, "");
    is_refused(site, "rabbit3", "rabbit@rabbit3", grant.trim_matches('"'));
    for (spec, list) in [(ram.as_str(), "ram_nodes"), (spec, "disk_nodes")] {
        publish(site, spec, grant);
        site.repair("rabbit3");
        until("the node has its type", 60, || {
            let said = site.bed.must("rabbit1", "rabbitmqctl -q --formatter json cluster_status");
            let status: Value = serde_json::from_str(&said).map_err(|_| said.clone())?;
            let has = status[list].as_array().is_some_and(|nodes| nodes.contains(&Value::from("rabbit@rabbit3")));
            if has { Ok(()) } else { Err(said) }
        });
    }
    for host in HOSTS {
        site.repair(host);
    }
    until("one cluster of three", 120, || site.formed());
}

/// The last node leaves the cluster, and comes back as a blank machine.
fn one_node_less(site: &mut Site, spec: &str) {
    let two = spec
        .replace("nodes: [rabbit1, rabbit2, rabbit3]", "nodes: [rabbit1, rabbit2]")
        .replace("    rabbit3: {address: 192.168.1.221}\n", "")
        .replace("pause_minority", "autoheal");
    publish(site, &two, "");
    is_refused(site, "rabbit1", "rabbit@rabbit3", "forget-node:rabbit@rabbit3");
    publish(site, &two, "\"forget-node:rabbit@rabbit3\"");
    let members = |site: &Site| site.bed.eval("rabbit2", "length(rabbit_nodes:all()).").out.trim().to_owned();
    // It is a member that runs, and so is left; the person stops it, and its own agent does not start it again.
    site.sync("rabbit1", &[]);
    assert_eq!(members(site), "3");
    site.bed.must("rabbit3", "systemctl disable --quiet --now rabbitmq-server");
    let report = site.sync("rabbit3", &[]);
    assert_eq!((report.code, site.bed.sh("rabbit3", "systemctl is-active rabbitmq-server").code), (3, 3));
    site.sync("rabbit2", &[]);
    assert_eq!(members(site), "3", "the first member lets it go, and nobody else");
    site.sync("rabbit1", &[]);
    until("two members", 60, || if members(site) == "2" { Ok(()) } else { Err(members(site)) });

    publish(site, spec, "");
    site.bed.power("wipe", &["rabbit3"]);
    site.bed.power("on", &["rabbit3"]);
    site.enroll("rabbit3");
    for host in ["rabbit1", "rabbit2"] {
        site.repair(host);
    }
    until("one cluster of three", 180, || site.formed());
    for host in HOSTS {
        site.repair(host);
    }
    tutorial::serves(site);
}
