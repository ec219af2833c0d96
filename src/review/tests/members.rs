//! Reviews of what becomes of nodes, hosts and clusters, and of files that nobody explains key by key.

use super::*;

pub(super) const TWO_VIPS: &str = include_str!("../../../fixtures/two-vips/rmqgit.yaml");

shows!(a_node_has_another_name, Class::Transition, &[("rabbit3]      #", "{host: rabbit3, name: mq@rabbit3}]      #")]);
shows!(another_cookie, Class::Transition, &[("cookie: {secret: erlang-cookie}", "cookie: {secret: new-cookie}")]);
shows!(
    terms_of_advanced_config,
    Class::Rolling,
    &[("    plugins: [", "    advanced_config: \"[{rabbit, [{consumer_timeout, undefined}]}].\"\n    plugins: [")]
);
shows!(a_host_serves_clients_alone, Class::Transition, &[("nodes: [rabbit1, rabbit2, rabbit3] ", "nodes: [rabbit2] ")]);

/// Exchanges text of which there is some.
pub(super) fn with(text: &str, edits: &[(&str, &str)]) -> String {
    edits.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "there is no `{from}`");
        text.replace(from, to)
    })
}

pub(super) fn between(old: &str, new: &str) -> Review {
    reviewed(&one(old), &one(new))
}

#[test]
fn a_ram_node_becomes_a_disc_node() {
    let ram = with(
        TUTORIAL,
        &[("nodes: [rabbit1, rabbit2, rabbit3]", "nodes: [rabbit1, rabbit2, {host: rabbit3, type: ram}]")],
    );
    let review = between(&ram, TUTORIAL);
    assert_eq!(review.class, Class::Transition);
    assert_eq!(review.clusters[0].transitions[0].grant.as_deref(), Some("change-node-type:rabbit@rabbit3"));
    insta::assert_snapshot!(plain(&review, false));
}

#[test]
fn preemption_ends_and_begins() {
    let with_preemption =
        with(TUTORIAL, &[("    virtual_router_id: 87", "    check: {weight: 0}\n    virtual_router_id: 87")]);
    let without = with(&with_preemption, &[("    check:", "    nopreempt: true\n    check:")]);
    insta::assert_snapshot!("preemption_ends", plain(&between(&with_preemption, &without), false));
    insta::assert_snapshot!("preemption_begins", plain(&between(&without, &with_preemption), false));
}

#[test]
fn two_instances_swap_their_addresses() {
    let swapped = with(
        TWO_VIPS,
        &[
            ("vip: 172.16.5.101/24", "vip: 172.16.5.109/24"),
            ("vips: [172.16.5.102/24, 172.16.5.103/24]", "vips: [172.16.5.101/24, 172.16.5.103/24]"),
            ("vip: 172.16.5.109/24", "vip: 172.16.5.102/24"),
        ],
    );
    let review = between(TWO_VIPS, &swapped);
    insta::assert_snapshot!(plain(&review, false));
}

#[test]
fn the_terms_of_rabbitmq_config_need_a_restart() {
    let old = "version: 1\ncluster:\n  name: old\n  hosts: {mq1: {address: 10.0.0.1}}\n  rabbitmq:\n    version: 3.6.16\n    cookie: \
               {secret: c}\n    nodes: [mq1]\n    plugins: [rabbitmq_management]\n    config: {heartbeat: 60}\n    vhosts: {/: {}}\n    users: \
               {admin: {tags: [administrator], password: {secret: p}, permissions: {/: all}}}\n";
    let review = between(old, &old.replace("heartbeat: 60", "heartbeat: 30"));
    assert_eq!(review.class, Class::Rolling);
    insta::assert_snapshot!(plain(&review, false));
}

/// Two clusters, the second one with so many nodes.
fn two(nodes: &[&str]) -> String {
    let hosts: Vec<String> =
        nodes.iter().enumerate().map(|(n, node)| format!("      {node}: {{address: 10.0.1.{}}}\n", n + 1)).collect();
    format!(
        "version: 1\ndefaults:\n  rabbitmq: {{version: 3.13.7, cookie: {{secret: c}}, config: {{cluster_partition_handling: \
         autoheal, disk_free_limit.absolute: 2GB}}}}\nclusters:\n  audit:\n    hosts:\n      audit1: {{address: 10.0.0.1}}\n  billing:\n    hosts:\n{}",
        hosts.concat()
    )
}

#[test]
fn a_host_moves_to_another_cluster() {
    let old = two(&["mq1", "mq2", "mq3"]);
    let new = two(&["mq1", "mq2"]).replace(
        "      audit1: {address: 10.0.0.1}\n",
        "      audit1: {address: 10.0.0.1}\n      mq3: {address: 10.0.1.3}\n",
    );
    let review = between(&old, &new);
    let grants: Vec<_> =
        review.clusters.iter().flat_map(|one| &one.transitions).filter_map(|one| one.grant.as_deref()).collect();
    assert_eq!(grants, ["forget-node:rabbit@mq3"]);
    insta::assert_snapshot!(plain(&review, false));
}

