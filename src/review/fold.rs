//! Clusters in which the same happens for the same reasons become one entry.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::diff::changed_lines;
use super::names::Names;
use super::{ClusterReview, HostId};
use crate::name::Digest;

/// Puts clusters together. The order of the first of each stays.
pub(super) fn fold(reviews: Vec<(ClusterReview, Names)>) -> Vec<ClusterReview> {
    let mut found: Vec<ClusterReview> = Vec::new();
    let mut seen: BTreeMap<Digest, usize> = BTreeMap::new();
    for (review, names) in reviews {
        let next = found.len();
        let index = *seen.entry(Digest::of(key(&review, &names).as_bytes())).or_insert(next);
        if index == next {
            found.push(review);
        } else {
            merge(&mut found[index], review);
        }
    }
    found
}

/// Returns all that is said of a cluster, with places for its names.
fn key(review: &ClusterReview, names: &Names) -> String {
    let mut text = String::new();
    let hosts = |hosts: &[HostId]| hosts.iter().fold(String::new(), |text, id| text + id.host.as_str() + " ");
    put(&mut text, format_args!("{:?}\n{}\n", review.class, hosts(&review.hosts)));
    put(&mut text, format_args!("{}\n{}\n", hosts(&review.added), hosts(&review.removed)));
    for one in &review.consequences {
        // What a secret is sealed as is another for each cluster.
        put(&mut text, format_args!("{:?} {} {} {}\n", one.class, one.loses_data, one.text, hosts(&one.hosts)));
    }
    for one in &review.transitions {
        put(
            &mut text,
            format_args!("{:?} {} {:?} {} {}\n", one.kind, one.text, one.grant, one.granted, hosts(&one.hosts)),
        );
    }
    for one in &review.policies {
        put(&mut text, format_args!("{one:?}\n"));
    }
    for one in &review.objects {
        put(&mut text, format_args!("{one:?}\n"));
    }
    for one in &review.services {
        put(
            &mut text,
            format_args!("{} {:?} {} {:?} {}\n", one.service, one.class, one.place, one.setting, hosts(&one.hosts)),
        );
    }
    for one in &review.secrets {
        let sides = (one.before.is_some(), one.after.is_some());
        put(&mut text, format_args!("{} {sides:?} {:?} {}\n", one.name, one.used_for, hosts(&one.hosts)));
    }
    for one in &review.files {
        let attributes: Vec<_> = one.attributes.iter().filter(|one| one.name != "fingerprint").collect();
        put(
            &mut text,
            format_args!(
                "{} {:?} {:?} {:?} {:?} {attributes:?} ",
                one.path, one.kind, one.class, one.note, one.on_change
            ),
        );
        put(&mut text, format_args!("{}\n{}\n", hosts(&one.hosts), changed_lines(&one.diff)));
    }
    names.plain(&text, None)
}

fn merge(one: &mut ClusterReview, other: ClusterReview) {
    one.clusters.extend(other.clusters);
    one.hosts.extend(other.hosts);
    one.added.extend(other.added);
    one.removed.extend(other.removed);
    for (one, other) in one.consequences.iter_mut().zip(other.consequences) {
        one.hosts.extend(other.hosts);
    }
    for (one, other) in one.transitions.iter_mut().zip(other.transitions) {
        one.hosts.extend(other.hosts);
    }
    for (one, other) in one.services.iter_mut().zip(other.services) {
        one.hosts.extend(other.hosts);
    }
    for (one, other) in one.secrets.iter_mut().zip(other.secrets) {
        one.hosts.extend(other.hosts);
    }
    for (one, other) in one.files.iter_mut().zip(other.files) {
        one.similar |= other.similar
            || changed_lines(&one.diff) != changed_lines(&other.diff)
            || one.attributes != other.attributes;
        one.hosts.extend(other.hosts);
    }
}

fn put(text: &mut String, args: std::fmt::Arguments<'_>) {
    text.write_fmt(args).expect("a string takes any text");
}
