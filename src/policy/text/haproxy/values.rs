//! Times, addresses and names as haproxy.cfg spells them.

/// The longest time, in milliseconds.
const LONGEST: u64 = i32::MAX as u64;

/// A time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Time {
    /// Milliseconds, and whether a unit says so.
    Is { millis: u64, unit: bool },
    /// More than [`LONGEST`].
    TooLong,
    /// Something else.
    Wrong,
}

/// Reads a time whose unit is milliseconds unless it names one.
pub(super) fn time(text: &str) -> Time {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "" | "ms" | "us" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Time::Wrong,
    };
    if number.is_empty() {
        return Time::Wrong;
    }
    match number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor)) {
        Some(millis) if unit == "us" => Time::Is { millis: millis.div_ceil(1000), unit: true },
        Some(millis) if millis <= LONGEST => Time::Is { millis, unit: !unit.is_empty() },
        _ => Time::TooLong,
    }
}

/// An address with a port, as `bind` and `server` lines have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Address<'a> {
    /// What is before the port; empty, `*`, `0.0.0.0` and the like are every address.
    pub host: &'a str,
    /// The text of the port, if there is one.
    pub port: Option<&'a str>,
}

/// Splits an address; `None` is a socket that has no port: a path, a descriptor, an abstract name.
pub(super) fn address(text: &str) -> Option<Address<'_>> {
    let text = match text.split_once('@') {
        Some(("ipv4" | "ipv6" | "tcp4" | "tcp6" | "tcp" | "udp" | "udp4" | "udp6" | "quic4" | "quic6", rest)) => rest,
        Some(_) => return None,
        None => text,
    };
    if text.starts_with('/') || text.is_empty() {
        return None;
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Some(Address { host, port })
}

/// Returns the first character that a name of a proxy or server cannot have.
pub(super) fn bad_character(name: &str) -> Option<char> {
    name.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.' | ':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let is = |millis, unit| Time::Is { millis, unit };
        for (text, expect) in [
            ("5", is(5, false)),
            ("5s", is(5000, true)),
            ("3h", is(10_800_000, true)),
            ("500us", is(1, true)),
            ("24d", is(2_073_600_000, true)),
            ("25d", Time::TooLong),
            ("99999999999999999999d", Time::TooLong),
            ("3w", Time::Wrong),
            ("s", Time::Wrong),
            ("5.5s", Time::Wrong),
        ] {
            assert_eq!(time(text), expect, "{text}");
        }
    }

    #[test]
    fn addresses() {
        for (text, host, port) in [
            ("*:5673", "*", Some("5673")),
            (":5673", "", Some("5673")),
            ("10.0.0.1", "10.0.0.1", None),
            ("ipv6@fd00::1:5672", "fd00::1", Some("5672")),
            ("[fd00::1]:5672", "fd00::1", Some("5672")),
            ("[fd00::1]", "fd00::1", None),
            ("name:5672", "name", Some("5672")),
        ] {
            assert_eq!(address(text), Some(Address { host, port }), "{text}");
        }
        for text in ["/run/x.sock", "unix@x", "abns@x", "fd@3", ""] {
            assert_eq!(address(text), None, "{text}");
        }
    }
}
