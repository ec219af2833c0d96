//! Hosts that come late, and hosts that are put back as blank machines.

use super::bed::{HOSTS, until};
use super::site::Site;
use super::tutorial;

/// A blank machine takes the place of a member: the last one, then the one that formed the cluster.
pub(super) fn a_rebuilt_host_joins_again(site: &mut Site) {
    for host in ["rabbit3", "rabbit1"] {
        let other = if host == "rabbit1" { "rabbit2" } else { "rabbit1" };
        site.bed.must(other, "rabbitmqctl -q set_global_parameter witness '\"it was here before\"'");
        site.bed.power("wipe", &[host]);
        site.bed.power("on", &[host]);
        site.enroll(host);
        let took = site.until_it_runs("rabbit1");
        println!("  {host} is back after {took:.1?}");
        // It joined the others, and not the others it.
        let said = site.bed.must(host, "rabbitmqctl -q --formatter json list_global_parameters");
        assert!(said.contains("it was here before"), "{host}: {said}");
        site.bed.must(host, "rabbitmqctl -q clear_global_parameter witness");
        tutorial::serves(site);
    }
}

/// Two hosts form the cluster; the third one comes when they serve.
pub(super) fn a_late_host_joins(site: &mut Site) {
    site.bed.power("wipe", &HOSTS);
    site.bed.power("on", &HOSTS[..2]);
    for host in &HOSTS[..2] {
        site.enroll(host);
    }
    until("a cluster of two", 300, || {
        let said = site.bed.eval("rabbit2", "lists:sort(rabbit_nodes:all_running()).");
        let nodes: String = said.out.split_whitespace().collect();
        if nodes == "[rabbit@rabbit1,rabbit@rabbit2]" { Ok(()) } else { Err(format!("{nodes}{}", said.err)) }
    });
    until("the virtual address at its place", 120, || site.held_by("rabbit1"));
    site.bed.power("on", &HOSTS[2..]);
    site.enroll("rabbit3");
    let took = site.until_it_runs("rabbit1");
    println!("  rabbit3 joined after {took:.1?}");
    tutorial::serves(site);
}
