//! What comes first, and what is said of it where it is easily overlooked.

use std::fmt::Write as _;

use zeroize::Zeroizing;

use super::*;
use crate::name::{ClusterName, HostName, SecretRef};
use crate::secret::{Envelope, PublicKey, Secret, seal};

/// Two clusters for what comes first: `aaa` has a virtual host that may go, `zzz` a node and a policy.
const TWO: &str = "version: 1
defaults:
  platform: debian
  rabbitmq: {version: 4.1.4, cookie: {secret: c}}
clusters:
  aaa:
    hosts: {a1: {address: 10.1.2.1}}
    rabbitmq: {nodes: [a1], vhosts: {/: {}, old: {}}, policies: [{name: m, pattern: \"^m\", apply-to: queues, definition: {max-length: 50}}]}
  zzz:
    hosts: {b1: {address: 10.1.1.1}, b2: {address: 10.1.1.2}, b3: {address: 10.1.1.3}}
    rabbitmq: {nodes: [b1, b2, b3], policies: [{name: n, pattern: \"^n\", apply-to: queues, definition: {max-length: 100}}]}
";

/// Returns the headline of a change of both clusters.
fn first(edits: &[(&str, &str)]) -> String {
    let new = edits.iter().fold(TWO.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "there is no `{from}`");
        text.replace(from, to)
    });
    reviewed(&one(TWO), &one(&new)).headline
}

#[test]
fn the_headline_is_the_worst() {
    const VHOST: (&str, &str) = (", old: {}", "");
    const NODE: [(&str, &str); 2] = [(", b3: {address: 10.1.1.3}", ""), ("[b1, b2, b3]", "[b1, b2]")];
    const SHORTER: (&str, &str) = ("max-length: 50", "max-length: 5");
    const GRANT: (&str, &str) = ("  zzz:\n", "  zzz:\n    grants: [\"forget-node:rabbit@b3\"]\n");
    let other = ("max-length: 100", "max-length: 10");
    // A node that leaves without a grant comes before all; what else is dangerous is counted.
    let headline = first(&[VHOST, NODE[0], NODE[1], SHORTER, other]);
    assert!(headline.starts_with("in zzz: node rabbit@b3 leaves the cluster"), "{headline}");
    assert!(headline.ends_with("(2 changes lose data)"), "{headline}");
    // What is lost comes before a transition that is granted, and that before what is left to a person.
    let headline = first(&[VHOST, NODE[0], NODE[1], GRANT, SHORTER]);
    assert!(headline.starts_with("in aaa: queues keep at most 5 messages"), "{headline}");
    let headline = first(&[VHOST, NODE[0], NODE[1], GRANT]);
    assert!(headline.starts_with("in zzz: node rabbit@b3 leaves the cluster"), "{headline}");
    assert!(first(&[VHOST]).starts_with("in aaa: virtual host `old` is no longer in the spec"));
}

#[test]
fn data_that_is_lost_is_in_every_heading() {
    let review = reviewed(&one(TWO), &one(&TWO.replace("max-length: 50", "max-length: 5")));
    assert!((review.class, review.loses_data) == (Class::Live, true));
    assert!(plain(&review, false).contains("LIVE, LOSES DATA: 1 host changed in 1 cluster"));
    assert!(plain(&review, false).contains("aaa — live, loses data — 1 host"));
    let comment = markdown::render(&review, markdown::Limits::NONE);
    assert!(comment.starts_with("## `rmqgit review`: live, loses data\n"), "{comment}");
    assert!(comment.contains("### `aaa`: live, loses data, 1 host"), "{comment}");
    assert_eq!(review.severity(), "live, loses data");
}

#[test]
fn many_clusters_that_leave_are_one_entry_and_the_headline() {
    let mut all = fleet(100, 5673);
    // Each has a virtual router of its own, as in one network.
    for (n, (_, bundle)) in all.iter_mut().enumerate() {
        let conf = bundle.artifacts.get_mut("/etc/keepalived/keepalived.conf").expect("the file");
        for piece in &mut conf.content {
            if let crate::release::Piece::Text(text) = piece {
                *text = text.replace("virtual_router_id 51", &format!("virtual_router_id {}", n / 2 + 1));
            }
        }
    }
    let routers = |bundle: &crate::release::Bundle| {
        bundle.artifacts.get("/etc/keepalived/keepalived.conf").map(pair::text).unwrap_or_default()
    };
    assert!(all.values().last().is_some_and(|bundle| routers(bundle).contains("virtual_router_id 100\n")));
    let name = |id: &HostId| id.cluster.as_str() == "c001";
    let left: ReleaseTree = all.iter().filter(|(id, _)| name(id)).map(|(id, one)| (id.clone(), one.clone())).collect();
    let review = reviewed(&all, &left);
    assert_eq!(review.headline, "99 clusters with 198 hosts leave the release");
    assert_eq!((review.clusters.len(), review.clusters[0].kind), (1, Kind::Removed));
    let review = reviewed(&ReleaseTree::new(), &all);
    assert_eq!((review.clusters.len(), review.clusters[0].kind), (1, Kind::Added));
    assert!(markdown::render(&review, markdown::Limits::NONE).len() < 65_536);
    assert!(html::render(&review).len() < 400_000);
    // Beside something worse they are counted.
    let mut shorter = reviewed(&one(TWO), &one(&TWO.replace("max-length: 50", "max-length: 5"))).clusters;
    shorter.extend(reviewed(&all, &left).clusters);
    let headline = headline::headline(&shorter);
    assert!(headline.ends_with("(99 clusters with 198 hosts leave the release)"), "{headline}");
}

#[test]
fn numbers_of_one_cluster_are_said_to_be_that() {
    let review = reviewed(&fleet(40, 5673), &fleet(40, 5674));
    let texts = review.clusters[0].consequences.iter().fold(String::new(), |mut all, one| {
        writeln!(all, "{}", one.text).expect("a string takes any text");
        all
    });
    assert!(texts.contains("HAProxy reloads on 2 hosts of each cluster"), "{texts}");
}

#[test]
fn a_permission_that_is_taken_away_says_so_first() {
    let review = changed(&[
        (
            "permissions: {/: {configure: \"^shop\\\\.\", write: \"^shop\\\\.\", read: \"^shop\\\\.\"}}",
            "permissions: {}",
        ),
        ("prune: [users]", "prune: [users, permissions]"),
    ]);
    let expected = "permission of `shop` in `/` is removed: this user can no longer connect to that virtual host";
    assert_eq!(review.headline, format!("in orders: {expected}"));
}

#[test]
fn a_pattern_that_cannot_be_decided_is_said() {
    let review = changed(&[("read: \"^shop\\\\.\"", "read: \"^(?!secret)\"")]);
    let text = &review.clusters[0].objects[0].text;
    assert!(text.contains("; which names it may read now cannot be told from the pattern: "), "{text}");
    let review = changed(&[("write: \"^shop\\\\.\", ", "")]);
    let text = &review.clusters[0].objects[0].text;
    assert!(text.ends_with("write ^shop\\. → nothing; it may no longer write anything"), "{text}");
}

#[test]
fn a_policy_that_wins_as_before_is_live() {
    let review = changed(&[("        apply-to: all\n", "        apply-to: all\n        priority: 3\n")]);
    let texts: Vec<_> = review.clusters[0].consequences.iter().map(|one| (one.class, one.text.as_str())).collect();
    assert_eq!(texts, [(Class::Live, "policies change on the brokers, and for no name does another one win")]);
}

const ALICE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKry2sdYy69pB9cQbPpuIDGmAftR6bpc/NsifUsoJW8F";
const BOB: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILlRQPHlAdj1qVXzgkSPViJUd4rXF8iszBJemoPT3riO";

/// Gives all hosts the Erlang cookie and the password of the statistics, sealed for these readers.
fn with_secrets(mut tree: ReleaseTree, readers: &[&str]) -> ReleaseTree {
    let readers: Vec<PublicKey> = readers.iter().map(|key| PublicKey::parse(key).expect("a key")).collect();
    for name in ["erlang-cookie", "stats-password"] {
        let name = SecretRef::parse(name).expect("a name");
        let hosts: Vec<HostName> = tree.keys().map(|id| id.host.clone()).collect();
        let envelope = Envelope {
            cluster: ClusterName::parse("orders").expect("a name"),
            name: name.clone(),
            hosts: hosts.into_iter().collect(),
        };
        let bytes = seal(&envelope, &Secret::new(Zeroizing::new("0123456789abcdef".to_owned())), &readers);
        for bundle in tree.values_mut() {
            bundle.secrets.insert(name.clone(), bytes.clone());
        }
    }
    tree
}

#[test]
fn a_secret_for_other_readers_is_perhaps_another_one() {
    let old = with_secrets(one(TUTORIAL), &[ALICE]);
    let review = reviewed(&old, &with_secrets(one(TUTORIAL), &[ALICE, BOB]));
    let entry = &review.clusters[0];
    assert_eq!((review.class, entry.transitions.len()), (Class::Live, 1));
    let cookie = &entry.transitions[0];
    assert!(cookie.perhaps && !cookie.is_held() && cookie.grant.as_deref() == Some("rotate-cookie"));
    assert!(entry.files.iter().all(|file| file.class <= Class::Live), "{:?}", entry.files);
    assert!(plain(&review, false).contains("! perhaps a transition: the file of the Erlang cookie"));
    assert!(markdown::render(&review, markdown::Limits::NONE).contains("\n### Perhaps held back\n"));
    assert!(html::render(&review).contains("<h2 id=\"perhaps\">Perhaps held back</h2>"));
    // `check --base` warns of it.
    let held = ungranted(&old, &with_secrets(one(TUTORIAL), &[ALICE, BOB]));
    assert!(held.iter().all(|(_, one)| one.perhaps) && held.len() == 1);
    // Sealed again for the same readers, it counts as another value.
    let review = reviewed(&old, &with_secrets(one(TUTORIAL), &[ALICE]));
    assert!(review.class == Class::Transition && review.clusters[0].transitions[0].is_held());
    let texts: Vec<_> = review.clusters[0].consequences.iter().map(|one| one.text.as_str()).collect();
    assert!(texts.iter().any(|text| text.starts_with("HAProxy reloads on 2 hosts")), "{texts:?}");
}
