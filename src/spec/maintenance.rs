//! The `maintenance` section.

use jiff::civil::Weekday;
use schemars::JsonSchema;
use serde::Deserialize;

use super::cluster::optional;
use crate::diag::At;

/// When a broker may be restarted for a change that needs it.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = optional)]
pub struct Maintenance {
    /// The time zone of the windows, such as `Europe/Berlin`. Default: `UTC`.
    pub timezone: Option<At<String>>,
    /// The windows. Outside all of them, such a change waits.
    pub windows: Vec<At<Window>>,
}

/// One window, by the clock on the wall of its time zone.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The days on which it opens. Default: every day.
    pub days: Option<At<Vec<At<Day>>>>,
    /// When it opens, such as `"02:00"`.
    pub from: At<String>,
    /// When it closes, such as `"05:00"`, at the latest `"24:00"`. A time before `from` is on the next day.
    pub to: At<String>,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl From<Day> for Weekday {
    fn from(day: Day) -> Self {
        match day {
            Day::Mon => Self::Monday,
            Day::Tue => Self::Tuesday,
            Day::Wed => Self::Wednesday,
            Day::Thu => Self::Thursday,
            Day::Fri => Self::Friday,
            Day::Sat => Self::Saturday,
            Day::Sun => Self::Sunday,
        }
    }
}
