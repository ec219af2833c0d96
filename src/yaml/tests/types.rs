//! What each type takes.

use std::collections::BTreeMap;
use std::fmt::Debug;

use super::*;
use crate::diag::{At, Place};

/// Decodes the value of `v:` and compares its debug text, or the message and the help of its only fault.
fn check<T: DeserializeOwned + Debug>(text: &str, expect: &str) {
    let (_, diags, value) = load::<BTreeMap<String, T>>(&format!("v: {text}\n"));
    let got = match (&*diags, value) {
        ([], Some(mut value)) => format!("{:?}", value.remove("v").expect("the text has the key")),
        ([diag], None) => {
            let help = diag.help.as_ref().map(|help| format!(" -> {help}")).unwrap_or_default();
            format!("{}: {}{help}", diag.code, diag.message.trim_start_matches("`v`: "))
        }
        (diags, value) => panic!("{text:?} gave {value:?} and {diags:?}"),
    };
    assert_eq!(got, expect, "{text:?}");
}

#[test]
fn text_is_strict() {
    check::<String>("x y", "\"x y\"");
    check::<String>("no", "\"no\"");
    check::<String>("3.10.8", "\"3.10.8\"");
    check::<String>("12:30", "\"12:30\"");
    check::<String>("'25'", "\"25\"");
    check::<String>("''", "\"\"");
    check::<String>("|\n  a\n  b", "\"a\\nb\\n\"");
    check::<String>("", "wrong-type: expected text, found nothing -> write a value, or `\"\"` for an empty text");
    check::<String>(
        "3.10",
        "wrong-type: expected text, found `3.10` -> put it in quotes, so that every program reads it as text: `\"3.10\"`",
    );
    check::<String>(
        "25",
        "wrong-type: expected text, found `25` -> put it in quotes, so that every program reads it as text: `\"25\"`",
    );
    check::<String>(
        "true",
        "wrong-type: expected text, found `true` -> put it in quotes, so that every program reads it as text: `\"true\"`",
    );
    check::<String>(
        "0640",
        "ambiguous-number: `0640` is octal to some programs and decimal to others -> write `\"0640\"` for text, `640` for decimal, `0o640` for octal",
    );
    check::<String>("[a]", "wrong-type: expected text, found a list");
    check::<Option<String>>("", "None");
    check::<Option<String>>("null", "None");
    check::<Option<String>>("'null'", "Some(\"null\")");
    check::<char>("北", "'北'");
}

