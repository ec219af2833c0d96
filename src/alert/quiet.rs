//! Times in which a target is told only of what is critical.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::release::{Day, Maintenance, MaintenanceWindow};

const WEEK: [Day; 7] = [Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri, Day::Sat, Day::Sun];

/// When a target is told only of what is critical.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quiet {
    /// The time zone of the windows, such as `Europe/Berlin`; `UTC` if it is not said.
    #[serde(default)]
    pub timezone: Option<String>,
    /// The windows.
    pub windows: Vec<QuietWindow>,
}

/// One window, by the clock on the wall of its time zone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuietWindow {
    /// The days on which it begins; every day if none is said.
    #[serde(default)]
    pub days: Option<Vec<Day>>,
    /// When it begins, such as `"20:00"`.
    pub from: String,
    /// When it ends, such as `"07:00"`, at the latest `"24:00"`; a time before `from` is on the next day.
    pub to: String,
}

impl Quiet {
    /// Returns the time zone.
    pub fn zone(&self) -> &str {
        self.timezone.as_deref().unwrap_or("UTC")
    }

    /// Returns the windows as everything else reads them.
    pub(super) fn windows(&self) -> Maintenance {
        let window = |window: &QuietWindow| MaintenanceWindow {
            days: window.days().to_vec(),
            from: window.from.clone(),
            // The end of a day is the begin of the next one.
            to: if window.to == "24:00" { "00:00".to_owned() } else { window.to.clone() },
        };
        Maintenance { timezone: self.zone().to_owned(), windows: self.windows.iter().map(window).collect() }
    }

    /// Whether no minute of a week is outside.
    pub(super) fn is_always(&self) -> bool {
        const MINUTES: usize = 7 * 24 * 60;
        let mut quiet = vec![false; MINUTES];
        for window in &self.windows {
            let (Some(from), Some(to)) = (minute(&window.from), minute(&window.to)) else { return false };
            let length = if to > from { to - from } else { to + 24 * 60 - from };
            for day in window.days() {
                let begin = WEEK.iter().position(|one| one == day).unwrap_or_default() * 24 * 60 + from;
                (begin..begin + length).for_each(|at| quiet[at % MINUTES] = true);
            }
        }
        quiet.iter().all(|quiet| *quiet)
    }
}

impl QuietWindow {
    fn days(&self) -> &[Day] {
        self.days.as_deref().unwrap_or(&WEEK)
    }
}

/// Reads a time of the day as the minutes since its begin; `24:00` is its end.
pub(super) fn minute(text: &str) -> Option<usize> {
    let (hour, minute) = text.split_once(':')?;
    let digits =
        |part: &str| (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok())?;
    let (hour, minute): (usize, usize) = (digits(hour)?, digits(minute)?);
    ((hour < 24 && minute < 60) || (hour == 24 && minute == 0)).then_some(hour * 60 + minute)
}
