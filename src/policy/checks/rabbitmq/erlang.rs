//! The version of Erlang/OTP against the exact release of RabbitMQ, and how long that release is looked after.

use std::cmp::Ordering;

use crate::facts::releases;
use crate::facts::version::Version;
use crate::policy::{Finding, Subject};

/// The only version of Erlang/OTP that is said to work for new clusters alone, and the first RabbitMQ that says so.
const NEW_CLUSTERS_ONLY: (&str, Version) = ("28", Version::new(4, 2, 0));

/// Finds an Erlang that the release does not start on.
pub(in crate::policy) fn too_old(subject: &Subject<'_>) -> Vec<Finding> {
    outside(subject, Ordering::Less)
}

/// Finds an Erlang that the release was never made for.
pub(in crate::policy) fn too_new(subject: &Subject<'_>) -> Vec<Finding> {
    if for_new_clusters(subject) { Vec::new() } else { outside(subject, Ordering::Greater) }
}

/// Finds an Erlang that only clusters without a past can have.
pub(in crate::policy) fn new_clusters_only(subject: &Subject<'_>) -> Vec<Finding> {
    let old = subject.published.is_some() && for_new_clusters(subject);
    if old { outside(subject, Ordering::Greater) } else { Vec::new() }
}

fn for_new_clusters(subject: &Subject<'_>) -> bool {
    let broker = &subject.cluster.broker;
    let (erlang, first) = NEW_CLUSTERS_ONLY;
    broker.version.value >= first && broker.erlang.as_ref().is_some_and(|otp| otp.split('.').next() == Some(erlang))
}

fn outside(subject: &Subject<'_>, side: Ordering) -> Vec<Finding> {
    let broker = &subject.cluster.broker;
    let (Some(otp), Some(range)) = (&broker.erlang, releases::erlang(broker.version.value)) else {
        return Vec::new();
    };
    if range.place(otp) != side {
        return Vec::new();
    }
    let finding = Finding::new().with("erlang", otp.as_str()).with("min", range.min).with("max", range.max);
    vec![finding.at_place(otp.place, "this Erlang").at_place(broker.version.place, "needs another one")]
}

/// Finds a series that nobody looks after any more, or only for money.
pub(in crate::policy) fn end_of_life(subject: &Subject<'_>) -> Vec<Finding> {
    let version = subject.cluster.broker.version;
    let Some(series) = releases::series(version.value).filter(|series| series.community < subject.today) else {
        return Vec::new();
    };
    let newest = releases::all().last().expect("the table has rows").first;
    let name = |version: Version| format!("{}.{}", version.major, version.minor);
    let paid = (series.support >= subject.today).then(|| series.support.to_string());
    let finding = Finding::new().with("series", name(series.first)).with("ended", series.community.to_string());
    vec![finding.with("paid", paid).with("newest", name(newest)).at_place(version.place, "this version")]
}

/// Finds a version that is not known to be a release.
pub(in crate::policy) fn unknown_release(subject: &Subject<'_>) -> Vec<Finding> {
    let version = subject.cluster.broker.version;
    let series = releases::series(version.value);
    // 4.0.0 was tagged and withdrawn: the first release of the series is 4.0.1.
    let known = series.is_some_and(|series| version.value <= series.newest) && version.value != Version::new(4, 0, 0);
    if known {
        return Vec::new();
    }
    let newest = series.map(|series| series.newest.to_string());
    vec![Finding::new().with("newest", newest).at_place(version.place, "this version")]
}

/// Finds a release that is not the newest of its series.
pub(in crate::policy) fn outdated_patch(subject: &Subject<'_>) -> Vec<Finding> {
    let version = subject.cluster.broker.version;
    let newer = releases::series(version.value).filter(|series| version.value < series.newest);
    let finding = |series: &releases::Series| {
        Finding::new().with("newest", series.newest.to_string()).at_place(version.place, "this version")
    };
    newer.map(finding).into_iter().collect()
}
