//! Reviews of changes to the tutorial's spec, from the YAML to the text that people read.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use proptest::prelude::*;

use super::*;
use crate::check::{Input, check};

const TUTORIAL: &str = include_str!("../../fixtures/tutorial/rmqgit.yaml");

/// Compiles a spec.
fn tree(files: &[(String, String)]) -> ReleaseTree {
    let files: BTreeMap<String, Vec<u8>> =
        files.iter().map(|(path, text)| (path.clone(), text.clone().into_bytes())).collect();
    let published = BTreeMap::new();
    let today = Date::constant(2026, 6, 1);
    let mut tree = ReleaseTree::new();
    let checked = check(&Input { files: &files, published: &published, today, opener: None }, |_, bundles| {
        for bundle in bundles {
            tree.insert(HostId { cluster: bundle.cluster.clone(), host: bundle.host.clone() }, bundle);
        }
    });
    assert!(checked.is_sound(), "{}", crate::check::render(&checked, crate::check::Format::Text, false, 100));
    tree
}

fn one(text: &str) -> ReleaseTree {
    tree(&[("rmqgit.yaml".to_owned(), text.to_owned())])
}

fn side(rev: &str) -> Side {
    Side { rev: rev.to_owned(), commit: None, subject: None, release: false }
}

fn reviewed(old: &ReleaseTree, new: &ReleaseTree) -> Review {
    let reviewer = Reviewer::default();
    // The last first: the order makes no difference.
    for pair in pair::pairs(old, new).into_iter().rev() {
        reviewer.take(pair.old.into_values(), pair.new.into_values());
    }
    reviewer.finish(side("base"), side("head"))
}

fn plain(review: &Review, full: bool) -> String {
    anstream::adapter::strip_str(&render(review, Look { width: 100, full })).to_string()
}

/// Reviews the tutorial with some of its text exchanged.
fn changed(edits: &[(&str, &str)]) -> Review {
    let new = edits.iter().fold(TUTORIAL.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the tutorial has no `{from}`");
        text.replace(from, to)
    });
    reviewed(&one(TUTORIAL), &one(&new))
}

macro_rules! shows {
    ($name:ident, $class:expr, $edits:expr) => {
        #[test]
        fn $name() {
            let review = changed($edits);
            assert_eq!(review.class, $class);
            insta::assert_snapshot!(plain(&review, false));
        }
    };
}

mod first;
mod members;
mod outages;

const POLICY: &str = "        definition: {ha-mode: all, ha-sync-mode: automatic}\n";

shows!(a_policy_with_fewer_mirrors, Class::Live, &[("ha-mode: all,", "ha-mode: exactly, ha-params: 2,")]);
shows!(
    a_policy_that_wins_drops_messages,
    Class::Live,
    &[(
        POLICY,
        "        definition: {ha-mode: all, ha-sync-mode: automatic}
      - name: ttl
        pattern: \"^orders\\\\.\"
        apply-to: queues
        priority: 5
        definition: {ha-mode: all, ha-sync-mode: automatic, message-ttl: 3600000}\n"
    )]
);
shows!(
    a_policy_that_is_not_pruned_stays,
    Class::Nothing,
    &[(
        "    policies:
      - name: ha-all
        pattern: \"^\"
        apply-to: all
        definition: {ha-mode: all, ha-sync-mode: automatic}\n",
        ""
    )]
);
shows!(a_weight, Class::Reload, &[("balance: leastconn,", "balance: leastconn, weights: {rabbit2: 50},")]);
shows!(a_bind_and_a_timeout, Class::Reload, &[("{port: 5673,", "{port: 5674, timeout: {client: 1h},")]);
shows!(another_virtual_address, Class::Transition, &[("vip: 192.168.1.222", "vip: 192.168.1.223")]);
shows!(
    the_address_moves,
    Class::Reload,
    &[("hosts: [rabbit1, rabbit2]               # the first", "hosts: [rabbit2, rabbit1]               # the first")]
);
shows!(
    a_node_comes,
    Class::Rolling,
    &[
        (
            "    rabbit3: {address: 192.168.1.221}\n",
            "    rabbit3: {address: 192.168.1.221}\n    rabbit4: {address: 192.168.1.223}\n"
        ),
        ("[rabbit1, rabbit2, rabbit3]", "[rabbit1, rabbit2, rabbit3, rabbit4]")
    ]
);
shows!(a_key_that_needs_a_restart, Class::Rolling, &[("pause_minority", "autoheal")]);
shows!(
    a_key_that_rabbitmq_could_take_live,
    Class::Rolling,
    &[("disk_free_limit.absolute: 2GB", "disk_free_limit.absolute: 4GB")]
);
shows!(a_plugin, Class::Live, &[("[rabbitmq_management]", "[rabbitmq_management, rabbitmq_shovel]")]);
shows!(a_permission, Class::Live, &[("write: \"^shop\\\\.\"", "write: \"^shop\\\\.in\\\\.\"")]);
shows!(a_user_goes, Class::Live, &[("      shop:\n", "      till:\n")]);
shows!(
    what_is_pruned_from_now_on,
    Class::Live,
    &[("vhosts: {/: {}}", "vhosts: {/: {}, new: {}}"), ("    prune: [users]", "    prune: [users, policies]")]
);
shows!(another_router, Class::Reload, &[("virtual_router_id: 87", "virtual_router_id: 88")]);
shows!(
    a_ram_node,
    Class::Transition,
    &[("nodes: [rabbit1, rabbit2, rabbit3]", "nodes: [rabbit1, rabbit2, {host: rabbit3, type: ram}]")]
);
shows!(another_version, Class::Live, &[("version: 3.10.8", "version: 3.11.28")]);
shows!(
    windows_and_a_grant,
    Class::Nothing,
    &[(
        "  rules:\n",
        "  maintenance: {timezone: UTC, windows: [{from: \"02:00\", to: \"05:00\"}]}\n  grants: [rotate-cookie]\n  rules:\n"
    )]
);