#[test]
fn a_cluster_gets_another_name() {
    let old = two(&["mq1", "mq2"]);
    insta::assert_snapshot!(plain(&between(&old, &old.replace("billing", "invoices")), false));
}

#[test]
fn a_namesake_elsewhere_is_another_host() {
    let old = two(&["mq1", "mq2"]);
    let new = old.replace("billing", "invoices").replace("10.0.1.", "10.0.2.");
    let review = between(&old, &new);
    let texts: Vec<&str> =
        review.clusters.iter().flat_map(|one| &one.consequences).map(|one| one.text.as_str()).collect();
    assert!(texts.iter().all(|text| !text.contains("before")), "{texts:#?}");
    assert_eq!(review.class, Class::Reload, "what runs on the new hosts is not known");
}

#[test]
fn a_cluster_goes() {
    let old = two(&["mq1", "mq2"]);
    let new = old.split("  billing").next().expect("the part before");
    insta::assert_snapshot!(plain(&between(&old, new), false));
}

#[test]
fn clusters_that_come_or_go_alike_are_one_entry() {
    let (few, many) = (fleet(2, 5673), fleet(40, 5673));
    for (old, new) in [(&few, &many), (&many, &few)] {
        let review = reviewed(old, new);
        let sizes: Vec<usize> = review.clusters.iter().map(|one| one.clusters.len()).collect();
        assert_eq!(sizes, [38], "{}", review.headline);
        assert_eq!(review.clusters[0].clusters[0].as_str(), "c003", "the first one stands for all");
        let names: Vec<&str> = review.clusters[0].hosts.iter().map(|id| id.cluster.as_str()).collect();
        assert!(names.is_sorted(), "{names:?}");
    }
}

#[test]
fn hashes_and_passwords_in_addresses_are_not_shown() {
    let user = "      shop:\n        password: {secret: shop-password}\n";
    let old = with(
        TUTORIAL,
        &[
            (user, "      shop:\n        password_hash: \"bGV0bWVpbmxldG1laW5sZXRtZWlubGV0bWVpbjEyMzQ1Njc4\"\n"),
            (
                "    prune: [users]",
                "    parameters: [{component: federation-upstream, name: up, value: {uri: \"amqps://other.example\"}}]\n    prune: \
                 [users]",
            ),
            ("[rabbitmq_management]", "[rabbitmq_management, rabbitmq_federation]"),
        ],
    );
    let tree = |text: &str, uri: &str| {
        let mut tree = one(text);
        for bundle in tree.values_mut() {
            let definitions = bundle.definitions.as_mut().expect("every host is a broker");
            definitions.parameters[0].value["uri"] = serde_json::json!([uri]);
        }
        tree
    };
    let new = with(&old, &[("bGV0bWVp", "aGV0bWVp")]);
    let (old, new) = (tree(&old, "amqps://a:b@other.example"), tree(&new, "amqps://a:c@other.example"));
    let review = reviewed(&old, &new);
    let all =
        serde_json::to_string(&review).expect("a review is JSON") + &render(&review, Look { width: 100, full: true });
    let diff = diff::render(&diff::diff(&old, &new));
    for text in [&all, &diff] {
        assert!(!text.contains("GV0bWVp") && !text.contains("a:b@") && !text.contains("a:c@"), "{text}");
        assert!(text.contains("fingerprint"), "{text}");
    }
    insta::assert_snapshot!(plain(&review, false));
}

#[test]
fn a_setting_that_becomes_a_comment_is_gone() {
    let extra = |lines: &str| {
        with(TUTORIAL, &[("    vhosts: {/: {}}", &format!("    extra: {lines}\n    vhosts: {{/: {{}}}}"))])
    };
    let review = between(&extra("\"# first\\nlog.file.level = info\""), &extra("\"# first log.file.level = info\""));
    let file = &review.clusters[0].files[0];
    assert_eq!((file.path.as_str(), &file.note), ("/etc/rabbitmq/rabbitmq.conf", &None));
    assert!(!review.clusters[0].consequences[0].text.contains("nothing new"), "{}", review.headline);
}

#[test]
fn a_key_that_this_version_reads_without_effect() {
    let old = two(&["mq1", "mq2", "mq3"])
        .replace("version: 3.13.7", "version: 4.3.5")
        .replace("c}, config", "c}, erlang: \"27.3\", config");
    let review = between(&old, &old.replace("autoheal", "pause_minority"));
    let text = &review.clusters[0].services[0].text;
    assert!(
        text.starts_with(
            "cluster_partition_handling autoheal → pause_minority (RabbitMQ 4.3.5 reads it without effect: "
        ),
        "{text}"
    );
}
