//! The hidden first line by which a comment is found again.

use std::fmt;

/// The longest name of an instance, in bytes.
const LONGEST: usize = 40;

/// Which of several reviews of one repository a comment is: one for each name, and one without.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Instance(Option<String>);

/// Says what a name of an instance looks like.
#[derive(Debug, thiserror::Error)]
#[error("a name has 1 to {LONGEST} letters, digits, `.` or `_`")]
pub struct WrongInstance;

impl std::str::FromStr for Instance {
    type Err = WrongInstance;

    fn from_str(text: &str) -> Result<Self, WrongInstance> {
        // No dash: two of them would end the comment that hides the marker.
        let fits = (1..=LONGEST).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_'));
        if fits { Ok(Self(Some(text.to_owned()))) } else { Err(WrongInstance) }
    }
}

impl fmt::Display for Instance {
    /// Writes `rmqgit/review` or `rmqgit/review/NAME`: the name of the commit status.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rmqgit/review")?;
        self.0.as_ref().map_or(Ok(()), |name| write!(f, "/{name}"))
    }
}

/// Writes the first line of a comment. The number of the CI run lets an older run see that a newer one has spoken.
pub(super) fn line(instance: &Instance, run: Option<u64>) -> String {
    match run {
        Some(run) => format!("<!-- {instance} run={run} -->\n"),
        None => format!("<!-- {instance} -->\n"),
    }
}

/// The first line of a comment of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marker {
    /// The CI run that wrote it.
    pub(super) run: Option<u64>,
}

/// Reads the first line of a comment, if it is one of this instance.
pub(super) fn read(instance: &Instance, body: &str) -> Option<Marker> {
    let first = body.lines().next().unwrap_or_default().trim_end();
    let inner = first.strip_prefix("<!-- ")?.strip_suffix(" -->")?;
    match inner.strip_prefix(&instance.to_string())? {
        "" => Some(Marker { run: None }),
        run => Some(Marker { run: Some(run.strip_prefix(" run=")?.parse().ok()?) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_read_as_it_is_written() {
        let check = |instance: &Instance, body: &str, expect: Option<Marker>| {
            assert_eq!(read(instance, body), expect, "{body}");
        };
        let (none, orders) = (Instance::default(), "orders.eu".parse().expect("a name"));
        for run in [None, Some(0), Some(u64::MAX)] {
            check(&none, &(line(&none, run) + "text"), Some(Marker { run }));
            check(&orders, &line(&orders, run), Some(Marker { run }));
            check(&none, &line(&orders, run), None);
            check(&orders, &line(&none, run), None);
        }
        // Forges may end lines as they like.
        check(&none, "<!-- rmqgit/review run=7 -->\r\ntext", Some(Marker { run: Some(7) }));
        // Only the first line counts: a review may quote a marker.
        check(&none, "> <!-- rmqgit/review run=7 -->", None);
        check(&none, "text\n<!-- rmqgit/review run=7 -->", None);
        check(&none, "<!-- rmqgit/review run=-1 -->", None);
        check(&none, "", None);
    }

    #[test]
    fn a_name_cannot_end_the_comment() {
        for name in ["", "a b", "a--", "-->", "ä", "a/b", &"a".repeat(41)] {
            assert!(name.parse::<Instance>().is_err(), "{name}");
        }
    }
}
