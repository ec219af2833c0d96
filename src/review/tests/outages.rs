//! Reviews of changes after which clients find nobody, or are cut off.

use super::members::{TWO_VIPS, between, with};
use super::*;
use crate::name::SecretRef;

const SEPARATE: &str = include_str!("../../../fixtures/separate-balancers/rmqgit.yaml");

/// Returns the tutorial without the text from one line to another.
fn without(from: &str, to: &str) -> String {
    let (start, end) = (TUTORIAL.find(from).expect("the beginning"), TUTORIAL.find(to).expect("the end"));
    format!("{}{}", &TUTORIAL[..start], &TUTORIAL[end..])
}

fn texts(review: &Review) -> Vec<&str> {
    review.clusters.iter().flat_map(|one| &one.consequences).map(|one| one.text.as_str()).collect()
}

/// Says what happens when the two addresses' spec gets other text.
fn of_two(edits: &[(&str, &str)]) -> Review {
    between(TWO_VIPS, &with(TWO_VIPS, edits))
}

shows!(
    a_timeout_and_the_end_of_old_connections,
    Class::Reload,
    &[("{port: 5673,", "{port: 5673, timeout: {client: 1h},"), ("hard_stop_after: 12h", "hard_stop_after: 1m")]
);
shows!(
    the_data_directory_moves,
    Class::Transition,
    &[("    plugins: [", "    env: {MNESIA_BASE: /data/x}\n    plugins: [")]
);
/// Two balancers whose HAProxy asks the management API whether a node works.
const CHECKED: &str = "version: 1
cluster:
  name: orders
  hosts:
    mq1: {address: 10.2.0.11}
    mq2: {address: 10.2.0.12}
    mq3: {address: 10.2.0.13}
  rabbitmq:
    version: 4.1.4
    erlang: \"27.3\"
    cookie: {secret: erlang-cookie}
    plugins: [rabbitmq_management]
    config: {cluster_partition_handling: pause_minority}
    users:
      admin: {tags: [administrator], password: {secret: admin-password}, permissions: {/: all}}
  haproxy:
    hosts: [mq1, mq2]
";

#[test]
fn the_management_plugin_goes_under_the_checks() {
    let review = between(CHECKED, &with(CHECKED, &[("[rabbitmq_management]", "[]")]));
    assert_eq!(review.class, Class::Reload);
    insta::assert_snapshot!(texts(&review).join("\n"));
}

#[test]
fn keepalived_leaves() {
    let review = between(TUTORIAL, &without("  keepalived:", "  rules:"));
    assert_eq!(review.class, Class::Transition);
    assert_eq!(review.clusters[0].transitions[0].grant.as_deref(), Some("virtual-addresses"));
    insta::assert_snapshot!(plain(&review, false));
}

#[test]
fn haproxy_and_keepalived_leave() {
    let review = between(TUTORIAL, &without("  haproxy:", "  rules:"));
    assert_eq!(review.class, Class::Transition);
    insta::assert_snapshot!(plain(&review, false));
}

#[test]
fn one_host_leaves_keepalived() {
    let spec = TUTORIAL.replace("hosts: [rabbit1, rabbit2]               #", "hosts: [rabbit2]               #");
    let review = between(TUTORIAL, &spec);
    assert_eq!(review.class, Class::Transition);
    insta::assert_snapshot!(plain(&review, false));
}

#[test]
fn the_balancers_leave_with_the_address() {
    let text = SEPARATE.split("  haproxy:").next().expect("the brokers");
    let hosts: Vec<&str> = text.lines().filter(|line| !line.contains("lb")).collect();
    let hosts = hosts.join("\n");
    let review = between(SEPARATE, &hosts);
    let said = texts(&review);
    assert!(said[0].starts_with("no host of the release has the virtual address"), "{said:#?}");
}

#[test]
fn the_brokers_port_changes() {
    let new = with(SEPARATE, &[("    nodes: [", "    port: 5673\n    nodes: [")]);
    let review = between(SEPARATE, &new);
    assert!(review.headline.contains("no new connection works"), "{}", review.headline);
    insta::assert_snapshot!(plain(&review, false));
}

#[test]
fn an_address_goes_to_another_instance() {
    let edits = [("172.16.5.102/24, ", ""), ("vip: 172.16.5.101/24", "vips: [172.16.5.101/24, 172.16.5.102/24]")];
    let review = of_two(&edits);
    insta::assert_snapshot!(texts(&review).join("\n"));
    assert!(review.clusters[0].files.iter().all(|file| file.note.is_none()), "the order of blocks means something");
}

#[test]
fn what_peers_disagree_in_is_said() {
    let interface =
        [("rabbit1: {address: 172.16.5.11, interface: bond0}", "rabbit1: {address: 172.16.5.11, interface: bond1}")];
    insta::assert_snapshot!("another_interface", texts(&of_two(&interface)).join("\n"));
    let unicast = [("unicast: true", "unicast: false")];
    insta::assert_snapshot!("no_unicast", texts(&of_two(&unicast)).join("\n"));
}

#[test]
fn equals_leave_an_address_where_it_is() {
    let equal = with(TWO_VIPS, &[("auth: {", "priorities: {rabbit1: 150, rabbit2: 150}\n    auth: {")]);
    insta::assert_snapshot!("equal_priorities", texts(&between(TWO_VIPS, &equal)).join("\n"));
    insta::assert_snapshot!("no_longer_equal", texts(&between(&equal, TWO_VIPS)).join("\n"));
}

#[test]
fn another_prefix_is_no_transition() {
    let review = of_two(&[("172.16.5.101/24", "172.16.5.101/25")]);
    assert_eq!((review.class, review.clusters[0].transitions.len()), (Class::Reload, 0));
}

#[test]
fn a_new_vrrp_password_parts_the_peers() {
    let sealed = |bytes: &[u8]| {
        let mut tree = one(TUTORIAL);
        for bundle in tree.values_mut() {
            bundle.secrets.insert(SecretRef::parse("vrrp-auth").expect("a name"), bytes.to_vec());
        }
        tree
    };
    let review = reviewed(&sealed(b"one"), &sealed(b"two"));
    insta::assert_snapshot!(texts(&review).join("\n"));
}

#[test]
fn plugins_that_carry_clients_go() {
    let on = with(
        TUTORIAL,
        &[("[rabbitmq_management]", "[rabbitmq_management, rabbitmq_web_mqtt, rabbitmq_stream, rabbitmq_shovel]")],
    );
    let review = between(&on, TUTORIAL);
    assert_eq!(review.class, Class::Reload);
    insta::assert_snapshot!(texts(&review).join("\n"));
}

#[test]
fn settings_of_the_kernel_go() {
    let on =
        with(TUTORIAL, &[("  rabbitmq:\n", "  sysctl: {net.core.somaxconn: 4096, vm.swappiness: 1}\n  rabbitmq:\n")]);
    let less = on.replace(", vm.swappiness: 1", "");
    insta::assert_snapshot!("one_setting_goes", texts(&between(&on, &less)).join("\n"));
    insta::assert_snapshot!("all_settings_go", texts(&between(&on, TUTORIAL)).join("\n"));
    insta::assert_snapshot!("settings_come", texts(&between(TUTORIAL, &on)).join("\n"));
}

#[test]
fn keys_that_shut_clients_out_are_said() {
    let new = with(TUTORIAL, &[("    vhosts: {/: {}}", "    extra: \"auth_backends.1 = ldap\"\n    vhosts: {/: {}}")]);
    let review = between(TUTORIAL, &new);
    insta::assert_snapshot!(texts(&review).join("\n"));
}
