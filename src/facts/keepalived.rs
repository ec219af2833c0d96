//! Keepalived's keywords, by block and by version, and the dates of its series.

use std::collections::HashMap;
use std::sync::LazyLock;

use jiff::civil::Date;

use super::table::{self, optional};
use super::version::Version;

/// A version that stands for one that the spec does not name: what Debian 12 ships.
pub const ASSUMED: Version = Version::new(2, 2, 7);

/// The block name of what stands outside of every block.
pub const ROOT: &str = "root";

/// The life of a keyword in one kind of block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// The first version that has it; 1.3.0 also means before.
    pub from: Version,
    /// The first version that has it no more.
    pub until: Option<Version>,
    /// The file of Keepalived's source that registers it.
    pub source: &'static str,
}

/// A series, such as 2.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Series {
    /// Its first version.
    pub version: Version,
    /// The day of its first release.
    pub released: Date,
    /// The day of its last release so far.
    pub last: Date,
}

struct Tables {
    blocks: HashMap<&'static str, HashMap<&'static str, Life>>,
    series: Vec<Series>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let mut blocks: HashMap<_, HashMap<_, _>> = HashMap::new();
    for (block, keyword, life) in keyword_rows() {
        blocks.entry(block).or_default().insert(keyword, life);
    }
    Tables { blocks, series: series_rows() }
});

/// Finds a keyword of a kind of block: [`ROOT`], `global_defs`, `vrrp_instance`, `vrrp_instance authentication`...
pub fn keyword(block: &str, word: &str) -> Option<&'static Life> {
    TABLES.blocks.get(block)?.get(word)
}

/// Tells whether the table has all keywords of a kind of block.
pub fn is_complete(block: &str) -> bool {
    TABLES.blocks.contains_key(block)
}

/// Returns the keyword of a kind of block that looks most like a word.
pub fn nearest(block: &str, word: &str) -> Option<&'static str> {
    let known = TABLES.blocks.get(block)?.keys().map(|known| (strsim::jaro_winkler(known, word), *known));
    let near = known.filter(|(score, _)| *score > 0.85);
    near.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(a.1))).map(|(_, known)| known)
}

/// Finds the series of a version.
pub fn series(version: Version) -> Option<&'static Series> {
    TABLES.series.iter().find(|series| (series.version.major, series.version.minor) == (version.major, version.minor))
}

fn version(cell: &'static str) -> Result<Version, String> {
    cell.parse().map_err(|why| format!("`{cell}`: {why}"))
}

fn keyword_rows() -> Vec<(&'static str, &'static str, Life)> {
    let columns = ["block", "keyword", "from", "until", "source"];
    table::built_in(include_str!("tables/keepalived_keywords.tsv"), columns, |[block, name, from, until, source]| {
        let until = optional(until).map(version).transpose()?;
        Ok((block, name, Life { from: version(from)?, until, source }))
    })
}

fn series_rows() -> Vec<Series> {
    let columns = ["series", "released", "last", "source"];
    table::built_in(include_str!("tables/keepalived_series.tsv"), columns, |[name, released, last, _]| {
        let date = |text: &str| text.parse::<Date>().map_err(|error| error.to_string());
        Ok(Series { version: version(name)?, released: date(released)?, last: date(last)? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_live_where_and_when_the_tags_say() {
        let from = |block, word| keyword(block, word).map(|life| life.from.to_string());
        assert_eq!(from("global_defs", "reload_check_config").as_deref(), Some("2.2.0"));
        assert_eq!(from("vrrp_instance", "auth_hmac").as_deref(), Some("2.4.0"));
        assert_eq!(from("vrrp_instance authentication", "auth_pass").as_deref(), Some("1.3.0"));
        assert_eq!(from("vrrp_script", "init_fail").as_deref(), Some("1.3.2"));
        assert_eq!(from("global_defs", "lvs_id"), None);
        assert!(is_complete("vrrp_script") && is_complete(ROOT) && !is_complete("virtual_server"));
        assert_eq!(nearest("vrrp_instance", "prority"), Some("priority"));
    }

    #[test]
    fn series_are_in_order() {
        assert!(TABLES.series.is_sorted_by_key(|series| (series.version, series.released, series.last)));
        assert!(series(ASSUMED).is_some());
    }
}
