//! Deprecated features that the spec permits.

use crate::diag::nearest;
use crate::facts::deprecations::{self, Phase};
use crate::policy::{Finding, Subject};

const PERMIT: &str = "deprecated_features.permit.";

/// Finds permits of features that are gone, or that never were deprecated.
pub(in crate::policy) fn gone(subject: &Subject<'_>) -> Vec<Finding> {
    let broker = &subject.cluster.broker;
    let version = broker.version.value;
    let found = broker.config.iter().filter_map(|(key, setting)| {
        let feature = key.strip_prefix(PERMIT)?;
        let removed = match deprecations::phase(feature, version) {
            Some(Phase::Permitted | Phase::Denied) => return None,
            Some(Phase::Removed) => true,
            None => false,
        };
        let near = nearest(feature, deprecations::names(version)).filter(|_| !removed);
        let finding = Finding::new().with("feature", feature).with("removed", removed).with("near", near);
        Some(finding.at_place(setting.place, "this permit"))
    });
    found.collect()
}
