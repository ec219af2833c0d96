//! Quiet times: like the windows of `maintenance` in the spec.

use super::super::quiet::{Quiet, minute};
use super::Found;

pub(super) fn check(quiet: &Quiet, found: &mut Found<'_>) {
    if let Some(zone) = quiet.timezone.as_deref().filter(|zone| !(found.knows)(zone)) {
        let message = format!("this host knows no time zone `{}`", zone.escape_debug());
        let help =
            "write the name of a place as IANA has it, such as `Europe/Berlin`, or `UTC`; the package is `tzdata`";
        found.below("timezone", |found| found.wrong_as("unknown-time-zone", message, help));
    }
    if quiet.windows.is_empty() {
        let help = "add a window, or leave `quiet` out";
        found.below("windows", |found| found.wrong_as("empty-list", "the quiet has no window", help));
        return;
    }
    let mut sound = true;
    for (index, window) in quiet.windows.iter().enumerate() {
        let before = found.mistakes.len();
        found.below("windows", |found| {
            found.below(&index.to_string(), |found| {
                if window.days.as_ref().is_some_and(Vec::is_empty) {
                    let help = "name a day, or leave `days` out for every day";
                    found.below("days", |found| found.wrong_as("empty-list", "the window is on no day", help));
                }
                for (key, text) in [("from", &window.from), ("to", &window.to)] {
                    let is_time = minute(text).is_some() && (key == "to" || text != "24:00");
                    let help = "write hours and minutes, such as `\"20:00\"`";
                    found.must(key, is_time, &format!("`{}` is not a time of the day", text.escape_debug()), help);
                }
                let help = "for a whole day, write `from: \"00:00\"` and `to: \"24:00\"`";
                found.must("to", window.from != window.to, "the window ends when it begins", help);
            });
        });
        sound &= found.mistakes.len() == before;
    }
    if sound && quiet.is_always() {
        let help = "leave a time out, or say `severity: critical` instead";
        found.wrong("the quiet never ends: nothing but what is critical would ever be told", help);
    }
}
