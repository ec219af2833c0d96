//! What keys of `rabbitmq.conf` do, in a few words, and which of them RabbitMQ can take over without a restart.

use std::sync::LazyLock;

use super::table;

/// What is known of a key, or of all keys below one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// The key; one that ends in `.*` stands for all keys below it, `$name` for one word.
    pub key: &'static str,
    /// What it does.
    pub meaning: &'static str,
    /// What brings a new value into force while RabbitMQ runs, if something does.
    pub live: Option<&'static str>,
    /// Where that is written.
    pub source: &'static str,
}

static EFFECTS: LazyLock<Vec<Effect>> =
    LazyLock::new(|| table::built_in(include_str!("tables/config_effects.tsv"), COLUMNS, read));

const COLUMNS: [&str; 4] = ["key", "meaning", "live", "source"];

fn read([key, meaning, live, source]: [&'static str; 4]) -> Result<Effect, String> {
    if key.is_empty() || meaning.is_empty() || source.is_empty() {
        return Err("a cell is empty".to_owned());
    }
    Ok(Effect { key, meaning, live: table::optional(live), source })
}

/// Returns what is known of a key; the longest row that fits says most.
pub fn find(key: &str) -> Option<&'static Effect> {
    EFFECTS.iter().filter(|effect| fits(effect.key, key)).max_by_key(|effect| effect.key.len())
}

fn fits(pattern: &str, key: &str) -> bool {
    if let Some(above) = pattern.strip_suffix(".*") {
        return key.strip_prefix(above).is_some_and(|rest| rest.starts_with('.'));
    }
    let (mut pattern, mut words) = (pattern.split('.'), key.split('.'));
    loop {
        match (pattern.next(), words.next()) {
            (None, None) => return true,
            (Some(expected), Some(word)) if expected.starts_with('$') || expected == word => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::config_keys;

    #[test]
    fn every_row_is_about_a_key_that_exists() {
        let rows = table::read(include_str!("tables/config_effects.tsv"), COLUMNS, read).expect("the table is sound");
        for effect in rows {
            let below = effect.key.strip_suffix(".*");
            let known = config_keys::all().iter().any(|key| match below {
                Some(above) => key.name.starts_with(above),
                None => fits(key.name, effect.key) || key.name == effect.key,
            });
            assert!(known, "{}", effect.key);
        }
    }

    #[test]
    fn the_longest_row_fits_best() {
        let meaning = |key| find(key).map(|effect| effect.key);
        assert_eq!(meaning("log.console.level"), Some("log.console.level"));
        assert_eq!(meaning("listeners.tcp.1"), Some("listeners.tcp.$name"));
        assert_eq!(meaning("cluster_formation.classic_config.nodes.1"), Some("cluster_formation.*"));
        assert_eq!(meaning("nothing.like.this"), None);
    }
}