#[derive(Debug, Deserialize)]
struct Version(#[serde(deserialize_with = "as_written")] String);

#[test]
fn a_type_can_ask_for_text_as_written() {
    check::<Version>("3.10", "Version(\"3.10\")");
    check::<Version>("'3.10'", "Version(\"3.10\")");
    check::<Version>("0640", "Version(\"0640\")");
    check::<Version>("true", "Version(\"true\")");
    check::<Version>("", "wrong-type: expected text, found nothing -> write a value, or `\"\"` for an empty text");
    check::<Version>("{a: b}", "wrong-type: expected text, found a mapping");
    let read: Version = serde_json::from_str("\"3.10\"").expect("text is taken from JSON");
    assert_eq!(read.0, "3.10");
}

#[test]
fn numbers_are_exact() {
    check::<u16>("5672", "5672");
    check::<u16>("0x10", "16");
    check::<u16>("65536", "wrong-type: expected a whole number from 0 to 65535, found `65536`");
    check::<u16>("-1", "wrong-type: expected a whole number from 0 to 65535, found `-1`");
    check::<u16>("1.0", "wrong-type: expected a whole number from 0 to 65535, found `1.0`");
    check::<u16>(
        "'5672'",
        "wrong-type: expected a whole number from 0 to 65535, found the text `5672` -> remove the quotes",
    );
    check::<u16>(
        "05672",
        "ambiguous-number: `05672` is octal to some programs and decimal to others -> write `\"05672\"` for text, `5672` for decimal, `0o5672` for octal",
    );
    check::<u64>("18446744073709551615", "18446744073709551615");
    check::<i64>("-9223372036854775808", "-9223372036854775808");
    check::<i64>("9223372036854775808", "wrong-type: expected a whole number, found `9223372036854775808`");
    check::<i128>("-170141183460469231731687303715884105728", "-170141183460469231731687303715884105728");
    check::<u64>(
        &"9".repeat(50),
        &format!("invalid-value: `{}` is too large for a number -> put it in quotes if it is text", "9".repeat(50)),
    );
    check::<f64>("0.6", "0.6");
    check::<f64>("2", "2.0");
    check::<f64>(".inf", "inf");
    check::<f64>("9007199254740993", "wrong-type: expected a number, found `9007199254740993`");
    check::<f64>("1e999", "invalid-value: `1e999` is too large for a number -> put it in quotes if it is text");
    check::<f64>("x", "wrong-type: expected a number, found `x`");
}

#[test]
fn the_rest_is_strict_too() {
    check::<bool>("true", "true");
    check::<bool>("yes", "wrong-type: expected `true` or `false`, found `yes` -> write `true`");
    check::<bool>("Off", "wrong-type: expected `true` or `false`, found `Off` -> write `false`");
    check::<bool>("'true'", "wrong-type: expected `true` or `false`, found the text `true` -> remove the quotes");
    check::<Vec<String>>("a", "wrong-type: expected a list, found `a` -> write `[a]`");
    check::<Vec<String>>(
        "",
        "wrong-type: expected a list, found nothing -> write the items, or `[]` for an empty list",
    );
    check::<BTreeMap<String, u8>>(
        "",
        "wrong-type: expected a mapping, found nothing -> write the entries, or `{}` for an empty mapping",
    );
    check::<BTreeMap<u16, u8>>("{5672: 1}", "{5672: 1}");
    check::<BTreeMap<u16, u8>>("{x: 1}", "wrong-type: expected a whole number as key, found `x`");
    check::<(u8, u8)>("[1, 2]", "(1, 2)");
    check::<(u8, u8)>("[1]", "wrong-type: expected a tuple of size 2, found 1 items");
    check::<(u8, u8)>("[1, 2, 3]", "wrong-type: expected 2 items, found 3");
    check::<()>("", "()");
    check::<()>("x", "wrong-type: expected nothing, found `x`");
    check::<std::net::IpAddr>("192.168.1.300", "invalid-value: invalid IP address syntax: `192.168.1.300`");
}

#[test]
fn free_values_keep_their_numbers() {
    use serde_json::Value;
    check::<Value>("18446744073709551615", "Number(18446744073709551615)");
    check::<Value>("-9223372036854775808", "Number(-9223372036854775808)");
    check::<Value>("0.1", "Number(0.1)");
    check::<Value>("on", "String(\"on\")");
    check::<Value>(
        "18446744073709551616",
        "invalid-value: a number has at most 64 bits: `18446744073709551616` -> put it in quotes if it is text",
    );
    check::<Value>(".inf", "invalid-value: not a finite number: `.inf` -> put it in quotes if it is text");
    check::<Value>(
        "0755",
        "ambiguous-number: `0755` is octal to some programs and decimal to others -> write `\"0755\"` for text, `755` for decimal, `0o755` for octal",
    );
    check::<Scalar>("0.60", "Float(\"0.60\")");
    check::<Scalar>("1e3", "Float(\"1e3\")");
    check::<Scalar>("7", "Int(7)");
    check::<Scalar>("false", "Bool(false)");
    check::<Scalar>("'0.60'", "Text(\"0.60\")");
    check::<Scalar>("", "wrong-type: expected a single value, found nothing");
    check::<Scalar>("[1]", "wrong-type: expected a single value, found a list");
    let scalars: Vec<Scalar> =
        serde_json::from_str("[true, -1, 0.5, \"x\"]").expect("single values are taken from JSON");
    assert_eq!(scalars, [Scalar::Bool(true), Scalar::Int(-1), Scalar::Float("0.5".into()), Scalar::Text("x".into())]);
}

#[test]
fn at_gives_places_of_values_and_keys() {
    let text = "a: &x 1\nb: *x\nc: {<<: {d: 2}}\n";
    let (sources, diags, value) = load::<Vec2>(text);
    assert_eq!(list(&sources, &diags), "");
    let show = |place: Place| {
        let show = |span: Span| &text[span.start as usize..span.end as usize];
        (show(place.used), place.defined.map(show))
    };
    let value = value.expect("the text is good");
    let places: Vec<_> = value.0.iter().map(|(key, value)| (show(key.place), show(value.place))).collect();
    assert_eq!(
        places,
        [(("a", None), ("1", None)), (("b", None), ("*x", Some("1"))), (("c", None), ("{<<: {d: 2}}", None))]
    );
}

/// A mapping with the places of its keys.
#[derive(Debug)]
struct Vec2(Vec<(At<String>, At<serde_json::Value>)>);

impl<'de> Deserialize<'de> for Vec2 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Vec2;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Vec2, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Vec2(entries))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}
