//! Whether a maintenance window is open.
//!
//! A window opens when the clock on the wall first shows or passes `from`, and closes when it next shows or passes `to`. In the
//! night in which the clock is put forward, a time that it skips is the moment of the skip; in the night in which it is put
//! back, a time that it shows twice is the first of the two.

use std::fmt;

use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};

use crate::release::{Day, Maintenance, MaintenanceWindow};

/// How many days ahead a window is looked for: every window opens once a week, but for one that a skip swallows.
const AHEAD: i32 = 15;

/// Whether a broker may be restarted now, as far as the windows go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Window {
    /// The spec has no windows.
    Always,
    /// A window is open.
    Open {
        /// When it closes.
        until: Timestamp,
    },
    /// No window is open.
    Closed {
        /// When the next one opens.
        opens: Option<Timestamp>,
    },
    /// It cannot be told, which counts as closed.
    Unknown {
        /// Why.
        why: String,
    },
}

impl Window {
    /// Whether a broker may be restarted now, as far as the windows go.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Always | Self::Open { .. })
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => f.write_str("there are no maintenance windows"),
            Self::Open { until } => write!(f, "a maintenance window is open until {until}"),
            Self::Closed { opens: Some(opens) } => write!(f, "no maintenance window is open before {opens}"),
            Self::Closed { opens: None } => f.write_str("no maintenance window opens in the next two weeks"),
            Self::Unknown { why } => write!(f, "whether a maintenance window is open is not known: {why}"),
        }
    }
}

/// Finds out whether a window is open. `zone` is what the host knows of the windows' time zone.
pub fn window(maintenance: Option<&Maintenance>, zone: Option<&TimeZone>, now: Timestamp) -> Window {
    let Some(maintenance) = maintenance else { return Window::Always };
    let Some(zone) = zone else {
        return Window::Unknown { why: format!("this host does not know the time zone {}", maintenance.timezone) };
    };
    let mut spans = Vec::new();
    for window in &maintenance.windows {
        match spans_of(window, zone, now) {
            Some(found) => spans.extend(found),
            None => return Window::Unknown { why: format!("`{}` to `{}` is not a window", window.from, window.to) },
        }
    }
    spans.sort_unstable();
    let mut opens = None;
    let mut open: Option<Timestamp> = None;
    for (from, to) in spans {
        match open {
            // A window that begins before another ends goes on with it.
            Some(until) if from <= until => open = Some(until.max(to)),
            Some(_) => break,
            None if from <= now && now < to => open = Some(to),
            None if from > now && opens.is_none() => opens = Some(from),
            None => {}
        }
    }
    open.map_or(Window::Closed { opens }, |until| Window::Open { until })
}

/// Returns when a window opens and closes, from two days ago on.
fn spans_of(window: &MaintenanceWindow, zone: &TimeZone, now: Timestamp) -> Option<Vec<(Timestamp, Timestamp)>> {
    let time = |text: &str| Time::strptime("%H:%M", text).ok();
    let (from, to) = (time(&window.from)?, time(&window.to)?);
    let today = now.to_zoned(zone.clone()).date();
    let mut spans = Vec::new();
    for ahead in -2..AHEAD {
        let date = today.checked_add(ahead.days()).ok()?;
        if !window.days.contains(&Day::from(date.weekday())) {
            continue;
        }
        let end = if to <= from { date.tomorrow().ok()? } else { date };
        let (opens, closes) = (moment(date, from, zone)?, moment(end, to, zone)?);
        if opens < closes {
            spans.push((opens, closes));
        }
    }
    Some(spans)
}

