//! The plugins that RabbitMQ is shipped with, and those of the community that are known by name.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::range::Versions;
use super::table;
use super::version::Version;

/// A plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plugin {
    /// Its name.
    pub name: &'static str,
    /// The versions of RabbitMQ that it is shipped with; `None` for a plugin of the community.
    pub shipped: Option<Versions>,
    /// The plugins that are switched on with it.
    pub needs: Vec<&'static str>,
    /// The port that it listens on without configuration.
    pub port: Option<u16>,
    /// Where it is.
    pub source: &'static str,
}

static PLUGINS: LazyLock<BTreeMap<&'static str, Plugin>> = LazyLock::new(|| {
    let rows = table::built_in(include_str!("tables/rabbitmq_plugins.tsv"), COLUMNS, read);
    rows.into_iter().map(|plugin| (plugin.name, plugin)).collect()
});

const COLUMNS: [&str; 5] = ["plugin", "versions", "needs", "port", "source"];

fn read([name, versions, needs, port, source]: [&'static str; 5]) -> Result<Plugin, String> {
    let shipped = table::optional(versions).map(str::parse).transpose()?;
    let port = table::optional(port).map(str::parse).transpose().map_err(|_| format!("`{port}` is not a port"))?;
    Ok(Plugin { name, shipped, needs: needs.split_whitespace().collect(), port, source })
}

/// Returns a plugin by its name.
pub fn find(name: &str) -> Option<&'static Plugin> {
    PLUGINS.get(name)
}

/// Returns the names of the plugins that a version is shipped with.
pub fn shipped(version: Version) -> impl Iterator<Item = &'static str> {
    let there = move |plugin: &&Plugin| plugin.shipped.as_ref().is_some_and(|versions| versions.contains(version));
    PLUGINS.values().filter(there).map(|plugin| plugin.name)
}

/// Tells whether a plugin is on when these are enabled: by itself, or because another one needs it.
pub fn is_on<'a>(wanted: &str, enabled: impl IntoIterator<Item = &'a str>) -> bool {
    enabled.into_iter().any(|name| brings(name, wanted))
}

fn brings(name: &str, wanted: &str) -> bool {
    name == wanted || find(name).is_some_and(|plugin| plugin.needs.iter().any(|needed| brings(needed, wanted)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read() {
        let rows = table::read(include_str!("tables/rabbitmq_plugins.tsv"), COLUMNS, read).expect("the plugins");
        for plugin in rows {
            assert!(plugin.needs.iter().all(|needed| find(needed).is_some()), "{}", plugin.name);
        }
    }

    #[test]
    fn plugins_are_shipped_or_not() {
        let check = |name, version: &str, expect| {
            let version = version.parse().expect("a version");
            assert_eq!(shipped(version).any(|known| known == name), expect, "{name} in {version}");
        };
        check("rabbitmq_management", "3.6.0", true);
        check("rabbitmq_prometheus", "3.7.28", false);
        check("rabbitmq_prometheus", "3.8.0", true);
        check("rabbitmq_stream", "3.8.35", false);
        check("rabbitmq_management_visualiser", "3.7.0", false);
        check("rabbitmq_delayed_message_exchange", "4.3.5", false);
        assert!(find("rabbitmq_delayed_message_exchange").is_some());
    }

    #[test]
    fn a_plugin_brings_others() {
        assert!(is_on("rabbitmq_management_agent", ["rabbitmq_prometheus"]));
        assert!(is_on("rabbitmq_federation", ["rabbitmq_federation_management"]));
        assert!(!is_on("rabbitmq_management", ["rabbitmq_prometheus", "no_such_plugin"]));
    }
}
