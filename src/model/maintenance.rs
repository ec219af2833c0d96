//! When a cluster's brokers may be restarted.

use jiff::civil::{Time, Weekday};

/// When a broker may be restarted for a change that needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maintenance {
    /// The name of the time zone.
    pub timezone: String,
    /// The windows; at least one.
    pub windows: Vec<Window>,
}

/// One window, by the clock on the wall of the time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The days on which it opens, from Monday on; at least one.
    pub days: Vec<Weekday>,
    /// When it opens.
    pub from: Time,
    /// When it closes; a time that is not after `from` is on the next day.
    pub to: Time,
}
