//! The variables of `rabbitmq-env.conf`.

use crate::diag::nearest;
use crate::facts::variables;
use crate::policy::{Finding, Subject};

fn finding(name: &str, label: &str) -> Finding {
    Finding::new().with("variable", name).at(&["rabbitmq", "env", name], label)
}

/// Finds variables that no version reads. A name that is not RabbitMQ's may be Erlang's, such as `ERL_CRASH_DUMP`.
pub(in crate::policy) fn unknown(subject: &Subject<'_>) -> Vec<Finding> {
    let broker = &subject.cluster.broker;
    let ours = |name: &&String| !name.starts_with("ERL_") && !name.starts_with("EPMD_");
    let unknown = broker.env.keys().filter(|name| variables::find(name).is_none()).filter(ours);
    let known = || variables::names(broker.version.value);
    unknown.map(|name| finding(name, "unknown variable").with("near", nearest(name, known()))).collect()
}

/// Finds variables that only other versions read.
pub(in crate::policy) fn outside_version(subject: &Subject<'_>) -> Vec<Finding> {
    let broker = &subject.cluster.broker;
    let outside = broker.env.keys().filter_map(|name| {
        let versions = variables::find(name).filter(|versions| !versions.contains(broker.version.value))?;
        Some(finding(name, "not in this version").with("versions", versions.to_string()))
    });
    outside.collect()
}
