//! RabbitMQ's series: how long they are looked after, and the versions of Erlang/OTP that they run on.

use std::cmp::Ordering;
use std::sync::LazyLock;

use jiff::civil::Date;

use super::range::Versions;
use super::table;
use super::version::Version;

/// A series, such as 3.13.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Series {
    /// The first version that it can have.
    pub first: Version,
    /// Its newest release so far.
    pub newest: Version,
    /// The last day on which everyone gets fixes.
    pub community: Date,
    /// The last day of all support; at and after 3.11 that is commercial support.
    pub support: Date,
}

/// What a release of RabbitMQ needs of Erlang/OTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erlang {
    versions: Versions,
    /// The oldest that it runs on.
    pub min: &'static str,
    /// The newest; `25.2` is every 25.2.x.
    pub max: &'static str,
}

static SERIES: LazyLock<Vec<Series>> =
    LazyLock::new(|| table::built_in(include_str!("tables/rabbitmq_series.tsv"), SERIES_COLUMNS, read_series));
static ERLANG: LazyLock<Vec<Erlang>> =
    LazyLock::new(|| table::built_in(include_str!("tables/rabbitmq_erlang.tsv"), ERLANG_COLUMNS, read_erlang));

const SERIES_COLUMNS: [&str; 5] = ["series", "newest", "community", "support", "source"];
const ERLANG_COLUMNS: [&str; 4] = ["versions", "min", "max", "source"];

fn read_series([series, newest, community, support, _]: [&'static str; 5]) -> Result<Series, String> {
    let date = |text: &str| text.parse().map_err(|_| format!("`{text}` is not a date"));
    Ok(Series { first: series.parse()?, newest: newest.parse()?, community: date(community)?, support: date(support)? })
}

fn read_erlang([versions, min, max, _]: [&'static str; 4]) -> Result<Erlang, String> {
    Ok(Erlang { versions: versions.parse()?, min, max })
}

/// Returns every series, the oldest first.
pub fn all() -> &'static [Series] {
    &SERIES
}

/// Returns the series of a version, if it is known.
pub fn series(version: Version) -> Option<&'static Series> {
    SERIES.iter().find(|series| (series.first.major, series.first.minor) == (version.major, version.minor))
}

/// Returns what a release needs of Erlang/OTP, if it is known.
pub fn erlang(version: Version) -> Option<&'static Erlang> {
    ERLANG.iter().find(|row| row.versions.contains(version))
}

impl Erlang {
    /// Compares an Erlang/OTP version with the range: before it, in it, after it. What the version leaves out counts as in
    /// the range.
    pub fn place(&self, otp: &str) -> Ordering {
        if compare(otp, self.min).is_lt() {
            Ordering::Less
        } else if compare(otp, self.max).is_gt() {
            Ordering::Greater
        } else {
            Ordering::Equal
        }
    }
}

/// Compares two versions of Erlang/OTP as far as both go; `R16B03` is 16.3.
fn compare(a: &str, b: &str) -> Ordering {
    let numbers =
        |text| str::split(text, ['.', 'B']).map(|part| part.trim_start_matches('R').parse::<u32>().unwrap_or(0));
    numbers(a).zip(numbers(b)).map(|(a, b)| a.cmp(&b)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_read_and_cover_each_other() {
        let series =
            table::read(include_str!("tables/rabbitmq_series.tsv"), SERIES_COLUMNS, read_series).expect("the series");
        table::read(include_str!("tables/rabbitmq_erlang.tsv"), ERLANG_COLUMNS, read_erlang).expect("the ranges");
        for series in &series {
            assert_eq!(series.first.minor, series.newest.minor);
            assert!(series.community <= series.support);
            for patch in 0..=series.newest.patch {
                let version = Version { patch, ..series.first };
                assert!(erlang(version).is_some(), "{version}");
            }
        }
        assert!(series.is_sorted_by_key(|series| series.first));
    }

    #[test]
    fn erlang_is_in_the_range_of_the_exact_patch() {
        let check = |rabbitmq: &str, otp, expect| {
            let range = erlang(rabbitmq.parse().expect("a version")).expect("a known release");
            assert_eq!(range.place(otp), expect, "{otp} for {rabbitmq}");
        };
        check("3.6.12", "19.0.4", Ordering::Equal);
        check("3.6.15", "19.0.4", Ordering::Less);
        check("3.6.12", "16", Ordering::Equal);
        check("3.6.12", "21.0", Ordering::Greater);
        check("3.10.8", "25.2.3", Ordering::Equal);
        check("3.10.8", "25", Ordering::Equal);
        check("3.10.8", "25.3", Ordering::Greater);
        check("3.9.28", "24.3.4.1", Ordering::Less);
        check("4.2.9", "26.2.5", Ordering::Less);
        check("4.2.8", "26.2.5", Ordering::Equal);
        check("4.2.8", "28", Ordering::Greater);
        assert_eq!(erlang(Version::new(5, 0, 0)), None);
        assert_eq!(series(Version::new(3, 13, 7)).map(|series| series.newest.patch), Some(7));
    }
}
