//! Maintenance windows.

use std::collections::BTreeMap;

use jiff::civil::{Time, Weekday};

use super::{refuse_repeated, text};
use crate::diag::{At, Diagnostic, Diagnostics, excerpt, nearest};
use crate::facts::time_zones;
use crate::model::{Maintenance, Window};
use crate::spec;

const WEEK: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

/// Reads the windows. A section without one would keep every change away for ever.
pub(super) fn lower_maintenance(diags: &mut Diagnostics, section: &At<spec::Maintenance>) -> Maintenance {
    let spec::Maintenance { timezone, windows } = &section.value;
    if let Some(name) = timezone {
        check_zone(diags, name);
    }
    if windows.is_empty() {
        let message = "the maintenance has no window".to_owned();
        text::refuse(diags, "empty-list", section.place, message, "add a window, or leave `maintenance` out");
    }
    Maintenance {
        timezone: timezone.as_ref().map_or_else(|| "UTC".to_owned(), |name| name.value.clone()),
        windows: windows.iter().filter_map(|window| lower_window(diags, window)).collect(),
    }
}

fn check_zone(diags: &mut Diagnostics, name: &At<String>) {
    if time_zones::is_known(name) {
        return;
    }
    let help = match nearest(name, time_zones::names().iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "write the name of a place as IANA has it, such as `Europe/Berlin`, or `UTC`".to_owned(),
    };
    let message = format!("there is no time zone `{}`", excerpt(&name.value));
    diags.push(Diagnostic::error("unknown-time-zone", message).at(name.place, "here").help(help));
}

fn lower_window(diags: &mut Diagnostics, window: &At<spec::Window>) -> Option<Window> {
    let spec::Window { days, from, to } = &window.value;
    let days = days.as_ref().map_or_else(|| WEEK.to_vec(), |days| lower_days(diags, days));
    let (opens, closes) = (lower_time(diags, from, false), lower_time(diags, to, true));
    let (opens, closes) = (opens?, closes?);
    if opens == closes && to.value != "24:00" {
        diags.push(
            Diagnostic::error("invalid-value", "the window closes when it opens")
                .at(to.place, "closes here")
                .at(from.place, "opens here")
                .help("for a whole day, write `from: \"00:00\"` and `to: \"24:00\"`"),
        );
    }
    Some(Window { days, from: opens, to: closes })
}

fn lower_days(diags: &mut Diagnostics, days: &At<Vec<At<spec::Day>>>) -> Vec<Weekday> {
    if days.is_empty() {
        let message = "the window opens on no day".to_owned();
        text::refuse(diags, "empty-list", days.place, message, "name a day, or leave `days` out for every day");
    }
    let mut seen = BTreeMap::new();
    for day in &days.value {
        let number = Weekday::from(day.value).to_monday_zero_offset();
        refuse_repeated(diags, &mut seen, number, day.place, "the day");
    }
    WEEK.into_iter().filter(|day| seen.contains_key(&day.to_monday_zero_offset())).collect()
}

/// Reads `HH:MM`. The end of a day may be written as `24:00`, which is the next day's begin.
fn lower_time(diags: &mut Diagnostics, text: &At<String>, end: bool) -> Option<Time> {
    let digits =
        |part: &str| (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok())?;
    let time = match text.split_once(':') {
        Some(("24", "00")) if end => Some(Time::midnight()),
        Some((hour, minute)) => digits(hour).zip(digits(minute)).and_then(|(h, m)| Time::new(h, m, 0, 0).ok()),
        None => None,
    };
    if time.is_none() {
        let message = format!("`{}` is not a time of the day", excerpt(&text.value));
        text::refuse(diags, "invalid-value", text.place, message, "write hours and minutes, such as `\"02:00\"`");
    }
    time
}
