//! The clock. Time is an argument everywhere else.

use jiff::Timestamp;

/// Returns the time, in whole seconds.
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// Returns the day, as UTC has it: the same on every machine.
pub fn today() -> jiff::civil::Date {
    now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// Waits.
pub fn sleep(duration: std::time::Duration) {
    std::thread::sleep(duration);
}