#[test]
fn a_node_and_a_virtual_host_leave() {
    let three = "    rabbit3: {address: 192.168.1.221}\n";
    let more = TUTORIAL
        .replace(three, &format!("{three}    rabbit4: {{address: 192.168.1.223}}\n"))
        .replace("[rabbit1, rabbit2, rabbit3]", "[rabbit1, rabbit2, rabbit3, rabbit4]")
        .replace("vhosts: {/: {}}", "vhosts: {/: {}, old: {}}");
    let review = reviewed(&one(&more), &one(TUTORIAL));
    assert_eq!(review.class, Class::Transition);
    insta::assert_snapshot!(plain(&review, false));
}

#[test]
fn a_grant_lets_a_transition_pass() {
    let edits =
        [("vip: 192.168.1.222", "vip: 192.168.1.223"), ("  rules:\n", "  grants: [virtual-addresses]\n  rules:\n")];
    let review = changed(&edits);
    assert!(review.clusters[0].transitions.iter().all(|transition| transition.granted));
    let (old, new) = (one(TUTORIAL), one(&TUTORIAL.replace("vip: 192.168.1.222", "vip: 192.168.1.223")));
    let gist = |tree: ReleaseTree| tree.into_iter().map(|(id, bundle)| (id, gist(bundle))).collect::<ReleaseTree>();
    let held = ungranted(&gist(old), &gist(new));
    let held: Vec<_> = held.iter().map(|(cluster, one)| (cluster.as_str(), one.grant.as_deref())).collect();
    assert_eq!(held, [("orders", Some("virtual-addresses"))]);
}

/// Makes a fleet of clusters like each other, each in its own network.
fn fleet(clusters: usize, port: u16) -> ReleaseTree {
    let root = format!(
        "version: 1\ndefaults:\n  platform: debian\n  rabbitmq: {{version: 3.10.8, cookie: {{secret: c}}, plugins: [rabbitmq_management]}}\n  \
         haproxy: {{amqp: {{port: {port}}}}}\n"
    );
    let cluster = |number: usize| {
        let text = format!(
            "hosts:\n  a{number}: {{address: 10.0.{number}.1, interface: eth0}}\n  b{number}: {{address: 10.0.{number}.2, interface: \
             eth0}}\nrabbitmq: {{nodes: [a{number}, b{number}]}}\nhaproxy: {{hosts: [a{number}, b{number}]}}\nkeepalived: {{hosts: \
             [a{number}, b{number}], vip: 10.0.{number}.9/24, virtual_router_id: 51}}\n"
        );
        (format!("clusters/c{number:03}.yaml"), text)
    };
    let files: Vec<_> = [("rmqgit.yaml".to_owned(), root)].into_iter().chain((1..=clusters).map(cluster)).collect();
    tree(&files)
}

