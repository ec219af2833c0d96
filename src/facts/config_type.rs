//! What the schema of `rabbitmq.conf` takes as a value.
//!
//! Source: `src/cuttlefish_datatypes.erl` of <https://github.com/Kyorai/cuttlefish>, and the validators at the end of
//! RabbitMQ's schemas. What depends on the host (whether a file is there) is not judged.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The units of a size, without regard to case; the schema's validator `is_supported_information_unit`.
const UNITS: [&str; 20] = [
    "k", "ki", "kb", "kib", "m", "mi", "mb", "mib", "g", "gi", "gb", "gib", "t", "ti", "tb", "tib", "p", "pi", "pb",
    "pib",
];

/// The alternatives of a key's type; a value has to be one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Type(Vec<One>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum One {
    /// Anything; an `atom`, a file and a regular expression are not judged further.
    Text(&'static str),
    Integer(i64, i64),
    Float,
    Fraction,
    Enum(&'static str),
    /// An address, a colon and a port.
    Ip,
    Address,
    Bytesize,
    Size,
    Duration,
    Https,
}

impl Type {
    /// Reads a type as the table writes it.
    pub fn parse(text: &'static str) -> Result<Self, String> {
        text.split(" or ").map(One::parse).collect::<Result<_, _>>().map(Self)
    }

    /// Tells whether a value as it stands in the file is of this type.
    pub fn accepts(&self, value: &str) -> bool {
        self.0.iter().any(|one| one.accepts(value))
    }

    /// Tells whether it is `true` or `false` and nothing else.
    pub fn is_boolean(&self) -> bool {
        self.0 == [One::Enum("true|false")]
    }

    /// Returns the words that are taken, if there are any.
    pub fn words(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().flat_map(|one| if let One::Enum(words) = one { words } else { "" }.split('|'))
    }
}

impl One {
    fn parse(text: &'static str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a type");
        Ok(match text.split_once(':') {
            None => match text {
                "text" | "atom" | "file" | "directory" | "regex" => Self::Text(text),
                "integer" => Self::Integer(i64::MIN, i64::MAX),
                "float" => Self::Float,
                "fraction" => Self::Fraction,
                "boolean" => Self::Enum("true|false"),
                "ip" => Self::Ip,
                "address" => Self::Address,
                "bytesize" => Self::Bytesize,
                "size" => Self::Size,
                "duration" => Self::Duration,
                "https" => Self::Https,
                _ => return Err(wrong()),
            },
            Some(("enum", words)) => Self::Enum(words),
            Some(("integer", range)) => {
                let (low, high) = range.split_once("..").ok_or_else(wrong)?;
                let end =
                    |text: &str, open: i64| if text.is_empty() { Ok(open) } else { text.parse().map_err(|_| wrong()) };
                Self::Integer(end(low, i64::MIN)?, end(high, i64::MAX)?)
            }
            Some(_) => return Err(wrong()),
        })
    }

    fn accepts(self, value: &str) -> bool {
        match self {
            Self::Text(_) => true,
            Self::Integer(low, high) => match i64::from_str(value) {
                Ok(number) => (low..=high).contains(&number),
                // Erlang's integers have no end.
                Err(_) => (low, high) == (i64::MIN, i64::MAX) && is_integer(value),
            },
            Self::Float => float(value).is_some(),
            Self::Fraction => float(value).is_some_and(|number| number > 0.0 && number < 1.0),
            Self::Enum(words) => words.split('|').any(|word| word == value),
            Self::Ip => {
                value.rsplit_once(':').is_some_and(|(address, port)| is_address(address) && port.parse::<u64>().is_ok())
            }
            Self::Address => is_address(value),
            Self::Bytesize => {
                let unit = value.char_indices().rev().nth(1).map_or(0, |(index, _)| index);
                let (number, suffix) = value.split_at(unit);
                let known = ["KB", "kb", "MB", "mb", "GB", "gb"].contains(&suffix);
                is_number(if known { number } else { value })
            }
            Self::Size => {
                let digits = value.trim_end_matches(|c: char| c.is_ascii_alphabetic());
                let unit = value[digits.len()..].to_ascii_lowercase();
                digits.ends_with(|c: char| c.is_ascii_digit()) && UNITS.contains(&unit.as_str())
            }
            Self::Duration => is_duration(value),
            Self::Https => value.split("://").next() == Some("https"),
        }
    }
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

/// Reads a float as Erlang does: digits on both sides of the dot.
fn float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.')?;
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (is_integer(whole) && plain(fraction) && is_integer(exponent)).then(|| text.parse().ok()).flatten()
}

fn is_number(text: &str) -> bool {
    is_integer(text) || float(text).is_some()
}

/// An address as `inet:parse_address/1` reads it, which takes short forms such as `127.1` too.
fn is_address(text: &str) -> bool {
    let short = || {
        let parts = text.split('.').collect::<Vec<_>>();
        parts.len() <= 4 && parts.iter().all(|part| part.parse::<u32>().is_ok())
    };
    text.parse::<IpAddr>().is_ok() || text.contains('%') || short()
}

/// Numbers with the units f, w, d, h, m, s and ms, one after the other.
fn is_duration(text: &str) -> bool {
    let mut rest = text;
    loop {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
        let number = &rest[..digits];
        let tail = rest[digits..].to_ascii_lowercase();
        let unit = if tail.starts_with("ms") { 2 } else { tail.chars().next().map_or(0, char::len_utf8) };
        let known = ["ms", "f", "w", "d", "h", "m", "s"].contains(&&tail[..unit]);
        if !known || !number.bytes().any(|b| b.is_ascii_digit()) || number.matches('.').count() > 1 {
            return false;
        }
        rest = &rest[digits + unit..];
        if rest.is_empty() {
            return true;
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, one) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", or ")?;
            }
            one.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for One {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text("atom") => f.write_str("a word"),
            Self::Text("file") => f.write_str("the path of a file"),
            Self::Text("directory") => f.write_str("the path of a directory"),
            Self::Text("regex") => f.write_str("a regular expression"),
            Self::Text(_) => f.write_str("text"),
            Self::Integer(i64::MIN, i64::MAX) => f.write_str("a whole number"),
            Self::Integer(low, i64::MAX) => write!(f, "a whole number of at least {low}"),
            Self::Integer(i64::MIN, high) => write!(f, "a whole number of at most {high}"),
            Self::Integer(low, high) => write!(f, "a whole number from {low} to {high}"),
            Self::Float => f.write_str("a number with a fraction, such as `0.5` or `2.0`"),
            Self::Fraction => f.write_str("a number between 0 and 1, such as `0.5`"),
            Self::Enum(words) => {
                f.write_str(&words.split('|').map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "))
            }
            Self::Ip => f.write_str("an address and a port, such as `192.168.1.219:5672`"),
            Self::Address => f.write_str("an IP address"),
            Self::Bytesize => f.write_str("a size such as `64MB`, with `KB`, `MB` or `GB`"),
            Self::Size => f.write_str("a size such as `512MiB` or `4GB`"),
            Self::Duration => f.write_str("a time such as `30s` or `1h`"),
            Self::Https => f.write_str("a URI that begins with `https://`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: &'static str, good: &[&str], bad: &[&str]) {
        let parsed = Type::parse(kind).expect("a type of the table");
        for value in good {
            assert!(parsed.accepts(value), "{value} is {kind}");
        }
        for value in bad {
            assert!(!parsed.accepts(value), "{value} is not {kind}");
        }
    }

    #[test]
    fn values_are_of_a_type_or_not() {
        check("text", &["", "x y"], &[]);
        check("integer", &["1", "-5", "99999999999999999999"], &["", "1.0", "x", "1k", "none"]);
        check("integer:0..255", &["0", "255"], &["-1", "256", "99999999999999999999"]);
        check("integer:1..", &["1"], &["0", "x"]);
        check("float", &["0.4", "2.0", "1.0e3", "-1.5"], &["2", ".5", "1.", "x", "0,4"]);
        check("fraction", &["0.5"], &["1.0", "0.0", "1"]);
        check("boolean", &["true", "false"], &["on", "yes", "TRUE", "1"]);
        check("enum:on|off", &["on", "off"], &["true"]);
        check("enum:none or ip", &["none", "127.0.0.1:15672", "::1:5672"], &["15672", "[::1]:5672", "localhost:1"]);
        check("integer or ip", &["5672", "0.0.0.0:5672"], &["*:5672", "x"]);
        check("address", &["::", "10.0.0.1", "127.1"], &["localhost", "10.0.0.1:80"]);
        check("bytesize", &["10", "64MB", "1kb", "1.5GB"], &["64 MB", "64MiB", "x", "MB"]);
        check("size", &["512MiB", "4GB", "1k"], &["4 GiBs", "GB", "4XB"]);
        check("integer or size", &["1000000", "4GB"], &["lots"]);
        check("enum:off or duration", &["off", "30s", "1h30m", ".5h", "500ms"], &["30", "soon", "s"]);
        check("https", &["https://x"], &["http://x", "x"]);
    }

    #[test]
    fn a_type_says_itself() {
        let say = |kind| Type::parse(kind).expect("a type of the table").to_string();
        assert_eq!(say("enum:none or ip"), "`none`, or an address and a port, such as `192.168.1.219:5672`");
        assert_eq!(say("integer:1..65534"), "a whole number from 1 to 65534");
        assert_eq!(say("boolean"), "`true`, `false`");
        assert!(Type::parse("whole").is_err());
        assert!(Type::parse("integer:x..").is_err());
    }
}
