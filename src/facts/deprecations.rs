//! Features of RabbitMQ on their way out.

use std::sync::LazyLock;

use super::range::Versions;
use super::table;
use super::version::Version;

/// What becomes of a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It works, and the broker warns.
    Permitted,
    /// It works only with `deprecated_features.permit.NAME = true`.
    Denied,
    /// It is gone.
    Removed,
}

struct Row {
    feature: &'static str,
    versions: Versions,
    phase: Phase,
}

static ROWS: LazyLock<Vec<Row>> =
    LazyLock::new(|| table::built_in(include_str!("tables/rabbitmq_deprecations.tsv"), COLUMNS, read));

const COLUMNS: [&str; 4] = ["feature", "versions", "phase", "source"];

fn read([feature, versions, phase, _]: [&'static str; 4]) -> Result<Row, String> {
    let phase = match phase {
        "permitted" => Phase::Permitted,
        "denied" => Phase::Denied,
        "removed" => Phase::Removed,
        _ => return Err(format!("`{phase}` is not a phase")),
    };
    Ok(Row { feature, versions: versions.parse()?, phase })
}

/// Returns the phase of a feature in a version; `None` where it is not deprecated.
pub fn phase(feature: &str, version: Version) -> Option<Phase> {
    ROWS.iter().find(|row| row.feature == feature && row.versions.contains(version)).map(|row| row.phase)
}

/// Returns the names of the deprecated features of a version, in the order of the table.
pub fn names(version: Version) -> impl Iterator<Item = &'static str> {
    ROWS.iter().filter(move |row| row.versions.contains(version)).map(|row| row.feature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_have_phases() {
        table::read(include_str!("tables/rabbitmq_deprecations.tsv"), COLUMNS, read).expect("the features");
        let check = |feature, version: &str, expect| {
            assert_eq!(phase(feature, version.parse().expect("a version")), expect, "{feature} in {version}");
        };
        check("classic_queue_mirroring", "3.12.14", None);
        check("classic_queue_mirroring", "3.13.7", Some(Phase::Permitted));
        check("classic_queue_mirroring", "4.3.5", Some(Phase::Removed));
        check("ram_node_type", "4.2.9", Some(Phase::Permitted));
        check("transient_nonexcl_queues", "4.3.0", Some(Phase::Denied));
        assert!(names(Version::new(4, 1, 0)).any(|name| name == "amqp_filter_set_bug"));
        assert_eq!(names(Version::new(3, 12, 0)).next(), None);
    }
}
