//! The names of time zones. What a name means is the host's to say, whose data is newer than this program.

use std::sync::LazyLock;

use super::table;

static NAMES: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| table::built_in(include_str!("tables/time_zones.tsv"), COLUMNS, read));

const COLUMNS: [&str; 1] = ["name"];

#[expect(clippy::unnecessary_wraps, reason = "a table's reader may refuse a row")]
fn read([name]: [&'static str; 1]) -> Result<&'static str, String> {
    Ok(name)
}

/// Returns the names, sorted by their bytes.
pub fn names() -> &'static [&'static str] {
    &NAMES
}

/// Says whether there is a zone of this name. Case counts: the names are files on the host.
pub fn is_known(name: &str) -> bool {
    NAMES.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_known_by_their_names() {
        table::read(include_str!("tables/time_zones.tsv"), COLUMNS, read).expect("the zones");
        assert!(names().is_sorted());
        let check = |name, expect| assert_eq!(is_known(name), expect, "{name}");
        check("Europe/Berlin", true);
        check("America/Argentina/Buenos_Aires", true);
        check("UTC", true);
        check("europe/berlin", false);
        check("US/Pacific", false);
        check("", false);
    }
}
