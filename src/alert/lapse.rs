//! A length of time as a person writes it in `agent.yaml`.

use std::borrow::Cow;
use std::fmt;

use jiff::{SignedDuration, Span, SpanRelativeTo};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// The longest length: nobody waits longer than a year for a message.
const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);

/// A length of time, such as `4h`, `1h 30m` or `3 days`; `0` is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lapse(SignedDuration);

/// Says why a text is no length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write a length of time of at most a year, such as \"4h\", \"1h 30m\" or \"3 days\", with its unit; 0 is none")]
pub struct LapseError;

impl Lapse {
    /// Makes a length of hours.
    pub const fn hours(hours: i64) -> Self {
        Self(SignedDuration::from_hours(hours))
    }

    /// Makes a length of minutes.
    pub const fn minutes(minutes: i64) -> Self {
        Self(SignedDuration::from_mins(minutes))
    }

    /// Returns the length; none is zero.
    pub const fn length(self) -> SignedDuration {
        self.0
    }

    /// Whether it is no time at all.
    pub fn is_none(self) -> bool {
        self.0.is_zero()
    }
}

impl<'de> Deserialize<'de> for Lapse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written)
    }
}

/// Reads a length of time: text, or the number 0, which needs no unit.
struct Written;

impl Visitor<'_> for Written {
    type Value = Lapse;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a length of time")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Lapse, E> {
        text.to_owned().try_into().map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Lapse, E> {
        if number == 0 { Ok(Lapse(SignedDuration::ZERO)) } else { Err(E::custom(LapseError)) }
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Lapse, E> {
        self.visit_u64(number.unsigned_abs())
    }
}

impl JsonSchema for Lapse {
    fn schema_name() -> Cow<'static, str> {
        "Lapse".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A length of time, such as `4h`, `1h 30m` or `3 days`; 0 is none.",
            "anyOf": [{ "type": "string" }, { "const": 0 }]
        })
    }
}

impl TryFrom<String> for Lapse {
    type Error = LapseError;

    fn try_from(text: String) -> Result<Self, LapseError> {
        if text.trim() == "0" {
            return Ok(Self(SignedDuration::ZERO));
        }
        let span: Span = text.parse().map_err(|_| LapseError)?;
        let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| LapseError)?;
        if length.is_negative() || length > LONGEST { Err(LapseError) } else { Ok(Self(length)) }
    }
}

impl fmt::Display for Lapse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_as_people_write_them() {
        let check = |text: &str, expect: Option<i64>| {
            assert_eq!(Lapse::try_from(text.to_owned()).ok().map(|lapse| lapse.0.as_secs()), expect, "{text}");
        };
        check("0", Some(0));
        check("4h", Some(14_400));
        check("1h 30m", Some(5_400));
        check("3 days", Some(259_200));
        check("-1h", None);
        check("400 days", None);
        check("1 month", None);
        check("soon", None);
        check("15", None);
        check("", None);
    }
    #[test]
    fn nothing_may_be_written_as_a_number() {
        let read = |json: &str| serde_json::from_str::<Lapse>(json).map_err(|error| error.to_string());
        assert_eq!(read("0"), Ok(Lapse(SignedDuration::ZERO)));
        assert_eq!(read("\"4h\""), Ok(Lapse::hours(4)));
        assert!(read("15").is_err_and(|why| why.contains("with its unit")));
    }
}