/// Returns when the clock on the wall first shows or passes a time.
fn moment(date: Date, time: Time, zone: &TimeZone) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(date.to_datetime(time));
    match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => ambiguous.earlier().ok(),
        AmbiguousOffset::Gap { .. } => {
            let before = ambiguous.earlier().ok()?;
            zone.following(before).next().map(|transition| transition.timestamp())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Central Europe's rule, which needs no file of the machine.
    fn berlin() -> TimeZone {
        TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").expect("a rule")
    }

    fn one(days: &[Day], from: &str, to: &str) -> MaintenanceWindow {
        MaintenanceWindow { days: days.to_vec(), from: from.to_owned(), to: to.to_owned() }
    }

    const WEEK: [Day; 7] = [Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri, Day::Sat, Day::Sun];

    /// Says what holds in Central Europe at a moment of UTC, with times in UTC and without the year.
    fn says(windows: &[MaintenanceWindow], now: &str) -> String {
        let maintenance = Maintenance { timezone: "Europe/Berlin".to_owned(), windows: windows.to_vec() };
        let now: Timestamp = format!("2026-{now}:00Z").parse().expect("a time");
        let short = |at: Timestamp| at.strftime("%m-%dT%H:%M").to_string();
        match window(Some(&maintenance), Some(&berlin()), now) {
            Window::Open { until } => format!("open until {}", short(until)),
            Window::Closed { opens } => format!("opens {}", opens.map(short).unwrap_or_default()),
            other => other.to_string(),
        }
    }

    #[track_caller]
    fn check(windows: &[MaintenanceWindow], cases: &[(&str, &str)]) {
        for (now, expect) in cases {
            assert_eq!(says(windows, now), *expect, "{windows:?} at {now}");
        }
    }

    #[test]
    fn a_window_of_some_days() {
        // 2026-06-06 is a Saturday; summer time is two hours ahead.
        check(
            &[one(&[Day::Sat, Day::Sun], "02:00", "05:00")],
            &[
                ("06-05T23:59", "opens 06-06T00:00"),
                ("06-06T00:00", "open until 06-06T03:00"),
                ("06-06T02:59", "open until 06-06T03:00"),
                ("06-06T03:00", "opens 06-07T00:00"),
                ("06-07T03:00", "opens 06-13T00:00"),
                ("06-10T12:00", "opens 06-13T00:00"),
            ],
        );
    }

    #[test]
    fn a_window_across_midnight_belongs_to_the_day_on_which_it_opens() {
        check(
            &[one(&[Day::Sat], "22:00", "04:00")],
            &[
                ("06-06T19:59", "opens 06-06T20:00"),
                ("06-06T20:00", "open until 06-07T02:00"),
                ("06-07T01:59", "open until 06-07T02:00"),
                ("06-07T02:00", "opens 06-13T20:00"),
                ("06-06T01:00", "opens 06-06T20:00"),
            ],
        );
        check(&[one(&[Day::Sat], "00:00", "00:00")], &[("06-06T12:00", "open until 06-06T22:00")]);
    }

    #[test]
    fn windows_that_meet_are_one() {
        let windows = [one(&[Day::Sun], "00:00", "04:00"), one(&[Day::Sat], "22:00", "00:00")];
        check(&windows, &[("06-06T20:30", "open until 06-07T02:00"), ("06-06T23:30", "open until 06-07T02:00")]);
        let windows = [one(&WEEK, "01:00", "03:00"), one(&WEEK, "02:00", "04:00"), one(&WEEK, "12:00", "13:00")];
        check(&windows, &[("06-06T00:30", "open until 06-06T02:00"), ("06-06T02:00", "opens 06-06T10:00")]);
    }

    /// On 2026-03-29 the clock skips from 02:00 to 03:00, which is 01:00 of UTC.
    #[test]
    fn the_clock_is_put_forward() {
        let sunday = |from, to| [one(&[Day::Sun], from, to)];
        check(
            &sunday("02:30", "05:00"),
            &[("03-29T00:59", "opens 03-29T01:00"), ("03-29T01:00", "open until 03-29T03:00")],
        );
        check(
            &sunday("01:00", "02:30"),
            &[("03-29T00:30", "open until 03-29T01:00"), ("03-29T01:00", "opens 04-04T23:00")],
        );
        // It is swallowed whole: the next one is a week later.
        check(&sunday("02:10", "02:50"), &[("03-28T12:00", "opens 04-05T00:10"), ("03-29T01:00", "opens 04-05T00:10")]);
    }

    /// On 2026-10-25 the clock shows 02:00 to 03:00 twice: from 00:00 to 02:00 of UTC.
    #[test]
    fn the_clock_is_put_back() {
        let sunday = |from, to| [one(&[Day::Sun], from, to)];
        check(
            &sunday("02:00", "03:00"),
            &[("10-25T00:00", "open until 10-25T02:00"), ("10-25T01:59", "open until 10-25T02:00")],
        );
        check(
            &sunday("02:10", "02:50"),
            &[("10-25T00:10", "open until 10-25T00:50"), ("10-25T01:10", "opens 11-01T01:10")],
        );
        check(&sunday("00:00", "02:30"), &[("10-25T00:29", "open until 10-25T00:30")]);
    }

    #[test]
    fn what_is_not_known_is_closed() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(window(None, None, now), Window::Always);
        let maintenance =
            |from| Maintenance { timezone: "Mars/Base".to_owned(), windows: vec![one(&WEEK, from, "02:00")] };
        let check = |maintenance: &Maintenance, zone: Option<&TimeZone>, expect: &str| {
            let found = window(Some(maintenance), zone, now);
            assert!(!found.is_open());
            assert_eq!(found.to_string(), format!("whether a maintenance window is open is not known: {expect}"));
        };
        check(&maintenance("01:00"), None, "this host does not know the time zone Mars/Base");
        check(&maintenance("soon"), Some(&TimeZone::UTC), "`soon` to `02:00` is not a window");
        let never = Maintenance { timezone: "UTC".to_owned(), windows: vec![one(&[], "01:00", "02:00")] };
        assert_eq!(window(Some(&never), Some(&TimeZone::UTC), now), Window::Closed { opens: None });
    }
}
