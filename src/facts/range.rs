//! The versions in which something holds, as the tables write them.
//!
//! `3.8.24-3.8 3.9.9-` is from 3.8.24 to the last 3.8, and from 3.9.9 on. Both ends belong to a range; an end without a patch
//! is the whole series, and one without a minor version the whole major one.

use std::fmt;
use std::str::FromStr;

use super::version::Version;

/// One or more ranges of versions, in ascending order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions(Vec<(Version, Option<Version>)>);

impl Versions {
    /// Tells whether a version is in one of the ranges.
    pub fn contains(&self, version: Version) -> bool {
        self.0.iter().any(|(first, last)| version >= *first && last.is_none_or(|last| version <= last))
    }

    /// Returns the first version.
    pub fn first(&self) -> Version {
        self.0[0].0
    }

    /// Returns the first version at or after this one.
    pub fn next(&self, version: Version) -> Option<Version> {
        self.0.iter().find(|(_, last)| last.is_none_or(|last| version <= last)).map(|(first, _)| version.max(*first))
    }

    /// Returns the end of the last range, `None` if it goes on; a series as a whole has the patch 65535.
    pub fn last(&self) -> Option<Version> {
        self.0.last().and_then(|(_, last)| *last)
    }

    /// Returns the last version before this one, as a person writes it: `3.13.1`, or `3.13` for the end of the series.
    pub fn last_before(&self, version: Version) -> Option<String> {
        let last = self.0.iter().rev().find_map(|(_, last)| last.filter(|last| *last < version))?;
        Some(spell(last))
    }
}

fn spell(end: Version) -> String {
    match end {
        Version { major, minor: u16::MAX, .. } => major.to_string(),
        Version { major, minor, patch: u16::MAX } => format!("{major}.{minor}"),
        _ => end.to_string(),
    }
}

impl FromStr for Versions {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut ranges: Vec<(Version, Option<Version>)> = Vec::new();
        for part in text.split(' ') {
            let (first, last) = match part.split_once('-') {
                None => (part, Some(part)),
                Some((first, "")) => (first, None),
                Some((first, last)) => (first, Some(last)),
            };
            let first = end(first, 0)?;
            let last = last.map(|last| end(last, u16::MAX)).transpose()?;
            if last.is_some_and(|last| last < first)
                || ranges.last().is_some_and(|(_, end)| end.is_none_or(|end| end >= first))
            {
                return Err(format!("the ranges `{text}` are not in ascending order"));
            }
            ranges.push((first, last));
        }
        Ok(Self(ranges))
    }
}

/// Reads an end of a range; what is left out is `rest`.
fn end(text: &str, rest: u16) -> Result<Version, String> {
    let wrong = || format!("`{text}` is not a version");
    let mut parts = text.split('.').map(|part| part.parse::<u16>().map_err(|_| wrong()));
    let major = parts.next().ok_or_else(wrong)??;
    let minor = parts.next().transpose()?.unwrap_or(rest);
    let patch = parts.next().transpose()?.unwrap_or(rest);
    if parts.next().is_some() { Err(wrong()) } else { Ok(Version::new(major, minor, patch)) }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (first, last)) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            match last {
                None => write!(f, "{first} and later")?,
                Some(last) if last == first => write!(f, "{first}")?,
                Some(last) => write!(f, "{first} to {}", spell(*last))?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(text: &str) -> Versions {
        text.parse().expect("a valid range")
    }

    fn version(text: &str) -> Version {
        text.parse().expect("a valid version")
    }

    #[test]
    fn versions_are_inside_or_outside() {
        let check = |text: &str, inside: &[&str], outside: &[&str]| {
            for one in inside {
                assert!(ranges(text).contains(version(one)), "{one} in {text}");
            }
            for one in outside {
                assert!(!ranges(text).contains(version(one)), "{one} in {text}");
            }
        };
        check("3.8.24-3.8 3.9.9-", &["3.8.24", "3.8.99", "3.9.9", "4.3.5"], &["3.8.23", "3.9.0", "3.9.8"]);
        check("3.7.0-3.13.7", &["3.7.0", "3.13.7"], &["3.6.16", "3.13.8"]);
        check("4.2.0", &["4.2.0"], &["4.1.9", "4.2.1"]);
        check("3.6", &["3.6.0", "3.6.16"], &["3.5.9", "3.7.0"]);
        check("3-3", &["3.0.0", "3.13.7"], &["4.0.1"]);
    }

    #[test]
    fn ends_and_neighbours_are_told() {
        let some = ranges("3.8.24-3.8 3.9.9-3.13.1");
        assert_eq!(some.to_string(), "3.8.24 to 3.8, 3.9.9 to 3.13.1");
        assert_eq!(some.first(), version("3.8.24"));
        assert_eq!(some.next(version("3.9.1")), Some(version("3.9.9")));
        assert_eq!(some.next(version("3.10.0")), Some(version("3.10.0")));
        assert_eq!(some.next(version("4.0.1")), None);
        assert_eq!(some.last_before(version("4.0.1")), Some("3.13.1".to_owned()));
        assert_eq!(some.last_before(version("3.9.1")), Some("3.8".to_owned()));
        assert_eq!(some.last(), Some(version("3.13.1")));
        assert_eq!(ranges("3.7-").to_string(), "3.7.0 and later");
        assert_eq!(ranges("3.7-").last(), None);
        assert_eq!(ranges("4.2.0").to_string(), "4.2.0");
    }

    #[test]
    fn broken_ranges_are_refused() {
        for text in ["", "3.8-3.7", "3.9- 3.10-", "3.9-3.10 3.10.1-", "x", "3.8.1.2", "3.8-x"] {
            assert!(text.parse::<Versions>().is_err(), "{text:?}");
        }
    }
}
