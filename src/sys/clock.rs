//! The clock. Time is an argument everywhere else.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Returns the time, in whole seconds.
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// Measures how long something takes.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Begins to measure.
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// Returns the seconds since then.
    pub fn seconds(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

/// Returns the day, as UTC has it: the same on every machine.
pub fn today() -> jiff::civil::Date {
    now().to_zoned(TimeZone::UTC).date()
}

/// Waits.
#[expect(clippy::disallowed_methods, reason = "this is the one place to wait in; who calls it says for what")]
pub fn sleep(duration: std::time::Duration) {
    std::thread::sleep(duration);
}

/// Returns what this host knows of a time zone. UTC needs no file.
pub fn zone(name: &str) -> Option<TimeZone> {
    match name {
        "UTC" | "Etc/UTC" => Some(TimeZone::UTC),
        _ => TimeZone::get(name).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_knows_zones_by_their_names() {
        assert_eq!(zone("UTC"), Some(TimeZone::UTC));
        assert!(zone("Mars/Base").is_none() && zone("../../etc/passwd").is_none());
    }
}