#[test]
fn a_default_for_many_clusters_fits_one_screen() {
    let review = reviewed(&fleet(40, 5673), &fleet(40, 5674));
    assert_eq!((review.clusters.len(), review.counts.clusters, review.counts.changed), (1, 40, 80));
    let text = plain(&review, false);
    assert!(text.lines().count() <= 24, "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn clusters_that_differ_in_what_changes_are_not_put_together() {
    let old = fleet(3, 5673);
    let mut new = old.clone();
    let last = new.keys().last().expect("a host").clone();
    let bundle = new.get_mut(&last).expect("the host");
    for artifact in bundle.artifacts.values_mut() {
        artifact.mode = 0o600;
    }
    for (id, bundle) in &mut new {
        bundle.artifacts.retain(|path, _| path.as_str() != "/etc/haproxy/haproxy.cfg" || id == &last);
    }
    assert_eq!(reviewed(&old, &new).clusters.len(), 2);
}

#[test]
fn a_moved_file_is_seen_as_one() {
    let old = one(TUTORIAL);
    let mut new = old.clone();
    for bundle in new.values_mut() {
        let artifact = bundle.artifacts.remove("/etc/hosts").expect("every host has it");
        bundle.artifacts.insert(crate::name::HostPath::parse("/etc/hosts.d/rmqgit").expect("a path"), artifact);
    }
    let review = reviewed(&old, &new);
    let notes: Vec<_> =
        review.clusters[0].files.iter().map(|file| (file.path.as_str(), file.note.clone(), file.hosts.len())).collect();
    assert_eq!(
        notes,
        [
            ("/etc/hosts", Some(Note::MovedTo("/etc/hosts.d/rmqgit".to_owned())), 3),
            ("/etc/hosts.d/rmqgit", Some(Note::MovedFrom("/etc/hosts".to_owned())), 3),
        ]
    );
}

/// Edits of the tutorial that leave it sound, in any combination.
const EDITS: [(&str, &str); 12] = [
    ("ha-mode: all", "ha-mode: exactly, ha-params: 2"),
    ("disk_free_limit.absolute: 2GB", "disk_free_limit.absolute: 3GB"),
    ("virtual_router_id: 87", "virtual_router_id: 90"),
    ("vip: 192.168.1.222", "vip: 192.168.1.224"),
    ("balance: leastconn", "balance: roundrobin"),
    ("hard_stop_after: 12h", "hard_stop_after: 6h"),
    ("read: \"^shop\\\\.\"", "read: \"^s\""),
    ("[rabbitmq_management]", "[rabbitmq_management, rabbitmq_shovel]"),
    // The same policy wins everywhere, with the same settings.
    ("        apply-to: all\n", "        apply-to: all\n        priority: 3\n"),
    ("vhosts: {/: {}}", "vhosts: {/: {description: orders}}"),
    ("tags: [administrator]", "tags: [administrator, monitoring]"),
    ("  rules:\n", "  maintenance: {timezone: UTC, windows: [{from: \"02:00\", to: \"05:00\"}]}\n  rules:\n"),
];

fn edited(which: &[bool]) -> ReleaseTree {
    let chosen = EDITS.iter().zip(which).filter(|(_, chosen)| **chosen);
    one(&chosen.fold(TUTORIAL.to_owned(), |text, ((from, to), _)| text.replace(from, to)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_said_of_nothing_and_every_changed_host_is_named(
        a in prop::collection::vec(any::<bool>(), EDITS.len()),
        b in prop::collection::vec(any::<bool>(), EDITS.len()),
    ) {
        let (old, new) = (edited(&a), edited(&b));
        prop_assert!(reviewed(&old, &old).is_empty());
        let review = reviewed(&old, &new);
        let differing: BTreeSet<HostId> = old.keys().filter(|id| old.get(*id) != new.get(*id)).cloned().collect();
        let named: BTreeSet<HostId> = review.clusters.iter().flat_map(|one| one.hosts.iter().cloned()).collect();
        prop_assert_eq!(&named, &differing);
        // Each file that differs on a host is named with that host.
        for id in &differing {
            let (before, after) = (&old[id], &new[id]);
            for path in before.artifacts.keys().filter(|path| before.artifacts.get(*path) != after.artifacts.get(*path)) {
                let has = |file: &FileChange| file.path == path.as_str() && file.hosts.contains(id);
                prop_assert!(review.clusters.iter().flat_map(|one| &one.files).any(has), "{} {}", id, path);
            }
        }
        // Whatever a program reads has a consequence of its own: only what none reads is nothing.
        let read = |id: &HostId| {
            let (before, after) = (&old[id], &new[id]);
            let paths = before.artifacts.keys().chain(after.artifacts.keys());
            let file = paths.into_iter().any(|path| before.artifacts.get(path) != after.artifacts.get(path));
            file || before.definitions != after.definitions || before.role != after.role
        };
        let is_read = differing.iter().any(read);
        for one in &review.clusters {
            let idle = one.consequences.iter().all(|one| one.class == Class::Nothing);
            prop_assert_eq!(idle && one.transitions.is_empty(), !is_read, "{:?}", one.consequences);
            let said = one.consequences.iter().any(|one| one.text == consequences::NOTHING);
            prop_assert!(!(said && is_read));
        }
    }
}
