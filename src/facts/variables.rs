//! The variables of `rabbitmq-env.conf`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::range::Versions;
use super::table;
use super::version::Version;

static VARIABLES: LazyLock<BTreeMap<&'static str, Versions>> = LazyLock::new(|| {
    table::built_in(include_str!("tables/rabbitmq_variables.tsv"), COLUMNS, read).into_iter().collect()
});

const COLUMNS: [&str; 2] = ["name", "versions"];

fn read([name, versions]: [&'static str; 2]) -> Result<(&'static str, Versions), String> {
    Ok((name, versions.parse()?))
}

/// Returns the versions that know a variable, without its prefix `RABBITMQ_`.
pub fn find(name: &str) -> Option<&'static Versions> {
    VARIABLES.get(name)
}

/// Returns the names of the variables of a version, in alphabetical order.
pub fn names(version: Version) -> impl Iterator<Item = &'static str> {
    VARIABLES.iter().filter(move |(_, versions)| versions.contains(version)).map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_known_by_version() {
        table::read(include_str!("tables/rabbitmq_variables.tsv"), COLUMNS, read).expect("the variables");
        let check = |name, version: &str, expect| {
            let version = version.parse().expect("a version");
            assert_eq!(find(name).is_some_and(|known| known.contains(version)), expect, "{name} in {version}");
            assert_eq!(names(version).any(|known| known == name), expect, "{name} in {version}");
        };
        check("SERVER_ADDITIONAL_ERL_ARGS", "3.6.12", true);
        check("SERVER_ADDITIONAL_ERL_ARGS", "4.3.5", true);
        check("SASL_LOGS", "3.6.12", true);
        check("SASL_LOGS", "3.7.0", false);
        check("CONFIG_FILES", "3.8.3", false);
        check("CONFIG_FILES", "3.8.5", true);
        check("NO_SUCH", "3.8.5", false);
    }
}
