//! The `rules` section: levels and waivers.

use std::borrow::Cow;
use std::fmt;

use jiff::civil::Date;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, IntoDeserializer, MapAccess, Visitor};

use crate::model::RuleLevel;

/// What a finding of a rule is: `deny`, `warn` or `allow`, or a mapping with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSetting {
    /// What a finding is.
    pub level: RuleLevel,
    /// Why.
    pub reason: Option<String>,
    /// The last day.
    pub until: Option<Date>,
}

/// The level of a rule, with a reason. Whatever is below the rule's own level is a waiver, and needs one.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename = "RuleSetting")]
struct Full {
    /// What a finding of the rule is.
    level: RuleLevel,
    /// Why, for whoever reads it next year.
    reason: Option<String>,
    /// The last day on which the waiver holds, such as `2027-03-31`; from the next day on it is an error.
    #[schemars(with = "Option<String>", extend("format" = "date"))]
    until: Option<Date>,
}

impl<'de> Deserialize<'de> for RuleSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SettingVisitor;
        impl<'de> Visitor<'de> for SettingVisitor {
            type Value = RuleSetting;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`deny`, `warn`, `allow`, or a mapping of `level`, `reason` and `until`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<RuleSetting, E> {
                let level = RuleLevel::deserialize(text.into_deserializer())?;
                Ok(RuleSetting { level, reason: None, until: None })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RuleSetting, A::Error> {
                let Full { level, reason, until } = Full::deserialize(MapAccessDeserializer::new(map))?;
                Ok(RuleSetting { level, reason, until })
            }
        }
        deserializer.deserialize_any(SettingVisitor)
    }
}

impl JsonSchema for RuleSetting {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        Full::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let level = generator.subschema_for::<RuleLevel>();
        let full = generator.subschema_for::<Full>();
        json_schema!({ "anyOf": [level, full] })
    }
}
